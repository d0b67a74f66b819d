//! RFC 6120 section 7: binding a resource. The initial stanzas of a new session are sent in the same flight where that is known
//! to work; elsewhere they follow the answer (rule S2), which costs no round trip before the session is established.

use crate::connection::login::negotiation::Negotiation;
use crate::connection::login::step::{ExpectBound, LoginStep, Next, Resource};
use crate::connection::remote::{AfterBind, Remote};
use crate::connection::session::{self, Inline, Missed, Session, SessionResource};
use crate::error::{Assumption, ConnectionError, PeerError};
use crate::ns;
use crate::protocol_message::ProtocolMessage;
use crate::stanza::StanzaCondition;
use crate::stream::features::StreamFeatures;
use crate::xep::bind::{self, BindError};
use crate::xml::Element;

impl Resource {
    /// What is requested on the same stream after this was refused (RFC 6120 7.7.2).
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

/// Sends the bind flight. Without features, remembered or received, only the mandatory bind is sent.
pub(super) fn start(
    features: Option<&StreamFeatures>,
    login: &mut Negotiation,
    remote: &mut Remote,
) -> LoginStep {
    let id = request(Resource::Own, &mut login.missed, remote);
    let mut session = Session::begin(login.purpose, std::mem::take(&mut login.missed));
    session.plan_catch_up(None, remote);
    let after = remote.after_bind();
    let features = features.filter(|_| after != AfterBind::Held);
    if let Some(features) = features {
        // The restart in the same flight is the first assumption that may fail.
        if after == AfterBind::Tried && remote.at_risk != Some(Assumption::PipelinedRestart) {
            remote.at_risk = Some(Assumption::PipelinedBind);
        }
        if features.session_required {
            session::request_start(remote);
        }
        session.greet(features, Inline::default(), remote);
    }
    LoginStep::ExpectBound(Box::new(ExpectBound {
        id,
        asked: Resource::Own,
        session,
        greeted: features.is_some(),
    }))
}

/// Requests a resource; returns the id of the request.
fn request(resource: Resource, missed: &mut Missed, remote: &mut Remote) -> String {
    let id = remote.env.entropy.token();
    let wanted = match resource {
        Resource::Own => Some(remote.env.config.own_resource()),
        Resource::Fresh => {
            let tag = remote.env.config.resource.as_str();
            Some(format!("{tag}.{}", remote.env.entropy.token()))
        }
        Resource::Any => None,
    };
    let kind = match resource {
        Resource::Own => SessionResource::Own,
        Resource::Fresh | Resource::Any => SessionResource::Other,
    };
    let noted = missed.note_first_bind(kind, remote);
    let request = bind::request(&id, wanted.as_deref());
    remote
        .env
        .transmit_after(noted, ProtocolMessage::Bind, request.to_xml());
    id
}

impl ExpectBound {
    pub(super) fn element(mut self, element: &Element, remote: &mut Remote) -> Next {
        if element.is("iq", ns::CLIENT) && element.attr("id") == Some(&self.id) {
            let jid = match bind::parse_result(element) {
                Ok(jid) => jid,
                Err(error) => return self.refused(error, remote),
            };
            remote.env.understood(ProtocolMessage::Bound);
            session::check_full_jid(&jid, remote)?;
            self.still_at_risk(remote);
            if !self.greeted {
                let features = remote.stream.features.clone().unwrap_or_default();
                self.session.greet_in_order(features, remote);
            }
            // Any earlier session ends: the plan did not request it, or the server refused it.
            self.session.lose_former(remote)?;
            self.session.bound(&jid, remote)?;
            return Ok(self.session.into());
        }
        if self.asked == Resource::Own {
            // Answers to what was sent after the bind may come in any order, but only after the login was proven.
            self.session.element(element, remote)?;
        }
        // After a refusal they are about requests that are sent again.
        Ok(LoginStep::ExpectBound(Box::new(self)).into())
    }

    /// Requests another resource, or none in particular, on the same stream. What was sent after the first request is void.
    fn refused(mut self, error: BindError, remote: &mut Remote) -> Next {
        let BindError::Refused(error) = error else {
            return Err(ConnectionError::Peer(PeerError::Malformed(
                "answer to the bind request",
            )));
        };
        let Some(asked) = self.asked.next(&error.condition) else {
            return Err(ConnectionError::Peer(PeerError::BindRefused(error)));
        };
        let id = request(asked, &mut self.session.missed, remote);
        let mut session = self.session.retry();
        session.plan_catch_up(None, remote);
        // Without a resource the server may end the stream because of what was sent after the request: the next time that
        // waits.
        remote.at_risk = self.greeted.then_some(Assumption::PipelinedBind);
        Ok(LoginStep::ExpectBound(Box::new(Self {
            id,
            asked,
            session,
            greeted: false,
        }))
        .into())
    }

    /// Processes the answer to the bind request. What was sent after it relied on the same facts: they are confirmed when that
    /// is answered.
    fn still_at_risk(&self, remote: &mut Remote) {
        let relied = match remote.at_risk {
            Some(Assumption::PipelinedBind) if self.asked == Resource::Own => return,
            at_risk => matches!(
                at_risk,
                Some(Assumption::Features | Assumption::PipelinedRestart)
            ),
        };
        let rode_along = self.greeted && self.asked == Resource::Own;
        remote.at_risk = if relied && self.session.is_enabling() {
            Some(Assumption::Features)
        } else {
            // No other request is pending: a refusal before the first answer is about the order, even where that has worked
            // before.
            rode_along.then_some(Assumption::PipelinedBind)
        };
    }
}
