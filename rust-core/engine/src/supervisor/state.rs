//! The states, and what was last said about the world outside.

use snapback_proto::connection::Outcome;
use snapback_proto::time::Instant;

use crate::variants::variants;

use super::{AttemptId, OfflineReason, Step, Why};

/// What was last said about the world outside.
#[derive(Debug)]
pub(super) struct Surroundings {
    pub(super) intent: Intent,
    pub(super) wakefulness: Wakefulness,
    pub(super) place: Place,
    pub(super) network: bool,
    pub(super) foreground: bool,
}

/// Which session is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// None.
    Offline,
    /// Any.
    Online,
    /// For a background sync: the interrupted one, and afterwards none.
    Sync,
    /// For a background sync: the interrupted one, and afterwards any.
    SyncThenOnline,
}

impl Intent {
    /// Whether the app wants to be online, now or after the background sync.
    pub(super) fn wants_online(self) -> bool {
        matches!(self, Self::Online | Self::SyncThenOnline)
    }

    /// Whether only the interrupted session is wanted.
    pub(super) fn is_sync(self) -> bool {
        matches!(self, Self::Sync | Self::SyncThenOnline)
    }

    /// A background sync begins.
    pub(super) fn with_sync(self) -> Self {
        match self {
            Self::Offline | Self::Sync => Self::Sync,
            Self::Online | Self::SyncThenOnline => Self::SyncThenOnline,
        }
    }

    /// The background sync is over.
    pub(super) fn without_sync(self) -> Self {
        match self {
            Self::Offline | Self::Sync => Self::Offline,
            Self::Online | Self::SyncThenOnline => Self::Online,
        }
    }
}

/// Whether the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wakefulness {
    /// It runs.
    Awake,
    /// It runs for a background sync and nothing else: when that is over, it is suspended again.
    Woken,
    /// It is suspended, or about to be.
    Suspended,
}

/// Whose place on the server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Ours.
    Ours,
    /// Another client took it, and the user has not said since that it should be ours again (rule I10).
    Taken,
}

#[derive(Debug)]
pub(super) enum State {
    Stopped,
    Suspended,
    WaitingForNetwork,
    Halted(OfflineReason),
    Waiting {
        until: Instant,
        why: Why,
    },
    Connecting {
        attempt: AttemptId,
        step: Step,
        deadline: Instant,
        /// The network changed, but too many attempts were started already.
        restart: Option<Instant>,
    },
    Online {
        attempt: AttemptId,
        since: Instant,
        outcome: Outcome,
        flights: usize,
        probe: Option<Probe>,
    },
    Closing {
        attempt: AttemptId,
        deadline: Instant,
        outcome: Outcome,
        flights: usize,
    },
}

variants!(State {
    Stopped,
    Suspended,
    WaitingForNetwork,
    Halted,
    Waiting,
    Connecting,
    Online,
    Closing,
});

#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    pub(super) until: Instant,
    /// Something changed since it left, so its answer says nothing about now.
    pub(super) again: bool,
}
