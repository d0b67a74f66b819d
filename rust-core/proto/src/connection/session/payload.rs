//! The payload of a message, without what servers add to it, remove from it or serialize differently: two copies of one message
//! have the same payload, whichever way they were delivered.
//!
//! Ignored are, of the message: its attributes (addresses, the `id`, the type, `xml:lang`), the order of its children, white
//! space between elements; and of its children those that describe its delivery (XEP-0203, XEP-0280, XEP-0334, XEP-0359,
//! XEP-0421). Chat states (XEP-0085) are ignored where there is any other child: some archives remove them.

use crate::ns;
use crate::xml::{Element, Node};

/// Namespaces that describe the delivery of a message: message processing hints (XEP-0334), the occupant id of a room
/// (XEP-0421), delays before XEP-0203 (XEP-0091), the archive's id before XEP-0359.
const TRAVEL: [&str; 6] = [
    ns::STANZA_ID,
    ns::DELAY,
    ns::HINTS,
    ns::OCCUPANT_ID,
    "jabber:x:delay",
    "urn:xmpp:mam:tmp",
];

/// Returns the payload of a message in the canonical form that is compared. XML allows none of the control characters that
/// separate its parts (XML 1.0 section 2.2), so no two payloads have the same form.
pub(super) fn canonical(message: &Element) -> Vec<u8> {
    let is_travel = |child: &&Element| {
        let ns = child.ns();
        !TRAVEL.contains(&ns) && !child.is("private", ns::CARBONS)
    };
    let said: Vec<&Element> = message.children().filter(is_travel).collect();
    let only_states = said.iter().all(|child| child.ns() == ns::CHAT_STATES);
    let mut parts: Vec<Vec<u8>> = said
        .into_iter()
        .filter(|child| only_states || child.ns() != ns::CHAT_STATES)
        .map(|child| {
            let mut out = Vec::new();
            write_element(child, &mut out);
            out
        })
        .collect();
    let text = message.text();
    if !is_blank(&text) {
        parts.push(text.trim().as_bytes().to_vec());
    }
    // A server that parses a message into a record writes the children that it knows first.
    parts.sort_unstable();
    parts.concat()
}

fn write_element(element: &Element, out: &mut Vec<u8>) {
    write_part(1, element.ns(), out);
    write_part(2, element.name(), out);
    let mut attributes: Vec<_> = element.attributes().iter().collect();
    attributes.sort_unstable_by_key(|attribute| (attribute.ns.as_str(), attribute.name.as_str()));
    for attribute in attributes {
        write_part(3, &attribute.ns, out);
        write_part(4, &attribute.name, out);
        write_part(5, &attribute.value, out);
    }
    // White space between elements has no meaning; between words it has.
    let is_mixed = element.children().next().is_none() || !is_blank(&element.text());
    for node in element.nodes() {
        match node {
            Node::Element(child) => write_element(child, out),
            Node::Text(text) if is_mixed => write_part(6, text, out),
            Node::Text(_) => {}
        }
    }
    out.push(7);
}

fn write_part(kind: u8, text: &str, out: &mut Vec<u8>) {
    out.push(kind);
    out.extend_from_slice(text.as_bytes());
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::parse_stanza;

    fn payload(inner: &str) -> Vec<u8> {
        payload_of("", inner)
    }

    fn payload_of(attributes: &str, inner: &str) -> Vec<u8> {
        let xml = format!("<message xmlns='jabber:client' {attributes}>{inner}</message>");
        canonical(&parse_stanza(&xml).unwrap())
    }

    const BODY: &str = "<body>one</body>";
    const MORE: &str = "<x xmlns='urn:x' a='1' b='2'><y>two</y><z/></x>";

    #[test]
    fn i17_what_servers_change_is_not_part_of_the_payload() {
        let plain = payload(&format!("{BODY}{MORE}"));
        let same = [
            ("", format!("{MORE}{BODY}")),
            ("", format!("\n  {BODY}\n  {MORE}\n")),
            (
                "",
                format!("{BODY}<x xmlns='urn:x' b='2' a='1'>\n <y>two</y> <z></z>\n</x>"),
            ),
            (
                "",
                format!("{BODY}<p:x xmlns:p='urn:x' a='1' b='2'><p:y>two</p:y><p:z/></p:x>"),
            ),
            ("xml:lang='de'", format!("{BODY}{MORE}")),
            (
                "from='A@b' to='c@d/e' id='x' type='chat'",
                format!("{BODY}{MORE}"),
            ),
            (
                "",
                format!("{BODY}{MORE}<stanza-id xmlns='urn:xmpp:sid:0' by='a@b' id='1'/>"),
            ),
            (
                "",
                format!("{BODY}<origin-id xmlns='urn:xmpp:sid:0' id='1'/>{MORE}"),
            ),
            (
                "",
                format!(
                    "{BODY}{MORE}<delay xmlns='urn:xmpp:delay' stamp='2026-11-20T10:00:00Z'>Offline</delay>"
                ),
            ),
            (
                "",
                format!("{BODY}{MORE}<x xmlns='jabber:x:delay' stamp='20261120T10:00:00'/>"),
            ),
            ("", format!("{BODY}{MORE}<store xmlns='urn:xmpp:hints'/>")),
            (
                "",
                format!("{BODY}{MORE}<private xmlns='urn:xmpp:carbons:2'/>"),
            ),
            (
                "",
                format!("{BODY}{MORE}<archived xmlns='urn:xmpp:mam:tmp' by='a@b' id='1'/>"),
            ),
            (
                "",
                format!("{BODY}{MORE}<active xmlns='http://jabber.org/protocol/chatstates'/>"),
            ),
            (
                "",
                format!("{BODY}{MORE}<occupant-id xmlns='urn:xmpp:occupant-id:0' id='1'/>"),
            ),
        ];
        for (attributes, inner) in same {
            assert!(
                payload_of(attributes, &inner) == plain,
                "{attributes} {inner}"
            );
        }
    }

    #[test]
    fn i17_what_a_sender_says_is_part_of_the_payload() {
        let plain = payload(&format!("{BODY}{MORE}"));
        let others = [
            BODY.to_owned(),
            MORE.to_owned(),
            format!("{BODY}{BODY}{MORE}"),
            format!("<body>One</body>{MORE}"),
            format!("<body>one </body>{MORE}"),
            format!("<body>\none</body>{MORE}"),
            format!("<body xml:lang='de'>one</body>{MORE}"),
            format!("<body xmlns='urn:x'>one</body>{MORE}"),
            format!("{BODY}<x xmlns='urn:x' a='2' b='1'><y>two</y><z/></x>"),
            format!("{BODY}<x xmlns='urn:x' a='1' b='2'><z/><y>two</y></x>"),
            format!("{BODY}<x xmlns='urn:x' a='1' b='2'><y>two</y></x>"),
            format!("{BODY}<x xmlns='urn:x' a='1' b='2'><y>two<z/></y></x>"),
            format!("{BODY}<x xmlns='urn:x' a='1' b='2'><y>two</y>:<z/></x>"),
            format!("{BODY}{MORE}<replace xmlns='urn:xmpp:message-correct:0' id='1'/>"),
            format!("{BODY}{MORE} text"),
            format!("<subject>one</subject>{MORE}"),
        ];
        for inner in &others {
            assert!(payload(inner) != plain, "{inner}");
        }
        let states = ["active", "paused"].map(|state| {
            payload(&format!(
                "<{state} xmlns='http://jabber.org/protocol/chatstates'/>"
            ))
        });
        assert!(states[0] != states[1] && !states[0].is_empty());
    }
}
