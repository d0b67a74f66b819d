//! All decisions for one account, without I/O.
//!
//! Three machines, each with inputs, outputs and a clock that is an argument:
//!
//! - [`link::Link`] combines the stream and TLS into one byte interface: which bytes are sent together, and when;
//! - [`supervisor::Supervisor`] decides when to connect;
//! - [`Engine`] owns both and decides the rest: which address is dialed and when, the standby transport, log-out,
//!   background syncs, what is delivered, what is queued. Its hosts are the client's tokio driver and the simulation:
//!   they carry out its outputs and report the results.
//!
//! ```text
//!   app, platform, sockets, store, thread pool          (the host)
//!        │ EngineInput                  ▲ EngineOutput
//!        ▼                              │
//!   ┌─ Engine ──────────────────────────┴───────────────┐
//!   │  Supervisor: when     Link: one connection        │
//!   │                        ├─ proto::Connection       │
//!   │                        └─ Tls                     │
//!   └───────────────────────────────────────────────────┘
//! ```
//!
//! # Calling contract
//!
//! After each [`Engine::handle_input`], the host calls [`Engine::poll_output`] until it returns
//! [`EngineOutput::Timer`], and carries out each output before it polls the next one. Requests to the store are
//! answered when they are polled. Commits, look-ups, connects and work of the thread pool may take time and are
//! reported when they are complete. The full contract is in [`engine`]. The engine never blocks, reads no clock and
//! draws no random number.
//!
//! If a host needs an `if` about the protocol, the engine lacks an output.
//!
//! # Example
//!
//! A host without a network: the app wants to be online, and the engine looks up its server.
//!
//! ```
//! use snapback_engine::engine::Opened;
//! use snapback_engine::{Engine, EngineConfig, EngineInput, EngineOutput};
//! use snapback_proto::time::{Instant, Now, UnixTime};
//! use snapback_store::{MemoryStore, Store};
//!
//! # use std::sync::Arc;
//! # use snapback_engine::{engine::Discovery, supervisor::Timing};
//! # use snapback_proto::config::Config;
//! # use snapback_tls::{TlsContext, TlsVersions, Trust, danger};
//! # fn engine_config() -> EngineConfig {
//! #     let own = rcgen::generate_simple_self_signed(["example.org".to_owned()]).expect("a certificate");
//! #     let roots = danger::Roots::from_der([own.cert.der().as_ref()]).expect("a root");
//! #     let core = Config::new("juliet@example.org".parse().expect("a JID"), "d4565fa7-4d72-4749-b3d3-740edbf87770");
//! #     EngineConfig {
//! #         core: Arc::new(core), tls: TlsContext::new(Trust::Roots(roots)).expect("a context"),
//! #         versions: TlsVersions::Default, timing: Timing::default(), seed: 7, max_stanza: 240 * 1024,
//! #         group_commit: true, backlog_limit: 0, last_server: None, discovery: Discovery::default(),
//! #     }
//! # }
//! let mut engine = Engine::new(engine_config());
//! let mut store = MemoryStore::new();
//! let now = Now { mono: Instant::ZERO, wall: UnixTime(1_700_000_000) };
//!
//! let mut to_do = Vec::new();
//! for input in [EngineInput::Start, EngineInput::Connect] {
//!     engine.handle_input(input, now);
//!     loop {
//!         // Requests to the store are answered at once; everything else is carried out and reported later.
//!         let answer = match engine.poll_output() {
//!             EngineOutput::Timer { .. } => break,
//!             EngineOutput::OpenStore => EngineInput::StoreOpened(Ok(Opened::default())),
//!             EngineOutput::ReadDeliveries { from } => {
//!                 EngineInput::DeliveriesRead(store.undelivered_from(from.as_deref()))
//!             }
//!             EngineOutput::ReadSession => EngineInput::SessionRead(store.session()),
//!             other => {
//!                 to_do.push(other);
//!                 continue;
//!             }
//!         };
//!         engine.handle_input(answer, now);
//!     }
//! }
//! assert!(to_do.iter().any(|output| matches!(output, EngineOutput::LookUp { .. })));
//! ```
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

pub mod engine;
pub mod link;
pub mod recorder;
pub mod supervisor;
pub mod variants;

pub use engine::{Engine, EngineConfig, EngineEvent, EngineInput, EngineOutput};
