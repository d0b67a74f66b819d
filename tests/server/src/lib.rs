//! A correct XMPP server for tests, in which every quick-start feature can be switched.
//!
//! It shares no code with the client core, so that the two check each other. The protocol is sans-IO: a [`Connection`]
//! turns bytes and the time into bytes and deadlines, over a [`World`] that holds what connections share.
//! [`ReferenceServer`] adds the sockets.
//!
//! Not a server for production: accounts are kept in memory, user names and passwords are not prepared (no PRECIS), and
//! presence supports only what the tests need.

#![allow(
    clippy::module_name_repetitions,
    reason = "SASL and SM types are clearer with their prefix"
)]

mod client_certificates;
mod connection;
mod faults;
mod jid;
mod listener;
mod ns;
mod observe;
mod post_quantum;
mod rng;
mod sasl;
mod script;
mod server;
mod switches;
mod time;
mod tls;
mod wire;
mod world;
mod xml;

pub use client_certificates::IssuedCertificate;
pub use connection::{Closing, Connection, Output};
pub use faults::{
    Action, ArchiveFault, CertificateFault, ConnectionEnd, Direction, Fault, Faults, FeaturesOf,
    Flood, Layer, Malformed, Point, ResumeFault, SessionPart,
};
pub use observe::{ConnectionRecord, Outcome, Read, ReceivedMessage, TlsRecord};
pub use sasl::Mechanism;
pub use script::{Pattern, Rule, Script, ScriptStep, When};
pub use server::{Config, ReferenceServer, StartError};
pub use switches::{FastFailure, Limits, SsdpAttribute, Switches, TlsVersions, UnknownId};
pub use time::Timestamp;
pub use tls::TlsError;
pub use wire::{PretendTls, Transport};
pub use world::{ConnectionId, RoomSettings, SessionSnapshot, World};
