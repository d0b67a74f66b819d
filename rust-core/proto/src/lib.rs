//! The XMPP protocol core of Snapback: bytes and time in, bytes and events out.
//!
//! This crate performs no I/O. It has no sockets, no clock, no randomness, no async and no database: time, entropy
//! and bytes are arguments, so a whole login runs in a test at millions of steps a second and a failure replays
//! from its seed.

pub mod config;
pub mod connection;
pub mod entropy;
pub mod error;
pub mod knowledge;
#[doc(hidden)]
pub mod mistakes;
pub mod ns;
pub mod part;
pub mod plan;
pub mod sasl;
pub mod stanza;
pub mod stream;
pub mod xep;
pub mod xml;

// What arguments and results are made of.
pub use snapback_types::{jid, secret, time};
