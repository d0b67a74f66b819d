//! From the text of a start tag to an element with expanded names (Namespaces in XML 1.0).

use std::collections::BTreeSet;

use rxml::NcNameStr;

use super::element::{Attribute, Element, Name};
use super::names;
use super::reader::ReadError;
use super::text::{Within, is_space, resolved};

const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// The open elements and declarations in scope, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Prefix (`None`: the default namespace) and namespace.
    declared: Vec<(Option<String>, Name)>,
    open: Vec<Open>,
    /// The names of all open elements as they were written, one after the other.
    names: String,
}

/// The lengths of both when an element was opened.
#[derive(Clone, Copy, Debug)]
struct Open {
    declared: usize,
    names: usize,
}

impl Scope {
    /// Handles a start tag, or that of an empty element, without its brackets and slash.
    pub(super) fn enter(&mut self, tag: &str) -> Result<Element, ReadError> {
        let (written, mut rest) = name(tag);
        self.open.push(Open {
            declared: self.declared.len(),
            names: self.names.len(),
        });
        self.names.push_str(written);
        let mut attributes = Vec::new();
        // Declarations apply to the whole tag, whatever their position in it.
        let mut prefixed = Vec::new();
        while let Some(attribute) = next_attribute(&mut rest)? {
            let value = resolved(attribute.value, Within::Attribute)?;
            let (prefix, local) = split(attribute.name)?;
            let ns = match prefix {
                None if local == "xmlns" => {
                    self.declare(None, &value)?;
                    continue;
                }
                Some("xmlns") => {
                    self.declare(Some(ncname(local)?), &value)?;
                    continue;
                }
                None => Name::default(),
                Some("xml") => Name::Borrowed(rxml::XMLNS_XML),
                Some(prefix) => {
                    prefixed.push((attributes.len(), prefix));
                    Name::default()
                }
            };
            let name = known(local)?;
            attributes.push(Attribute { ns, name, value });
        }
        for (index, prefix) in prefixed {
            if let Some(attribute) = attributes.get_mut(index) {
                attribute.ns = self.find(Some(prefix)).ok_or(ReadError::NotWellFormed)?;
            }
        }
        refuse_twice(&attributes)?;
        let (prefix, local) = split(written)?;
        let ns = match prefix {
            None => self.find(None).unwrap_or_default(),
            Some(_) => self.find(prefix).ok_or(ReadError::NotWellFormed)?,
        };
        Ok(Element::with_attributes(ns, known(local)?, attributes))
    }

    /// Handles an end tag without its brackets and slash: the element that was opened last ends.
    pub(super) fn leave(&mut self, tag: &str) -> Result<(), ReadError> {
        let written = tag.trim_end_matches([' ', '\t', '\n', '\r']);
        let open = self.open.last().ok_or(ReadError::NotWellFormed)?;
        if self.names.get(open.names..) != Some(written) {
            return Err(ReadError::NotWellFormed);
        }
        self.close();
        Ok(())
    }

    /// Ends the element that was opened last.
    pub(super) fn close(&mut self) {
        if let Some(open) = self.open.pop() {
            self.declared.truncate(open.declared);
            self.names.truncate(open.names);
        }
    }

    fn declare(&mut self, prefix: Option<&str>, ns: &str) -> Result<(), ReadError> {
        let allowed = match prefix {
            None => ns != rxml::XMLNS_XML && ns != XMLNS,
            Some("xmlns") => false,
            Some("xml") => ns == rxml::XMLNS_XML,
            Some(_) => !ns.is_empty() && ns != rxml::XMLNS_XML && ns != XMLNS,
        };
        let around = self.open.last().map_or(0, |open| open.declared);
        let mut here = self.declared.iter().skip(around);
        if !allowed || here.any(|(other, _)| other.as_deref() == prefix) {
            return Err(ReadError::NotWellFormed);
        }
        let prefix = prefix.map(str::to_owned);
        self.declared.push((prefix, names::name(ns)));
        Ok(())
    }

    fn find(&self, prefix: Option<&str>) -> Option<Name> {
        if prefix == Some("xml") {
            return Some(Name::Borrowed(rxml::XMLNS_XML));
        }
        let mut inside_out = self.declared.iter().rev();
        let (_, ns) = inside_out.find(|(other, _)| other.as_deref() == prefix)?;
        Some(ns.clone())
    }
}

/// An attribute or a declaration, unprocessed.
struct Raw<'t> {
    name: &'t str,
    value: &'t str,
}

/// Removes the next attribute from the rest of a tag.
fn next_attribute<'t>(rest: &mut &'t str) -> Result<Option<Raw<'t>>, ReadError> {
    let from = skip_space(rest);
    if from.is_empty() {
        return Ok(None);
    }
    if from.len() == rest.len() {
        return Err(ReadError::NotWellFormed);
    }
    let (name, after) = name(from);
    let value = skip_space(after).strip_prefix('=').map(skip_space);
    let value = value.ok_or(ReadError::NotWellFormed)?;
    let quote = value
        .chars()
        .next()
        .filter(|quote| matches!(quote, '\'' | '"'))
        .ok_or(ReadError::NotWellFormed)?;
    let (value, after) = value
        .get(1..)
        .and_then(|value| value.split_once(quote))
        .ok_or(ReadError::NotWellFormed)?;
    *rest = after;
    Ok(Some(Raw { name, value }))
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
}

/// Returns the name at the beginning, and what follows it.
fn name(text: &str) -> (&str, &str) {
    let ends =
        |byte: u8| is_space(byte) || matches!(byte, b'=' | b'\'' | b'"' | b'<' | b'/' | b'>');
    let end = text.bytes().position(ends).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Returns prefix and local name.
fn split(name: &str) -> Result<(Option<&str>, &str), ReadError> {
    match name.bytes().position(|byte| byte == b':') {
        None => Ok((None, name)),
        Some(at) => match (name.get(..at), name.get(at + 1..)) {
            (Some(prefix), Some(local)) if local.bytes().all(|byte| byte != b':') => {
                Ok((Some(ncname(prefix)?), local))
            }
            _ => Err(ReadError::NotWellFormed),
        },
    }
}

/// Checks a local name: nearly always a frequent one.
fn known(local: &str) -> Result<Name, ReadError> {
    match names::name(local) {
        Name::Borrowed(name) if !name.is_empty() => Ok(Name::Borrowed(name)),
        other => {
            ncname(&other)?;
            Ok(other)
        }
    }
}

fn ncname(name: &str) -> Result<&str, ReadError> {
    match <&NcNameStr>::try_from(name) {
        Ok(_) => Ok(name),
        Err(_) => Err(ReadError::NotWellFormed),
    }
}

fn refuse_twice(attributes: &[Attribute]) -> Result<(), ReadError> {
    // Up to this number, comparing all pairs is faster.
    const FEW: usize = 8;
    let mut rest = attributes;
    let mut seen = BTreeSet::new();
    while let Some((first, others)) = rest.split_first() {
        let is_new = if attributes.len() <= FEW {
            let is_it = |other: &Attribute| other.name == first.name && other.ns == first.ns;
            !others.iter().any(is_it)
        } else {
            seen.insert((&first.ns, &first.name))
        };
        if !is_new {
            return Err(ReadError::NotWellFormed);
        }
        rest = others;
    }
    Ok(())
}
