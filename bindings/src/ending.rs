//! Why a connection, or an attempt at one, ended: whose fault it was, and what to do about it.

use snapback_client as core;
use snapback_client::proto::sasl::NoMechanism;
use snapback_client::resolver::ResolveError;
pub use snapback_client::{
    Assumption as WrongAssumption, LocalError as LocalProblem, NoSession as NoSessionProblem, Timer,
};
use snapback_client::{ConnectionError, DialError, LinkError, PeerError, TlsError};

use crate::store::StorageProblem;

/// How a connection, or an attempt at one, ended.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Ending {
    /// Why.
    pub reason: EndReason,
    /// The client tries again by itself, once there is a network and the app is awake. Otherwise it stays offline until it is told
    /// to connect.
    pub retryable: bool,
    /// The user has to be asked for credentials. Then the client does not try again.
    pub needs_credentials: bool,
    /// The reason as a sentence in English, safe to log.
    pub description: String,
    /// The plan that it followed, if it came so far as to have one.
    pub plan: Option<String>,
}

/// Why a connection, or an attempt at one, ended.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum EndReason {
    /// We closed it.
    Closed,
    /// It was dropped to begin another, or to go to sleep.
    Dropped,
    /// The server's name could not be resolved.
    Resolve {
        /// What went wrong.
        problem: ResolveProblem,
    },
    /// No address could be connected to.
    Unreachable {
        /// What each attempt ended with, such as `connection refused`.
        failures: Vec<String>,
    },
    /// No address answered in time.
    ConnectTimedOut,
    /// TLS failed.
    Tls {
        /// What went wrong.
        problem: TlsProblem,
    },
    /// The server closed the stream with an error (RFC 6120 section 4.9).
    StreamError {
        /// The defined condition, such as `conflict`.
        condition: String,
        /// The server's own words: not safe to log.
        text: Option<String>,
    },
    /// The server has removed the account.
    AccountRemoved {
        /// The server's own words: not safe to log.
        text: Option<String>,
    },
    /// The server refused the login (RFC 6120 section 6.5).
    LoginRefused {
        /// The SASL condition, such as `not-authorized`.
        condition: String,
        /// The server's own words, such as how long to wait: not safe to log.
        text: Option<String>,
    },
    /// The server let the user in and refused a session (RFC 6120 section 7), as of too many devices.
    BindRefused {
        /// The stanza error's condition, such as `resource-constraint`.
        condition: String,
        /// The server's own words: not safe to log.
        text: Option<String>,
    },
    /// The server wants more of the user than the password, and none of it is implemented here (XEP-0388 section 2.6.3).
    TasksRequired {
        /// The tasks, by the server's names, such as a second factor. One of them would do. Safe to log.
        tasks: Vec<String>,
        /// The server's own words: not safe to log.
        text: Option<String>,
    },
    /// The server offers no way to log in that we accept.
    NoLogin {
        /// Why.
        problem: NoLoginProblem,
    },
    /// The server is incompatible with us, or misbehaved.
    ServerFault {
        /// The rule that was broken, by its name in the project's list of rules or its section of an RFC.
        rule: String,
        /// What it did, safe to log.
        detail: String,
    },
    /// Something on this device.
    Local {
        /// What went wrong.
        problem: LocalProblem,
    },
    /// The store could not be used.
    Storage {
        /// Why.
        problem: StorageProblem,
    },
    /// Nothing came in time.
    TimedOut {
        /// Which wait.
        timer: Timer,
    },
    /// Only the interrupted session was wanted, and it is not to be had. Nothing was bound, and nothing is lost.
    NoSession {
        /// Why not.
        problem: NoSessionProblem,
    },
    /// A remembered fact was wrong. It is forgotten, and the next attempt is made at once.
    WrongAssumption {
        /// Which fact.
        assumption: WrongAssumption,
    },
    /// The transport ended without a stream end.
    TransportClosed,
    /// The server ended the stream without an error.
    StreamClosed,
    /// A bug of ours; the client is at its end.
    Internal,
}

/// Why a server's name could not be resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ResolveProblem {
    /// The domain is neither a host name nor an address.
    InvalidDomain,
    /// The domain says that it offers no XMPP.
    NotOffered,
    /// Neither SRV records nor the domain itself exist.
    NoSuchDomain,
    /// The targets have no address.
    NoAddresses,
    /// There is no name server to ask.
    NoNameServers,
    /// The DNS did not answer in time.
    NoAnswer,
    /// The DNS answered with something that cannot be used.
    BadAnswer,
}

/// What went wrong with TLS.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum TlsProblem {
    /// The certificate was refused.
    Certificate {
        /// Why.
        problem: CertificateProblem,
    },
    /// Nobody could judge the certificate: the platform's verifier is missing or was not initialised.
    VerifierUnavailable,
    /// The handshake or the connection failed.
    Protocol {
        /// What happened, safe to log.
        detail: String,
    },
}

/// Why a certificate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum CertificateProblem {
    /// Past its validity.
    Expired,
    /// Before its validity; often the phone's clock is wrong.
    NotYetValid,
    /// Issued for other names.
    NotValidForName,
    /// No path to a trust anchor.
    UnknownIssuer,
    /// Revoked by its issuer.
    Revoked,
    /// Revocation could not be checked and the verifier insists.
    RevocationUnknown,
    /// Not a well-formed certificate.
    BadEncoding,
    /// A signature is wrong.
    BadSignature,
    /// Refused for another reason.
    Other,
}

/// Why none of the server's ways to log in is acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum NoLoginProblem {
    /// We know none of them.
    NothingInCommon,
    /// Only PLAIN is offered, which the app did not allow.
    OnlyPlain,
    /// The best is weaker than what this account has used before: somebody may sit in between. See
    /// [`CoreClient::forget_login_floor`](crate::CoreClient::forget_login_floor).
    BelowFloor,
    /// The app demands channel binding, and it cannot be had.
    ChannelBindingRequired,
    /// What is offered contradicts itself: the server is broken, or somebody sits in between.
    Contradictory,
}

/// What went wrong on this device.
#[uniffi::remote(Enum)]
pub enum LocalProblem {
    /// The store could not commit.
    StorageFailed,
    /// There is neither a password nor a token to log in with.
    NoCredentials,
    /// The password holds characters that no SASL mechanism accepts.
    PasswordNotAllowed,
    /// The account's JID has no localpart.
    AccountWithoutLocalpart,
}

/// Why there is no session to resume.
#[uniffi::remote(Enum)]
pub enum NoSessionProblem {
    /// None is stored.
    NotStored,
    /// The server keeps sessions for so long, and that is over.
    Expired,
    /// The server does not offer stream management any more.
    NotOffered,
    /// The server has forgotten it.
    Forgotten,
}

/// What was waited for.
#[uniffi::remote(Enum)]
pub enum Timer {
    /// The session.
    Login,
    /// An acknowledgement.
    Ack,
    /// A sign of life after a change of the network or a wake-up.
    Probe,
    /// A sign of life after a long silence.
    Keepalive,
    /// The archive's answer.
    Archive,
    /// The end of the stream.
    Close,
}

/// A remembered fact that turned out to be wrong.
#[uniffi::remote(Enum)]
pub enum WrongAssumption {
    /// That `<starttls/>` and ClientHello may share a flight.
    CombinedStartTls,
    /// That the stream may be restarted in the flight of the last SASL message.
    PipelinedRestart,
    /// That stanzas may follow a bind request before its answer.
    PipelinedBind,
    /// That the remembered features are still offered.
    Features,
    /// That the FAST token is still good.
    FastToken,
    /// That the server can read on in a resumed session.
    Resumption,
}

impl Ending {
    pub(crate) fn new(
        reason: core::EndReason,
        then: core::AfterEnd,
        plan: Option<&core::Plan>,
    ) -> Self {
        Self {
            retryable: then == core::AfterEnd::Retries,
            needs_credentials: then == core::AfterEnd::Halts(core::OfflineReason::NeedsCredentials),
            description: reason.to_string(),
            plan: plan.map(ToString::to_string),
            reason: reason.into(),
        }
    }
}

impl From<core::EndReason> for EndReason {
    fn from(reason: core::EndReason) -> Self {
        match reason {
            core::EndReason::Closed => Self::Closed,
            core::EndReason::Dropped => Self::Dropped,
            core::EndReason::Dial(DialError::Resolve(error)) => Self::Resolve {
                problem: error.into(),
            },
            core::EndReason::Dial(DialError::Connect(kinds)) => Self::Unreachable {
                failures: kinds.iter().map(ToString::to_string).collect(),
            },
            core::EndReason::Dial(DialError::TimedOut) => Self::ConnectTimedOut,
            core::EndReason::Link(LinkError::Tls(error)) => Self::Tls {
                problem: error.into(),
            },
            core::EndReason::Link(LinkError::Connection(error)) => error.into(),
            core::EndReason::Store(error) => Self::Storage {
                problem: error.into(),
            },
            core::EndReason::Driver => Self::Internal,
        }
    }
}

impl From<ConnectionError> for EndReason {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::Local(problem) => Self::Local { problem },
            ConnectionError::Peer(PeerError::NoLogin(reason)) => Self::NoLogin {
                problem: reason.into(),
            },
            ConnectionError::Peer(PeerError::BindRefused(error)) => Self::BindRefused {
                condition: error.condition.to_string(),
                text: error.text.map(Into::into),
            },
            ConnectionError::Peer(ref fault) => Self::ServerFault {
                rule: error.rule().unwrap_or_default().to_owned(),
                detail: fault.to_string(),
            },
            ConnectionError::Stream(error) if error.is_account_removed() => Self::AccountRemoved {
                text: error.text.map(Into::into),
            },
            ConnectionError::Stream(error) => Self::StreamError {
                condition: error.condition.name().to_owned(),
                text: error.text.map(Into::into),
            },
            ConnectionError::Sasl(refusal) => Self::LoginRefused {
                condition: refusal.condition.to_string(),
                text: refusal.text.map(Into::into),
            },
            ConnectionError::TasksRequired { tasks, text } => Self::TasksRequired {
                tasks,
                text: text.map(Into::into),
            },
            ConnectionError::Timeout(timer) => Self::TimedOut { timer },
            ConnectionError::NoSession(why) => Self::NoSession { problem: why },
            ConnectionError::WrongAssumption(assumption) => Self::WrongAssumption { assumption },
            ConnectionError::TransportClosed => Self::TransportClosed,
            ConnectionError::StreamClosed => Self::StreamClosed,
        }
    }
}

impl From<ResolveError> for ResolveProblem {
    fn from(error: ResolveError) -> Self {
        match error {
            ResolveError::InvalidDomain => Self::InvalidDomain,
            ResolveError::NotOffered => Self::NotOffered,
            ResolveError::NoSuchDomain => Self::NoSuchDomain,
            ResolveError::NoAddresses => Self::NoAddresses,
            ResolveError::NoNameServers => Self::NoNameServers,
            ResolveError::NoAnswer { .. } => Self::NoAnswer,
            _ => Self::BadAnswer,
        }
    }
}

impl From<TlsError> for TlsProblem {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::CertificateInvalid(core::CertificateError::VerifierUnavailable)
            | TlsError::VerifierUnavailable => Self::VerifierUnavailable,
            TlsError::CertificateInvalid(error) => Self::Certificate {
                problem: error.into(),
            },
            other => Self::Protocol {
                detail: other.to_string(),
            },
        }
    }
}

impl From<core::CertificateError> for CertificateProblem {
    fn from(error: core::CertificateError) -> Self {
        use core::CertificateError as Core;
        match error {
            Core::Expired => Self::Expired,
            Core::NotYetValid => Self::NotYetValid,
            Core::NotValidForName => Self::NotValidForName,
            Core::UnknownIssuer => Self::UnknownIssuer,
            Core::Revoked => Self::Revoked,
            Core::RevocationUnknown => Self::RevocationUnknown,
            Core::BadEncoding => Self::BadEncoding,
            Core::BadSignature => Self::BadSignature,
            _ => Self::Other,
        }
    }
}

impl From<NoMechanism> for NoLoginProblem {
    fn from(reason: NoMechanism) -> Self {
        match reason {
            NoMechanism::NothingInCommon => Self::NothingInCommon,
            NoMechanism::OnlyPlain => Self::OnlyPlain,
            NoMechanism::BelowFloor => Self::BelowFloor,
            NoMechanism::ChannelBindingRequired => Self::ChannelBindingRequired,
            NoMechanism::BindingTypesMissing | NoMechanism::PlusMissing => Self::Contradictory,
        }
    }
}
