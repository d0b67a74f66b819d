//! XEP-0045: rooms. [`Rooms`] keeps an account in the rooms that its user has joined, across every reconnect: after a resumed session
//! it checks lazily whether the rooms still know this client (XEP-0410), after a new one it joins them again, and fetches what was
//! missed (XEP-0313, or the history of XEP-0045).
//!
//! - [`Rooms`] is the machine; [`RoomEvent`] is what it reports, [`RoomInfo`] what it knows of a room.
//! - [`requests`]: what moderators and owners ask of a room: members, roles, its configuration. No state.
//! - [`Invitation`]: XEP-0249 and the mediated ones of XEP-0045.

mod catch_up;
mod check;
mod env;
mod error;
mod event;
mod inbound;
mod invitation;
mod join;
mod machine;
mod occupants;
mod options;
mod outgoing;
mod place;
mod presence;
pub mod requests;
#[cfg(test)]
mod tests;

pub use error::{JoinError, LeaveReason, Loss};
pub use event::{Exit, RoomChange, RoomEvent, RoomFault};
pub use invitation::Invitation;
pub use machine::{
    BounceVerdict, MAX_ROOMS, MessageVerdict, RequestFailure, RequestId, Rooms, RoomsOutput,
    SessionStart,
};
pub use occupants::{MAX_ALL_OCCUPANTS, MAX_OCCUPANTS, Membership, RoomInfo, Subject};
pub use options::{Creation, History, RoomOptions};
pub use presence::{Affiliation, Occupant, Role};
