//! A background sync, usually triggered by a push: it resumes the session, receives the pending stanzas, and reports
//! when all of them were received. If it may bind, it replaces a session that cannot be resumed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use snapback_client::DrainOutcome;
use snapback_client::{BackgroundSync, DrainOptions};
use tokio::time::Instant;

use crate::cancel::Cancellation;
use crate::client::CoreClient;
use crate::error::CallError;
use crate::state::{OfflineReason, SessionOutcome};

/// The result of a background sync.
#[uniffi::remote(Enum)]
pub enum DrainOutcome {
    /// All stanzas that the server held are among the events.
    Complete,
    /// The timeout expired first. The stanzas that were received are among the events.
    TimedOut,
    /// No connection is possible until the app or the user acts; with `NoSession`, a process with enough time has to
    /// create a new session.
    Offline {
        /// The reason.
        reason: OfflineReason,
    },
}

/// What a background sync has fetched.
#[derive(Clone, Copy, Debug, uniffi::Record)]
pub struct DrainReport {
    /// How it went.
    pub outcome: DrainOutcome,
    /// The number of messages, carbons included, that were received since the sync began.
    pub messages: u32,
    /// Whether a possible gap was reported since then: messages may be missing that the server does not keep.
    pub has_gap: bool,
    /// The session at the end, if there was one. `Unannounced` is a new one, which the app's next `connect` completes.
    pub session: Option<SessionOutcome>,
}

impl From<snapback_client::DrainReport> for DrainReport {
    fn from(report: snapback_client::DrainReport) -> Self {
        Self {
            outcome: report.outcome,
            messages: u32::try_from(report.messages).unwrap_or(u32::MAX),
            has_gap: report.has_gap,
            session: report.session,
        }
    }
}

/// A background sync in progress. If it is released without [`end`](Self::end), it ends as well, at an undefined time.
#[derive(Debug, uniffi::Object)]
pub struct CoreBackgroundSync {
    client: Arc<CoreClient>,
    /// None once the sync is over, or if the client was closed before it began.
    sync: Mutex<Option<BackgroundSync>>,
}

#[uniffi::export]
impl CoreClient {
    /// Begins a background sync, usually after a push. It resumes the interrupted session, and resumes the client for
    /// that if it is suspended. If it may bind, a session that cannot be resumed is replaced by one without presence, which
    /// the next `connect` completes.
    pub fn background_sync(self: Arc<Self>, may_bind: bool) -> Arc<CoreBackgroundSync> {
        let options = DrainOptions { may_bind };
        let sync = self.client().ok();
        let sync = sync.map(|client| client.background_sync_with(options));
        Arc::new(CoreBackgroundSync {
            client: self,
            sync: Mutex::new(sync),
        })
    }
}

#[uniffi::export]
impl CoreBackgroundSync {
    /// Waits until every stanza that the server held was returned by [`next_events`](CoreClient::next_events) and that
    /// function was called again, or until the timeout, in milliseconds. Without a session to resume, a sync that may
    /// not bind returns `Offline` with `NoSession`; the next `connect` creates one.
    pub async fn drain(&self, timeout_ms: u64) -> Result<DrainReport, CallError> {
        let time = Duration::from_millis(timeout_ms);
        let start = Instant::now();
        let drained = self.slot().as_ref().map(|sync| sync.drain(time));
        let drained = drained.ok_or(CallError::Closed)?;
        let flush_barrier = Arc::clone(&self.client.flush_barrier);
        let outcome = self.client.call(|_| async move {
            let mut report = DrainReport::from(drained.await?);
            let left = time.saturating_sub(start.elapsed());
            // Also the event that says why there is no session: a caller that closes the client now would miss it.
            let is_taken = flush_barrier.done(left).await;
            if report.outcome == DrainOutcome::Complete && !is_taken {
                report.outcome = DrainOutcome::TimedOut;
            }
            Ok(report)
        });
        outcome.await?
    }

    /// Calls [`drain`](Self::drain); returns nothing if it was cancelled.
    pub async fn drain_until(
        &self,
        timeout_ms: u64,
        cancellation: Arc<Cancellation>,
    ) -> Result<Option<DrainReport>, CallError> {
        cancellation.or(self.drain(timeout_ms)).await
    }

    /// Ends the background sync; to be called once its events are processed. A client that was resumed for it suspends
    /// again, and this returns when everything is released. A client that is needed by then, by the app or by another
    /// background sync, is not suspended.
    pub async fn end(&self) -> Result<(), CallError> {
        let sync = self.slot().take();
        let Some(sync) = sync else { return Ok(()) };
        self.client.call(|_| sync.end()).await
    }
}

impl CoreBackgroundSync {
    fn slot(&self) -> std::sync::MutexGuard<'_, Option<BackgroundSync>> {
        self.sync.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
