//! The client's stream header and its end (RFC 6120 sections 4.2 to 4.4 and 4.7).

use crate::ns;
use crate::xml::escape_attribute;

/// The end of the client's stream.
pub const CLOSE: &str = "</stream:stream>";

/// Returns the client's stream header. `from` only on an encrypted stream (S4); no `declaration` on a restart that is pipelined
/// (S2).
pub fn open(to: &str, from: Option<&str>, lang: Option<&str>, declaration: bool) -> String {
    // Allocated for all of it: growing step by step costs more than writing.
    let mut out = String::with_capacity(256);
    if declaration {
        out.push_str("<?xml version='1.0'?>");
    }
    out.push_str("<stream:stream");
    push(&mut out, "xmlns", ns::CLIENT);
    push(&mut out, "xmlns:stream", ns::STREAM);
    push(&mut out, "version", "1.0");
    push(&mut out, "to", to);
    if let Some(from) = from {
        push(&mut out, "from", from);
    }
    if let Some(lang) = lang {
        push(&mut out, "xml:lang", lang);
    }
    out.push('>');
    out
}

fn push(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("='");
    escape_attribute(out, value);
    out.push('\'');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xep::testing::element;

    #[test]
    fn s2_declaration_only_where_asked() {
        assert!(
            open("a.example", None, None, true).starts_with("<?xml version='1.0'?><stream:stream ")
        );
        assert!(open("a.example", None, None, false).starts_with("<stream:stream "));
    }

    #[test]
    fn s4_from_only_where_given() {
        let read = |from| {
            element(&format!(
                "{}{CLOSE}",
                open("montague.example", from, Some("en"), true)
            ))
        };
        let header = read(Some("o'neil@montague.example"));
        assert!(header.is("stream", ns::STREAM));
        assert_eq!(header.attr("to"), Some("montague.example"));
        assert_eq!(header.attr("from"), Some("o'neil@montague.example"));
        assert_eq!(header.attr("version"), Some("1.0"));
        let lang = header
            .attributes()
            .iter()
            .find(|a| a.ns == ns::XML)
            .unwrap();
        assert_eq!((lang.name.as_str(), lang.value.as_str()), ("lang", "en"));
        assert_eq!(read(None).attr("from"), None);
    }
}
