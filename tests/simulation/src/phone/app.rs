//! The app: it sends, is told, confirms.

use snapback_proto::connection::{Command, Event, Failure, Outcome, Stage};
use snapback_proto::knowledge::{Delivery, Op, OutboundKind};
use snapback_proto::ns;
use snapback_proto::plan::Purpose;
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
        let id = format!("ask-{:x}", self.random.next());
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
        if !self.has_room() {
            return coverage.event("queue full");
        }
        if let Some(attempt) = &self.attempt {
            let faulty = attempt.wire.faulty;
            self.command(Command::Send { stanza, kind }, model, now);
            self.settle(model, coverage, now);
            if faulty {
                model.excuse_requests();
            }
            return;
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

    /// I12: the app is told to wait where the queue is full.
    fn has_room(&mut self) -> bool {
        let handed = self.storage.handed();
        let store = self.storage.store();
        store.has_room(handed).unwrap_or(true)
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
    pub(super) fn apply(&mut self, ops: &[Op], model: &mut Model) -> bool {
        let server = self.server();
        let is_done = matches!(self.storage.apply(&server, ops), Some(Ok(())));
        if is_done {
            model.committed(ops);
        }
        self.storage.end_transaction();
        is_done
    }

    pub(super) fn event(
        &mut self,
        event: Event,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        match event {
            Event::Online { outcome, .. } => self.online(outcome, model, coverage, now),
            Event::Stanza(delivery) => self.delivered(&delivery, model),
            Event::Stage {
                id,
                stage: Stage::Acked,
            } => {
                model.told_acked(&id);
                model.request_taken(&id);
            }
            Event::IqAnswer(iq) if model.answered(iq.attr("id").unwrap_or_default()) => {
                coverage.event("request answered");
            }
            Event::Stage {
                id,
                stage: Stage::Failed(why),
            } => {
                if matches!(why, Failure::SessionLost | Failure::StreamEnded(_)) && model.lost(&id)
                {
                    coverage.event("request lost with its session");
                }
                if matches!(
                    why,
                    Failure::SessionLost | Failure::Refused(_) | Failure::TooBig { .. }
                ) {
                    model.told_failed(&id);
                }
            }
            _ => {}
        }
    }

    fn online(&mut self, outcome: Outcome, model: &mut Model, coverage: &mut Coverage, now: Time) {
        let Some(attempt) = &self.attempt else { return };
        let flights = attempt.link.timeline().round_trips();
        if outcome == Outcome::Resumed && attempt.wire.is_stranger {
            model.broken("I7", || "a session of another SM-ID was resumed".to_owned());
        }
        if let Some((rule, what)) = attempt.wire.unbelievable {
            model.broken(rule, || format!("online, although the server {what}"));
        }
        let is_visit = self.purpose == Purpose::ResumeOnly;
        let attempt = attempt.number;
        if outcome == Outcome::Bound {
            for _ in 0..model.session_lost() {
                coverage.event("request lost with its session");
            }
        }
        self.arrived();
        if is_visit {
            coverage.event("visit resumed a session");
        }
        model.note("online", || format!("{outcome:?} after {flights} flights"));
        self.sessions += 1;
        self.logging_in = false;
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
