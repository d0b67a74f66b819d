//! XEP-0198 section 5 and XEP-0305, "Reconnection": resuming the interrupted session.

use crate::connection::login::attempt::fall_back;
use crate::connection::login::bind;
use crate::connection::login::negotiation::Negotiation;
use crate::connection::login::step::{LoginStep, Next};
use crate::connection::remote::Remote;
use crate::connection::session::{self, Session};
use crate::error::{ConnectionError, NoSession, PeerError};
use crate::knowledge::SmSession;
use crate::plan::{Goal, Purpose};
use crate::protocol_message::ProtocolMessage;
use crate::sasl::SaslCondition;
use crate::xep::sm::{self, Failed, Nonza, Resumed};
use crate::xml::Element;

/// Sends `<resume/>` directly after the header, before SASL. The planner has checked the conditions of rule S3.
pub(super) fn before_sasl(remote: &mut Remote) -> LoginStep {
    send_resume(remote);
    LoginStep::ExpectResumedBeforeSasl
}

/// Sends `<resume/>` after SASL1, or after a SASL2 login that could not carry it.
pub(super) fn after_sasl(remote: &mut Remote) -> LoginStep {
    send_resume(remote);
    LoginStep::ExpectResumed
}

fn send_resume(remote: &mut Remote) {
    if let Some(element) = resume_element(remote.knowledge.sm.as_ref()) {
        let stored = remote.resume_asked();
        remote
            .env
            .transmit_after(stored, ProtocolMessage::Resume, element.to_xml());
    }
}

/// Returns the request, independent of where it is sent: `previd` and `h`.
pub(super) fn resume_element(session: Option<&SmSession>) -> Option<Element> {
    session.map(|session| sm::resume(&session.id, session.h))
}

/// Processes the answer to `<resume/>` before SASL. A refusal loses nothing: the login continues, and requests the session
/// again after it.
pub(super) fn resumed_before_sasl(
    element: &Element,
    login: &mut Negotiation,
    remote: &mut Remote,
) -> Next {
    match parse(element)? {
        Some(Nonza::Resumed(resumed)) => {
            remote.at_risk = None;
            remote.stream.reader.login_complete();
            online(&resumed, login, remote)
        }
        Some(Nonza::Failed(_)) => {
            remote.env.understood(ProtocolMessage::SmFailed);
            remote.resumption.settled();
            remote.at_risk = None;
            remote.knowledge.server.sm_before_sasl = None;
            fall_back(SaslCondition::NotAuthorized.into(), login, remote)
        }
        _ if element.is_stanza() => Err(ConnectionError::Peer(PeerError::StanzaBeforeLogin)),
        _ => Err(ConnectionError::Peer(PeerError::Unexpected(
            "answer to <resume/>",
        ))),
    }
}

/// Processes the answer to `<resume/>` after SASL. If the session no longer exists, a new one is bound on the same stream.
pub(super) fn resumed(element: &Element, login: &mut Negotiation, remote: &mut Remote) -> Next {
    match parse(element)? {
        Some(Nonza::Resumed(resumed)) => {
            remote.at_risk = None;
            online(&resumed, login, remote)
        }
        Some(Nonza::Failed(failed)) => {
            remote.env.understood(ProtocolMessage::SmFailed);
            remote.resumption.settled();
            remote.at_risk = None;
            refused(&failed, login, remote)?;
            remote.plan.goal = Goal::Bind;
            let features = remote.stream.features.clone();
            Ok(bind::start(features.as_deref(), login, remote).into())
        }
        _ => Err(ConnectionError::Peer(PeerError::Unexpected(
            "answer to <resume/>",
        ))),
    }
}

/// Processes that the server no longer has the session. Where only a resumption is allowed, the count that it handled is
/// stored, and the rest is left to the connection that binds a new one (rule I8).
pub(super) fn refused(
    failed: &Failed,
    login: &mut Negotiation,
    remote: &mut Remote,
) -> Result<(), ConnectionError> {
    if login.purpose == Purpose::ResumeOnly {
        session::handled(failed.h, remote);
        return Err(ConnectionError::NoSession(NoSession::Forgotten));
    }
    session::lost(failed.h, &mut login.missed, remote)
}

/// Returns a stream management nonza, if it is one.
pub(super) fn parse(element: &Element) -> Result<Option<Nonza>, ConnectionError> {
    Nonza::parse(element)
        .transpose()
        .map_err(|_| ConnectionError::Peer(PeerError::Malformed("stream management element")))
}

/// Resumes the interrupted session.
pub(super) fn online(resumed: &Resumed, login: &mut Negotiation, remote: &mut Remote) -> Next {
    let missed = std::mem::take(&mut login.missed);
    Session::resumed(resumed, login.purpose, missed, remote).map(Into::into)
}
