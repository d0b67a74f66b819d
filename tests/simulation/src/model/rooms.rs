//! The rooms of Juliet's app: no room is lost without a word, and each of its messages comes once, in order, or lies in a gap that
//! was told. What the app says there is said, or reported as refused.

use std::collections::{BTreeMap, BTreeSet};

use crate::network::Time;
use crate::setup::ROOMS;

/// A message that a room has accepted.
#[derive(Debug)]
struct Said {
    at: Time,
    /// How often the app has received it.
    given: u32,
    /// How often it may.
    allowed: u32,
    /// The room has it once more: the app's own message was sent twice.
    is_repeated: bool,
}

#[derive(Debug, Default)]
struct Room {
    /// The app wants to be in it.
    is_wanted: bool,
    /// What is said from then on has to come.
    since: Option<Time>,
    /// What the app has stored for its next join.
    place: Option<String>,
    /// When the app was last told that something is missing.
    gap_at: Option<Time>,
    said: Vec<Said>,
    by_id: BTreeMap<String, usize>,
    by_archive_id: BTreeMap<String, usize>,
    /// How many messages were compared, with those of an id that was used before.
    read: usize,
    /// The last message that this process has received.
    last_given: Option<usize>,
}

/// A message of the app to a room, `g<n>`.
#[derive(Debug, Default)]
struct Own {
    is_stored: bool,
    said: u32,
    allowed: u32,
    is_acked: bool,
    /// The client knows that the room has refused it.
    is_bounced: bool,
    has_failed: bool,
    /// The report that the room has refused it may have been lost with its session.
    is_excused: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: [Room; ROOMS as usize],
    own: Vec<Own>,
    /// Deliveries that an earlier process has stored.
    earlier: BTreeSet<String>,
    /// What the messages of rooms that were stored are known by.
    stored: BTreeSet<String>,
}

/// The rule, and what happened.
pub(super) type Broken = (&'static str, String);

fn number(id: &str) -> Option<usize> {
    id.strip_prefix('g')?.parse().ok()
}

impl Rooms {
    fn room(&mut self, room: u32) -> &mut Room {
        &mut self.rooms[room as usize]
    }

    // -- the app

    /// The app wants to be in a room. Without a place the room sends what it likes of its history.
    pub(crate) fn want(&mut self, room: u32) {
        let room = self.room(room);
        if !std::mem::replace(&mut room.is_wanted, true) {
            room.begins();
        }
    }

    pub(crate) fn leave(&mut self, room: u32) {
        let room = self.room(room);
        room.is_wanted = false;
        room.since = None;
    }

    pub(crate) fn is_wanted(&self, room: u32) -> bool {
        self.rooms[room as usize].is_wanted
    }

    /// Returns what the app has stored for its next join.
    pub(crate) fn place(&self, room: u32) -> Option<&str> {
        self.rooms[room as usize].place.as_deref()
    }

    pub(crate) fn keep_place(&mut self, room: u32, place: Option<String>) {
        let room = self.room(room);
        let before = room.place_index();
        room.place = place.or_else(|| room.place.take());
        if room.place_index() < before {
            room.may_repeat();
        }
    }

    pub(crate) fn joined(&mut self, room: u32, now: Time) {
        let room = self.room(room);
        if room.since.is_none() {
            // What came before was not asked for, and its history follows.
            room.last_given = None;
            room.since = Some(now);
        }
    }

    pub(crate) fn gap_told(&mut self, room: u32, now: Time) {
        self.room(room).gap_at = Some(now);
    }

    /// A new process: what an earlier one has stored comes first, in its own order.
    pub(super) fn restarted<'a>(&mut self, stored: impl Iterator<Item = &'a str>) {
        self.earlier = stored.map(str::to_owned).collect();
        for room in &mut self.rooms {
            room.begins();
        }
    }

    /// A message that an earlier process has stored, and had not confirmed: the app may have received another copy of it.
    pub(super) fn comes_from_store(&mut self, room: u32, id: &str) {
        let room = self.room(room);
        let index = room.by_id.get(id);
        if let Some(said) = index.and_then(|index| room.said.get_mut(*index)) {
            said.allowed = said.allowed.max(said.given + 1);
        }
    }

    // -- what the rooms say

    /// Returns how many messages of a room were compared.
    pub(crate) fn read(&self, room: u32) -> usize {
        self.rooms[room as usize].read
    }

    /// A room has accepted messages with these ids.
    pub(super) fn said(
        &mut self,
        number_of_room: u32,
        ids: Vec<(String, String)>,
        at: Time,
    ) -> Option<Broken> {
        let mut broken = None;
        for (id, archive_id) in ids {
            if let Some(own) = number(&id).and_then(|own| self.own.get_mut(own)) {
                own.said += 1;
                if own.said > own.allowed {
                    let times = own.said;
                    broken = Some(("I4", format!("the room has {id} {times} times")));
                }
            }
            let room = self.room(number_of_room);
            room.read += 1;
            let index = room.said.len();
            match room
                .by_id
                .get(&id)
                .and_then(|same| room.said.get_mut(*same))
            {
                Some(same) => {
                    same.allowed += 1;
                    same.is_repeated = true;
                }
                None => {
                    room.by_archive_id.insert(archive_id, index);
                    room.by_id.insert(id, index);
                    room.said.push(Said {
                        at,
                        given: 0,
                        allowed: 1,
                        is_repeated: false,
                    });
                }
            }
        }
        broken
    }

    /// A message of a room is stored.
    pub(super) fn stores(&mut self, room: u32, id: &str, key: &str) {
        if self.room(room).by_id.contains_key(id) {
            self.stored.insert(key.to_owned());
        }
    }

    /// Returns whether the message of a room that is known by this key is stored, so that another copy need not be.
    pub(super) fn has_stored(&self, key: &str) -> bool {
        self.stored.contains(key)
    }

    /// The app receives a message of a room; `is_new`: for the first time under its delivery id.
    pub(super) fn given(
        &mut self,
        number: u32,
        id: &str,
        delivery: &str,
        is_new: bool,
    ) -> Option<Broken> {
        let is_earlier = self.earlier.contains(delivery);
        let room = self.room(number);
        let index = *room.by_id.get(id)?;
        let said = room.said.get_mut(index)?;
        if !is_new {
            return None;
        }
        said.given += 1;
        if !room.is_wanted {
            // What was on its way when the room was left.
            return None;
        }
        if said.given > said.allowed {
            let times = said.given;
            return Some(("I2", format!("message {id} of a room came {times} times")));
        }
        // Before the first join it was not asked for.
        if is_earlier || said.is_repeated || room.since.is_none() {
            return None;
        }
        if room.last_given.is_some_and(|last| last > index) && said.given == 1 {
            return Some((
                "I21",
                format!("message {id} of a room came after a later one"),
            ));
        }
        room.last_given = room.last_given.max(Some(index));
        None
    }

    // -- what the app says

    /// The app is about to send a message to a room; returns its id.
    pub(crate) fn sending(&mut self) -> String {
        self.own.push(Own {
            allowed: 1,
            ..Own::default()
        });
        format!("g{}", self.own.len() - 1)
    }

    fn with_own(&mut self, id: &str, change: impl FnOnce(&mut Own)) {
        if let Some(own) = number(id).and_then(|own| self.own.get_mut(own)) {
            change(own);
        }
    }

    /// Returns whether this is a message of the app to a room.
    pub(super) fn has_sent(&self, id: &str) -> bool {
        number(id).is_some_and(|own| own < self.own.len())
    }

    /// Returns whether this is one that is not stored.
    pub(super) fn is_unstored(&self, id: &str) -> bool {
        let own = number(id).and_then(|own| self.own.get(own));
        own.is_some_and(|own| !own.is_stored)
    }

    pub(super) fn stored(&mut self, id: &str) {
        self.with_own(id, |own| own.is_stored = true);
    }

    pub(super) fn acked(&mut self, id: &str) {
        self.with_own(id, |own| own.is_acked = true);
    }

    pub(super) fn failed(&mut self, id: &str) {
        self.with_own(id, |own| own.has_failed = true);
    }

    /// The client has the error with which a message was refused.
    pub(crate) fn bounced(&mut self, id: &str) {
        self.with_own(id, |own| own.is_bounced = true);
    }

    /// It is sent again, and may be said twice: the archive of the account has no messages of rooms.
    pub(super) fn fate_unknown(&mut self, id: &str) {
        self.with_own(id, |own| own.allowed += 1);
    }

    /// A session is lost, and errors with it that had not arrived.
    pub(super) fn session_lost(&mut self) {
        for own in &mut self.own {
            own.is_excused |= own.is_acked && own.said == 0 && !own.is_bounced;
        }
    }

    // -- the end

    /// Returns what is missing.
    pub(crate) fn missing(&self) -> Option<Broken> {
        for (number, room) in self.rooms.iter().enumerate() {
            if let Some(index) = room.missing() {
                let what = format!("message {index} of room {number} is lost, and no gap was told");
                return Some(("I18", what));
            }
        }
        let is_lost =
            |own: &Own| own.is_stored && own.said == 0 && !own.has_failed && !own.is_excused;
        let lost = self.own.iter().position(is_lost)?;
        let what = format!("g{lost} was not said in its room, and not reported as failed");
        Some(("I16", what))
    }
}

impl Room {
    /// The app joins the room in a new process, or again: what it has received after its place comes again. Without a place the
    /// room sends what it likes of its history.
    fn begins(&mut self) {
        self.last_given = None;
        if self.place.is_none() {
            self.since = None;
        }
        self.may_repeat();
    }

    fn place_index(&self) -> Option<usize> {
        let place = self.place.as_ref()?;
        self.by_archive_id.get(place).copied()
    }

    /// What the app has received after the place may come again.
    fn may_repeat(&mut self) {
        let after = self.place_index().map_or(0, |place| place + 1);
        for said in self.said.iter_mut().skip(after) {
            said.allowed = said.allowed.max(said.given + 1);
        }
    }

    fn missing(&self) -> Option<usize> {
        let since = self.since.filter(|_| self.is_wanted)?;
        self.said.iter().position(|said| {
            let is_told = self.gap_at.is_some_and(|at| said.at <= at);
            said.at > since && said.given == 0 && !is_told
        })
    }
}
