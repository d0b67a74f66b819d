//! Why a connection or a connection attempt ended: which side caused it, and what to do about it.

use snapback_client as core;
use snapback_client::proto::sasl::NoMechanism;
use snapback_client::resolver::ResolveError;
pub use snapback_client::{
    Assumption as WrongAssumption, LocalError as LocalProblem, NoSession as NoSessionProblem, Timer,
};
use snapback_client::{ConnectionError, DialError, LinkError, PeerError, TlsError};

use crate::dial::DialReport;
use crate::store::StorageProblem;
use crate::timeline::Timeline;

/// How a connection or a connection attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Ending {
    /// The reason.
    pub reason: EndReason,
    /// Whether the client retries by itself, once there is a network and the app is awake. Otherwise it stays offline
    /// until the app calls connect.
    pub retryable: bool,
    /// Whether the user has to provide credentials. If so, the client does not retry.
    pub needs_credentials: bool,
    /// The reason as an English sentence, safe to log.
    pub description: String,
    /// The plan that the connection followed, if it got far enough to have one.
    pub plan: Option<String>,
    /// What each flight carried, and how long it took, if there was a transport.
    pub timeline: Option<Timeline>,
    /// How the server was looked for: what was asked, and what became of each address.
    pub dial: DialReport,
}

/// Why a connection or a connection attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum EndReason {
    /// This client closed the connection.
    Closed,
    /// The connection was dropped to begin another, or because the client was suspended.
    Dropped,
    /// The server's name could not be resolved.
    Resolve {
        /// The error.
        problem: ResolveProblem,
    },
    /// No address accepted a connection.
    Unreachable {
        /// The error of each attempt, such as `connection refused`.
        failures: Vec<String>,
    },
    /// No address responded in time.
    ConnectTimedOut,
    /// TLS failed.
    Tls {
        /// The error.
        problem: TlsProblem,
    },
    /// The server closed the stream with an error (RFC 6120 section 4.9).
    StreamError {
        /// The defined condition, such as `conflict`.
        condition: String,
        /// The server's own text: not safe to log.
        text: Option<String>,
    },
    /// The server has removed the account.
    AccountRemoved {
        /// The server's own text: not safe to log.
        text: Option<String>,
    },
    /// The server refused the login (RFC 6120 section 6.5).
    LoginRefused {
        /// The SASL condition, such as `not-authorized`.
        condition: String,
        /// The server's own text, such as how long to wait: not safe to log.
        text: Option<String>,
    },
    /// The server accepted the login and refused a session (RFC 6120 section 7), for example because of too many
    /// devices.
    BindRefused {
        /// The stanza error's condition, such as `resource-constraint`.
        condition: String,
        /// The server's own text: not safe to log.
        text: Option<String>,
    },
    /// The server requires more than the password, and none of the tasks that it offers is implemented (XEP-0388
    /// section 2.6.3).
    TasksRequired {
        /// The names of the tasks, such as a second factor; one of them would be sufficient. Safe to log.
        tasks: Vec<String>,
        /// The server's own text: not safe to log.
        text: Option<String>,
    },
    /// The server offers no acceptable way to log in.
    NoLogin {
        /// The reason.
        problem: NoLoginProblem,
    },
    /// The server is incompatible with this client, or misbehaved.
    ServerFault {
        /// The rule that was broken: its name in the project's list of rules, or a section of an RFC.
        rule: String,
        /// What the server did, safe to log.
        detail: String,
    },
    /// A failure on this device.
    Local {
        /// The error.
        problem: LocalProblem,
    },
    /// The store could not be used.
    Storage {
        /// The reason.
        problem: StorageProblem,
    },
    /// A deadline passed.
    TimedOut {
        /// The timer.
        timer: Timer,
    },
    /// Only the interrupted session was wanted, and it cannot be resumed. No new session was bound, and nothing is
    /// lost.
    NoSession {
        /// The reason.
        problem: NoSessionProblem,
    },
    /// A remembered fact was wrong. It is discarded, and the next attempt is made at once.
    WrongAssumption {
        /// The wrong fact.
        assumption: WrongAssumption,
    },
    /// The transport ended without an end of the stream.
    TransportClosed,
    /// The server ended the stream without an error.
    StreamClosed,
    /// An internal fault of this library. The client has ended.
    Internal,
}

/// Why a server's name could not be resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ResolveProblem {
    /// The domain is neither a host name nor an IP address.
    InvalidDomain,
    /// The domain declares that it offers no XMPP.
    NotOffered,
    /// Neither SRV records nor the domain itself exist.
    NoSuchDomain,
    /// The targets have no address.
    NoAddresses,
    /// The name is that of an onion service, which no resolver is asked for (RFC 7686).
    OnionService,
    /// There is no name server to query.
    NoNameServers,
    /// The DNS did not respond in time.
    NoAnswer,
    /// The DNS response cannot be used.
    BadAnswer,
}

/// An error of TLS.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum TlsProblem {
    /// The certificate was refused.
    Certificate {
        /// The reason.
        problem: CertificateProblem,
    },
    /// The certificate could not be verified: the platform's verifier is missing or was not initialised.
    VerifierUnavailable,
    /// The handshake or the connection failed.
    Protocol {
        /// The error, safe to log.
        detail: String,
    },
}

/// Why a certificate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum CertificateProblem {
    /// The validity period has ended.
    Expired,
    /// The validity period has not begun; often the phone's clock is wrong.
    NotYetValid,
    /// Issued for other names.
    NotValidForName,
    /// It names the domain by SRVName or xmppAddr only.
    XmppNameOnly,
    /// It has none of the keys that the app demands.
    KeyNotAllowed,
    /// No path to a trust anchor.
    UnknownIssuer,
    /// Revoked by its issuer.
    Revoked,
    /// Revocation could not be checked, and the verifier requires the check.
    RevocationUnknown,
    /// Not a well-formed certificate.
    BadEncoding,
    /// A signature is invalid.
    BadSignature,
    /// Refused for another reason.
    Other,
}

/// Why none of the login methods that the server offers is acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum NoLoginProblem {
    /// This client supports none of them.
    NothingInCommon,
    /// Only PLAIN is offered, which the app did not allow.
    OnlyPlain,
    /// The best one is weaker than the one that this account used before: an attacker may have changed the offer. See
    /// [`CoreClient::forget_login_floor`](crate::CoreClient::forget_login_floor).
    BelowFloor,
    /// The app requires channel binding, and it is not available.
    ChannelBindingRequired,
    /// The offer contradicts itself: the server is faulty, or an attacker has changed the offer.
    Contradictory,
}

/// A failure on this device.
#[uniffi::remote(Enum)]
pub enum LocalProblem {
    /// The store could not commit.
    StorageFailed,
    /// There is neither a password nor a token to log in with.
    NoCredentials,
    /// The app has no credentials at the moment.
    CredentialsUnavailable,
    /// The app did not answer the request for a bearer token in time.
    NoTokenInTime,
    /// The password contains characters that no SASL mechanism accepts.
    PasswordNotAllowed,
    /// The account's JID has no localpart.
    AccountWithoutLocalpart,
}

/// Why there is no session to resume.
#[uniffi::remote(Enum)]
pub enum NoSessionProblem {
    /// None is stored.
    NotStored,
    /// The time for which the server keeps sessions has passed.
    Expired,
    /// The server no longer offers stream management.
    NotOffered,
    /// The server has discarded it.
    Forgotten,
}

/// What a timer was waiting for.
#[uniffi::remote(Enum)]
pub enum Timer {
    /// The session.
    Login,
    /// An acknowledgement.
    Ack,
    /// The response to a liveness probe after a change of the network or a wake-up.
    Probe,
    /// The response to a liveness probe after a long time without inbound data.
    Keepalive,
    /// The response of the archive.
    Archive,
    /// The app's bearer token.
    Token,
    /// The answer to a request that is sent alone, since the session failed with it before.
    Request,
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
    /// That stanzas may follow a bind request before its response.
    PipelinedBind,
    /// That the remembered features are still offered.
    Features,
    /// That the FAST token is still valid.
    FastToken,
    /// That the app's bearer token is valid.
    BearerToken,
    /// That the server continues to read in a resumed session.
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
            timeline: None,
            dial: DialReport::default(),
            reason: reason.into(),
        }
    }

    /// Adds how the server was found, and what each flight carried.
    pub(crate) fn with_course(
        self,
        timeline: Option<Box<core::Timeline>>,
        dial: core::DialReport,
    ) -> Self {
        Self {
            timeline: timeline.map(|timeline| (*timeline).into()),
            dial: dial.into(),
            ..self
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
            core::EndReason::Dial(DialError::Proxy(error)) => Self::Unreachable {
                failures: vec![error.to_string()],
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
            ResolveError::OnionService => Self::OnionService,
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
            Core::XmppNameOnly => Self::XmppNameOnly,
            Core::KeyNotAllowed => Self::KeyNotAllowed,
            Core::UnknownIssuer => Self::UnknownIssuer,
            Core::Revoked => Self::Revoked,
            Core::RevocationUnknown => Self::RevocationUnknown,
            Core::BadEncoding => Self::BadEncoding,
            Core::BadSignature => Self::BadSignature,
            _ => Self::Other,
        }
    }
}

impl From<CertificateProblem> for core::CertificateError {
    fn from(problem: CertificateProblem) -> Self {
        match problem {
            CertificateProblem::Expired => Self::Expired,
            CertificateProblem::NotYetValid => Self::NotYetValid,
            CertificateProblem::NotValidForName => Self::NotValidForName,
            CertificateProblem::XmppNameOnly => Self::XmppNameOnly,
            CertificateProblem::KeyNotAllowed => Self::KeyNotAllowed,
            CertificateProblem::UnknownIssuer => Self::UnknownIssuer,
            CertificateProblem::Revoked => Self::Revoked,
            CertificateProblem::RevocationUnknown => Self::RevocationUnknown,
            CertificateProblem::BadEncoding => Self::BadEncoding,
            CertificateProblem::BadSignature => Self::BadSignature,
            CertificateProblem::Other => Self::Other,
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
