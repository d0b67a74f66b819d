//! What the `snapback` command does, for programs that do it as well.
//!
//! [`watch`] keeps an account online and writes what happens, one JSON object a line; [`flights`] gives a connection's
//! timeline in words and durations. Both are what docs/cli.md describes.

pub mod flights;
pub mod watch;
