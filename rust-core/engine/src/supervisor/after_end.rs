//! What follows the end of a connection or of a connection attempt.

use super::{Ending, OfflineReason};

/// What follows the end of a connection or of a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterEnd {
    /// Another attempt is made without a request of the app, once there is a network and the process is awake.
    Retries,
    /// No attempt is made, for this reason, until the app calls `Connect` (or ends the background sync that found no
    /// session).
    Halts(OfflineReason),
}

impl AfterEnd {
    /// Returns what follows this ending if nothing else is known. Only an ending that requires action by a person
    /// halts.
    pub(crate) fn of(ending: Ending) -> Self {
        if ending.conflict {
            Self::Halts(OfflineReason::Conflict)
        } else if ending.needs_credentials {
            Self::Halts(OfflineReason::NeedsCredentials)
        } else if ending.retryable || ending.at_once || ending.no_session || ending.passing {
            Self::Retries
        } else {
            Self::Halts(OfflineReason::Refused)
        }
    }
}
