//! The host of [`AccountRooms`]: they see the engine's events before the app does, so that a slow app delays no room.

use std::collections::HashMap;
use std::sync::Arc;

use snapback_chat::room::{JoinError, LeaveReason, RoomEvent, RoomInfo, RoomOptions};
use snapback_engine::EngineInput;
use snapback_engine::engine::{Answer, Refusal, RequestError, Ticket};
use snapback_proto::jid::BareJid;
use snapback_proto::stanza::StanzaError;
use snapback_proto::time::Instant;
use snapback_rooms::{AccountRooms, AccountRoomsOutput};
use tokio::sync::oneshot;

use super::Driver;
use crate::Event;
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
    pub(super) rooms: AccountRooms,
    events: Arc<RoomEvents>,
    joins: HashMap<BareJid, Vec<Reply>>,
    nicks: HashMap<BareJid, Vec<Reply>>,
    leaves: HashMap<BareJid, Vec<oneshot::Sender<()>>>,
    timer: Option<Instant>,
}

impl RoomHost {
    pub(super) fn new(rooms: AccountRooms, events: Arc<RoomEvents>) -> Self {
        Self {
            rooms,
            events,
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
        self.rooms.rooms.handle_event(event, now);
        self.carry_out_rooms();
        self.report_level();
    }

    /// A message of the app was returned with an error.
    pub(super) fn bounced(&mut self, delivery: String, id: String, error: StanzaError) {
        let now = self.clock.now();
        self.rooms.rooms.handle_bounce(delivery, id, error, now);
        self.carry_out_rooms();
        self.report_level();
    }

    /// Carries out what the rooms want.
    pub(super) fn carry_out_rooms(&mut self) {
        loop {
            match self.rooms.rooms.poll_output() {
                AccountRoomsOutput::Send {
                    ticket,
                    stanza,
                    kind,
                } => self.store_and_send(ticket, stanza, kind),
                AccountRoomsOutput::Request(stanza) => {
                    let room = self.room();
                    self.input(EngineInput::Request { stanza, room });
                }
                AccountRoomsOutput::Abandon(ids) => {
                    self.input(EngineInput::RequestsAbandoned(ids));
                }
                AccountRoomsOutput::Confirm(ids) => self.input(EngineInput::Confirm(ids)),
                AccountRoomsOutput::Event(event) => self.events.push(event),
                AccountRoomsOutput::Opened(room) => reply(&mut self.rooms.joins, &room, &Ok(())),
                AccountRoomsOutput::Room(event) => {
                    self.rooms.settle(&event);
                    self.rooms.events.push(event);
                }
                AccountRoomsOutput::Timer(timer) => {
                    self.rooms.timer = timer;
                    return;
                }
            }
        }
    }

    pub(super) fn rooms_timeout(&mut self) {
        self.rooms.rooms.handle_timeout(self.clock.now());
        self.carry_out_rooms();
    }

    /// A stanza was stored, or not.
    pub(super) fn accepted(&mut self, ticket: Ticket, outcome: Result<(), Refusal>) {
        let now = self.clock.now();
        if !self.rooms.rooms.handle_accepted(ticket, &outcome, now) {
            return self.waiting.accepted(ticket, outcome);
        }
        self.carry_out_rooms();
    }

    /// A request was answered, or not.
    pub(super) fn answered(&mut self, id: String, outcome: Result<Answer, RequestError>) {
        let now = self.clock.now();
        if !self.rooms.rooms.handle_answered(&id, &outcome, now) {
            return self.waiting.answered(&id, outcome);
        }
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
                let _ = reply.send(host.rooms.list());
            }
        }
        self.carry_out_rooms();
    }
}
