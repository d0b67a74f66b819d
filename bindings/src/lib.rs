//! The bridge from the core to Kotlin and Swift.
//!
//! It makes no decisions. One object, [`CoreClient`], represents one account. Everything else is a record or an enum:
//! one of the core, described with `#[uniffi::remote]`, or one that follows it, flattened so that both languages can
//! represent it. The public APIs are written by hand on top of it, in `android` and `ios`.
//!
//! Conventions:
//!
//! - **Pull.** [`CoreClient::next_events`] and similar functions wait; nothing is called back. The two exceptions are
//!   synchronous: [`KeyVault`] and [`LogSink`], which are never called under a lock.
//! - **One runtime** for the whole process, with one worker; see `runtime.rs`. An exported future only waits for what
//!   happens there. Dropping it stops the waiting, not the work.
//! - **An explicit end.** [`CoreClient::end`] ends all pending calls, at once and permanently. A `next_..` call must
//!   not be cancelled by the caller, since what it was about to return would be lost.
//! - **Panics do not cross the interface** (rule T10), and every error is an enum with fields.
//! - Times are milliseconds: the time types of UniFFI do not exist on Android 7.
// UniFFI's macros generate the functions of the C interface, which are `unsafe` by nature. Handwritten code is not,
// except the one function that Java calls (`android.rs`), and the one that takes a descriptor (`connector.rs`).
#![cfg_attr(not(test), warn(clippy::too_many_lines))]
#![allow(unsafe_code, reason = "the C interface that UniFFI's macros write")]
// The macros generate public items that are not visible in Rust, and omit the documentation of their C functions.
#![allow(unreachable_pub, reason = "exported to other languages, not to Rust")]

mod android;
mod background_sync;
mod block_list;
mod cancel;
mod chat;
mod client;
mod config;
mod connector;
mod convert;
mod credentials;
mod dial;
mod element;
mod ending;
#[cfg(test)]
mod ending_tests;
mod error;
mod event;
mod flush_barrier;
mod inbound;
mod jid;
mod key_trust;
mod log;
#[cfg(test)]
mod mirrors;
mod password;
mod platform;
mod proxy;
mod push;
mod receipts;
mod recorder;
mod refused_certificate;
mod room_event;
mod room_types;
mod rooms;
mod roster;
mod runtime;
mod services;
mod stanza;
mod state;
mod store;
mod timeline;
mod vault;
mod xml;

pub use background_sync::{CoreBackgroundSync, DrainOutcome, DrainReport};
pub use block_list::BlockListChange;
pub use chat::{
    ChatState, Conversation, FileReference, Hints, LocalizedText, MessageContent, MessageKey,
    MessageReference, PayloadProblem, Reactions, ReferenceKind, ReferenceVerdict, Reply,
    RoomFeatures, StanzaId, Tombstone, refers_to,
};
pub use client::CoreClient;
pub use config::{
    CoreConfig, DangerousTrust, Identity, LoginPolicy, PostQuantum, ServerAddress, Storage,
    Timeouts, TransportKind,
};
pub use connector::{ConnectProblem, ConnectRequest};
pub use credentials::{CoreCredentials, TokenProblem, TokenRequest};
pub use dial::{DialFate, DialReport, DialedAddress, NameQuery, NameResult, NameSource};
pub use element::{
    XmlAttribute, XmlElement, XmlNode, XmlProblem, client_namespace, parse_element,
    parse_received_element, write_element,
};
pub use ending::{
    CertificateProblem, EndReason, Ending, LocalProblem, NoLoginProblem, ResolveProblem, Timer,
    TlsProblem, WrongAssumption,
};
pub use error::{CallError, IqError, OpenError, SendError};
pub use event::{CarbonDirection, Event, FailureReason, Stage};
pub use inbound::{ErrorType, InboundRequest};
pub use jid::{Jid, JidPart, JidProblem, StanzaAddress, parse_jid};
pub use key_trust::{KeyError, explain_certificate, key_fingerprint};
pub use log::{LogField, LogLevel, LogRecord, LogSink, set_log_sink};
pub use password::Password;
pub use platform::{
    DnsAnswer, DnsQuery, DnsRequest, NameSystem, NetworkState, PrivateDns, RecordType, SrvRecord,
};
pub use proxy::{Proxy, ProxyKind};
pub use receipts::ReceiptPolicy;
pub use recorder::{AttemptRecord, ConnectionQuality, Percentiles};
pub use refused_certificate::RefusedCertificate;
pub use room_event::{RoomConfigChange, RoomEvent, RoomExit, RoomInvitation, RoomLoss};
pub use room_types::{
    RoomAffiliation, RoomCreation, RoomError, RoomField, RoomHistory, RoomInfo, RoomMember,
    RoomMembership, RoomOccupant, RoomOptions, RoomProblem, RoomRefusal, RoomRole,
};
pub use roster::{Contact, Roster, Subscription};
pub use services::{AvatarProblem, ServiceError};
pub use stanza::{IqAnswer, IqKind, IqRequest, OutgoingMessage, OutgoingPresence, Stanza};
pub use state::{ConnectionState, ConnectionStep, OfflineReason, SessionOutcome};
pub use store::{OpenReport, StorageProblem, StoreTrouble, StoreUnknown};
pub use timeline::{Flight, LocalStep, Timeline, TlsSummary};
pub use vault::{KeyVault, VaultError};
pub use xml::escape_xml;

uniffi::setup_scaffolding!();
