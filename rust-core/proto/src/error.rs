//! Why a connection ended: whose fault it was, and what to do about it. The text is safe to log.

use std::fmt;

use crate::connection::timer::Timer;
use crate::peer_text::PeerText;
use crate::sasl::{NoMechanism, SaslError, SaslRefusal};
use crate::stanza::StanzaError;
use crate::stream::error::{StreamCondition, StreamError};
use crate::xml::XmlError;

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionError {
    /// Something failed on this device.
    Local(LocalError),
    /// The server is incompatible with this client, or violated the protocol.
    Peer(PeerError),
    /// The server closed the stream with an error (RFC 6120 4.9).
    Stream(StreamError),
    /// The server refused the login (RFC 6120 6.5).
    Sasl(SaslRefusal),
    /// The server requires more than the password: one of these tasks (XEP-0388 2.6.3), such as a second factor. None is
    /// implemented, so the login was aborted, and trying again does not help.
    TasksRequired {
        /// By the server's names, escaped.
        tasks: Vec<String>,
        /// The server's own text.
        text: Option<PeerText>,
    },
    /// A timeout expired.
    Timeout(Timer),
    /// Only a resumption was allowed, and it is not possible (see [`Purpose::ResumeOnly`]). Nothing was bound and nothing is
    /// lost: the next connection that may bind handles what the session held.
    ///
    /// [`Purpose::ResumeOnly`]: crate::plan::Purpose::ResumeOnly
    NoSession(NoSession),
    /// A remembered fact was wrong. It is forgotten; reconnect at once without it.
    WrongAssumption(Assumption),
    /// The transport ended without a stream end.
    TransportClosed,
    /// The server ended the stream without an error.
    StreamClosed,
}

/// What went wrong on this device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalError {
    /// The store could not commit.
    StorageFailed,
    /// There is neither a password nor a token to log in with.
    NoCredentials,
    /// The app has no credentials at the moment ([`CredentialError::Unavailable`](crate::sasl::CredentialError::Unavailable)).
    CredentialsUnavailable,
    /// The app did not answer the request for a bearer token in time.
    NoTokenInTime,
    /// The password holds characters that no SASL mechanism accepts.
    PasswordNotAllowed,
    /// The account's JID has no localpart.
    AccountWithoutLocalpart,
}

/// Why there is no session to resume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSession {
    /// None is stored: there never was one, or it was closed.
    NotStored,
    /// The time for which the server keeps sessions has passed (rule I14).
    Expired,
    /// The server no longer offers stream management.
    NotOffered,
    /// The server no longer knows the session, or failed each time it was asked to resume it (rule I19).
    Forgotten,
}

/// How the server violated the protocol, or what it does not support.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerError {
    /// T6: its XML is not what XMPP allows.
    Xml(XmlError),
    /// S1: it does not offer STARTTLS.
    StartTlsNotOffered,
    /// S1: it refused STARTTLS.
    StartTlsRefused,
    /// S1: a stream error came before TLS. Any entity on the path may have sent it, so it is not acted on.
    ErrorBeforeTls(StreamCondition),
    /// RFC 6120 4.7.5: it does not speak XMPP 1.0.
    UnsupportedVersion,
    /// RFC 6120 4.7.2: its header names another domain.
    WrongDomain,
    /// It offers no login method that this client accepts.
    NoLogin(NoMechanism),
    /// T3, T4: SASL data that does not verify or does not parse.
    Sasl(SaslError),
    /// T4: a stanza came before the server was authenticated.
    StanzaBeforeLogin,
    /// RFC 6120 7.4: it accepted the login, but offers neither resource binding nor resumption. Servers do so while they are
    /// being reconfigured.
    NoBind,
    /// RFC 6120 7: it refused to bind a resource.
    BindRefused(StanzaError),
    /// It logged in, or bound, another account than the one that was asked for.
    OtherAccount,
    /// A message that is not allowed in the current state.
    Unexpected(&'static str),
    /// A message that lacks what its specification requires.
    Malformed(&'static str),
    /// I5: it acknowledged more stanzas than were sent.
    AckTooHigh {
        /// The count that it sent.
        h: u32,
        /// The count that was sent to it.
        sent: u32,
    },
    /// I7: it resumed a session although no resumption was requested.
    WrongPrevid,
    /// I7: it enabled stream management twice.
    SecondEnabled,
    /// I11: it resumed and bound at the same time.
    BoundAndResumed,
    /// It refused one login after another that it had offered.
    TooManyFallbacks,
}

/// A remembered fact that turned out to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assumption {
    /// S2: that header, `<starttls/>` and ClientHello may share a flight.
    CombinedStartTls,
    /// S2: that the stream may be restarted in the flight of the last SASL message.
    PipelinedRestart,
    /// S2: that stanzas may follow a bind request before its answer.
    PipelinedBind,
    /// S2: that the remembered features are still offered.
    Features,
    /// S5: that the FAST token is still good.
    FastToken,
    /// That the app's bearer token is good: another one is requested, once.
    BearerToken,
    /// That the server reads on at the beginning of a stanza after `<resumed/>`. Prosody 13.0 reads on where the cut left its
    /// old parser, for as long as the session lives.
    Resumption,
}

impl ConnectionError {
    /// Returns whether trying again later, unchanged, may succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Local(error) => matches!(
                error,
                LocalError::StorageFailed
                    | LocalError::CredentialsUnavailable
                    | LocalError::NoTokenInTime
            ),
            Self::Peer(error) => error.is_retryable(),
            Self::Stream(error) => error.is_retryable(),
            Self::Sasl(refusal) => refusal.condition.is_temporary(),
            Self::NoSession(_) | Self::TasksRequired { .. } => false,
            Self::Timeout(_)
            | Self::WrongAssumption(_)
            | Self::TransportClosed
            | Self::StreamClosed => true,
        }
    }

    /// Returns whether the error may be temporary although it is not retryable: a server that worked before, or a proxy in
    /// front of it, is being reconfigured. Where a login has been proven before, retrying at a low rate is right (rule I19).
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Peer(error) => {
                matches!(
                    error,
                    PeerError::NoLogin(NoMechanism::NothingInCommon) | PeerError::NoBind
                )
            }
            Self::Stream(error) => {
                !error.is_retryable()
                    && !error.is_account_removed()
                    && error.condition != StreamCondition::Conflict
            }
            Self::Sasl(SaslRefusal { condition, .. }) => {
                !condition.is_temporary() && !condition.needs_credentials()
            }
            _ => false,
        }
    }

    /// Returns whether to reconnect at once, without backoff: a remembered fact was wrong, and has been removed.
    pub fn retry_at_once(&self) -> bool {
        matches!(self, Self::WrongAssumption(_))
    }

    /// Returns whether the user has to be asked for credentials.
    pub fn needs_credentials(&self) -> bool {
        match self {
            Self::Sasl(refusal) => refusal.condition.needs_credentials(),
            Self::Stream(error) => error.is_account_removed(),
            Self::Local(LocalError::NoCredentials | LocalError::PasswordNotAllowed) => true,
            _ => false,
        }
    }

    /// Returns the rule that was violated, by its name in the project's list of rules or its RFC section.
    pub fn rule(&self) -> Option<&'static str> {
        match self {
            Self::Peer(error) => Some(error.rule()),
            Self::WrongAssumption(assumption) => Some(match assumption {
                Assumption::CombinedStartTls
                | Assumption::PipelinedRestart
                | Assumption::PipelinedBind
                | Assumption::Features => "S2",
                Assumption::FastToken => "S5",
                Assumption::BearerToken => "RFC 7628 3.2.2",
                Assumption::Resumption => "T6",
            }),
            _ => None,
        }
    }
}

impl PeerError {
    fn is_retryable(&self) -> bool {
        // What arrives before TLS may come from a captive portal: try again.
        !matches!(self, Self::NoLogin(_) | Self::NoBind)
    }

    fn rule(&self) -> &'static str {
        match self {
            Self::Xml(_) => "T6",
            Self::StartTlsNotOffered | Self::StartTlsRefused | Self::ErrorBeforeTls(_) => "S1",
            Self::UnsupportedVersion => "RFC 6120 4.7.5",
            Self::WrongDomain => "RFC 6120 4.7.2",
            Self::NoLogin(_) => "T2",
            Self::Sasl(_) | Self::StanzaBeforeLogin => "T4",
            Self::NoBind => "RFC 6120 7.4",
            Self::BindRefused(_) | Self::OtherAccount => "RFC 6120 7",
            Self::Unexpected(_) | Self::Malformed(_) => "RFC 6120 4.9.3",
            Self::AckTooHigh { .. } => "I5",
            Self::WrongPrevid | Self::SecondEnabled => "I7",
            Self::BoundAndResumed => "I11",
            Self::TooManyFallbacks => "S2",
        }
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local(error) => write!(f, "{error}"),
            Self::Peer(error) => write!(f, "the server misbehaved: {error}"),
            Self::Stream(error) if error.is_account_removed() => {
                f.write_str("the server closed the stream: the account was removed")
            }
            Self::Stream(error) => write!(
                f,
                "the server closed the stream: {}",
                error.condition.name()
            ),
            Self::Sasl(refusal) => {
                write!(f, "the server refused the login: {}", refusal.condition)
            }
            Self::TasksRequired { tasks, .. } => {
                write!(
                    f,
                    "the server wants more than the password: {}",
                    tasks.join(", ")
                )
            }
            Self::NoSession(why) => write!(f, "there is no session to resume: {why}"),
            Self::Timeout(timer) => write!(f, "timed out: {timer}"),
            Self::WrongAssumption(assumption) => write!(f, "{assumption}"),
            Self::TransportClosed => f.write_str("the connection broke"),
            Self::StreamClosed => f.write_str("the server closed the stream"),
        }
    }
}

impl fmt::Display for LocalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StorageFailed => "the store could not commit",
            Self::NoCredentials => "there is neither a password nor a token",
            Self::CredentialsUnavailable => "the app has no credentials at the moment",
            Self::NoTokenInTime => "the app gave no token in time",
            Self::PasswordNotAllowed => "the password holds characters that are not allowed",
            Self::AccountWithoutLocalpart => "the account's JID has no localpart",
        })
    }
}

impl fmt::Display for NoSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotStored => "none is stored",
            Self::Expired => "it has expired",
            Self::NotOffered => "the server does not offer to resume",
            Self::Forgotten => "the server has forgotten it",
        })
    }
}

impl fmt::Display for PeerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xml(error) => write!(f, "{error}"),
            Self::StartTlsNotOffered => f.write_str("it does not offer STARTTLS"),
            Self::StartTlsRefused => f.write_str("it refused STARTTLS"),
            Self::ErrorBeforeTls(condition) => {
                write!(f, "a stream error came before TLS: {condition}")
            }
            Self::UnsupportedVersion => f.write_str("it does not speak XMPP 1.0"),
            Self::WrongDomain => f.write_str("its stream header names another domain"),
            Self::NoLogin(reason) => write!(f, "no acceptable login: {reason}"),
            Self::Sasl(error) => write!(f, "{error}"),
            Self::StanzaBeforeLogin => f.write_str("a stanza came before the login was proven"),
            Self::NoBind => f.write_str("it offers no resource to bind"),
            Self::BindRefused(error) => {
                write!(f, "it refused to bind a resource: {}", error.condition)
            }
            Self::OtherAccount => f.write_str("it logged in another account"),
            Self::Unexpected(what) => write!(f, "unexpected {what}"),
            Self::Malformed(what) => write!(f, "malformed {what}"),
            Self::AckTooHigh { h, sent } => {
                write!(f, "it acknowledged {h} stanzas, {sent} were sent")
            }
            Self::WrongPrevid => f.write_str("it resumed another session"),
            Self::SecondEnabled => f.write_str("it enabled stream management twice"),
            Self::BoundAndResumed => f.write_str("it bound and resumed at once"),
            Self::TooManyFallbacks => f.write_str("it refused every login that it offers"),
        }
    }
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CombinedStartTls => "the combined STARTTLS flight was refused",
            Self::PipelinedRestart => "the pipelined stream restart was refused",
            Self::PipelinedBind => "stanzas before the answer to the bind request were refused",
            Self::Features => "the remembered features are out of date",
            Self::FastToken => "the FAST token was refused",
            Self::BearerToken => "the bearer token was refused",
            Self::Resumption => "the server cannot read on in the resumed session",
        })
    }
}

impl std::error::Error for ConnectionError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i10_a_removed_account_needs_credentials() {
        for (condition, text, is_removed) in [
            (StreamCondition::Conflict, "User removed", true),
            (StreamCondition::NotAuthorized, "Account deleted", true),
            (
                StreamCondition::Conflict,
                "Replaced by new connection",
                false,
            ),
            (StreamCondition::SystemShutdown, "User removed", false),
        ] {
            let mut error = StreamError::new(condition);
            error.text = PeerText::new(text);
            let error = ConnectionError::Stream(error);
            assert_eq!(error.needs_credentials(), is_removed, "{text}");
            assert!(!(is_removed && (error.is_retryable() || error.is_passing())));
        }
    }
}
