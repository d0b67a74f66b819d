//! Errors of calls. Texts are safe to log; each variant says what to do by its name.

use std::fmt;

use snapback_client as core;

use crate::jid::JidProblem;
use crate::runtime::Lost;
use crate::store::StorageProblem;

/// Why a client could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum OpenError {
    /// The account is not a bare JID with a localpart.
    Account {
        /// What is wrong with it; nothing if only the localpart is missing.
        problem: Option<JidProblem>,
    },
    /// The store cannot be used.
    Storage {
        /// Why.
        problem: StorageProblem,
    },
    /// The certificate verifier of Android has not been told about Java: `Snapback.initialize(context)` comes first.
    VerifierNotInitialized,
    /// TLS cannot be set up.
    Tls {
        /// What happened, safe to log.
        detail: String,
    },
    /// A name server is not an IP address, or a trusted root not a certificate.
    Configuration {
        /// Which setting.
        setting: String,
    },
    /// The system gives no random numbers.
    NoEntropy,
    /// The system gives no threads.
    NoThreads,
    /// A bug of ours.
    Internal,
}

/// Why a call was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Error)]
pub enum CallError {
    /// The client was closed.
    Closed,
    /// The store cannot be used.
    Storage {
        /// Why.
        problem: StorageProblem,
    },
    /// A bug of ours.
    Internal,
}

/// Why a stanza was not taken.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum SendError {
    /// The queue is full; it empties as the server acknowledges.
    QueueFull {
        /// How many stanzas it holds.
        limit: u64,
    },
    /// The recipient is not a JID.
    Recipient {
        /// What is wrong with it.
        problem: JidProblem,
    },
    /// An extension, payload or stanza is not one well-formed XML element.
    BadXml,
    /// It is neither a message nor a presence.
    NotAStanza,
    /// As XML it has more bytes than a server takes.
    TooBig {
        /// How many it has.
        size: u64,
        /// How many it may have.
        limit: u64,
    },
    /// Its receivers would refuse it.
    TooComplex {
        /// Which limit it is over: `depth`, `nodes`, `attributes` or `namespaces`.
        limit: String,
    },
    /// The store did not take it.
    Storage {
        /// Why.
        problem: StorageProblem,
    },
    /// The client was closed.
    Closed,
    /// A bug of ours.
    Internal,
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum IqError {
    /// The other side refused (RFC 6120 section 8.3).
    Refused {
        /// `auth`, `cancel`, `continue`, `modify` or `wait`.
        kind: String,
        /// The defined condition, such as `item-not-found`.
        condition: String,
        /// The other side's own words: not safe to log.
        text: Option<String>,
    },
    /// The session that it belonged to is gone; it may or may not have been carried out.
    SessionLost,
    /// No answer came in time; it may or may not have been carried out.
    TimedOut,
    /// The recipient is not a JID.
    Recipient {
        /// What is wrong with it.
        problem: JidProblem,
    },
    /// The payload is not one well-formed XML element.
    BadXml,
    /// It could not be stored for sending.
    NotQueued,
    /// It has more bytes than a server takes.
    TooBig,
    /// Its receivers would refuse it.
    TooComplex {
        /// Which limit it is over: `depth`, `nodes`, `attributes` or `namespaces`.
        limit: String,
    },
    /// The client was closed.
    Closed,
    /// A bug of ours.
    Internal,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account {
                problem: Some(problem),
            } => write!(f, "the account is not a JID: {problem}"),
            Self::Account { problem: None } => f.write_str("the account's JID has no localpart"),
            Self::Storage { problem } => write!(f, "{problem}"),
            Self::VerifierNotInitialized => {
                f.write_str("the certificate verifier was not initialized")
            }
            Self::Tls { detail } => f.write_str(detail),
            Self::Configuration { setting } => write!(f, "{setting} cannot be used"),
            Self::NoEntropy => f.write_str("the system gives no random numbers"),
            Self::NoThreads => f.write_str("the system gives no threads"),
            Self::Internal => f.write_str("internal error"),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the client is closed"),
            Self::Storage { problem } => write!(f, "{problem}"),
            Self::Internal => f.write_str("internal error"),
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueFull { limit } => write!(f, "the queue is full: it holds {limit} stanzas"),
            Self::Recipient { problem } => write!(f, "the recipient is not a JID: {problem}"),
            Self::BadXml => f.write_str("it is not one well-formed element"),
            Self::NotAStanza => f.write_str("it is neither a message nor a presence"),
            Self::TooBig { size, limit } => {
                write!(f, "it has {size} bytes, and may have {limit}")
            }
            Self::TooComplex { limit } => write!(f, "its receivers would refuse it: {limit}"),
            Self::Storage { problem } => write!(f, "{problem}"),
            Self::Closed => f.write_str("the client is closed"),
            Self::Internal => f.write_str("internal error"),
        }
    }
}

impl fmt::Display for IqError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { condition, .. } => write!(f, "refused: {condition}"),
            Self::SessionLost => f.write_str("the session was lost"),
            Self::TimedOut => f.write_str("no answer came in time"),
            Self::Recipient { problem } => write!(f, "the recipient is not a JID: {problem}"),
            Self::BadXml => f.write_str("it is not one well-formed element"),
            Self::NotQueued => f.write_str("it could not be queued"),
            Self::TooBig => f.write_str("it has too many bytes"),
            Self::TooComplex { limit } => write!(f, "its receivers would refuse it: {limit}"),
            Self::Closed => f.write_str("the client is closed"),
            Self::Internal => f.write_str("internal error"),
        }
    }
}

impl std::error::Error for OpenError {}
impl std::error::Error for CallError {}
impl std::error::Error for SendError {}
impl std::error::Error for IqError {}

impl From<core::ConfigError> for OpenError {
    fn from(error: core::ConfigError) -> Self {
        match error {
            core::ConfigError::Jid(problem) => Self::Account {
                problem: Some(problem.into()),
            },
            core::ConfigError::NoLocalpart => Self::Account { problem: None },
            core::ConfigError::NoEntropy => Self::NoEntropy,
            core::ConfigError::Tls(error) => Self::Tls {
                detail: error.to_string(),
            },
            core::ConfigError::Store(error) => error.into(),
            core::ConfigError::NoRuntime => Self::NoThreads,
        }
    }
}

impl From<core::StoreError> for OpenError {
    fn from(error: core::StoreError) -> Self {
        Self::Storage {
            problem: error.into(),
        }
    }
}

impl From<core::StoreError> for CallError {
    fn from(error: core::StoreError) -> Self {
        Self::Storage {
            problem: error.into(),
        }
    }
}

impl From<core::SendError> for SendError {
    fn from(error: core::SendError) -> Self {
        match error {
            core::SendError::Store(core::StoreError::QueueFull { limit }) => Self::QueueFull {
                limit: limit as u64,
            },
            core::SendError::Store(error) => Self::Storage {
                problem: error.into(),
            },
            core::SendError::NotAStanza => Self::NotAStanza,
            core::SendError::TooBig { size, limit } => Self::TooBig {
                size: size as u64,
                limit: limit as u64,
            },
            core::SendError::TooComplex(limit) => Self::TooComplex {
                limit: limit.to_string(),
            },
            core::SendError::Closed => Self::Closed,
        }
    }
}

impl From<core::IqError> for IqError {
    fn from(error: core::IqError) -> Self {
        match error {
            core::IqError::Refused(error) => Self::Refused {
                kind: error.kind.name().to_owned(),
                condition: error.condition.to_string(),
                text: error.text.map(Into::into),
            },
            core::IqError::SessionLost => Self::SessionLost,
            core::IqError::TimedOut => Self::TimedOut,
            core::IqError::NotARequest => Self::BadXml,
            core::IqError::NotQueued => Self::NotQueued,
            core::IqError::TooBig => Self::TooBig,
            core::IqError::TooComplex(limit) => Self::TooComplex {
                limit: limit.to_string(),
            },
            core::IqError::Closed => Self::Closed,
        }
    }
}

impl From<CallError> for IqError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Closed => Self::Closed,
            CallError::Storage { .. } | CallError::Internal => Self::Internal,
        }
    }
}

impl From<core::ParseXmlError> for SendError {
    fn from(error: core::ParseXmlError) -> Self {
        match error {
            core::ParseXmlError::NotOneElement => Self::BadXml,
            core::ParseXmlError::TooBig { size, limit } => Self::TooBig {
                size: size as u64,
                limit: limit as u64,
            },
            core::ParseXmlError::TooComplex(limit) => Self::TooComplex {
                limit: limit.to_string(),
            },
        }
    }
}

impl From<core::ParseXmlError> for IqError {
    fn from(error: core::ParseXmlError) -> Self {
        match error {
            core::ParseXmlError::NotOneElement => Self::BadXml,
            core::ParseXmlError::TooBig { .. } => Self::TooBig,
            core::ParseXmlError::TooComplex(limit) => Self::TooComplex {
                limit: limit.to_string(),
            },
        }
    }
}

impl From<core::ClientEnded> for CallError {
    fn from(_: core::ClientEnded) -> Self {
        Self::Closed
    }
}

impl From<Lost> for OpenError {
    fn from(lost: Lost) -> Self {
        match lost {
            Lost::NoRuntime => Self::NoThreads,
            Lost::Panicked => Self::Internal,
        }
    }
}

impl From<Lost> for CallError {
    fn from(_: Lost) -> Self {
        Self::Internal
    }
}

impl From<Lost> for SendError {
    fn from(_: Lost) -> Self {
        Self::Internal
    }
}

impl From<Lost> for IqError {
    fn from(_: Lost) -> Self {
        Self::Internal
    }
}
