//! From Romeo to Juliet's app: one delivery for each delivery id, and no count before the stanza is stored.

use snapback_proto::escalation::Request;
use snapback_proto::knowledge::{ArchiveCursor, Delivery};
use snapback_proto::ns;
use snapback_proto::xml::Element;

use super::Model;
use crate::hostile::UNREADABLE;
use crate::network::Time;
use crate::setup::{ROOMS, room_address};

/// A message may come any number of times.
pub(crate) const ANY: u32 = u32::MAX;

/// An id that is shorter is not random, and may be used again.
const RANDOM_ID: usize = 22;

/// A message to Juliet's app, or from another client of hers: what tells it from others.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) body: String,
}

impl Message {
    pub(crate) fn new(id: String, body: &str) -> Self {
        let body = body.to_owned();
        Self { id, body }
    }

    fn key(&self) -> String {
        key(&self.id, &self.body)
    }
}

/// What a message is known by: its id, and where that may be used again what it says.
pub(crate) fn key(id: &str, body: &str) -> String {
    if id.len() >= RANDOM_ID || body.is_empty() {
        return id.to_owned();
    }
    [id, " ", body].concat()
}

/// The key of a stanza.
pub(super) fn key_of(stanza: &Element) -> String {
    let stanza = message_in(stanza);
    let body = stanza.child("body", ns::CLIENT).map(Element::text);
    let id = stanza.attr("id").unwrap_or_default();
    key(id, &body.unwrap_or_default())
}

/// Returns the message that a result of a room's archive contains; otherwise the stanza itself.
fn message_in(stanza: &Element) -> &Element {
    let result = stanza.child("result", ns::MAM);
    let forwarded = result.and_then(|result| result.child("forwarded", ns::FORWARD));
    let message = forwarded.and_then(|forwarded| forwarded.child("message", ns::CLIENT));
    message.unwrap_or(stanza)
}

/// A message for the app.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incoming {
    message: Message,
    written_at: Time,
    stored: u32,
    allowed: u32,
    /// The app has received it.
    is_given: bool,
    /// The server lost it before the client knew a place in the archive.
    is_before_place: bool,
}

/// A delivery, from the transaction that stored it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivered {
    /// The process to which it was last delivered, counted from 1; 0: not delivered yet.
    delivered_to: u32,
    confirmed: bool,
}

/// A stanza that came while stanzas are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    /// It is a message or presence, and must be stored with its count.
    pub(crate) is_for_app: bool,
    /// It came out of the archive.
    pub(crate) is_archived: bool,
    pub(crate) id: String,
}

impl Model {
    /// Romeo has sent a message; the server gave it this id.
    pub(crate) fn written(&mut self, message: Message, allowed: u32) {
        let known = self.incoming_by_id.get(&message.key());
        if let Some(same) = known.and_then(|index| self.incoming.get_mut(*index)) {
            // Whether the two are one is the client's to decide (rule I17).
            same.allowed = same.allowed.saturating_add(allowed);
            return;
        }
        self.incoming_by_id
            .insert(message.key(), self.incoming.len());
        self.incoming.push(Incoming {
            message,
            written_at: self.now,
            allowed,
            ..Incoming::default()
        });
    }

    /// The server sends messages twice, and what it sends again after a lost session four times, and so on: from here
    /// on only losses count, and duplicates under one delivery id.
    pub(crate) fn server_duplicates(&mut self) {
        for message in &mut self.incoming {
            message.allowed = ANY;
        }
    }

    /// Stanzas that were unacknowledged when their session ended come again, and the app may have them already.
    pub(crate) fn server_redirected(&mut self, ids: &[String]) {
        for id in ids.get(self.redirects_read..).unwrap_or_default() {
            self.redirects_read += 1;
            let is_it = |message: &&mut Incoming| message.message.id == *id;
            let same = self.incoming.iter_mut().filter(is_it);
            if !self.strict {
                same.for_each(|message| message.allowed = message.allowed.saturating_add(1));
            }
        }
    }

    /// A hand-over of the session has lost messages: they have to come from the archive. A client that has not learnt a place in it
    /// yet cannot ask for them.
    pub(crate) fn server_lost(&mut self, ids: &[String]) {
        let knows_place = self.knows_place();
        for id in ids.get(self.losses_read..).unwrap_or_default() {
            self.losses_read += 1;
            let same = self.incoming.iter_mut();
            for message in same.filter(|message| message.message.id == *id) {
                message.is_before_place |= !knows_place;
            }
        }
    }

    /// I1: a count increases by one, together with the stanza that it counts.
    pub(super) fn counted(&mut self, h: u32, stored: Option<&str>) {
        let Some(before) = self.committed_h else {
            // Sessions that cannot be resumed are never stored; then there is nothing to compare.
            self.uncounted.pop_front();
            return;
        };
        self.committed_h = Some(h);
        if h != before.wrapping_add(1) {
            return self.broken("I1", || format!("the count went from {before} to {h}"));
        }
        match (self.uncounted.pop_front(), stored) {
            (None, _) => self.broken("I1", || format!("count {h} stands for no stanza")),
            (Some(heard), None)
                if heard.is_for_app
                    && !heard.id.starts_with(UNREADABLE)
                    && !self.may_be_dropped(&heard) =>
            {
                self.broken("I1", || format!("{} was counted and not stored", heard.id));
            }
            (Some(heard), Some(stored)) if heard.id != stored => {
                let stored = stored.to_owned();
                self.broken("I1", || format!("{stored} was stored for {}", heard.id));
            }
            _ => {}
        }
    }

    /// Returns whether a stanza may only be counted: the app has it already, or sent it itself and the archive returns
    /// it.
    fn may_be_dropped(&self, heard: &Heard) -> bool {
        let index = self.incoming_by_id.get(&heard.id);
        match index.and_then(|index| self.incoming.get(*index)) {
            Some(message) => {
                // The newest message is asked for its place alone.
                let is_jumped = |at: Option<Time>| at.is_some_and(|at| message.written_at <= at);
                let is_for_place = self.place_known_at.is_none()
                    || is_jumped(self.place_known_at)
                    || is_jumped(self.gap_at);
                message.stored > 0 || (heard.is_archived && is_for_place)
            }
            None => heard.is_archived || self.rooms.has_stored(&heard.id),
        }
    }

    pub(super) fn stored(&mut self, delivery: &Delivery, key: &str) {
        let fresh = Delivered {
            delivered_to: 0,
            confirmed: false,
        };
        if self.deliveries.insert(delivery.id.clone(), fresh).is_some() {
            return self.broken("I2", || "a delivery id came twice".to_owned());
        }
        self.owed.push(delivery.id.clone());
        self.not_given.extend(given_as_delivery(delivery));
        let id = delivery.stanza.attr("id").unwrap_or_default();
        if id == UNREADABLE {
            return self.broken("T6", || {
                "an unreadable stanza was given to the app".to_owned()
            });
        }
        if let Some((room, id)) = in_room(message_in(&delivery.stanza)) {
            self.rooms.stores(room, id, key);
        }
        let Some(index) = self.incoming_by_id.get(key).copied() else {
            return;
        };
        self.counts.delivered += 1;
        let message = &mut self.incoming[index];
        message.stored += 1;
        let Incoming {
            stored, allowed, ..
        } = *message;
        if stored > allowed {
            self.broken("I2", || format!("message {index} came {stored} times"));
        } else if stored > 1 {
            self.counts.duplicated_down += 1;
        }
    }

    /// The app receives a delivery.
    pub(crate) fn delivered(&mut self, delivery: &Delivery) {
        let life = self.life + 1;
        self.note("app got", || delivery.id.clone());
        self.not_given.remove(&delivery.id);
        let index = self.incoming_by_id.get(&key_of(&delivery.stanza)).copied();
        if let Some(message) = index.and_then(|index| self.incoming.get_mut(index)) {
            message.is_given = true;
        }
        let Some(known) = self.deliveries.get_mut(&delivery.id) else {
            return self.broken("I2", || "a delivery came before it was stored".to_owned());
        };
        let before = std::mem::replace(&mut known.delivered_to, life);
        let confirmed = known.confirmed;
        if let Some((room, id)) = in_room(&delivery.stanza) {
            let broken = self.rooms.given(room, id, &delivery.id, before == 0);
            self.broken_in_room(broken);
        }
        if before == life {
            self.broken("I2", || "a delivery came twice in one process".to_owned());
        } else if confirmed {
            self.broken("I2", || {
                "a delivery came again after it was confirmed".to_owned()
            });
        }
    }

    pub(super) fn confirmed(&mut self, id: &str) {
        // The app had it from an earlier process.
        self.not_given.remove(id);
        if let Some(known) = self.deliveries.get_mut(id) {
            known.confirmed = true;
        }
        self.owed.retain(|owed| owed != id);
    }

    /// Returns what the app has received and not confirmed.
    pub(crate) fn unconfirmed(&self) -> Vec<String> {
        let delivered = |id: &&String| {
            self.deliveries
                .get(*id)
                .is_some_and(|known| known.delivered_to == self.life + 1)
        };
        self.owed.iter().filter(delivered).cloned().collect()
    }

    /// A new process has opened the store: it must contain what is not confirmed, in order, and nothing else.
    pub(crate) fn restarted(&mut self, undelivered: &[Delivery]) {
        self.life += 1;
        self.uncounted.clear();
        self.forget_requests();
        self.not_given = undelivered.iter().filter_map(given_as_delivery).collect();
        self.rooms
            .restarted(undelivered.iter().map(|one| one.id.as_str()));
        for delivery in undelivered {
            if let Some((room, id)) = in_room(message_in(&delivery.stanza)) {
                self.rooms.comes_from_store(room, id);
            }
        }
        let found: Vec<&String> = undelivered.iter().map(|delivery| &delivery.id).collect();
        if found != self.owed.iter().collect::<Vec<_>>() {
            let (found, owed) = (found.len(), self.owed.len());
            self.broken("I2", || {
                format!("{found} deliveries are stored after a restart, {owed} are owed, or in another order")
            });
        }
    }

    /// The app is not given these: it has received the same messages of a room before.
    pub(crate) fn withheld(&mut self, ids: &[String]) {
        for id in ids {
            self.not_given.remove(id);
        }
    }

    /// Returns whether the app has received all that is committed.
    pub(crate) fn is_all_given(&self) -> bool {
        self.not_given.is_empty()
    }

    /// I2: while a process lives, its app receives each delivery that is committed.
    pub(crate) fn check_given(&mut self, is_held: impl Fn(&str) -> bool) {
        let mut not_given = self.not_given.iter();
        if let Some(id) = not_given.find(|id| !is_held(id)).cloned() {
            self.broken("I2", || {
                format!("delivery {id} is committed and the app did not receive it")
            });
        }
    }

    /// A possible gap is reported to the app.
    pub(crate) fn gap_reported(&mut self) {
        self.gap_at = Some(self.now);
    }

    pub(super) fn cursor_moved(&mut self, cursor: &ArchiveCursor) {
        self.has_archive_cursor = matches!(cursor, ArchiveCursor::After(_));
        if !matches!(cursor, ArchiveCursor::Since(_)) {
            self.place_known_at.get_or_insert(self.now);
        }
    }

    /// A place in the archive is known, so that what is archived from now on will come.
    pub(crate) fn knows_place(&self) -> bool {
        self.place_known_at.is_some()
    }

    /// Messages that have not come although they were written before this time and no gap was reported since (rule I18). Where the
    /// server has one still, that has to come, be there a gap or not.
    pub(crate) fn missing(
        &mut self,
        before: Time,
        is_offline_kept: bool,
        held: impl Fn(&Message) -> bool,
    ) -> Option<usize> {
        let came = |message: &Incoming| message.stored > 0;
        while self.incoming.get(self.first_unreceived).is_some_and(came) {
            self.first_unreceived += 1;
        }
        let (gap_at, place_known_at) = (self.gap_at, self.place_known_at);
        // What came before the first session is history, where nothing but the archive keeps it.
        let is_history = |message: &Incoming| {
            let is_old = place_known_at.is_none_or(|at| message.written_at <= at);
            message.is_before_place || (!is_offline_kept && is_old)
        };
        let rest = self.incoming.iter().enumerate().skip(self.first_unreceived);
        rest.filter(|(_, message)| message.stored == 0 && message.written_at < before)
            .filter(|(_, message)| !is_history(message))
            .find(|(_, message)| {
                let is_reported = gap_at.is_some_and(|at| message.written_at <= at);
                !is_reported && !held(&message.message)
            })
            .map(|(index, _)| index)
    }

    /// I21: the client reports that it has caught up. What was written before it began to connect has come, or lies in a gap
    /// that was reported.
    pub(crate) fn caught_up(&mut self, begun: Option<Time>) {
        let parts = [Request::Presence, Request::Carbons, Request::Archive];
        if self.server_at_fault || parts.iter().any(|part| self.is_set_apart(*part)) {
            return;
        }
        let Some(begun) = begun else { return };
        while (self.incoming.get(self.first_not_given)).is_some_and(|message| message.is_given) {
            self.first_not_given += 1;
        }
        let (gap_at, place_known_at) = (self.gap_at, self.place_known_at);
        let rest = self.incoming.iter().enumerate().skip(self.first_not_given);
        let mut awaited = rest.filter(|(_, message)| {
            let is_within = |at: Option<Time>| at.is_some_and(|at| message.written_at <= at);
            // What came before the first session may be history.
            let is_history = message.is_before_place || place_known_at.is_none();
            let is_excused = is_history || is_within(place_known_at) || is_within(gap_at);
            !message.is_given && message.written_at < begun && !is_excused
        });
        if let Some((index, _)) = awaited.next() {
            self.broken("I21", || {
                format!("message {index} has not come, and it was reported that all have")
            });
        }
    }

    /// Returns whether the app has received everything, except messages that are lost and lie in a reported gap.
    pub(crate) fn is_received(
        &self,
        is_offline_kept: bool,
        held: impl Fn(&Message) -> bool,
    ) -> bool {
        let (gap_at, place_known_at) = (self.gap_at, self.place_known_at);
        let rest = self.incoming.iter().skip(self.first_unreceived);
        rest.filter(|message| message.stored == 0).all(|message| {
            let is_old = place_known_at.is_none_or(|at| message.written_at <= at);
            let is_history = message.is_before_place || (!is_offline_kept && is_old);
            let is_reported = gap_at.is_some_and(|at| message.written_at <= at);
            is_history || (is_reported && !held(&message.message))
        })
    }

    /// Returns what has not arrived.
    pub(crate) fn unreceived(&self) -> String {
        let waiting = self.incoming.iter().enumerate();
        let missing: Vec<String> = waiting
            .filter(|(_, message)| message.stored == 0)
            .map(|(index, message)| format!("message {index} {}", message.message.id))
            .collect();
        missing.join(", ")
    }
}

/// Returns the number of the room that this message with a body comes from, and the message's id.
fn in_room(stanza: &Element) -> Option<(u32, &str)> {
    let is_message =
        stanza.attr("type") == Some("groupchat") && stanza.has_child("body", ns::CLIENT);
    let from = stanza.attr("from").filter(|_| is_message)?;
    let (address, _) = from.split_once('/')?;
    let room = (0..ROOMS).find(|room| room_address(*room).to_string() == address)?;
    Some((room, stanza.attr("id")?))
}

/// Returns the id of a delivery; nothing if the app receives it as the failure of its own message.
fn given_as_delivery(delivery: &Delivery) -> Option<String> {
    (delivery.stanza.attr("type") != Some("error")).then(|| delivery.id.clone())
}
