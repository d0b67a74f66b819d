//! Answers to what others ask (RFC 6120 8.2.3): who gets one, and how long it may be.

use crate::jid::{BareJid, Jid};
use crate::part::Part;
use crate::stanza::{self, ErrorType, StanzaCondition, StanzaError};
use crate::stream::error::StreamCondition;
use crate::xml::Element;

use super::super::Event;
use super::super::context::Context;
use super::Session;

/// Bytes of an `id` that is echoed. 1 KiB: ids are chosen by whoever asks, and a server that escapes each character makes
/// six of one.
const MAX_ID_BYTES: usize = 1024;

/// Bytes of an answer where the server states no limit (XEP-0478). 64 KiB: what common servers let any client send, with
/// room.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Addresses that were sent directed presence and are remembered: an app joins rooms, not thousands of them.
const MAX_DIRECTED: usize = 1024;

impl Session {
    /// Answers a request, unless it has no `id`, which nobody could match, or the answer would be more than the server
    /// takes: it would end the stream, at each return, for whoever sends such a request.
    pub(super) fn answer(&mut self, request: &Element, answer: &Element, context: &mut Context) {
        let fault = match request.attr("id") {
            None => Some("request without an id"),
            Some(id) if id.len() > MAX_ID_BYTES => Some("request with an id that is too long"),
            Some(_) if answer.to_xml().len() > context.max_answer(MAX_ANSWER_BYTES) => {
                Some("request whose answer is too long")
            }
            Some(_) => None,
        };
        if let Some(fault) = fault {
            context.event(Event::PeerFault(fault));
            return;
        }
        self.answered_at = Some(context.now.mono);
        self.send_core(Part::Iq, answer, None, context);
        self.request_ack(context);
    }

    /// W10: whether whoever sends this may learn that we are online: our own account and server, who has a subscription to
    /// our presence, who was sent directed presence (RFC 6121 section 4.6), the occupants of a room that we are in included.
    pub(super) fn may_see_us(&self, from: Option<&str>, context: &Context) -> bool {
        let Some(from) = from else {
            return true;
        };
        let Ok(from) = Jid::try_from(from) else {
            return false;
        };
        let account = &context.config.account;
        let bare = from.bare();
        let is_server = bare.node().is_none() && bare.domain() == account.domain();
        is_server
            || bare == account
            || context.knowledge.watchers.contains(bare)
            || self.directed.contains(bare)
    }

    /// Notes to whom the app shows its presence besides its subscribers, or that it does so no longer.
    pub(super) fn note_directed(&mut self, stanza: &Element) {
        if stanza.name() != "presence" {
            return;
        }
        let Some(Ok(to)) = stanza.attr("to").map(Jid::try_from) else {
            if stanza.attr("to").is_none() && stanza.attr("type") == Some("unavailable") {
                self.directed.clear();
            }
            return;
        };
        let to: &BareJid = to.bare();
        match stanza.attr("type") {
            None if self.directed.len() < MAX_DIRECTED => {
                self.directed.insert(to.clone());
            }
            Some("unavailable") => {
                self.directed.remove(to);
            }
            _ => {}
        }
    }

    /// Whether this error may be the server's answer to an answer of ours, and says nothing about its load.
    pub(in super::super) fn is_after_answer(
        &self,
        condition: StreamCondition,
        context: &Context,
    ) -> bool {
        let wait = context.config.timeouts.ack;
        condition == StreamCondition::PolicyViolation
            && self
                .answered_at
                .is_some_and(|at| context.now.mono.since(at) <= wait)
    }
}

/// What the server says in the name of a resource that is not there (RFC 6121 section 8.5.3.2.3).
pub(super) fn as_if_absent(request: &Element) -> Element {
    let error = StanzaError::new(ErrorType::Cancel, StanzaCondition::ServiceUnavailable);
    stanza::error_reply(request, &error)
}
