//! Elements as the XML text that they came as or leave as.

use snapback_proto::xml::{Element, Limits, StreamItem, StreamReader};

use super::fault::Fault;

/// What stands before every element of a client stream, and gives its prefixes a meaning.
const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// Reads what [`Element::to_xml`] wrote. Limits were a matter for the stream it came from.
pub(super) fn parse(xml: &str) -> Result<Element, Fault> {
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
        return Err(Fault::Unreadable);
    };
    let Ok(Some(StreamItem::Element(element))) = reader.next_item() else {
        return Err(Fault::Unreadable);
    };
    match reader.next_item() {
        Ok(None) if reader.take_unread().is_empty() => Ok(element),
        _ => Err(Fault::Unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_back_as_they_were() {
        let long = "x".repeat(1 << 20);
        let message = Element::new("message", "jabber:client")
            .with_attr("id", "a'b<c>&\"\n")
            .with_child(Element::new("body", "jabber:client").with_text(long))
            .with_child(
                Element::new("event", "urn:example")
                    .with_child(Element::new("features", "http://etherx.jabber.org/streams"))
                    .with_child(Element::new("x", "jabber:client").with_text(" ]]> ")),
            );
        assert_eq!(parse(&message.to_xml()).unwrap(), message);
        assert!(parse("").is_err());
        assert!(parse("<message>").is_err());
        assert!(parse("<message/><message/>").is_err());
        assert!(parse("</stream:stream>").is_err());
    }
}
