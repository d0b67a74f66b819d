//! Builds an [`Element`] from a finished, scanned slice: quick-xml finds the tokens, names are expanded here (Namespaces in XML
//! 1.0, third edition).

use std::borrow::Cow;
use std::collections::BTreeMap;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::item::StreamHeader;
use super::{Attribute, Element, Limit, Name, XmlError};
use crate::ns;

/// The namespaces that the stream header declared; they hold for every element of the stream.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    default: Name,
    prefixes: Vec<(String, Name)>,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            default: Name::NONE,
            prefixes: Vec::new(),
        }
    }
}

/// Reads the start tag of the root element.
pub(super) fn stream_header(slice: &[u8]) -> Result<(StreamHeader, Scope), XmlError> {
    let outer = Scope::default();
    let mut namespaces = Namespaces::new(&outer, slice.len());
    let root = start_tag(slice, &mut namespaces, Missing::Refuse)?;
    if root.ns() != ns::STREAM {
        return Err(XmlError::StreamNamespace);
    }
    if root.name() != "stream" {
        return Err(XmlError::NotAStream);
    }
    if namespaces.default != ns::CLIENT {
        return Err(XmlError::ContentNamespace);
    }
    let mut header = StreamHeader::default();
    for Attribute { ns, name, value } in root.into_attributes() {
        let field = match (ns.as_str(), name.as_str()) {
            ("", "from") => &mut header.from,
            ("", "to") => &mut header.to,
            ("", "id") => &mut header.id,
            ("", "version") => &mut header.version,
            (ns::XML, "lang") => &mut header.lang,
            _ => continue,
        };
        *field = Some(value);
    }
    Ok((header, namespaces.into_scope()))
}

/// Reads a whole top-level element.
pub(super) fn element(slice: &[u8], scope: &Scope) -> Result<Element, XmlError> {
    whole(slice, scope, Missing::Refuse)
}

/// Reads stream features in which a prefix is not declared: what is named with it is in no namespace, so it is no feature that
/// a client knows. `None` if it is another element, or has another fault.
pub(super) fn features(slice: &[u8], scope: &Scope) -> Option<Element> {
    let features = whole(slice, scope, Missing::NoNamespace).ok()?;
    features.is("features", ns::STREAM).then_some(features)
}

fn whole(slice: &[u8], scope: &Scope, missing: Missing) -> Result<Element, XmlError> {
    let mut reader = Reader::from_reader(slice);
    let mut namespaces = Namespaces::new(scope, slice.len());
    let mut open: Vec<OpenElement> = Vec::new();
    loop {
        let finished = match reader.read_event().map_err(token_error)? {
            Event::Start(tag) => {
                open.push(namespaces.enter(&tag, missing)?);
                None
            }
            Event::Empty(tag) => Some(namespaces.enter(&tag, missing)?),
            Event::End(_) => Some(open.pop().ok_or(XmlError::MismatchedEndTag)?),
            Event::Text(text) => {
                push_text(&mut open, &text.xml10_content())?;
                None
            }
            Event::CData(text) => {
                push_text(&mut open, &text.xml10_content())?;
                None
            }
            Event::GeneralRef(reference) => {
                push_reference(&mut open, &reference)?;
                None
            }
            Event::Comment(_) => return Err(XmlError::Comment),
            Event::PI(_) | Event::Decl(_) => return Err(XmlError::ProcessingInstruction),
            Event::DocType(_) => return Err(XmlError::Doctype),
            Event::Eof => return Err(XmlError::MalformedMarkup),
        };
        let Some(finished) = finished else { continue };
        let element = namespaces.leave(finished);
        match open.last_mut() {
            Some(parent) => parent.element.push_child(element),
            None => return Ok(element),
        }
    }
}

/// Reads only the start tag of a top-level element that is too large to be read whole.
pub(super) fn head(slice: &[u8], scope: &Scope) -> Result<Element, XmlError> {
    let mut namespaces = Namespaces::new(scope, slice.len());
    start_tag(slice, &mut namespaces, Missing::Refuse)
}

/// Reads only the start tag of the first child of a top-level element; `slice` ends after it.
pub(super) fn first_child(slice: &[u8], scope: &Scope) -> Option<Element> {
    let mut namespaces = Namespaces::new(scope, slice.len());
    let mut reader = Reader::from_reader(slice);
    let mut is_inside = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) => {
                let open = namespaces.enter(&tag, Missing::Refuse).ok()?;
                if is_inside {
                    return Some(open.element);
                }
                is_inside = true;
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {}
            _ => return None,
        }
    }
}

/// Reads only the start tag of the message that the first child of a top-level element forwards (XEP-0297). `slice` may end
/// anywhere, but contains no fault.
pub(super) fn forwarded(slice: &[u8], scope: &Scope) -> Option<Element> {
    let mut namespaces = Namespaces::new(scope, slice.len());
    let mut reader = Reader::from_reader(slice);
    let mut open: Vec<OpenElement> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                let entered = namespaces.enter(&tag, Missing::Refuse).ok()?;
                let is_inside = open.len() == 3
                    && open
                        .last()
                        .is_some_and(|parent| parent.element.is("forwarded", ns::FORWARD));
                if is_inside && entered.element.is("message", ns::CLIENT) {
                    return Some(entered.element);
                }
                open.push(entered);
            }
            // The first child is at its end.
            Event::Empty(_) | Event::End(_) if open.len() < 2 => return None,
            Event::End(_) if open.len() == 2 => return None,
            Event::Empty(tag) => {
                let entered = namespaces.enter(&tag, Missing::Refuse).ok()?;
                namespaces.leave(entered);
            }
            Event::End(_) => {
                namespaces.leave(open.pop()?);
            }
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) => {}
            _ => return None,
        }
    }
}

/// Reads the available part of a start tag that is itself too large. `slice` ends after a complete attribute, or after the
/// name. A prefix may have been declared in the missing part, so an unknown one is no error; its attribute is left out.
pub(super) fn cut_head(slice: &[u8], scope: &Scope) -> Option<Element> {
    let mut closed = slice.to_vec();
    closed.extend_from_slice(b"/>");
    let mut namespaces = Namespaces::new(scope, slice.len());
    start_tag(&closed, &mut namespaces, Missing::LeaveOut).ok()
}

fn start_tag(
    slice: &[u8],
    namespaces: &mut Namespaces<'_>,
    missing: Missing,
) -> Result<Element, XmlError> {
    match Reader::from_reader(slice)
        .read_event()
        .map_err(token_error)?
    {
        Event::Start(tag) | Event::Empty(tag) => Ok(namespaces.enter(&tag, missing)?.element),
        _ => Err(XmlError::MalformedMarkup),
    }
}

/// What to do with a name whose prefix is not declared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Refuse,
    /// An attribute is left out, an element is refused.
    LeaveOut,
    /// An attribute is left out, an element is in no namespace.
    NoNamespace,
}

/// An element whose end tag has not been read, and what to undo there.
struct OpenElement {
    element: Element,
    declared: Declared,
}

/// What a tag declared: the default namespace around it if it changed, and its prefixes.
#[derive(Default)]
struct Declared {
    outer_default: Option<Name>,
    prefixes: Vec<String>,
}

/// The namespace bindings in force.
struct Namespaces<'s> {
    default: Name,
    /// What the element itself and those inside it declare, innermost binding last.
    prefixes: BTreeMap<String, Vec<Name>>,
    /// What is declared around it.
    outer: &'s Scope,
    /// Bytes of namespace names that attributes may still refer to: a long name used by many short attributes must not turn
    /// a small stanza into a huge text once it is written.
    budget: usize,
}

impl<'s> Namespaces<'s> {
    fn new(outer: &'s Scope, slice_len: usize) -> Self {
        // `xml:lang` alone expands to 36 bytes, so a few times the size of the slice is ordinary.
        const FACTOR: usize = 4;
        const BASE: usize = 4096;
        Self {
            default: outer.default.clone(),
            prefixes: BTreeMap::new(),
            outer,
            budget: slice_len.saturating_mul(FACTOR).saturating_add(BASE),
        }
    }

    fn into_scope(self) -> Scope {
        Scope {
            default: self.default,
            prefixes: self
                .prefixes
                .into_iter()
                .filter_map(|(prefix, mut names)| names.pop().map(|name| (prefix, name)))
                .collect(),
        }
    }

    fn enter(&mut self, tag: &BytesStart<'_>, missing: Missing) -> Result<OpenElement, XmlError> {
        let mut declared = Declared::default();
        let mut attributes = Vec::new();
        // Declarations hold for the whole tag, whatever their position in it: these attributes wait for its end.
        let mut prefixed = Vec::new();
        for attribute in tag.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| XmlError::MalformedMarkup)?;
            let (prefix, name) = split(attribute.key.into_inner());
            let value = value(&attribute)?;
            let ns = match (prefix, name) {
                (None, "xmlns") => {
                    self.declare_default(&value, &mut declared)?;
                    continue;
                }
                (Some("xmlns"), prefix) => {
                    self.declare_prefix(prefix, &value, &mut declared)?;
                    continue;
                }
                (None, _) => Name::NONE,
                (Some("xml"), _) => self.spend(ns::XML.into())?,
                (Some(prefix), _) => {
                    prefixed.push((attributes.len(), prefix.to_owned()));
                    Name::NONE
                }
            };
            attributes.push(Attribute {
                ns,
                name: name.into(),
                value: value.into_owned(),
            });
        }
        let tag_name = tag.name();
        let (prefix, name) = split(tag_name.into_inner());
        let ns = match prefix {
            None => self.default.clone(),
            Some(prefix) => match self.resolve(prefix) {
                Err(_) if missing == Missing::NoNamespace => Name::NONE,
                resolved => resolved?,
            },
        };
        // In reverse order, so that removing one does not move those that are still to be processed.
        for (index, prefix) in prefixed.into_iter().rev() {
            match self.resolve(&prefix) {
                Ok(ns) => {
                    let ns = self.spend(ns)?;
                    if let Some(attribute) = attributes.get_mut(index) {
                        attribute.ns = ns;
                    }
                }
                Err(_) if missing != Missing::Refuse => drop(attributes.remove(index)),
                Err(error) => return Err(error),
            }
        }
        refuse_duplicates(&attributes)?;
        let element = Element::with_attributes(name, ns, attributes);
        Ok(OpenElement { element, declared })
    }

    fn declare_default(&mut self, name: &str, declared: &mut Declared) -> Result<(), XmlError> {
        if name == ns::XML || name == ns::XMLNS {
            return Err(XmlError::NamespaceMisuse);
        }
        let outer = std::mem::replace(&mut self.default, Name::from(name));
        if declared.outer_default.replace(outer).is_some() {
            return Err(XmlError::DuplicateAttribute);
        }
        Ok(())
    }

    fn declare_prefix(
        &mut self,
        prefix: &str,
        name: &str,
        declared: &mut Declared,
    ) -> Result<(), XmlError> {
        check_declaration(prefix, name)?;
        if declared.prefixes.iter().any(|other| other == prefix) {
            return Err(XmlError::DuplicateAttribute);
        }
        self.prefixes
            .entry(prefix.to_owned())
            .or_default()
            .push(Name::from(name));
        declared.prefixes.push(prefix.to_owned());
        Ok(())
    }

    fn leave(&mut self, open: OpenElement) -> Element {
        if let Some(outer) = open.declared.outer_default {
            self.default = outer;
        }
        for prefix in open.declared.prefixes {
            if let Some(names) = self.prefixes.get_mut(&prefix) {
                names.pop();
            }
        }
        open.element
    }

    fn resolve(&self, prefix: &str) -> Result<Name, XmlError> {
        let inner = self.prefixes.get(prefix).and_then(|names| names.last());
        let declared = inner.or_else(|| {
            let outer = self.outer.prefixes.iter();
            outer
                .filter(|(other, _)| other == prefix)
                .map(|(_, name)| name)
                .next_back()
        });
        match declared {
            Some(name) => Ok(name.clone()),
            None if prefix == "xml" => Ok(ns::XML.into()),
            None => Err(XmlError::UndeclaredPrefix),
        }
    }

    fn spend(&mut self, name: Name) -> Result<Name, XmlError> {
        self.budget = self
            .budget
            .checked_sub(name.len())
            .ok_or(XmlError::OverLimit(Limit::Namespaces))?;
        Ok(name)
    }
}

fn split(name: &str) -> (Option<&str>, &str) {
    // Names are so short that a search optimized for texts costs more than it saves.
    let colon = name.bytes().position(|byte| byte == b':');
    match colon.and_then(|at| name.get(..at).zip(name.get(at + 1..))) {
        Some((prefix, local)) => (Some(prefix), local),
        None => (None, name),
    }
}

fn check_declaration(prefix: &str, name: &str) -> Result<(), XmlError> {
    let allowed = match prefix {
        "xmlns" => false,
        "xml" => name == ns::XML,
        _ => !name.is_empty() && name != ns::XML && name != ns::XMLNS,
    };
    if allowed {
        Ok(())
    } else {
        Err(XmlError::NamespaceMisuse)
    }
}

fn value<'a>(
    attribute: &quick_xml::events::attributes::Attribute<'a>,
) -> Result<Cow<'a, str>, XmlError> {
    // Without references, and with blanks as the only white space, a value needs no conversion, which is the common case. All
    // bytes are tested without branches, so that the compiler can use vector instructions.
    let bytes = attribute.value.bytes();
    if !bytes.fold(false, |any, byte| any | (byte < b' ') | (byte == b'&')) {
        return Ok(attribute.value.clone());
    }
    attribute
        .normalized_value(XmlVersion::Explicit1_0)
        .map_err(|_| XmlError::MalformedReference)
}

fn refuse_duplicates(attributes: &[Attribute]) -> Result<(), XmlError> {
    // Up to this number comparing all with all is faster than sorting.
    const FEW: usize = 8;
    let duplicate = if attributes.len() <= FEW {
        let mut rest = attributes;
        let mut found = false;
        while let Some((first, others)) = rest.split_first() {
            found |= others
                .iter()
                .any(|o| o.name == first.name && o.ns == first.ns);
            rest = others;
        }
        found
    } else {
        let mut names: Vec<(&str, &str)> = attributes
            .iter()
            .map(|a| (a.name.as_str(), a.ns.as_str()))
            .collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair.first() == pair.last())
    };
    if duplicate {
        return Err(XmlError::DuplicateAttribute);
    }
    Ok(())
}

fn push_text(open: &mut [OpenElement], text: &str) -> Result<(), XmlError> {
    let parent = open.last_mut().ok_or(XmlError::StreamLevelText)?;
    parent.element.extend_text(text);
    Ok(())
}

fn push_reference(open: &mut [OpenElement], reference: &BytesRef<'_>) -> Result<(), XmlError> {
    let character = reference
        .resolve_char_ref()
        .map_err(|_| XmlError::MalformedReference)?;
    match character {
        Some(c) => push_text(open, c.encode_utf8(&mut [0; 4])),
        None => {
            let text = resolve_xml_entity(reference).ok_or(XmlError::UndeclaredEntity)?;
            push_text(open, text)
        }
    }
}

/// The scanner has refused what quick-xml would reject, so this is a second check.
fn token_error(error: quick_xml::Error) -> XmlError {
    use quick_xml::errors::IllFormedError;
    match error {
        quick_xml::Error::Encoding(_) => XmlError::BadUtf8,
        quick_xml::Error::IllFormed(
            IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_),
        ) => XmlError::MismatchedEndTag,
        quick_xml::Error::IllFormed(IllFormedError::UnclosedReference) => {
            XmlError::MalformedReference
        }
        _ => XmlError::MalformedMarkup,
    }
}
