//! What every layer of Snapback speaks of, each type once: [`jid`]s, [`endpoint`]s, [`transport`]s with what came of TLS
//! on them, [`time`] and [`secret`]s.
//!
//! The lowest crate: no I/O, no clock, no randomness, and no other crate of Snapback below it.

pub mod endpoint;
pub mod hex;
pub mod jid;
pub mod secret;
pub mod time;
pub mod transport;
