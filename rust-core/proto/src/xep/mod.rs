//! Extensions (XEPs) and the parts of RFC 6120 and 6121 that a session speaks, one small codec each: between an
//! [`Element`](crate::xml::Element) and typed values, nothing else. JIDs are text here.

pub mod bind2;
pub mod caps;
pub(crate) mod condition;
pub mod datetime;
pub mod delay;
pub mod error;
pub mod fast;
pub mod forms;
pub mod mam;
pub mod sasl1;
pub mod sasl2;
pub mod serial;
pub mod sm;
pub(crate) mod value;

#[cfg(test)]
pub(crate) mod testing;
