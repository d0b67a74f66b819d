//! A single stanza as text.

use super::{Element, Limits, StreamItem, StreamReader};

/// The stream header that precedes every element of a client stream and declares its prefixes.
const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// Reads a stanza that [`Element::to_xml`] wrote. Returns `None` if the text is anything else.
pub fn parse_stanza(xml: &str) -> Option<Element> {
    let mut reader = StreamReader::new(Limits {
        before_login: usize::MAX,
        stanza: usize::MAX,
        wrapper: usize::MAX,
        iq_result: usize::MAX,
        nodes: usize::MAX,
        depth: usize::MAX,
        attributes: usize::MAX,
        namespaces: usize::MAX,
    });
    reader.login_complete();
    reader.feed(HEADER.as_bytes());
    reader.feed(xml.as_bytes());
    let Ok(Some(StreamItem::Header(_))) = reader.next_item() else {
        return None;
    };
    let Ok(Some(StreamItem::Element(element))) = reader.next_item() else {
        return None;
    };
    let is_all = matches!(reader.next_item(), Ok(None)) && reader.take_unread().is_empty();
    is_all.then_some(element)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ns;

    #[test]
    fn a_stanza_comes_back_as_it_was_written() {
        let message = Element::new("message", ns::CLIENT)
            .with_attr("id", "a'b<c>&\"\n")
            .with_child(Element::new("body", ns::CLIENT).with_text(" ]]> "))
            .with_child(Element::new("x", "urn:example"));
        assert_eq!(parse_stanza(&message.to_xml()), Some(message));
        for other in [
            "",
            "text",
            "<message>",
            "<message/><message/>",
            "</stream:stream>",
        ] {
            assert_eq!(parse_stanza(other), None, "{other}");
        }
    }
}
