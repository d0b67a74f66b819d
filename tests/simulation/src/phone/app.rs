//! The app: it sends, is told, confirms.

use snapback_proto::connection::{Command, Event, Failure, Outcome, Stage};
use snapback_proto::knowledge::{Delivery, Op, OutboundKind};
use snapback_proto::ns;
use snapback_proto::xml::Element;
use snapback_session::link::tls::Tls;
use snapback_session::supervisor;
use snapback_store::NewStanza;

use crate::coverage::Coverage;
use crate::model::Model;
use crate::network::Time;

use super::Phone;

impl<T: Tls + Clone> Phone<T> {
    /// I2: what an earlier process was given and did not confirm comes again.
    pub(super) fn redeliver(&mut self, model: &mut Model) {
        let undelivered = self.store().undelivered().expect("the store can be read");
        model.restarted(&undelivered);
        for delivery in undelivered {
            model.told(&delivery);
        }
    }

    /// The app sends a message.
    pub(crate) fn send_message(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        let id = model.sending();
        let stanza = Element::new("message", ns::CLIENT)
            .with_attr("to", "romeo@localhost")
            .with_attr("id", &id)
            .with_child(Element::new("body", ns::CLIENT).with_text("wherefore"));
        self.send(stanza, OutboundKind::Message, model, coverage, now);
    }

    /// The app asks the server for something.
    pub(crate) fn send_request(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        let id = format!("q{:x}", self.random.next());
        let stanza = Element::new("iq", ns::CLIENT)
            .with_attr("to", crate::setup::DOMAIN)
            .with_attr("type", "get")
            .with_attr("id", id)
            .with_child(Element::new(
                "query",
                "http://jabber.org/protocol/disco#items",
            ));
        self.send(stanza, OutboundKind::SessionBound, model, coverage, now);
    }

    fn send(
        &mut self,
        stanza: Element,
        kind: OutboundKind,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        if self.attempt.is_some() {
            self.command(Command::Send { stanza, kind }, model, now);
            return self.settle(model, coverage, now);
        }
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        let new = NewStanza {
            id: id.clone(),
            kind,
            queued_at: self.clock.now(now).wall,
            xml: stanza.to_xml(),
        };
        if let Some(Ok(seq)) = self.storage.enqueue(new) {
            model.queued(seq, &id);
        }
        self.storage.end_transaction();
    }

    pub(crate) fn set_active(
        &mut self,
        active: bool,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        self.active = active;
        if let Some(attempt) = &mut self.attempt {
            attempt.wire.set_active(active);
        }
        self.command(Command::SetActive(active), model, now);
        let input = if active {
            supervisor::Input::Foreground
        } else {
            supervisor::Input::Background
        };
        self.tell(input, now);
        self.settle(model, coverage, now);
    }

    /// The app confirms all that it was given.
    pub(crate) fn confirm_all(&mut self, model: &mut Model) {
        for id in model.unconfirmed() {
            self.apply(&[Op::Confirm(id)], model);
        }
    }

    /// A change that no connection asked for.
    pub(super) fn apply(&mut self, ops: &[Op], model: &mut Model) {
        let server = self.server();
        if let Some(Ok(())) = self.storage.apply(&server, ops) {
            model.committed(ops);
        }
        self.storage.end_transaction();
    }

    pub(super) fn event(&mut self, event: Event, model: &mut Model, now: Time) {
        match event {
            Event::Online { outcome, .. } => self.online(outcome, model, now),
            Event::Stanza(delivery) => self.delivered(&delivery, model),
            Event::Stage {
                id,
                stage: Stage::Acked,
            } => model.told_acked(&id),
            Event::Stage {
                id,
                stage: Stage::Failed(Failure::SessionLost | Failure::Refused(_)),
            } => model.told_failed(&id),
            _ => {}
        }
    }

    fn online(&mut self, outcome: Outcome, model: &mut Model, now: Time) {
        let Some(attempt) = &self.attempt else { return };
        let flights = attempt.link.timeline().round_trips();
        if outcome == Outcome::Resumed && attempt.wire.is_stranger {
            model.broken("I7", || "a session of another SM-ID was resumed".to_owned());
        }
        let attempt = attempt.number;
        model.note("online", || format!("{outcome:?} after {flights} flights"));
        self.sessions += 1;
        self.resumptions += u64::from(outcome == Outcome::Resumed);
        self.tell(
            supervisor::Input::AttemptOnline {
                attempt,
                outcome,
                flights,
            },
            now,
        );
    }

    fn delivered(&mut self, delivery: &Delivery, model: &mut Model) {
        model.told(delivery);
        if self.random.below(4) < self.confirms {
            self.apply(&[Op::Confirm(delivery.id.clone())], model);
        }
    }
}
