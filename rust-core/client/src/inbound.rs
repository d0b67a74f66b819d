//! Requests of other entities that the app answers (RFC 6120 section 8.2.3).

use std::fmt;

use snapback_engine::engine::{InboundRequestId, RespondError};
use snapback_proto::stanza::{ErrorType, StanzaCondition, StanzaError};
use snapback_proto::xml::Element;
use tokio::sync::{mpsc, oneshot};

use crate::client::Client;
use crate::driver::Request;

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
