//! What the end of a connection, or of an attempt at one, leads to.

use snapback_proto::mistakes::{Mistake, planted};

use super::{Ending, OfflineReason};

/// What the end of a connection, or of an attempt at one, leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterEnd {
    /// Another attempt is made without being asked for, once there is a network and the process is awake.
    Retries,
    /// None is made, for this reason, until the app says `Connect` (or ends the visit that found no session).
    Halts(OfflineReason),
}

impl AfterEnd {
    /// What this ending leads to where nothing else is known. Only what needs a person halts.
    pub(crate) fn of(ending: Ending) -> Self {
        if ending.conflict && planted(Mistake::ConflictFought) {
            Self::Retries
        } else if ending.conflict {
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
