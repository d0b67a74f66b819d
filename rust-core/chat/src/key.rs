//! Which message a correction, retraction, reaction, receipt, marker or reply refers to, and whether its sender may.

use snapback_types::jid::{Address, BareJid, Jid};
use snapback_wire::xep::stanza_id;
use snapback_wire::xml::Element;

use crate::message::{ChatMessage, MessageKind};

/// What an app keeps of each message, so that later ones find it. Addresses are prepared (RFC 7622), so that equal ones are equal
/// texts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MessageKey {
    /// The kind of the conversation.
    pub kind: Conversation,
    /// With whom: the bare JID of the contact or of the room; the full JID of an occupant.
    pub conversation: String,
    /// The sender: a bare JID, or the full JID of an occupant.
    pub sender: String,
    /// The id that the room claims for the sender (XEP-0421).
    pub occupant_id: Option<String>,
    /// The attribute `id`, which the sender chose.
    pub id: Option<String>,
    /// The sender's own id (XEP-0359).
    pub origin_id: Option<String>,
    /// The id that the room claims to have assigned (XEP-0359). `None` outside of rooms.
    pub room_id: Option<String>,
}

/// The kinds of conversations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conversation {
    /// With a contact.
    Contact,
    /// In a room (XEP-0045).
    Room,
    /// With an occupant of a room, in private.
    Occupant,
}

/// What a room announces (XEP-0030). By default nothing: then what depends on it is not trusted, since other occupants can forge it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoomFeatures {
    /// `urn:xmpp:sid:0`: the room assigns ids to messages, and removes forged ones (XEP-0359).
    pub stanza_ids: bool,
    /// `urn:xmpp:occupant-id:0`: the room names occupants by a stable id (XEP-0421).
    pub occupant_ids: bool,
}

/// What a message says about another one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reference {
    /// What it says.
    pub kind: ReferenceKind,
    /// The id of the other message.
    pub id: String,
}

/// What a message may say about another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReferenceKind {
    /// It was received (XEP-0184).
    Receipt,
    /// It was displayed, and all before it (XEP-0333).
    Displayed,
    /// It is replaced (XEP-0308).
    Correction,
    /// Its author removes it (XEP-0424).
    Retraction,
    /// A moderator of the room removes it (XEP-0425).
    Moderation,
    /// The sender reacts to it (XEP-0444).
    Reactions,
    /// The sender replies to it (XEP-0461).
    Reply,
}

/// How sure it is that the sender may do this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// It may.
    Proven,
    /// The room does not announce occupant ids, and the author of the other message had the same nickname. Another person may have
    /// it now: accept this only if the occupant has not left the room in between (XEP-0308 section 4).
    SameNickname,
}

/// Why a reference does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The other message belongs to another conversation.
    OtherConversation,
    /// The id is that of another message, or one that this kind of reference must not use here.
    OtherMessage,
    /// Only the author may do this, and the sender is another entity.
    OtherSender,
}

impl MessageKey {
    /// Returns the key of a message that the account received, or of the copy of one that another of its clients sent. `None` if an
    /// address cannot be read, of an error, and of what is no message: nothing of these is trusted.
    pub fn of(message: &Element, account: &BareJid) -> Option<Self> {
        Self::of_read(message, &ChatMessage::read(message), account)
    }

    /// The same, of a message that is read already.
    pub fn of_read(message: &Element, read: &ChatMessage, account: &BareJid) -> Option<Self> {
        if read.kind == MessageKind::Error {
            return None;
        }
        let from = known(&read.from, account)?;
        let to = known(&read.to, account)?;
        let is_ours = from.bare() == account && to.bare() != account;
        let other = if is_ours { &to } else { &from };
        let (kind, conversation) = match read.kind {
            MessageKind::Groupchat => (Conversation::Room, other.bare().to_string()),
            _ if read.is_private => (Conversation::Occupant, other.to_string()),
            _ => (Conversation::Contact, other.bare().to_string()),
        };
        let sender = match kind {
            Conversation::Room | Conversation::Occupant if !is_ours => from.to_string(),
            _ => from.bare().to_string(),
        };
        let is_room = kind == Conversation::Room;
        let room_id = stanza_id::stanza_id(message, &conversation).filter(|_| is_room);
        Some(Self {
            room_id: room_id.map(str::to_owned),
            kind,
            conversation,
            sender,
            occupant_id: read
                .occupant_id
                .clone()
                .filter(|_| kind != Conversation::Contact),
            id: read.id.clone(),
            origin_id: read.origin_id.clone(),
        })
    }

    /// Returns whether a reference of the message with this key holds for the `other` message. Of a room's messages it depends on what
    /// the room announces.
    ///
    /// # Errors
    ///
    /// If it refers to another message, or its sender may not do this.
    pub fn refers_to(
        &self,
        reference: &Reference,
        other: &Self,
        room: RoomFeatures,
    ) -> Result<Certainty, Mismatch> {
        if (self.kind, &self.conversation) != (other.kind, &other.conversation) {
            return Err(Mismatch::OtherConversation);
        }
        if !other
            .names(reference.kind, room)
            .contains(&Some(reference.id.as_str()))
        {
            return Err(Mismatch::OtherMessage);
        }
        match reference.kind {
            ReferenceKind::Correction | ReferenceKind::Retraction => self.is_by_author(other, room),
            // Only the room itself has its bare JID.
            ReferenceKind::Moderation if self.kind == Conversation::Room => {
                let is_room = self.sender == self.conversation;
                is_room
                    .then_some(Certainty::Proven)
                    .ok_or(Mismatch::OtherSender)
            }
            ReferenceKind::Moderation => Err(Mismatch::OtherSender),
            ReferenceKind::Receipt
            | ReferenceKind::Displayed
            | ReferenceKind::Reactions
            | ReferenceKind::Reply => Ok(Certainty::Proven),
        }
    }

    /// Returns the ids by which this message may be referred to. Occupants of a room choose their ids, so others refer to the room's.
    fn names(&self, kind: ReferenceKind, room: RoomFeatures) -> [Option<&str>; 2] {
        let senders = [self.id.as_deref(), self.origin_id.as_deref()];
        let rooms = [self.room_id.as_deref().filter(|_| room.stanza_ids), None];
        if self.kind != Conversation::Room {
            return senders;
        }
        match kind {
            ReferenceKind::Correction | ReferenceKind::Receipt => senders,
            ReferenceKind::Retraction | ReferenceKind::Displayed if !room.stanza_ids => senders,
            _ => rooms,
        }
    }

    fn is_by_author(&self, other: &Self, room: RoomFeatures) -> Result<Certainty, Mismatch> {
        // A message that this account sent is known by its JID alone.
        let is_contact = self.kind == Conversation::Contact;
        if room.occupant_ids && !is_contact && self.occupant_id.is_some() {
            let is_same = self.occupant_id == other.occupant_id;
            return is_same
                .then_some(Certainty::Proven)
                .ok_or(Mismatch::OtherSender);
        }
        if self.sender != other.sender {
            return Err(Mismatch::OtherSender);
        }
        // A room that names its occupants names all of them, and only they have a nickname.
        let has_nickname = self.sender.contains('/');
        match (has_nickname, room.occupant_ids) {
            (false, _) => Ok(Certainty::Proven),
            (true, false) => Ok(Certainty::SameNickname),
            (true, true) => Err(Mismatch::OtherSender),
        }
    }
}

/// A message without an address belongs to the account (RFC 6120 section 8.1).
fn known(address: &Address, account: &BareJid) -> Option<Jid> {
    match address {
        Address::Named(jid) => Some(jid.clone()),
        Address::Absent => Some(Jid::Bare(account.clone())),
        Address::Unreadable(_) => None,
    }
}
