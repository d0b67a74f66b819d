//! Elements that a program has built: whether they can be written as XML. Their texts always can, since the writer escapes them;
//! their names cannot be escaped.

use super::chars::{is_ascii_name, is_ascii_name_start, is_name_char, is_name_start};
use super::{Attribute, Element, XmlError};
use crate::ns;

impl Element {
    /// Returns why a reader would refuse what is written of this element: a name that is none, a namespace that is reserved, an
    /// attribute that stands twice. `None` if it can be written. A server would end the stream over such a stanza, each time it is
    /// sent.
    ///
    /// It walks without recursion, so it is safe on an element of any depth.
    pub fn fault(&self) -> Option<XmlError> {
        let mut open = vec![self];
        while let Some(element) = open.pop() {
            if !is_name(element.name()) {
                return Some(XmlError::BadName);
            }
            if matches!(element.ns(), ns::XML | ns::XMLNS) {
                return Some(XmlError::NamespaceMisuse);
            }
            let fault = attributes_fault(element.attributes());
            if fault.is_some() {
                return fault;
            }
            open.extend(element.children());
        }
        None
    }
}

fn attributes_fault(attributes: &[Attribute]) -> Option<XmlError> {
    let mut names: Vec<(&str, &str)> = Vec::with_capacity(attributes.len());
    for attribute in attributes {
        let (ns, name) = (attribute.ns.as_str(), attribute.name.as_str());
        if !is_name(name) {
            return Some(XmlError::BadName);
        }
        // It would be a declaration, and move the element to another namespace.
        if ns == ns::XMLNS || (ns.is_empty() && name == "xmlns") {
            return Some(XmlError::NamespaceMisuse);
        }
        names.push((ns, name));
    }
    names.sort_unstable();
    let is_twice = names.windows(2).any(|pair| pair.first() == pair.last());
    is_twice.then_some(XmlError::DuplicateAttribute)
}

/// `NCName`: a name without a colon (Namespaces in XML section 3).
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let is_ascii = bytes.next().is_some_and(is_ascii_name_start) && bytes.all(is_ascii_name);
    is_ascii || {
        let mut characters = name.chars();
        characters.next().is_some_and(is_name_start) && characters.all(is_name_char)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xml::{Name, parse_stanza};

    fn attribute(ns: &str, name: &str) -> Attribute {
        Attribute {
            ns: ns.into(),
            name: name.into(),
            value: "'\"<&>\u{0}\n".to_owned(),
        }
    }

    fn with(attributes: &[(&str, &str)]) -> Element {
        let mut element = Element::new("x", "urn:x");
        for (ns, name) in attributes {
            element.push_attribute(attribute(ns, name));
        }
        Element::new("message", ns::CLIENT).with_child(element)
    }

    #[test]
    fn what_has_no_fault_is_read_back() {
        for element in [
            with(&[]),
            with(&[
                ("", "id"),
                (ns::XML, "lang"),
                ("urn:a", "id"),
                ("urn:b", "id"),
            ]),
            with(&[("", "\u{e4}\u{b7}1"), ("", "_"), ("", "a-b.c")]),
            Element::new("message", ns::CLIENT).with_child(Element::new("\u{540d}", Name::NONE)),
            Element::new("message", ns::CLIENT).with_child(Element::new("x", "a'b&<c>\"")),
        ] {
            assert_eq!(element.fault(), None, "{element:?}");
            let read = parse_stanza(&element.to_xml());
            // The character that XML cannot carry is replaced.
            let xml = element.to_xml().replace('\u{FFFD}', "");
            assert_eq!(
                read.map(|read| read.to_xml().replace('\u{FFFD}', "")),
                Some(xml)
            );
        }
    }

    #[test]
    fn what_a_reader_would_refuse_is_a_fault() {
        let named = |name: &str| {
            Element::new("message", ns::CLIENT).with_child(Element::new(name, "urn:x"))
        };
        for name in [
            "", "a b", "a:b", "1a", "-", "a>", "a/", "\u{b7}", "a\u{0}", "<", "a'",
        ] {
            assert_eq!(named(name).fault(), Some(XmlError::BadName), "{name}");
            assert_eq!(
                with(&[("", name)]).fault(),
                Some(XmlError::BadName),
                "{name}"
            );
        }
        for bad in [
            with(&[("", "xmlns")]),
            with(&[(ns::XMLNS, "a")]),
            Element::new("message", ns::CLIENT).with_child(Element::new("x", ns::XML)),
            Element::new("message", ns::CLIENT).with_child(Element::new("x", ns::XMLNS)),
        ] {
            assert_eq!(bad.fault(), Some(XmlError::NamespaceMisuse), "{bad:?}");
        }
        let twice = with(&[("urn:a", "id"), ("", "id"), ("urn:a", "id")]);
        assert_eq!(twice.fault(), Some(XmlError::DuplicateAttribute));
    }
}
