//! What the client asks of its server and of other entities, typed.

mod blocking;
mod bookmarks;
mod change;
mod disco;
mod history;
mod nodes;
mod profile;
mod subscriptions;
mod upload;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use snapback_client as core;
use snapback_client::Client;
pub use snapback_client::service::avatar::AvatarError as AvatarProblem;

use crate::client::CoreClient;
use crate::error::IqError;

/// Why the data of an avatar is not used.
#[uniffi::remote(Enum)]
pub enum AvatarProblem {
    /// The account has none with this id.
    NotThere,
    /// It cannot be read, or is too large.
    Malformed,
    /// It has another hash than its id says.
    WrongHash,
}

/// Why a request was not successful.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum ServiceError {
    /// It has no answer, or the answer is an error.
    Request {
        /// Why.
        problem: IqError,
    },
    /// The answer violates its specification.
    Unreadable {
        /// What is wrong with it, safe to log.
        detail: String,
    },
    /// The node is configured otherwise than the options demand; nothing was published.
    PreconditionNotMet,
    /// The file is too large for the upload service.
    FileTooLarge {
        /// The maximum size in bytes, if the service states it.
        limit: Option<u64>,
    },
    /// The upload service gives no slot now.
    RetryLater {
        /// When to try again, in milliseconds since 1970, if the service states it.
        at_ms: Option<i64>,
    },
    /// The data of the avatar cannot be used.
    Avatar {
        /// Why.
        problem: AvatarProblem,
    },
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request { problem } => problem.fmt(f),
            Self::Unreadable { detail } => f.write_str(detail),
            Self::PreconditionNotMet => f.write_str("the node is configured otherwise"),
            Self::FileTooLarge { .. } => f.write_str("the file is too large"),
            Self::RetryLater { .. } => f.write_str("the service gives no slot now"),
            Self::Avatar { problem } => core::ServiceError::Avatar(*problem).fmt(f),
        }
    }
}

impl std::error::Error for ServiceError {}

impl From<core::ServiceError> for ServiceError {
    fn from(error: core::ServiceError) -> Self {
        match error {
            core::ServiceError::Request(error) => Self::Request {
                problem: error.into(),
            },
            core::ServiceError::Unreadable(error) => Self::Unreadable {
                detail: error.to_string(),
            },
            core::ServiceError::PreconditionNotMet => Self::PreconditionNotMet,
            core::ServiceError::FileTooLarge { limit } => Self::FileTooLarge { limit },
            core::ServiceError::RetryLater { at } => Self::RetryLater {
                at_ms: at.map(|at| at.saturating_mul(1000)),
            },
            core::ServiceError::Avatar(problem) => Self::Avatar { problem },
        }
    }
}

impl CoreClient {
    /// Runs a request of the client on the runtime.
    pub(crate) async fn serve<T, E, W, F>(&self, work: W) -> Result<T, ServiceError>
    where
        W: FnOnce(Arc<Client>) -> F,
        F: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: Into<ServiceError> + Send + 'static,
    {
        match self.call(work).await {
            Ok(done) => done.map_err(E::into),
            Err(error) => Err(ServiceError::Request {
                problem: error.into(),
            }),
        }
    }
}

/// Parses an address.
pub(crate) fn jid(text: &str) -> Result<core::Jid, ServiceError> {
    core::Jid::try_from(text).map_err(|error| ServiceError::Request {
        problem: IqError::Recipient {
            problem: error.into(),
        },
    })
}

pub(crate) fn jids(texts: &[String]) -> Result<Vec<core::Jid>, ServiceError> {
    texts.iter().map(|text| jid(text)).collect()
}

/// Parses the address of an account.
pub(crate) fn bare(text: &str) -> Result<core::BareJid, ServiceError> {
    Ok(jid(text)?.bare().clone())
}

pub(crate) fn optional(text: Option<String>) -> Result<Option<core::Jid>, ServiceError> {
    text.as_deref().map(jid).transpose()
}

pub(crate) fn xml(text: &str) -> Result<core::Element, ServiceError> {
    core::parse_xml(text).map_err(|error| ServiceError::Request {
        problem: error.into(),
    })
}
