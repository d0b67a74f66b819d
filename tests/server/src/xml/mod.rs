//! XML for streams: a small tree, its writer, and a push reader, which `rxml` checks in debug builds.

mod element;
mod names;
#[cfg(debug_assertions)]
mod oracle;
mod reader;
mod scope;
mod text;

pub(crate) use element::{Element, Name, Node, escape_attribute};
pub(crate) use reader::{Item, ReadError, StreamReader};
