//! A push reader for one XML stream (RFC 6120 sections 4 and 11).
//!
//! It consumes no byte beyond the item it returns, so that a stream restart or the start of TLS splits the input
//! exactly after the closing `>`. A tag is read when it is complete, whatever pieces it came in. In debug builds,
//! `rxml` reads the same bytes and must find the same items.

use super::scope::Scope;
use super::text::{Within, checked, is_space, resolved};
use super::{Element, Node};
use crate::ns;

const MAX_DEPTH: usize = 64;

/// An item at the top level of a stream.
#[derive(Debug)]
pub(crate) enum Item {
    /// `<stream:stream ..>`, without children.
    Header(Element),
    /// A complete child of the stream; `early` if the last byte of its start tag was TLS early data.
    Element { element: Element, early: bool },
    /// `</stream:stream>`.
    End,
}

/// Why a stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    NotWellFormed,
    RestrictedXml,
    /// Characters between stanzas, or a malformed header.
    BadFormat,
    InvalidNamespace,
    TooDeep,
    TooBig,
}

/// Reads one stream, from its header to its end.
#[derive(Debug)]
pub(crate) struct StreamReader {
    place: Place,
    /// The beginning of a tag or a text that is not complete yet.
    held: Vec<u8>,
    scope: Scope,
    stack: Vec<Element>,
    /// Nothing was read yet, so an XML declaration may follow.
    at_start: bool,
    opened: bool,
    element_bytes: usize,
    max_element_bytes: usize,
    started_early: bool,
    #[cfg(debug_assertions)]
    oracle: super::oracle::Oracle,
}

/// The position of the next byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Outside tags.
    Text,
    /// After a `<`, and inside a value if there is a quote.
    Tag { quote: Option<u8> },
    /// After `<![CDATA[`.
    Cdata,
    /// The root element closed itself: its end is still to be returned.
    EmptyRoot,
    /// After the end of the root element.
    Ended,
}

impl StreamReader {
    pub(crate) fn new(max_element_bytes: usize) -> Self {
        Self {
            place: Place::Text,
            held: Vec::new(),
            scope: Scope::default(),
            stack: Vec::new(),
            at_start: true,
            opened: false,
            element_bytes: 0,
            max_element_bytes,
            started_early: false,
            #[cfg(debug_assertions)]
            oracle: super::oracle::Oracle::new(),
        }
    }

    pub(crate) fn set_limit(&mut self, max_element_bytes: usize) {
        self.max_element_bytes = max_element_bytes;
    }

    pub(crate) fn is_opened(&self) -> bool {
        self.opened
    }

    /// Returns the next item of `input`, which shrinks by what was read; `None` once it is used up.
    pub(crate) fn next(
        &mut self,
        input: &mut &[u8],
        early: bool,
    ) -> Result<Option<Item>, ReadError> {
        #[cfg(debug_assertions)]
        let before = *input;
        let result = self.read(input, early);
        #[cfg(debug_assertions)]
        {
            let used = before.len() - input.len();
            let read = before.get(..used).unwrap_or_default();
            self.oracle.agrees(read, &result);
        }
        result
    }

    fn read(&mut self, input: &mut &[u8], early: bool) -> Result<Option<Item>, ReadError> {
        if self.place == Place::EmptyRoot {
            self.place = Place::Ended;
            return Ok(Some(Item::End));
        }
        while !input.is_empty() {
            let item = match self.place {
                Place::Text => self.text(input)?,
                Place::Tag { quote } => self.tag(quote, input, early)?,
                Place::Cdata => self.cdata(input)?,
                Place::EmptyRoot | Place::Ended => self.after_the_end(input)?,
            };
            if item.is_some() {
                return Ok(item);
            }
        }
        Ok(None)
    }

    /// Removes this many bytes from the input.
    fn take<'b>(&mut self, input: &mut &'b [u8], count: usize) -> Result<&'b [u8], ReadError> {
        let (taken, rest) = input.split_at_checked(count).unwrap_or((input, &[]));
        *input = rest;
        self.element_bytes += taken.len();
        if self.element_bytes > self.max_element_bytes {
            return Err(ReadError::TooBig);
        }
        Ok(taken)
    }

    fn text(&mut self, input: &mut &[u8]) -> Result<Option<Item>, ReadError> {
        let open = memchr::memchr(b'<', input);
        let text = self.take(input, open.unwrap_or(input.len()))?;
        if self.stack.is_empty() {
            self.between(text)?;
        } else if open.is_none() || !self.held.is_empty() {
            self.held.extend_from_slice(text);
        } else {
            self.push_text(text)?;
        }
        if open.is_some() {
            self.take(input, 1)?;
            if !self.held.is_empty() {
                let mut held = std::mem::take(&mut self.held);
                self.push_text(&held)?;
                held.clear();
                self.held = held;
            }
            self.place = Place::Tag { quote: None };
        }
        Ok(None)
    }

    /// Handles text between stanzas: only white space is allowed.
    fn between(&mut self, text: &[u8]) -> Result<(), ReadError> {
        match text.iter().find(|byte| !is_space(**byte)) {
            None if text.is_empty() => {}
            None => {
                self.at_start = false;
                self.element_bytes = 0;
            }
            Some(b' '..) if self.opened => return Err(ReadError::BadFormat),
            Some(_) => return Err(ReadError::NotWellFormed),
        }
        Ok(())
    }

    fn push_text(&mut self, text: &[u8]) -> Result<(), ReadError> {
        if text.is_empty() {
            return Ok(());
        }
        let text = resolved(checked(text)?, Within::Content)?;
        let parent = self.stack.last_mut().ok_or(ReadError::BadFormat)?;
        parent.push(Node::Text(text));
        Ok(())
    }

    fn tag(
        &mut self,
        mut quote: Option<u8>,
        input: &mut &[u8],
        early: bool,
    ) -> Result<Option<Item>, ReadError> {
        match self.held.first().or(input.first()) {
            Some(b'!') => return self.declaration(input),
            Some(b'?') if !self.at_start => return Err(ReadError::RestrictedXml),
            _ => {}
        }
        let mut at = 0;
        loop {
            let rest = input.get(at..).unwrap_or_default();
            let found = match quote {
                Some(quote) => memchr::memchr(quote, rest),
                None => memchr::memchr3(b'>', b'\'', b'"', rest),
            };
            let Some(found) = found else {
                let part = self.take(input, input.len())?;
                self.held.extend_from_slice(part);
                self.place = Place::Tag { quote };
                return Ok(None);
            };
            at += found + 1;
            quote = match (quote, rest.get(found)) {
                (Some(_), _) => None,
                (None, Some(&opened @ (b'\'' | b'"'))) => Some(opened),
                (None, _) => break,
            };
        }
        let taken = self.take(input, at)?;
        self.place = Place::Text;
        if self.held.is_empty() {
            return self.whole_tag(taken, early);
        }
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(taken);
        let item = self.whole_tag(&held, early);
        held.clear();
        self.held = held;
        item
    }

    /// Handles a tag between its `<` and its `>`.
    fn whole_tag(&mut self, tag: &[u8], early: bool) -> Result<Option<Item>, ReadError> {
        let tag = checked(tag)?;
        let tag = tag.strip_suffix('>').unwrap_or(tag);
        let at_start = std::mem::replace(&mut self.at_start, false);
        if let Some(instruction) = tag.strip_prefix('?') {
            return match is_xml_declaration(instruction) {
                true if at_start => Ok(None),
                _ => Err(ReadError::RestrictedXml),
            };
        }
        if let Some(name) = tag.strip_prefix('/') {
            self.scope.leave(name)?;
            return Ok(self.end());
        }
        let (tag, is_empty) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag, false),
        };
        let element = self.scope.enter(tag)?;
        let header = self.start(element, early)?;
        if !is_empty {
            return Ok(header);
        }
        self.scope.close();
        if header.is_some() {
            self.place = Place::EmptyRoot;
            return Ok(header);
        }
        Ok(self.end())
    }

    /// Handles what follows `<!`: only CDATA is allowed, and only inside a stanza.
    fn declaration(&mut self, input: &mut &[u8]) -> Result<Option<Item>, ReadError> {
        const CDATA: &[u8] = b"![CDATA[";
        let missing = CDATA.len() - self.held.len().min(CDATA.len());
        let part = self.take(input, missing)?;
        self.held.extend_from_slice(part);
        if !CDATA.starts_with(&self.held) {
            return Err(ReadError::RestrictedXml);
        }
        if self.held.len() == CDATA.len() {
            if self.stack.is_empty() {
                return Err(ReadError::BadFormat);
            }
            self.held.clear();
            self.place = Place::Cdata;
        }
        Ok(None)
    }

    fn cdata(&mut self, input: &mut &[u8]) -> Result<Option<Item>, ReadError> {
        let end = memchr::memchr(b'>', input).map_or(input.len(), |at| at + 1);
        let part = self.take(input, end)?;
        self.held.extend_from_slice(part);
        if let Some(text) = self.held.strip_suffix(b"]]>") {
            let text = checked(text)?.replace("\r\n", "\n").replace('\r', "\n");
            self.held.clear();
            self.place = Place::Text;
            if let Some(parent) = self.stack.last_mut() {
                parent.push(Node::Text(text));
            }
        }
        Ok(None)
    }

    fn after_the_end(&mut self, input: &mut &[u8]) -> Result<Option<Item>, ReadError> {
        let rest = self.take(input, input.len())?;
        match rest.iter().all(|byte| is_space(*byte)) {
            true => Ok(None),
            false => Err(ReadError::NotWellFormed),
        }
    }

    fn start(&mut self, element: Element, early: bool) -> Result<Option<Item>, ReadError> {
        if !self.opened {
            if element.name != "stream" {
                return Err(ReadError::BadFormat);
            }
            if element.ns != ns::STREAM {
                return Err(ReadError::InvalidNamespace);
            }
            self.opened = true;
            self.element_bytes = 0;
            return Ok(Some(Item::Header(element)));
        }
        if self.stack.is_empty() {
            self.started_early = early;
        }
        if self.stack.len() >= MAX_DEPTH {
            return Err(ReadError::TooDeep);
        }
        self.stack.push(element);
        Ok(None)
    }

    fn end(&mut self) -> Option<Item> {
        let Some(element) = self.stack.pop() else {
            self.place = Place::Ended;
            return Some(Item::End);
        };
        match self.stack.last_mut() {
            Some(parent) => {
                parent.push(Node::Element(element));
                None
            }
            None => {
                self.element_bytes = 0;
                Some(Item::Element {
                    element,
                    early: self.started_early,
                })
            }
        }
    }
}

/// Returns whether this is the only declaration that RFC 6120 11.5 and 11.6 allow: version 1.0, and UTF-8 if it names
/// an encoding.
fn is_xml_declaration(instruction: &str) -> bool {
    let Some(inside) = instruction
        .strip_prefix("xml")
        .and_then(|rest| rest.strip_suffix('?'))
    else {
        return false;
    };
    let words: String = inside
        .split_ascii_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let words = words.replace('"', "'").to_ascii_lowercase();
    matches!(
        words.as_str(),
        "version='1.0'"
            | "version='1.0' encoding='utf-8'"
            | "version='1.0' encoding='utf-8' standalone='yes'"
            | "version='1.0' standalone='yes'"
    )
}

#[cfg(test)]
mod tests;
