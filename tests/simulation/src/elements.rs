//! Extracts the top-level elements of an XML stream without a full parser: an independent implementation of where
//! stanzas begin and end. It assumes well-formed input, and stops where it is not.

use memchr::{memchr, memchr_iter};

/// Collects bytes and returns whole elements.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    buffer: Vec<u8>,
    /// The position up to which the buffer was scanned.
    scanned: usize,
    /// The beginning of the incomplete element.
    start: usize,
    /// The number of open elements, without the stream.
    depth: u32,
    broken: bool,
}

/// A piece at the top level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// `<stream:stream ..>`.
    Header,
    /// An element.
    Element(&'a str),
    /// `</stream:stream>`.
    End,
}

impl Splitter {
    /// Takes bytes and reports each complete piece.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut tell: impl FnMut(Piece<'_>)) {
        if self.broken {
            return;
        }
        self.buffer.extend_from_slice(bytes);
        loop {
            let rest = &self.buffer[self.scanned..];
            let Some(open) = memchr(b'<', rest) else {
                break;
            };
            let Some(end) = tag_end(&rest[open..]) else {
                break;
            };
            let (from, to) = (self.scanned + open, self.scanned + open + end);
            self.scanned = to;
            let tag = &self.buffer[from..to];
            if tag.starts_with(b"<?") {
                continue;
            }
            if tag.starts_with(b"<!") {
                self.broken = true;
                return;
            }
            if tag.starts_with(b"<stream:stream") {
                self.depth = 0;
                tell(Piece::Header);
                continue;
            }
            if tag.starts_with(b"</") {
                if self.depth == 0 {
                    tell(Piece::End);
                    continue;
                }
                self.depth -= 1;
            } else {
                if self.depth == 0 {
                    self.start = from;
                }
                if !tag.ends_with(b"/>") {
                    self.depth += 1;
                }
            }
            if self.depth == 0 {
                match std::str::from_utf8(&self.buffer[self.start..to]) {
                    Ok(text) => tell(Piece::Element(text)),
                    Err(_) => self.broken = true,
                }
            }
        }
        let keep = if self.depth == 0 {
            self.scanned
        } else {
            self.start
        };
        self.buffer.drain(..keep);
        self.scanned -= keep;
        self.start = self.start.saturating_sub(keep);
    }
}

/// Returns the end of a tag, with respect to quotes.
fn tag_end(bytes: &[u8]) -> Option<usize> {
    let first = memchr(b'>', bytes)?;
    let tag = &bytes[..first];
    if tag.starts_with(b"</") {
        return Some(first + 1);
    }
    let (single, double) = (count(b'\'', tag), count(b'"', tag));
    // If only one kind of quote occurs, every second one closes a value.
    if (single == 0 || double == 0) && (single + double).is_multiple_of(2) {
        return Some(first + 1);
    }
    quoted_tag_end(bytes)
}

/// Returns how often a byte occurs. The sums are single bytes, which no piece is long enough to overflow: the compiler
/// vectorises them.
fn count(byte: u8, bytes: &[u8]) -> usize {
    let in_piece = |piece: &[u8]| piece.iter().map(|b| u8::from(*b == byte)).sum::<u8>();
    bytes
        .chunks(usize::from(u8::MAX))
        .map(|piece| usize::from(in_piece(piece)))
        .sum()
}

/// The same, one quote after the other.
fn quoted_tag_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = &bytes[at..];
        let found = rest
            .iter()
            .position(|byte| matches!(byte, b'>' | b'"' | b'\''))?;
        at += found + 1;
        match rest[found] {
            b'>' => return Some(at),
            quote => at += 1 + bytes[at..].iter().position(|byte| *byte == quote)?,
        }
    }
}

/// Returns the length of the name at this position.
fn name_len(bytes: &[u8]) -> usize {
    let end = |byte: &u8| matches!(byte, b' ' | b'/' | b'>' | b'=' | b'\t' | b'\n');
    bytes.iter().position(end).unwrap_or(bytes.len())
}

/// Returns the name of an element.
pub(crate) fn name(element: &str) -> &str {
    let rest = &element[1..];
    &rest[..name_len(rest.as_bytes())]
}

/// Returns an attribute of the element itself, unescaped.
pub(crate) fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = &element[1 + name_len(&element.as_bytes()[1..])..];
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n']);
        let (key, value) = rest.split_at(name_len(rest.as_bytes()));
        let value = value.strip_prefix('=')?;
        let quote = *value.as_bytes().first()?;
        let value = &value[1..];
        let end = value.bytes().position(|byte| byte == quote)?;
        if key == name {
            return Some(&value[..end]);
        }
        rest = &value[end + 1..];
    }
}

/// Returns the first element of this name, at any depth.
pub(crate) fn find<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let bytes = element.as_bytes();
    let is_it = |at: usize| {
        let rest = &bytes[at + 1..];
        rest.starts_with(name.as_bytes()) && name_len(rest) == name.len()
    };
    let at = memchr_iter(b'<', bytes).find(|at| is_it(*at))?;
    Some(&element[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_whole_whatever_the_chunks() {
        let text = "<?xml version='1.0'?><stream:stream a='>'><a h='3'/> <message id='x'><body>1 &gt; 0</body></message></stream:stream>";
        for chunk in [1, 3, 1000] {
            let mut splitter = Splitter::default();
            let mut seen = Vec::new();
            for bytes in text.as_bytes().chunks(chunk) {
                splitter.feed(bytes, |piece| seen.push(format!("{piece:?}")));
            }
            assert_eq!(seen.len(), 4, "{seen:?}");
            assert!(seen[2].contains("<body>1 &gt; 0</body>"));
        }
    }

    #[test]
    fn a_bracket_in_quotes_ends_no_tag() {
        for tag in [
            "<a>",
            "<a b='>' c='1'>",
            "<a b='\"' c=\">\">",
            "<a b=\"it's\" c='>'/>",
            "<a b='>>' c='>'/>",
        ] {
            let text = format!("{tag}<b c='>'/>");
            assert_eq!(tag_end(text.as_bytes()), Some(tag.len()), "{tag}");
        }
        assert_eq!(tag_end(b"<a b='>"), None);
    }

    #[test]
    fn attributes_are_found_by_their_whole_name() {
        assert_eq!(attribute("<resume previd='p' h='7'/>", "h"), Some("7"));
        assert_eq!(attribute("<a hh='1'/>", "h"), None);
        let nested = "<authenticate><fast count=\"4\"/></authenticate>";
        assert_eq!(
            find(nested, "fast").and_then(|fast| attribute(fast, "count")),
            Some("4")
        );
    }
}
