//! The XML declaration (XML 1.0 section 2.8): optional, and only at the very start of a document.

use super::XmlError;
use super::chars::{is_space, space_len};

/// Longer than any declaration that contains only what XMPP allows.
const MAX_LEN: usize = 256;

/// Returns the length of the XML declaration that a document begins with, zero if it begins with something else, `None` if more
/// bytes are needed.
pub(super) fn declaration_len(document: &[u8]) -> Result<Option<usize>, XmlError> {
    const START: &[u8] = b"<?xml";
    if document.len() <= START.len() && START.starts_with(document) {
        return Ok(None);
    }
    if !document.starts_with(b"<?") {
        return Ok(Some(0));
    }
    let Some((space, _)) = document.strip_prefix(START).and_then(<[u8]>::split_first) else {
        return Err(XmlError::ProcessingInstruction);
    };
    if !is_space(*space) {
        return Err(XmlError::ProcessingInstruction);
    }
    let window = document.get(..MAX_LEN).unwrap_or(document);
    match window.windows(2).position(|pair| pair == b"?>") {
        Some(end) => {
            check(window.get(START.len()..end).unwrap_or_default())?;
            Ok(Some(end + 2))
        }
        None if document.len() >= MAX_LEN => Err(XmlError::MalformedDeclaration),
        None => Ok(None),
    }
}

/// Checks the text between `<?xml` and `?>`: version, then optionally encoding, then optionally standalone.
fn check(body: &[u8]) -> Result<(), XmlError> {
    let mut rest = body;
    match pseudo_attribute(&mut rest, b"version")? {
        Some(b"1.0") => {}
        Some(_) => return Err(XmlError::UnsupportedVersion),
        None => return Err(XmlError::MalformedDeclaration),
    }
    match pseudo_attribute(&mut rest, b"encoding")? {
        Some(encoding) if !encoding.eq_ignore_ascii_case(b"utf-8") => {
            return Err(XmlError::UnsupportedEncoding);
        }
        Some(_) | None => {}
    }
    match pseudo_attribute(&mut rest, b"standalone")? {
        // `no` announces markup outside the document, which XMPP does not have.
        Some(b"yes") | None => {}
        Some(_) => return Err(XmlError::MalformedDeclaration),
    }
    if space_len(rest) == rest.len() {
        Ok(())
    } else {
        Err(XmlError::MalformedDeclaration)
    }
}

/// Removes `name = "value"` from the beginning of `rest`, if it is there.
fn pseudo_attribute<'a>(rest: &mut &'a [u8], name: &[u8]) -> Result<Option<&'a [u8]>, XmlError> {
    let space = space_len(rest);
    let Some(after_name) = rest.get(space..).and_then(|r| r.strip_prefix(name)) else {
        return Ok(None);
    };
    let malformed = XmlError::MalformedDeclaration;
    if space == 0 {
        return Err(malformed);
    }
    let after_equals = trim(after_name)
        .strip_prefix(b"=")
        .map(trim)
        .ok_or(malformed)?;
    let (&quote, value) = after_equals.split_first().ok_or(malformed)?;
    if quote != b'"' && quote != b'\'' {
        return Err(malformed);
    }
    let len = value.iter().position(|&b| b == quote).ok_or(malformed)?;
    let (value, after) = value.split_at_checked(len).ok_or(malformed)?;
    *rest = after.get(1..).unwrap_or_default();
    Ok(Some(value))
}

fn trim(bytes: &[u8]) -> &[u8] {
    bytes.get(space_len(bytes)..).unwrap_or_default()
}
