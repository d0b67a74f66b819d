//! XML as text, from and for apps.

use snapback_proto::xml::{Element, Limits, StreamItem, StreamReader, escape_attribute};

/// The stream header, which declares the prefixes that an element may use.
const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// Parses exactly one element; returns `None` for anything else. The limits are those for inbound stanzas ([`Limits::default`]).
pub fn parse_xml(xml: &str) -> Option<Element> {
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

/// Returns the text as it may stand in an element, and in an attribute between either kind of quotation mark. Reading it gives the
/// text back; only a character that XML forbids (XML 1.0 section 2.2) becomes U+FFFD.
pub fn escape_xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    escape_attribute(&mut escaped, text);
    escaped.replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_element_and_nothing_else() {
        assert!(parse_xml("<x xmlns='urn:x'><y a='1'>text</y></x>\n").is_some());
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
            assert!(parse_xml(xml).is_none(), "{xml}");
        }
    }

    #[test]
    fn what_was_escaped_comes_back() {
        let text = "<a b=\"c\" d='e'>&amp;</a>\ta\nb\rc \u{1F600}";
        let escaped = escape_xml(text);
        let xml = format!("<x a=\"{escaped}\" b='{escaped}'>{escaped}</x>");
        let element = parse_xml(&xml).unwrap();
        assert_eq!(element.attr("a"), Some(text));
        assert_eq!(element.attr("b"), Some(text));
        assert_eq!(element.text(), text);
    }
}
