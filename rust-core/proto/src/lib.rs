//! The XMPP protocol core of Snapback: bytes and time in, bytes and events out.
//!
//! This crate performs no I/O. It has no sockets, no clock, no randomness, no async and no database: time, entropy
//! and bytes are arguments, so a whole login runs in a test at millions of steps a second and a failure replays
//! from its seed.
//!
//! # What is where
//!
//! - [`connection`]: one connection as a state machine: login (RFC 6120, XEP-0388, XEP-0386, XEP-0484), stream management
//!   (XEP-0198), stanzas, the archive after a lost session (XEP-0313);
//! - [`plan`]: which flights a login takes, computed from what is known of the server. A plan is data, and prints itself;
//! - [`knowledge`]: what is remembered between connections, and the changes to it;
//! - [`sasl`]: the mechanisms (RFC 5802, XEP-0484) and which of them is used;
//! - [`stanza`], [`stream`], [`xep`], [`xml`]: the wire format, which is a crate of its own, `snapback-wire`.
//!
//! # Calling contract
//!
//! ```text
//!              handle_input(Input, now)                        poll_output() -> Output
//!   Connected, TlsEstablished, Received,  +------------+  Persist, Transmit, ClientHello,
//!   TransportClosed, Timeout, Command,    |            |  TlsFollows, Event, CloseTransport, ..
//!   Committed, PersistFailed          --->| Connection |--->
//!                                         |            |  .. until Timeout { when, why }:
//!                                         +------------+  nothing more before that instant
//! ```
//!
//! After each [`connection::Connection::handle_input`], call [`connection::Connection::poll_output`] until it returns
//! [`connection::Output::Timeout`], and act on each output. An output that is `after` a transaction leaves only once
//! that transaction is committed: a stanza is stored before its first byte leaves, and `<a/>` counts only what is stored. A
//! transaction that fails is an input like any other. Malformed input ends the connection with a
//! [`error::ConnectionError`]; nothing panics.
//!
//! # Example
//!
//! The first flight of a login over STARTTLS, without a server:
//!
//! ```
//! use std::sync::Arc;
//!
//! use snapback_proto::config::Config;
//! use snapback_proto::connection::{Connection, Input, Output, Start};
//! use snapback_proto::knowledge::Knowledge;
//! use snapback_proto::plan::{Purpose, Transport};
//! use snapback_proto::time::{Instant, Now, UnixTime};
//!
//! let now = Now { mono: Instant::ZERO, wall: UnixTime(1_700_000_000) };
//! let account = "juliet@example.org".parse()?;
//! let config = Config {
//!     password: Some("secret".into()),
//!     ..Config::new(account, "d4565fa7-4d72-4749-b3d3-740edbf87770")
//! };
//! let start = Start {
//!     config: Arc::new(config),
//!     transport: Transport::StartTls,
//!     knowledge: Knowledge::default(), // nothing is known of this server
//!     derived_keys: None,
//!     token_refused: false,
//!     early_data_possible: false,
//!     fast_open: false,
//!     purpose: Purpose::Session,
//!     active: true,
//!     seed: [7; 32], // from the platform's random source
//! };
//! let mut connection = Connection::new(start, now);
//! assert!(connection.plan().to_string().starts_with("4 round trips: TCP | header + starttls | ClientHello"));
//!
//! connection.handle_input(Input::Connected, now);
//! let mut flight = Vec::new();
//! loop {
//!     match connection.poll_output() {
//!         Output::Transmit { after: None, bytes, .. } => flight.extend_from_slice(&bytes),
//!         Output::Timeout { .. } => break, // nothing more to do before an answer, or this deadline
//!         _ => {}
//!     }
//! }
//! // Header and <starttls/> in one write (rule S2).
//! let flight = String::from_utf8_lossy(&flight);
//! assert!(flight.contains("to='example.org'"), "{flight}");
//! assert!(flight.ends_with("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), "{flight}");
//! # Ok::<(), snapback_proto::jid::JidError>(())
//! ```
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

pub mod config;
pub mod connection;
pub mod entropy;
pub mod error;
pub mod escalation;
pub mod knowledge;
pub mod plan;
pub mod protocol_message;
pub mod sasl;

// What arguments and results are made of.
pub use snapback_types::{jid, secret, time};
pub use snapback_wire::{ns, peer_text, stanza, stream, xep, xml};
