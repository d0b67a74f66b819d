//! Extensions (XEPs) and the parts of RFC 6120 and 6121 that a session speaks, one small codec each: between an
//! [`Element`](crate::xml::Element) and typed values, nothing else. JIDs are text here.

pub mod caps;
pub(crate) mod condition;
pub mod error;
pub mod serial;
pub mod sm;
pub(crate) mod value;

#[cfg(test)]
pub(crate) mod testing;
