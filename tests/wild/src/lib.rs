//! A corpus of peer behaviours: what servers and contacts do that XMPP clients do not expect, as data.
//!
//! [`case`] is the format, described in `docs/wild.md`. [`server`] turns a case into a server with a script. [`run`] runs a
//! case against Snapback; [`score`] runs all of them. The program of this crate also serves a case to any other client.

pub mod case;
pub mod observed;
pub mod run;
pub mod score;
pub mod server;
mod steps;
