//! From the names in a start tag to expanded names (Namespaces in XML 1.0): prefixes are resolved here, and what `rxml`
//! leaves to its caller is refused: undeclared prefixes, and repeated attributes.

use std::collections::BTreeSet;

use rxml::RawQName;

use crate::xml::element::{Element, Name};
use crate::xml::names;

/// The declarations in scope, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// Prefix (`None`: the default namespace) and namespace.
    declared: Vec<(Option<String>, Name)>,
    /// For each open element, how many declarations are in scope around it.
    around: Vec<usize>,
    /// The name of the start tag that is being read.
    tag: Option<RawQName>,
    /// The attributes of that tag.
    attributes: Vec<(RawQName, String)>,
}

/// A name without a declaration, or a repeated one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadNames;

impl Scope {
    /// A start tag begins.
    pub(super) fn open(&mut self, name: RawQName) {
        self.around.push(self.declared.len());
        self.tag = Some(name);
        self.attributes.clear();
    }

    /// Handles an attribute or a declaration in the start tag.
    pub(super) fn attribute(&mut self, name: RawQName, value: String) -> Result<(), BadNames> {
        let prefix = match &name {
            (None, local) if local == "xmlns" => None,
            (Some(prefix), local) if prefix == "xmlns" => Some(local.as_str()),
            _ => {
                self.attributes.push((name, value));
                return Ok(());
            }
        };
        let around = self.around.last().copied().unwrap_or(0);
        let mut here = self.declared.iter().skip(around);
        if here.any(|(other, _)| other.as_deref() == prefix) {
            return Err(BadNames);
        }
        let prefix = prefix.map(str::to_owned);
        self.declared.push((prefix, names::name(&value)));
        Ok(())
    }

    /// The start tag is complete.
    pub(super) fn element(&mut self) -> Result<Element, BadNames> {
        let (prefix, name) = self.tag.take().ok_or(BadNames)?;
        let ns = match prefix {
            None => self.find(None).unwrap_or_default(),
            Some(prefix) => self.find(Some(&prefix)).ok_or(BadNames)?,
        };
        refuse_twice(&self.attributes, |(name, _)| name)?;
        let mut element = Element::new(ns, names::name(&name));
        let mut foreign = Vec::new();
        let mut attributes = std::mem::take(&mut self.attributes);
        for ((prefix, name), value) in attributes.drain(..) {
            let ns = match prefix {
                None => Name::default(),
                Some(prefix) => {
                    let ns = self.find(Some(&prefix)).ok_or(BadNames)?;
                    foreign.push((ns.clone(), name.clone()));
                    ns
                }
            };
            element.set_qualified(ns, names::name(&name), value);
        }
        // The buffer is reused for the next tag.
        self.attributes = attributes;
        // Two prefixes may have the same namespace.
        refuse_twice(&foreign, |name| name)?;
        Ok(element)
    }

    /// The element that was opened last ends.
    pub(super) fn close(&mut self) {
        self.declared.truncate(self.around.pop().unwrap_or(0));
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

fn refuse_twice<T, N: Ord>(all: &[T], name: impl Fn(&T) -> &N) -> Result<(), BadNames> {
    // Up to this number, comparing all pairs is faster.
    const FEW: usize = 8;
    let mut rest = all;
    let mut seen = BTreeSet::new();
    while let Some((first, others)) = rest.split_first() {
        let is_new = if all.len() <= FEW {
            others.iter().all(|other| name(other) != name(first))
        } else {
            seen.insert(name(first))
        };
        if !is_new {
            return Err(BadNames);
        }
        rest = others;
    }
    Ok(())
}
