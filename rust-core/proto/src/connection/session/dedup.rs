//! XEP-0359: messages that were received before (rule I17). A duplicate is counted like any stanza (rule I1) and is not
//! delivered.
//!
//! ```text
//!  archive id known                                            --> duplicate
//!  sender's id known --- one of the two came indirectly?  no   --> new
//!                                 | yes
//!                             payload known?              yes  --> duplicate
//!                                 | no                         --> new, a possible duplicate
//! ```
//!
//! Senders reuse ids: some clients count from one after each start, on several devices, and for each recipient. Two messages
//! that arrived live each have an id in the account's archive; they are different messages.

use crate::jid;
use crate::knowledge::{Op, Seen, SeenMessage, SeenTag, SenderId, StableId, Way};
use crate::ns;
use crate::xep::carbons::{Carbon, Direction};
use crate::xep::delay::Delay;
use crate::xep::stanza_id;
use crate::xml::Element;

use crate::connection::remote::Remote;
use crate::connection::session::archive::Archive;
use crate::connection::session::payload;

/// An `id` of fewer characters is not random: those of this client have 22, UUIDs 36.
const RANDOM_ID: usize = 22;

/// The identity of a message, and what it means for the archive's cursor.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// Its id in the account's archive.
    archive: Option<SeenTag>,
    /// The archive id identifies nothing yet: it is not known whether the server assigns the ids.
    is_claimed: bool,
    sender: Option<SenderTags>,
    /// The id under which an older store may have recorded it.
    legacy: Option<SeenTag>,
    /// The message's position in the account's archive, if it may be trusted to be the newest.
    newest: Option<String>,
}

/// The sender's id of a message, alone and with the payload.
#[derive(Debug)]
pub(super) struct SenderTags {
    /// The id under which the message is recorded.
    own: [SeenTag; 2],
    /// The same, if it arrived in the other way.
    other: [SeenTag; 2],
    way: Way,
    /// The id is random, so no entity generates it twice: a message with the same id is the same message.
    is_random: bool,
}

/// The classification of a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    New,
    /// Its sender gave it the id of an earlier one, but another payload.
    PossibleDuplicate(Option<String>),
    Duplicate,
}

impl Ids {
    /// Returns the ids of a received message, or of the one that was inside a carbon of the account (rule T7).
    pub(super) fn of_live(
        message: &Element,
        carbon: Option<&Carbon>,
        archive: &Archive,
        remote: &Remote,
    ) -> Self {
        let own = remote.env.config.account.to_string();
        let seen = &remote.knowledge.seen;
        let is_delayed = carbon.is_some_and(|carbon| carbon.delay.is_some());
        let is_fresh = !is_delayed && is_fresh(message);
        let is_sent = carbon.is_some_and(|carbon| carbon.direction == Direction::Sent);
        let id = stanza_id::stanza_id(message, &own).filter(|_| *archive != Archive::Absent);
        let way = if is_fresh && id.is_some() {
            Way::Direct
        } else {
            Way::Indirect
        };
        let sender = if is_sent {
            SenderTags::of_ours(message, way, seen)
        } else {
            SenderTags::of_theirs(message, way, seen)
        };
        Self {
            archive: id.map(|id| seen.tag(StableId::Archive(id))),
            is_claimed: id.is_some() && !archive.is_trusted(),
            sender,
            legacy: None,
            newest: id.filter(|_| is_fresh).map(str::to_owned),
        }
    }

    /// Returns the ids of a message from the archive.
    pub(super) fn of_archived(id: &str, message: &Element, is_ours: bool, remote: &Remote) -> Self {
        let seen = &remote.knowledge.seen;
        let way = Way::Indirect;
        let (sender, legacy) = if is_ours {
            let id = sent_id(message).filter(|id| id.len() >= RANDOM_ID);
            let legacy = id.map(|id| seen.tag(StableId::Ours(id)));
            (SenderTags::of_ours(message, way, seen), legacy)
        } else {
            (SenderTags::of_theirs(message, way, seen), None)
        };
        Self {
            archive: Some(seen.tag(StableId::Archive(id))),
            sender,
            legacy,
            ..Self::default()
        }
    }

    /// Returns whether this message was received before.
    pub(super) fn verdict(&self, remote: &Remote) -> Verdict {
        let seen = &remote.knowledge.seen;
        let archive = self.archive.filter(|_| !self.is_claimed);
        let mut exact = archive.into_iter().chain(self.legacy);
        if exact.any(|tag| seen.contains(tag)) {
            return Verdict::Duplicate;
        }
        match &self.sender {
            Some(sender) => sender.verdict(seen),
            None => Verdict::New,
        }
    }

    /// Records the message under this id.
    pub(super) fn note(&self, reference: &str, remote: &mut Remote) -> Option<Op> {
        let sender = self.sender.iter().flat_map(|sender| sender.own);
        let tags: Vec<SeenTag> = self.archive.into_iter().chain(sender).collect();
        if tags.is_empty() {
            return None;
        }
        let reference = self.sender.is_some().then(|| reference.to_owned());
        let message = SeenMessage { tags, reference };
        remote.knowledge.seen.insert(&message);
        Some(Op::Seen(message))
    }

    pub(super) fn newest(&self) -> Option<&str> {
        self.newest.as_deref()
    }
}

impl SenderTags {
    fn of_theirs(message: &Element, way: Way, seen: &Seen) -> Option<Self> {
        let kind = message.attr("type");
        // Errors carry the ids of the stanzas that they answer.
        if kind == Some("error") {
            return None;
        }
        let from = message.attr("from")?;
        let sender = match kind {
            Some("groupchat") => jid::prepared(from),
            _ => jid::prepared_bare(from),
        };
        let id = stanza_id::parse_origin_id(message).filter(|id| !id.is_empty())?;
        let sender = &sender;
        Some(Self::new(
            SenderId::Theirs { sender, id },
            message,
            way,
            seen,
        ))
    }

    /// Returns the sender's id of a message that this account sent.
    pub(super) fn of_ours(message: &Element, way: Way, seen: &Seen) -> Option<Self> {
        let id = sent_id(message)?;
        let recipient = &recipient(message);
        Some(Self::new(
            SenderId::Ours { recipient, id },
            message,
            way,
            seen,
        ))
    }

    fn new(id: SenderId<'_>, message: &Element, way: Way, seen: &Seen) -> Self {
        let digest = &seen.digest(&payload::canonical(message));
        let is_random = match id {
            SenderId::Theirs { id, .. } | SenderId::Ours { id, .. } => id.len() >= RANDOM_ID,
        };
        let tags = |way| {
            let payload = StableId::Payload { id, way, digest };
            [StableId::Sender { id, way }, payload].map(|id| seen.tag(id))
        };
        let other = match way {
            Way::Direct => Way::Indirect,
            Way::Indirect => Way::Direct,
        };
        Self {
            own: tags(way),
            other: tags(other),
            way,
            is_random,
        }
    }

    fn verdict(&self, seen: &Seen) -> Verdict {
        let comparable = match self.way {
            Way::Direct => [Some(self.other), None],
            Way::Indirect => [Some(self.own), Some(self.other)],
        };
        let comparable = || comparable.into_iter().flatten();
        let [_, own] = self.own;
        if self.is_random && seen.contains(own) {
            return Verdict::Duplicate;
        }
        if comparable().any(|[_, payload]| seen.contains(payload)) {
            return Verdict::Duplicate;
        }
        match comparable().find(|[sender, _]| seen.contains(*sender)) {
            Some([sender, _]) => {
                let reference = seen.reference(sender).map(str::to_owned);
                Verdict::PossibleDuplicate(reference)
            }
            None => Verdict::New,
        }
    }

    pub(super) fn into_message(self, reference: &str) -> SeenMessage {
        SeenMessage {
            tags: self.own.to_vec(),
            reference: Some(reference.to_owned()),
        }
    }
}

/// A delayed message was stored somewhere, so older ones may follow it.
fn is_fresh(message: &Element) -> bool {
    !message.has_child("delay", ns::DELAY) && Delay::of(message).is_none()
}

/// Returns the id of a message that this account sent.
pub(super) fn sent_id(message: &Element) -> Option<&str> {
    let id = message.attr("id").filter(|id| !id.is_empty());
    id.or_else(|| stanza_id::parse_origin_id(message))
        .filter(|id| !id.is_empty())
}

/// Returns the recipient of a message that this account sent; without `to` it is the account itself.
pub(super) fn recipient(message: &Element) -> String {
    let to = message.attr("to").unwrap_or_default();
    jid::prepared_bare(to).into_owned()
}

/// Returns whether two messages that this account sent are the same: same id, same recipient, same payload.
pub(super) fn is_same_sent(one: &Element, other: &Element) -> bool {
    let origin = |message| stanza_id::parse_origin_id(message).filter(|id| !id.is_empty());
    let ids = |message| [sent_id(message), origin(message)];
    let shares_id = ids(one)
        .into_iter()
        .flatten()
        .any(|id| ids(other).contains(&Some(id)));
    shares_id
        && recipient(one) == recipient(other)
        && payload::canonical(one) == payload::canonical(other)
}
