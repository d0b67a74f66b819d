//! A check of the [reader](super::reader) by `rxml` in debug builds: in the same bytes it must find the same items, and
//! what it refuses must be refused before anything is returned.

use rxml::error::EndOrError;
use rxml::{Options, Parse, RawEvent, RawParser, WithOptions};

use scope::{BadNames, Scope};

use super::reader::{Item, ReadError};
use super::{Element, Node};
use crate::ns;

mod scope;

const MAX_DEPTH: usize = 64;
/// `rxml` is quadratic in the length of a slice that holds one long text.
const MAX_SLICE: usize = 4096;

/// A second parser for the same stream.
#[derive(Debug)]
pub(super) struct Oracle {
    reader: RxmlReader,
    /// The bytes since the last item.
    bytes: Vec<u8>,
    /// `rxml` has refused input that the reader has not processed yet.
    refused: bool,
    /// The stream has ended, or was refused: reading stops.
    over: bool,
}

impl Oracle {
    pub(super) fn new() -> Self {
        Self {
            reader: RxmlReader::new(),
            bytes: Vec::new(),
            refused: false,
            over: false,
        }
    }

    /// Reads what the reader has read, up to this result, and asserts the same result.
    pub(super) fn agrees(&mut self, mut read: &[u8], result: &Result<Option<Item>, ReadError>) {
        if self.over {
            return;
        }
        let Ok(item) = result else {
            // Limits, and everything that is refused earlier than `rxml` would, are checked by the reader only.
            self.over = true;
            return;
        };
        self.bytes.extend_from_slice(read);
        if read.contains(&b'\r') {
            // It keeps or refuses a CR in a value, where XML requires a space (sections 2.11 and 3.3.3).
            self.over = true;
            return;
        }
        if !self.refused {
            match self.reader.next(&mut read, false) {
                Ok(other) => assert_eq!(text(item.as_ref()), text(other.as_ref()), "rxml differs"),
                Err(_) => self.refused = true,
            }
            assert!(self.refused || read.is_empty(), "rxml is done earlier");
        }
        if item.is_some() {
            let bytes = String::from_utf8_lossy(&self.bytes);
            assert!(!self.refused, "rxml refuses {bytes:?}");
            self.bytes.clear();
        }
        self.over = matches!(item, Some(Item::End));
    }
}

/// Returns what distinguishes two items.
fn text(item: Option<&Item>) -> String {
    match item {
        None => String::new(),
        Some(Item::End) => "end".to_owned(),
        Some(Item::Header(element) | Item::Element { element, .. }) => element.to_xml(),
    }
}

/// Reads one stream, from its header to its end.
#[derive(Debug)]
struct RxmlReader {
    parser: RawParser,
    scope: Scope,
    stack: Vec<Element>,
    opened: bool,
    started_early: bool,
}

impl RxmlReader {
    fn new() -> Self {
        let options = Options {
            max_token_length: 8 * 1024 * 1024,
            ..Options::default()
        };
        Self {
            parser: RawParser::with_options(options),
            scope: Scope::default(),
            stack: Vec::new(),
            opened: false,
            started_early: false,
        }
    }

    /// Returns the next item of `input`, which shrinks by what was read; `None` once it is used up.
    fn next(&mut self, input: &mut &[u8], early: bool) -> Result<Option<Item>, ReadError> {
        while !input.is_empty() {
            let (mut slice, _) = input.split_at(input.len().min(MAX_SLICE));
            let before = slice.len();
            let event = self.parser.parse(&mut slice, false);
            let used = before - slice.len();
            *input = input.get(used..).unwrap_or_default();
            match event {
                Ok(Some(event)) => {
                    if let Some(item) = self.take(event, early)? {
                        return Ok(Some(item));
                    }
                }
                Ok(None) => return Ok(None),
                Err(EndOrError::NeedMoreData) => {}
                Err(EndOrError::Error(error)) => return Err(error.into()),
            }
        }
        self.trailing_event(early)
    }

    /// `<a/>` is two events, and the second needs no bytes.
    fn trailing_event(&mut self, early: bool) -> Result<Option<Item>, ReadError> {
        for _ in 0..MAX_DEPTH {
            let mut nothing: &[u8] = &[];
            match self.parser.parse(&mut nothing, false) {
                Ok(Some(event)) => {
                    if let Some(item) = self.take(event, early)? {
                        return Ok(Some(item));
                    }
                }
                Ok(None) | Err(EndOrError::NeedMoreData) => return Ok(None),
                Err(EndOrError::Error(error)) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn take(&mut self, event: RawEvent, early: bool) -> Result<Option<Item>, ReadError> {
        match event {
            RawEvent::XmlDeclaration(..) => Ok(None),
            RawEvent::ElementHeadOpen(_, name) => {
                self.scope.open(name);
                Ok(None)
            }
            RawEvent::Attribute(_, name, value) => {
                self.scope.attribute(name, value)?;
                Ok(None)
            }
            RawEvent::ElementHeadClose(_) => {
                let element = self.scope.element()?;
                self.start(element, early)
            }
            RawEvent::ElementFoot(_) => {
                self.scope.close();
                Ok(self.end())
            }
            RawEvent::Text(_, text) => self.text(text),
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
            return Some(Item::End);
        };
        match self.stack.last_mut() {
            Some(parent) => {
                parent.push(Node::Element(element));
                None
            }
            None => Some(Item::Element {
                element,
                early: self.started_early,
            }),
        }
    }

    fn text(&mut self, text: String) -> Result<Option<Item>, ReadError> {
        match self.stack.last_mut() {
            Some(parent) => parent.push(Node::Text(text)),
            None if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() => {}
            None => return Err(ReadError::BadFormat),
        }
        Ok(None)
    }
}

impl From<BadNames> for ReadError {
    fn from(BadNames: BadNames) -> Self {
        Self::NotWellFormed
    }
}

impl From<rxml::Error> for ReadError {
    fn from(error: rxml::Error) -> Self {
        match error {
            rxml::Error::RestrictedXml(_) | rxml::Error::UndeclaredEntity => Self::RestrictedXml,
            _ => Self::NotWellFormed,
        }
    }
}
