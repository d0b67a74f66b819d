//! Real processes that are killed at any moment, and what became of each message.
//!
//! A *victim* (`src/bin/victim`) is a whole client in a process of its own: store on disk, keys beside it, an app that writes
//! down what it was promised and what it was given. [`run`] kills it again and again and starts it at once;
//! [`each_change`] has it killed at each change of its store in turn. [`judge`] compares the diaries of two of them in the end. Nothing in a diary is taken back by a kill: what was
//! written is in the kernel.

pub mod diary;
#[cfg(feature = "real-servers")]
pub mod each_change;
pub mod fate;
pub mod judge;
#[cfg(feature = "real-servers")]
mod process;
#[cfg(feature = "real-servers")]
pub mod run;
