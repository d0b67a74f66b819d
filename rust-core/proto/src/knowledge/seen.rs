//! Which messages are known already, told by the ids of XEP-0359.
//!
//! A message may come twice: a peer that lost its session sends it again, a server keeps it for an absent client *and* in
//! the archive. What is kept of an id is a keyed hash, so that nobody who finds the file learns who wrote when.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::OnceLock;

use crate::sasl::MacKey;

/// How many messages a store remembers: the newest ones. Doubles come close together, around the loss of a session.
pub const SEEN_MESSAGES: u64 = 2048;

/// How many ids a connection holds. More than a store does: an archive and the server's other storage may bring the same
/// thousands of messages one after the other, and that happens within one connection.
const HELD: usize = 16_384;

/// An id that stays the same however often and on whatever way a message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StableId<'a> {
    /// The id in our own archive (`<stanza-id/>` by our own account).
    Archive(&'a str),
    /// The sender's own id. It tells doubles of one sender, so a sender can suppress nobody's messages but its own.
    Origin {
        /// Bare JID; in a groupchat the full one, since the bare one is everybody's.
        sender: &'a str,
        /// `<origin-id/>`.
        id: &'a str,
    },
    /// The id of something that this account sent.
    Ours(&'a str),
}

/// A [`StableId`] as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenTag(pub [u8; 16]);

/// The messages that are known.
#[derive(Clone)]
pub struct Seen {
    key: MacKey,
    /// The same tags in their order, sorted when somebody asks: a store hands over thousands with each connection, and
    /// many connections bring no message.
    sorted: OnceLock<BTreeSet<SeenTag>>,
    order: VecDeque<SeenTag>,
}

impl Seen {
    /// What a store remembers, the oldest first, and the key that its tags were made with.
    pub fn new(key: [u8; 32], tags: impl IntoIterator<Item = SeenTag>) -> Self {
        let mut order: VecDeque<SeenTag> = tags.into_iter().collect();
        order.drain(..order.len().saturating_sub(HELD));
        Self {
            key: MacKey::new(&key),
            sorted: OnceLock::new(),
            order,
        }
    }

    /// The id as it is stored.
    pub fn tag(&self, id: StableId<'_>) -> SeenTag {
        let mac = match id {
            StableId::Archive(id) => self.key.hmac(&[b"archive\0", id.as_bytes()]),
            StableId::Origin { sender, id } => {
                let parts: [&[u8]; 4] = [b"origin\0", sender.as_bytes(), b"\0", id.as_bytes()];
                self.key.hmac(&parts)
            }
            StableId::Ours(id) => self.key.hmac(&[b"ours\0", id.as_bytes()]),
        };
        let mut tag = [0; 16];
        tag.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
        SeenTag(tag)
    }

    /// Whether a message with this id is known.
    pub fn contains(&self, tag: SeenTag) -> bool {
        self.sorted().contains(&tag)
    }

    /// A message with this id is known from now on, until too many others are.
    pub fn insert(&mut self, tag: SeenTag) {
        if self.contains(tag) {
            return;
        }
        self.order.push_back(tag);
        let oldest = (self.order.len() > HELD)
            .then(|| self.order.pop_front())
            .flatten();
        if let Some(sorted) = self.sorted.get_mut() {
            sorted.insert(tag);
            if let Some(oldest) = oldest {
                sorted.remove(&oldest);
            }
        }
    }

    fn sorted(&self) -> &BTreeSet<SeenTag> {
        self.sorted
            .get_or_init(|| self.order.iter().copied().collect())
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::new([0; 32], [])
    }
}

/// T9: neither the key nor what it hides.
impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen")
            .field("tags", &self.order.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin<'a>(sender: &'a str, id: &'a str) -> StableId<'a> {
        StableId::Origin { sender, id }
    }

    #[test]
    fn ids_of_different_givers_differ() {
        let seen = Seen::new([1; 32], []);
        let ids = [
            StableId::Archive("a"),
            StableId::Ours("a"),
            origin("a", ""),
            origin("", "a"),
            origin("a@b.example", "a"),
        ];
        let tags: BTreeSet<SeenTag> = ids.iter().map(|id| seen.tag(*id)).collect();
        assert_eq!(tags.len(), ids.len());
    }

    #[test]
    fn t9_without_the_key_a_tag_says_nothing() {
        let tag = |key| Seen::new([key; 32], []).tag(origin("a@b.example", "1"));
        assert_eq!(tag(1), tag(1));
        assert_ne!(tag(1), tag(2));
        let printed = format!("{:?}", Seen::new([77; 32], [tag(1)]));
        assert!(printed.contains("tags: 1") && !printed.contains("77"));
    }

    #[test]
    fn the_window_is_bounded_and_forgets_the_oldest() {
        let mut seen = Seen::default();
        let tag = |number: usize| {
            let mut tag = [0; 16];
            tag[..8].copy_from_slice(&number.to_be_bytes());
            SeenTag(tag)
        };
        for number in 0..HELD + 5 {
            seen.insert(tag(number));
            seen.insert(tag(number));
        }
        assert_eq!((seen.sorted().len(), seen.order.len()), (HELD, HELD));
        assert!(!seen.contains(tag(4)) && seen.contains(tag(5)));
    }
}
