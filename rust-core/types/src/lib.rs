//! The types that several crates of Snapback use, each defined once: [`jid`]s, [`endpoint`]s, [`transport`]s and the results of
//! TLS, the keys that a server may show ([`key_trust`]), [`time`] and [`secret`]s.
//!
//! The lowest crate: no I/O, no clock, no randomness, and no dependency on another crate of Snapback.
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

pub mod endpoint;
pub mod hex;
pub mod jid;
pub mod key_trust;
pub mod nat64;
pub mod proxy;
pub mod secret;
pub mod time;
pub mod transport;
