//! What an error that ends a connection indicates: the one place where errors are classified for the policy.

use crate::connection::Timer;
use crate::error::{ConnectionError, PeerError};
use crate::stream::error::StreamCondition;

/// How strongly an error indicates that the server rejected what it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The server answered with something that is no valid answer, or ended the stream because of it.
    Refusal,
    /// The transport ended, or a timeout expired: the path may have failed.
    Silence,
}

impl Evidence {
    /// Returns what the error indicates as an answer to a request. `None`: it is unrelated.
    pub(crate) fn of_answer(error: &ConnectionError) -> Option<Self> {
        match error {
            ConnectionError::Stream(error) => match error.condition {
                StreamCondition::Conflict | StreamCondition::SeeOtherHost => None,
                condition if may_answer_bad_input(condition) => Some(Self::Refusal),
                // The server is temporarily unable to answer.
                _ => Some(Self::Silence),
            },
            ConnectionError::StreamClosed
            | ConnectionError::Peer(
                PeerError::Xml(_)
                | PeerError::StanzaBeforeLogin
                | PeerError::Unexpected(_)
                | PeerError::Malformed(_)
                | PeerError::SecondEnabled
                | PeerError::BoundAndResumed
                | PeerError::OtherAccount,
            ) => Some(Self::Refusal),
            ConnectionError::TransportClosed | ConnectionError::Timeout(_) => Some(Self::Silence),
            ConnectionError::Peer(_)
            | ConnectionError::Local(_)
            | ConnectionError::Sasl(_)
            | ConnectionError::NoSession(_)
            | ConnectionError::TasksRequired { .. }
            | ConnectionError::WrongAssumption(_) => None,
        }
    }

    /// Returns what the error indicates as an answer to a login with the token. `None`: it is unrelated.
    pub(crate) fn of_token(error: &ConnectionError) -> Option<Self> {
        match error {
            ConnectionError::Peer(PeerError::Sasl(_)) => Some(Self::Refusal),
            error => Self::of_answer(error),
        }
    }

    /// Returns what the error indicates where the flight relied on a remembered fact. `None`: it is unrelated.
    pub(crate) fn of_flight(error: &ConnectionError) -> Option<Self> {
        match error {
            ConnectionError::Stream(error) => {
                may_answer_bad_input(error.condition).then_some(Self::Refusal)
            }
            ConnectionError::Peer(PeerError::ErrorBeforeTls(condition)) => {
                may_answer_bad_input(*condition).then_some(Self::Refusal)
            }
            ConnectionError::StreamClosed | ConnectionError::Peer(PeerError::Xml(_)) => {
                Some(Self::Refusal)
            }
            ConnectionError::TransportClosed | ConnectionError::Timeout(Timer::Login) => {
                Some(Self::Silence)
            }
            _ => None,
        }
    }

    /// Returns what the error indicates about what the server had not answered when the connection ended. The end of the
    /// stream and the end of TLS (`close_notify`) come from the server: no network can cause them.
    pub(crate) fn of_sent(error: &ConnectionError, is_tls_closed: bool) -> Option<Self> {
        match error {
            ConnectionError::Stream(error) => {
                may_answer_bad_input(error.condition).then_some(Self::Refusal)
            }
            ConnectionError::StreamClosed => Some(Self::Refusal),
            ConnectionError::TransportClosed if is_tls_closed => Some(Self::Refusal),
            ConnectionError::TransportClosed => Some(Self::Silence),
            _ => None,
        }
    }

    /// Returns whether the server parsed a stanza as the continuation of one that was cut off.
    pub(crate) fn is_of_torn_stanza(error: &ConnectionError) -> bool {
        matches!(error, ConnectionError::Stream(error) if may_answer_a_torn_stanza(error.condition))
    }
}

/// Returns whether this is the error of a server that parses a stanza as the continuation of another.
fn may_answer_a_torn_stanza(condition: StreamCondition) -> bool {
    matches!(
        condition,
        StreamCondition::BadFormat
            | StreamCondition::InvalidXml
            | StreamCondition::NotWellFormed
            | StreamCondition::PolicyViolation
            | StreamCondition::RestrictedXml
    )
}

/// Returns whether a server that does not understand what it was sent may answer with this condition.
fn may_answer_bad_input(condition: StreamCondition) -> bool {
    !matches!(
        condition,
        StreamCondition::Conflict
            | StreamCondition::ConnectionTimeout
            | StreamCondition::HostGone
            | StreamCondition::HostUnknown
            | StreamCondition::RemoteConnectionFailed
            | StreamCondition::Reset
            | StreamCondition::ResourceConstraint
            | StreamCondition::SeeOtherHost
            | StreamCondition::SystemShutdown
            | StreamCondition::UnsupportedVersion
    )
}
