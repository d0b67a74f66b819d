//! The state of the connection.

use snapback_client as core;
pub use snapback_client::{
    AttemptPhase as ConnectionStep, OfflineReason, Outcome as SessionOutcome,
};

use crate::convert::Clock;

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ConnectionState {
    /// There is no connection.
    Offline {
        /// The reason.
        reason: OfflineReason,
        /// Milliseconds until the next attempt, if one is planned.
        retry_in_ms: Option<u64>,
    },
    /// A connection is being established.
    Connecting {
        /// The phase of the attempt.
        step: ConnectionStep,
    },
    /// A session is established.
    Online {
        /// Whether it is a new session or the resumed one.
        outcome: SessionOutcome,
        /// How many round trips the connection took.
        round_trips: u32,
        /// Whether everything that the server held when the connection began is among the events.
        is_caught_up: bool,
    },
}

/// Why there is no connection.
#[uniffi::remote(Enum)]
pub enum OfflineReason {
    /// The app does not want a connection.
    NotWanted,
    /// The client is suspended.
    Suspended,
    /// There is no network.
    NoNetwork,
    /// The last attempt failed; another one follows.
    Failed,
    /// The user has to provide credentials; then the app calls connect.
    NeedsCredentials,
    /// The server or this device refuses the connection until something is changed; then the app calls connect.
    Refused,
    /// Another client has replaced this one (stream error `conflict`). Only the user can decide to take the session
    /// back; then the app calls connect.
    Conflict,
    /// There is no session that could be resumed; the app calls connect. Occurs only in a background sync (`drain`).
    NoSession,
}

/// The phase of an attempt.
#[uniffi::remote(Enum)]
pub enum ConnectionStep {
    /// Looking up endpoints.
    Resolving,
    /// Opening a transport to one of the endpoints.
    Transport,
    /// TLS handshake and certificate verification.
    Tls,
    /// From the stream header to the session.
    Login,
}

/// How the session began.
#[uniffi::remote(Enum)]
pub enum SessionOutcome {
    /// A new session.
    Bound,
    /// The interrupted session was resumed.
    Resumed,
    /// A session that a background sync has bound, and that has no presence yet. What the app sends waits. The next
    /// `connect` completes it, and reports `Bound`.
    Unannounced,
}

impl ConnectionState {
    pub(crate) fn new(state: core::ConnectionState, clock: Clock) -> Self {
        use core::ConnectionState as Core;
        match state {
            Core::Offline { reason, retry_at } => Self::Offline {
                reason,
                retry_in_ms: retry_at.map(|when| clock.until(when)),
            },
            Core::Connecting { step } => Self::Connecting { step },
            Core::Online {
                outcome,
                flights,
                is_caught_up,
            } => Self::Online {
                outcome,
                round_trips: u32::try_from(flights).unwrap_or(u32::MAX),
                is_caught_up,
            },
        }
    }
}

impl ConnectionState {
    /// Returns whether both are equal, apart from the time until the next attempt.
    pub(crate) fn is_same(self, other: Self) -> bool {
        match (self, other) {
            (
                Self::Offline {
                    reason,
                    retry_in_ms,
                },
                Self::Offline {
                    reason: other,
                    retry_in_ms: other_in_ms,
                },
            ) => reason == other && retry_in_ms.is_some() == other_in_ms.is_some(),
            (state, other) => state == other,
        }
    }
}
