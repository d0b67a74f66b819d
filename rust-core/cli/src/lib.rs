//! The functions of the `snapback` command, for programs that use them as well.
//!
//! [`watch`] keeps an account online and writes what happens, one JSON object a line; [`flights`] returns a
//! connection's timeline as words and durations. docs/cli.md describes both.
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

pub mod flights;
pub mod watch;
