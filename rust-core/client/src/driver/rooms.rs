//! The host of [`Rooms`]: it sees the engine's events before the app does, so that a slow app delays no room.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use snapback_chat::room::{
    BounceVerdict, JoinError, LeaveReason, MessageVerdict, RequestFailure, RequestId, RoomEvent,
    RoomInfo, RoomOptions, Rooms, RoomsOutput, SessionStart,
};
use snapback_engine::EngineInput;
use snapback_engine::engine::{Answer, Refusal, RequestError, Ticket};
use snapback_engine::supervisor::ConnectionState;
use snapback_proto::connection::{Failure, Outcome, Stage};
use snapback_proto::jid::{BareJid, FullJid};
use snapback_proto::knowledge::{Delivery, OutboundKind};
use snapback_proto::time::Instant;
use snapback_proto::xml::Element;
use tokio::sync::oneshot;

use super::Driver;
use crate::Event;
use crate::ids::Ids;
use crate::room_events::RoomEvents;

/// Takes the outcome of a join, or of a change of the nickname.
type Reply = oneshot::Sender<Result<(), JoinError>>;

/// A request of the app about rooms.
pub(crate) enum RoomRequest {
    Join {
        room: BareJid,
        options: RoomOptions,
        done: Reply,
    },
    Leave {
        room: BareJid,
        done: oneshot::Sender<()>,
    },
    ChangeNick {
        room: BareJid,
        nick: String,
        done: Reply,
    },
    Info {
        room: BareJid,
        reply: oneshot::Sender<Option<RoomInfo>>,
    },
    List(oneshot::Sender<Vec<RoomInfo>>),
}

/// The rooms, and who waits for what.
pub(super) struct RoomHost {
    pub(super) rooms: Rooms,
    ids: Ids,
    events: Arc<RoomEvents>,
    /// The ids of stanzas that the rooms have sent: their stages are not the app's.
    sent: HashSet<String>,
    /// The rooms' stanzas that are being stored: of which room, and their ids.
    storing: HashMap<Ticket, (BareJid, String)>,
    requests: HashMap<String, RequestId>,
    joins: HashMap<BareJid, Vec<Reply>>,
    nicks: HashMap<BareJid, Vec<Reply>>,
    leaves: HashMap<BareJid, Vec<oneshot::Sender<()>>>,
    timer: Option<Instant>,
}

impl RoomHost {
    pub(super) fn new(rooms: Rooms, ids: Ids, events: Arc<RoomEvents>) -> Self {
        Self {
            rooms,
            ids,
            events,
            sent: HashSet::new(),
            storing: HashMap::new(),
            requests: HashMap::new(),
            joins: HashMap::new(),
            nicks: HashMap::new(),
            leaves: HashMap::new(),
            timer: None,
        }
    }

    /// Returns the earlier of this deadline and that of the rooms.
    pub(super) fn deadline(&self, other: Option<Instant>) -> Option<Instant> {
        [self.timer, other].into_iter().flatten().min()
    }

    /// Answers the callers that wait for this event.
    fn settle(&mut self, event: &RoomEvent) {
        let (waiting, room, outcome) = match event {
            // It is answered when others can join, too.
            RoomEvent::Joined { room, .. } if self.rooms.is_opening(room) => return,
            RoomEvent::Joined { room, .. } => (&mut self.joins, room, Ok(())),
            RoomEvent::JoinFailed { room, error } => (&mut self.joins, room, Err(error.clone())),
            RoomEvent::NickChanged { room, .. } => (&mut self.nicks, room, Ok(())),
            RoomEvent::NickRefused { room, error } => (&mut self.nicks, room, Err(error.clone())),
            RoomEvent::Lost { room, .. } => (&mut self.nicks, room, Err(JoinError::Cancelled)),
            RoomEvent::Left { room, reason } => {
                let error = match reason {
                    LeaveReason::Refused(error) => error.clone(),
                    _ => JoinError::Cancelled,
                };
                reply(&mut self.nicks, room, &Err(JoinError::Cancelled));
                (&mut self.joins, room, Err(error))
            }
            _ => return,
        };
        reply(waiting, room, &outcome);
        if let RoomEvent::Left { room, .. } | RoomEvent::JoinFailed { room, .. } = event {
            for done in self.leaves.remove(room).unwrap_or_default() {
                let _ = done.send(());
            }
        }
    }
}

fn reply(
    waiting: &mut HashMap<BareJid, Vec<Reply>>,
    room: &BareJid,
    outcome: &Result<(), JoinError>,
) {
    for done in waiting.remove(room).unwrap_or_default() {
        // A caller that stopped waiting is ignored.
        let _ = done.send(outcome.clone());
    }
}

impl Driver {
    /// Reports an event to the rooms, and to the app what is the app's.
    pub(super) fn event(&mut self, event: Event) {
        let now = self.clock.now();
        self.events.record(&event, now);
        let rooms = &mut self.rooms.rooms;
        match event {
            Event::Online {
                outcome, ref jid, ..
            } => {
                let own = FullJid::try_from(jid.as_str());
                self.events.push(event);
                let start = match outcome {
                    Outcome::Bound => Some(SessionStart::New),
                    Outcome::Resumed => Some(SessionStart::Resumed),
                    // Nothing of the app is sent: the rooms are joined by the app's own login.
                    Outcome::Unannounced => None,
                };
                // The core has checked the address.
                if let (Ok(own), Some(start)) = (own, start) {
                    rooms.handle_online(start, own, now);
                }
            }
            Event::State(state) => {
                if !matches!(state, ConnectionState::Online { .. }) {
                    rooms.handle_offline(now);
                }
                self.events.push(event);
            }
            Event::Presence { ref delivery } => {
                rooms.handle_presence(&delivery.stanza, now);
                self.events.push(event);
            }
            Event::Message { delivery } => self.message(delivery),
            Event::Stage { id, stage } => self.stage(id, stage),
            event => self.events.push(event),
        }
        self.carry_out_rooms();
        self.report_level();
    }

    fn message(&mut self, delivery: Delivery) {
        let now = self.clock.now();
        let verdict = self.rooms.rooms.handle_message(&delivery.stanza, now);
        let delivery = match verdict {
            MessageVerdict::Deliver => delivery,
            MessageVerdict::Replace(stanza) => Delivery {
                is_archived: true,
                possible_duplicate_of: delivery.possible_duplicate_of,
                ..Delivery::new(delivery.id, stanza)
            },
            MessageVerdict::Duplicate => {
                return self.input(EngineInput::Confirm(vec![delivery.id]));
            }
        };
        self.events.push(Event::Message { delivery });
    }

    fn stage(&mut self, id: String, stage: Stage) {
        let is_final = matches!(stage, Stage::Acked | Stage::Failed(_));
        if self.rooms.sent.contains(&id) {
            if is_final {
                self.rooms.sent.remove(&id);
            }
            return;
        }
        if let Stage::Failed(Failure::Refused(error)) = &stage {
            let now = self.clock.now();
            let verdict = self.rooms.rooms.handle_bounce(&id, error, now);
            if verdict == BounceVerdict::Held {
                return;
            }
        }
        self.events.push(Event::Stage { id, stage });
    }

    /// Carries out what the rooms want.
    pub(super) fn carry_out_rooms(&mut self) {
        loop {
            match self.rooms.rooms.poll_output() {
                RoomsOutput::Send { room, stanza } => self.send_of_room(room, stanza),
                RoomsOutput::Request { id, stanza } => {
                    let own = self.rooms.ids.next();
                    self.rooms.requests.insert(own.clone(), id);
                    self.rooms.sent.insert(own.clone());
                    let room = self.room();
                    let stanza = stanza.with_attr("id", own);
                    self.input(EngineInput::Request { stanza, room });
                }
                RoomsOutput::Abandon(id) => {
                    let requests = &mut self.rooms.requests;
                    let gone = requests.extract_if(|_, request| *request == id);
                    let gone = gone.map(|(own, _)| own).collect();
                    self.input(EngineInput::RequestsAbandoned(gone));
                }
                RoomsOutput::Failed { id, error } => {
                    let stage = Stage::Failed(Failure::Refused(error));
                    self.events.push(Event::Stage { id, stage });
                }
                RoomsOutput::Opened(room) => reply(&mut self.rooms.joins, &room, &Ok(())),
                RoomsOutput::Event(event) => {
                    self.rooms.settle(&event);
                    self.rooms.events.push(event);
                }
                RoomsOutput::Timer(timer) => {
                    self.rooms.timer = timer;
                    return;
                }
            }
        }
    }

    fn send_of_room(&mut self, of: BareJid, mut stanza: Element) {
        // A message of the app, sent again, keeps its id, and its stages are the app's.
        if stanza.attr("id").is_none() {
            let own = self.rooms.ids.next();
            stanza.set_attr("id", &own);
            self.rooms.sent.insert(own);
        }
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        let ticket = self.waiting.ticket();
        self.rooms.storing.insert(ticket, (of, id));
        let kind = OutboundKind::of(&stanza);
        self.store_and_send(ticket, stanza, kind);
    }

    pub(super) fn rooms_timeout(&mut self) {
        let now = self.clock.now();
        if self.rooms.timer.is_some_and(|timer| timer <= now.mono) {
            self.rooms.rooms.handle_timeout(now);
            self.carry_out_rooms();
        }
    }

    /// A stanza was stored, or not.
    pub(super) fn accepted(&mut self, ticket: Ticket, outcome: Result<(), Refusal>) {
        let Some((room, id)) = self.rooms.storing.remove(&ticket) else {
            return self.waiting.accepted(ticket, outcome);
        };
        if outcome.is_err() {
            self.rooms.sent.remove(&id);
            self.rooms.rooms.handle_not_sent(&room, self.clock.now());
            self.carry_out_rooms();
        }
    }

    /// A request was answered, or not.
    pub(super) fn answered(&mut self, id: String, outcome: Result<Answer, RequestError>) {
        let Some(request) = self.rooms.requests.remove(&id) else {
            return self.waiting.answered(&id, outcome);
        };
        if let Err(RequestError::NotQueued) = outcome {
            // It reaches no stage.
            self.rooms.sent.remove(&id);
        }
        let outcome = match &outcome {
            Ok(answer) => Ok(&answer.iq),
            Err(RequestError::Refused(error)) => Err(RequestFailure::Refused(error.clone())),
            Err(_) => Err(RequestFailure::Lost),
        };
        let now = self.clock.now();
        self.rooms.rooms.handle_answer(request, outcome, now);
        self.carry_out_rooms();
    }

    pub(super) fn room_request(&mut self, request: RoomRequest) {
        let now = self.clock.now();
        let host = &mut self.rooms;
        match request {
            RoomRequest::Join {
                room,
                options,
                done,
            } => {
                host.joins.entry(room.clone()).or_default().push(done);
                host.rooms.join(room, options, now);
            }
            RoomRequest::Leave { room, done } => {
                if host.rooms.info(&room).is_none() {
                    let _ = done.send(());
                    return;
                }
                host.leaves.entry(room.clone()).or_default().push(done);
                host.rooms.leave(&room, now);
            }
            RoomRequest::ChangeNick { room, nick, done } => {
                let is_answered = host.rooms.change_nick(&room, &nick, now);
                if is_answered {
                    host.nicks.entry(room).or_default().push(done);
                } else {
                    let _ = done.send(Ok(()));
                }
            }
            RoomRequest::Info { room, reply } => {
                let _ = reply.send(host.rooms.info(&room));
            }
            RoomRequest::List(reply) => {
                let rooms = host.rooms.rooms();
                let _ = reply.send(rooms.filter_map(|room| host.rooms.info(room)).collect());
            }
        }
        self.carry_out_rooms();
    }
}
