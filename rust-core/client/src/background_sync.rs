//! A short background sync, as after a push.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use snapback_engine::supervisor::{ConnectionState, OfflineReason, SyncKind};
use snapback_proto::connection::Outcome;
use snapback_proto::ns;
use snapback_proto::stanza;
use snapback_proto::xml::Element;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use crate::Event;
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
    fetched: Arc<Fetched>,
    /// What it was when the sync began.
    before: (usize, usize),
    is_over: bool,
}

/// What a background sync may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DrainOptions {
    /// Whether a new session may be bound if there is none that could be resumed: it has expired, the server has forgotten it,
    /// offers no stream management any more, or none is stored. Never in place of a resumption that may work. Default: `false`.
    pub may_bind: bool,
}

/// What a background sync has fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrainReport {
    /// How it went.
    pub outcome: DrainOutcome,
    /// The number of messages, carbons included, that became events since the sync began.
    pub messages: usize,
    /// Whether a possible gap was reported since then: messages may be missing that the server does not keep.
    pub has_gap: bool,
    /// The session at the end; `None` if there was none. [`Outcome::Unannounced`] is a new one, which the app's next connection
    /// completes.
    pub session: Option<Outcome>,
}

/// How many messages and possible gaps became events since the client was opened.
#[derive(Debug, Default)]
pub(crate) struct Fetched {
    messages: AtomicUsize,
    gaps: AtomicUsize,
}

impl Fetched {
    /// Counts an event that the app will receive.
    pub(crate) fn note(&self, event: &Event) {
        let count = match event {
            Event::Message { .. } | Event::Carbon { .. } => &self.messages,
            Event::PossibleGap => &self.gaps,
            _ => return,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn counts(&self) -> (usize, usize) {
        let count = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        (count(&self.messages), count(&self.gaps))
    }
}

/// The result of a background sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainOutcome {
    /// Everything that the server held for us is among the events.
    Complete,
    /// The timeout came first. What arrived is among the events.
    TimedOut,
    /// There will be no connection without an action of the app or the user; with [`OfflineReason::NoSession`], without one that
    /// may bind a new session.
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
        options: DrainOptions,
        states: watch::Receiver<ConnectionState>,
        fetched: Arc<Fetched>,
        ids: Ids,
    ) -> Self {
        let (begin, begun) = watch::channel(false);
        let kind = if options.may_bind {
            SyncKind::MayBind
        } else {
            SyncKind::ResumeOnly
        };
        let before = fetched.counts();
        // Without a driver there is nothing to wait for: `begun` sees its channel closed.
        let _ = requests.send(Request::BackgroundSync(kind, begin));
        Self {
            fetched,
            before,
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
    /// In a session without presence ([`Outcome::Unannounced`]) it is the end of the archive, as for [`Event::CaughtUp`].
    ///
    /// # Errors
    ///
    /// [`ClientEnded`] if the client was dropped or its driver ended.
    pub fn drain(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<DrainReport, ClientEnded>> + Send + use<> {
        let (fetched, before) = (Arc::clone(&self.fetched), self.before);
        let states = self.states.clone();
        let outcome = self.wait(timeout);
        async move {
            let outcome = outcome.await?;
            let (messages, gaps) = fetched.counts();
            let session = match *states.borrow() {
                ConnectionState::Online { outcome, .. } => Some(outcome),
                _ => None,
            };
            Ok(DrainReport {
                outcome,
                messages: messages.saturating_sub(before.0),
                has_gap: gaps > before.1,
                session,
            })
        }
    }

    fn wait(
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
                Ok(settled) => match settled? {
                    Settled::Session => {}
                    Settled::CaughtUp => return Ok(DrainOutcome::Complete),
                    Settled::Offline(reason) => return Ok(DrainOutcome::Offline { reason }),
                },
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

/// What a background sync waits for first.
enum Settled {
    /// There is a session in which the end of what the server holds can be asked for.
    Session,
    /// A session without presence has read the archive.
    CaughtUp,
    /// There will be no session without the app.
    Offline(OfflineReason),
}

async fn settled(mut states: watch::Receiver<ConnectionState>) -> Result<Settled, ClientEnded> {
    loop {
        match *states.borrow_and_update() {
            ConnectionState::Online {
                outcome: Outcome::Unannounced,
                is_caught_up: true,
                ..
            } => return Ok(Settled::CaughtUp),
            ConnectionState::Online { outcome, .. } if outcome != Outcome::Unannounced => {
                return Ok(Settled::Session);
            }
            ConnectionState::Offline {
                reason:
                    reason @ (OfflineReason::NeedsCredentials
                    | OfflineReason::Refused
                    | OfflineReason::Conflict
                    | OfflineReason::NoSession),
                ..
            } => return Ok(Settled::Offline(reason)),
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
