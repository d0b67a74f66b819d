//! What follows the end of a connection or of a connection attempt.

use super::{Halt, OfflineReason, Verdict};

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
    /// Returns what follows this verdict if nothing else is known. Only what requires action by a person halts.
    pub(crate) fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Retry(_) | Verdict::NoSession => Self::Retries,
            Verdict::Halt(Halt::Conflict) => Self::Halts(OfflineReason::Conflict),
            Verdict::Halt(Halt::Credentials) => Self::Halts(OfflineReason::NeedsCredentials),
            Verdict::Halt(Halt::Refused) => Self::Halts(OfflineReason::Refused),
        }
    }
}
