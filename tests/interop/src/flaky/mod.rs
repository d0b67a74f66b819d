//! Real servers on networks that break: real packets through a link between two namespaces, which is cut repeatedly
//! while messages go both ways.
//!
//! ```text
//!   client's namespace                                 server's namespace
//!   Juliet ─────────── link of the profile ─────────── server ─── Romeo
//! ```
//!
//! Juliet's phone is on the unreliable link; Romeo is beside the server. Each message is counted by its id at both
//! ends.
#![allow(
    clippy::expect_used,
    reason = "test support: what cannot be set up must fail the test"
)]

mod party;
mod round;
mod round_trips;
mod stage;
mod tally;

pub use round::{Cutting, Pace};
pub use round_trips::{Cell, RoundTrips, logins, resumptions_without_syn_data};
pub use stage::{Backend, Setting, Stage};
pub use tally::{Back, Duplicates, Login, MessageCounts, Recovery};
