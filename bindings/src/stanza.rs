//! Inbound and outbound stanzas.

use snapback_chat::{self as chat, Draft, MessageKind, Texts};
use snapback_client as core;
use snapback_client::Element;
use snapback_client::proto::ns;
use snapback_client::proto::stanza;
use snapback_client::proto::xep::delay::Delay;
use snapback_client::proto::xep::stanza_id;

use crate::chat::{ChatState, FileReference, Hints, LocalizedText, Reactions, Reply};
use crate::error::{IqError, SendError};
use crate::jid::StanzaAddress;

/// An inbound message or presence, with the parts that most apps need.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Stanza {
    /// The sender.
    pub from: StanzaAddress,
    /// The recipient.
    pub to: StanzaAddress,
    /// The id that the sender assigned.
    pub id: Option<String>,
    /// The attribute `type`.
    pub kind: Option<String>,
    /// `<body/>` of a message.
    pub body: Option<String>,
    /// `<subject/>` of a message.
    pub subject: Option<String>,
    /// `<thread/>` of a message.
    pub thread: Option<String>,
    /// `<show/>` of a presence.
    pub show: Option<String>,
    /// `<status/>` of a presence.
    pub status: Option<String>,
    /// When it was sent, in milliseconds since 1970, if it was delayed (XEP-0203). The value is not authenticated.
    pub delayed_at_ms: Option<i64>,
    /// The sender's own id (XEP-0359 `<origin-id/>`).
    pub origin_id: Option<String>,
    /// The complete stanza.
    pub xml: String,
}

/// An outbound message.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct OutgoingMessage {
    /// The recipient.
    pub to: String,
    /// `<body/>`.
    #[uniffi(default = None)]
    pub body: Option<String>,
    /// The attribute `type`.
    #[uniffi(default = "chat")]
    pub kind: String,
    /// The id; one is generated if it is missing.
    #[uniffi(default = None)]
    pub id: Option<String>,
    /// `<thread/>`.
    #[uniffi(default = None)]
    pub thread: Option<String>,
    /// Further children, one XML element each.
    #[uniffi(default = [])]
    pub extensions: Vec<String>,
    /// `<subject/>`.
    #[uniffi(default = None)]
    pub subject: Option<String>,
    /// The body in other languages.
    #[uniffi(default = [])]
    pub translations: Vec<LocalizedText>,
    /// Whether to ask for a delivery receipt (XEP-0184).
    #[uniffi(default = false)]
    pub request_receipt: bool,
    /// Whether to ask to be told when it is displayed (XEP-0333).
    #[uniffi(default = false)]
    pub markable: bool,
    /// What the user does (XEP-0085).
    #[uniffi(default = None)]
    pub chat_state: Option<ChatState>,
    /// A receipt: the id of the message that was received (XEP-0184).
    #[uniffi(default = None)]
    pub receipt_of: Option<String>,
    /// A marker: the id of the message that the user has seen (XEP-0333).
    #[uniffi(default = None)]
    pub displayed: Option<String>,
    /// The id of the message that is replaced (XEP-0308).
    #[uniffi(default = None)]
    pub corrects: Option<String>,
    /// The id of the message to be removed (XEP-0424).
    #[uniffi(default = None)]
    pub retracts: Option<String>,
    /// The user's reactions to a message (XEP-0444).
    #[uniffi(default = None)]
    pub reactions: Option<Reactions>,
    /// The message that it replies to (XEP-0461).
    #[uniffi(default = None)]
    pub reply: Option<Reply>,
    /// What that message says, for clients that do not support replies (XEP-0428).
    #[uniffi(default = None)]
    pub quote: Option<String>,
    /// Files that it refers to (XEP-0066).
    #[uniffi(default = [])]
    pub files: Vec<FileReference>,
    /// How it is to be processed (XEP-0334).
    #[uniffi(default = None)]
    pub hints: Option<Hints>,
}

/// An outbound presence.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct OutgoingPresence {
    /// The recipient, such as a room to join; if missing, the presence is broadcast.
    #[uniffi(default = None)]
    pub to: Option<String>,
    /// The attribute `type`; if missing, the presence means available.
    #[uniffi(default = None)]
    pub kind: Option<String>,
    /// The id; one is generated if it is missing.
    #[uniffi(default = None)]
    pub id: Option<String>,
    /// `<show/>`.
    #[uniffi(default = None)]
    pub show: Option<String>,
    /// `<status/>`.
    #[uniffi(default = None)]
    pub status: Option<String>,
    /// `<priority/>`.
    #[uniffi(default = None)]
    pub priority: Option<i8>,
    /// Further children, one XML element each.
    #[uniffi(default = [])]
    pub extensions: Vec<String>,
}

/// The kind of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum IqKind {
    /// Requests information.
    Get,
    /// Requests a change.
    Set,
}

/// An outbound request.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct IqRequest {
    /// The kind of the request.
    pub kind: IqKind,
    /// The recipient; if missing, the user's own account.
    #[uniffi(default = None)]
    pub to: Option<String>,
    /// The payload, one XML element.
    pub payload: String,
    /// The timeout of the response, in milliseconds.
    #[uniffi(default = 60000)]
    pub timeout_ms: u64,
}

/// The response to a request.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct IqAnswer {
    /// The responding entity; missing if it is the user's own account.
    pub from: Option<String>,
    /// The payload, if there is one.
    pub payload: Option<String>,
}

impl From<&Element> for Stanza {
    fn from(stanza: &Element) -> Self {
        let attr = |name| stanza.attr(name).map(str::to_owned);
        let text = |name| stanza.child(name, ns::CLIENT).map(Element::text);
        Self {
            from: StanzaAddress::of(stanza.attr("from")),
            to: StanzaAddress::of(stanza.attr("to")),
            id: attr("id"),
            kind: attr("type"),
            body: text("body"),
            subject: text("subject"),
            thread: text("thread"),
            show: text("show"),
            status: text("status"),
            delayed_at_ms: Delay::of(stanza).map(|delay| delay.stamp.0.saturating_mul(1000)),
            origin_id: stanza_id::parse_origin_id(stanza).map(str::to_owned),
            xml: stanza.to_xml(),
        }
    }
}

impl TryFrom<OutgoingMessage> for Element {
    type Error = SendError;

    fn try_from(message: OutgoingMessage) -> Result<Self, SendError> {
        let kind = MessageKind::named(Some(&message.kind));
        if kind.name() != message.kind {
            return Err(SendError::Content {
                problem: format!("the type {} is not defined", message.kind),
            });
        }
        let body = message.body.map(Texts::plain).unwrap_or_default();
        let body = message.translations.into_iter().fold(body, |body, text| {
            body.with(text.language.unwrap_or_default(), text.text)
        });
        let reply = message.reply.map(|reply| {
            let to = reply.to.as_deref().map(recipient).transpose()?;
            Ok::<_, SendError>(chat::Reply { id: reply.id, to })
        });
        let thread = message.thread.map(|id| chat::Thread { id, parent: None });
        let draft = Draft {
            kind,
            id: message.id,
            body,
            subject: message.subject.map(Texts::plain).unwrap_or_default(),
            thread,
            request_receipt: message.request_receipt,
            markable: message.markable,
            chat_state: message.chat_state,
            receipt_of: message.receipt_of,
            displayed: message.displayed,
            corrects: message.corrects,
            retracts: message.retracts,
            reactions: message.reactions.map(|reactions| chat::Reactions {
                id: reactions.id,
                emojis: reactions.emojis,
            }),
            reply: reply.transpose()?,
            quote: message.quote,
            files: message.files.into_iter().map(Into::into).collect(),
            hints: message.hints.unwrap_or_default(),
            children: children(&message.extensions)?,
            ..Draft::to(recipient(&message.to)?)
        };
        draft.into_element().map_err(|error| SendError::Content {
            problem: error.to_string(),
        })
    }
}

impl TryFrom<OutgoingPresence> for Element {
    type Error = SendError;

    fn try_from(presence: OutgoingPresence) -> Result<Self, SendError> {
        let presence = core::OutgoingPresence {
            to: presence.to.as_deref().map(recipient).transpose()?,
            kind: presence.kind,
            id: presence.id,
            show: presence.show,
            status: presence.status,
            priority: presence.priority,
            children: children(&presence.extensions)?,
        };
        Ok(presence.into())
    }
}

fn recipient(text: &str) -> Result<core::Jid, SendError> {
    core::Jid::try_from(text).map_err(|error| SendError::Recipient {
        problem: error.into(),
    })
}

fn children(extensions: &[String]) -> Result<Vec<Element>, SendError> {
    let parsed = extensions.iter().map(|xml| core::parse_xml(xml));
    Ok(parsed.collect::<Result<_, _>>()?)
}

impl IqRequest {
    pub(crate) fn element(&self) -> Result<Element, IqError> {
        let to = self.to.as_deref().map(core::Jid::try_from).transpose();
        let to = to.map_err(|error| IqError::Recipient {
            problem: error.into(),
        })?;
        let kind = match self.kind {
            IqKind::Get => "get",
            IqKind::Set => "set",
        };
        let payload = core::parse_xml(&self.payload)?;
        // The client generates the id.
        Ok(stanza::iq(kind, "", to.map(|to| to.to_string()).as_deref()).with_child(payload))
    }
}

impl From<&Element> for IqAnswer {
    fn from(answer: &Element) -> Self {
        Self {
            from: answer.attr("from").map(str::to_owned),
            payload: answer.children().next().map(Element::to_xml),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(to: &str, extensions: &[&str]) -> OutgoingMessage {
        OutgoingMessage {
            to: to.to_owned(),
            body: Some("<hello> & \"world\"".to_owned()),
            kind: "chat".to_owned(),
            id: Some("m1".to_owned()),
            thread: None,
            extensions: extensions.iter().map(|xml| (*xml).to_owned()).collect(),
            ..OutgoingMessage::default()
        }
    }

    #[test]
    fn a_sent_message_is_read_back() {
        let element =
            Element::try_from(message("Romeo@Example.NET", &["<x xmlns='urn:x'/>"])).unwrap();
        let read = Stanza::from(&core::parse_xml(&element.to_xml()).unwrap());
        assert_eq!(read.to, StanzaAddress::of(Some("romeo@example.net")));
        assert_eq!(read.body.as_deref(), Some("<hello> & \"world\""));
        assert_eq!(
            (read.id.as_deref(), read.kind.as_deref()),
            (Some("m1"), Some("chat"))
        );
        assert!(element.has_child("x", "urn:x"));
    }

    #[test]
    fn presence_takes_children() {
        let join = OutgoingPresence {
            to: Some("Coven@chat.shakespeare.lit/thirdwitch".to_owned()),
            show: Some("away".to_owned()),
            priority: Some(-1),
            extensions: vec![
                "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>"
                    .to_owned(),
            ],
            ..OutgoingPresence::default()
        };
        let element = Element::try_from(join).unwrap();
        assert_eq!(
            element.to_xml(),
            "<presence to='coven@chat.shakespeare.lit/thirdwitch'><show>away</show><priority>-1</priority>\
             <x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>"
        );
        let bad = OutgoingPresence {
            extensions: vec!["</presence><presence>".to_owned()],
            ..OutgoingPresence::default()
        };
        assert_eq!(Element::try_from(bad), Err(SendError::BadXml));
    }

    #[test]
    fn w4_an_unreadable_address_differs_from_an_absent_one() {
        let from = |attribute: &str| {
            let message =
                format!("<message xmlns='jabber:client'{attribute}><body>x</body></message>");
            Stanza::from(&core::parse_xml(&message).unwrap()).from
        };
        assert_eq!(from(""), StanzaAddress::Absent);
        let romeo = StanzaAddress::Named {
            jid: crate::jid::parse_jid("romeo@example.net/o".to_owned()).unwrap(),
        };
        assert_eq!(from(" from='Romeo@Example.NET/o'"), romeo);
        let long = format!("{}@example.net", "a".repeat(1024));
        for text in [
            "",
            " ",
            "@",
            "@example.net",
            "a@",
            "a b@example.net",
            "\u{2665}@example.net",
            &long,
        ] {
            let text = text.to_owned();
            assert_eq!(
                from(&format!(" from='{text}'")),
                StanzaAddress::Unreadable { text }
            );
        }
    }

    #[test]
    fn bad_input_of_the_app_is_an_error_with_fields() {
        let refused = |message| Element::try_from(message).unwrap_err();
        assert_eq!(refused(message("a@b", &["<x>"])), SendError::BadXml);
        assert!(matches!(
            refused(message("@", &[])),
            SendError::Recipient { .. }
        ));
        let request = |payload: &str, to: Option<&str>| IqRequest {
            kind: IqKind::Get,
            to: to.map(str::to_owned),
            payload: payload.to_owned(),
            timeout_ms: 1,
        };
        assert_eq!(request("", None).element(), Err(IqError::BadXml));
        assert!(matches!(
            request("<x/>", Some("a@")).element(),
            Err(IqError::Recipient { .. })
        ));
    }
}
