//! The password, and what it was stretched into.

use std::sync::Arc;

use snapback_proto::config::Config;
use snapback_proto::sasl::{SaslError, ScramKeyId, ScramKeys};
use snapback_proto::secret::Secret;

use crate::link::LinkInput;
use crate::link::tls::Tls;
use crate::supervisor::{self, AttemptId, ConnectionState, Ending, OfflineReason};

use super::Engine;

/// What is known of the password beside the password.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    /// What the password was last stretched into, so that it happens once (rule T5). Those that are stored may belong to an
    /// older password.
    pub(super) derived: Option<(ScramKeyId, ScramKeys)>,
    /// The app has given another password while an attempt was under way with the old one.
    pub(super) is_new: bool,
}

impl<T: Tls + Clone> Engine<T> {
    /// From the next login on. A client that waits for nothing but credentials connects at once.
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
            // A background sync stays one.
            self.wake(match self.syncs {
                0 => supervisor::Input::Connect,
                _ => supervisor::Input::Visit,
            });
        }
    }

    pub(super) fn keys_derived(
        &mut self,
        attempt: AttemptId,
        id: ScramKeyId,
        keys: Result<ScramKeys, SaslError>,
    ) {
        // I9: what an older attempt wanted to know is of no interest any more.
        if self.attempt.as_ref().map(|attempt| attempt.number) != Some(attempt) {
            return;
        }
        if let (Ok(keys), false) = (&keys, self.credentials.is_new) {
            self.credentials.derived = Some((id.clone(), keys.clone()));
        }
        self.link_input(LinkInput::KeysDerived { id, keys });
    }

    /// An attempt that was refused with the old password says nothing about the new one.
    pub(super) fn with_new_password(&mut self, ending: Ending) -> Ending {
        let is_new = std::mem::take(&mut self.credentials.is_new);
        if !is_new || !ending.needs_credentials {
            return ending;
        }
        Ending {
            retryable: true,
            at_once: true,
            needs_credentials: false,
            ..ending
        }
    }
}
