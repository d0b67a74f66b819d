//! An XML element as a tree that owns its text. Names are expanded: a prefix never reaches the rest of the crate.

use std::fmt;

use zeroize::Zeroize;

use super::Name;
use crate::ns;

/// An element: a name, its namespace, attributes and children. Its `Debug` shows names only, since it is used in logs: the
/// content of attributes and texts is private.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    name: Name,
    ns: Name,
    attributes: Vec<Attribute>,
    children: Vec<Node>,
}

/// An attribute. `ns` is empty for the ordinary kind; `xml:lang` lives in [`ns::XML`]. `Debug` shows its name only.
#[derive(Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Expanded namespace, empty if the attribute has no prefix.
    pub ns: Name,
    /// Local name.
    pub name: Name,
    /// Unescaped value.
    pub value: String,
}

/// Content of an element. `Debug` shows the length of a text, not the text.
#[derive(Clone, PartialEq, Eq)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// Character data, unescaped.
    Text(String),
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} xmlns='{}'", self.name, self.ns)?;
        for attribute in &self.attributes {
            write!(f, " {attribute:?}")?;
        }
        f.write_str(">")?;
        f.debug_list().entries(&self.children).finish()
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Element(child) => child.fmt(f),
            Self::Text(text) => write!(f, "text of {} bytes", text.len()),
        }
    }
}

impl Element {
    /// Returns an empty element.
    pub fn new(name: impl Into<Name>, ns: impl Into<Name>) -> Self {
        Self {
            name: name.into(),
            ns: ns.into(),
            attributes: Vec::new(),
            children: Vec::new(),
        }
    }

    /// Returns an element with these attributes; the caller ensures that they are unique.
    pub(super) fn with_attributes(name: &str, ns: Name, attributes: Vec<Attribute>) -> Self {
        Self {
            name: name.into(),
            ns,
            attributes,
            children: Vec::new(),
        }
    }

    /// Returns the same element with an attribute set.
    #[must_use]
    pub fn with_attr(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set_attr(name, value);
        self
    }

    /// Returns the same element with a child appended.
    #[must_use]
    pub fn with_child(mut self, child: Element) -> Self {
        self.push_child(child);
        self
    }

    /// Returns the same element with text appended.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.push_text(text);
        self
    }

    /// Sets an attribute without namespace, replacing an older value.
    pub fn set_attr(&mut self, name: &str, value: impl Into<String>) {
        self.remove_attr(name);
        self.push_attribute(Attribute {
            ns: Name::NONE,
            name: name.into(),
            value: value.into(),
        });
    }

    /// Removes an attribute without namespace.
    pub fn remove_attr(&mut self, name: &str) {
        self.attributes
            .retain(|a| !(a.ns.is_empty() && a.name == name));
    }

    /// Appends an attribute unchanged; the caller ensures that it is unique.
    pub fn push_attribute(&mut self, attribute: Attribute) {
        self.attributes.push(attribute);
    }

    /// Appends a child element.
    pub fn push_child(&mut self, child: Element) {
        self.push_node(Node::Element(child));
    }

    /// Returns the same element without the children for which this returns true.
    #[must_use]
    pub fn without_children(mut self, is_unwanted: impl Fn(&Element) -> bool) -> Self {
        self.children.retain(|node| match node {
            Node::Element(element) => !is_unwanted(element),
            Node::Text(_) => true,
        });
        self
    }

    /// Appends character data, to the text that is already last if there is one. Empty text adds no node: in both cases the
    /// result is what a reader would build.
    pub fn push_text(&mut self, text: impl Into<String>) {
        let text = text.into();
        match self.children.last_mut() {
            Some(Node::Text(last)) => last.push_str(&text),
            _ if text.is_empty() => {}
            _ => self.push_node(Node::Text(text)),
        }
    }

    fn push_node(&mut self, node: Node) {
        if self.children.is_empty() {
            // Most elements have one child; room for four would make a roster twice as big.
            self.children.reserve_exact(1);
        }
        self.children.push(node);
    }

    /// Appends character data to the text that is already last, so that text stays one node.
    pub(super) fn extend_text(&mut self, text: &str) {
        match self.children.last_mut() {
            Some(Node::Text(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.push_text(text),
        }
    }

    /// Returns about how many bytes of memory the tree takes: ten to forty times its text, where that consists of small
    /// elements.
    pub fn memory(&self) -> usize {
        let attributes = self.attributes.iter().map(|attribute| {
            attribute.value.capacity() + attribute.name.memory() + attribute.ns.memory()
        });
        let nodes = self.children.iter().map(|node| match node {
            // The element itself lies in the list.
            Node::Element(child) => child.memory().saturating_sub(size_of::<Self>()),
            Node::Text(text) => text.capacity(),
        });
        let lists = self.attributes.capacity() * size_of::<Attribute>()
            + self.children.capacity() * size_of::<Node>();
        let names = self.name.memory() + self.ns.memory();
        size_of::<Self>() + names + lists + attributes.sum::<usize>() + nodes.sum::<usize>()
    }

    /// Overwrites all texts and attribute values, including those of all descendants (rule T9).
    pub fn wipe(&mut self) {
        for attribute in &mut self.attributes {
            attribute.value.zeroize();
        }
        for node in &mut self.children {
            match node {
                Node::Element(child) => child.wipe(),
                Node::Text(text) => text.zeroize(),
            }
        }
    }

    /// Returns the local name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the expanded namespace.
    pub fn ns(&self) -> &str {
        &self.ns
    }

    /// Returns whether this is the element of that name in that namespace.
    pub fn is(&self, name: &str, ns: &str) -> bool {
        self.name == name && self.ns == ns
    }

    /// Returns whether this is a `message`, `presence` or `iq` of a client stream: what stream management counts (XEP-0198
    /// section 4).
    pub fn is_stanza(&self) -> bool {
        self.ns == ns::CLIENT && matches!(self.name.as_str(), "message" | "presence" | "iq")
    }

    /// Returns the value of an attribute without namespace.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.attr_in("", name)
    }

    /// Returns the value of an attribute in a namespace, such as `xml:lang`.
    pub fn attr_in(&self, ns: &str, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|a| a.ns == ns && a.name == name)
            .map(|a| a.value.as_str())
    }

    /// Returns the value of `xml:lang`, the language of the texts inside (RFC 6120 section 8.1.5).
    pub fn lang(&self) -> Option<&str> {
        self.attr_in(ns::XML, "lang")
    }

    /// Returns all attributes, in order.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The attributes alone.
    pub(super) fn into_attributes(self) -> Vec<Attribute> {
        self.attributes
    }

    /// Returns all children, in order.
    pub fn nodes(&self) -> &[Node] {
        &self.children
    }

    /// Returns the child elements, in order.
    pub fn children(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// Returns the first child of that name in that namespace.
    pub fn child(&self, name: &str, ns: &str) -> Option<&Element> {
        self.children().find(|child| child.is(name, ns))
    }

    /// Returns whether there is a child of that name in that namespace.
    pub fn has_child(&self, name: &str, ns: &str) -> bool {
        self.child(name, ns).is_some()
    }

    /// Returns the element's own character data, without that of its children.
    pub fn text(&self) -> String {
        self.children
            .iter()
            .filter_map(|node| match node {
                Node::Text(text) => Some(text.as_str()),
                Node::Element(_) => None,
            })
            .collect()
    }
}
