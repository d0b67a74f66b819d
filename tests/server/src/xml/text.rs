//! Characters and references (XML 1.0 sections 2.2, 2.11, 3.3.3 and 4.1, as RFC 6120 section 11 restricts them).

use std::borrow::Cow;

use super::reader::ReadError;

/// `S`.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Returns the bytes as text, unless they contain something that XML forbids.
pub(super) fn checked(bytes: &[u8]) -> Result<&str, ReadError> {
    let text = str::from_utf8(bytes).map_err(|_| ReadError::NotWellFormed)?;
    // Without branches, so that the compiler vectorises it: most input is plain ASCII.
    let may_be_bad = |b: u8| !matches!(b, b' '..0x80);
    if bytes.iter().fold(false, |any, &b| any | may_be_bad(b)) && !text.chars().all(is_char) {
        return Err(ReadError::NotWellFormed);
    }
    Ok(text)
}

/// `Char`.
fn is_char(c: char) -> bool {
    !matches!(c, '\0'..'\t' | '\x0b' | '\x0c' | '\x0e'..' ' | '\u{fffe}' | '\u{ffff}')
}

/// The context of character data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    Content,
    Attribute,
}

/// Returns the value of character data: references resolved, line ends and, in an attribute, white space normalised.
pub(super) fn resolved(raw: &str, within: Within) -> Result<String, ReadError> {
    let is_special = |b: u8| (b < b' ') | (b == b'&') | (b == b'<') | (b == b']');
    if !raw.bytes().fold(false, |any, b| any | is_special(b)) {
        return Ok(raw.to_owned());
    }
    let is_forbidden = match within {
        Within::Content => raw.contains("]]>"),
        Within::Attribute => raw.contains('<'),
    };
    if is_forbidden {
        return Err(ReadError::NotWellFormed);
    }
    let lines: Cow<'_, str> = if raw.contains('\r') {
        raw.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        raw.into()
    };
    let mut out = String::with_capacity(lines.len());
    let mut rest = &*lines;
    while let Some((before, after)) = rest.split_once('&') {
        push(before, within, &mut out);
        let (name, after) = after.split_once(';').ok_or(ReadError::NotWellFormed)?;
        out.push(referred(name)?);
        rest = after;
    }
    push(rest, within, &mut out);
    Ok(out)
}

fn push(text: &str, within: Within, out: &mut String) {
    match within {
        Within::Content => out.push_str(text),
        Within::Attribute => out.extend(text.chars().map(|c| match c {
            '\t' | '\n' => ' ',
            other => other,
        })),
    }
}

fn referred(name: &str) -> Result<char, ReadError> {
    let number = match name {
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "amp" => return Ok('&'),
        "apos" => return Ok('\''),
        "quot" => return Ok('"'),
        _ => name.strip_prefix('#').ok_or(ReadError::RestrictedXml)?,
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // A sign is not a digit, although `from_str_radix` accepts it.
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(ReadError::NotWellFormed);
    }
    u32::from_str_radix(digits, radix)
        .ok()
        .and_then(char::from_u32)
        .filter(|c| is_char(*c))
        .ok_or(ReadError::NotWellFormed)
}
