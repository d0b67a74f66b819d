//! Comparison of addresses that arrive as text (RFC 7622 section 3): in prepared form, never as spelled.

use std::borrow::Cow;

use super::{BareJid, Jid};

/// Returns whether two texts name the same address. Case, width, normalisation and A-labels make no difference where
/// RFC 7622 says so. A text that is not an address is equal only to itself.
pub fn is_same(a: &str, b: &str) -> bool {
    // Texts with the same spelling, the usual case, need no preparation.
    a == b || matches!((Jid::try_from(a), Jid::try_from(b)), (Ok(a), Ok(b)) if a == b)
}

/// Returns the address in its prepared form; a text that is not an address is returned unchanged.
pub fn prepared(text: &str) -> Cow<'_, str> {
    match Jid::try_from(text) {
        Ok(jid) => Cow::Owned(jid.to_string()),
        Err(_) => Cow::Borrowed(text),
    }
}

/// Returns the address without its resource in its prepared form; of a text that is not an address, the part before the
/// first slash.
pub fn prepared_bare(text: &str) -> Cow<'_, str> {
    let bare = text.split('/').next().unwrap_or(text);
    match BareJid::try_from(bare) {
        Ok(jid) => Cow::Owned(jid.to_string()),
        Err(_) => Cow::Borrowed(bare),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w3_addresses_are_the_same_however_they_are_spelled() {
        let table = [
            ("juliet@example.org", "juliet@example.org", true),
            ("Juliet@EXAMPLE.org", "juliet@example.org", true),
            ("juliet@example.org.", "juliet@example.org", true),
            (
                "juliet@xn--mller-kva.example",
                "juliet@müller.example",
                true,
            ),
            (
                "juliet@XN--MLLER-KVA.example",
                "juliet@MÜLLER.example",
                true,
            ),
            ("xn--mller-kva.example", "müller.example", true),
            ("JÜLIA@example.org", "ju\u{308}lia@example.org", true),
            ("ｊuliet@example.org", "juliet@example.org", true),
            ("Juliet@example.org/x", "juliet@example.org/x", true),
            ("juliet@example.org/X", "juliet@example.org/x", false),
            ("juliet@example.org/x", "juliet@example.org", false),
            ("juliet@example.org", "example.org", false),
            (
                "juliet@example.org",
                "juliet@example.org.evil.example",
                false,
            ),
            ("", "juliet@example.org", false),
            ("", "", true),
            ("@", "@", true),
            ("@A", "@a", false),
        ];
        for (a, b, expected) in table {
            assert_eq!(is_same(a, b), expected, "{a} {b}");
            assert_eq!(is_same(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn w3_what_is_no_address_stays_as_it_is() {
        assert_eq!(prepared("Juliet@EXAMPLE.org/X"), "juliet@example.org/X");
        assert_eq!(prepared_bare("Juliet@EXAMPLE.org/X"), "juliet@example.org");
        assert_eq!(prepared_bare("Juliet@EXAMPLE.org/"), "juliet@example.org");
        assert_eq!(prepared("Ju<liet@x"), "Ju<liet@x");
        assert_eq!(prepared_bare("Ju<liet@x/Y"), "Ju<liet@x");
    }
}
