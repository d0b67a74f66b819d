//! Resource binding (RFC 6120 section 7) and Bind 2 (XEP-0386).

use super::{Connection, Cx, LegacyStart, MAX_BYTES, Phase, StreamCondition};
use crate::faults::{Fault, FeaturesOf, Point};
use crate::ns;
use crate::observe::Outcome;
use crate::sasl::TypedHash;
use crate::world::{SessionId, error_answer};
use crate::xml::Element;

impl Connection {
    /// Authenticated, without a session: only bind or resume is accepted.
    pub(super) fn unbound(&mut self, cx: &mut Cx<'_>, account: &str, element: &Element) {
        if element.is(ns::SM, "resume") && cx.world.switches.sm {
            return self.resume(cx, account, element);
        }
        if element.is(ns::SM, "enable") {
            return self.send(
                &Element::new(ns::SM, "failed")
                    .child(Element::new(ns::STANZA_ERRORS, "unexpected-request")),
            );
        }
        let bind = element.find(ns::BIND, "bind");
        match (bind, element.attribute("type"), element.attribute("id")) {
            (Some(bind), Some("set"), Some(id)) if element.is(ns::CLIENT, "iq") => {
                let wanted = bind
                    .find(ns::BIND, "resource")
                    .map(Element::content)
                    .filter(|resource| !resource.trim().is_empty());
                let resource = wanted.unwrap_or_else(|| cx.world.rng.token());
                if cx.world.switches.bind_conflict && cx.world.is_taken(account, resource.trim()) {
                    return self.send(&error_answer(element, "conflict"));
                }
                let session = self.bind(cx, account, resource.trim());
                let hides_all = Fault::EmptyFeatures(FeaturesOf::Authenticated);
                if cx.world.switches.session_first && !self.has_fault(cx, &hides_all) {
                    self.legacy_start = LegacyStart::Due;
                }
                let jid = Element::new(ns::BIND, "jid").text(cx.world.session_jid(session));
                self.send(
                    &Element::new(ns::CLIENT, "iq")
                        .with("type", "result")
                        .with("id", id)
                        .child(Element::new(ns::BIND, "bind").child(jid)),
                );
                self.at(cx, Point::Online);
            }
            _ if element.is_stanza() => self.stream_error(cx, StreamCondition::NotAuthorized),
            _ => self.stream_error(cx, StreamCondition::UnsupportedStanzaType),
        }
    }

    fn bind(&mut self, cx: &mut Cx<'_>, account: &str, resource: &str) -> SessionId {
        let duplicate = self.has_fault(cx, &Fault::DuplicateDelivery);
        let session = cx.world.bind(account, resource, self.id, duplicate, cx.now);
        self.online(cx, account, session, Outcome::Bound);
        session
    }

    pub(super) fn online(
        &mut self,
        cx: &mut Cx<'_>,
        account: &str,
        session: SessionId,
        outcome: impl FnOnce(String) -> Outcome,
    ) {
        let limit = cx.world.switches.limits.map(|limits| limits.max_bytes);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok());
        self.reader.set_limit(limit.unwrap_or(MAX_BYTES));
        self.phase = Phase::Bound {
            account: account.to_owned(),
            session,
        };
        let jid = cx.world.session_jid(session);
        if let Some(record) = cx.world.record(self.id) {
            record.account = Some(account.to_owned());
            record.outcome = Some(outcome(jid));
        }
    }

    /// Returns `<bound/>`, with what was requested inline.
    pub(super) fn bind2(
        &mut self,
        cx: &mut Cx<'_>,
        account: &str,
        bind: &Element,
        client: Option<&str>,
    ) -> Element {
        let tag = bind.find(ns::BIND2, "tag").map(Element::content);
        let unique = match client {
            Some(client) => hex(&TypedHash::Sha256.digest(client.as_bytes())),
            None => hex(&cx.world.rng.bytes()),
        };
        let resource = match tag.as_deref().map(str::trim) {
            Some(tag) if !tag.is_empty() => format!("{tag}.{unique}"),
            _ => unique,
        };
        let session = self.bind(cx, account, &resource);
        let mut bound = Element::new(ns::BIND2, "bound");
        if cx.world.switches.archive && cx.world.switches.archive_metadata {
            bound = bound.child(cx.world.archive_metadata(account));
        }
        if bind.find(ns::CARBONS, "enable").is_some() && cx.world.switches.carbons {
            cx.world.set_carbons(session, true);
        }
        if bind.find(ns::CSI, "inactive").is_some() && cx.world.switches.csi {
            cx.world.set_inactive(session, true);
        }
        if let Some(enable) = bind.find(ns::SM, "enable")
            && cx.world.switches.sm
        {
            let scripted = self.script_answers(enable);
            let answers = match scripted {
                Some(answer) => vec![answer],
                None => self.enable(cx, session, enable),
            };
            for enabled in answers {
                bound = bound.child(enabled);
            }
        }
        bound
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
