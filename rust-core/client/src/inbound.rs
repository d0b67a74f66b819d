//! Requests of other entities that the app answers (RFC 6120 section 8.2.3).
//!
//! They have a queue of their own, apart from the events: an answer is awaited, and does not wait until the app has taken the
//! messages before it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use snapback_engine::engine::{InboundRequestId, RespondError};
use snapback_proto::stanza::{ErrorType, StanzaCondition, StanzaError};
use snapback_proto::xml::Element;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::client::Client;
use crate::driver::Request;

/// The maximum number of requests that wait for the app: as many as the engine has open. With one more, the first one is no longer
/// open.
const MAX_QUEUED: usize = 64;
/// The maximum size of these requests in bytes of memory: what the engine has open. What exceeds it is no longer open, first the
/// oldest ones.
const MAX_MEMORY: usize = 2 << 20;

/// A request of another entity: an iq of type `get` or `set` whose payload has a namespace of
/// [`Identity::requests`](crate::Identity). Dropping it without an answer refuses it (`service-unavailable`).
#[must_use = "a request that is dropped is refused"]
pub struct InboundRequest {
    id: InboundRequestId,
    iq: Element,
    /// A weak sender: a request alone keeps no client running.
    requests: mpsc::WeakUnboundedSender<Request>,
    is_answered: bool,
}

impl InboundRequest {
    /// Returns the address of the requesting entity as the server stated it; `None` for a request of the server on the account's
    /// behalf. It may be any entity that sees this client's presence: the app decides what it answers to whom.
    pub fn from(&self) -> Option<&str> {
        self.iq.attr("from")
    }

    /// Returns whether it asks for a change (`set`), and not for information (`get`).
    pub fn is_set(&self) -> bool {
        self.iq.attr("type") == Some("set")
    }

    /// Returns the iq: its addresses, and exactly one payload.
    pub fn iq(&self) -> &Element {
        &self.iq
    }

    /// Returns the payload.
    pub fn payload(&self) -> Option<&Element> {
        self.iq.children().next()
    }

    /// Answers with a result, with this payload or without one. Returns when the answer is sent, or waits for the session to be
    /// resumed; it is dropped if the session is lost.
    ///
    /// # Errors
    ///
    /// [`RespondError::Expired`] if the time is over ([`Timeouts::answer`](crate::Timeouts), 30 s), so that an error was sent, or the
    /// session is lost;
    /// [`RespondError::Unsendable`] if the payload is too big (64 KiB where the server states no limit) or no XML. An error was then
    /// sent instead.
    pub async fn respond(mut self, payload: Option<Element>) -> Result<(), RespondError> {
        self.answer(Ok(payload)).await
    }

    /// Answers with an error. Returns as [`InboundRequest::respond`] does.
    ///
    /// # Errors
    ///
    /// As [`InboundRequest::respond`].
    pub async fn refuse(mut self, error: StanzaError) -> Result<(), RespondError> {
        self.answer(Err(error)).await
    }

    async fn answer(
        &mut self,
        answer: Result<Option<Element>, StanzaError>,
    ) -> Result<(), RespondError> {
        self.is_answered = true;
        let (done, wait) = oneshot::channel();
        self.send(answer, Some(done));
        wait.await.unwrap_or(Err(RespondError::Expired))
    }

    fn send(
        &self,
        answer: Result<Option<Element>, StanzaError>,
        done: Option<oneshot::Sender<Result<(), RespondError>>>,
    ) {
        if let Some(requests) = self.requests.upgrade() {
            let id = self.id;
            // After the driver has ended, the request is no longer open.
            let _ = requests.send(Request::Respond { id, answer, done });
        }
    }
}

impl Drop for InboundRequest {
    fn drop(&mut self) {
        if !self.is_answered {
            let refused = StanzaError::new(ErrorType::Cancel, StanzaCondition::ServiceUnavailable);
            self.send(Err(refused), None);
        }
    }
}

impl fmt::Debug for InboundRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundRequest")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Returns the next request of another entity that the app answers; `None` once the client has ended. Only requests with the
    /// namespaces of [`Identity::requests`](crate::Identity) are returned, from entities that see this client's presence
    /// (decision 0069), at most 64 at a time. All others are refused.
    ///
    /// An app that names namespaces there takes requests as long as the client runs: one that is not answered within 30 seconds is
    /// answered with an error.
    pub async fn next_request(&self) -> Option<InboundRequest> {
        let (id, iq) = self.inbound.next().await?;
        Some(InboundRequest {
            id,
            iq,
            requests: self.requests.downgrade(),
            is_answered: false,
        })
    }
}

/// The queue between driver and app.
#[derive(Debug, Default)]
pub(crate) struct InboundQueue {
    state: Mutex<QueueState>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct QueueState {
    requests: VecDeque<(InboundRequestId, Element)>,
    closed: bool,
}

impl QueueState {
    fn memory(&self) -> usize {
        self.requests.iter().map(|(_, iq)| iq.memory()).sum()
    }
}

impl InboundQueue {
    pub(crate) fn push(&self, id: InboundRequestId, iq: Element) {
        let mut state = self.lock();
        state.requests.push_back((id, iq));
        while state.requests.len() > MAX_QUEUED || state.memory() > MAX_MEMORY {
            state.requests.pop_front();
        }
        drop(state);
        self.changed.notify_one();
    }

    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    async fn next(&self) -> Option<(InboundRequestId, Element)> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.lock();
                let request = state.requests.pop_front();
                if !state.requests.is_empty() || state.closed {
                    // Another caller may wait.
                    self.changed.notify_one();
                }
                if request.is_some() || state.closed {
                    return request;
                }
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        // A panic elsewhere leaves the queue as it was between two pushes, which is a valid state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn i20_an_app_that_takes_no_requests_keeps_a_bounded_number() {
        let queue = InboundQueue::default();
        for number in 0..1000 {
            queue.push(
                InboundRequestId(number),
                Element::new("iq", "jabber:client"),
            );
        }
        queue.close();
        let first = queue.next().await.map(|(id, _)| id);
        assert_eq!(first, Some(InboundRequestId(1000 - 64)));
        let mut rest = 0;
        while queue.next().await.is_some() {
            rest += 1;
        }
        assert_eq!(rest, 63);
        for number in 0..100 {
            let large = Element::new("iq", "jabber:client").with_text("x".repeat(100_000));
            queue.push(InboundRequestId(number), large);
        }
        assert!(queue.lock().memory() <= MAX_MEMORY && !queue.lock().requests.is_empty());
    }
}
