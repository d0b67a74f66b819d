//! The wire format of XMPP: how its elements are read and written. No state, no I/O.
//!
//! - [`xml`]: a strict push reader, which finds where each top-level element ends (RFC 6120 section 11), elements, and the
//!   writer;
//! - [`stanza`]: messages, presence and iqs, and their errors (RFC 6120 section 8);
//! - [`stream`]: headers, stream features and stream errors (RFC 6120 section 4);
//! - [`sasl`]: conditions of a refused login (RFC 6120 section 6.5);
//! - [`xep`]: one module for each extension;
//! - [`peer_text`]: human-readable text of a peer, made safe to show;
//! - [`ns`]: the namespaces.
//!
//! Everything here takes bytes or elements and returns values, so it can be used without a connection. What a connection
//! does with them is in `snapback-proto`.
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

pub mod ns;
pub mod peer_text;
pub mod sasl;
pub mod stanza;
pub mod stream;
pub mod xep;
pub mod xml;

// What arguments and results are made of.
pub use snapback_types::{jid, secret, time};
