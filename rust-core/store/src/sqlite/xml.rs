//! Elements as XML text.

use snapback_proto::xml::{Element, parse_stanza};

use super::fault::Fault;

/// Reads what [`Element::to_xml`] wrote. Limits were enforced by the stream that the element came from.
pub(super) fn parse(xml: &str) -> Result<Element, Fault> {
    parse_stanza(xml).ok_or(Fault::Unreadable)
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
