//! The bridge from the core to Kotlin and Swift.
//!
//! Nothing is decided here. One object, [`CoreClient`], stands for one account; everything else is a record or an enum: one of
//! the core, described with `#[uniffi::remote]`, or one that follows it, flattened so that both languages can hold it. What
//! people use is written by hand on top of it, in `android` and `ios`.
//!
//! How it is called:
//!
//! - **Pull.** [`CoreClient::next_events`] and its siblings wait; nothing is called back. The two exceptions are
//!   synchronous: [`KeyVault`] and [`LogSink`], never under a lock.
//! - **One runtime** for the whole process, with one worker; see `runtime.rs`. A future that is exported only waits for
//!   what happens there. Dropping it halfway stops the waiting, not the work.
//! - **An explicit end.** [`CoreClient::end`] ends everything that waits, at once and for good. A `next_..` call is never
//!   to be cancelled from outside: what it was about to hand over would be gone.
//! - **No panic gets through** (rule T10), and every error is an enum with fields.
//! - Times are milliseconds: the time types of the bindings do not exist on Android 7.
// UniFFI's macros write the functions of the C interface, and those are `unsafe` by nature. Nothing of ours is, apart
// from the one function that Java calls (`android.rs`).
#![allow(unsafe_code, reason = "the C interface that UniFFI's macros write")]
// The macros write public items where nobody in Rust sees them, and leave out what documents their C functions.
#![allow(unreachable_pub, reason = "exported to other languages, not to Rust")]

mod android;
mod cancel;
mod client;
mod config;
mod convert;
mod ending;
#[cfg(test)]
mod ending_tests;
mod error;
mod event;
mod handover;
mod jid;
mod log;
#[cfg(test)]
mod mirrors;
mod password;
mod platform;
mod roster;
mod runtime;
mod stanza;
mod state;
mod store;
mod timeline;
mod vault;
mod visit;
mod xml;

pub use client::CoreClient;
pub use config::{
    CoreConfig, DangerousTrust, Identity, LoginPolicy, Patience, ServerAddress, Storage,
    TransportKind,
};
pub use ending::{
    CertificateProblem, EndReason, Ending, LocalProblem, NoLoginProblem, ResolveProblem, Timer,
    TlsProblem, WrongAssumption,
};
pub use error::{CallError, IqError, OpenError, SendError};
pub use event::{CarbonDirection, Event, FailureReason, Stage};
pub use jid::{Jid, JidPart, JidProblem, StanzaAddress, parse_jid};
pub use log::{LogField, LogLevel, LogRecord, LogSink, set_log_sink};
pub use password::Password;
pub use platform::{NetworkState, SrvQuery, SrvRecord};
pub use roster::{Contact, Roster, Subscription};
pub use stanza::{IqAnswer, IqKind, IqRequest, OutgoingMessage, OutgoingPresence, Stanza};
pub use state::{ConnectionState, ConnectionStep, OfflineReason, SessionOutcome};
pub use store::{OpenReport, StorageProblem, StoreTrouble, StoreUnknown};
pub use timeline::{Flight, LocalStep, Timeline, TlsSummary};
pub use vault::{KeyVault, VaultError};
pub use visit::{CoreVisit, DrainOutcome};
pub use xml::escape_xml;

uniffi::setup_scaffolding!();
