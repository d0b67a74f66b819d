//! What is decided about a stanza without reading it again: computed once, and stored with it.

use crate::ns;
use crate::xml::Element;

/// The name and the type of a stanza, and how long it has a meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StanzaHead {
    /// The name of its element.
    pub name: StanzaName,
    /// Its attribute `type`.
    pub kind: StanzaKind,
    /// Whether others are expected to keep it.
    pub retention: Retention,
}

/// The three stanzas (RFC 6120 section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StanzaName {
    /// `message`.
    Message,
    /// `presence`.
    Presence,
    /// `iq`.
    Iq,
}

/// The types of all stanzas (RFC 6120 section 8.2.3, RFC 6121 sections 4.7.1 and 5.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StanzaKind {
    /// A message outside of a conversation; also a message without type, or with an unknown one.
    Normal,
    /// A message of a conversation.
    Chat,
    /// A message of a room.
    Groupchat,
    /// A message that expects no reply.
    Headline,
    /// An error, of any stanza.
    Error,
    /// Presence without type.
    Available,
    /// `unavailable`.
    Unavailable,
    /// A request or an answer about subscriptions.
    Subscription,
    /// `probe`.
    Probe,
    /// A request for information.
    Get,
    /// A request for a change.
    Set,
    /// The answer to a request.
    Result,
    /// Presence or iq with a type that is not specified.
    Other,
}

/// Whether a stanza is kept by others, and whether it has a meaning later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// An archive (XEP-0313) is expected to store it. If this is wrong, a message is sent twice, or waits without need.
    Archived,
    /// No archive is expected to store it.
    Unarchived,
    /// It has no meaning later: a chat state alone (XEP-0085), or a message that no entity shall store (XEP-0334).
    Ephemeral,
}

impl StanzaHead {
    /// Returns the head of a stanza.
    pub fn of(stanza: &Element) -> Self {
        let name = StanzaName::of(stanza);
        let kind = StanzaKind::of(name, stanza.attr("type"));
        let retention = match name {
            StanzaName::Message => Retention::of_message(stanza, kind),
            StanzaName::Presence | StanzaName::Iq => Retention::Unarchived,
        };
        Self {
            name,
            kind,
            retention,
        }
    }

    /// Returns whether an archive is expected to store it.
    pub fn is_archived(self) -> bool {
        self.retention == Retention::Archived
    }

    /// Returns whether it has no meaning later.
    pub fn is_ephemeral(self) -> bool {
        self.retention == Retention::Ephemeral
    }
}

impl StanzaName {
    /// Returns the name of a stanza.
    pub fn of(stanza: &Element) -> Self {
        match stanza.name() {
            "message" => Self::Message,
            "presence" => Self::Presence,
            _ => Self::Iq,
        }
    }
}

impl StanzaKind {
    fn of(name: StanzaName, kind: Option<&str>) -> Self {
        match (name, kind) {
            (_, Some("error")) => Self::Error,
            (StanzaName::Message, Some("chat")) => Self::Chat,
            (StanzaName::Message, Some("groupchat")) => Self::Groupchat,
            (StanzaName::Message, Some("headline")) => Self::Headline,
            (StanzaName::Message, _) => Self::Normal,
            (StanzaName::Presence, None) => Self::Available,
            (StanzaName::Presence, Some("unavailable")) => Self::Unavailable,
            (StanzaName::Presence, Some("probe")) => Self::Probe,
            (
                StanzaName::Presence,
                Some("subscribe" | "subscribed" | "unsubscribe" | "unsubscribed"),
            ) => Self::Subscription,
            (StanzaName::Iq, Some("get")) => Self::Get,
            (StanzaName::Iq, Some("set")) => Self::Set,
            (StanzaName::Iq, Some("result")) => Self::Result,
            (StanzaName::Presence | StanzaName::Iq, _) => Self::Other,
        }
    }
}

impl Retention {
    fn of_message(message: &Element, kind: StanzaKind) -> Self {
        if is_ephemeral(message) {
            return Self::Ephemeral;
        }
        let is_conversation = matches!(kind, StanzaKind::Normal | StanzaKind::Chat);
        let is_kept = !message.has_child("no-permanent-store", ns::HINTS);
        if is_conversation && is_kept && has_body(message) {
            Self::Archived
        } else {
            Self::Unarchived
        }
    }
}

fn has_body(message: &Element) -> bool {
    let is_text = |child: &Element| child.is("body", ns::CLIENT) && !child.text().is_empty();
    message.children().any(is_text)
}

fn is_ephemeral(message: &Element) -> bool {
    is_chat_state(message) || message.has_child("no-store", ns::HINTS)
}

/// Returns whether a message is a chat state alone. It may come with the thread that it belongs to, with the sender's id and with
/// hints (XEP-0085 section 5.1).
pub(super) fn is_chat_state(message: &Element) -> bool {
    let adds_nothing = |child: &Element| {
        matches!(child.ns(), ns::CHAT_STATES | ns::HINTS | ns::STANZA_ID)
            || child.is("thread", ns::CLIENT)
    };
    message
        .children()
        .any(|child| child.ns() == ns::CHAT_STATES)
        && message.children().all(adds_nothing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse_stanza;

    fn head(xml: &str) -> StanzaHead {
        StanzaHead::of(&parse_stanza(xml).unwrap())
    }

    #[test]
    fn a_head_has_the_name_and_the_type() {
        for (xml, name, kind) in [
            ("<message />", StanzaName::Message, StanzaKind::Normal),
            (
                "<message type='odd'/>",
                StanzaName::Message,
                StanzaKind::Normal,
            ),
            (
                "<message type='chat'/>",
                StanzaName::Message,
                StanzaKind::Chat,
            ),
            (
                "<message type='groupchat'/>",
                StanzaName::Message,
                StanzaKind::Groupchat,
            ),
            (
                "<message type='headline'/>",
                StanzaName::Message,
                StanzaKind::Headline,
            ),
            (
                "<message type='error'/>",
                StanzaName::Message,
                StanzaKind::Error,
            ),
            ("<presence />", StanzaName::Presence, StanzaKind::Available),
            (
                "<presence type='unavailable'/>",
                StanzaName::Presence,
                StanzaKind::Unavailable,
            ),
            (
                "<presence type='subscribed'/>",
                StanzaName::Presence,
                StanzaKind::Subscription,
            ),
            (
                "<presence type='probe'/>",
                StanzaName::Presence,
                StanzaKind::Probe,
            ),
            (
                "<presence type='chat'/>",
                StanzaName::Presence,
                StanzaKind::Other,
            ),
            ("<iq type='get'/>", StanzaName::Iq, StanzaKind::Get),
            ("<iq type='set'/>", StanzaName::Iq, StanzaKind::Set),
            ("<iq type='result'/>", StanzaName::Iq, StanzaKind::Result),
            ("<iq type='error'/>", StanzaName::Iq, StanzaKind::Error),
            ("<iq />", StanzaName::Iq, StanzaKind::Other),
        ] {
            let head = head(xml);
            assert_eq!((head.name, head.kind), (name, kind), "{xml}");
        }
    }

    #[test]
    fn i8_an_archive_stores_what_a_conversation_says() {
        for xml in [
            "<message ><body>hi</body></message>",
            "<message type='chat'><body xml:lang='de'>hi</body></message>",
            "<message type='chat'><active xmlns='http://jabber.org/protocol/chatstates'/><body>hi</body></message>",
            "<message id=\"type='groupchat'\"><body>hi</body></message>",
        ] {
            assert_eq!(head(xml).retention, Retention::Archived, "{xml}");
        }
        for xml in [
            "<message type='chat'/>",
            "<message type='chat'><body/></message>",
            "<message type='chat'><x xmlns='urn:x'><body xmlns='jabber:client'>hi</body></x></message>",
            "<message type='chat'><body xmlns='urn:x'>hi</body></message>",
            "<message type='chat'><body>hi</body><no-permanent-store xmlns='urn:xmpp:hints'/></message>",
            "<message type='chat'><received xmlns='urn:xmpp:receipts' id='m1'/></message>",
            "<message type='groupchat'><body>hi</body></message>",
            "<message type='headline'><body>hi</body></message>",
            "<message type='error'><body>hi</body></message>",
            "<presence ><body>hi</body></presence>",
        ] {
            assert_eq!(head(xml).retention, Retention::Unarchived, "{xml}");
        }
    }

    #[test]
    fn a_chat_state_alone_and_what_no_entity_shall_store_are_ephemeral() {
        for xml in [
            "<message type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
            "<message type='groupchat'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>",
            "<message type='chat'><gone xmlns='http://jabber.org/protocol/chatstates'/><thread>t</thread>\
             <origin-id xmlns='urn:xmpp:sid:0' id='o'/><no-copy xmlns='urn:xmpp:hints'/></message>",
            "<message type='chat'><body>hi</body><no-store xmlns='urn:xmpp:hints'/></message>",
        ] {
            assert!(
                head(xml).is_ephemeral() && !head(xml).is_archived(),
                "{xml}"
            );
        }
    }
}
