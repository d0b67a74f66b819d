//! What the engine has requested of its host and waits for, with what it needs once the answer is there.

use snapback_proto::knowledge::PushRegistration;
use snapback_proto::plan::Purpose;
use snapback_proto::time::Instant;
use snapback_types::endpoint::Endpoint;

use crate::supervisor::{self, AttemptId};

use super::{KeyChange, Ticket};

/// A request to the store that is not answered yet.
#[derive(Debug)]
pub(super) enum Asked {
    OpenedAtStart,
    OpenedToWake(supervisor::Input),
    OpenedForAttempt {
        attempt: AttemptId,
        purpose: Purpose,
    },
    SessionForAttempt {
        attempt: AttemptId,
        purpose: Purpose,
    },
    SessionForStandby(AttemptId),
    /// Not for the store: entropy for the connection that begins on a transport.
    EntropyForAttempt(Attempted, Endpoint),
    LoadedForAttempt {
        attempt: Attempted,
        endpoint: Endpoint,
        seed: [u8; 32],
    },
    LoadedForLogOut,
    Enqueued {
        id: String,
        waiting: Waiting,
    },
    /// If storing fails, nothing is lost.
    Applied,
    /// If storing fails, it is reported to the app.
    FloorForgotten,
    KeysChanged {
        ticket: Ticket,
        change: KeyChange,
    },
    PushSet {
        ticket: Ticket,
        wanted: Option<PushRegistration>,
    },
    Forgotten,
    Closed,
    Deliveries,
}

/// The identity of an attempt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempted {
    pub(super) number: AttemptId,
    pub(super) purpose: Purpose,
    /// When its transport began to be opened.
    pub(super) since: Instant,
    /// The handshake of its transport is deferred until the first write.
    pub(super) fast_open: bool,
}

/// An item that waits until it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    Send(Ticket),
    Request(String),
}
