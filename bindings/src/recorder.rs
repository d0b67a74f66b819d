//! The flight recorder: the last attempts to connect, and the quality of the connection.

use snapback_client as core;

use crate::client::CoreClient;
use crate::convert::millis;
use crate::dial::DialReport;
use crate::ending::EndReason;
use crate::error::CallError;
use crate::state::SessionOutcome;
use crate::timeline::Timeline;

/// An attempt to connect, and the connection that came of it.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct AttemptRecord {
    /// Counts from 1 since the client was opened.
    pub number: u64,
    /// When its result was known, by the clock of the device, in milliseconds since 1970.
    pub at_ms: i64,
    /// How the server was found and reached.
    pub dial: DialReport,
    /// What each flight carried, if there was a transport.
    pub timeline: Option<Timeline>,
    /// The session that was established; missing if there was none.
    pub outcome: Option<SessionOutcome>,
    /// Why the connection or the attempt ended; missing for the connection that exists.
    pub ended: Option<EndReason>,
    /// How long the session lasted, in milliseconds, if it has ended.
    pub lasted_ms: Option<u64>,
}

/// How good the connection was in the last seven days, as far as this client knows.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct ConnectionQuality {
    /// Attempts to connect.
    pub attempts: u64,
    /// Sessions that were resumed (XEP-0198).
    pub resumed: u64,
    /// New sessions.
    pub bound: u64,
    /// The time from when a session was wanted and possible to the session.
    pub time_to_online: Option<Percentiles>,
    /// The time from the first packet of a connection to the session.
    pub login: Option<Percentiles>,
    /// The time of the last TCP handshake, in milliseconds.
    pub round_trip_ms: Option<u64>,
    /// Bytes written by logins, until the session was established.
    pub login_bytes_sent: u64,
    /// Bytes read by logins, until the session was established.
    pub login_bytes_received: u64,
}

/// Two percentiles of times, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Percentiles {
    /// Half of them took at most this long.
    pub p50_ms: u64,
    /// All but one in a hundred took at most this long.
    pub p99_ms: u64,
}

#[uniffi::export]
impl CoreClient {
    /// Returns what the last attempts to connect did, failed ones too, the newest last.
    ///
    /// # Errors
    ///
    /// [`CallError::Closed`] if the client is closed.
    pub async fn recent_attempts(&self) -> Result<Vec<AttemptRecord>, CallError> {
        let attempts = self.client()?.recent_attempts();
        Ok(attempts.into_iter().map(AttemptRecord::from).collect())
    }

    /// Returns the last attempts as lines of JSON, which `snapback trace` reads.
    ///
    /// # Errors
    ///
    /// [`CallError::Closed`] if the client is closed.
    pub async fn export_attempts(&self) -> Result<String, CallError> {
        let attempts = self.client()?.recent_attempts();
        Ok(core::attempts::to_json_lines(&attempts))
    }

    /// Returns how good the connection was.
    ///
    /// # Errors
    ///
    /// [`CallError::Closed`] if the client is closed.
    pub async fn connection_quality(&self) -> Result<ConnectionQuality, CallError> {
        Ok(self.client()?.connection_quality().into())
    }
}

impl From<core::AttemptRecord> for AttemptRecord {
    fn from(record: core::AttemptRecord) -> Self {
        Self {
            number: record.number,
            at_ms: record.at.0.saturating_mul(1000),
            dial: record.dial.into(),
            timeline: record.timeline.map(Timeline::from),
            outcome: record.outcome,
            ended: record.ended.map(EndReason::from),
            lasted_ms: record.lasted.map(millis),
        }
    }
}

impl From<core::Percentiles> for Percentiles {
    fn from(percentiles: core::Percentiles) -> Self {
        Self {
            p50_ms: millis(percentiles.p50),
            p99_ms: millis(percentiles.p99),
        }
    }
}

impl From<core::ConnectionQuality> for ConnectionQuality {
    fn from(quality: core::ConnectionQuality) -> Self {
        Self {
            attempts: quality.attempts,
            resumed: quality.resumed,
            bound: quality.bound,
            time_to_online: quality.time_to_online.map(Percentiles::from),
            login: quality.login.map(Percentiles::from),
            round_trip_ms: quality.round_trip.map(millis),
            login_bytes_sent: quality.login_bytes_sent,
            login_bytes_received: quality.login_bytes_received,
        }
    }
}
