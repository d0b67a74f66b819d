//! The protocol core, the engine and the store, as shipped, in a deterministic world of faults: virtual time, a network
//! that breaks at any byte, clocks that jump, a process that is killed at any transaction, a server that misbehaves.
//! Everything is drawn from a seed, and compared with a model after every step.
//!
//! `docs/testing.md` says how to use it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::too_many_arguments,
    reason = "test code: what goes wrong should stop the test"
)]

pub mod campaign;
pub mod coverage;
mod disk;
mod elements;
pub mod faults;
mod host;
pub mod hostile;
mod hosts;
mod keys;
mod model;
mod network;
mod null_tls;
mod phone;
mod random;
pub mod script;
pub mod setup;
pub mod shrink;
mod simulation;
mod tap;
pub mod turns;
mod wire;

pub use model::{Counts, Violation};
pub use script::{Action, Cut, Profile, Script, ScriptStep};
pub use simulation::{Options, Outcome, run};
