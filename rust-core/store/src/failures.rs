//! The failures of an account that are stored (rule W1): those of the account, with its session and its queue, and those
//! of each of its servers.

use std::collections::BTreeMap;

use snapback_proto::escalation::{Failure, Failures, Scope, Subject};

use crate::ServerKey;

/// All stored failures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredFailures {
    account: Failures,
    servers: BTreeMap<ServerKey, Failures>,
}

impl StoredFailures {
    /// Returns what a connection to this server has to know.
    pub(crate) fn of(&self, server: &ServerKey) -> Failures {
        let server = self
            .servers
            .get(server)
            .into_iter()
            .flat_map(Failures::iter);
        Failures::restore(self.account.iter().chain(server).copied())
    }

    /// Returns those that do not belong to a server.
    pub(crate) fn of_account(&self) -> &Failures {
        &self.account
    }

    /// Adds a failure, which is one of this server if it belongs to a server.
    pub(crate) fn insert(&mut self, server: Option<&ServerKey>, failure: Failure) {
        match failure.subject.scope() {
            Scope::Memory => {}
            Scope::Server => {
                if let Some(server) = server {
                    self.servers
                        .entry(server.clone())
                        .or_default()
                        .insert(failure);
                }
            }
            Scope::Session | Scope::Account => self.account.insert(failure),
        }
    }

    pub(crate) fn succeeded(&mut self, server: &ServerKey, subject: Subject) {
        self.account.succeeded(subject);
        if let Some(failures) = self.servers.get_mut(server) {
            failures.succeeded(subject);
            if failures.is_empty() {
                self.servers.remove(server);
            }
        }
    }

    pub(crate) fn session_ended(&mut self) {
        self.account.session_ended();
    }

    pub(crate) fn stanzas_left(&mut self, seqs: &[u64]) {
        self.account.stanzas_left(seqs);
    }

    /// Returns all of them, each with the server that it belongs to.
    #[cfg(feature = "sqlite")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Option<&ServerKey>, &Failure)> {
        let servers = self.servers.iter().flat_map(|(server, failures)| {
            failures.iter().map(move |failure| (Some(server), failure))
        });
        self.account
            .iter()
            .map(|failure| (None, failure))
            .chain(servers)
    }
}
