//! What the client asks of its server and of other entities, typed. The payloads are those of
//! [`snapback_chat::service`](crate::service); each answer is matched by id and sender (rule T7).

mod account;
mod blocking;
mod bookmarks;
mod disco;
mod history;
mod nodes;
mod profile;
mod subscriptions;
mod upload;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use snapback_chat::service::avatar::AvatarError;
use snapback_proto::jid::Jid;
use snapback_proto::stanza;
use snapback_proto::xep::error::CodecError;
use snapback_proto::xml::Element;

use crate::client::Client;
use crate::iq::{self, IqError};

pub use disco::CapsInfo;
pub use history::{HistoryMessage, HistoryPage, HistoryRequest};
pub use profile::OutgoingAvatar;
pub use upload::UploadService;

/// How long a request waits for its answer: long enough for a reconnect in between, short enough for a user who waits.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a request was not successful.
#[derive(Clone, Debug, PartialEq)]
pub enum ServiceError {
    /// It has no answer, or the answer is an error.
    Request(IqError),
    /// The answer violates its specification.
    Unreadable(CodecError),
    /// The node is configured otherwise than the options demand (XEP-0060 section 7.1.5); nothing was published.
    PreconditionNotMet,
    /// The file is too large for the upload service (XEP-0363 section 7).
    FileTooLarge {
        /// The maximum size in bytes, if the service states it.
        limit: Option<u64>,
    },
    /// The upload service gives no slot now (XEP-0363 section 7).
    RetryLater {
        /// When to try again, in seconds since 1970, if the service states it.
        at: Option<i64>,
    },
    /// The data of the avatar cannot be used.
    Avatar(AvatarError),
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(error) => error.fmt(f),
            Self::Unreadable(error) => error.fmt(f),
            Self::PreconditionNotMet => f.write_str("the node is configured otherwise"),
            Self::FileTooLarge { limit: Some(limit) } => {
                write!(f, "the file is too large: at most {limit} bytes")
            }
            Self::FileTooLarge { limit: None } => f.write_str("the file is too large"),
            Self::RetryLater { .. } => f.write_str("the service gives no slot now"),
            Self::Avatar(AvatarError::NotThere) => f.write_str("there is no such avatar"),
            Self::Avatar(AvatarError::Malformed) => f.write_str("the avatar cannot be read"),
            Self::Avatar(AvatarError::WrongHash) => f.write_str("the avatar is another one"),
        }
    }
}

impl std::error::Error for ServiceError {}

impl From<IqError> for ServiceError {
    fn from(error: IqError) -> Self {
        Self::Request(error)
    }
}

impl From<CodecError> for ServiceError {
    fn from(error: CodecError) -> Self {
        Self::Unreadable(error)
    }
}

impl From<AvatarError> for ServiceError {
    fn from(error: AvatarError) -> Self {
        Self::Avatar(error)
    }
}

impl Client {
    /// Sends a request at once, of type `get`; the future waits for the answer.
    pub(crate) fn get(
        &self,
        to: Option<&Jid>,
        payload: Element,
    ) -> impl Future<Output = Result<Element, IqError>> + Send + use<> {
        self.ask("get", to, payload)
    }

    /// Sends a request at once, of type `set`; the future waits for the answer.
    pub(crate) fn set(
        &self,
        to: Option<&Jid>,
        payload: Element,
    ) -> impl Future<Output = Result<Element, IqError>> + Send + use<> {
        self.ask("set", to, payload)
    }

    fn ask(
        &self,
        kind: &str,
        to: Option<&Jid>,
        payload: Element,
    ) -> impl Future<Output = Result<Element, IqError>> + Send + use<> {
        let to = to.map(Jid::to_string);
        let request = stanza::iq(kind, &self.new_id(), to.as_deref()).with_child(payload);
        iq::ask(&self.requests, request, ANSWER_TIMEOUT)
    }

    /// Returns the address of the account's server.
    fn server(&self) -> Result<Jid, ServiceError> {
        Jid::try_from(self.account.domain()).map_err(|_| {
            ServiceError::Unreadable(CodecError::Malformed {
                element: "iq",
                part: "to",
            })
        })
    }
}
