//! XEP-0198 section 5 and XEP-0305, "Reconnection": resuming the interrupted session.

use crate::connection::context::Context;
use crate::connection::login::attempt::fall_back;
use crate::connection::login::bind;
use crate::connection::login::negotiation::Negotiation;
use crate::connection::login::step::{LoginStep, Next};
use crate::connection::session::{self, Session};
use crate::error::{ConnectionError, NoSession, PeerError};
use crate::knowledge::SmSession;
use crate::plan::{Goal, Purpose};
use crate::protocol_message::ProtocolMessage;
use crate::sasl::SaslCondition;
use crate::xep::sm::{self, Failed, Nonza, Resumed};
use crate::xml::Element;

/// Sends `<resume/>` directly after the header, before SASL. The planner has checked the conditions of rule S3.
pub(super) fn before_sasl(context: &mut Context) -> LoginStep {
    send_resume(context);
    LoginStep::ExpectResumedBeforeSasl
}

/// Sends `<resume/>` after SASL1, or after a SASL2 login that could not carry it.
pub(super) fn after_sasl(context: &mut Context) -> LoginStep {
    send_resume(context);
    LoginStep::ExpectResumed
}

fn send_resume(context: &mut Context) {
    if let Some(element) = resume_element(context.knowledge.sm.as_ref()) {
        context.resume_asked();
        context
            .env
            .transmit_element(ProtocolMessage::Resume, &element);
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
    context: &mut Context,
) -> Next {
    match parse(element)? {
        Some(Nonza::Resumed(resumed)) => {
            context.at_risk = None;
            context.stream.reader.login_complete();
            online(&resumed, login, context)
        }
        Some(Nonza::Failed(_)) => {
            context.env.understood(ProtocolMessage::SmFailed);
            context.resumption.settled();
            context.at_risk = None;
            context.knowledge.server.sm_before_sasl = None;
            fall_back(SaslCondition::NotAuthorized.into(), login, context)
        }
        _ if element.is_stanza() => Err(ConnectionError::Peer(PeerError::StanzaBeforeLogin)),
        _ => Err(ConnectionError::Peer(PeerError::Unexpected(
            "answer to <resume/>",
        ))),
    }
}

/// Processes the answer to `<resume/>` after SASL. If the session no longer exists, a new one is bound on the same stream.
pub(super) fn resumed(element: &Element, login: &mut Negotiation, context: &mut Context) -> Next {
    match parse(element)? {
        Some(Nonza::Resumed(resumed)) => {
            context.at_risk = None;
            online(&resumed, login, context)
        }
        Some(Nonza::Failed(failed)) => {
            context.env.understood(ProtocolMessage::SmFailed);
            context.resumption.settled();
            context.at_risk = None;
            refused(&failed, login, context)?;
            context.plan.goal = Goal::Bind;
            let features = context.stream.features.clone();
            Ok(bind::start(features.as_deref(), login, context).into())
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
    context: &mut Context,
) -> Result<(), ConnectionError> {
    if login.purpose == Purpose::ResumeOnly {
        session::handled(failed.h, context);
        return Err(ConnectionError::NoSession(NoSession::Forgotten));
    }
    session::lost(failed.h, &mut login.missed, context)
}

/// Returns a stream management nonza, if it is one.
pub(super) fn parse(element: &Element) -> Result<Option<Nonza>, ConnectionError> {
    Nonza::parse(element)
        .transpose()
        .map_err(|_| ConnectionError::Peer(PeerError::Malformed("stream management element")))
}

/// Resumes the interrupted session.
pub(super) fn online(resumed: &Resumed, login: &mut Negotiation, context: &mut Context) -> Next {
    let missed = std::mem::take(&mut login.missed);
    Session::resumed(resumed, missed, context).map(Into::into)
}
