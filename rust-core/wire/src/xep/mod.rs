//! Extensions (XEPs) and the parts of RFC 6120 and 6121 that a session uses, one small codec each: between an
//! [`Element`](crate::xml::Element) and typed values, nothing else. JIDs are text here.

pub mod bind;
pub mod bind2;
pub mod blocking;
pub mod caps;
pub mod carbons;
pub(crate) mod condition;
pub mod csi;
pub mod datetime;
pub mod delay;
pub mod disco;
pub mod error;
pub mod fast;
pub mod forms;
pub mod history;
pub mod mam;
pub mod ping;
pub mod push;
pub mod roster;
pub mod sasl1;
pub mod sasl2;
pub mod serial;
pub mod sm;
pub mod stanza_id;
pub(crate) mod value;

#[cfg(test)]
pub(crate) mod testing;
