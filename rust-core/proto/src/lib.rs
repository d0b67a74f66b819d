//! The XMPP protocol core of Snapback: bytes and time in, bytes and events out.
//!
//! This crate performs no I/O. It has no sockets, no clock, no randomness, no async and no database: time, entropy
//! and bytes are arguments, so a whole login runs in a test at millions of steps a second and a failure replays
//! from its seed.

pub mod jid;
pub mod ns;
pub mod secret;
pub mod time;
pub mod xml;
