//! A small XML tree with expanded names (Namespaces in XML 1.0).

use std::borrow::Cow;

use crate::ns;

/// A name or namespace: nearly always one of a few dozen, which are not copied.
pub(crate) type Name = Cow<'static, str>;

/// An element: namespace, local name, attributes and children.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) ns: Name,
    pub(crate) name: Name,
    attributes: Vec<Attribute>,
    children: Vec<Node>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) ns: Name,
    pub(super) name: Name,
    pub(super) value: String,
}

/// The content of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Element(Element),
    Text(String),
    /// Written unchanged: what other servers relay need not be well-formed.
    Raw(String),
}

impl Element {
    pub(crate) fn new(ns: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self {
            ns: ns.into(),
            name: name.into(),
            attributes: Vec::new(),
            children: Vec::new(),
        }
    }

    /// Returns an element as it was read.
    pub(super) fn with_attributes(ns: Name, name: Name, attributes: Vec<Attribute>) -> Self {
        Self {
            ns,
            name,
            attributes,
            children: Vec::new(),
        }
    }

    /// Returns text that is written unchanged where an element would be.
    pub(crate) fn verbatim(text: impl Into<String>) -> Self {
        Self::new("", "").raw(text)
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    pub(crate) fn child(mut self, child: Element) -> Self {
        self.push(Node::Element(child));
        self
    }

    pub(crate) fn children_from(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children
            .extend(children.into_iter().map(Node::Element));
        self
    }

    pub(crate) fn text(mut self, text: impl Into<String>) -> Self {
        self.push(Node::Text(text.into()));
        self
    }

    pub(crate) fn raw(mut self, xml: impl Into<String>) -> Self {
        self.push(Node::Raw(xml.into()));
        self
    }

    pub(crate) fn push(&mut self, node: Node) {
        if self.children.is_empty() {
            // Most elements have one child; a vector would reserve space for four.
            self.children.reserve_exact(1);
        }
        self.children.push(node);
    }

    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.remove(name);
        self.set_qualified("", name, value);
    }

    pub(crate) fn set_qualified(
        &mut self,
        ns: impl Into<Name>,
        name: impl Into<Name>,
        value: impl Into<String>,
    ) {
        self.attributes.push(Attribute {
            ns: ns.into(),
            name: name.into(),
            value: value.into(),
        });
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.attributes
            .retain(|attribute| !(attribute.ns.is_empty() && attribute.name == name));
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|attribute| attribute.ns.is_empty() && attribute.name == name)
            .map(|attribute| attribute.value.as_str())
    }

    pub(crate) fn is(&self, ns: &str, name: &str) -> bool {
        self.ns == ns && self.name == name
    }

    pub(crate) fn is_stanza(&self) -> bool {
        self.ns == ns::CLIENT && matches!(&*self.name, "message" | "presence" | "iq")
    }

    pub(crate) fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) | Node::Raw(_) => None,
        })
    }

    pub(crate) fn find(&self, ns: &str, name: &str) -> Option<&Element> {
        self.elements().find(|child| child.is(ns, name))
    }

    pub(crate) fn retain_elements(&mut self, keep: impl Fn(&Element) -> bool) {
        self.children.retain(|node| match node {
            Node::Element(element) => keep(element),
            Node::Text(_) | Node::Raw(_) => true,
        });
    }

    /// Returns whether this element or a descendant is such an element.
    pub(crate) fn any(&self, is_it: &impl Fn(&Element) -> bool) -> bool {
        is_it(self) || self.elements().any(|child| child.any(is_it))
    }

    /// Returns the first descendant of this local name.
    pub(crate) fn descendant(&self, name: &str) -> Option<&Element> {
        self.elements().find_map(|child| {
            let is_it = child.name == name;
            is_it.then_some(child).or_else(|| child.descendant(name))
        })
    }

    /// Replaces this element, or the outermost descendants for which there is a replacement.
    pub(crate) fn replace(&mut self, replacement: &impl Fn(&Element) -> Option<Element>) {
        if let Some(replaced) = replacement(self) {
            *self = replaced;
            return;
        }
        for node in &mut self.children {
            if let Node::Element(child) = node {
                child.replace(replacement);
            }
        }
    }

    /// Returns the content as XML.
    pub(crate) fn inner_xml(&self) -> String {
        let mut out = String::new();
        let default_ns = if self.ns == ns::STREAM {
            ns::CLIENT
        } else {
            &self.ns
        };
        self.write_children(default_ns, &mut out);
        out
    }

    pub(crate) fn content(&self) -> String {
        self.children
            .iter()
            .filter_map(|node| match node {
                Node::Text(text) => Some(text.as_str()),
                Node::Element(_) | Node::Raw(_) => None,
            })
            .collect()
    }

    /// Returns the text as a child of a stream whose default namespace is `jabber:client`.
    pub(crate) fn to_xml(&self) -> String {
        let mut out = String::new();
        self.write_to(&mut out);
        out
    }

    /// Appends the same to `out`.
    pub(crate) fn write_to(&self, out: &mut String) {
        self.write(ns::CLIENT, out);
    }

    fn write_children(&self, default_ns: &str, out: &mut String) {
        for node in &self.children {
            match node {
                Node::Element(child) => child.write(default_ns, out),
                Node::Text(text) => escape_text(text, out),
                Node::Raw(xml) => out.push_str(xml),
            }
        }
    }

    fn write(&self, default_ns: &str, out: &mut String) {
        if self.name.is_empty() {
            return self.write_children(default_ns, out);
        }
        let prefix = if self.ns == ns::STREAM { "stream:" } else { "" };
        let inner_ns = if prefix.is_empty() {
            &self.ns
        } else {
            default_ns
        };
        out.push('<');
        out.push_str(prefix);
        out.push_str(&self.name);
        if inner_ns != default_ns {
            write_attribute("xmlns", &self.ns, out);
        }
        for (index, attribute) in self.attributes.iter().enumerate() {
            if attribute.ns.is_empty() {
                write_attribute(&attribute.name, &attribute.value, out);
            } else if attribute.ns == rxml::XMLNS_XML {
                write_attribute(&format!("xml:{}", attribute.name), &attribute.value, out);
            } else {
                write_attribute(&format!("xmlns:a{index}"), &attribute.ns, out);
                write_attribute(
                    &format!("a{index}:{}", attribute.name),
                    &attribute.value,
                    out,
                );
            }
        }
        if self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        self.write_children(inner_ns, out);
        out.push_str("</");
        out.push_str(prefix);
        out.push_str(&self.name);
        out.push('>');
    }
}

fn write_attribute(name: &str, value: &str, out: &mut String) {
    out.push(' ');
    out.push_str(name);
    out.push_str("='");
    escape_attribute(value, out);
    out.push('\'');
}

/// Escapes for a value between single quotes; white space survives normalisation.
pub(crate) fn escape_attribute(value: &str, out: &mut String) {
    // All bytes are tested without branches, so that the compiler vectorises the test. A space needs no escaping.
    let may_be_special =
        |b: u8| (b < b' ') | (b == b'&') | (b == b'<') | (b == b'>') | (b == b'\'') | (b == b'"');
    if !value.bytes().fold(false, |any, b| any | may_be_special(b)) {
        return out.push_str(value);
    }
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '"' => out.push_str("&quot;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
}

fn escape_text(text: &str, out: &mut String) {
    let is_special = |b: u8| (b == b'&') | (b == b'<') | (b == b'>') | (b == b'\r');
    if !text.bytes().fold(false, |any, b| any | is_special(b)) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_default_namespaces_only_where_they_change() {
        let message = Element::new(ns::CLIENT, "message")
            .with("to", "a'b")
            .child(Element::new(ns::CLIENT, "body").text("1 < 2"))
            .child(Element::new(ns::STANZA_ID, "stanza-id").with("id", "x"));
        assert_eq!(
            message.to_xml(),
            "<message to='a&apos;b'><body>1 &lt; 2</body><stanza-id xmlns='urn:xmpp:sid:0' id='x'/></message>"
        );
    }

    #[test]
    fn stream_elements_use_the_prefix_of_the_header() {
        let features = Element::new(ns::STREAM, "features")
            .child(Element::new(ns::TLS, "starttls").child(Element::new(ns::TLS, "required")));
        assert_eq!(
            features.to_xml(),
            "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"
        );
    }
}
