//! The app's rooms: the same [`AccountRooms`] as in the client's driver, hosted here.

use snapback_chat::room::{History, RoomEvent, RoomOptions};
use snapback_engine::EngineInput;
use snapback_engine::link::tls::Tls;
use snapback_proto::jid::BareJid;
use snapback_proto::ns;
use snapback_proto::xml::Element;
use snapback_rooms::{AccountRooms, AccountRoomsOutput};

use crate::coverage::Coverage;
use crate::model::Model;
use crate::network::Time;
use crate::setup::{ROOMS, room_address};

use super::Phone;

/// The app's nickname in all rooms.
pub(crate) const NICK: &str = "juliet";

fn number(room: &BareJid) -> Option<u32> {
    (0..ROOMS).find(|number| room_address(*number) == *room)
}

impl<T: Tls + Clone> Phone<T> {
    /// The app joins the rooms that it wants to be in, and is not in.
    pub(crate) fn join_rooms(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        for number in 0..ROOMS {
            let room = room_address(number);
            if model.rooms.is_wanted(number) && self.rooms.info(&room).is_none() {
                let history = match model.rooms.place(number) {
                    Some(place) => History::After(place.to_owned()),
                    None => History::Default,
                };
                let options = RoomOptions {
                    history,
                    ..RoomOptions::new(NICK)
                };
                self.with_rooms(model, coverage, now, |rooms, now| {
                    rooms.join(room, options, now);
                });
            }
        }
    }

    /// The app leaves a room.
    pub(crate) fn leave_room(
        &mut self,
        room: u32,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        self.with_rooms(model, coverage, now, |rooms, now| {
            rooms.leave(&room_address(room), now);
        });
    }

    /// The app sends a message to a room.
    pub(crate) fn say(&mut self, room: u32, model: &mut Model, coverage: &mut Coverage, now: Time) {
        let stanza = Element::new("message", ns::CLIENT)
            .with_attr("to", room_address(room).to_string())
            .with_attr("type", "groupchat")
            .with_attr("id", model.rooms.sending())
            .with_child(Element::new("body", ns::CLIENT).with_text("double, double"));
        self.rooms.handle_sent(&stanza, self.clock.now(now));
        self.send_stanza(stanza, model, coverage, now);
        self.with_rooms(model, coverage, now, |_, _| {});
    }

    /// Passes something to the rooms, and carries out what they and the engine want.
    pub(super) fn with_rooms(
        &mut self,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
        act: impl FnOnce(&mut AccountRooms, snapback_proto::time::Now),
    ) {
        act(&mut self.rooms, self.clock.now(now));
        self.carry_out_rooms(model, coverage, now);
        self.carry_out(model, coverage, now);
    }

    /// Carries out what the rooms want; the outputs of the engine follow.
    pub(super) fn carry_out_rooms(
        &mut self,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        while !self.is_killed() {
            match self.rooms.poll_output() {
                AccountRoomsOutput::Send {
                    ticket,
                    stanza,
                    kind,
                } => {
                    let room = self.room();
                    let send = EngineInput::Send {
                        ticket,
                        stanza,
                        kind,
                        room,
                    };
                    self.input(send, model, now);
                }
                AccountRoomsOutput::Request(stanza) => {
                    let room = self.room();
                    self.input(EngineInput::Request { stanza, room }, model, now);
                }
                AccountRoomsOutput::Abandon(ids) => {
                    self.input(EngineInput::RequestsAbandoned(ids), model, now);
                }
                AccountRoomsOutput::Confirm(ids) => {
                    model.withheld(&ids);
                    self.input(EngineInput::Confirm(ids), model, now);
                }
                AccountRoomsOutput::Event(event) => self.event(event, model, coverage, now),
                AccountRoomsOutput::Room(event) => self.room_event(&event, model, coverage, now),
                AccountRoomsOutput::Opened(_) => {}
                AccountRoomsOutput::Timer(timer) => {
                    self.rooms_deadline = timer;
                    break;
                }
            }
            self.keep_places(model);
        }
    }

    /// The app stores up to where it was given the messages of its rooms.
    fn keep_places(&self, model: &mut Model) {
        for info in self.rooms.list() {
            if let Some(number) = number(&info.room) {
                model.rooms.keep_place(number, info.caught_up_to);
            }
        }
    }

    fn room_event(
        &mut self,
        event: &RoomEvent,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        let told = match event {
            RoomEvent::Joined { room, is_again, .. } => {
                coverage.event(if *is_again {
                    "room joined again"
                } else {
                    "room joined"
                });
                Some((room, "joined"))
            }
            RoomEvent::JoinFailed { room, .. } => Some((room, "join failed")),
            RoomEvent::Lost { room, .. } => {
                coverage.event("room lost");
                Some((room, "lost"))
            }
            RoomEvent::Left { room, .. } => Some((room, "left")),
            RoomEvent::CaughtUp { room, is_complete } => {
                coverage.event(if *is_complete {
                    "room caught up"
                } else {
                    "gap in a room told"
                });
                Some((room, if *is_complete { "caught up" } else { "gap" }))
            }
            _ => None,
        };
        let Some((number, what)) = told.and_then(|(room, what)| Some((number(room)?, what))) else {
            return;
        };
        model.note("room", || format!("{number} {what}"));
        match what {
            "joined" => model.rooms.joined(number, now),
            // Told: the app wants to be in it no more. One that could not be joined is tried again later.
            "left" => model.rooms.leave(number),
            "gap" => model.rooms.gap_told(number, now),
            _ => {}
        }
    }
}
