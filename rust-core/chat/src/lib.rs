//! What a chat app reads and writes, typed: messages with their receipts, markers, chat states, corrections, retractions, reactions,
//! replies and files.
//!
//! - [`ChatMessage`] reads a received message. What cannot be read stays in the stanza, and is reported as a [`payload::Problem`]; a
//!   message is never lost for it.
//! - [`Draft`] is a message to be sent.
//! - [`MessageKey`] is what an app keeps of a message, so that a later correction, retraction or reaction finds it: and only that
//!   of its author, where the specification demands it.
//! - [`Receipts`] decides which messages get a delivery receipt.
//! - [`payload`]: the extensions, one module each.
//! - [`room::Rooms`] keeps the account in its rooms (XEP-0045), across every reconnect.
//! - [`service`]: what a client asks of its server and of other entities: uploads, avatars, vCards, publish-subscribe.
//!
//! No I/O, no clock, no state but that of [`Receipts`] and [`room::Rooms`]. It stands on the wire format alone, so it can be used beside any connection;
//! what an app does not use is not linked.
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

mod draft;
mod key;
mod message;
pub mod payload;
mod receipts;
pub mod room;
pub mod service;
#[cfg(test)]
mod tests;

pub use draft::{Draft, DraftError};
pub use key::{
    Certainty, Conversation, MessageKey, Mismatch, Reference, ReferenceKind, RoomFeatures,
};
pub use message::{ChatMessage, MessageKind};
pub use payload::chat_state::ChatState;
pub use payload::fallback::{Extent, Fallback};
pub use payload::files::File;
pub use payload::hints::Hints;
pub use payload::ids::StanzaId;
pub use payload::reactions::Reactions;
pub use payload::reply::Reply;
pub use payload::retraction::{Retraction, Tombstone};
pub use payload::text::{Text, Texts, Thread};
pub use payload::{Problem, ProblemReason};
pub use receipts::{Arrival, ReceiptPolicy, Receipts};
