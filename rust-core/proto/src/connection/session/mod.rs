//! The session: stanzas are exchanged, counted, acknowledged and answered.

mod acks;
mod answers;
mod archive;
mod caught_up;
mod client_state;
mod dedup;
mod establish;
mod for_app;
mod history;
mod inbound;
mod liveness;
mod lost;
mod management;
mod missed;
mod outbound;
mod payload;
mod push;
mod queued;
mod rate;
mod requests;
mod settling_query;
mod start;
mod state;
mod suspects;
#[cfg(test)]
mod tests;
mod unannounced;
mod unknown_fate;
mod visibility;

pub use answers::MAX_ANSWER_BYTES;
pub(super) use archive::note_unclean;
pub(super) use establish::check_full_jid;
pub(super) use lost::{handled, lost};
pub(super) use missed::{Missed, SessionResource};
pub(super) use queued::enqueue;
pub(super) use start::request_start;
pub(super) use state::{Inline, Session};
