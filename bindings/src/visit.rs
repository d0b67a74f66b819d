//! A short visit, as after a push: resume, take what is waiting, and know when that was all. A new session is never bound.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use snapback_client::DrainOutcome;
use snapback_client::Visit;
use tokio::time::Instant;

use crate::cancel::Cancellation;
use crate::client::CoreClient;
use crate::error::CallError;
use crate::state::OfflineReason;

/// What a visit came to.
#[uniffi::remote(Enum)]
pub enum DrainOutcome {
    /// Everything that the server had for us is among the events.
    Complete,
    /// Time was up first. What came is among the events.
    TimedOut,
    /// There will be no connection without somebody's help; with `NoSession`, without a process that has the time to make a
    /// new session.
    Offline {
        /// Why not.
        reason: OfflineReason,
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
    /// Waits until every stanza that the server held was yielded by [`next_events`](CoreClient::next_events) and that was called
    /// again, or until the timeout. Without a session to resume it returns `Offline` with `NoSession`, and the next `connect` makes
    /// one.
    pub async fn drain(&self, timeout_ms: u64) -> Result<DrainOutcome, CallError> {
        let time = Duration::from_millis(timeout_ms);
        let start = Instant::now();
        let drained = self.slot().as_ref().map(|visit| visit.drain(time));
        let drained = drained.ok_or(CallError::Closed)?;
        let hand_over = Arc::clone(&self.client.hand_over);
        let outcome = self.client.call(|_| async move {
            let outcome = drained.await?;
            let left = time.saturating_sub(start.elapsed());
            if outcome == DrainOutcome::Complete && !hand_over.done(left).await {
                return Ok(DrainOutcome::TimedOut);
            }
            Ok(outcome)
        });
        outcome.await?
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
