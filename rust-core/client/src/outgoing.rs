//! Messages and presence to be sent.

use snapback_proto::jid::Jid;
use snapback_proto::ns;
use snapback_proto::xml::Element;

/// A message to be sent (RFC 6121 section 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// The addressee.
    pub to: Jid,
    /// The attribute `type`. Default `chat`, a message to a person.
    pub kind: String,
    /// Its id. Default: one is generated when it is sent. Use [`Client::new_id`](crate::Client::new_id) where it has to be
    /// known before: ids that others can guess allow forged answers (rule T7).
    pub id: Option<String>,
    /// `<body/>`: the text. Default none.
    pub body: Option<String>,
    /// `<thread/>`: the conversation that it belongs to. Default none.
    pub thread: Option<String>,
    /// Further children. Default none.
    pub children: Vec<Element>,
}

impl OutgoingMessage {
    /// Returns a chat message without content.
    pub fn to(to: impl Into<Jid>) -> Self {
        Self {
            to: to.into(),
            kind: "chat".to_owned(),
            id: None,
            body: None,
            thread: None,
            children: Vec::new(),
        }
    }
}

impl From<OutgoingMessage> for Element {
    fn from(message: OutgoingMessage) -> Self {
        let to = message.to.to_string();
        let attributes = [
            ("to", Some(to)),
            ("type", Some(message.kind)),
            ("id", message.id),
        ];
        let texts = [("body", message.body), ("thread", message.thread)];
        stanza("message", attributes, texts, message.children)
    }
}

/// A presence to be sent (RFC 6121 section 4.7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutgoingPresence {
    /// The addressee: a contact, or a room to join (XEP-0045 section 7.2), whose `<x/>` is one of the children. Default: all
    /// subscribers.
    pub to: Option<Jid>,
    /// The attribute `type`, such as `unavailable` or `subscribe`. Default none, which means available.
    pub kind: Option<String>,
    /// Its id. Default: one is generated when it is sent.
    pub id: Option<String>,
    /// `<show/>`: `away`, `chat`, `dnd` or `xa`. Default none, which means available.
    pub show: Option<String>,
    /// `<status/>`: a description for people. Default none.
    pub status: Option<String>,
    /// `<priority/>`: a server delivers messages to the highest one that is not negative. Default none, which means 0 (RFC 6121
    /// section 4.7.2.3).
    pub priority: Option<i8>,
    /// Further children. Default none.
    pub children: Vec<Element>,
}

impl From<OutgoingPresence> for Element {
    fn from(presence: OutgoingPresence) -> Self {
        let attributes = [
            ("to", presence.to.map(|to| to.to_string())),
            ("type", presence.kind),
            ("id", presence.id),
        ];
        let texts = [
            ("show", presence.show),
            ("status", presence.status),
            (
                "priority",
                presence.priority.map(|priority| priority.to_string()),
            ),
        ];
        stanza("presence", attributes, texts, presence.children)
    }
}

fn stanza<const A: usize, const T: usize>(
    name: &'static str,
    attributes: [(&'static str, Option<String>); A],
    texts: [(&'static str, Option<String>); T],
    children: Vec<Element>,
) -> Element {
    let mut stanza = Element::new(name, ns::CLIENT);
    for (name, value) in attributes {
        if let Some(value) = value {
            stanza.set_attr(name, value);
        }
    }
    for (name, text) in texts {
        if let Some(text) = text {
            stanza.push_child(Element::new(name, ns::CLIENT).with_text(text));
        }
    }
    for child in children {
        stanza.push_child(child);
    }
    stanza
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_what_it_was_given_and_nothing_else() {
        let to: Jid = "Romeo@Example.NET/orchard".parse().unwrap();
        let message = OutgoingMessage {
            id: Some("m1".to_owned()),
            body: Some("<soft> & \"light\"".to_owned()),
            children: vec![Element::new("x", "urn:x")],
            ..OutgoingMessage::to(to)
        };
        assert_eq!(
            Element::from(message).to_xml(),
            "<message to='romeo@example.net/orchard' type='chat' id='m1'>\
             <body>&lt;soft&gt; &amp; \"light\"</body><x xmlns='urn:x'/></message>"
        );
    }

    #[test]
    fn presence_is_available_and_to_all_subscribers_by_default() {
        let available = Element::from(OutgoingPresence::default());
        assert_eq!(available.to_xml(), "<presence/>");
        let join = OutgoingPresence {
            to: Some("coven@chat.shakespeare.lit/thirdwitch".parse().unwrap()),
            show: Some("away".to_owned()),
            priority: Some(-1),
            children: vec![Element::new("x", "http://jabber.org/protocol/muc")],
            ..OutgoingPresence::default()
        };
        assert_eq!(
            Element::from(join).to_xml(),
            "<presence to='coven@chat.shakespeare.lit/thirdwitch'><show>away</show><priority>-1</priority>\
             <x xmlns='http://jabber.org/protocol/muc'/></presence>"
        );
    }
}
