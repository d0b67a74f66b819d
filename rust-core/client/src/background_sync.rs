//! A short background sync, as after a push.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use snapback_engine::supervisor::{ConnectionState, OfflineReason};
use snapback_proto::ns;
use snapback_proto::stanza;
use snapback_proto::xml::Element;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::driver::Request;
use crate::ids::Ids;
use crate::iq::{self, IqError};

/// A background sync in progress, begun by [`Client::background_sync`](crate::Client::background_sync). Dropping it ends it as
/// [`BackgroundSync::end`] does, without waiting.
#[derive(Debug)]
#[must_use = "a background sync ends when it is dropped"]
pub struct BackgroundSync {
    /// A weak sender: the sync alone keeps no client running.
    requests: mpsc::WeakUnboundedSender<Request>,
    states: watch::Receiver<ConnectionState>,
    ids: Ids,
    begun: watch::Receiver<bool>,
    is_over: bool,
}

/// The result of a background sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainOutcome {
    /// Everything that the server held for us is among the events.
    Complete,
    /// The timeout came first. What arrived is among the events.
    TimedOut,
    /// There will be no connection without an action of the app or the user; with [`OfflineReason::NoSession`], without a
    /// process that has the time to bind a new session.
    Offline {
        /// The reason.
        reason: OfflineReason,
    },
}

/// The client has ended, and the call with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientEnded;

impl fmt::Display for ClientEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client is closed")
    }
}

impl std::error::Error for ClientEnded {}

impl BackgroundSync {
    pub(crate) fn begin(
        requests: &mpsc::UnboundedSender<Request>,
        states: watch::Receiver<ConnectionState>,
        ids: Ids,
    ) -> Self {
        let (begin, begun) = watch::channel(false);
        // Without a driver there is nothing to wait for: `begun` sees its channel closed.
        let _ = requests.send(Request::BackgroundSync(begin));
        Self {
            requests: requests.downgrade(),
            states,
            ids,
            begun,
            is_over: false,
        }
    }

    /// Waits until the sync has begun: what [`Client::states`](crate::Client::states) shows from then on belongs to
    /// this sync.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut begun = self.begun.clone();
        async move {
            let _ = begun.wait_for(|begun| *begun).await;
        }
    }

    /// Waits until every stanza that the server held for us is among the events, or until the timeout. The app has to take events
    /// meanwhile: the server is not read while the event queue is full. The sync continues; end it once its events are handled.
    ///
    /// The server's answer to a ping (XEP-0199) marks the end of what it held: stanzas arrive in order (RFC 6120 section 10.1).
    ///
    /// # Errors
    ///
    /// [`ClientEnded`] if the client was dropped or its driver ended.
    pub fn drain(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<DrainOutcome, ClientEnded>> + Send + use<> {
        let begun = self.begun();
        let (states, requests) = (self.states.clone(), self.requests.clone());
        let ping =
            stanza::iq("get", &self.ids.next(), None).with_child(Element::new("ping", ns::PING));
        async move {
            let start = Instant::now();
            let session = async {
                begun.await;
                settled(states).await
            };
            match tokio::time::timeout(timeout, session).await {
                Err(_) => return Ok(DrainOutcome::TimedOut),
                Ok(settled) => {
                    if let Some(reason) = settled? {
                        return Ok(DrainOutcome::Offline { reason });
                    }
                }
            }
            let left = timeout.saturating_sub(start.elapsed());
            let requests = requests.upgrade().ok_or(ClientEnded)?;
            let answer = iq::ask(&requests, ping, left);
            drop(requests);
            match answer.await {
                // A refusal is an answer, too.
                Ok(_) | Err(IqError::Refused(_)) => Ok(DrainOutcome::Complete),
                Err(IqError::Closed) => Err(ClientEnded),
                Err(_) => Ok(DrainOutcome::TimedOut),
            }
        }
    }

    /// Ends the sync. A client that was resumed for it is suspended again, as by
    /// [`Client::suspend`](crate::Client::suspend), and this returns when no socket, file or lock is held any more. A
    /// client that the app has resumed since stays as it is, and so does one with other syncs in progress: the last of
    /// them to end suspends the client.
    pub async fn end(mut self) {
        let (done, wait) = oneshot::channel();
        self.leave(Some(done));
        let _ = wait.await;
    }

    fn leave(&mut self, done: Option<oneshot::Sender<()>>) {
        if !std::mem::replace(&mut self.is_over, true)
            && let Some(requests) = self.requests.upgrade()
        {
            let _ = requests.send(Request::Leave(done));
        }
    }
}

/// Returns `None` once there is a session, and a reason once there will be none without the app.
async fn settled(
    mut states: watch::Receiver<ConnectionState>,
) -> Result<Option<OfflineReason>, ClientEnded> {
    loop {
        match *states.borrow_and_update() {
            ConnectionState::Online { .. } => return Ok(None),
            ConnectionState::Offline {
                reason:
                    reason @ (OfflineReason::NeedsCredentials
                    | OfflineReason::Refused
                    | OfflineReason::Conflict
                    | OfflineReason::NoSession),
                ..
            } => return Ok(Some(reason)),
            _ => {}
        }
        states.changed().await.map_err(|_| ClientEnded)?;
    }
}

impl Drop for BackgroundSync {
    fn drop(&mut self) {
        self.leave(None);
    }
}
