//! The password, and the keys derived from it.

use std::sync::Arc;

use snapback_proto::config::Config;
use snapback_proto::error::{Assumption, ConnectionError};
use snapback_proto::jid::{BareJid, FullJid};
use snapback_proto::sasl::{SaslError, ScramKeyId, ScramKeys};
use snapback_proto::secret::Secret;

use crate::link::tls::Tls;
use crate::link::{LinkError, LinkInput};
use crate::supervisor::{
    self, AttemptId, ConnectionState, Halt, OfflineReason, Pace, SyncKind, Verdict, Wait,
};

use super::Engine;

/// What is known about the password, apart from the password itself.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    /// The keys that were last derived from the password, so that the derivation happens only once (rule T5). Stored
    /// keys may belong to an older password.
    pub(super) derived: Option<(ScramKeyId, ScramKeys)>,
    /// Whether the app set another password while an attempt was using the old one.
    pub(super) is_new: bool,
    /// Whether the server has refused the app's last bearer token, and no login has succeeded since.
    pub(super) token_refused: bool,
    /// The account that the server has assigned to the current session (XEP-0175).
    assigned: Option<BareJid>,
}

impl Credentials {
    /// Records how an attempt ended, for the next request of a bearer token. Once the user has been asked, the next token is a
    /// new one.
    pub(super) fn attempt_ended(&mut self, error: Option<&LinkError>, is_proven: bool) {
        let (is_refused, has_to_ask) = match error {
            Some(LinkError::Connection(error)) => (
                *error == ConnectionError::WrongAssumption(Assumption::BearerToken),
                error.needs_credentials(),
            ),
            _ => (false, false),
        };
        self.token_refused = !is_proven && !has_to_ask && (is_refused || self.token_refused);
    }
}

impl<T: Tls + Clone> Engine<T> {
    /// Uses this password from the next login on. A client that waits only for credentials connects at once.
    pub(super) fn set_password(&mut self, password: Secret<String>) {
        let mut core = Config::clone(&self.core);
        core.password = Some(password);
        self.core = Arc::new(core);
        self.credentials.derived = None;
        self.credentials.is_new = self.attempt.is_some();
        let needs_credentials = ConnectionState::Offline {
            reason: OfflineReason::NeedsCredentials,
            retry_at: None,
        };
        if self.supervisor.state() == needs_credentials {
            self.wake_for_credentials();
        }
    }

    /// Connects at once, now that the cause of the last failure may be gone. A background sync remains a background sync.
    pub(super) fn wake_for_credentials(&mut self) {
        self.wake(match self.syncs {
            0 => supervisor::Input::Connect,
            _ => {
                supervisor::Input::BeginSync(self.supervisor.sync().unwrap_or(SyncKind::ResumeOnly))
            }
        });
    }

    /// Records the full JID of a new session.
    pub(super) fn logged_in_as(&mut self, jid: &str) {
        let is_assigned = self.core.method.is_anonymous();
        let own = FullJid::try_from(jid).ok().filter(|_| is_assigned);
        self.credentials.assigned = own.map(|jid| jid.bare().clone());
    }

    /// Returns the account of the current session.
    pub(super) fn own_account(&self) -> &BareJid {
        let assigned = self.credentials.assigned.as_ref();
        assigned.unwrap_or(&self.core.account)
    }

    pub(super) fn keys_derived(
        &mut self,
        attempt: AttemptId,
        id: ScramKeyId,
        keys: Result<ScramKeys, SaslError>,
    ) {
        // I9: requests of an older attempt are no longer relevant.
        if self.attempt.as_ref().map(|attempt| attempt.number) != Some(attempt) {
            return;
        }
        if let (Ok(keys), false) = (&keys, self.credentials.is_new) {
            self.credentials.derived = Some((id.clone(), keys.clone()));
        }
        self.link_input(LinkInput::KeysDerived { id, keys });
    }

    /// Returns the verdict on the attempt, corrected for a new password: a refusal of the old password says nothing about
    /// the new one.
    pub(super) fn with_new_password(&mut self, verdict: Verdict) -> Verdict {
        let is_new = std::mem::take(&mut self.credentials.is_new);
        match verdict {
            Verdict::Halt(Halt::Credentials) if is_new => {
                Verdict::Retry(Pace::AtOnce(Wait::Relief))
            }
            verdict => verdict,
        }
    }
}
