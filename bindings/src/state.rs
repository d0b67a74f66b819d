//! Where the connection stands.

use snapback_client as core;
pub use snapback_client::{OfflineReason, Outcome as SessionOutcome, Step as ConnectionStep};

use crate::convert::Clock;

/// Where the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ConnectionState {
    /// There is no connection.
    Offline {
        /// Why not.
        reason: OfflineReason,
        /// In how many milliseconds the next attempt is made, if one is planned.
        retry_in_ms: Option<u64>,
    },
    /// There will be one soon.
    Connecting {
        /// How far it is.
        step: ConnectionStep,
    },
    /// There is a session.
    Online {
        /// New, or the interrupted one.
        outcome: SessionOutcome,
        /// How many round trips it took.
        round_trips: u32,
    },
}

/// Why there is no connection.
#[uniffi::remote(Enum)]
pub enum OfflineReason {
    /// The app does not want one.
    NotWanted,
    /// The client is suspended.
    Suspended,
    /// There is no network.
    NoNetwork,
    /// The last attempt failed; there will be another one.
    Failed,
    /// The user has to be asked for credentials; then connect.
    NeedsCredentials,
    /// The server, or this device, will not do it without a change; then connect.
    Refused,
    /// Another client took our place. Only the user can say that it should be ours again; then connect.
    Conflict,
    /// There is no session that could be resumed; then connect. Only `drain` stops for that.
    NoSession,
}

/// How far an attempt is.
#[uniffi::remote(Enum)]
pub enum ConnectionStep {
    /// Looking for endpoints.
    Resolving,
    /// Opening a transport to one of them.
    Transport,
    /// Agreeing on keys and checking the certificate.
    Tls,
    /// From the stream header to the session.
    Login,
}

/// How the session began.
#[uniffi::remote(Enum)]
pub enum SessionOutcome {
    /// A new session.
    Bound,
    /// The interrupted session goes on.
    Resumed,
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
            Core::Online { outcome, flights } => Self::Online {
                outcome,
                round_trips: u32::try_from(flights).unwrap_or(u32::MAX),
            },
        }
    }
}

impl ConnectionState {
    /// The same but for the time that passes until the next attempt.
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
