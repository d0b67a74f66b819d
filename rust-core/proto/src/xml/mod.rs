//! XML as RFC 6120 section 11 restricts it: an element tree, a writer, and a push reader over bytes.

mod element;
mod writer;

pub use element::{Attribute, Element, Node};
pub use writer::{escape_attribute, escape_text};
