//! A correct XMPP server for tests, with every quick-start capability as a switch.
//!
//! Written without a line of the client core, so that the two check each other. The protocol is
//! sans-IO: a [`Connection`] turns bytes and the time into bytes and deadlines, over a [`World`]
//! that holds what connections share. [`ReferenceServer`] puts sockets around them.
//!
//! Not a server for people: accounts live in memory, user names and passwords are taken as
//! they are (no PRECIS), and presence is only as good as the tests need.

#![allow(
    clippy::module_name_repetitions,
    reason = "SASL and SM types are clearer with their prefix"
)]

mod connection;
mod faults;
mod jid;
mod listener;
mod ns;
mod observe;
mod rng;
mod sasl;
mod server;
mod switches;
mod time;
mod tls;
mod wire;
mod world;
mod xml;

pub use connection::{Closing, Connection, Output};
pub use faults::{
    Action, ArchiveFault, CertificateFault, Direction, Fault, Faults, FeaturesOf, Flood, Layer,
    Malformed, Point, ResumeFault,
};
pub use observe::{ConnectionRecord, Outcome, Read, ReceivedMessage, TlsRecord};
pub use sasl::Mechanism;
pub use server::{Config, ReferenceServer, StartError};
pub use switches::{FastFailure, Limits, SsdpAttribute, Switches, TlsVersions, UnknownId};
pub use time::Timestamp;
pub use tls::TlsError;
pub use wire::{PretendTls, Transport};
pub use world::{ConnectionId, SessionSnapshot, World};
