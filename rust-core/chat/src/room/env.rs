//! What the rooms of an account share: time, the session, requests, and what they want from the host.

use std::collections::{BTreeMap, VecDeque};

use snapback_types::jid::{BareJid, FullJid};
use snapback_types::time::Now;
use snapback_wire::stanza::StanzaError;
use snapback_wire::xml::Element;

use super::event::{RoomEvent, RoomFault};
use super::machine::{RequestId, RoomsOutput};
use super::place::Recent;

/// The maximum number of messages that are known of rooms that are not joined: the last ones of four rooms.
const MAX_EARLY: usize = 1024;

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// XEP-0410: whether the room knows this client.
    Check,
    /// XEP-0030: what the room announces.
    Features,
    /// XEP-0313: a page of what was missed.
    Page,
    /// The same: the newest message.
    Newest,
    /// XEP-0045 section 10.1.2: opens a new room.
    Open,
}

/// What all rooms share.
#[derive(Debug)]
pub(super) struct Env {
    pub(super) now: Now,
    /// Our address in the present session, if there is one.
    pub(super) own: Option<FullJid>,
    pub(super) account: BareJid,
    pub(super) caps: Option<Element>,
    /// The number of occupants that are kept.
    pub(super) occupants: usize,
    requests: BTreeMap<RequestId, (BareJid, Purpose)>,
    next_request: u64,
    outputs: VecDeque<RoomsOutput>,
    /// Messages of rooms that are not joined, or no longer: the app receives stored messages before it joins their rooms again, and
    /// may join a room again that it has left.
    early: VecDeque<(BareJid, Recent)>,
}

impl Env {
    pub(super) fn new(account: BareJid, caps: Option<Element>) -> Self {
        Self {
            now: Now::default(),
            own: None,
            account,
            caps,
            occupants: 0,
            requests: BTreeMap::new(),
            next_request: 0,
            outputs: VecDeque::new(),
            early: VecDeque::new(),
        }
    }

    /// Returns the next output, if there is one.
    pub(super) fn pop(&mut self) -> Option<RoomsOutput> {
        self.outputs.pop_front()
    }

    pub(super) fn event(&mut self, event: RoomEvent) {
        self.outputs.push_back(RoomsOutput::Event(event));
    }

    pub(super) fn fault(&mut self, room: &BareJid, fault: RoomFault) {
        let room = room.clone();
        self.event(RoomEvent::Fault { room, fault });
    }

    pub(super) fn send(&mut self, room: &BareJid, stanza: Element) {
        let room = room.clone();
        self.outputs.push_back(RoomsOutput::Send { room, stanza });
    }

    pub(super) fn release(&mut self, room: &BareJid) {
        self.outputs.push_back(RoomsOutput::Release(room.clone()));
    }

    pub(super) fn opened(&mut self, room: &BareJid) {
        self.outputs.push_back(RoomsOutput::Opened(room.clone()));
    }

    pub(super) fn failed(&mut self, messages: Vec<(String, StanzaError)>) {
        let failed = messages.into_iter();
        self.outputs
            .extend(failed.map(|(id, error)| RoomsOutput::Failed { id, error }));
    }

    pub(super) fn request(
        &mut self,
        room: &BareJid,
        purpose: Purpose,
        stanza: Element,
    ) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request = self.next_request.wrapping_add(1);
        self.requests.insert(id, (room.clone(), purpose));
        self.outputs.push_back(RoomsOutput::Request { id, stanza });
        id
    }

    /// Returns what an answer is for, if it is still waited for.
    pub(super) fn answered(&mut self, id: RequestId) -> Option<(BareJid, Purpose)> {
        self.requests.remove(&id)
    }

    pub(super) fn abandon(&mut self, id: RequestId) {
        if self.requests.remove(&id).is_some() {
            self.outputs.push_back(RoomsOutput::Abandon(id));
        }
    }

    /// Returns what came of this room before it was joined.
    pub(super) fn early(&self, room: &BareJid) -> impl Iterator<Item = Recent> {
        let early = self.early.iter().filter(move |(of, _)| of == room);
        early.map(|(_, recent)| *recent)
    }

    /// Notes a message of a room that is not joined. Returns whether it had come before.
    pub(super) fn note_early(&mut self, id: &str, room: &BareJid) -> bool {
        let recent = Recent::of_id(id);
        let is_known = self.early(room).any(|known| known == recent);
        if !is_known {
            self.push_early(room, recent);
        }
        is_known
    }

    /// Notes what came of a room that is left.
    pub(super) fn note_left(&mut self, room: &BareJid, recent: impl Iterator<Item = Recent>) {
        for recent in recent {
            self.push_early(room, recent);
        }
    }

    fn push_early(&mut self, room: &BareJid, recent: Recent) {
        if self.early.len() >= MAX_EARLY {
            self.early.pop_front();
        }
        self.early.push_back((room.clone(), recent));
    }

    pub(super) fn abandon_all(&mut self, room: &BareJid) {
        let of_room = self.requests.iter().filter(|(_, (of, _))| of == room);
        let ids: Vec<RequestId> = of_room.map(|(id, _)| *id).collect();
        for id in ids {
            self.abandon(id);
        }
    }
}
