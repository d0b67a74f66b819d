//! A short visit, as after a push: resume, take what is waiting, and know when that was all. A new session is never bound.

use std::time::Duration;

use snapback_client::{Client, ConnectionState, IqError, OfflineReason};
use tokio::time::{Instant, timeout_at};

use crate::error::CallError;
use crate::stanza::{IqKind, IqRequest};
use crate::state::OfflineReason as Reason;

/// What a visit came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum DrainOutcome {
    /// Everything that the server had for us is among the events.
    Complete,
    /// Time was up first. What came is among the events.
    TimedOut,
    /// There will be no connection without somebody's help; with `NoSession`, without a process that has the time to make a
    /// new session.
    Offline {
        /// Why not.
        reason: Reason,
    },
}

/// Waits for the session, then for an answer of the server: what it had for us comes before that.
pub(crate) async fn drain(client: &Client, time: Duration) -> Result<DrainOutcome, CallError> {
    let deadline = Instant::now() + time;
    client.visit().await;
    match timeout_at(deadline, settled(client)).await {
        Err(_) => return Ok(DrainOutcome::TimedOut),
        Ok(Some(reason)) => {
            return Ok(DrainOutcome::Offline {
                reason: reason.into(),
            });
        }
        Ok(None) => {}
    }
    let ping = IqRequest {
        kind: IqKind::Get,
        to: None,
        payload: "<ping xmlns='urn:xmpp:ping'/>".to_owned(),
        timeout_ms: 0,
    };
    let ping = ping.element().map_err(|_| CallError::Internal)?;
    let left = deadline.saturating_duration_since(Instant::now());
    match client.iq(ping, left).await {
        // A refusal is an answer, too.
        Ok(_) | Err(IqError::Refused(_)) => Ok(DrainOutcome::Complete),
        Err(IqError::Closed) => Err(CallError::Closed),
        Err(_) => Ok(DrainOutcome::TimedOut),
    }
}

/// Nothing once there is a session; a reason if there will be none by itself.
async fn settled(client: &Client) -> Option<OfflineReason> {
    let mut states = client.states();
    loop {
        match *states.borrow_and_update() {
            ConnectionState::Online { .. } => return None,
            ConnectionState::Offline {
                reason:
                    reason @ (OfflineReason::NeedsCredentials
                    | OfflineReason::Refused
                    | OfflineReason::Conflict
                    | OfflineReason::NoSession),
                ..
            } => return Some(reason),
            _ => {}
        }
        if states.changed().await.is_err() {
            return Some(OfflineReason::NotWanted);
        }
    }
}
