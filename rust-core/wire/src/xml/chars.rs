//! XML 1.0 (fifth edition), the productions on characters: `Char`, `S`, `NameStartChar`, `NameChar` and references.

use super::XmlError;

/// White space, `S`.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Returns how many bytes of white space `bytes` begins with.
pub(super) fn space_len(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|&b| !is_space(b))
        .unwrap_or(bytes.len())
}

/// A control character that XML forbids.
pub(super) fn is_forbidden_control(byte: u8) -> bool {
    byte < 0x20 && !is_space(byte)
}

/// ASCII with which names may begin.
const NAME_START: u8 = 1;
/// ASCII that names may contain, except the colon.
const NAME: u8 = 2;
/// ASCII without special meaning in any text: the scanner need not stop for it.
const PLAIN: u8 = 4;

/// The classes of each byte.
#[allow(
    clippy::indexing_slicing,
    reason = "computed by the compiler: out of bounds is an error there"
)]
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte: u8 = 0;
    while byte < 0x80 {
        let mut class = 0;
        if byte.is_ascii_alphabetic() || byte == b'_' {
            class |= NAME_START | NAME;
        }
        if byte.is_ascii_digit() || matches!(byte, b'-' | b'.') {
            class |= NAME;
        }
        let is_markup = matches!(byte, b'<' | b'&' | b']' | b'\'' | b'"');
        if !is_markup && (byte >= 0x20 || matches!(byte, b'\t' | b'\n' | b'\r')) {
            class |= PLAIN;
        }
        classes[byte as usize] = class;
        byte += 1;
    }
    classes
};

fn is_in(byte: u8, class: u8) -> bool {
    CLASSES
        .get(usize::from(byte))
        .is_some_and(|classes| classes & class != 0)
}

/// ASCII that names may consist of, but for the colon.
pub(super) fn is_ascii_name(byte: u8) -> bool {
    is_in(byte, NAME)
}

/// ASCII that names may begin with.
pub(super) fn is_ascii_name_start(byte: u8) -> bool {
    is_in(byte, NAME_START)
}

/// Returns how many bytes at the beginning of `bytes` are not `special`. Most values and texts are short, and then a table is
/// fastest. The others are tested in whole blocks without branches, so that the compiler can use vector instructions.
pub(super) fn plain_len(bytes: &[u8], special: impl Fn(u8) -> bool) -> usize {
    const SHORT: usize = 48;
    const BLOCK: usize = 32;
    let (head, tail) = bytes.split_at(bytes.len().min(SHORT));
    if let Some(at) = head.iter().position(|&b| !is_in(b, PLAIN) && special(b)) {
        return at;
    }
    let blocks = tail
        .chunks_exact(BLOCK)
        .take_while(|block| !block.iter().fold(false, |any, &b| any | special(b)))
        .count();
    let skipped = blocks * BLOCK;
    let rest = tail.get(skipped..).unwrap_or_default();
    let last = rest.iter().position(|&b| special(b)).unwrap_or(rest.len());
    head.len() + skipped + last
}

/// Returns the first character and its length, `None` if it is still incomplete. Bytes that can no longer become UTF-8 are
/// refused at once.
pub(super) fn decode(bytes: &[u8]) -> Result<Option<(char, usize)>, XmlError> {
    let len = match bytes.first() {
        None => return Ok(None),
        Some(0x00..=0x7f) => 1,
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        Some(_) => return Err(XmlError::BadUtf8),
    };
    let sequence = bytes.get(..len).unwrap_or(bytes);
    match std::str::from_utf8(sequence) {
        Ok(text) => Ok(text.chars().next().map(|c| (c, len))),
        Err(error) if error.error_len().is_none() => Ok(None),
        Err(_) => Err(XmlError::BadUtf8),
    }
}

/// `Char`: every character but most controls and the two non-characters of the basic plane.
pub(super) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..)
}

/// `NameStartChar` without the colon, which Namespaces in XML reserves.
pub(super) fn is_name_start(c: char) -> bool {
    matches!(c,
        'A'..='Z' | 'a'..='z' | '_'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}'
        | '\u{370}'..='\u{37D}' | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}'
        | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}' | '\u{3001}'..='\u{D7FF}'
        | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

/// `NameChar` without the colon.
pub(super) fn is_name_char(c: char) -> bool {
    is_name_start(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

/// The meaning of a `&` and the bytes after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reference {
    /// More bytes are needed.
    Incomplete,
    /// A predefined entity or an allowed character, of this length.
    Allowed(usize),
    /// A character that XML forbids, or a number that is no character, of this length.
    Forbidden(usize),
    /// A number with more digits than any character needs begins after this prefix.
    LongNumber {
        /// Length of the `&#` or `&#x`.
        prefix_len: usize,
        /// 10 or 16.
        radix: u32,
    },
    /// The name of another entity begins after the `&`.
    UndeclaredEntity,
}

/// Returns the reference that `bytes` begins with.
///
/// At most `&#x` and [`MAX_DIGITS`] digits are read here, so reading them again with each byte stays linear.
pub(super) fn reference(bytes: &[u8]) -> Result<Reference, XmlError> {
    let body = bytes.get(1..).unwrap_or_default();
    match body.first() {
        None => Ok(Reference::Incomplete),
        Some(b'#') => character_reference(body.get(1..).unwrap_or_default()),
        Some(_) => entity_reference(body),
    }
}

/// Enough for U+10FFFF in decimal; longer ones only pad with zeros.
const MAX_DIGITS: usize = 7;

fn character_reference(body: &[u8]) -> Result<Reference, XmlError> {
    let (digits, radix, prefix_len) = match body.first() {
        None => return Ok(Reference::Incomplete),
        Some(b'x') => (body.get(1..).unwrap_or_default(), 16, 3),
        Some(_) => (body, 10, 2),
    };
    let mut value = 0;
    for (count, &byte) in digits.iter().enumerate() {
        match char::from(byte).to_digit(radix) {
            Some(digit) if count < MAX_DIGITS => value = value * radix + digit,
            None if byte == b';' && count > 0 => {
                let len = prefix_len + count + 1;
                return Ok(if char::from_u32(value).is_some_and(is_char) {
                    Reference::Allowed(len)
                } else {
                    Reference::Forbidden(len)
                });
            }
            Some(_) => return Ok(Reference::LongNumber { prefix_len, radix }),
            None => return Err(XmlError::MalformedReference),
        }
    }
    Ok(Reference::Incomplete)
}

const ENTITIES: [&[u8]; 5] = [b"lt;", b"gt;", b"amp;", b"quot;", b"apos;"];

fn entity_reference(body: &[u8]) -> Result<Reference, XmlError> {
    for entity in ENTITIES {
        if body.starts_with(entity) {
            return Ok(Reference::Allowed(1 + entity.len()));
        }
    }
    if ENTITIES.iter().any(|entity| entity.starts_with(body)) {
        return Ok(Reference::Incomplete);
    }
    match decode(body)? {
        Some((c, _)) if is_name_start(c) => Ok(Reference::UndeclaredEntity),
        Some(_) => Err(XmlError::MalformedReference),
        None => Ok(Reference::Incomplete),
    }
}
