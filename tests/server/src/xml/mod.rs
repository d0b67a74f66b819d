//! XML for streams: a small tree, its writer, and a push reader over `rxml`.

mod element;
mod names;
mod reader;
mod scope;

pub(crate) use element::{Element, Name, Node, escape_attribute};
pub(crate) use reader::{Item, ReadError, StreamReader};
