//! XML as text, from and for apps.

use std::fmt;

use snapback_proto::xml::{
    Element, Limit, Limits, Refusal, StreamItem, StreamReader, escape_attribute,
};

/// The stream header, which declares the prefixes that an element may use.
const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";

/// Why a text cannot be part of a stanza.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseXmlError {
    /// It is not exactly one well-formed element.
    NotOneElement,
    /// It has more bytes than the receiver accepts in a stanza.
    TooBig {
        /// Its size, in bytes.
        size: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// It is over another limit of inbound stanzas.
    TooComplex(Limit),
}

impl fmt::Display for ParseXmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOneElement => f.write_str("it is not one well-formed element"),
            Self::TooBig { size, limit } => {
                write!(f, "it has {size} bytes, and may have {limit}")
            }
            Self::TooComplex(limit) => write!(f, "its receivers would refuse it: {limit}"),
        }
    }
}

impl std::error::Error for ParseXmlError {}

/// Parses exactly one element. The limits are those for inbound stanzas ([`Limits::default`]).
///
/// # Errors
///
/// If it is anything else, or over a limit.
pub fn parse_xml(xml: &str) -> Result<Element, ParseXmlError> {
    parse_within(xml, Limits::default())
}

/// Parses one element that this library wrote, such as a stanza that it received: of any size, since it may have been as large as
/// a roster, and as deep as a received stanza.
///
/// # Errors
///
/// If it is anything else, or deeper.
pub fn parse_received_xml(xml: &str) -> Result<Element, ParseXmlError> {
    /// Of the elements that are wrapped around a message (XEP-0280, XEP-0313).
    const WRAPPER_DEPTH: usize = 4;
    let limits = Limits {
        before_login: usize::MAX,
        stanza: usize::MAX,
        wrapper: usize::MAX,
        iq_result: usize::MAX,
        nodes: usize::MAX,
        attributes: usize::MAX,
        namespaces: usize::MAX,
        depth: Limits::default().depth.saturating_add(WRAPPER_DEPTH),
    };
    parse_within(xml, limits)
}

fn parse_within(xml: &str, limits: Limits) -> Result<Element, ParseXmlError> {
    let mut reader = StreamReader::new(limits);
    reader.login_complete();
    reader.feed(HEADER.as_bytes());
    reader.feed(xml.as_bytes());
    let Ok(Some(StreamItem::Header(_))) = reader.next_item() else {
        return Err(ParseXmlError::NotOneElement);
    };
    let parsed = match reader.next_item() {
        Ok(Some(StreamItem::Element(element))) => Ok(element),
        Ok(Some(StreamItem::Refused(refused))) => Err(match refused.reason {
            Refusal::OverLimit(Limit::Size) => ParseXmlError::TooBig {
                size: refused.bytes,
                limit: limits.stanza,
            },
            Refusal::OverLimit(limit) => ParseXmlError::TooComplex(limit),
            _ => ParseXmlError::NotOneElement,
        }),
        _ => return Err(ParseXmlError::NotOneElement),
    };
    match reader.next_item() {
        Ok(None) if reader.take_unread().iter().all(u8::is_ascii_whitespace) => parsed,
        _ => Err(ParseXmlError::NotOneElement),
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
        assert!(parse_xml("<x xmlns='urn:x'><y a='1'>text</y></x>\n").is_ok());
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
            assert_eq!(parse_xml(xml), Err(ParseXmlError::NotOneElement), "{xml}");
        }
    }

    #[test]
    fn w2_what_receivers_would_refuse_differs_from_malformed_xml() {
        let deep = format!("{}{}", "<x>".repeat(70), "</x>".repeat(70));
        let too_complex = |limit| Err(ParseXmlError::TooComplex(limit));
        assert_eq!(parse_xml(&deep), too_complex(Limit::Depth));
        let many = format!("<x>{}</x>", "<y/>".repeat(20_000));
        assert_eq!(parse_xml(&many), too_complex(Limit::Nodes));
        let big = format!("<x>{}</x>", "y".repeat(300_000));
        let expected = ParseXmlError::TooBig {
            size: big.len(),
            limit: Limits::default().stanza,
        };
        assert_eq!(parse_xml(&big), Err(expected));
    }

    #[test]
    fn a_received_element_has_any_size_but_not_any_depth() {
        let many = format!("<x>{}</x>", "<y a='1'/>".repeat(100_000));
        assert!(parse_received_xml(&many).is_ok());
        let deep = |levels: usize| format!("{}{}", "<x>".repeat(levels), "</x>".repeat(levels));
        assert!(parse_received_xml(&deep(68)).is_ok());
        for levels in [73, 200_000] {
            let parsed = parse_received_xml(&deep(levels));
            assert_eq!(parsed, Err(ParseXmlError::TooComplex(Limit::Depth)));
        }
        assert_eq!(parse_received_xml("<x>"), Err(ParseXmlError::NotOneElement));
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
