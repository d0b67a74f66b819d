//! The events of rooms.

use snapback_chat::room::{self, Exit, LeaveReason, Loss, RoomChange, RoomFault};

use crate::jid::Jid;
use crate::room_types::{RoomOccupant, RoomRefusal, text};

/// An event of a room.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum RoomEvent {
    /// The room was joined, at first or again.
    Joined {
        /// The room.
        room: Jid,
        /// The user's nickname there.
        nick: String,
        /// Whether the room was created by this.
        created: bool,
        /// Whether it was joined before.
        again: bool,
    },
    /// The first join has failed, and is not tried again.
    JoinFailed {
        /// The room.
        room: Jid,
        /// The reason.
        refusal: RoomRefusal,
    },
    /// The user is not in the room at the moment, and it is joined again.
    Lost {
        /// The room.
        room: Jid,
        /// The reason.
        loss: RoomLoss,
    },
    /// The user is not in the room any more.
    Left {
        /// The room.
        room: Jid,
        /// The reason.
        exit: RoomExit,
    },
    /// What was missed, or asked for, is received.
    CaughtUp {
        /// The room.
        room: Jid,
        /// Whether nothing is missing.
        complete: bool,
    },
    /// The user's nickname has changed.
    NickChanged {
        /// The room.
        room: Jid,
        /// The new nickname.
        nick: String,
    },
    /// The room refused another nickname.
    NickRefused {
        /// The room.
        room: Jid,
        /// The reason.
        refusal: RoomRefusal,
    },
    /// Another occupant has entered.
    Entered {
        /// The room.
        room: Jid,
        /// The occupant.
        occupant: RoomOccupant,
    },
    /// Another occupant has left.
    Exited {
        /// The room.
        room: Jid,
        /// The occupant, as last known.
        occupant: RoomOccupant,
        /// How.
        exit: RoomExit,
    },
    /// The presence, the role or the affiliation of an occupant has changed.
    OccupantChanged {
        /// The room.
        room: Jid,
        /// The occupant.
        occupant: RoomOccupant,
    },
    /// Another occupant has changed the nickname.
    Renamed {
        /// The room.
        room: Jid,
        /// The old nickname.
        from: String,
        /// The new one.
        to: String,
    },
    /// The room's subject was set.
    SubjectChanged {
        /// The room.
        room: Jid,
        /// The subject; nothing if it was removed.
        subject: Option<String>,
        /// The nickname of the occupant who set it.
        by: Option<String>,
    },
    /// The room's configuration has changed.
    Reconfigured {
        /// The room.
        room: Jid,
        /// What is different.
        change: RoomConfigChange,
    },
    /// The user was invited to a room. The sender is not known to be honest.
    Invited {
        /// The invitation.
        invitation: RoomInvitation,
    },
    /// A contact has declined an invitation of the user.
    InvitationDeclined {
        /// The room.
        room: Jid,
        /// Who declined.
        by: Option<Jid>,
        /// The given reason.
        reason: Option<String>,
    },
    /// A stanza of a room, or in its name, was not followed.
    Fault {
        /// The room.
        room: Jid,
        /// What is wrong with it, safe to log.
        what: String,
    },
    /// Events were left out, because the app took them too slowly.
    Missed,
}

/// An invitation to a room. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct RoomInvitation {
    /// The room.
    pub room: Jid,
    /// Who invites.
    pub by: Option<Jid>,
    /// Whether the contact sent it directly (XEP-0249), and not through the room.
    pub direct: bool,
    /// The given reason.
    pub reason: Option<String>,
    /// The room's password.
    pub password: Option<String>,
}

impl std::fmt::Debug for RoomInvitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoomInvitation")
            .field("direct", &self.direct)
            .finish_non_exhaustive()
    }
}

/// Why the user is not in a room at the moment.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum RoomLoss {
    /// The room does not know this client any more.
    NotJoined,
    /// The service shuts down.
    Shutdown,
    /// The room removed the user for technical reasons.
    Technical,
    /// The room removed the user and gave no reason.
    Removed,
    /// The attempt to join the room again has failed for now.
    NotYet {
        /// The reason.
        refusal: RoomRefusal,
    },
}

/// How an occupant, or the user, left a room.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum RoomExit {
    /// On the occupant's own account; the user, because the app left the room.
    Left,
    /// Removed by a moderator.
    Kicked {
        /// Who did it, if the room says so.
        actor: Option<String>,
        /// The given reason.
        reason: Option<String>,
    },
    /// Banned.
    Banned {
        /// Who did it, if the room says so.
        actor: Option<String>,
        /// The given reason.
        reason: Option<String>,
    },
    /// No longer a member of a members-only room.
    MembersOnly,
    /// For technical reasons.
    Technical,
    /// The room was destroyed.
    Destroyed {
        /// A room to join instead.
        alternative: Option<Jid>,
        /// The given reason.
        reason: Option<String>,
    },
    /// The room did not let the user in again after a loss.
    Refused {
        /// The reason.
        refusal: RoomRefusal,
    },
}

/// What is different in a room's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum RoomConfigChange {
    /// Something that has no effect on privacy.
    Configuration,
    /// Whether the room is logged.
    Logging {
        /// Whether it is now.
        enabled: bool,
    },
    /// Whether all occupants see the addresses of the others.
    Addresses {
        /// Whether they do now.
        visible: bool,
    },
}

impl From<room::RoomEvent> for RoomEvent {
    fn from(event: room::RoomEvent) -> Self {
        use room::RoomEvent as Core;
        match event {
            Core::Joined {
                room,
                nick,
                is_created,
                is_again,
            } => Self::Joined {
                room: room.into(),
                nick,
                created: is_created,
                again: is_again,
            },
            Core::JoinFailed { room, error } => Self::JoinFailed {
                room: room.into(),
                refusal: error.into(),
            },
            Core::Lost { room, loss } => Self::Lost {
                room: room.into(),
                loss: loss.into(),
            },
            Core::Left { room, reason } => Self::Left {
                room: room.into(),
                exit: reason.into(),
            },
            Core::CaughtUp { room, is_complete } => Self::CaughtUp {
                room: room.into(),
                complete: is_complete,
            },
            Core::NickChanged { room, nick } => Self::NickChanged {
                room: room.into(),
                nick,
            },
            Core::NickRefused { room, error } => Self::NickRefused {
                room: room.into(),
                refusal: error.into(),
            },
            event => Self::of_room(event),
        }
    }
}

impl RoomEvent {
    /// Converts an event that is not about the user's own place in the room.
    fn of_room(event: room::RoomEvent) -> Self {
        use room::RoomEvent as Core;
        match event {
            Core::Entered { room, occupant } => Self::Entered {
                room: room.into(),
                occupant: occupant.into(),
            },
            Core::Exited {
                room,
                occupant,
                exit,
            } => Self::Exited {
                room: room.into(),
                occupant: occupant.into(),
                exit: exit.into(),
            },
            Core::OccupantChanged { room, occupant } => Self::OccupantChanged {
                room: room.into(),
                occupant: occupant.into(),
            },
            Core::Renamed { room, from, to } => Self::Renamed {
                room: room.into(),
                from,
                to,
            },
            Core::SubjectChanged { room, subject } => Self::SubjectChanged {
                room: room.into(),
                subject: text(subject.text),
                by: subject.by,
            },
            Core::Reconfigured { room, change } => Self::Reconfigured {
                room: room.into(),
                change: change.into(),
            },
            Core::Invited(invitation) => Self::Invited {
                invitation: RoomInvitation {
                    room: invitation.room.into(),
                    by: invitation.by.map(Into::into),
                    direct: invitation.is_direct,
                    reason: text(invitation.reason),
                    password: invitation.password,
                },
            },
            Core::InvitationDeclined { room, by, reason } => Self::InvitationDeclined {
                room: room.into(),
                by: by.map(Into::into),
                reason: text(reason),
            },
            Core::Fault { room, fault } => Self::Fault {
                room: room.into(),
                what: describe(fault),
            },
            _ => Self::Missed,
        }
    }
}

fn describe(fault: RoomFault) -> String {
    match fault {
        RoomFault::Malformed(problem) => problem.to_string(),
        RoomFault::Forged(what) => format!("forged {what}"),
        _ => "too many occupants".to_owned(),
    }
}

impl From<Loss> for RoomLoss {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::NotJoined => Self::NotJoined,
            Loss::Shutdown => Self::Shutdown,
            Loss::Technical => Self::Technical,
            Loss::NotYet(error) => Self::NotYet {
                refusal: error.into(),
            },
            _ => Self::Removed,
        }
    }
}

impl From<LeaveReason> for RoomExit {
    fn from(reason: LeaveReason) -> Self {
        match reason {
            LeaveReason::Kicked { actor, reason } => Self::Kicked {
                actor: text(actor),
                reason: text(reason),
            },
            LeaveReason::Banned { actor, reason } => Self::Banned {
                actor: text(actor),
                reason: text(reason),
            },
            LeaveReason::MembersOnly => Self::MembersOnly,
            LeaveReason::Destroyed {
                alternative,
                reason,
            } => Self::Destroyed {
                alternative: alternative.map(Into::into),
                reason: text(reason),
            },
            LeaveReason::Refused(error) => Self::Refused {
                refusal: error.into(),
            },
            _ => Self::Left,
        }
    }
}

impl From<Exit> for RoomExit {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Kicked(reason) => Self::Kicked {
                actor: None,
                reason: text(reason),
            },
            Exit::Banned(reason) => Self::Banned {
                actor: None,
                reason: text(reason),
            },
            Exit::MembersOnly => Self::MembersOnly,
            Exit::Technical => Self::Technical,
            _ => Self::Left,
        }
    }
}

impl From<RoomChange> for RoomConfigChange {
    fn from(change: RoomChange) -> Self {
        match change {
            RoomChange::Logging(enabled) => Self::Logging { enabled },
            RoomChange::Addresses(visible) => Self::Addresses { visible },
            _ => Self::Configuration,
        }
    }
}
