//! RFC 6120 section 7: binding a resource. Everything that a new session needs rides in the same flight.

use crate::error::{Assumption, ConnectionError, PeerError};
use crate::ns;
use crate::part::Part;
use crate::stanza;
use crate::stream::features::StreamFeatures;
use crate::xep::bind;
use crate::xml::Element;

use super::super::context::Context;
use super::super::session::{self, Inline, Session};
use super::super::state::{Next, State};
use super::resume::online;

/// The bind request is on its way, and perhaps what follows it.
#[derive(Debug)]
pub(in super::super) struct ExpectBound {
    id: String,
    session: Session,
    /// What follows a bind is on its way already; otherwise it leaves when the session is there.
    greeted: bool,
}

/// Sends the bind flight. Without features, remembered or seen, nothing but the mandatory bind is sent.
pub(super) fn start(features: Option<&StreamFeatures>, context: &mut Context) -> State {
    let id = context.entropy.token();
    let request = bind::request(&id, Some(&context.config.resource));
    let noted = context.note_first_bind();
    context.transmit_after(noted, Part::Bind, request.to_xml());
    let mut session = Session::new();
    session.plan_catch_up(None, context);
    if let Some(features) = features {
        if features.session_required {
            let id = context.entropy.token();
            let request =
                stanza::iq("set", &id, None).with_child(Element::new("session", ns::SESSION));
            context.transmit_element(Part::Iq, &request);
        }
        session.greet(features, Inline::default(), context);
    }
    State::ExpectBound(Box::new(ExpectBound {
        id,
        session,
        greeted: features.is_some(),
    }))
}

impl ExpectBound {
    pub(in super::super) fn element(mut self, element: &Element, context: &mut Context) -> Next {
        if element.is("iq", ns::CLIENT) && element.attr("id") == Some(&self.id) {
            let jid = bind::parse_result(element)
                .map_err(|_| ConnectionError::Peer(PeerError::BindRefused))?;
            context.understood(Part::Bound);
            // What rode behind the bind relied on them too: they are proven when `<enable/>` is answered.
            let relied = matches!(
                context.at_risk,
                Some(Assumption::Features | Assumption::PipelinedRestart)
            );
            let still_open = relied && self.session.is_enabling();
            context.at_risk = still_open.then_some(Assumption::Features);
            if !self.greeted {
                let features = context.stream.features.clone().unwrap_or_default();
                self.session.greet(&features, Inline::default(), context);
            }
            // Whatever session there was is over: the plan did not ask for it, or the server refused it.
            session::lost(None, context)?;
            self.session.bound(&jid, context)?;
            return Ok(online(self.session));
        }
        // Answers to what rode behind the bind may come in any order, but only after the login was proven.
        self.session.element(element, context)?;
        Ok(State::ExpectBound(Box::new(self)))
    }
}
