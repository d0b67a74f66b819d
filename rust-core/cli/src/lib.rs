//! The functions of the `snapback` command, for programs that use them as well.
//!
//! [`watch`] keeps an account online and writes what happens, one JSON object a line; [`probe`] looks at a server and tells
//! what to change; [`trace`] draws the lines of `watch`; [`flights`] returns a connection's timeline as words and durations.
//! docs/cli.md describes them.
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

mod escape;
pub mod flights;
mod options;
pub mod probe;
pub mod trace;
pub mod watch;
