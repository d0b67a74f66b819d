//! Stanzas and nonzas of an established session (RFC 6120 section 8).

use super::{Connection, Cx, LegacyStart, StreamCondition};
use crate::faults::{Fault, Point};
use crate::jid;
use crate::ns;
use crate::observe::ReceivedMessage;
use crate::world::SessionId;
use crate::xml::Element;

impl Connection {
    pub(super) fn bound(
        &mut self,
        cx: &mut Cx<'_>,
        account: &str,
        session: SessionId,
        element: Element,
    ) {
        if self.legacy_start != LegacyStart::Begun {
            let starts = element.find(ns::SESSION, "session").is_some();
            if !starts || self.legacy_start == LegacyStart::Asked {
                return self.stream_error(cx, StreamCondition::NotAuthorized);
            }
            self.legacy_start = LegacyStart::Asked;
        }
        if self.rejects_part(cx, &element) {
            return;
        }
        if element.is_stanza() {
            if let Some(body) = element.find(ns::CLIENT, "body").map(Element::content)
                && self.has_fault(cx, &Fault::RejectedBody(body))
            {
                return self.stream_error(cx, StreamCondition::PolicyViolation);
            }
            cx.world.count_inbound(session);
            self.stanza(cx, account, session, element);
            if !self.first_stanza_seen {
                self.first_stanza_seen = true;
                self.drain_mail(cx);
                self.at(cx, Point::FirstStanza);
            }
            return;
        }
        if self.sm_element(cx, session, &element) {
            return;
        }
        match (&*element.ns, &*element.name) {
            (ns::CSI, "active") if cx.world.switches.csi => cx.world.set_inactive(session, false),
            (ns::CSI, "inactive") if cx.world.switches.csi => cx.world.set_inactive(session, true),
            _ => self.stream_error(cx, StreamCondition::UnsupportedStanzaType),
        }
    }

    fn stanza(&mut self, cx: &mut Cx<'_>, account: &str, session: SessionId, mut stanza: Element) {
        let own = cx.world.session_jid(session);
        if let Some(from) = stanza.attribute("from")
            && from != own
            && from != jid::bare(&own)
        {
            return self.stream_error(cx, StreamCondition::NotAuthorized);
        }
        stanza.set("from", own.clone());
        match &*stanza.name {
            "message" => {
                cx.world.note_received(ReceivedMessage {
                    from: own,
                    to: stanza.attribute("to").unwrap_or_default().to_owned(),
                    id: stanza.attribute("id").map(str::to_owned),
                    body: stanza.find(ns::CLIENT, "body").map(Element::content),
                    connection: self.id,
                });
                cx.world.route_message(stanza, Some(session), cx.now);
            }
            "presence" if stanza.attribute("to").is_some() => cx.world.directed_presence(&stanza),
            "presence" => cx.world.own_presence(session, stanza),
            _ => self.iq(cx, account, session, stanza),
        }
    }
}
