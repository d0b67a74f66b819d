//! Typed messages, in both directions.

use snapback_chat as chat;
pub use snapback_chat::{ChatState, Conversation, Hints, MessageKey, ReferenceKind, RoomFeatures};
use snapback_client as core;
use snapback_client::Element;

/// What a person does in a conversation (XEP-0085).
#[uniffi::remote(Enum)]
pub enum ChatState {
    /// Pays attention to the conversation.
    Active,
    /// Has not paid attention for a while.
    Inactive,
    /// Has left the conversation.
    Gone,
    /// Is writing.
    Composing,
    /// Was writing, and stopped.
    Paused,
}

/// How a message is to be processed (XEP-0334).
#[uniffi::remote(Record)]
pub struct Hints {
    /// No archive shall keep it.
    #[uniffi(default = false)]
    pub no_permanent_store: bool,
    /// No entity shall keep it, not even until its recipient is online.
    #[uniffi(default = false)]
    pub no_store: bool,
    /// Other clients of the two accounts shall get no copy.
    #[uniffi(default = false)]
    pub no_copy: bool,
    /// It shall be kept, though it has no text.
    #[uniffi(default = false)]
    pub store: bool,
}

/// A text in one language.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct LocalizedText {
    /// The language (RFC 5646), if it is stated.
    pub language: Option<String>,
    /// The text.
    pub text: String,
}

/// All reactions of the sender to a message (XEP-0444).
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Reactions {
    /// The id of the message.
    pub id: String,
    /// The emojis; none removes all.
    pub emojis: Vec<String>,
}

/// The message that a message replies to (XEP-0461).
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Reply {
    /// The id of the message.
    pub id: String,
    /// The author, as the sender states it.
    pub to: Option<String>,
}

/// A file, or another resource (XEP-0066).
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct FileReference {
    /// Where it is.
    pub uri: String,
    /// What the sender says about it.
    pub description: Option<String>,
}

/// An id that an entity claims to have assigned to a message (XEP-0359).
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct StanzaId {
    /// The id.
    pub id: String,
    /// The entity.
    pub by: String,
}

/// What an archive keeps of a message that was retracted (XEP-0424).
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Tombstone {
    /// The id of the message that retracted it.
    pub id: String,
    /// When it was retracted, in milliseconds since 1970.
    pub retracted_at_ms: Option<i64>,
}

/// A payload that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct PayloadProblem {
    /// The local name of its element.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// What is wrong with it, safe to log.
    pub reason: String,
}

/// The kinds of conversations.
#[uniffi::remote(Enum)]
pub enum Conversation {
    /// With a contact.
    Contact,
    /// In a room (XEP-0045).
    Room,
    /// With an occupant of a room, in private.
    Occupant,
}

/// What an app keeps of each message, so that later ones find it.
#[uniffi::remote(Record)]
pub struct MessageKey {
    /// The kind of the conversation.
    pub kind: Conversation,
    /// With whom.
    pub conversation: String,
    /// The sender.
    pub sender: String,
    /// The id that the room claims for the sender (XEP-0421).
    pub occupant_id: Option<String>,
    /// The attribute `id`.
    pub id: Option<String>,
    /// The sender's own id (XEP-0359).
    pub origin_id: Option<String>,
    /// The id that the room claims to have assigned (XEP-0359).
    pub room_id: Option<String>,
}

/// What a message may say about another one.
#[uniffi::remote(Enum)]
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

/// What a message says about another one.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct MessageReference {
    /// What it says.
    pub kind: ReferenceKind,
    /// The id of the other message.
    pub id: String,
}

/// What a room announces (XEP-0030).
#[uniffi::remote(Record)]
pub struct RoomFeatures {
    /// `urn:xmpp:sid:0`: the room assigns ids to messages.
    #[uniffi(default = false)]
    pub stanza_ids: bool,
    /// `urn:xmpp:occupant-id:0`: the room names occupants by a stable id.
    #[uniffi(default = false)]
    pub occupant_ids: bool,
}

/// Whether a reference holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ReferenceVerdict {
    /// It holds.
    Holds,
    /// It holds if the occupant with this nickname has not changed in between; the room does not tell.
    SameNickname,
    /// The other message belongs to another conversation.
    OtherConversation,
    /// The id is that of another message.
    OtherMessage,
    /// Only the author may do this, and the sender is another entity.
    OtherSender,
}

/// What a message contains, typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct MessageContent {
    /// The body without the parts that repeat, for other clients, what is typed here.
    pub text: Option<String>,
    /// The bodies as sent, the default one first.
    pub bodies: Vec<LocalizedText>,
    /// The subjects, the default one first.
    pub subjects: Vec<LocalizedText>,
    /// The thread that the message's thread is part of.
    pub parent_thread: Option<String>,
    /// Whether the sender asks for a receipt.
    pub requests_receipt: bool,
    /// The id of the message that was received.
    pub receipt_of: Option<String>,
    /// Whether the sender asks to be told when it is displayed.
    pub is_markable: bool,
    /// The id of the message that was displayed.
    pub displayed: Option<String>,
    /// What the sender does.
    pub chat_state: Option<ChatState>,
    /// The id of the message that is replaced.
    pub corrects: Option<String>,
    /// The id of the message that is to be removed.
    pub retracts: Option<String>,
    /// Set if an archive removed the content.
    pub tombstone: Option<Tombstone>,
    /// The sender's reactions to a message.
    pub reactions: Option<Reactions>,
    /// The message that it replies to.
    pub reply: Option<Reply>,
    /// The files that it refers to.
    pub files: Vec<FileReference>,
    /// How it is to be processed.
    pub hints: Hints,
    /// The ids that archives claim to have assigned.
    pub stanza_ids: Vec<StanzaId>,
    /// Of an error: `<error/>` as XML.
    pub error: Option<String>,
    /// What could not be read.
    pub problems: Vec<PayloadProblem>,
    /// What to keep of it; missing if an address cannot be read, and of an error.
    pub key: Option<MessageKey>,
    /// What it says about other messages.
    pub references: Vec<MessageReference>,
}

impl MessageContent {
    /// Reads a message that `account` received or, as a copy, sent.
    pub(crate) fn read(message: &Element, account: &core::BareJid) -> Self {
        let read = chat::ChatMessage::read(message);
        let key = chat::MessageKey::of_read(message, &read, account);
        let references = read.references().map(|reference| MessageReference {
            kind: reference.kind,
            id: reference.id,
        });
        Self {
            references: references.collect(),
            key,
            text: read.text(&[]),
            bodies: texts(&read.bodies),
            subjects: texts(&read.subjects),
            parent_thread: read.thread.and_then(|thread| thread.parent),
            requests_receipt: read.requests_receipt,
            receipt_of: read.receipt_of,
            is_markable: read.is_markable,
            displayed: read.displayed,
            chat_state: read.chat_state,
            corrects: read.corrects,
            retracts: read.retracts.map(|retraction| retraction.id),
            tombstone: read.tombstone.map(|tombstone| Tombstone {
                id: tombstone.id,
                retracted_at_ms: tombstone.stamp.map(|stamp| stamp.0.saturating_mul(1000)),
            }),
            reactions: read.reactions.map(|reactions| Reactions {
                id: reactions.id,
                emojis: reactions.emojis,
            }),
            reply: read.reply.map(|reply| Reply {
                id: reply.id,
                to: reply.to.map(|to| to.to_string()),
            }),
            files: read.files.into_iter().map(Into::into).collect(),
            hints: read.hints,
            stanza_ids: read.stanza_ids.into_iter().map(Into::into).collect(),
            error: read.error.map(|error| error.to_element().to_xml()),
            problems: read.problems.iter().map(Into::into).collect(),
        }
    }
}

fn texts(texts: &chat::Texts) -> Vec<LocalizedText> {
    let each = texts.all().iter().map(|text| LocalizedText {
        language: text.lang.clone(),
        text: text.text.clone(),
    });
    each.collect()
}

impl From<chat::File> for FileReference {
    fn from(file: chat::File) -> Self {
        Self {
            uri: file.uri,
            description: file.description,
        }
    }
}

impl From<FileReference> for chat::File {
    fn from(file: FileReference) -> Self {
        Self {
            uri: file.uri,
            description: file.description,
        }
    }
}

impl From<chat::StanzaId> for StanzaId {
    fn from(id: chat::StanzaId) -> Self {
        Self {
            id: id.id,
            by: id.by.to_string(),
        }
    }
}

impl From<&chat::Problem> for PayloadProblem {
    fn from(problem: &chat::Problem) -> Self {
        Self {
            name: problem.name.to_owned(),
            namespace: problem.ns.to_owned(),
            reason: problem.reason.to_string(),
        }
    }
}

/// Returns whether a reference of the message with the key `by` holds for the message with the key `other`.
#[uniffi::export]
pub fn refers_to(
    reference: MessageReference,
    by: MessageKey,
    other: MessageKey,
    room: RoomFeatures,
) -> ReferenceVerdict {
    let reference = chat::Reference {
        kind: reference.kind,
        id: reference.id,
    };
    match by.refers_to(&reference, &other, room) {
        Ok(chat::Certainty::Proven) => ReferenceVerdict::Holds,
        Ok(chat::Certainty::SameNickname) => ReferenceVerdict::SameNickname,
        Err(chat::Mismatch::OtherConversation) => ReferenceVerdict::OtherConversation,
        Err(chat::Mismatch::OtherMessage) => ReferenceVerdict::OtherMessage,
        Err(chat::Mismatch::OtherSender) => ReferenceVerdict::OtherSender,
    }
}
