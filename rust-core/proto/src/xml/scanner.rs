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
//! Inside a stanza of a session, forbidden characters and undeclared entities leave the borders of all elements where they
//! are: they are noted, and the scan goes on to the end of the stanza (rule T6). Everything else stops it.

use super::chars::{
    Reference, decode, is_ascii_name, is_ascii_name_start, is_forbidden_control, is_name_char,
    is_name_start, is_space, plain_len, reference, space_len,
};
use super::{Limit, Limits, Refusal, XmlError};

/// Why the scanner stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// All bytes are looked at, but for the few that only more bytes can explain.
    NeedMore,
    /// The start tag of the root element is complete; `empty` if it closed itself.
    StreamHead { empty: bool },
    /// A top-level element is complete.
    StanzaEnd,
    /// The end tag of the root element is complete.
    StreamEnd,
}

/// Where in the grammar the next byte stands.
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
    /// Whether faults that leave all borders in place are noted instead of being errors.
    notes_faults: bool,
    item: Item,
}

/// What the scanner noticed about the item it is in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Item {
    /// Where the start tag of the top-level element ends.
    pub(super) head_end: Option<usize>,
    /// Where the start tag of its first child ends.
    pub(super) child_end: Option<usize>,
    /// Where it became deeper than elements may be that wrap no other.
    pub(super) too_deep: Option<usize>,
    /// Elements, attributes and namespace declarations so far.
    nodes: usize,
    /// Where they became more than elements may have that were not asked for.
    pub(super) too_many: Option<usize>,
    /// Where the last complete attribute of that start tag (or else its name) ends, within the limit on a stanza's size.
    pub(super) attribute_end: usize,
    /// What the item is refused for first, and where. Size and namespaces' names are not the scanner's.
    pub(super) refusal: Option<(Refusal, usize)>,
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

    /// Whether the next byte begins an item: what is here may be white space.
    pub(super) fn is_between_items(&self) -> bool {
        self.state == State::Content && self.depth <= 1
    }

    pub(super) fn item(&self) -> Item {
        self.item
    }

    /// From here on a stanza with a fault that leaves all borders in place is scanned to its end.
    pub(super) fn note_faults(&mut self) {
        self.notes_faults = true;
    }

    /// Positions count anew from here.
    pub(super) fn begin_item(&mut self) {
        self.item = Item::default();
    }

    /// Looks at `bytes` from `pos` on and moves `pos` behind what needs no second look.
    pub(super) fn scan(&mut self, bytes: &[u8], pos: &mut usize) -> Result<Step, XmlError> {
        loop {
            let rest = bytes.get(*pos..).unwrap_or_default();
            let Some(&byte) = rest.first() else {
                return Ok(Step::NeedMore);
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
            // A name may end with the very first byte of a chunk: no byte used, yet one state on.
            if used == 0 && self.state == state {
                return Ok(Step::NeedMore);
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

    /// Reads on in a name: how many bytes belong to it, and whether it ended there.
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

    fn open_element(&mut self, pos: usize) -> Option<Step> {
        self.state = State::Content;
        self.note_depth(self.depth, pos);
        self.depth += 1;
        if self.depth - 1 <= self.limits.greatest_depth() {
            self.open.push(self.tag);
        }
        match self.depth {
            1 => return Some(Step::StreamHead { empty: false }),
            2 => self.item.head_end = Some(pos),
            3 => self.note_child(pos),
            _ => {}
        }
        None
    }

    fn empty_element(&mut self, pos: usize) -> Option<Step> {
        self.state = State::Content;
        self.note_depth(self.depth, pos);
        match self.depth {
            0 => Some(Step::StreamHead { empty: true }),
            1 => {
                self.item.head_end = Some(pos);
                Some(Step::StanzaEnd)
            }
            2 => {
                self.note_child(pos);
                None
            }
            _ => None,
        }
    }

    fn close_element(&mut self) -> Option<Step> {
        self.state = State::Content;
        if self.depth == self.open.len() {
            self.open.pop();
        }
        self.depth = self.depth.saturating_sub(1);
        match self.depth {
            0 => Some(Step::StreamEnd),
            1 => Some(Step::StanzaEnd),
            _ => None,
        }
    }

    fn note_head(&mut self, pos: usize) {
        if self.depth == 1 && self.item.head_end.is_none() && pos <= self.limits.stanza {
            self.item.attribute_end = pos;
        }
    }

    fn note_depth(&mut self, depth: usize, pos: usize) {
        if depth > self.limits.depth {
            self.item.too_deep.get_or_insert(pos);
        }
        if depth > self.limits.greatest_depth() {
            self.note_over(Limit::Depth, pos);
        }
    }

    /// One more element or attribute.
    fn note_node(&mut self, pos: usize) {
        self.item.nodes += 1;
        if self.item.nodes > self.limits.nodes {
            self.item.too_many.get_or_insert(pos);
        }
        if self.item.nodes > self.limits.greatest_nodes() {
            self.note_over(Limit::Nodes, pos);
        }
    }

    fn note_child(&mut self, pos: usize) {
        self.item.child_end.get_or_insert(pos);
    }

    fn note_over(&mut self, limit: Limit, pos: usize) {
        self.note(Refusal::OverLimit(limit), pos);
    }

    fn note(&mut self, refusal: Refusal, pos: usize) {
        self.item.refusal.get_or_insert((refusal, pos));
    }

    /// T6: `len` bytes at `pos` are not allowed, yet they cannot be taken for markup. Behind the start tag of a stanza it is
    /// known whose they are.
    fn fault(&mut self, refusal: Refusal, len: usize, pos: usize) -> Result<usize, XmlError> {
        if !self.notes_faults || self.depth < 2 {
            return Err(refusal.into());
        }
        self.note(refusal, pos + len);
        Ok(len)
    }

    fn forbidden(&mut self, len: usize, pos: usize) -> Result<usize, XmlError> {
        self.fault(Refusal::ForbiddenCharacter, len, pos)
    }

    /// The length of the run of complete non-ASCII characters at the beginning.
    fn characters(&mut self, rest: &[u8], pos: usize) -> Result<usize, XmlError> {
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

    fn reference(&mut self, rest: &[u8], quote: Option<u8>, pos: usize) -> Result<usize, XmlError> {
        match reference(rest)? {
            Reference::Incomplete => Ok(0),
            Reference::Allowed(len) => Ok(len),
            Reference::Forbidden(len) => self.forbidden(len, pos),
            // Both may be of any length, so they are read on in a state of their own; noted is where they begin.
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

    /// Reads on in the name of an undeclared entity: it must be a name without a colon, and end with a semicolon.
    fn entity(&mut self, rest: &[u8], quote: Option<u8>) -> Result<usize, XmlError> {
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

    fn long_number(
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

/// A name that is being read: at most one colon, with a name on either side of it.
#[derive(Clone, Copy, Debug)]
struct Name {
    /// FNV-1a of all bytes so far.
    hash: u64,
    colon: bool,
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
    /// Takes in the bytes that belong to the name and says how many.
    fn scan(&mut self, rest: &[u8]) -> Result<usize, XmlError> {
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

    fn finish(&self) -> Result<bool, XmlError> {
        if self.at_part_start {
            return Err(XmlError::BadName);
        }
        Ok(true)
    }

    fn declares_namespace(&self) -> bool {
        self.xmlns_prefix || (!self.colon && self.hash == XMLNS)
    }
}
