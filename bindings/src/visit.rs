//! A short visit, as after a push: resume, take what is waiting, and know when that was all. A new session is never bound.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use snapback_client::{Client, ConnectionState, IqError, OfflineReason, Visit};
use tokio::time::{Instant, timeout_at};

use crate::cancel::Cancellation;
use crate::client::CoreClient;
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

/// A visit under way. Let go of without [`end`](Self::end), it ends all the same, at some time.
#[derive(Debug, uniffi::Object)]
pub struct CoreVisit {
    client: Arc<CoreClient>,
    /// None once it is over, or where the client was closed before.
    visit: Mutex<Option<Visit>>,
}

#[uniffi::export]
impl CoreClient {
    /// Begins a short visit, as after a push: resumes the interrupted session, and wakes the client for that if it sleeps. It
    /// never binds a new session.
    pub fn visit(self: Arc<Self>) -> Arc<CoreVisit> {
        let visit = self.client().ok().map(|client| client.visit());
        Arc::new(CoreVisit {
            client: self,
            visit: Mutex::new(visit),
        })
    }
}

#[uniffi::export]
impl CoreVisit {
    /// Comes back when all that the server had is among the events, or time is up. Where there is no session to resume it comes
    /// back with `Offline` and `NoSession`, and the next `connect` makes one.
    pub async fn drain(&self, timeout_ms: u64) -> Result<DrainOutcome, CallError> {
        let begun = self.slot().as_ref().map(Visit::begun);
        let begun = begun.ok_or(CallError::Closed)?;
        let time = Duration::from_millis(timeout_ms);
        self.client
            .call(|client| async move { drain(&client, begun, time).await })
            .await?
    }

    /// [`drain`](Self::drain); nothing if it was cancelled.
    pub async fn drain_until(
        &self,
        timeout_ms: u64,
        cancellation: Arc<Cancellation>,
    ) -> Result<Option<DrainOutcome>, CallError> {
        cancellation.or(self.drain(timeout_ms)).await
    }

    /// Ends the visit, when its events are dealt with. A client that was woken for it lets go of everything again, and this comes
    /// back when nothing is held any more; one that is needed by now, by the app or by another visit, stays as it is.
    pub async fn end(&self) -> Result<(), CallError> {
        let visit = self.slot().take();
        let Some(visit) = visit else { return Ok(()) };
        self.client.call(|_| visit.end()).await
    }
}

impl CoreVisit {
    fn slot(&self) -> std::sync::MutexGuard<'_, Option<Visit>> {
        self.visit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the session, then for an answer of the server: what it had for us comes before that.
async fn drain(
    client: &Client,
    begun: impl Future<Output = ()>,
    time: Duration,
) -> Result<DrainOutcome, CallError> {
    let deadline = Instant::now() + time;
    begun.await;
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
