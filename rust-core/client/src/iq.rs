//! Requests of the app, and why they have no answer. The engine matches answers by id and sender (rule T7).

use std::fmt;
use std::future::Future;
use std::time::Duration;

use snapback_engine::engine::{Answer, RequestError};
use snapback_proto::stanza::StanzaError;
use snapback_proto::xml::{Element, Limit, XmlError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::driver::Request;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum IqError {
    /// The other entity returned an error.
    Refused(StanzaError),
    /// The session of the request is lost; the request may or may not have been carried out.
    SessionLost,
    /// No answer came in time; the request may or may not have been carried out.
    TimedOut,
    /// It is not an iq of type `get` or `set`, so no answer would come.
    NotARequest,
    /// A request with the same id waits for its answer, and an answer could not be matched to one of the two.
    IdInUse,
    /// It could not be stored for sending.
    NotQueued,
    /// It has more bytes than the configuration allows.
    TooBig,
    /// What an archive returned takes more than 16 MiB of memory.
    AnswerTooBig,
    /// It exceeds this limit of its receivers, such as that of nesting: they would refuse it.
    TooComplex(Limit),
    /// A name in it cannot be written as XML.
    NotXml(XmlError),
    /// The client is closed.
    Closed,
}

impl fmt::Display for IqError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(error) => write!(f, "refused: {}", error.condition),
            Self::SessionLost => f.write_str("the session was lost"),
            Self::TimedOut => f.write_str("no answer came in time"),
            Self::NotARequest => f.write_str("it is not a request"),
            Self::IdInUse => f.write_str("a request with this id waits for its answer"),
            Self::TooBig => f.write_str("it is too big"),
            Self::AnswerTooBig => f.write_str("its answer is too big"),
            Self::TooComplex(limit) => write!(f, "its receivers would refuse it: {limit}"),
            Self::NotXml(error) => error.fmt(f),
            Self::NotQueued => f.write_str("it could not be queued"),
            Self::Closed => f.write_str("the client is closed"),
        }
    }
}

impl std::error::Error for IqError {}

impl From<RequestError> for IqError {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Refused(error) => Self::Refused(error),
            RequestError::SessionLost => Self::SessionLost,
            RequestError::NotQueued => Self::NotQueued,
            RequestError::TooBig => Self::TooBig,
            RequestError::AnswerTooBig => Self::AnswerTooBig,
            RequestError::TooComplex(limit) => Self::TooComplex(limit),
            RequestError::NotXml(error) => Self::NotXml(error),
        }
    }
}

/// Sends a request, which has an id, and waits for its answer until the timeout. Holds no reference to the client while it waits.
pub(crate) fn ask(
    requests: &mpsc::UnboundedSender<Request>,
    stanza: Element,
    time: Duration,
) -> impl Future<Output = Result<Element, IqError>> + Send + use<> {
    let answer = ask_for_results(requests, stanza, time);
    async move { answer.await.map(|answer| answer.iq) }
}

/// The same for a query to an archive, whose answer has results.
pub(crate) fn ask_for_results(
    requests: &mpsc::UnboundedSender<Request>,
    stanza: Element,
    time: Duration,
) -> impl Future<Output = Result<Answer, IqError>> + Send + use<> {
    let (reply, wait) = oneshot::channel();
    // After the driver has ended, the receiver below finds its channel closed.
    let _ = requests.send(Request::Iq { stanza, reply });
    async move {
        match timeout(time, wait).await {
            Ok(answer) => answer.unwrap_or(Err(IqError::Closed)),
            Err(_) => Err(IqError::TimedOut),
        }
    }
}

pub(crate) type IqReply = oneshot::Sender<Result<Answer, IqError>>;
