//! Snapback for Rust: an XMPP client that is back at once, loses nothing, and explains itself.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use snapback_client::{Client, ClientConfig, Event};
//!
//! let client = Client::open(ClientConfig::new("juliet@example.org", "password")?)?;
//! client.connect();
//! client.send_message("romeo@example.net", "Wherefore art thou?").await?;
//! while let Some(event) = client.next_event().await {
//!     if let Event::Online { outcome, timeline, .. } = &event {
//!         println!("{outcome:?} after {} round trips", timeline.round_trips());
//!     }
//!     if let Some(delivery) = event.delivery() {
//!         client.confirm(&delivery.id); // or it comes again
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Calling contract
//!
//! - [`Client::open`] opens the store and starts a task on the current tokio runtime; one worker thread is enough. Nothing is
//!   connected before [`Client::connect`]. From then on the client reconnects by itself after each break, until
//!   [`Client::disconnect`], [`Client::suspend`] or [`Client::log_out`].
//! - [`Client::next_event`] returns what happens, in order. An app that takes no events delays inbound stanzas, and
//!   nothing else: logins, timers and reconnects do not depend on it.
//! - A stanza that is sent is stored before its first byte leaves: when [`Client::send`] returns, it survives the
//!   process (with a [`SqliteStore`]) and is sent again after a break. [`Event::Stage`] reports its progress: sent,
//!   acknowledged, or failed.
//! - A stanza that is received is stored before it is acknowledged to the server (XEP-0198, rule I1). It is delivered
//!   again after a restart, with the same delivery ID, until [`Client::confirm`] has been called with that ID.
//! - [`Event::Ended`] reports each connection that ended, with its cause. Whether the client tries again by itself is in
//!   [`Event::State`]: [`ConnectionState::Offline`] has the reason.
//! - [`Client::rooms`] joins rooms (XEP-0045) and keeps them joined across every reconnect. Their events have a queue of their
//!   own: [`Rooms::next_event`].
//! - An app on a phone also calls [`Client::network_changed`], [`Client::set_active`], [`Client::suspend`] and
//!   [`Client::resume`], and answers [`Client::next_platform_request`] where [`Network::ask_platform`] is set.
//!
//! # Components
//!
//! ```text
//!   app          connect, send, confirm, ..          next_event, states
//!                         |                                  ^
//!   Client                v                                  |
//!                +--- driver: one task on tokio, decides nothing ---+
//!                |   sockets     DNS      thread pool     store     |
//!                +--------|---------|----------|------------|-------+
//!                         v         v          v            v
//!                +--- snapback_engine::Engine: one account, no I/O -+
//!                |   when to connect, what to say, what to store    |
//!                +--------------------------------------------------+
//! ```
//!
//! All decisions are made by the engine ([`snapback_engine`]); this crate opens sockets, looks names up, commits
//! transactions and reports the results. [`proto`], [`resolver`] and [`store`] are the crates below, for apps that need
//! their types.
//!
//! # Examples
//!
//! `cargo run -p snapback-client --example hello` sends one message; `echo_bot` answers each message with its text; `timeline`
//! prints what each flight of a login and of a resumption carried. `examples/support/mod.rs` says how they find a server.
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

pub mod attempts;
mod background_sync;
mod client;
mod clock;
mod config;
mod contacts;
mod credentials;
pub mod danger;
mod dial;
mod driver;
mod event_queue;
mod fast_open;
mod ids;
mod inbound;
mod inbound_queue;
mod iq;
mod name_servers;
mod names;
mod outgoing;
mod platform;
mod proxy;
mod push;
mod room_events;
mod rooms;
mod services;
mod side_queue;
mod xml;

pub use background_sync::{BackgroundSync, ClientEnded, DrainOptions, DrainOutcome, DrainReport};
pub use client::Client;
pub use config::{ClientConfig, ConfigError, Network};
pub use credentials::{Credentials, ProvidedToken, TokenProvider};
pub use dial::{Dial, Dialing, TcpDial};
pub use driver::SendError;
pub use inbound::InboundRequest;
pub use iq::IqError;
pub use outgoing::{OutgoingMessage, OutgoingPresence};
pub use platform::{DnsQuery, PlatformAnswer, PlatformRequest, RecordType, RequestId};
pub use proxy::{Proxy, ProxyCredentials, ProxyKind, ProxyNames};
pub use push::{PushError, PushService};
pub use rooms::{Room, RoomError, Rooms};
pub use xml::{ParseXmlError, escape_xml, parse_received_xml, parse_xml};

pub use services::{
    CapsInfo, HistoryMessage, HistoryPage, HistoryRequest, OutgoingAvatar, ServiceError,
    UploadService,
};
pub use snapback_chat::room;

pub use snapback_chat::service;
pub use snapback_engine::engine::{
    Abandonment, ConnectFailure, DialError, DialFate, DialReport, DialedAddress, EndReason,
    EndedQuery, EngineEvent as Event, KeyError, Refusal, RespondError, ServerAddress,
};
pub use snapback_engine::link::{FlightReport, LinkError, LocalStep, Timeline};
pub use snapback_engine::recorder::{AttemptRecord, ConnectionQuality, Percentiles};
pub use snapback_engine::supervisor::{
    AfterEnd, AttemptPhase, ConnectionState, OfflineReason, Timing,
};
pub use snapback_proto as proto;
pub use snapback_proto::config::{CatchUp, Identity, Policy, PostQuantum, Timeouts, UserAgent};
pub use snapback_proto::connection::{Failure, Outcome, Stage, Timer};
pub use snapback_proto::error::{Assumption, ConnectionError, LocalError, NoSession, PeerError};
pub use snapback_proto::jid::{Address, BareJid, FullJid, Jid, JidError};
pub use snapback_proto::knowledge::Delivery;
pub use snapback_proto::plan::{Flight, Goal, Login, Plan, Purpose, Transport};
pub use snapback_proto::protocol_message::ProtocolMessage;
pub use snapback_proto::sasl::{CredentialError, OwnExchange, OwnMechanism, OwnName};
pub use snapback_proto::secret::Secret;
pub use snapback_proto::stanza::StanzaError;
pub use snapback_proto::stream::error::StreamCondition;
pub use snapback_proto::xep::blocking::{BlockList, BlockListChange};
pub use snapback_proto::xep::carbons::{Carbon, Direction as CarbonDirection};
pub use snapback_proto::xep::roster::Item as RosterItem;
pub use snapback_proto::xml::{Element, Limit, Limits};
pub use snapback_resolver as resolver;
pub use snapback_store as store;
pub use snapback_store::{
    FileVault, KeyVault, MemoryStore, OpenReport, Roster, SqliteStore, Store, StoreError,
    VaultError,
};
pub use snapback_tls::{
    CertificateError, ClientCertificate, KeyHash, TlsContext, TlsError, TlsVersions, Trust,
    fingerprint,
};
pub use snapback_types::proxy::{ProxyError, SocksRefusal};
