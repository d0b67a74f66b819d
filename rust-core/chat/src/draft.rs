//! A message to be sent, typed.

use std::fmt;

use snapback_types::jid::Jid;
use snapback_wire::ns;
use snapback_wire::xml::Element;

use crate::message::MessageKind;
use crate::payload::chat_state::ChatState;
use crate::payload::fallback::Fallback;
use crate::payload::files::File;
use crate::payload::hints::Hints;
use crate::payload::reactions::{MAX_REACTION, MAX_REACTIONS, Reactions};
use crate::payload::reply::Reply;
use crate::payload::text::{BODY, SUBJECT, Texts, Thread};
use crate::payload::{MAX_ID, marker, receipt, retraction};

/// A message to be sent. Everything but the recipient is optional.
///
/// ```
/// use snapback_chat::{Draft, Texts};
///
/// let to: snapback_types::jid::Jid = "juliet@example.org".parse()?;
/// let draft = Draft {
///     body: Texts::plain("What light through yonder window breaks?"),
///     corrects: Some("m1".to_owned()),
///     ..Draft::to(to)
/// };
/// let message = draft.into_element()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The recipient: a contact, or the bare JID of a room.
    pub to: Jid,
    /// The type. Default `Chat`.
    pub kind: MessageKind,
    /// The attribute `id`. Default none: the client generates one.
    pub id: Option<String>,
    /// The text.
    pub body: Texts,
    /// The subject.
    pub subject: Texts,
    /// The conversation that it belongs to.
    pub thread: Option<Thread>,
    /// Whether to ask for a delivery receipt (XEP-0184). In a room each occupant would answer.
    pub request_receipt: bool,
    /// Whether to ask to be told when it is displayed (XEP-0333).
    pub markable: bool,
    /// What the user does (XEP-0085). Alone in a message it is sent at once or never.
    pub chat_state: Option<ChatState>,
    /// A receipt: the id of the message that was received (XEP-0184).
    pub receipt_of: Option<String>,
    /// A marker: the id of the message that the user has seen (XEP-0333).
    pub displayed: Option<String>,
    /// The id of the message that this one replaces: always that of the first version (XEP-0308).
    pub corrects: Option<String>,
    /// The id of the message to be removed (XEP-0424). The body is what other clients show instead.
    pub retracts: Option<String>,
    /// All reactions of the user to a message (XEP-0444).
    pub reactions: Option<Reactions>,
    /// The message that this one replies to (XEP-0461).
    pub reply: Option<Reply>,
    /// What the message that this one replies to says: repeated before the body, for clients that do not support replies.
    pub quote: Option<String>,
    /// Which parts of the body are there for other clients (XEP-0428), beside those that follow from the fields above.
    pub fallbacks: Vec<Fallback>,
    /// Files that it refers to (XEP-0066).
    pub files: Vec<File>,
    /// How it is to be processed (XEP-0334). A reaction, retraction, receipt or marker without hints gets `store`, since archives keep
    /// only messages with a body by themselves.
    pub hints: Hints,
    /// Further children.
    pub children: Vec<Element>,
}

/// Why a message is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DraftError {
    /// This id is empty, or longer than 1024 bytes.
    Id(&'static str),
    /// A reaction is empty or longer than 128 bytes, so it is no emoji, or there are more than 64.
    Reactions,
    /// A receipt must not ask for a receipt (XEP-0184 section 5.4).
    ReceiptOfReceipt,
    /// The type `error` is for answers.
    Kind,
}

impl fmt::Display for DraftError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Id(what) => write!(f, "the id of the {what} is empty or too long"),
            Self::Reactions => f.write_str("a reaction is no emoji, or there are too many"),
            Self::ReceiptOfReceipt => f.write_str("a receipt must not ask for a receipt"),
            Self::Kind => f.write_str("a message of type error cannot be sent"),
        }
    }
}

impl std::error::Error for DraftError {}

impl Draft {
    /// Returns a chat message without content.
    pub fn to(to: impl Into<Jid>) -> Self {
        Self {
            to: to.into(),
            kind: MessageKind::Chat,
            id: None,
            body: Texts::default(),
            subject: Texts::default(),
            thread: None,
            request_receipt: false,
            markable: false,
            chat_state: None,
            receipt_of: None,
            displayed: None,
            corrects: None,
            retracts: None,
            reactions: None,
            reply: None,
            quote: None,
            fallbacks: Vec::new(),
            files: Vec::new(),
            hints: Hints::default(),
            children: Vec::new(),
        }
    }

    /// Returns the stanza.
    ///
    /// # Errors
    ///
    /// If a specification forbids what it contains.
    pub fn into_element(mut self) -> Result<Element, DraftError> {
        self.check()?;
        self.quote_in_body();
        self.complete();
        let mut message = Element::new("message", ns::CLIENT)
            .with_attr("to", self.to.to_string())
            .with_attr("type", self.kind.name());
        if let Some(id) = &self.id {
            message.set_attr("id", id);
        }
        for child in self.payloads() {
            message.push_child(child);
        }
        for child in self.children {
            message.push_child(child);
        }
        Ok(message)
    }

    fn check(&mut self) -> Result<(), DraftError> {
        let ids = [
            ("message", self.id.as_ref()),
            ("received message", self.receipt_of.as_ref()),
            ("displayed message", self.displayed.as_ref()),
            ("corrected message", self.corrects.as_ref()),
            ("retracted message", self.retracts.as_ref()),
            ("reactions", self.reactions.as_ref().map(|one| &one.id)),
            ("reply", self.reply.as_ref().map(|one| &one.id)),
            ("thread", self.thread.as_ref().map(|one| &one.id)),
        ];
        let is_bad = |id: &String| id.is_empty() || id.len() > MAX_ID;
        if let Some((what, _)) = ids.iter().find(|(_, id)| id.is_some_and(is_bad)) {
            return Err(DraftError::Id(what));
        }
        if self.kind == MessageKind::Error {
            return Err(DraftError::Kind);
        }
        if self.request_receipt && self.receipt_of.is_some() {
            return Err(DraftError::ReceiptOfReceipt);
        }
        self.check_reactions()
    }

    fn check_reactions(&mut self) -> Result<(), DraftError> {
        let Some(reactions) = &mut self.reactions else {
            return Ok(());
        };
        let mut distinct: Vec<String> = Vec::new();
        for emoji in reactions.emojis.drain(..) {
            let emoji = emoji.trim();
            if emoji.is_empty() || emoji.len() > MAX_REACTION || distinct.len() > MAX_REACTIONS {
                return Err(DraftError::Reactions);
            }
            if !distinct.iter().any(|other| other == emoji) {
                distinct.push(emoji.to_owned());
            }
        }
        if distinct.len() > MAX_REACTIONS {
            return Err(DraftError::Reactions);
        }
        reactions.emojis = distinct;
        Ok(())
    }

    /// Puts the quotation before each body, and marks it as such.
    fn quote_in_body(&mut self) {
        let Some(quote) = self.quote.take().filter(|_| self.reply.is_some()) else {
            return;
        };
        let mut quoted = String::with_capacity(quote.len());
        for line in quote.lines() {
            quoted.push_str("> ");
            quoted.push_str(line);
            quoted.push('\n');
        }
        let Ok(len) = u32::try_from(quoted.chars().count()) else {
            return;
        };
        if len > 0 && self.body.prepend(&quoted) {
            self.fallbacks.push(Fallback::at_start(ns::REPLY, len));
        }
    }

    /// Adds what other clients and archives need.
    fn complete(&mut self) {
        if self.retracts.is_some() && !self.body.all().is_empty() {
            self.fallbacks.push(Fallback::of_body(ns::RETRACTION));
        }
        let is_about_another = self.retracts.is_some()
            || self.reactions.is_some()
            || self.receipt_of.is_some()
            || self.displayed.is_some();
        if is_about_another && self.hints == Hints::default() {
            self.hints.store = true;
        }
    }

    fn payloads(&self) -> Vec<Element> {
        let mut all: Vec<Element> = self.subject.to_elements(SUBJECT).collect();
        all.extend(self.body.to_elements(BODY));
        all.extend(self.thread.as_ref().map(Thread::to_element));
        all.extend(self.corrects.as_deref().map(retraction::replace));
        all.extend(self.retracts.as_deref().map(retraction::retract));
        all.extend(self.reactions.as_ref().map(Reactions::to_element));
        all.extend(self.reply.as_ref().map(Reply::to_element));
        all.extend(self.fallbacks.iter().map(Fallback::to_element));
        all.extend(self.files.iter().map(File::to_element));
        all.extend(self.receipt_of.as_deref().map(receipt::received));
        all.extend(self.displayed.as_deref().map(marker::displayed));
        all.extend(self.request_receipt.then(receipt::request));
        all.extend(self.markable.then(marker::markable));
        all.extend(self.chat_state.map(ChatState::to_element));
        all.extend(self.hints.to_elements());
        all
    }
}
