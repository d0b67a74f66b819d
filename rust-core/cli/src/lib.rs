//! The functions of the `snapback` command, for programs that use them as well.
//!
//! [`watch`] keeps an account online and writes what happens, one JSON object a line; [`probe`] looks at a server and tells
//! what to change; [`flights`] returns a connection's timeline as words and durations. docs/cli.md describes both.
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

mod escape;
pub mod flights;
mod options;
pub mod probe;
pub mod watch;
