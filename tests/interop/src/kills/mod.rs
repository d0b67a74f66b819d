//! Real processes that are killed at any moment, and the fate of each message.
//!
//! A *victim* (`src/bin/victim`) is a whole client in a process of its own: store on disk, keys beside it, an app that
//! records what its client accepted and what it received. [`run`] kills it repeatedly and restarts it at once;
//! [`each_change`] has it killed at each change of its store in turn. [`judge`] compares the diaries of both in the
//! end. A kill removes nothing from a diary: what was written is in the kernel.

pub mod diary;
#[cfg(feature = "real-servers")]
pub mod each_change;
pub mod fate;
pub mod judge;
#[cfg(feature = "real-servers")]
mod process;
#[cfg(feature = "real-servers")]
pub mod run;
