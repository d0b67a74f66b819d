//! Errors of calls. Their texts are safe to log; the name of each variant shows what to do.

use std::fmt;

use snapback_client as core;

use crate::jid::JidProblem;
use crate::store::StorageProblem;

/// Why a client could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum OpenError {
    /// The account is not a bare JID with a localpart.
    Account {
        /// The error in the JID; `None` if only the localpart is missing.
        problem: Option<JidProblem>,
    },
    /// The store cannot be used.
    Storage {
        /// The reason.
        problem: StorageProblem,
    },
    /// Android's certificate verifier was not initialised: `Snapback.initialize(context)` has to be called first.
    VerifierNotInitialized,
    /// TLS cannot be set up.
    Tls {
        /// The error, safe to log.
        detail: String,
    },
    /// A name server is not an IP address, or a trusted root is not a certificate.
    Configuration {
        /// The setting.
        setting: String,
    },
    /// The system provides no random numbers.
    NoEntropy,
    /// The system provides no threads.
    NoThreads,
    /// An internal fault of this library.
    Internal,
}

/// Why a call was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Error)]
pub enum CallError {
    /// The client was closed.
    Closed,
    /// The store cannot be used.
    Storage {
        /// The reason.
        problem: StorageProblem,
    },
    /// An internal fault of this library.
    Internal,
}

/// Why a stanza was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum SendError {
    /// The queue is full; it empties as the server acknowledges stanzas.
    QueueFull {
        /// The maximum number of stanzas in the queue.
        limit: u64,
    },
    /// The recipient is not a JID.
    Recipient {
        /// The error in the JID.
        problem: JidProblem,
    },
    /// An extension, payload or stanza is not one well-formed XML element.
    BadXml,
    /// The content of the message is not allowed.
    Content {
        /// What is wrong with it, safe to log.
        problem: String,
    },
    /// The element is neither a message nor a presence.
    NotAStanza,
    /// The XML of the stanza is larger than a server accepts.
    TooBig {
        /// The size, in bytes.
        size: u64,
        /// The maximum size, in bytes.
        limit: u64,
    },
    /// Receivers would refuse the stanza.
    TooComplex {
        /// The limit that is exceeded: `depth`, `nodes`, `attributes` or `namespaces`.
        limit: String,
    },
    /// The store did not accept the stanza.
    Storage {
        /// The reason.
        problem: StorageProblem,
    },
    /// The client was closed.
    Closed,
    /// An internal fault of this library.
    Internal,
}

/// Why a request has no response.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum IqError {
    /// The responding entity returned an error (RFC 6120 section 8.3).
    Refused {
        /// `auth`, `cancel`, `continue`, `modify` or `wait`.
        kind: String,
        /// The defined condition, such as `item-not-found`.
        condition: String,
        /// The responding entity's own text: not safe to log.
        text: Option<String>,
        /// `<error/>` as XML, with the application-specific conditions and their data (RFC 6120 section 8.3.4).
        xml: String,
    },
    /// The session of the request was lost; the request may or may not have been carried out.
    SessionLost,
    /// No response arrived in time; the request may or may not have been carried out.
    TimedOut,
    /// The recipient is not a JID.
    Recipient {
        /// The error in the JID.
        problem: JidProblem,
    },
    /// The payload is not one well-formed XML element.
    BadXml,
    /// The request could not be stored for sending.
    NotQueued,
    /// The XML of the request is larger than a server accepts.
    TooBig,
    /// Receivers would refuse the request.
    TooComplex {
        /// The limit that is exceeded: `depth`, `nodes`, `attributes` or `namespaces`.
        limit: String,
    },
    /// The client was closed.
    Closed,
    /// An internal fault of this library.
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
            Self::Content { problem } => f.write_str(problem),
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
            core::ConfigError::LocalpartOfAnonymous => Self::Configuration {
                setting: "account".to_owned(),
            },
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
            core::SendError::NotXml(_) => Self::BadXml,
            core::SendError::Closed => Self::Closed,
        }
    }
}

impl From<core::IqError> for IqError {
    fn from(error: core::IqError) -> Self {
        match error {
            core::IqError::Refused(error) => Self::Refused {
                xml: error.to_element().to_xml(),
                kind: error.kind.name().to_owned(),
                condition: error.condition.to_string(),
                text: error.text.map(Into::into),
            },
            core::IqError::SessionLost => Self::SessionLost,
            core::IqError::TimedOut => Self::TimedOut,
            core::IqError::NotARequest | core::IqError::NotXml(_) => Self::BadXml,
            // The client generates the ids of these requests, so that none is in use.
            core::IqError::NotQueued | core::IqError::IdInUse => Self::NotQueued,
            core::IqError::TooBig | core::IqError::AnswerTooBig => Self::TooBig,
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

/// Why work on the runtime has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// There is no runtime.
    NoRuntime,
    /// The work panicked, which is a fault of this library (rule T10).
    Panicked,
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
