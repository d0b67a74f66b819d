//! Extensions and payloads of the app, which come and go as text.

use snapback_client::proto::xml::{StreamItem, StreamReader, escape_text};
use snapback_client::{Element, Limits};

/// What stands before every element of a client stream, and gives its prefixes a meaning.
const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// Reads exactly one element; `None` if it is anything else. The limits are those for what comes from a server.
pub(crate) fn parse(xml: &str) -> Option<Element> {
    let mut reader = StreamReader::new(Limits::default());
    reader.login_complete();
    reader.feed(HEADER.as_bytes());
    reader.feed(xml.as_bytes());
    let Ok(Some(StreamItem::Header(_))) = reader.next_item() else {
        return None;
    };
    let Ok(Some(StreamItem::Element(element))) = reader.next_item() else {
        return None;
    };
    match reader.next_item() {
        Ok(None) if reader.take_unread().iter().all(u8::is_ascii_whitespace) => Some(element),
        _ => None,
    }
}

/// Text as it may stand in an element or an attribute.
#[uniffi::export]
pub fn escape_xml(text: String) -> String {
    let mut escaped = String::with_capacity(text.len());
    escape_text(&mut escaped, &text);
    escaped.replace('"', "&quot;").replace('\'', "&apos;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_element_and_nothing_else() {
        assert!(parse("<x xmlns='urn:x'><y a='1'>text</y></x>\n").is_some());
        for xml in [
            "",
            "text",
            "<x>",
            "<x/><y/>",
            "<x/>text",
            "<!-- c --><x/>",
            "</stream:stream>",
            "<p:x/>",
        ] {
            assert!(parse(xml).is_none(), "{xml}");
        }
    }

    #[test]
    fn what_was_escaped_comes_back() {
        let text = "<a b=\"c\" d='e'>&amp;</a> \u{1F600}";
        let escaped = escape_xml(text.to_owned());
        let xml = format!("<x a=\"{escaped}\" b='{escaped}'>{escaped}</x>");
        let element = parse(&xml).unwrap();
        assert_eq!(element.attr("a"), Some(text));
        assert_eq!(element.attr("b"), Some(text));
        assert_eq!(element.text(), text);
    }
}
