//! RFC 6120 section 7: binding a resource. Everything that a new session needs rides in the same flight where that is known to
//! work; elsewhere it follows the answer (rule S2), which costs nothing until the session is there.

use crate::error::{Assumption, ConnectionError, PeerError};
use crate::ns;
use crate::part::Part;
use crate::stanza::StanzaCondition;
use crate::stream::features::StreamFeatures;
use crate::xep::bind::{self, BindError};
use crate::xml::Element;

use super::super::context::{BehindBind, Context};
use super::super::session::{self, Inline, Session};
use super::super::state::{Next, State};
use super::resume::online;

/// The bind request is on its way, and perhaps what follows it.
#[derive(Debug)]
pub(in super::super) struct ExpectBound {
    id: String,
    asked: Resource,
    session: Session,
    /// What follows a bind is on its way already; otherwise it leaves when the session is there.
    greeted: bool,
}

/// What the server is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resource {
    /// The one of this installation.
    Own,
    /// One that nobody else has: somebody is there under our own.
    Fresh,
    /// Whatever the server makes up.
    Any,
}

impl Resource {
    /// What is asked for on the same stream after this was refused (RFC 6120 7.7.2).
    fn next(self, refusal: &StanzaCondition) -> Option<Self> {
        match (self, refusal) {
            (Self::Any, _) => None,
            (Self::Own, StanzaCondition::Conflict) => Some(Self::Fresh),
            (
                Self::Own | Self::Fresh,
                StanzaCondition::Conflict
                | StanzaCondition::BadRequest
                | StanzaCondition::JidMalformed
                | StanzaCondition::NotAcceptable,
            ) => Some(Self::Any),
            _ => None,
        }
    }
}

/// Sends the bind flight. Without features, remembered or seen, nothing but the mandatory bind is sent.
pub(super) fn start(features: Option<&StreamFeatures>, context: &mut Context) -> State {
    let id = request(Resource::Own, context);
    let mut session = Session::new();
    session.plan_catch_up(None, context);
    let behind = context.behind_bind();
    let features = features.filter(|_| behind != BehindBind::Held);
    if let Some(features) = features {
        // A restart in the same flight is at risk first.
        if behind == BehindBind::Tried && context.at_risk != Some(Assumption::PipelinedRestart) {
            context.at_risk = Some(Assumption::PipelinedBind);
        }
        if features.session_required {
            session::request_start(context);
        }
        session.greet(features, Inline::default(), context);
    }
    State::ExpectBound(Box::new(ExpectBound {
        id,
        asked: Resource::Own,
        session,
        greeted: features.is_some(),
    }))
}

/// Asks for a resource; the id of the request.
fn request(resource: Resource, context: &mut Context) -> String {
    let id = context.entropy.token();
    let wanted = match resource {
        Resource::Own => Some(context.config.own_resource()),
        Resource::Fresh => {
            let tag = context.config.resource.as_str();
            Some(format!("{tag}.{}", context.entropy.token()))
        }
        Resource::Any => None,
    };
    let noted = context.note_first_bind();
    let request = bind::request(&id, wanted.as_deref());
    context.transmit_after(noted, Part::Bind, request.to_xml());
    id
}

impl ExpectBound {
    pub(in super::super) fn element(mut self, element: &Element, context: &mut Context) -> Next {
        if element.is("iq", ns::CLIENT) && element.attr("id") == Some(&self.id) {
            let jid = match bind::parse_result(element) {
                Ok(jid) => jid,
                Err(error) => return self.refused(error, context),
            };
            context.understood(Part::Bound);
            self.still_at_risk(context);
            if !self.greeted {
                let features = context.stream.features.clone().unwrap_or_default();
                self.session.greet_in_order(features, context);
            }
            // Whatever session there was is over: the plan did not ask for it, or the server refused it.
            session::lost(None, context)?;
            self.session.bound(&jid, context)?;
            return Ok(online(self.session));
        }
        if self.asked == Resource::Own {
            // Answers to what rode behind the bind may come in any order, but only after the login was proven.
            self.session.element(element, context)?;
        }
        // Behind a refusal they are about what is asked again.
        Ok(State::ExpectBound(Box::new(self)))
    }

    /// Another resource, or none in particular, on the same stream. What rode behind the request was for nothing.
    fn refused(self, error: BindError, context: &mut Context) -> Next {
        let BindError::Refused(error) = error else {
            return Err(ConnectionError::Peer(PeerError::Malformed(
                "answer to the bind request",
            )));
        };
        let Some(asked) = self.asked.next(&error.condition) else {
            return Err(ConnectionError::Peer(PeerError::BindRefused(error)));
        };
        let id = request(asked, context);
        let mut session = Session::new();
        session.plan_catch_up(None, context);
        // Without a resource the server may end the stream over what rode behind: the next time that waits.
        context.at_risk = self.greeted.then_some(Assumption::PipelinedBind);
        Ok(State::ExpectBound(Box::new(Self {
            id,
            asked,
            session,
            greeted: false,
        })))
    }

    /// The bind request is answered. What rode behind it relied on the same facts: they are proven when that is answered.
    fn still_at_risk(&self, context: &mut Context) {
        let relied = match context.at_risk {
            Some(Assumption::PipelinedBind) if self.asked == Resource::Own => return,
            at_risk => matches!(
                at_risk,
                Some(Assumption::Features | Assumption::PipelinedRestart)
            ),
        };
        let rode_behind = self.greeted && self.asked == Resource::Own;
        context.at_risk = if relied && self.session.is_enabling() {
            Some(Assumption::Features)
        } else {
            // Nothing else is open: a refusal before the first answer is about the order, even where that was proven once.
            rode_behind.then_some(Assumption::PipelinedBind)
        };
    }
}
