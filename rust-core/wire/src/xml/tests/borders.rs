//! T6: no two readers see different borders. A stanza that we refuse ends where it ends for a reader that takes its faults
//! for harmless text.
//!
//! The other readers are rxml's raw parser, which resolves no prefixes, and quick-xml by itself, which knows no restricted
//! XML. They are handed the same document with each fault overwritten, byte for byte, by plain text; so that all borders
//! can be compared, also those after a fault.

use quick_xml::events::Event;
use rxml::{Parse, RawEvent, RawParser};

use super::differential::{Random, document, mutate, oracle_is_wrong};
use super::refusal::FAULTS;
use crate::xml::{Limits, StreamItem, StreamReader};

/// After which byte each item ends, and how many of them were refused.
fn ours(document: &[u8]) -> (Vec<usize>, usize) {
    let mut reader = StreamReader::new(Limits::default());
    reader.login_complete();
    let mut borders = Vec::new();
    let mut refused = 0;
    for (at, byte) in document.iter().enumerate() {
        reader.feed(&[*byte]);
        loop {
            match reader.next_item() {
                Ok(Some(item)) => {
                    refused += usize::from(matches!(item, StreamItem::Refused(_)));
                    borders.push(at + 1);
                }
                Ok(None) => break,
                Err(_) => return (borders, refused),
            }
        }
    }
    (borders, refused)
}

/// The same of the raw parser: the stream header, each element in it, the end.
fn theirs(document: &[u8]) -> Vec<usize> {
    let mut parser = RawParser::new();
    let mut depth = 0;
    let mut borders = Vec::new();
    for (at, byte) in document.iter().enumerate() {
        let mut bytes: &[u8] = &[*byte];
        loop {
            let is_border = match parser.parse(&mut bytes, false) {
                Ok(Some(RawEvent::ElementHeadClose(_))) => {
                    depth += 1;
                    depth == 1
                }
                Ok(Some(RawEvent::ElementFoot(_))) => {
                    depth -= 1;
                    depth <= 1
                }
                Ok(Some(_)) => false,
                Ok(None) | Err(rxml::error::EndOrError::NeedMoreData) => break,
                Err(rxml::error::EndOrError::Error(_)) => return borders,
            };
            if is_border {
                borders.push(at + 1);
            }
        }
    }
    borders
}

/// The same of quick-xml.
fn quick(document: &[u8]) -> Vec<usize> {
    let mut reader = quick_xml::Reader::from_reader(document);
    let mut depth = 0;
    let mut borders = Vec::new();
    loop {
        let is_border = match reader.read_event() {
            Ok(Event::Start(_)) => {
                depth += 1;
                depth == 1
            }
            Ok(Event::Empty(_)) => depth <= 1,
            Ok(Event::End(_)) => {
                depth -= 1;
                depth <= 1
            }
            Ok(Event::Eof) | Err(_) => return borders,
            Ok(_) => false,
        };
        if is_border {
            borders.push(usize::try_from(reader.buffer_position()).unwrap());
            if depth == 0 && borders.len() == 1 {
                // A root that closes itself is header and end.
                borders.push(borders[0]);
            }
        }
    }
}

/// Overwrites what we refuse a stanza for. Names that have to do with namespaces become ordinary ones of the same length.
fn repaired(document: &[u8]) -> Vec<u8> {
    let mut out = document.to_vec();
    for at in 0..out.len() {
        match &document[at..] {
            [0..=8 | 0xb | 0xc | 0xe..=0x1f, ..] => out[at] = b'x',
            [0xef, 0xbf, 0xbe | 0xbf, ..] => out[at..at + 3].fill(b'x'),
            [b'x', b'm', b'l', b'n', b's', ..] => out[at + 4] = b'z',
            [b'x', b'm', b'l', b':', ..] => out[at + 2] = b'z',
            [b'&', rest @ ..] => {
                if let Some(len) = rest.iter().position(|b| *b == b';')
                    && is_fault(&rest[..len])
                {
                    out[at..at + len + 2].fill(b'x');
                }
            }
            _ => {}
        }
    }
    out
}

/// Whether a well-formed reference names no predefined entity and no character.
fn is_fault(reference: &[u8]) -> bool {
    let Ok(reference) = std::str::from_utf8(reference) else {
        return false;
    };
    let digits = match reference.strip_prefix('#') {
        Some(decimal) => decimal
            .strip_prefix('x')
            .map_or((decimal, 10), |hex| (hex, 16)),
        None => {
            let is_name = reference.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && reference
                    .chars()
                    .all(|c| c.is_alphanumeric() || "_-.".contains(c));
            return is_name && !["lt", "gt", "amp", "quot", "apos"].contains(&reference);
        }
    };
    let (digits, radix) = digits;
    let is_number = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    is_number
        && u32::from_str_radix(digits, radix)
            .ok()
            .and_then(char::from_u32)
            .is_none_or(
                |c| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{FFFD}' | '\u{10000}'..),
            )
}

/// After some tag.
fn insert_fault(random: &mut Random, document: &mut Vec<u8>) {
    let (fault, _) = FAULTS[random.below(FAULTS.len())];
    let ends: Vec<usize> = (0..document.len())
        .filter(|at| document[*at] == b'>')
        .collect();
    let at = ends[random.below(ends.len())] + 1;
    document.splice(at..at, fault.bytes());
}

#[test]
fn t6_no_two_readers_see_different_borders() {
    let mut random = Random::new(0xb0bde5);
    let (mut compared, mut refused) = (0, 0);
    for round in 0..30_000 {
        let mut document = document(&mut random);
        for _ in 0..random.below(3) {
            insert_fault(&mut random, &mut document);
        }
        for _ in 0..random.below(3) {
            mutate(&mut random, &mut document);
        }
        if oracle_is_wrong(&document) {
            continue;
        }
        let (ours, count) = ours(&document);
        let repaired = repaired(&document);
        // Where we close the stream, the others may read on.
        for theirs in [theirs(&repaired), quick(&repaired)] {
            assert_eq!(
                Some(ours.as_slice()),
                theirs.get(..ours.len()),
                "round {round}\n{}",
                String::from_utf8_lossy(&document)
            );
        }
        compared += ours.len();
        refused += count;
    }
    assert!(compared > 30_000 && refused > 1_500, "{compared} {refused}");
}
