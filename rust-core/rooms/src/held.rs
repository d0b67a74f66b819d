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

#[cfg(test)]
mod tests {
    use super::*;
    use snapback_proto::ns;
    use snapback_proto::xml::Element;

    fn room() -> BareJid {
        "coven@chat.shakespeare.lit".parse().unwrap()
    }

    fn push(held: &mut Held, id: &str, text: &str) -> Option<usize> {
        let stanza = Element::new("message", ns::CLIENT).with_text(text);
        let delivery = Delivery::new(id.to_owned(), stanza);
        held.push(room(), id.to_owned(), delivery)
            .map(|early| early.len())
    }

    fn ids(deliveries: VecDeque<Delivery>) -> Vec<String> {
        deliveries.into_iter().map(|one| one.id).collect()
    }

    #[test]
    fn i21_what_is_held_keeps_its_order() {
        let mut held = Held::default();
        for id in ["a1", "a2", "a3"] {
            push(&mut held, id, "");
        }
        assert!(held.take(&room(), "a9").is_none());
        // The archive has it: what came before it is not missing there either.
        assert_eq!(ids(held.take(&room(), "a2").unwrap()), ["a1", "a2"]);
        assert_eq!(held.deliveries().collect::<Vec<_>>(), ["a3"]);
        assert_eq!(ids(held.release(&room())), ["a3"]);
        assert_eq!(held.memory, 0);
    }

    #[test]
    fn i20_what_is_held_is_bounded() {
        let mut held = Held::default();
        let text = "x".repeat(MAX_MEMORY / 4);
        let mut early = 0;
        for number in 0..40 {
            early += push(&mut held, &number.to_string(), &text).unwrap_or(0);
            assert!(held.memory <= MAX_MEMORY + text.len());
        }
        assert_eq!(early + held.deliveries().count(), 40, "none is lost");
    }
}
