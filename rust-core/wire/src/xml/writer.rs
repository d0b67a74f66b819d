//! Writing elements: minimal, with a default namespace where it changes and no prefixes but `stream:` and `xml:`.

use super::chars::is_char;
use super::{Element, Node};
use crate::ns;

impl Element {
    /// Returns the element as XML text, as it is written inside a stream whose default namespace is `jabber:client` and whose
    /// header declared `stream:`.
    pub fn to_xml(&self) -> String {
        // Most texts fit: growing step by step costs more than writing.
        let mut out = String::with_capacity(256);
        self.write(&mut out, ns::CLIENT);
        out
    }

    /// As [`to_xml`](Self::to_xml), for an element that holds a secret: the element is wiped, and the text never grows, since
    /// that would leave a part of it in memory (rule T9).
    pub fn into_secret_xml(mut self) -> String {
        let mut out = String::with_capacity(self.most_xml());
        self.write(&mut out, ns::CLIENT);
        self.wipe();
        out
    }

    /// Returns an upper bound of the element's size as XML text: each character escaped, each namespace declared.
    fn most_xml(&self) -> usize {
        /// Of one byte: `&apos;`. U+FFFD is three bytes for one.
        const ESCAPED: usize = 6;
        /// Tags, and the names of declarations with their numbers.
        const MARKUP: usize = 64;
        let attributes = self.attributes().iter().map(|attribute| {
            MARKUP
                + 2 * attribute.name.len()
                + ESCAPED * (attribute.ns.len() + attribute.value.len())
        });
        let children = self.nodes().iter().map(|node| match node {
            Node::Element(child) => child.most_xml(),
            Node::Text(text) => ESCAPED * text.len(),
        });
        let own = MARKUP + 2 * self.name().len() + ESCAPED * self.ns().len();
        own + attributes.chain(children).sum::<usize>()
    }

    /// Appends the element as XML text. `default_ns` is the default namespace in force at that place.
    pub fn write(&self, out: &mut String, default_ns: &str) {
        let prefix = if self.ns() == ns::STREAM {
            "stream:"
        } else {
            ""
        };
        let inner_ns = if prefix.is_empty() {
            self.ns()
        } else {
            default_ns
        };
        out.push('<');
        out.push_str(prefix);
        out.push_str(self.name());
        if inner_ns != default_ns {
            push_attribute(out, "xmlns", inner_ns);
        }
        let mut foreign = 0;
        for attribute in self.attributes() {
            match attribute.ns.as_str() {
                "" => push_attribute(out, &attribute.name, &attribute.value),
                ns::XML => {
                    push_attribute(out, &format!("xml:{}", attribute.name), &attribute.value)
                }
                other => {
                    foreign += 1;
                    push_attribute(out, &format!("xmlns:a{foreign}"), other);
                    push_attribute(
                        out,
                        &format!("a{foreign}:{}", attribute.name),
                        &attribute.value,
                    );
                }
            }
        }
        if self.nodes().is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for node in self.nodes() {
            match node {
                Node::Element(child) => child.write(out, inner_ns),
                Node::Text(text) => escape_text(out, text),
            }
        }
        out.push_str("</");
        out.push_str(prefix);
        out.push_str(self.name());
        out.push('>');
    }
}

impl Element {
    /// Returns how many bytes its text gains if a server escapes each quotation mark, as some do: with it, what its receiver
    /// may have to read.
    pub fn escapable(&self) -> usize {
        const MORE: usize = "&quot;".len() - 1;
        let count = |text: &str, marks: &[u8]| text.bytes().filter(|b| marks.contains(b)).count();
        let values = self.attributes().iter().map(|a| count(&a.value, b"\""));
        let nodes = self.nodes().iter().map(|node| match node {
            Node::Element(child) => child.escapable(),
            Node::Text(text) => count(text, b"\"'") * MORE,
        });
        values.sum::<usize>() * MORE + nodes.sum::<usize>()
    }

    /// Returns about how many bytes its text has, without writing it: escapes and declarations are not counted.
    pub fn approximate_len(&self) -> usize {
        const TAGS: usize = "<></>".len();
        const QUOTES: usize = " =''".len();
        let attributes = self.attributes().iter();
        let attributes = attributes.map(|a| a.name.as_str().len() + a.value.len() + QUOTES);
        let nodes = self.nodes().iter().map(|node| match node {
            Node::Element(child) => child.approximate_len(),
            Node::Text(text) => text.len(),
        });
        2 * self.name().len() + TAGS + attributes.sum::<usize>() + nodes.sum::<usize>()
    }
}

fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("='");
    escape_attribute(out, value);
    out.push('\'');
}

/// The replacement of a character that XML cannot carry, not even as a reference. A single such character, pasted by a user,
/// would make the server close the stream.
const REPLACEMENT: char = char::REPLACEMENT_CHARACTER;

/// Returns whether `text` needs no escaping: ASCII that XML allows everywhere and never normalises, without special characters.
/// All bytes are tested without branches, so that the compiler can use vector instructions.
fn is_plain(text: &str, special: impl Fn(u8) -> bool) -> bool {
    !text.bytes().fold(false, |any, byte| {
        any | !matches!(byte, b' '..=b'~') | special(byte)
    })
}

/// Appends character data with everything escaped that could end it. CR would be normalised away, so it is escaped too.
/// A character that XML forbids becomes U+FFFD.
pub fn escape_text(out: &mut String, text: &str) {
    // Most texts contain nothing to escape and no forbidden character.
    if is_plain(text, |b| (b == b'&') | (b == b'<') | (b == b'>')) {
        return out.push_str(text);
    }
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            c if is_char(c) => out.push(c),
            _ => out.push(REPLACEMENT),
        }
    }
}

/// Appends an attribute value for single quotes. White space other than a blank would be normalised away, so it is escaped.
/// A character that XML forbids becomes U+FFFD.
pub fn escape_attribute(out: &mut String, value: &str) {
    if is_plain(value, |b| {
        (b == b'&') | (b == b'<') | (b == b'>') | (b == b'\'')
    }) {
        return out.push_str(value);
    }
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&apos;"),
            '\t' => out.push_str("&#9;"),
            '\n' => out.push_str("&#10;"),
            '\r' => out.push_str("&#13;"),
            c if is_char(c) => out.push(c),
            _ => out.push(REPLACEMENT),
        }
    }
}
