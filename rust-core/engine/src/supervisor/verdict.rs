//! What an error means for the next attempt, whatever its origin: TLS, DNS, the stream, or the store.

use snapback_proto::error::{ConnectionError, PeerError};
use snapback_proto::stanza::StanzaCondition;
use snapback_proto::stream::error::StreamCondition;

use crate::link::LinkError;

/// What an error means for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another attempt may succeed without a request of the app.
    Retry(Pace),
    /// Only the interrupted session was wanted, and it cannot be resumed: an attempt for any session may succeed.
    NoSession,
    /// No attempt is made until a person has acted.
    Halt(Halt),
}

/// When another attempt is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At once, since the cause is gone: a remembered fact was wrong and is discarded, the server named another address, or
    /// there is a new password. If this happens too often in a row, after this wait.
    AtOnce(Wait),
    /// After a wait.
    After(Wait),
}

/// The kind of a wait before the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The wait after any failure.
    Normal,
    /// The error is not retryable while an account is being set up, but it is temporary: if a login was ever proven,
    /// attempts continue at a slow pace and without end (rule I19). For example, a server that is being set up anew
    /// reports that it does not know its host, or offers no login.
    Slow,
    /// The server lacks resources, is being restarted, or refused a login, and needs more time: nothing shortens this
    /// wait.
    Relief,
}

/// What requires action by a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The user has to provide credentials.
    Credentials,
    /// Another client replaced this one (rule I10).
    Conflict,
    /// The server or this device refuses the connection.
    Refused,
}

impl Verdict {
    /// Another attempt is made after the wait that follows any failure.
    pub const RETRY: Self = Self::Retry(Pace::After(Wait::Normal));

    /// Returns the verdict for an account whose logins were proven, now or before, or were not. Without a proven login, a
    /// refusal is not assumed to pass.
    pub(crate) fn of(error: &LinkError, was_logged_in: bool) -> Self {
        match error {
            LinkError::Connection(error) if error.is_passing() && !was_logged_in => {
                Self::Halt(Halt::Refused)
            }
            error => Self::from(error),
        }
    }

    /// Returns when the next attempt is made, if one is made.
    pub(super) fn pace(self) -> Pace {
        match self {
            Self::Retry(pace) => pace,
            // A background sync that found no session says nothing about an attempt for any session.
            Self::NoSession => Pace::AtOnce(Wait::Normal),
            Self::Halt(_) => Pace::After(Wait::Normal),
        }
    }
}

impl Pace {
    /// Returns the wait if the attempt is not made at once.
    pub(super) fn wait(self) -> Wait {
        match self {
            Self::AtOnce(wait) | Self::After(wait) => wait,
        }
    }
}

impl From<&ConnectionError> for Verdict {
    fn from(error: &ConnectionError) -> Self {
        if error.needs_credentials() {
            return Self::Halt(Halt::Credentials);
        }
        let wait = wait_after(error);
        match error {
            ConnectionError::NoSession(_) => Self::NoSession,
            ConnectionError::Stream(error) if error.condition == StreamCondition::Conflict => {
                Self::Halt(Halt::Conflict)
            }
            // The server redirected this client: the next attempt goes there.
            ConnectionError::Stream(error) if error.see_other_host.is_some() => {
                Self::Retry(Pace::AtOnce(wait))
            }
            error if error.retry_at_once() => Self::Retry(Pace::AtOnce(wait)),
            error if error.is_retryable() || error.is_passing() => Self::Retry(Pace::After(wait)),
            _ => Self::Halt(Halt::Refused),
        }
    }
}

impl From<&LinkError> for Verdict {
    fn from(error: &LinkError) -> Self {
        match error {
            LinkError::Connection(error) => Self::from(error),
            LinkError::Tls(error) if error.is_retryable() => Self::RETRY,
            LinkError::Tls(_) => Self::Halt(Halt::Refused),
        }
    }
}

fn wait_after(error: &ConnectionError) -> Wait {
    match error {
        // A login that is temporarily refused counts as well: servers lock accounts that try too often.
        ConnectionError::Sasl(_) => Wait::Relief,
        // RFC 6120 section 7.7.2.1: the account has no room for another session.
        ConnectionError::Peer(PeerError::BindRefused(refusal))
            if refusal.condition == StanzaCondition::ResourceConstraint =>
        {
            Wait::Relief
        }
        // An error that follows this client's answer to another entity says nothing about the server's load.
        ConnectionError::Stream(error)
            if !error.after_answer
                && matches!(
                    error.condition,
                    StreamCondition::ResourceConstraint
                        | StreamCondition::PolicyViolation
                        | StreamCondition::SystemShutdown
                ) =>
        {
            Wait::Relief
        }
        error if error.is_passing() => Wait::Slow,
        _ => Wait::Normal,
    }
}
