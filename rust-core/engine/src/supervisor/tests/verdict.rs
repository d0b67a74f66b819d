//! What each error means for the next attempt.

use snapback_proto::error::{Assumption, ConnectionError, LocalError, NoSession, PeerError};
use snapback_proto::peer_text::PeerText;
use snapback_proto::sasl::{NoMechanism, SaslCondition};
use snapback_proto::stanza::{ErrorType, StanzaCondition, StanzaError};
use snapback_proto::stream::error::{StreamCondition, StreamError};

use crate::link::LinkError;

use super::*;

#[test]
fn errors_are_classified() {
    let stream = |condition| ConnectionError::Stream(StreamError::new(condition));
    let bind_refused = |condition| {
        let refusal = StanzaError::new(ErrorType::Cancel, condition);
        ConnectionError::Peer(PeerError::BindRefused(refusal))
    };
    let weaker = PeerError::NoLogin(NoMechanism::BelowFloor);
    let nothing = PeerError::NoLogin(NoMechanism::NothingInCommon);
    let table = [
        (
            ConnectionError::Stream(StreamError {
                text: PeerText::new("User removed"),
                ..StreamError::new(StreamCondition::Conflict)
            }),
            CREDENTIALS,
        ),
        (stream(StreamCondition::HostUnknown), PASSING),
        (stream(StreamCondition::HostGone), PASSING),
        (stream(StreamCondition::InvalidFrom), PASSING),
        (stream(StreamCondition::UnsupportedVersion), PASSING),
        (ConnectionError::Peer(nothing), PASSING),
        (ConnectionError::Peer(weaker), REFUSED),
        (
            ConnectionError::Sasl(SaslCondition::MechanismTooWeak.into()),
            OVERLOADED,
        ),
        (
            ConnectionError::Local(LocalError::AccountWithoutLocalpart),
            REFUSED,
        ),
        (ConnectionError::TransportClosed, BROKEN),
        (stream(StreamCondition::Reset), BROKEN),
        (stream(StreamCondition::ResourceConstraint), OVERLOADED),
        (stream(StreamCondition::PolicyViolation), OVERLOADED),
        (stream(StreamCondition::SystemShutdown), OVERLOADED),
        (
            bind_refused(StanzaCondition::ResourceConstraint),
            OVERLOADED,
        ),
        (bind_refused(StanzaCondition::NotAllowed), BROKEN),
        // W9: an error that follows an answer to another entity says nothing about the server's load.
        (
            ConnectionError::Stream(StreamError {
                after_answer: true,
                ..StreamError::new(StreamCondition::PolicyViolation)
            }),
            BROKEN,
        ),
        (stream(StreamCondition::Conflict), CONFLICT),
        (
            ConnectionError::Stream(StreamError {
                see_other_host: Some("xmpp2.example.org".to_owned()),
                ..StreamError::new(StreamCondition::SeeOtherHost)
            }),
            WRONG_ASSUMPTION,
        ),
        (
            ConnectionError::WrongAssumption(Assumption::Features),
            WRONG_ASSUMPTION,
        ),
        (
            ConnectionError::NoSession(NoSession::Expired),
            Verdict::NoSession,
        ),
        (
            ConnectionError::Sasl(SaslCondition::TemporaryAuthFailure.into()),
            OVERLOADED,
        ),
        (
            ConnectionError::Sasl(SaslCondition::NotAuthorized.into()),
            CREDENTIALS,
        ),
    ];
    for (error, verdict) in table {
        assert_eq!(Verdict::from(&error), verdict, "{error}");
        // Without a proven login, only what is retryable is retried.
        let is_retried = error.is_retryable() || !matches!(verdict, Verdict::Retry(_));
        let expected = if is_retried { verdict } else { REFUSED };
        let error = LinkError::Connection(error);
        assert_eq!(Verdict::of(&error, true), verdict, "{error}");
        assert_eq!(Verdict::of(&error, false), expected, "{error}");
    }
}
