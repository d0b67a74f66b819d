//! The app: sends, receives events, confirms.

use snapback_engine::engine::{EndReason, EngineEvent, Refusal, RequestError, Room, Ticket};
use snapback_engine::link::tls::Tls;
use snapback_engine::link::{LinkError, Timeline};
use snapback_engine::supervisor::{ConnectionState, Halt, OfflineReason, Verdict};
use snapback_engine::{EngineInput, EngineOutput};
use snapback_proto::connection::{Failure, Outcome, Stage};
use snapback_proto::error::ConnectionError;
use snapback_proto::knowledge::{Delivery, OutboundKind};
use snapback_proto::ns;
use snapback_proto::plan::Purpose;
use snapback_proto::time::Instant;
use snapback_proto::xml::Element;
use snapback_rooms::FIRST_TICKET;
use snapback_store::StoreError;
use snapback_types::endpoint::Address;

use crate::coverage::Coverage;
use crate::model::Model;
use crate::network::Time;
use crate::wire::Wire;

use super::Phone;

/// The maximum number of redirections in a row (rule T8).
const MAX_HOPS: u32 = 3;
/// The minimum time for which an address that failed is tried after the others.
const SET_BACK: std::time::Duration = std::time::Duration::from_secs(60);
/// How late the server may receive an attempt that was given up (rule I10).
const ECHO: std::time::Duration = std::time::Duration::from_secs(30);

/// The app's intentions, and what it has seen.
#[derive(Debug)]
pub(super) struct App {
    /// How many of four deliveries it confirms at once.
    confirms: u64,
    pub(super) active: bool,
    /// The deliveries of an earlier process were delivered.
    pub(super) has_started: bool,
    /// Background syncs that it has begun and not ended.
    syncs: u32,
    logging_out: bool,
    /// The log-out revokes the token.
    pub(super) is_turning_in: bool,
    /// The user has requested meanwhile to be online again.
    then_connect: bool,
    /// It has requested that the connection be closed.
    closing: bool,
    purpose: Purpose,
    /// Another client took our place, and the app has made no request since.
    displaced: bool,
    /// When the connection came online.
    pub(super) online_at: Option<Time>,
    /// When the client began to connect.
    connecting_at: Option<Time>,
    /// A server may have received an attempt that has no session yet.
    pub(super) logging_in: bool,
    /// When such an attempt was last given up.
    unanswered: Option<Instant>,
    /// The connection that ended last.
    pub(super) last_wire: Option<Wire>,
    /// The number of redirections in a row.
    hops: u32,
    /// The addresses of connections that led to no session, and when, if they got no further than to a transport: then
    /// the next attempts dial other addresses first.
    failed: Vec<(Address, Option<Instant>)>,
    /// The platform reports that there is no network.
    no_network: bool,
    /// A login of this process was proven, and its credentials are stored.
    pub(super) is_proven: bool,
    /// The last connection ended with a refusal that may pass.
    pub(super) refusal_passes: bool,
    /// An attempt to revoke the token was made since the app logged out, or none was possible.
    tried_to_turn_in: bool,
}

impl App {
    pub(super) fn new(confirms: u64) -> Self {
        Self {
            confirms,
            active: true,
            has_started: false,
            syncs: 0,
            logging_out: false,
            is_turning_in: false,
            then_connect: false,
            closing: false,
            purpose: Purpose::Session,
            displaced: false,
            online_at: None,
            connecting_at: None,
            logging_in: false,
            unanswered: None,
            last_wire: None,
            hops: 0,
            failed: Vec::new(),
            no_network: false,
            is_proven: false,
            refusal_passes: false,
            tried_to_turn_in: false,
        }
    }

    /// A connection to this address ended.
    fn has_failed(&mut self, address: Option<Address>, without_tls: Option<Instant>) {
        self.failed.retain(|(failed, _)| Some(*failed) != address);
        self.failed
            .extend(address.map(|address| (address, without_tls)));
    }

    /// W1: an address that led to no TLS is tried after the others, for a while.
    pub(super) fn dials(&self, first: Address, known: &[Address], now: Instant, model: &mut Model) {
        let mut failed = self.failed.iter();
        let failed_at = failed.find(|(failed, _)| *failed == first);
        let failed_at = failed_at.and_then(|(_, at)| *at);
        let is_recent = failed_at.is_some_and(|at| now.since(at) < SET_BACK);
        let has_failed = |other: &Address| self.failed.iter().any(|(failed, _)| failed == other);
        if is_recent && !known.iter().all(has_failed) {
            model.broken("W1", || {
                "an address that has just failed is dialed first".to_owned()
            });
        }
    }

    /// S5: what could log in again is about to be removed.
    pub(super) fn forgets(&self, has_token: bool, model: &mut Model) {
        if has_token && !self.tried_to_turn_in {
            model.broken("S5", || "the token was not revoked".to_owned());
        }
    }

    /// An attempt starts.
    pub(super) fn starts(&mut self, purpose: Purpose, is_redirected: bool, model: &mut Model) {
        self.purpose = purpose;
        self.closing = false;
        self.is_turning_in = purpose == Purpose::LogOut;
        self.tried_to_turn_in |= self.is_turning_in;
        if self.displaced && !self.is_turning_in {
            model.broken("I10", || {
                "a conflict was answered with another attempt".to_owned()
            });
        }
        if !is_redirected {
            self.hops = 0;
            return;
        }
        self.hops += 1;
        let was_sent = |wire: &Wire| wire.redirected;
        if !self.last_wire.as_ref().is_some_and(was_sent) {
            model.broken("T8", || "the server redirected no client".to_owned());
        } else if self.hops > MAX_HOPS {
            model.broken("T8", || "redirected for ever".to_owned());
        }
    }

    /// The store could not be opened: nothing can be read from it that would be revoked.
    pub(super) fn could_not_open(&mut self) {
        self.tried_to_turn_in |= self.logging_out;
    }

    fn note_unanswered(&mut self, now: Instant) {
        if std::mem::take(&mut self.logging_in) {
            self.unanswered = Some(now);
        }
    }

    /// I10: a conflict with an attempt of our own, which the server received late, may be followed by another, once.
    fn is_echo(&mut self, now: Instant) -> bool {
        let unanswered = self.unanswered.take();
        unanswered.is_some_and(|at| now.since(at) < ECHO)
    }
}

impl<T: Tls + Clone> Phone<T> {
    /// When the connection came online.
    pub(crate) fn online_since(&self) -> Option<Time> {
        self.app.online_at.filter(|_| self.is_online())
    }

    /// Handles a request of the app or the platform.
    pub(crate) fn app_says(
        &mut self,
        input: EngineInput<'_>,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        match &input {
            // The engine waits for the end of the log-out before it logs in again.
            EngineInput::Connect if self.app.logging_out => self.app.then_connect = true,
            EngineInput::Disconnect | EngineInput::LogOut if self.app.logging_out => {
                self.app.then_connect = false;
            }
            EngineInput::Connect => self.app.displaced = false,
            EngineInput::Disconnect => self.app.closing = true,
            EngineInput::LogOut => {
                // Until it knows better, the app does not rely on it that the engine has stored this.
                model.push.want(0);
                self.app.logging_out = true;
                self.app.tried_to_turn_in = self.app.no_network;
                self.app.closing = true;
            }
            EngineInput::NetworkChanged { available } => self.app.no_network = !available,
            EngineInput::BeginSync(_) => self.app.syncs += 1,
            EngineInput::EndSync => {
                // All of them end at once.
                for _ in 1..std::mem::take(&mut self.app.syncs) {
                    self.input(EngineInput::EndSync, model, now);
                }
            }
            EngineInput::SetActive(active) => {
                self.app.active = *active;
                if let Some(wire) = &mut self.wire {
                    wire.set_active(*active);
                }
            }
            _ => {}
        }
        self.happens(input, model, coverage, now);
    }

    /// The app sends a message.
    pub(crate) fn send_message(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        let id = model.sending();
        let stanza = Element::new("message", ns::CLIENT)
            .with_attr("to", "romeo@localhost")
            .with_attr("id", &id)
            .with_child(Element::new("body", ns::CLIENT).with_text("wherefore"));
        self.send_stanza(stanza, model, coverage, now);
    }

    pub(super) fn send_stanza(
        &mut self,
        stanza: Element,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        let room = self.room();
        let send = EngineInput::Send {
            ticket: Ticket(0),
            stanza,
            kind: OutboundKind::Message,
            room,
        };
        self.sends(send, model, coverage, now);
    }

    /// The app sends a request to the server.
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
        let room = self.room();
        let request = EngineInput::Request { stanza, room };
        self.sends(request, model, coverage, now);
    }

    pub(super) fn sends(
        &mut self,
        input: EngineInput<'_>,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        let faulty = self.wire.as_ref().is_some_and(|wire| wire.faulty);
        self.happens(input, model, coverage, now);
        if faulty {
            model.excuse_requests();
        }
    }

    pub(super) fn room(&mut self) -> Result<Room, StoreError> {
        let store = self.storage.read()?;
        Ok(Room {
            is_left: store.has_room(self.engine.unstored()).unwrap_or(true),
            limit: store.queue_limit(),
        })
    }

    /// The app confirms all deliveries.
    pub(crate) fn confirm_all(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        for id in model.unconfirmed() {
            self.app_says(EngineInput::Confirm(vec![id]), model, coverage, now);
        }
    }

    // -- events of the app

    pub(super) fn report_to_app(
        &mut self,
        output: EngineOutput,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        match output {
            EngineOutput::Event(event) => {
                self.rooms.handle_event(event, self.clock.now(now));
                self.carry_out_rooms(model, coverage, now);
            }
            EngineOutput::Bounced {
                delivery,
                id,
                error,
            } => {
                coverage.event("message returned with an error");
                model.rooms.bounced(&id);
                let at = self.clock.now(now);
                self.rooms.handle_bounce(delivery, id, error, at);
                self.carry_out_rooms(model, coverage, now);
            }
            EngineOutput::Accepted { ticket, outcome } if ticket >= FIRST_TICKET => {
                let at = self.clock.now(now);
                self.rooms.handle_accepted(ticket, &outcome, at);
                self.carry_out_rooms(model, coverage, now);
            }
            EngineOutput::Accepted {
                outcome: Err(Refusal::Store(StoreError::QueueFull { .. })),
                ..
            }
            | EngineOutput::Answered {
                outcome: Err(RequestError::NotQueued),
                ..
            } => coverage.event("queue full"),
            EngineOutput::Answered { id, outcome } => {
                let at = self.clock.now(now);
                if self.rooms.handle_answered(&id, &outcome, at) {
                    return self.carry_out_rooms(model, coverage, now);
                }
                self.history_answered(&id, &outcome, model, coverage);
                if outcome == Err(RequestError::SessionLost) {
                    if model.lost(&id) {
                        coverage.event("request lost with its session");
                    }
                } else if model.answered(&id) {
                    coverage.event("request answered");
                }
            }
            EngineOutput::PushSet { ticket, outcome } => {
                model.push.answered(ticket.0, outcome.is_ok());
            }
            EngineOutput::LoggedOut => {
                model.excuse_requests();
                self.app.logging_out = false;
                self.app.is_proven = false;
                if std::mem::take(&mut self.app.then_connect) {
                    self.app.displaced = false;
                }
            }
            _ => {}
        }
    }

    pub(super) fn event(
        &mut self,
        event: EngineEvent,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        match event {
            EngineEvent::State(state) => {
                let is_connecting = |state| matches!(state, ConnectionState::Connecting { .. });
                if is_connecting(state) && !is_connecting(self.state) {
                    self.app.connecting_at = Some(now);
                }
                self.state_changed(state, model);
            }
            EngineEvent::Online {
                outcome, timeline, ..
            } => {
                self.app.online_at = Some(now);
                if timeline.tls.as_ref().is_some_and(|tls| tls.early_data) {
                    coverage.event("early data accepted");
                }
                self.online(outcome, timeline.round_trips(), model, coverage);
            }
            EngineEvent::Ended {
                reason, timeline, ..
            } => self.ended(&reason, timeline.as_deref(), model, coverage, now),
            EngineEvent::Message { delivery }
            | EngineEvent::Presence { delivery }
            | EngineEvent::Carbon { delivery, .. } => self.delivered(&delivery, model, now),
            EngineEvent::Stage {
                id,
                stage: Stage::Acked,
            } => {
                model.reported_acked(&id);
                model.request_taken(&id);
            }
            EngineEvent::Stage {
                id,
                stage:
                    Stage::Failed(Failure::SessionLost | Failure::Refused(_) | Failure::TooBig { .. }),
            } => model.reported_failed(&id),
            EngineEvent::PushEnabled => coverage.event("push enabled"),
            EngineEvent::PushRefused(_) => coverage.event("push refused"),
            EngineEvent::CaughtUp => model.caught_up(self.app.connecting_at),
            EngineEvent::PossibleGap => {
                coverage.event("gap reported");
                model.gap_reported();
                self.input(EngineInput::GapReceived, model, now);
            }
            _ => {}
        }
    }

    fn state_changed(&mut self, state: ConnectionState, model: &mut Model) {
        model.note("state", || format!("{state:?}"));
        // There is no connection to the server now.
        self.app.tried_to_turn_in |= matches!(
            state,
            ConnectionState::Offline { reason, .. } if reason != OfflineReason::NotWanted
        );
        self.state = state;
    }

    fn delivered(&mut self, delivery: &Delivery, model: &mut Model, now: Time) {
        model.delivered(delivery);
        if self.app.has_started && self.random.below(4) < self.app.confirms {
            let confirm = EngineInput::Confirm(vec![delivery.id.clone()]);
            self.input(confirm, model, now);
        }
    }

    fn online(
        &mut self,
        outcome: Outcome,
        flights: usize,
        model: &mut Model,
        coverage: &mut Coverage,
    ) {
        let Some(wire) = &self.wire else { return };
        if outcome == Outcome::Resumed && wire.is_stranger {
            model.broken("I7", || "a session of another SM-ID was resumed".to_owned());
        }
        if let Some((rule, what)) = wire.unbelievable {
            model.broken(rule, || format!("online, although the server {what}"));
        }
        match (self.app.purpose, outcome) {
            (Purpose::ResumeOnly, _) => coverage.event("background sync resumed a session"),
            (Purpose::CatchUp, Outcome::Unannounced) => {
                coverage.event("background sync bound a session");
            }
            (Purpose::Session, Outcome::Bound) if wire.completes() => {
                coverage.event("session of a background sync completed");
            }
            _ => {}
        }
        if wire.is_owed() != (outcome == Outcome::Unannounced) {
            model.broken("I23", || {
                format!(
                    "{outcome:?} reported to the app, by a connection for {:?}",
                    self.app.purpose
                )
            });
        }
        model.note("online", || format!("{outcome:?} after {flights} flights"));
        self.sessions += 1;
        self.app.logging_in = false;
        self.app.is_proven = true;
        self.app.hops = 0;
        let worked = self.address;
        self.app
            .failed
            .retain(|(failed, _)| Some(*failed) != worked);
        self.resumptions += u64::from(outcome == Outcome::Resumed);
    }

    fn ended(
        &mut self,
        reason: &EndReason,
        timeline: Option<&Timeline>,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        let mono = self.clock.now(now).mono;
        let error = match reason {
            EndReason::Link(error) => Some(error),
            _ => None,
        };
        self.app.refusal_passes =
            matches!(error, Some(LinkError::Connection(error)) if error.is_passing());
        let verdict = error.map(Verdict::from);
        let is_local = matches!(
            error,
            Some(LinkError::Connection(ConnectionError::Local(_)))
        );
        let is_refused = verdict == Some(Verdict::Halt(Halt::Credentials));
        let is_excused = is_local || is_refused || verdict == Some(Verdict::NoSession);
        if error.is_some()
            && let Some(timeline) = timeline
        {
            let is_set_back = !is_excused && timeline.tls.is_none();
            self.app
                .has_failed(self.address, is_set_back.then_some(mono));
            if is_set_back {
                self.doubts();
            }
        }
        if timeline.is_none() || *reason == EndReason::Dropped {
            if verdict == Some(Verdict::NoSession) {
                coverage.event("background sync found no stored session");
            }
            return self.app.note_unanswered(mono);
        }
        model.note("ended", || format!("{reason:?}"));
        if let Some(LinkError::Connection(ConnectionError::Stream(error))) = error
            && error.see_other_host.is_some()
            && self.app.hops >= MAX_HOPS
        {
            coverage.event("see-other-host once too often");
        }
        let is_conflict = verdict == Some(Verdict::Halt(Halt::Conflict));
        self.app.displaced = is_conflict && !self.app.is_echo(mono) && !self.app.closing;
        if is_conflict {
            self.app.logging_in = false;
        }
        self.app.note_unanswered(mono);
        if verdict == Some(Verdict::NoSession) {
            coverage.event("background sync found the session dropped");
        }
    }
}
