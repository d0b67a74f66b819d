//! XML as RFC 6120 section 11 restricts it: an element tree, a writer, and a push reader over bytes.

mod builder;
mod chars;
mod declaration;
mod element;
mod error;
mod item;
mod limits;
mod name;
mod reader;
mod scanner;
mod shape;
mod stanza;
mod writable;
mod writer;

#[cfg(test)]
mod tests;

pub use element::{Attribute, Element, Node};
pub use error::{Limit, Refusal, XmlError};
pub use item::{RefusedStanza, StreamHeader, StreamItem};
pub use limits::Limits;
pub use name::Name;
pub use reader::StreamReader;
pub use stanza::parse_stanza;
pub use writer::{escape_attribute, escape_text};
