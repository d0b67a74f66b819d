//! Requests of other entities that the app answers (RFC 6120 section 8.2.3).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use snapback_client as core;
use snapback_client::proto::peer_text::PeerText;
use snapback_client::proto::stanza::{self, StanzaCondition, StanzaError};

use crate::client::CoreClient;
use crate::error::SendError;
use crate::jid::StanzaAddress;

pub use snapback_client::proto::stanza::ErrorType;

/// What the sender of a stanza may do about an error (RFC 6120 section 8.3.2).
#[uniffi::remote(Enum)]
pub enum ErrorType {
    /// Retry after providing credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// Only a warning.
    Continue,
    /// Retry after changing the data.
    Modify,
    /// Retry after waiting.
    Wait,
}

/// The maximum number of requests that wait for the app's answer, as in the core. With one more, the first one has expired.
const MAX_OPEN: usize = 64;

/// A request of another entity.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct InboundRequest {
    /// The number with which to answer.
    pub number: u64,
    /// The requesting entity.
    pub from: StanzaAddress,
    /// Whether it asks for a change, and not for information.
    pub is_set: bool,
    /// The namespace of the payload.
    pub namespace: String,
    /// The payload as XML.
    pub payload: String,
}

/// The requests that the app has taken and not answered.
#[derive(Debug)]
pub(crate) struct TakenRequests {
    /// The namespaces of the requests that the app answers.
    namespaces: Vec<String>,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    open: BTreeMap<u64, core::InboundRequest>,
}

impl TakenRequests {
    pub(crate) fn of(namespaces: Vec<String>) -> Self {
        Self {
            namespaces,
            taken: Mutex::default(),
        }
    }

    fn take(&self, request: core::InboundRequest) -> u64 {
        let mut taken = self.lock();
        let number = taken.next;
        taken.next = number.wrapping_add(1);
        taken.open.insert(number, request);
        if taken.open.len() > MAX_OPEN {
            taken.open.pop_first();
        }
        number
    }

    fn answered(&self, number: u64) -> Option<core::InboundRequest> {
        self.lock().open.remove(&number)
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[uniffi::export]
impl CoreClient {
    /// Returns whether the configuration names this namespace: requests with others never reach the app.
    pub fn handles_requests(&self, namespace: String) -> bool {
        self.taken_requests().namespaces.contains(&namespace)
    }

    /// Waits for a request of another entity that the app answers; returns nothing once the client has ended. There may be only
    /// one caller at a time.
    pub async fn next_request(&self) -> Option<InboundRequest> {
        let client = self.client().ok()?;
        let mut closed = self.closed();
        let request = tokio::select! {
            biased;
            _ = closed.wait_for(|closed| *closed) => None,
            request = client.next_request() => request,
        }?;
        let payload = request.payload()?;
        let mut text = String::new();
        payload.write(&mut text, "");
        let namespace = payload.ns().to_owned();
        Some(InboundRequest {
            from: StanzaAddress::of(request.from()),
            is_set: request.is_set(),
            number: self.taken_requests().take(request),
            namespace,
            payload: text,
        })
    }

    /// Answers a request with a result, with this payload or without one. Returns `false` if the request has expired.
    pub async fn respond(&self, number: u64, payload: Option<String>) -> Result<bool, SendError> {
        let payload = payload.as_deref().map(core::parse_xml).transpose()?;
        match self.taken_requests().answered(number) {
            Some(request) => responded(request.respond(payload).await),
            None => Ok(false),
        }
    }

    /// Answers a request with an error. Returns `false` if the request has expired.
    pub async fn refuse(
        &self,
        number: u64,
        kind: stanza::ErrorType,
        condition: String,
        text: Option<String>,
    ) -> Result<bool, SendError> {
        let error = StanzaError {
            text: text.as_deref().and_then(PeerText::new),
            ..StanzaError::new(kind, StanzaCondition::named(&condition))
        };
        match self.taken_requests().answered(number) {
            Some(request) => responded(request.refuse(error).await),
            None => Ok(false),
        }
    }
}

fn responded(outcome: Result<(), core::RespondError>) -> Result<bool, SendError> {
    match outcome {
        Ok(()) => Ok(true),
        Err(core::RespondError::Expired) => Ok(false),
        Err(core::RespondError::Unsendable(refusal)) => Err(core::SendError::from(refusal).into()),
    }
}
