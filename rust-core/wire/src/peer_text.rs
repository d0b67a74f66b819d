//! Human-readable texts from the peer.

use std::fmt;

/// A text that the peer wrote, such as that of an error (RFC 6120 sections 4.9.2, 6.5 and 8.3.2): for the user, not for a log.
/// At most 1024 characters are kept, on one line: white space and control characters become one space, and characters that
/// reorder the text around them are removed. `Debug` shows its length only, since it may contain anything (rule T9).
#[derive(Clone, PartialEq, Eq)]
pub struct PeerText(String);

/// Longer than the texts that servers send; it is shown in a dialogue.
const MAX_CHARS: usize = 1024;

impl PeerText {
    /// Returns the text in a form that may be shown; `None` if nothing remains of it.
    pub fn new(text: &str) -> Option<Self> {
        let mut kept = String::new();
        let mut count = 0;
        let mut is_apart = false;
        for c in text.chars().filter(|c| !reorders(*c)) {
            if c.is_whitespace() || c.is_control() {
                is_apart = !kept.is_empty();
                continue;
            }
            let needed = 1 + usize::from(is_apart);
            if count + needed > MAX_CHARS {
                break;
            }
            if is_apart {
                kept.push(' ');
            }
            kept.push(c);
            count += needed;
            is_apart = false;
        }
        (!kept.is_empty()).then_some(Self(kept))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The explicit directional formatting characters of Unicode (UAX #9 section 2).
fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Debug for PeerText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text of {} bytes", self.0.len())
    }
}

impl From<PeerText> for String {
    fn from(text: PeerText) -> Self {
        text.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_of_bounded_length() {
        for (text, shown) in [
            ("Call 212-555-1212.", Some("Call 212-555-1212.")),
            (" wait\r\n\t10\u{0}\u{9b}31m min ", Some("wait 10 31m min")),
            ("\u{202e}evil\u{2066}", Some("evil")),
            (
                "zu viele Versuche \u{1f512}",
                Some("zu viele Versuche \u{1f512}"),
            ),
            ("", None),
            (" \n\u{7f}\u{202e}", None),
        ] {
            assert_eq!(PeerText::new(text).map(String::from).as_deref(), shown);
        }
        for long in ["\u{2665}".repeat(100_000), "a ".repeat(100_000)] {
            let kept = PeerText::new(&long).unwrap();
            assert!(long.starts_with(kept.as_str()));
            assert!((MAX_CHARS - 1..=MAX_CHARS).contains(&kept.as_str().chars().count()));
        }
    }

    #[test]
    fn t9_a_text_does_not_print() {
        let text = PeerText::new("wrong password: s3cret").unwrap();
        assert_eq!(format!("{text:?}"), "text of 22 bytes");
    }
}
