//! The states of the supervisor, and the last reported conditions outside of it.

use snapback_proto::connection::Outcome;
use snapback_proto::time::Instant;

use crate::variants::variants;

use super::{AttemptId, AttemptPhase, OfflineReason, StartReason, SyncKind};

/// The last reported conditions outside of the supervisor.
#[derive(Debug)]
pub(super) struct Situation {
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
    /// Any session.
    Online,
    /// One for a background sync; none after it.
    Sync(SyncKind),
    /// One for a background sync; any session after it.
    SyncThenOnline(SyncKind),
}

impl Intent {
    /// Returns whether the app wants to be online, now or after the background sync.
    pub(super) fn wants_online(self) -> bool {
        matches!(self, Self::Online | Self::SyncThenOnline(_))
    }

    /// Returns which sessions the background sync may use, if a session is wanted for one.
    pub(super) fn sync(self) -> Option<SyncKind> {
        match self {
            Self::Sync(kind) | Self::SyncThenOnline(kind) => Some(kind),
            Self::Offline | Self::Online => None,
        }
    }

    /// Returns the intent after a background sync has begun. Of several, one that may bind decides.
    pub(super) fn with_sync(self, kind: SyncKind) -> Self {
        let kind = self.sync().map_or(kind, |other| other.max(kind));
        if self.wants_online() {
            Self::SyncThenOnline(kind)
        } else {
            Self::Sync(kind)
        }
    }

    /// Returns the intent after the background sync has ended.
    pub(super) fn without_sync(self) -> Self {
        match self {
            Self::Offline | Self::Sync(_) => Self::Offline,
            Self::Online | Self::SyncThenOnline(_) => Self::Online,
        }
    }
}

/// Whether the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wakefulness {
    /// It runs.
    Awake,
    /// It runs only for a background sync, and is suspended again when that is over.
    Woken,
    /// It is suspended, or about to be.
    Suspended,
}

/// Which client has the session on the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// This client.
    Ours,
    /// Another client took it, and the user has not yet decided to take it back (rule I10).
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
        why: StartReason,
    },
    Connecting {
        attempt: AttemptId,
        step: AttemptPhase,
        deadline: Instant,
        /// Set if the network changed after too many attempts had started: when the attempt is restarted.
        restart: Option<Instant>,
    },
    Online {
        attempt: AttemptId,
        since: Instant,
        outcome: Outcome,
        flights: usize,
        is_caught_up: bool,
        /// Without presence: another background sync has begun since, and the archive is read again after this time.
        reads_again: bool,
        probe: Option<Probe>,
    },
    Closing {
        attempt: AttemptId,
        deadline: Instant,
        outcome: Outcome,
        flights: usize,
        is_caught_up: bool,
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
    /// Whether conditions changed after the probe was sent, so that its response says nothing about the current path.
    pub(super) again: bool,
}
