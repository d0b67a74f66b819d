//! A received message, typed.

use std::fmt;

use snapback_types::jid::Address;
use snapback_wire::ns;
use snapback_wire::stanza::StanzaError;
use snapback_wire::xep::delay::Delay;
use snapback_wire::xml::Element;

use crate::key::{Reference, ReferenceKind};
use crate::payload::chat_state::{self, ChatState};
use crate::payload::fallback::{self, Extent, FALLBACK, Fallback};
use crate::payload::files::{self, File};
use crate::payload::hints::{self, Hints};
use crate::payload::ids::{self, StanzaId};
use crate::payload::reactions::{self, Reactions};
use crate::payload::reply::{self, Reply};
use crate::payload::retraction::{self, Retraction, Tombstone};
use crate::payload::text::{self, BODY, SUBJECT, Texts, Thread};
use crate::payload::{MAX_ID, Payloads, Problem, ProblemReason, marker, receipt};

/// The type of a message (RFC 6121 section 5.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// Outside of a conversation; also of a message without type, or with an unknown one.
    #[default]
    Normal,
    /// Extent of a conversation of two.
    Chat,
    /// Of a room.
    Groupchat,
    /// Expects no reply.
    Headline,
    /// A message of this account failed.
    Error,
}

impl MessageKind {
    /// Returns the name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Chat => "chat",
            Self::Groupchat => "groupchat",
            Self::Headline => "headline",
            Self::Error => "error",
        }
    }

    /// Returns the type of this name.
    pub fn named(name: Option<&str>) -> Self {
        match name {
            Some("chat") => Self::Chat,
            Some("groupchat") => Self::Groupchat,
            Some("headline") => Self::Headline,
            Some("error") => Self::Error,
            _ => Self::Normal,
        }
    }
}

/// A received message, or the copy of one that another client of the account sent.
///
/// `Debug` does not print what it says.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ChatMessage {
    /// The sender.
    pub from: Address,
    /// The recipient.
    pub to: Address,
    /// The id that the sender chose, if it has at most 1024 bytes. Of an error: the id of the message that failed.
    pub id: Option<String>,
    /// The type.
    pub kind: MessageKind,
    /// `<body/>`: what it says. [`text`](Self::text) is what a client shows.
    pub bodies: Texts,
    /// `<subject/>`: of a message, or the new one of a room.
    pub subjects: Texts,
    /// `<thread/>`.
    pub thread: Option<Thread>,
    /// Whether its sender asks for a receipt (XEP-0184).
    pub requests_receipt: bool,
    /// The id of the message that was received by another client (XEP-0184).
    pub receipt_of: Option<String>,
    /// Whether its sender asks to be told when it is displayed (XEP-0333).
    pub is_markable: bool,
    /// The id of the message that a person has seen, and all before it (XEP-0333).
    pub displayed: Option<String>,
    /// What the other person does (XEP-0085).
    pub chat_state: Option<ChatState>,
    /// The id of the message that this one replaces (XEP-0308). Ask [`MessageKey`](crate::MessageKey) whether it may.
    pub corrects: Option<String>,
    /// The message that is to be removed (XEP-0424). Ask [`MessageKey`](crate::MessageKey) whether it may be.
    pub retracts: Option<Retraction>,
    /// Set of what an archive keeps instead of a message that was retracted (XEP-0424).
    pub tombstone: Option<Tombstone>,
    /// The sender's reactions to a message (XEP-0444).
    pub reactions: Option<Reactions>,
    /// The message that this one replies to (XEP-0461).
    pub reply: Option<Reply>,
    /// Which parts of its texts are there for other clients (XEP-0428).
    pub fallbacks: Vec<Fallback>,
    /// The files that it refers to (XEP-0066).
    pub files: Vec<File>,
    /// How it is to be processed (XEP-0334).
    pub hints: Hints,
    /// When it was first sent, if it was delayed (XEP-0203). Not authenticated.
    pub delay: Option<Delay>,
    /// The sender's own id (XEP-0359).
    pub origin_id: Option<String>,
    /// The ids that archives claim to have assigned (XEP-0359).
    pub stanza_ids: Vec<StanzaId>,
    /// The id of the occupant of a room (XEP-0421). Trust it only if the room announces `urn:xmpp:occupant-id:0`.
    pub occupant_id: Option<String>,
    /// Whether it is a private message of an occupant of a room (XEP-0045 section 7.5).
    pub is_private: bool,
    /// Why the message of this id failed (RFC 6120 section 8.3). The payloads of an error are not read: it repeats those of the message
    /// that failed.
    pub error: Option<StanzaError>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

impl fmt::Debug for ChatMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatMessage")
            .field("kind", &self.kind)
            .field("problems", &self.problems)
            .finish_non_exhaustive()
    }
}

impl ChatMessage {
    /// Reads a message. Of another element nothing but the addresses is read.
    pub fn read(message: &Element) -> Self {
        let head = Self {
            from: Address::of(message.attr("from")),
            to: Address::of(message.attr("to")),
            id: message
                .attr("id")
                .filter(|id| (1..=MAX_ID).contains(&id.len()))
                .map(str::to_owned),
            kind: MessageKind::named(message.attr("type")),
            ..Self::default()
        };
        if !message.is("message", ns::CLIENT) {
            return head;
        }
        if head.kind == MessageKind::Error {
            return Self {
                error: StanzaError::of(message),
                ..head
            };
        }
        let mut payloads = Payloads::of(message);
        let mut read = head
            .with_texts(&mut payloads)
            .with_references(&mut payloads);
        read.check_fallbacks(&mut payloads);
        Self {
            problems: payloads.problems,
            ..read
        }
    }

    /// Reads what it says, and what is known about it.
    fn with_texts(self, payloads: &mut Payloads<'_>) -> Self {
        Self {
            bodies: text::read(BODY, payloads),
            subjects: text::read(SUBJECT, payloads),
            thread: text::read_thread(payloads),
            fallbacks: fallback::read(payloads),
            files: files::read(payloads),
            chat_state: chat_state::read(payloads),
            hints: hints::read(payloads),
            delay: Delay::of(payloads.message),
            origin_id: ids::read_origin_id(payloads),
            stanza_ids: ids::read_stanza_ids(payloads),
            occupant_id: ids::read_occupant_id(payloads),
            is_private: self.kind != MessageKind::Groupchat && is_of_occupant(payloads.message),
            ..self
        }
    }

    /// Reads what it says about other messages.
    fn with_references(self, payloads: &mut Payloads<'_>) -> Self {
        let receipt_of = receipt::read(payloads);
        Self {
            requests_receipt: payloads.flag(receipt::REQUEST),
            receipt_of: receipt_of.or_else(|| marker::read_received(payloads)),
            is_markable: payloads.flag(marker::MARKABLE),
            displayed: marker::read(payloads),
            corrects: retraction::read_correction(payloads),
            retracts: retraction::read(payloads),
            tombstone: retraction::read_tombstone(payloads),
            reactions: reactions::read(payloads),
            reply: reply::read(payloads),
            ..self
        }
    }

    fn check_fallbacks(&mut self, payloads: &mut Payloads<'_>) {
        let fits = |part: &Extent, texts: &Texts| {
            let mut all = texts.all().iter();
            !matches!(part, Extent::Ranges(_))
                || all.any(|text| part.removed_from(&text.text).is_some())
        };
        let is_wrong = |fallback: &Fallback| {
            !fits(&fallback.body, &self.bodies) || !fits(&fallback.subject, &self.subjects)
        };
        if self.fallbacks.iter().any(is_wrong) {
            payloads.report(FALLBACK, ProblemReason::OutOfRange);
        }
    }

    /// Returns the body in the first of these languages that there is, else the default one, without the parts that repeat, for other
    /// clients, what is typed here. `None` if nothing remains.
    ///
    /// A part is left out only if the payload that it repeats is in the message and was read, so that no text can be hidden by naming an
    /// extension.
    pub fn text(&self, languages: &[&str]) -> Option<String> {
        let body = self.bodies.in_languages(languages)?;
        let mut parts: Vec<&Extent> = self
            .fallbacks
            .iter()
            .filter(|fallback| fallback.of.as_deref().is_some_and(|of| self.has_read(of)))
            .map(|fallback| &fallback.body)
            .filter(|part| part.removed_from(body).is_some())
            .collect();
        let text = match parts.as_slice() {
            [] => body.to_owned(),
            _ if parts.contains(&&Extent::Whole) => return None,
            _ => {
                let ranges = parts.drain(..).flat_map(|part| match part {
                    Extent::Ranges(ranges) => ranges.clone(),
                    Extent::None | Extent::Whole => Vec::new(),
                });
                Extent::Ranges(ranges.collect()).removed_from(body)?
            }
        };
        (!text.is_empty()).then_some(text)
    }

    fn has_read(&self, extension: &str) -> bool {
        match extension {
            ns::REPLY => self.reply.is_some(),
            ns::REACTIONS => self.reactions.is_some(),
            ns::CORRECTION => self.corrects.is_some(),
            ns::RETRACTION => self.retracts.is_some(),
            ns::OUT_OF_BAND => !self.files.is_empty(),
            _ => false,
        }
    }

    /// Returns what the message says about other messages.
    pub fn references(&self) -> impl Iterator<Item = Reference> {
        let retraction = match &self.retracts {
            Some(retraction) if retraction.is_moderated => ReferenceKind::Moderation,
            _ => ReferenceKind::Retraction,
        };
        let found = [
            (ReferenceKind::Receipt, self.receipt_of.as_ref()),
            (ReferenceKind::Displayed, self.displayed.as_ref()),
            (ReferenceKind::Correction, self.corrects.as_ref()),
            (retraction, self.retracts.as_ref().map(|one| &one.id)),
            (
                ReferenceKind::Reactions,
                self.reactions.as_ref().map(|one| &one.id),
            ),
            (ReferenceKind::Reply, self.reply.as_ref().map(|one| &one.id)),
        ];
        found.into_iter().filter_map(|(kind, id)| {
            let id = id?.clone();
            Some(Reference { kind, id })
        })
    }
}

/// Rooms mark private messages. An invitation is marked in the same way, and comes from the room itself (XEP-0045 section 7.8.2).
fn is_of_occupant(message: &Element) -> bool {
    let user = message.child("x", ns::MUC_USER);
    user.is_some_and(|user| {
        !user.has_child("invite", ns::MUC_USER) && !user.has_child("decline", ns::MUC_USER)
    })
}
