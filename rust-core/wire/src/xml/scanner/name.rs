//! Names as the scanner reads them: checked and hashed, not kept.

use crate::xml::XmlError;
use crate::xml::chars::{decode, is_ascii_name, is_ascii_name_start, is_name_char, is_name_start};

/// A name that is being read: at most one colon, with a name on either side of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    /// FNV-1a of all bytes so far.
    pub(super) hash: u64,
    pub(super) colon: bool,
    at_part_start: bool,
    xmlns_prefix: bool,
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

const fn hash_byte(hash: u64, byte: u8) -> u64 {
    (hash ^ byte as u64).wrapping_mul(FNV_PRIME)
}

const XMLNS: u64 = {
    let hash = hash_byte(hash_byte(FNV_OFFSET, b'x'), b'm');
    hash_byte(hash_byte(hash_byte(hash, b'l'), b'n'), b's')
};

impl Default for Name {
    fn default() -> Self {
        Self {
            hash: FNV_OFFSET,
            colon: false,
            at_part_start: true,
            xmlns_prefix: false,
        }
    }
}

impl Name {
    /// Processes the bytes that belong to the name and returns their number.
    pub(super) fn scan(&mut self, rest: &[u8]) -> Result<usize, XmlError> {
        let mut used = 0;
        loop {
            let tail = rest.get(used..).unwrap_or_default();
            let len = match tail.first() {
                Some(b':') if !self.at_part_start && !self.colon => {
                    self.xmlns_prefix = self.hash == XMLNS;
                    self.colon = true;
                    self.at_part_start = true;
                    self.hash = hash_byte(self.hash, b':');
                    used += 1;
                    continue;
                }
                Some(b':') => return Err(XmlError::BadName),
                Some(0x80..) => match decode(tail)? {
                    None => return Ok(used),
                    Some((c, len)) if is_name_start(c) => len,
                    Some((c, len)) if is_name_char(c) && !self.at_part_start => len,
                    Some(_) => return Err(XmlError::BadName),
                },
                Some(&byte) if !is_ascii_name(byte) => return Ok(used),
                Some(&byte) if self.at_part_start && !is_ascii_name_start(byte) => {
                    return Err(XmlError::BadName);
                }
                Some(_) => {
                    self.at_part_start = false;
                    let name = tail.iter().take_while(|byte| is_ascii_name(**byte));
                    for &byte in name {
                        self.hash = hash_byte(self.hash, byte);
                        used += 1;
                    }
                    continue;
                }
                None => return Ok(used),
            };
            self.at_part_start = false;
            let bytes = tail.get(..len).unwrap_or_default().iter();
            self.hash = bytes.fold(self.hash, |hash, &byte| hash_byte(hash, byte));
            used += len;
        }
    }

    /// Ends the name, and returns an error if it must not end here.
    pub(super) fn finish(&self) -> Result<bool, XmlError> {
        if self.at_part_start {
            return Err(XmlError::BadName);
        }
        Ok(true)
    }

    /// Returns whether an attribute of this name declares a namespace.
    pub(super) fn declares_namespace(&self) -> bool {
        self.xmlns_prefix || (!self.colon && self.hash == XMLNS)
    }
}
