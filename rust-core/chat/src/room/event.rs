//! What is reported about rooms.

use snapback_types::jid::{BareJid, Jid};
use snapback_wire::peer_text::PeerText;

use super::error::{JoinError, LeaveReason, Loss};
use super::invitation::Invitation;
use super::occupants::Subject;
use super::presence::Occupant;
use crate::payload::Problem;

/// An event of a room. Each can be lost without harm to what follows: [`RoomInfo`](super::RoomInfo) has the present state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomEvent {
    /// The room was joined, at first or again.
    Joined {
        /// The room.
        room: BareJid,
        /// The user's nickname there: the room may have assigned another one than the requested one (status 210).
        nick: String,
        /// Whether the room was created by this (status 201).
        is_created: bool,
        /// Whether it was joined before, and a session or the room had lost that.
        is_again: bool,
    },
    /// The first join has failed, and is not tried again.
    JoinFailed {
        /// The room.
        room: BareJid,
        /// The reason.
        error: JoinError,
    },
    /// The user is not in the room at the moment, and it is joined again.
    Lost {
        /// The room.
        room: BareJid,
        /// The reason.
        loss: Loss,
    },
    /// The user is not in the room any more.
    Left {
        /// The room.
        room: BareJid,
        /// The reason.
        reason: LeaveReason,
    },
    /// What was missed is received.
    CaughtUp {
        /// The room.
        room: BareJid,
        /// Whether nothing is missing. Without an archive this is certain only if the room's history has reached back to a known
        /// message.
        is_complete: bool,
    },
    /// The user's nickname in the room has changed.
    NickChanged {
        /// The room.
        room: BareJid,
        /// The new nickname.
        nick: String,
    },
    /// The room refused another nickname. The user keeps the old one.
    NickRefused {
        /// The room.
        room: BareJid,
        /// The reason.
        error: JoinError,
    },
    /// Another occupant has entered.
    Entered {
        /// The room.
        room: BareJid,
        /// The occupant.
        occupant: Occupant,
    },
    /// Another occupant has left.
    Exited {
        /// The room.
        room: BareJid,
        /// The occupant, as last known.
        occupant: Occupant,
        /// How.
        exit: Exit,
    },
    /// The presence, the role or the affiliation of an occupant has changed; the user may be that occupant.
    OccupantChanged {
        /// The room.
        room: BareJid,
        /// The occupant.
        occupant: Occupant,
    },
    /// Another occupant has changed the nickname.
    Renamed {
        /// The room.
        room: BareJid,
        /// The old nickname.
        from: String,
        /// The new one.
        to: String,
    },
    /// The room's subject was set; after each join it is reported.
    SubjectChanged {
        /// The room.
        room: BareJid,
        /// The subject.
        subject: Subject,
    },
    /// The room's configuration has changed (XEP-0045 section 10.2.1).
    Reconfigured {
        /// The room.
        room: BareJid,
        /// What is different.
        change: RoomChange,
    },
    /// The user was invited to a room. The sender is not known to be honest: joining is the user's decision.
    Invited(Invitation),
    /// A contact has declined an invitation of the user (XEP-0045 section 7.8.2).
    InvitationDeclined {
        /// The room.
        room: BareJid,
        /// Who declined.
        by: Option<Jid>,
        /// The given reason.
        reason: Option<PeerText>,
    },
    /// A stanza of a room, or in its name, was not followed.
    Fault {
        /// The room.
        room: BareJid,
        /// What is wrong with it.
        fault: RoomFault,
    },
    /// Events were left out, because the app took them too slowly. What [`RoomInfo`](super::RoomInfo) says of each room holds.
    Missed,
}

/// How an occupant left.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// On the occupant's own account.
    Left,
    /// Kicked by a moderator (status 307).
    Kicked(Option<PeerText>),
    /// Banned (status 301).
    Banned(Option<PeerText>),
    /// No longer a member of a members-only room (statuses 321 and 322).
    MembersOnly,
    /// For technical reasons (statuses 332 and 333).
    Technical,
}

/// What is different in a room (XEP-0045 section 10.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomChange {
    /// Something that has no effect on privacy (status 104).
    Configuration,
    /// Whether the room is logged has changed: it is now (`true`, status 170), or no longer (status 171).
    Logging(bool),
    /// Whether each occupant sees the addresses of the others has changed: now they do (`true`, status 172), or only moderators do
    /// (status 173).
    Addresses(bool),
}

/// Why a stanza was not followed. Safe to log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomFault {
    /// It cannot be read.
    Malformed(Problem),
    /// It says what only the room may say, and does not come from the room itself: the part of the protocol.
    Forged(&'static str),
    /// The room has more occupants than are kept.
    TooManyOccupants,
}
