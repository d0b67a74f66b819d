//! Everything that is decided about one account, and no I/O.
//!
//! Three machines, each with inputs, outputs and a clock that is an argument:
//!
//! - [`link::Link`] puts the stream and TLS behind one byte interface: which bytes leave together, and when;
//! - [`supervisor::Supervisor`] says when to connect;
//! - [`Engine`] owns both, and decides the rest: where to dial first, the standby transport, log-out, background syncs,
//!   what is delivered, what is queued. The client's tokio driver and the simulation are its hosts: they carry out what it
//!   says and report what came of it.
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

pub mod engine;
pub mod link;
pub mod supervisor;

pub use engine::{Engine, EngineConfig, EngineEvent, EngineInput, EngineOutput};
