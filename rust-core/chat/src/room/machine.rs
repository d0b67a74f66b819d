//! The rooms of an account.

use std::collections::BTreeMap;

use snapback_types::jid::{BareJid, FullJid, Jid};
use snapback_types::time::{Instant, Now};
use snapback_wire::ns;
use snapback_wire::stanza::{StanzaCondition, StanzaError};
use snapback_wire::xep::{mam, stanza_id};
use snapback_wire::xml::Element;

use super::catch_up::QUERY_PREFIX;
use super::env::{Env, Purpose};
use super::error::{JoinError, LeaveReason, Loss};
use super::event::{RoomEvent, RoomFault};
use super::invitation::{self, Invited};
use super::join::{Room, State};
use super::occupants::RoomInfo;
use super::options::RoomOptions;

/// The maximum number of rooms of an account, 1000. All joins leave in one flight, and each room costs memory.
pub const MAX_ROOMS: usize = 1000;

/// Keeps an account in its rooms (XEP-0045, XEP-0410).
///
/// Sans-IO: time is an argument, and stanzas go in and come out as elements. The calling contract:
///
/// - Report what happens through the `handle_*` methods, in the order in which it happens, and the app's wishes through [`Rooms::join`],
///   [`Rooms::leave`] and [`Rooms::change_nick`].
/// - After each call, carry out [`Rooms::poll_output`] until it returns [`RoomsOutput::Timer`], and call [`Rooms::handle_timeout`] at
///   that time.
/// - Stanzas of the outputs have no id, except messages of the app that are sent again. The host gives them one that cannot be
///   guessed (rule T7), and reports the answer to a request with the request's [`RequestId`].
///
/// ```text
///                  session                    self-presence
///   Offline ------------------> Joining -----------------------> Joined
///                                |  ^  ^                          |  |
///           refused, and it may  |  |  |   new session, or the    |  | left, kicked, banned,
///           succeed later        v  |  +-- room does not know us -+  | destroyed
///                               Waiting                              v
///                                                                  (gone)
/// ```
///
/// A room is *wanted* from its first join until the app leaves it, or the room ends it for a reason that a repetition would not
/// change. After a resumed session nothing is sent; a room is taken as joined, and checked with a self-ping a minute later, at most
/// once in 15 minutes. After a new session all rooms are joined again at once, in one flight.
#[derive(Debug)]
pub struct Rooms {
    env: Env,
    rooms: BTreeMap<BareJid, Room>,
}

/// How a session began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionStart {
    /// A new one: the server has told all rooms that the user has left.
    New,
    /// The interrupted one continues (XEP-0198).
    Resumed,
}

/// The number of a request of [`Rooms`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(super) u64);

/// Why a request of [`Rooms`] has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// The room, or a server on the way, returned an error.
    Refused(StanzaError),
    /// It was not sent, or its session is lost.
    Lost,
}

/// What is to be done with an inbound message.
#[derive(Debug, PartialEq, Eq)]
pub enum MessageVerdict {
    /// Deliver it to the app.
    Deliver,
    /// Deliver this message instead: it was inside a result of the room's archive.
    Replace(Element),
    /// Hold it until [`RoomsOutput::Release`]: earlier messages of the room are being fetched, and come first.
    Hold {
        /// The room.
        room: BareJid,
        /// Its id in the room's archive.
        archive_id: String,
    },
    /// The same message has come before. If it is held, deliver the held one now; drop this one.
    Duplicate {
        /// The room.
        room: BareJid,
        /// Its id in the room's archive, if it has one.
        archive_id: Option<String>,
    },
}

/// What is to be done with the error that answers a message of the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BounceVerdict {
    /// The message has failed: report it to the app.
    Failed,
    /// The room was lost; it is joined again, and the message sent again. Nothing is to be reported.
    Held,
}

/// What the host carries out.
#[derive(Debug, PartialEq, Eq)]
pub enum RoomsOutput {
    /// Sends a presence or a message. If it cannot be sent, report [`Rooms::handle_not_sent`].
    Send {
        /// The room that it concerns.
        room: BareJid,
        /// The stanza.
        stanza: Element,
    },
    /// Sends a request, and reports its answer through [`Rooms::handle_answer`].
    Request {
        /// Which request.
        id: RequestId,
        /// The iq, without an id.
        stanza: Element,
    },
    /// The answer to this request is no longer waited for.
    Abandon(RequestId),
    /// A held message of the app has failed: report it to the app.
    Failed {
        /// The message's id.
        id: String,
        /// The error with which the room had refused it.
        error: StanzaError,
    },
    /// Delivers the messages of this room that are held ([`MessageVerdict::Hold`]), in their order.
    Release(BareJid),
    /// Other users can join this room, which the user's join has created: see [`Rooms::is_opening`].
    Opened(BareJid),
    /// Reports an event to the app.
    Event(RoomEvent),
    /// Waits until the next input, or this time. There is nothing else to do.
    Timer(Option<Instant>),
}

impl Rooms {
    /// Returns a machine without rooms. `caps` are the entity capabilities that presence carries (XEP-0115), if there are any.
    pub fn new(account: BareJid, caps: Option<Element>) -> Self {
        Self {
            env: Env::new(account, caps),
            rooms: BTreeMap::new(),
        }
    }

    // -- what the app wants

    /// Joins a room, now or as soon as there is a session. Ends in [`RoomEvent::Joined`] or [`RoomEvent::JoinFailed`]. A room that is
    /// joined already reports it again; with other options it is joined with these.
    pub fn join(&mut self, room: BareJid, options: RoomOptions, now: Now) {
        self.env.now = now;
        let error = match room.with_resource(&options.nick) {
            Err(error) => Some(JoinError::NickInvalid(error)),
            Ok(_) if !self.rooms.contains_key(&room) && self.rooms.len() >= MAX_ROOMS => {
                Some(JoinError::TooManyRooms)
            }
            Ok(_) => None,
        };
        if let Some(error) = error {
            return self.env.event(RoomEvent::JoinFailed { room, error });
        }
        let env = &mut self.env;
        match self.rooms.get_mut(&room) {
            Some(known) => known.wanted_again(options, env),
            None => {
                let mut new = Room::new(room.clone(), options, now);
                new.place.remember_all(env.early(&room));
                if env.own.is_some() {
                    new.begin_join(env);
                }
                self.rooms.insert(room, new);
            }
        }
    }

    /// Leaves a room. Ends in [`RoomEvent::Left`], unless the room is not joined: then nothing happens.
    pub fn leave(&mut self, room: &BareJid, now: Now) {
        self.env.now = now;
        self.with(room, |room, env| room.leave(env));
    }

    /// Changes the user's nickname in a room. Ends in [`RoomEvent::NickChanged`] or [`RoomEvent::NickRefused`]. Where the room is not
    /// joined at the moment, the next join asks for it. Returns whether an event follows.
    pub fn change_nick(&mut self, room: &BareJid, nick: &str, now: Now) -> bool {
        self.env.now = now;
        let follows = self.with(room, |room, env| room.change_nick(nick, env));
        follows.unwrap_or(false)
    }

    /// Returns what is known of a room; `None` if the app has not joined it.
    pub fn info(&self, room: &BareJid) -> Option<RoomInfo> {
        self.rooms.get(room).map(Room::info)
    }

    /// Returns whether the user's join has created the room, and other users cannot join it yet. [`RoomsOutput::Opened`] follows.
    pub fn is_opening(&self, room: &BareJid) -> bool {
        self.rooms.get(room).is_some_and(Room::is_opening)
    }

    /// Returns the rooms that the app has joined.
    pub fn rooms(&self) -> impl Iterator<Item = &BareJid> {
        self.rooms.keys()
    }

    // -- the session

    /// A session began, with this address.
    pub fn handle_online(&mut self, start: SessionStart, own: FullJid, now: Now) {
        self.env.now = now;
        self.env.own = Some(own);
        let env = &mut self.env;
        for room in self.rooms.values_mut() {
            match start {
                SessionStart::New => room.new_session(env),
                SessionStart::Resumed => room.resumed(env),
            }
        }
        self.tidy();
    }

    /// The connection ended. Its session may be resumed.
    pub fn handle_offline(&mut self, now: Now) {
        self.env.now = now;
        self.env.own = None;
    }

    // -- what is sent

    /// The app sends a stanza.
    pub fn handle_sent(&mut self, stanza: &Element, now: Now) {
        self.env.now = now;
        if !stanza.is("message", ns::CLIENT) || stanza.attr("type") != Some("groupchat") {
            return;
        }
        if let Some(Jid::Bare(room)) = stanza.attr("to").and_then(|to| Jid::try_from(to).ok()) {
            self.with(&room, |room, env| room.sent(stanza, env));
        }
    }

    /// A stanza of [`RoomsOutput::Send`] was not sent.
    pub fn handle_not_sent(&mut self, room: &BareJid, now: Now) {
        self.env.now = now;
        self.with(room, |room, env| {
            if let State::Joining { .. } = room.state {
                room.refused(JoinError::NotSent, env);
            }
        });
    }

    /// A message of the app was answered with an error. Occupants know the ids of the messages in their room: the id alone proves
    /// nothing about its sender, and only messages that the room has not sent back are looked at.
    pub fn handle_bounce(&mut self, id: &str, error: &StanzaError, now: Now) -> BounceVerdict {
        self.env.now = now;
        let mut rooms = self.rooms.values_mut();
        let Some(room) = rooms.find(|room| room.outgoing.knows(id)) else {
            return BounceVerdict::Failed;
        };
        // XEP-0045 section 7.4: the sender is not an occupant. Other errors concern the message, or the way to the room.
        if error.condition != StanzaCondition::NotAcceptable {
            room.outgoing.forget(id);
            return BounceVerdict::Failed;
        }
        let is_held = room.outgoing.refused(id, error);
        if let State::Joined { .. } = room.state {
            room.lost(Loss::NotJoined, &mut self.env);
        }
        match is_held {
            true => BounceVerdict::Held,
            false => BounceVerdict::Failed,
        }
    }

    // -- what arrives

    /// A presence arrived.
    pub fn handle_presence(&mut self, presence: &Element, now: Now) {
        self.env.now = now;
        let from = presence.attr("from").map(Jid::try_from);
        let (Some(Ok(from)), true) = (from, self.env.own.is_some()) else {
            return;
        };
        self.with(from.bare(), |room, env| {
            if let Some(error) = StanzaError::of(presence) {
                room.presence_error(&error, env);
            } else if let Jid::Full(occupant) = &from {
                room.presence(presence, occupant.resource(), env);
            }
        });
    }

    /// A message arrived: not a carbon, and not from the account's own archive.
    pub fn handle_message(&mut self, message: &Element, now: Now) -> MessageVerdict {
        self.env.now = now;
        let Some(Ok(from)) = message.attr("from").map(Jid::try_from) else {
            return MessageVerdict::Deliver;
        };
        match invitation::read(message, &from) {
            Some(Invited::Invitation(invitation)) => self.env.event(RoomEvent::Invited(invitation)),
            Some(Invited::Declined { room, by, reason }) => {
                self.env
                    .event(RoomEvent::InvitationDeclined { room, by, reason });
            }
            Some(Invited::Forged(room)) => self.env.fault(&room, RoomFault::Forged("invitation")),
            None => {}
        }
        if let (Jid::Bare(room), Some(query)) = (&from, mam::query_id(message))
            && query.starts_with(QUERY_PREFIX)
        {
            return self.archive_result(message, room, query);
        }
        if message.attr("type") != Some("groupchat") {
            return MessageVerdict::Deliver;
        }
        let verdict = self.with(from.bare(), |room, env| {
            room.message(message, from.resource(), env)
        });
        verdict.unwrap_or_else(|| {
            let room = from.bare().clone();
            let id = stanza_id::stanza_id(message, &room.to_string());
            match id.filter(|id| self.env.note_early(id, &room)) {
                Some(id) => MessageVerdict::Duplicate {
                    archive_id: Some(id.to_owned()),
                    room,
                },
                None => MessageVerdict::Deliver,
            }
        })
    }

    /// A request of [`RoomsOutput::Request`] was answered, by the entity that it was sent to.
    pub fn handle_answer(
        &mut self,
        id: RequestId,
        answer: Result<&Element, RequestFailure>,
        now: Now,
    ) {
        self.env.now = now;
        let Some((room, purpose)) = self.env.answered(id) else {
            return;
        };
        self.with(&room, |room, env| match purpose {
            Purpose::Check => room.checked(answer, env),
            Purpose::Features => room.features_answered(answer, env),
            Purpose::Page => room.page_answered(id, answer, env),
            Purpose::Newest => room.newest_answered(id, &answer, env),
            Purpose::Open => room.opened(env),
        });
    }

    /// The time of [`RoomsOutput::Timer`] has come.
    pub fn handle_timeout(&mut self, now: Now) {
        self.env.now = now;
        if self.env.own.is_none() {
            return;
        }
        let env = &mut self.env;
        for room in self.rooms.values_mut() {
            room.timeout(env);
        }
        self.check_due();
        self.tidy();
    }

    /// Returns what to do next.
    pub fn poll_output(&mut self) -> RoomsOutput {
        if let Some(output) = self.env.pop() {
            return output;
        }
        let is_online = self.env.own.is_some();
        let deadlines = self.rooms.values().filter_map(Room::deadline);
        RoomsOutput::Timer(deadlines.min().filter(|_| is_online))
    }

    /// Sends the self-pings that are due, and with them those that are due soon, so that the radio is used once.
    fn check_due(&mut self) {
        let now = self.env.now.mono;
        let is_due = |room: &Room| room.check_due().is_some_and(|due| due <= now);
        if !self.rooms.values().any(is_due) {
            return;
        }
        let env = &mut self.env;
        for room in self.rooms.values_mut() {
            room.check_soon(env);
        }
    }

    fn archive_result(&mut self, message: &Element, room: &BareJid, query: &str) -> MessageVerdict {
        let known = self.rooms.get_mut(room);
        super::catch_up::archive_result(message, room, query, known, &mut self.env)
    }

    fn with<R>(
        &mut self,
        room: &BareJid,
        change: impl FnOnce(&mut Room, &mut Env) -> R,
    ) -> Option<R> {
        let result = change(self.rooms.get_mut(room)?, &mut self.env);
        self.tidy_one(room);
        Some(result)
    }

    fn tidy(&mut self) {
        let is_over = |(_, room): &(&BareJid, &Room)| matches!(room.state, State::Over);
        let over = self.rooms.iter().filter(is_over);
        let over: Vec<BareJid> = over.map(|(room, _)| room.clone()).collect();
        for room in over {
            self.tidy_one(&room);
        }
    }

    /// Forgets a room that is no longer wanted.
    fn tidy_one(&mut self, room: &BareJid) {
        let is_over = |known: &Room| matches!(known.state, State::Over);
        if self.rooms.get(room).is_some_and(is_over)
            && let Some(mut over) = self.rooms.remove(room)
        {
            over.occupants.clear(&mut self.env.occupants);
            self.env.failed(over.outgoing.give_up());
            self.env.abandon_all(room);
        }
    }
}

/// Returns the event that reports why a room is left.
pub(super) fn left(room: &BareJid, reason: LeaveReason) -> RoomEvent {
    let room = room.clone();
    RoomEvent::Left { room, reason }
}
