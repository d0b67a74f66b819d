//! Characters and references in text and attribute values, and what is wrong with them.

use super::{Scanner, State};
use crate::xml::chars::{Reference, decode, reference};
use crate::xml::{Refusal, XmlError};

impl Scanner {
    /// T6: handles `len` bytes at `pos` that are not allowed, yet cannot be mistaken for markup. After the start tag of a
    /// stanza, the stanza that contains them is known.
    fn fault(&mut self, refusal: Refusal, len: usize, pos: usize) -> Result<usize, XmlError> {
        if !self.notes_faults || self.depth < 2 {
            return Err(refusal.into());
        }
        self.note(refusal, pos + len);
        Ok(len)
    }

    pub(super) fn forbidden(&mut self, len: usize, pos: usize) -> Result<usize, XmlError> {
        self.fault(Refusal::ForbiddenCharacter, len, pos)
    }

    /// Returns the length of the run of complete non-ASCII characters at the beginning.
    pub(super) fn characters(&mut self, rest: &[u8], pos: usize) -> Result<usize, XmlError> {
        let mut used = 0;
        while let Some(tail @ [0x80..=0xff, ..]) = rest.get(used..) {
            match decode(tail)? {
                Some(('\u{FFFE}' | '\u{FFFF}', len)) => used += self.forbidden(len, pos + used)?,
                Some((_, len)) => used += len,
                None => break,
            }
        }
        Ok(used)
    }

    pub(super) fn reference(
        &mut self,
        rest: &[u8],
        quote: Option<u8>,
        pos: usize,
    ) -> Result<usize, XmlError> {
        match reference(rest)? {
            Reference::Incomplete => Ok(0),
            Reference::Allowed(len) => Ok(len),
            Reference::Forbidden(len) => self.forbidden(len, pos),
            // Both may be of any length, so they are read in a state of their own; the position where they begin is recorded.
            Reference::LongNumber { prefix_len, radix } => {
                let used = self.forbidden(prefix_len, pos)?;
                self.state = State::LongNumber { quote, radix };
                Ok(used)
            }
            Reference::UndeclaredEntity => {
                let used = self.fault(Refusal::UndeclaredEntity, 1, pos)?;
                self.begin_name(State::Entity { quote });
                Ok(used)
            }
        }
    }

    /// Continues in the name of an undeclared entity: it must be a name without a colon, and end with a semicolon.
    pub(super) fn entity(&mut self, rest: &[u8], quote: Option<u8>) -> Result<usize, XmlError> {
        let (used, ended) = self.name(rest)?;
        if self.name.colon {
            return Err(XmlError::BadName);
        }
        if !ended {
            return Ok(used);
        }
        if rest.get(used) != Some(&b';') {
            return Err(XmlError::MalformedReference);
        }
        self.end_reference(quote);
        Ok(used + 1)
    }

    pub(super) fn long_number(
        &mut self,
        rest: &[u8],
        quote: Option<u8>,
        radix: u32,
    ) -> Result<usize, XmlError> {
        let digits = rest.iter().take_while(|&&b| char::from(b).is_digit(radix));
        let used = digits.count();
        match rest.get(used) {
            None => Ok(used),
            Some(b';') => {
                self.end_reference(quote);
                Ok(used + 1)
            }
            Some(_) => Err(XmlError::MalformedReference),
        }
    }

    fn end_reference(&mut self, quote: Option<u8>) {
        self.state = match quote {
            Some(quote) => State::Value { quote },
            None => State::Content,
        };
    }
}
