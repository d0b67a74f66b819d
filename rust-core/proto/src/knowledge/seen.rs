//! Which messages have been received already, recognized by the ids of XEP-0359.
//!
//! A message may arrive twice: a peer that lost its session sends it again, or a server keeps it for an absent client *and* in
//! the archive. An id is kept as a keyed hash, so that the file does not reveal who wrote when.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::sasl::MacKey;

/// How many messages a store remembers: the newest ones. Duplicates arrive close together, around the loss of a session.
pub const SEEN_MESSAGES: u64 = 2048;

/// How many ids a connection holds. More than a store does: an archive and the server's offline storage may deliver the same
/// thousands of messages one after the other, within one connection.
const HELD: usize = 16_384;

/// An id by which a repeated message is recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StableId<'a> {
    /// The id in the account's archive (`<stanza-id/>` assigned by the account). An archive assigns each id to one message.
    Archive(&'a str),
    /// The id that the sender chose, for any payload. Senders may reuse an id, so it alone does not identify a duplicate.
    Sender {
        /// The sender's id.
        id: SenderId<'a>,
        /// How the message came.
        way: Way,
    },
    /// The sender's id together with the payload.
    Payload {
        /// The sender's id.
        id: SenderId<'a>,
        /// How the message came.
        way: Way,
        /// The digest of the payload.
        digest: &'a [u8],
    },
    /// The id of a stanza that this account sent, as stores up to schema 4 recorded it. No longer written.
    Ours(&'a str),
}

/// An id that the sender of a message chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SenderId<'a> {
    /// `<origin-id/>` of a received message (XEP-0359).
    Theirs {
        /// The sender, prepared (RFC 7622): a bare JID; in a groupchat the full one, since the occupants share the bare one.
        sender: &'a str,
        /// `<origin-id/>`.
        id: &'a str,
    },
    /// The `id` of a message that this account sent from any of its clients.
    Ours {
        /// The recipient, prepared: a bare JID.
        recipient: &'a str,
        /// The attribute, or `<origin-id/>` if there is none.
        id: &'a str,
    },
}

/// How a message arrived. Of two messages that arrived live, each with its own archive id, neither is a duplicate of the other,
/// whatever their sender's ids are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Live, and with an id in the account's archive.
    Direct,
    /// Stamped as delayed (XEP-0203), or from the archive, or without an archive id.
    Indirect,
}

/// A [`StableId`] as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeenTag(pub [u8; 16]);

/// A message that has been received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenMessage {
    /// Its ids; at most three.
    pub tags: Vec<SeenTag>,
    /// The id under which the app knows it: that of its delivery, or of the stanza that this device sent.
    pub reference: Option<String>,
}

/// The messages that have been received.
#[derive(Clone)]
pub struct Seen {
    key: MacKey,
    /// The same tags in their order, sorted on first use: a store passes thousands to each connection, and many connections
    /// receive no message.
    sorted: OnceLock<BTreeMap<SeenTag, Reference>>,
    order: VecDeque<(SeenTag, Reference)>,
}

/// The id under which the app knows the message.
type Reference = Option<Arc<str>>;

impl Seen {
    /// Restores what a store remembers, the oldest first, and the key that its tags were made with.
    pub fn new(key: [u8; 32], messages: impl IntoIterator<Item = SeenMessage>) -> Self {
        let mut order = VecDeque::new();
        for SeenMessage { tags, reference } in messages {
            let reference = reference.map(Arc::from);
            order.extend(tags.into_iter().map(|tag| (tag, reference.clone())));
        }
        order.drain(..order.len().saturating_sub(HELD));
        Self {
            key: MacKey::new(&key),
            sorted: OnceLock::new(),
            order,
        }
    }

    /// Returns the id as it is stored.
    pub fn tag(&self, id: StableId<'_>) -> SeenTag {
        match id {
            StableId::Archive(id) => self.hash(&[b"archive\0", id.as_bytes()]),
            StableId::Ours(id) => self.hash(&[b"ours\0", id.as_bytes()]),
            StableId::Sender { id, way } => {
                let [kind, party, id] = id.parts();
                self.hash(&[b"sender\0", way.name(), kind, party, b"\0", id])
            }
            StableId::Payload { id, way, digest } => {
                let [kind, party, id] = id.parts();
                self.hash(&[b"payload\0", way.name(), digest, kind, party, b"\0", id])
            }
        }
    }

    /// Returns the digest of a payload, keyed like the tags. All digests have the same length.
    pub fn digest(&self, payload: &[u8]) -> [u8; 32] {
        self.key.hmac(&[b"digest\0", payload])
    }

    fn hash(&self, parts: &[&[u8]]) -> SeenTag {
        let mac = self.key.hmac(parts);
        let mut tag = [0; 16];
        tag.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
        SeenTag(tag)
    }

    /// Returns whether a message with this id has been received.
    pub fn contains(&self, tag: SeenTag) -> bool {
        self.sorted().contains_key(&tag)
    }

    /// Returns the id under which the app knows the message with this id, if it was recorded.
    pub fn reference(&self, tag: SeenTag) -> Option<&str> {
        self.sorted().get(&tag)?.as_deref()
    }

    /// Records the message until too many newer ones are recorded. Of those that share a tag, the first is referred to.
    pub fn insert(&mut self, message: &SeenMessage) {
        let reference: Reference = message.reference.as_deref().map(Arc::from);
        for tag in &message.tags {
            if self.contains(*tag) {
                continue;
            }
            self.order.push_back((*tag, reference.clone()));
            let oldest = (self.order.len() > HELD)
                .then(|| self.order.pop_front())
                .flatten();
            if let Some(sorted) = self.sorted.get_mut() {
                sorted.insert(*tag, reference.clone());
                if let Some((oldest, _)) = oldest {
                    sorted.remove(&oldest);
                }
            }
        }
    }

    fn sorted(&self) -> &BTreeMap<SeenTag, Reference> {
        self.sorted.get_or_init(|| {
            let mut sorted = BTreeMap::new();
            for (tag, reference) in &self.order {
                sorted.entry(*tag).or_insert_with(|| reference.clone());
            }
            sorted
        })
    }
}

impl<'a> SenderId<'a> {
    /// What is hashed: the entity that assigned the id, and the id. An address contains no NUL.
    fn parts(self) -> [&'a [u8]; 3] {
        match self {
            Self::Theirs { sender, id } => [b"theirs\0", sender.as_bytes(), id.as_bytes()],
            Self::Ours { recipient, id } => [b"ours\0", recipient.as_bytes(), id.as_bytes()],
        }
    }
}

impl Way {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Direct => b"direct\0",
            Self::Indirect => b"indirect\0",
        }
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::new([0; 32], [])
    }
}

/// T9: neither the key nor what it protects.
impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seen")
            .field("tags", &self.order.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn theirs<'a>(sender: &'a str, id: &'a str) -> SenderId<'a> {
        SenderId::Theirs { sender, id }
    }

    fn sender<'a>(id: SenderId<'a>) -> StableId<'a> {
        let way = Way::Direct;
        StableId::Sender { id, way }
    }

    #[test]
    fn ids_of_different_assigners_and_payloads_differ() {
        let seen = Seen::new([1; 32], []);
        let id = theirs("a@b.example", "a");
        let (recipient, way) = ("a@b.example", Way::Indirect);
        let (one, other) = (seen.digest(b"a"), seen.digest(b"b"));
        let digests: [&[u8]; 2] = [&one, &other];
        let mut ids = vec![
            StableId::Archive("a"),
            StableId::Ours("a"),
            sender(theirs("a", "")),
            sender(theirs("", "a")),
            sender(id),
            sender(SenderId::Ours { recipient, id: "a" }),
            StableId::Sender { id, way },
        ];
        ids.extend(digests.map(|digest| StableId::Payload { id, way, digest }));
        let way = Way::Direct;
        ids.extend(digests.map(|digest| StableId::Payload { id, way, digest }));
        let tags: BTreeSet<SeenTag> = ids.iter().map(|id| seen.tag(*id)).collect();
        assert_eq!(tags.len(), ids.len());
    }

    #[test]
    fn t9_without_the_key_a_tag_says_nothing() {
        let tag = |key| Seen::new([key; 32], []).tag(sender(theirs("a@b.example", "1")));
        assert_eq!(tag(1), tag(1));
        assert_ne!(tag(1), tag(2));
        let digest = |key| Seen::new([key; 32], []).digest(b"text");
        assert_ne!(digest(1), digest(2));
        let message = SeenMessage {
            tags: vec![tag(1)],
            reference: None,
        };
        let printed = format!("{:?}", Seen::new([77; 32], [message]));
        assert!(printed.contains("tags: 1") && !printed.contains("77"));
    }

    fn tag(number: usize) -> SeenTag {
        let mut tag = [0; 16];
        tag[..8].copy_from_slice(&number.to_be_bytes());
        SeenTag(tag)
    }

    fn message(tags: &[usize], reference: Option<&str>) -> SeenMessage {
        SeenMessage {
            tags: tags.iter().copied().map(tag).collect(),
            reference: reference.map(str::to_owned),
        }
    }

    #[test]
    fn the_window_is_bounded_and_forgets_the_oldest() {
        let mut seen = Seen::default();
        for number in 0..HELD + 5 {
            seen.insert(&message(&[number], None));
            seen.insert(&message(&[number], None));
        }
        assert_eq!((seen.sorted().len(), seen.order.len()), (HELD, HELD));
        assert!(!seen.contains(tag(4)) && seen.contains(tag(5)));
    }

    #[test]
    fn i17_of_those_that_share_an_id_the_first_is_referred_to() {
        let messages = [
            message(&[1, 2], None),
            message(&[3, 4], Some("d1")),
            message(&[5, 4], Some("d2")),
        ];
        let loaded = Seen::new([0; 32], messages.clone());
        let mut noted = Seen::default();
        messages.iter().for_each(|message| noted.insert(message));
        for seen in [loaded, noted] {
            assert_eq!(seen.reference(tag(1)), None);
            assert_eq!(seen.reference(tag(3)), Some("d1"));
            assert_eq!(seen.reference(tag(4)), Some("d1"));
            assert_eq!(seen.reference(tag(5)), Some("d2"));
            assert_eq!(seen.reference(tag(9)), None);
        }
    }
}
