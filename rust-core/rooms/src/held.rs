//! Messages of rooms that came while earlier ones were being fetched.

use std::collections::{BTreeMap, VecDeque};

use snapback_proto::jid::BareJid;
use snapback_proto::knowledge::Delivery;

/// The maximum memory of the messages that are held, in bytes, 1 MiB: what exceeds it is delivered early. They are in the store as well.
const MAX_MEMORY: usize = 1024 * 1024;

/// By room: the id in the room's archive, and the delivery.
#[derive(Debug, Default)]
pub(crate) struct Held {
    rooms: BTreeMap<BareJid, VecDeque<(String, Delivery)>>,
    memory: usize,
}

impl Held {
    /// Holds a message. If that is too much, returns those of this room, which are no longer held.
    pub(crate) fn push(
        &mut self,
        room: BareJid,
        id: String,
        delivery: Delivery,
    ) -> Option<VecDeque<Delivery>> {
        self.memory = self.memory.saturating_add(delivery.stanza.memory());
        let of_room = self.rooms.entry(room.clone()).or_default();
        of_room.push_back((id, delivery));
        (self.memory > MAX_MEMORY).then(|| self.release(&room))
    }

    /// Returns the message with this id, after those that came before it; none of them is held any more.
    pub(crate) fn take(&mut self, room: &BareJid, id: &str) -> Option<VecDeque<Delivery>> {
        let of_room = self.rooms.get_mut(room)?;
        let at = of_room.iter().position(|(held, _)| held == id)?;
        let rest = of_room.split_off(at.saturating_add(1));
        let taken = self.release(room);
        self.rooms.insert(room.clone(), rest);
        Some(taken)
    }

    /// Returns the messages of a room in their order, and holds none of it any more.
    pub(crate) fn release(&mut self, room: &BareJid) -> VecDeque<Delivery> {
        let released = self.rooms.remove(room).unwrap_or_default();
        let released = released.into_iter().map(|(_, delivery)| {
            self.memory = self.memory.saturating_sub(delivery.stanza.memory());
            delivery
        });
        released.collect()
    }

    /// Returns the ids of the deliveries.
    pub(crate) fn deliveries(&self) -> impl Iterator<Item = &str> {
        let held = self.rooms.values().flatten();
        held.map(|(_, delivery)| delivery.id.as_str())
    }
}
