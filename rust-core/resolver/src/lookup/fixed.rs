//! Answers that are known in advance: from the platform, the app, or a test.

use super::{Addresses, Lookup};
use crate::{LookupError, SrvAnswer};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A fixed set of answers. A name that is not in the set does not exist.
#[derive(Debug, Clone, Default)]
pub struct StaticHosts {
    srv: BTreeMap<String, Result<SrvAnswer, LookupError>>,
    hosts: BTreeMap<String, Result<Addresses, LookupError>>,
}

impl StaticHosts {
    /// Returns an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an answer, or a failure, for an SRV name such as `_xmpp-client._tcp.example.org`.
    #[must_use]
    pub fn with_srv(mut self, name: &str, answer: Result<SrvAnswer, LookupError>) -> Self {
        self.srv.insert(name.to_ascii_lowercase(), answer);
        self
    }

    /// Adds the addresses of a host.
    #[must_use]
    pub fn with_host(self, host: &str, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let addresses = Addresses {
            addresses: addresses.into_iter().collect(),
            ttl: None,
        };
        self.with_host_answer(host, Ok(addresses))
    }

    /// Adds an answer, or a failure, for a host.
    #[must_use]
    pub fn with_host_answer(mut self, host: &str, answer: Result<Addresses, LookupError>) -> Self {
        self.hosts.insert(host.to_ascii_lowercase(), answer);
        self
    }
}

impl Lookup for StaticHosts {
    async fn srv(&self, name: &str) -> Result<SrvAnswer, LookupError> {
        self.srv.get(name).cloned().unwrap_or(Ok(SrvAnswer::Absent))
    }

    async fn addresses(&self, host: &str) -> Result<Addresses, LookupError> {
        self.hosts
            .get(host)
            .cloned()
            .unwrap_or(Err(LookupError::NoSuchName))
    }
}
