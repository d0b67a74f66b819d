//! A push reader for one XML stream (RFC 6120 section 4 and 11), over `rxml`.
//!
//! It consumes not one byte beyond the item it returns, so that a stream restart or the start
//! of TLS splits the input exactly behind the closing `>`.

use rxml::error::EndOrError;
use rxml::{Options, Parse, RawEvent, RawParser, WithOptions};

use super::scope::{BadNames, Scope};
use super::{Element, Node};
use crate::ns;

const MAX_DEPTH: usize = 64;
/// `rxml` is quadratic in the length of a slice that holds one long text.
const MAX_SLICE: usize = 4096;

/// Something at the top of a stream.
#[derive(Debug)]
pub(crate) enum Item {
    /// `<stream:stream ..>`, without children.
    Header(Element),
    /// A complete child of the stream; `early` if its first byte was TLS early data.
    Element { element: Element, early: bool },
    /// `</stream:stream>`.
    End,
}

/// Why a stream cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    NotWellFormed,
    RestrictedXml,
    /// Characters between stanzas, or a header that is none.
    BadFormat,
    InvalidNamespace,
    TooDeep,
    TooBig,
}

/// Reads one stream, from its header to its end.
#[derive(Debug)]
pub(crate) struct StreamReader {
    parser: RawParser,
    scope: Scope,
    stack: Vec<Element>,
    opened: bool,
    element_bytes: usize,
    max_element_bytes: usize,
    started_early: bool,
}

impl StreamReader {
    pub(crate) fn new(max_element_bytes: usize) -> Self {
        let options = Options {
            max_token_length: 65_536,
            ..Options::default()
        };
        Self {
            parser: RawParser::with_options(options),
            scope: Scope::default(),
            stack: Vec::new(),
            opened: false,
            element_bytes: 0,
            max_element_bytes,
            started_early: false,
        }
    }

    pub(crate) fn set_limit(&mut self, max_element_bytes: usize) {
        self.max_element_bytes = max_element_bytes;
    }

    pub(crate) fn is_opened(&self) -> bool {
        self.opened
    }

    /// The next item of `input`, which shrinks by what was read; `None` once it is used up.
    pub(crate) fn next(
        &mut self,
        input: &mut &[u8],
        early: bool,
    ) -> Result<Option<Item>, ReadError> {
        while !input.is_empty() {
            let (mut slice, _) = input.split_at(input.len().min(MAX_SLICE));
            let before = slice.len();
            let event = self.parser.parse(&mut slice, false);
            let used = before - slice.len();
            *input = input.get(used..).unwrap_or_default();
            self.count(used)?;
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

    fn count(&mut self, bytes: usize) -> Result<(), ReadError> {
        self.element_bytes += bytes;
        if self.element_bytes > self.max_element_bytes {
            return Err(ReadError::TooBig);
        }
        Ok(())
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

    fn text(&mut self, text: String) -> Result<Option<Item>, ReadError> {
        match self.stack.last_mut() {
            Some(parent) => parent.push(Node::Text(text)),
            None if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() => {
                self.element_bytes = 0;
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";

    #[test]
    fn stops_exactly_behind_the_closing_bracket() {
        let text = format!("{HEADER}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\x16\x03");
        let mut input = text.as_bytes();
        let mut reader = StreamReader::new(4096);
        assert!(matches!(
            reader.next(&mut input, false),
            Ok(Some(Item::Header(_)))
        ));
        assert!(matches!(
            reader.next(&mut input, false),
            Ok(Some(Item::Element { .. }))
        ));
        assert_eq!(input, b"\x16\x03");
    }

    #[test]
    fn an_empty_element_is_complete_with_its_last_byte() {
        let text = format!("{HEADER}<a/>");
        let mut reader = StreamReader::new(4096);
        let mut items = 0;
        for byte in text.as_bytes() {
            let mut input = std::slice::from_ref(byte);
            while let Some(_item) = reader.next(&mut input, false).unwrap() {
                items += 1;
            }
        }
        assert_eq!(items, 2);
    }

    #[test]
    fn prefixes_stand_for_what_is_declared_around_them() {
        let text = format!(
            "{HEADER}<p:a xmlns:p='u' p:b='1' b='2' xml:lang='en'><a xmlns=''/><p:c xmlns:p='v'/><p:d/><e/></p:a>"
        );
        let mut input = text.as_bytes();
        let mut reader = StreamReader::new(4096);
        reader.next(&mut input, false).unwrap();
        let Ok(Some(Item::Element { element, .. })) = reader.next(&mut input, false) else {
            panic!("there is an element");
        };
        let inner: Vec<_> = element.elements().map(|e| (&*e.ns, &*e.name)).collect();
        assert!(element.is("u", "a") && element.attribute("b") == Some("2"));
        assert_eq!(
            inner,
            [("", "a"), ("v", "c"), ("u", "d"), (ns::CLIENT, "e")]
        );
        assert!(element.to_xml().contains(" xml:lang='en'"));
    }

    #[test]
    fn refuses_what_xmpp_refuses() {
        for (bad, error) in [
            ("<!-- c -->", ReadError::RestrictedXml),
            ("<a></b>", ReadError::NotWellFormed),
            ("<a>&x;</a>", ReadError::RestrictedXml),
            ("text<a/>", ReadError::BadFormat),
            ("<a b='1' b='2'/>", ReadError::NotWellFormed),
            ("<a xmlns='u' xmlns='v'/>", ReadError::NotWellFormed),
            ("<a xmlns:b='u' xmlns:b='v'/>", ReadError::NotWellFormed),
            (
                "<a xmlns:b='u' xmlns:c='u' b:d='1' c:d='2'/>",
                ReadError::NotWellFormed,
            ),
            ("<b:a/>", ReadError::NotWellFormed),
            ("<a b:c='1'/>", ReadError::NotWellFormed),
            ("<a xmlns:b='u'/><b:a/>", ReadError::NotWellFormed),
            ("<a xmlns:b=''/>", ReadError::NotWellFormed),
            ("<a xmlns:xml='u'/>", ReadError::NotWellFormed),
        ] {
            let text = format!("{HEADER}{bad}");
            let mut input = text.as_bytes();
            let mut reader = StreamReader::new(4096);
            let mut outcome = Ok(());
            for _ in 0..4 {
                match reader.next(&mut input, false) {
                    Ok(_) => {}
                    Err(error) => {
                        outcome = Err(error);
                        break;
                    }
                }
            }
            assert_eq!(outcome, Err(error), "{bad}");
        }
    }
}
