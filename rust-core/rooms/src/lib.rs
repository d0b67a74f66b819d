//! The rooms of an account over its engine: [`AccountRooms`] stands between the [engine](snapback_engine::Engine) and the app. It shows
//! the engine's events to [`Rooms`], which keep the account in its rooms, passes on to the app what is the app's, and gives the engine
//! what the rooms want to send.
//!
//! Without I/O, as the engine: the client's driver and the simulation host both in the same way.
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

mod held;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};

use snapback_chat::room::{
    BounceVerdict, MessageVerdict, RequestFailure, RequestId, RoomEvent, RoomInfo, RoomOptions,
    Rooms, RoomsOutput, SessionStart,
};
use snapback_engine::engine::{Answer, EngineEvent, Refusal, RequestError, Ticket};
use snapback_engine::supervisor::ConnectionState;
use snapback_proto::connection::{Failure, Outcome, Stage};
use snapback_proto::entropy::Entropy;
use snapback_proto::jid::{BareJid, FullJid};
use snapback_proto::knowledge::{Delivery, OutboundKind};
use snapback_proto::stanza::StanzaError;
use snapback_proto::time::{Instant, Now};
use snapback_proto::xml::Element;

use held::Held;

/// The first ticket of the stanzas of [`AccountRoomsOutput::Send`]. The host's own are below.
pub const FIRST_TICKET: Ticket = Ticket(1 << 63);

/// The rooms of an account, and what they have in progress.
///
/// The calling contract:
///
/// - Report each event of the engine to [`AccountRooms::handle_event`], and pass on to the app only what comes back as
///   [`AccountRoomsOutput::Event`]. Report each stanza that the app sends, before the engine has it, to [`AccountRooms::handle_sent`].
/// - Report what the engine has accepted and answered: what is not the app's is taken.
/// - After each call, carry out [`AccountRooms::poll_output`] until it returns [`AccountRoomsOutput::Timer`], and call
///   [`AccountRooms::handle_timeout`] at that time.
#[derive(Debug)]
pub struct AccountRooms {
    rooms: Rooms,
    ids: Entropy,
    next_ticket: u64,
    /// The ids of stanzas that the rooms have sent: their stages are not the app's.
    sent: HashSet<String>,
    /// The rooms' stanzas that are being stored: of which room, and their ids.
    storing: HashMap<Ticket, (BareJid, String)>,
    requests: HashMap<String, RequestId>,
    held: Held,
    /// Messages of the app that a room has refused, and that are sent again: the deliveries with the errors. They are not confirmed
    /// before the message is stored again, so that a process that ends meanwhile leaves the next one something to tell.
    refused: HashMap<String, (String, StanzaError)>,
    timer: Option<Instant>,
    outputs: VecDeque<AccountRoomsOutput>,
}

/// What the host carries out.
#[derive(Debug)]
pub enum AccountRoomsOutput {
    /// [`EngineInput::Send`](snapback_engine::EngineInput::Send), with the room that the store has.
    Send {
        /// The ticket, from [`FIRST_TICKET`] up.
        ticket: Ticket,
        /// The stanza, with its id.
        stanza: Element,
        /// What it is.
        kind: OutboundKind,
    },
    /// [`EngineInput::Request`](snapback_engine::EngineInput::Request), with the room that the store has.
    Request(Element),
    /// [`EngineInput::RequestsAbandoned`](snapback_engine::EngineInput::RequestsAbandoned).
    Abandon(Vec<String>),
    /// [`EngineInput::Confirm`](snapback_engine::EngineInput::Confirm): the app has received these deliveries before, from the room.
    Confirm(Vec<String>),
    /// Reports an event of the engine to the app.
    Event(EngineEvent),
    /// Reports an event of a room to the app.
    Room(RoomEvent),
    /// Other users can join this room, which the user's join has created.
    Opened(BareJid),
    /// Waits until the next input, or this time. There is nothing else to do.
    Timer(Option<Instant>),
}

impl AccountRooms {
    /// Returns an account without rooms. `caps` are the entity capabilities that presence carries (XEP-0115), if there are any; the ids
    /// of stanzas come from `ids` (rule T7).
    pub fn new(account: BareJid, caps: Option<Element>, ids: Entropy) -> Self {
        Self {
            rooms: Rooms::new(account, caps),
            ids,
            next_ticket: 0,
            sent: HashSet::new(),
            storing: HashMap::new(),
            requests: HashMap::new(),
            held: Held::default(),
            refused: HashMap::new(),
            timer: None,
            outputs: VecDeque::new(),
        }
    }

    // -- what the app wants

    /// Joins a room: see [`Rooms::join`].
    pub fn join(&mut self, room: BareJid, options: RoomOptions, now: Now) {
        self.rooms.join(room, options, now);
    }

    /// Leaves a room: see [`Rooms::leave`].
    pub fn leave(&mut self, room: &BareJid, now: Now) {
        self.rooms.leave(room, now);
    }

    /// Changes the user's nickname in a room: see [`Rooms::change_nick`].
    pub fn change_nick(&mut self, room: &BareJid, nick: &str, now: Now) -> bool {
        self.rooms.change_nick(room, nick, now)
    }

    /// Returns what is known of a room; `None` if the app has not joined it.
    pub fn info(&self, room: &BareJid) -> Option<RoomInfo> {
        self.rooms.info(room)
    }

    /// Returns whether other users cannot join a room yet: see [`Rooms::is_opening`].
    pub fn is_opening(&self, room: &BareJid) -> bool {
        self.rooms.is_opening(room)
    }

    /// Returns what is known of each room that the app has joined.
    pub fn list(&self) -> Vec<RoomInfo> {
        let rooms = self.rooms.rooms();
        rooms.filter_map(|room| self.rooms.info(room)).collect()
    }

    /// The app sends a stanza, which the engine does not have yet.
    pub fn handle_sent(&mut self, stanza: &Element, now: Now) {
        self.rooms.handle_sent(stanza, now);
    }

    // -- the engine

    /// The engine reports an event.
    pub fn handle_event(&mut self, event: EngineEvent, now: Now) {
        match event {
            EngineEvent::Message { delivery } => return self.message(delivery, now),
            EngineEvent::Stage { id, stage } => return self.stage(id, stage),
            EngineEvent::Online {
                outcome, ref jid, ..
            } => self.online(outcome, jid, now),
            EngineEvent::State(state) if !matches!(state, ConnectionState::Online { .. }) => {
                self.rooms.handle_offline(now);
            }
            EngineEvent::Presence { ref delivery } => {
                self.rooms.handle_presence(&delivery.stanza, now);
            }
            _ => {}
        }
        self.outputs.push_back(AccountRoomsOutput::Event(event));
    }

    fn online(&mut self, outcome: Outcome, jid: &str, now: Now) {
        let start = match outcome {
            Outcome::Bound => SessionStart::New,
            Outcome::Resumed => SessionStart::Resumed,
            // Nothing of the app is sent: the rooms are joined by the app's own login.
            Outcome::Unannounced => return,
        };
        // The core has checked the address.
        if let Ok(own) = FullJid::try_from(jid) {
            self.rooms.handle_online(start, own, now);
        }
    }

    fn message(&mut self, delivery: Delivery, now: Now) {
        let delivery = match self.rooms.handle_message(&delivery.stanza, now) {
            MessageVerdict::Deliver => delivery,
            MessageVerdict::Replace(stanza) => Delivery {
                is_archived: true,
                possible_duplicate_of: delivery.possible_duplicate_of,
                ..Delivery::new(delivery.id, stanza)
            },
            MessageVerdict::Hold { room, archive_id } => {
                if let Some(early) = self.held.push(room, archive_id, delivery) {
                    self.deliver(early);
                }
                return;
            }
            MessageVerdict::Duplicate { room, archive_id } => {
                let held = archive_id.and_then(|id| self.held.take(&room, &id));
                self.deliver(held.into_iter().flatten());
                return self.confirm(delivery.id);
            }
        };
        self.deliver([delivery]);
    }

    fn deliver(&mut self, deliveries: impl IntoIterator<Item = Delivery>) {
        let events = deliveries.into_iter().map(|delivery| {
            let event = EngineEvent::Message { delivery };
            AccountRoomsOutput::Event(event)
        });
        self.outputs.extend(events);
    }

    fn confirm(&mut self, delivery: String) {
        let confirm = AccountRoomsOutput::Confirm(vec![delivery]);
        self.outputs.push_back(confirm);
    }

    /// Returns the ids of the deliveries that are held: the app receives them after what its rooms have sent before.
    pub fn held(&self) -> impl Iterator<Item = &str> {
        self.held.deliveries()
    }

    /// A message of the app was returned with an error: see [`EngineOutput::Bounced`](snapback_engine::EngineOutput::Bounced).
    pub fn handle_bounce(&mut self, delivery: String, id: String, error: StanzaError, now: Now) {
        match self.rooms.handle_bounce(&id, &error, now) {
            BounceVerdict::Held => {
                // A second refusal of the same message ends it.
                if let Some((earlier, _)) = self.refused.insert(id, (delivery, error)) {
                    self.confirm(earlier);
                }
            }
            BounceVerdict::Failed => {
                self.outputs.push_back(failed(id, error));
                self.confirm(delivery);
            }
        }
    }

    /// A message that a room has refused has failed for good.
    fn give_up(&mut self, id: String, error: StanzaError) {
        let delivery = self.refused.remove(&id);
        self.outputs.push_back(failed(id, error));
        if let Some((delivery, _)) = delivery {
            self.confirm(delivery);
        }
    }

    fn stage(&mut self, id: String, stage: Stage) {
        let is_final = matches!(stage, Stage::Acked | Stage::Failed(_));
        if self.sent.contains(&id) {
            if is_final {
                self.sent.remove(&id);
            }
            return;
        }
        let event = EngineEvent::Stage { id, stage };
        self.outputs.push_back(AccountRoomsOutput::Event(event));
    }

    /// The engine has stored a stanza, or not. Returns whether that was one of the rooms.
    pub fn handle_accepted(
        &mut self,
        ticket: Ticket,
        outcome: &Result<(), Refusal>,
        now: Now,
    ) -> bool {
        let Some((room, id)) = self.storing.remove(&ticket) else {
            return false;
        };
        let refused = self.refused.remove(&id);
        match (outcome, refused) {
            (Ok(()), Some((delivery, _))) => self.confirm(delivery),
            (Ok(()), None) => {}
            (Err(_), Some((delivery, error))) => {
                self.outputs.push_back(failed(id, error));
                self.confirm(delivery);
            }
            (Err(_), None) => {
                self.sent.remove(&id);
                self.rooms.handle_not_sent(&room, now);
            }
        }
        true
    }

    /// A request was answered, or not. Returns whether that was one of the rooms.
    pub fn handle_answered(
        &mut self,
        id: &str,
        outcome: &Result<Answer, RequestError>,
        now: Now,
    ) -> bool {
        let Some(request) = self.requests.remove(id) else {
            return false;
        };
        let outcome = match outcome {
            Ok(answer) => Ok(&answer.iq),
            Err(RequestError::Refused(error)) => Err(RequestFailure::Refused(error.clone())),
            Err(error) => {
                if *error == RequestError::NotQueued {
                    // It reaches no stage.
                    self.sent.remove(id);
                }
                Err(RequestFailure::Lost)
            }
        };
        self.rooms.handle_answer(request, outcome, now);
        true
    }

    /// The time of [`AccountRoomsOutput::Timer`] may have come.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.timer.is_some_and(|timer| timer <= now.mono) {
            self.rooms.handle_timeout(now);
        }
    }

    // -- what the host carries out

    /// Returns what to do next.
    pub fn poll_output(&mut self) -> AccountRoomsOutput {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return output;
            }
            let output = self.rooms.poll_output();
            if let Some(output) = self.of_rooms(output) {
                return output;
            }
        }
    }

    /// Returns an output of the rooms as one for the host.
    fn of_rooms(&mut self, output: RoomsOutput) -> Option<AccountRoomsOutput> {
        Some(match output {
            RoomsOutput::Release(room) => {
                let held = self.held.release(&room);
                self.deliver(held);
                return None;
            }
            RoomsOutput::Failed { id, error } => {
                self.give_up(id, error);
                return None;
            }
            RoomsOutput::Send { room, stanza } => self.send(room, stanza),
            RoomsOutput::Request { id, stanza } => {
                let own = self.ids.token();
                self.requests.insert(own.clone(), id);
                self.sent.insert(own.clone());
                AccountRoomsOutput::Request(stanza.with_attr("id", own))
            }
            RoomsOutput::Abandon(id) => {
                let gone = self.requests.extract_if(|_, request| *request == id);
                AccountRoomsOutput::Abandon(gone.map(|(own, _)| own).collect())
            }
            RoomsOutput::Opened(room) => AccountRoomsOutput::Opened(room),
            RoomsOutput::Event(event) => AccountRoomsOutput::Room(event),
            RoomsOutput::Timer(timer) => {
                self.timer = timer;
                AccountRoomsOutput::Timer(timer)
            }
        })
    }

    fn send(&mut self, of: BareJid, mut stanza: Element) -> AccountRoomsOutput {
        // A message of the app, sent again, keeps its id, and its stages are the app's.
        if stanza.attr("id").is_none() {
            let own = self.ids.token();
            stanza.set_attr("id", &own);
            self.sent.insert(own);
        }
        // A join that waits in the queue for another session, or for another process, would come too late. The rooms send it again
        // where they are still wanted.
        let kind = match OutboundKind::of(&stanza) {
            OutboundKind::SessionBound => OutboundKind::Ephemeral,
            kind => kind,
        };
        let id = stanza.attr("id").unwrap_or_default().to_owned();
        let ticket = Ticket(FIRST_TICKET.0 | self.next_ticket);
        self.next_ticket = self.next_ticket.wrapping_add(1);
        self.storing.insert(ticket, (of, id));
        AccountRoomsOutput::Send {
            ticket,
            kind,
            stanza,
        }
    }
}

fn failed(id: String, error: StanzaError) -> AccountRoomsOutput {
    let stage = Stage::Failed(Failure::Refused(error));
    AccountRoomsOutput::Event(EngineEvent::Stage { id, stage })
}
