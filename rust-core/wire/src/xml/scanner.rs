//! The scanner: a strict, linear pass over the bytes of a stream (XML 1.0 fifth edition as RFC 6120 section 11 restricts it).
//!
//! It finds where the stream header, each top-level element and the end of the stream are, and refuses everything that can
//! be refused without names being resolved. It keeps no text: its memory is the stack of open names, one hash each, so a
//! stanza that is being skipped is checked by the same code as one that is kept.
//!
//! ```text
//!  Content --'<'--> TagName --> InTag --S, name--> AttributeName --> Equals --'='--> Quote --> Value
//!                               ^  | '>': Content                                               |
//!                               |  | '/': Slash --'>'--> Content                                |
//!                               '------------------------------- quote -------------------------'
//!  Content --'</'--> EndName --> EndTag --'>'--> Content
//!  Content --'<![CDATA['--> Cdata --']]>'--> Content
//!  Content, Value --'&', name of an undeclared entity--> Entity --';'--> Content, Value
//! ```
//!
//! Inside a stanza of a session, forbidden characters and undeclared entities do not change where elements begin and end: they
//! are recorded, and the scan continues to the end of the stanza (rule T6). Everything else stops it.

mod name;
mod notes;
mod references;

use name::Name;
use notes::Item;

use super::chars::{is_forbidden_control, is_space, plain_len, space_len};
use super::{Limit, Limits, XmlError};

/// Why the scanner stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScanStep {
    /// All bytes are scanned, except the last few if more bytes are needed to interpret them.
    NeedMore,
    /// The start tag of the root element is complete; `empty` if it closed itself.
    StreamHead { empty: bool },
    /// A top-level element is complete.
    StanzaEnd,
    /// The end tag of the root element is complete.
    StreamEnd,
}

/// The position of the next byte in the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Content,
    Cdata,
    TagName,
    /// Inside a start tag; an attribute may only follow white space.
    InTag {
        space: bool,
    },
    AttributeName,
    Equals,
    Quote,
    Value {
        quote: u8,
    },
    Slash,
    EndName,
    EndTag,
    /// In the name of an undeclared entity; `quote` if that stands in an attribute value.
    Entity {
        quote: Option<u8>,
    },
    /// In a character reference that is too long for any character.
    LongNumber {
        quote: Option<u8>,
        radix: u32,
    },
}

/// The scanner. Positions count from the beginning of the current item.
#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    name: Name,
    /// Hash of the name of the start tag being read.
    tag: u64,
    /// Open elements, the stream included.
    depth: usize,
    /// Hashes of the names of the outermost open elements. Deeper than the limit only `depth` counts.
    open: Vec<u64>,
    attributes: usize,
    namespaces: usize,
    limits: Limits,
    /// Whether faults that do not change where elements end are recorded instead of being errors.
    notes_faults: bool,
    item: Item,
}

impl Scanner {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            state: State::Content,
            name: Name::default(),
            tag: 0,
            depth: 0,
            open: Vec::new(),
            attributes: 0,
            namespaces: 0,
            limits,
            notes_faults: false,
            item: Item::default(),
        }
    }

    /// Returns whether the next byte begins an item: white space is allowed here.
    pub(super) fn is_between_items(&self) -> bool {
        self.state == State::Content && self.depth <= 1
    }

    pub(super) fn item(&self) -> Item {
        self.item
    }

    /// From here on a stanza with a fault that does not change where elements end is scanned to its end.
    pub(super) fn note_faults(&mut self) {
        self.notes_faults = true;
    }

    /// Counts positions from here.
    pub(super) fn begin_item(&mut self) {
        self.item = Item::default();
    }

    /// Scans `bytes` from `pos` on and moves `pos` after the bytes that need not be scanned again.
    pub(super) fn scan(&mut self, bytes: &[u8], pos: &mut usize) -> Result<ScanStep, XmlError> {
        loop {
            let rest = bytes.get(*pos..).unwrap_or_default();
            let Some(&byte) = rest.first() else {
                return Ok(ScanStep::NeedMore);
            };
            let state = self.state;
            let used = match state {
                State::Content => self.content(rest, byte, *pos)?,
                State::Cdata => self.cdata(rest, *pos)?,
                State::TagName => self.tag_name(rest, *pos)?,
                State::InTag { space } => match byte {
                    b'>' => {
                        *pos += 1;
                        if let Some(step) = self.open_element(*pos) {
                            return Ok(step);
                        }
                        continue;
                    }
                    _ => self.in_tag(rest, byte, space, *pos)?,
                },
                State::AttributeName => self.attribute_name(rest, *pos)?,
                State::Equals => self.equals(rest)?,
                State::Quote => self.quote(rest)?,
                State::Value { quote } => self.value(rest, quote, *pos)?,
                State::Slash if byte == b'>' => {
                    *pos += 1;
                    if let Some(step) = self.empty_element(*pos) {
                        return Ok(step);
                    }
                    continue;
                }
                State::Slash => return Err(XmlError::MalformedMarkup),
                State::EndName => self.end_name(rest)?,
                State::EndTag if byte == b'>' => {
                    *pos += 1;
                    if let Some(step) = self.close_element() {
                        return Ok(step);
                    }
                    continue;
                }
                State::EndTag if is_space(byte) => space_len(rest),
                State::EndTag => return Err(XmlError::MalformedMarkup),
                State::Entity { quote } => self.entity(rest, quote)?,
                State::LongNumber { quote, radix } => self.long_number(rest, quote, radix)?,
            };
            // A name may end with the very first byte of a chunk: no byte is consumed, but the state advances.
            if used == 0 && self.state == state {
                return Ok(ScanStep::NeedMore);
            }
            *pos += used;
        }
    }

    fn content(&mut self, rest: &[u8], byte: u8, pos: usize) -> Result<usize, XmlError> {
        match byte {
            b'<' => self.markup(rest, pos),
            _ if self.depth <= 1 => Err(XmlError::StreamLevelText),
            b'&' => self.reference(rest, None, pos),
            b']' if rest.starts_with(b"]]>") => Err(XmlError::CdataEndInText),
            b']' if b"]]>".starts_with(rest) => Ok(0),
            b']' => Ok(1),
            0x80.. => self.characters(rest, pos),
            _ if is_forbidden_control(byte) => self.forbidden(1, pos),
            _ => Ok(plain_len(rest, |b| {
                (b == b'<') | (b == b'&') | (b == b']') | (b >= 0x80) | is_forbidden_control(b)
            })),
        }
    }

    fn markup(&mut self, rest: &[u8], pos: usize) -> Result<usize, XmlError> {
        const CDATA: &[u8] = b"<![CDATA[";
        match rest.get(1) {
            None => Ok(0),
            Some(b'/') if self.depth == 0 => Err(XmlError::MalformedMarkup),
            Some(b'/') => {
                self.begin_name(State::EndName);
                let name = rest.get(2..).unwrap_or_default();
                Ok(2 + self.end_name(name)?)
            }
            Some(b'?') => Err(XmlError::ProcessingInstruction),
            Some(b'!') if rest.starts_with(CDATA) => {
                if self.depth <= 1 {
                    return Err(XmlError::StreamLevelText);
                }
                self.state = State::Cdata;
                Ok(CDATA.len())
            }
            Some(b'!') if rest.starts_with(b"<!--") => Err(XmlError::Comment),
            Some(b'!') if rest.starts_with(b"<!DOCTYPE") => Err(XmlError::Doctype),
            Some(b'!') => {
                let may_become = |what: &[u8]| what.starts_with(rest);
                if may_become(CDATA) || may_become(b"<!--") || may_become(b"<!DOCTYPE") {
                    Ok(0)
                } else {
                    Err(XmlError::MalformedMarkup)
                }
            }
            Some(_) => {
                self.begin_name(State::TagName);
                self.attributes = 0;
                self.namespaces = 0;
                let name = rest.get(1..).unwrap_or_default();
                Ok(1 + self.tag_name(name, pos + 1)?)
            }
        }
    }

    fn cdata(&mut self, rest: &[u8], pos: usize) -> Result<usize, XmlError> {
        match rest.first() {
            Some(b']') if rest.starts_with(b"]]>") => {
                self.state = State::Content;
                Ok(3)
            }
            Some(b']') if b"]]>".starts_with(rest) => Ok(0),
            Some(b']') => Ok(1),
            Some(0x80..) => self.characters(rest, pos),
            Some(&byte) if is_forbidden_control(byte) => self.forbidden(1, pos),
            _ => Ok(plain_len(rest, |b| {
                (b == b']') | (b >= 0x80) | is_forbidden_control(b)
            })),
        }
    }

    fn value(&mut self, rest: &[u8], quote: u8, pos: usize) -> Result<usize, XmlError> {
        match rest.first() {
            Some(&byte) if byte == quote => {
                self.state = State::InTag { space: false };
                self.note_head(pos + 1);
                Ok(1)
            }
            Some(b'<') => Err(XmlError::LessThanInAttribute),
            Some(b'&') => self.reference(rest, Some(quote), pos),
            Some(0x80..) => self.characters(rest, pos),
            Some(&byte) if is_forbidden_control(byte) => self.forbidden(1, pos),
            _ => {
                let len = plain_len(rest, |b| {
                    (b == quote) | (b == b'<') | (b == b'&') | (b >= 0x80) | is_forbidden_control(b)
                });
                let ended = rest.get(len) == Some(&quote);
                if ended {
                    self.state = State::InTag { space: false };
                    self.note_head(pos + len + 1);
                }
                Ok(len + usize::from(ended))
            }
        }
    }

    fn in_tag(
        &mut self,
        rest: &[u8],
        byte: u8,
        space: bool,
        pos: usize,
    ) -> Result<usize, XmlError> {
        match byte {
            b'/' => {
                self.state = State::Slash;
                Ok(1)
            }
            _ if is_space(byte) => {
                self.state = State::InTag { space: true };
                let len = space_len(rest);
                match rest.get(len..) {
                    None | Some([] | [b'/' | b'>', ..]) => Ok(len),
                    Some(name) => {
                        self.begin_name(State::AttributeName);
                        Ok(len + self.attribute_name(name, pos + len)?)
                    }
                }
            }
            _ if space => {
                self.begin_name(State::AttributeName);
                self.attribute_name(rest, pos)
            }
            _ => Err(XmlError::MalformedMarkup),
        }
    }

    fn equals(&mut self, rest: &[u8]) -> Result<usize, XmlError> {
        let space = space_len(rest);
        match rest.get(space) {
            None => Ok(space),
            Some(b'=') => {
                self.state = State::Quote;
                Ok(space + 1)
            }
            Some(_) => Err(XmlError::MalformedMarkup),
        }
    }

    fn quote(&mut self, rest: &[u8]) -> Result<usize, XmlError> {
        let space = space_len(rest);
        match rest.get(space) {
            None => Ok(space),
            Some(&quote @ (b'"' | b'\'')) => {
                self.state = State::Value { quote };
                Ok(space + 1)
            }
            Some(_) => Err(XmlError::MalformedMarkup),
        }
    }

    fn begin_name(&mut self, state: State) {
        self.state = state;
        self.name = Name::default();
    }

    /// Continues in a name: returns how many bytes belong to it, and whether it ended there.
    fn name(&mut self, rest: &[u8]) -> Result<(usize, bool), XmlError> {
        let used = self.name.scan(rest)?;
        let ended = match rest.get(used) {
            None => false,
            Some(0x80..) => return Ok((used, false)),
            Some(_) => self.name.finish()?,
        };
        Ok((used, ended))
    }

    fn tag_name(&mut self, rest: &[u8], pos: usize) -> Result<usize, XmlError> {
        let (used, ended) = self.name(rest)?;
        if !ended {
            return Ok(used);
        }
        self.tag = self.name.hash;
        self.state = State::InTag { space: false };
        self.note_head(pos + used);
        self.note_node(pos + used);
        Ok(used)
    }

    fn attribute_name(&mut self, rest: &[u8], pos: usize) -> Result<usize, XmlError> {
        let (used, ended) = self.name(rest)?;
        if !ended {
            return Ok(used);
        }
        self.state = State::Equals;
        self.note_node(pos + used);
        if self.name.declares_namespace() {
            self.namespaces += 1;
            if self.namespaces > self.limits.namespaces {
                self.note_over(Limit::Namespaces, pos + used);
            }
        } else {
            self.attributes += 1;
            if self.attributes > self.limits.attributes {
                self.note_over(Limit::Attributes, pos + used);
            }
        }
        // Nearly always both follow at once.
        match rest.get(used..) {
            Some([b'=', quote @ (b'"' | b'\''), ..]) => {
                self.state = State::Value { quote: *quote };
                Ok(used + 2)
            }
            _ => Ok(used),
        }
    }

    fn end_name(&mut self, rest: &[u8]) -> Result<usize, XmlError> {
        let (used, ended) = self.name(rest)?;
        if !ended {
            return Ok(used);
        }
        if self.depth == self.open.len() && self.open.last() != Some(&self.name.hash) {
            return Err(XmlError::MismatchedEndTag);
        }
        self.state = State::EndTag;
        Ok(used)
    }

    fn open_element(&mut self, pos: usize) -> Option<ScanStep> {
        self.state = State::Content;
        self.note_depth(self.depth, pos);
        self.depth += 1;
        if self.depth - 1 <= self.limits.greatest_depth() {
            self.open.push(self.tag);
        }
        match self.depth {
            1 => return Some(ScanStep::StreamHead { empty: false }),
            2 => self.item.head_end = Some(pos),
            3 => self.note_child(pos),
            _ => {}
        }
        None
    }

    fn empty_element(&mut self, pos: usize) -> Option<ScanStep> {
        self.state = State::Content;
        self.note_depth(self.depth, pos);
        match self.depth {
            0 => Some(ScanStep::StreamHead { empty: true }),
            1 => {
                self.item.head_end = Some(pos);
                Some(ScanStep::StanzaEnd)
            }
            2 => {
                self.note_child(pos);
                None
            }
            _ => None,
        }
    }

    fn close_element(&mut self) -> Option<ScanStep> {
        self.state = State::Content;
        if self.depth == self.open.len() {
            self.open.pop();
        }
        self.depth = self.depth.saturating_sub(1);
        match self.depth {
            0 => Some(ScanStep::StreamEnd),
            1 => Some(ScanStep::StanzaEnd),
            _ => None,
        }
    }
}
