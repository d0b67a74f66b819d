//! What is known of rooms, and why they refuse (XEP-0045).

use snapback_chat::room::requests::Affiliated;
use snapback_chat::room::{self, History, JoinError};
pub use snapback_chat::room::{
    Affiliation as RoomAffiliation, Creation as RoomCreation, Membership as RoomMembership,
    Role as RoomRole,
};
use snapback_client as core;
use snapback_client::BareJid;
use snapback_client::proto::peer_text::PeerText;
use snapback_client::proto::time::UnixTime;
use snapback_client::proto::xep::forms::Field;

use crate::RoomFeatures;
use crate::error::{CallError, IqError};
use crate::jid::{Jid, JidProblem};

/// What an occupant of a room may do, until it leaves the room.
#[uniffi::remote(Enum)]
pub enum RoomRole {
    /// Not in the room.
    None,
    /// May read. Cannot write in a moderated room.
    Visitor,
    /// May read and write.
    Participant,
    /// May also remove participants, and grant voice.
    Moderator,
}

/// The lasting relation of a user to a room.
#[uniffi::remote(Enum)]
pub enum RoomAffiliation {
    /// Banned.
    Outcast,
    /// None.
    None,
    /// May enter a members-only room.
    Member,
    /// May also ban users and make them members.
    Admin,
    /// May also configure and destroy the room.
    Owner,
}

/// Whether the user is in a room.
#[uniffi::remote(Enum)]
pub enum RoomMembership {
    /// The room is joined as soon as there is a session.
    Offline,
    /// The join was sent, and the room has not answered.
    Joining,
    /// The user is in the room, as far as is known.
    Joined,
    /// The room is joined again after a while.
    Waiting,
    /// The room was left, and has not confirmed it.
    Leaving,
}

/// What happens if a room that is joined does not exist yet.
#[uniffi::remote(Enum)]
pub enum RoomCreation {
    /// It is created with the configuration of its service.
    Instant,
    /// It is created, and stays locked until the app has submitted its configuration.
    Reserved,
    /// The join fails.
    Never,
}

/// How a room is joined. Its password is an argument of `join_room`.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct RoomOptions {
    /// The nickname to ask for.
    pub nick: String,
    /// Which earlier messages the first join asks for; nothing for what the room sends by itself.
    pub history: Option<RoomHistory>,
    /// What happens if the room does not exist yet.
    pub creation: RoomCreation,
}

/// Which earlier messages a join asks for.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum RoomHistory {
    /// None.
    None,
    /// The last ones.
    Last {
        /// At most this number.
        count: u32,
    },
    /// Those of the last seconds.
    Seconds {
        /// How many.
        seconds: u64,
    },
    /// Those since a time.
    Since {
        /// In milliseconds since 1970; rounded down to a second.
        unix_ms: i64,
    },
    /// Those after a message in the room's archive.
    After {
        /// The id that the room has assigned to it (XEP-0359).
        stanza_id: String,
    },
}

/// An occupant of a room.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct RoomOccupant {
    /// The nickname.
    pub nick: String,
    /// What the occupant may do.
    pub role: RoomRole,
    /// The relation of the occupant's account to the room.
    pub affiliation: RoomAffiliation,
    /// The occupant's own address, where the room shows it.
    pub jid: Option<Jid>,
    /// The occupant's stable id (XEP-0421).
    pub occupant_id: Option<String>,
    /// `away`, `chat`, `dnd` or `xa`.
    pub show: Option<String>,
}

/// What is known of a room.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct RoomInfo {
    /// Its address.
    pub room: Jid,
    /// The user's nickname there.
    pub nick: String,
    /// Whether the user is in it.
    pub membership: RoomMembership,
    /// The subject, if there is one.
    pub subject: Option<String>,
    /// The nickname of the occupant who set the subject.
    pub subject_by: Option<String>,
    /// The occupants, the user among them.
    pub occupants: Vec<RoomOccupant>,
    /// How many occupants are not listed.
    pub unlisted: u32,
    /// What the room announces.
    pub features: RoomFeatures,
    /// Whether the room announces an archive.
    pub has_archive: bool,
    /// The id of a message in the room's archive (XEP-0359) up to which the app was given all: for the history of the next process's
    /// join.
    pub caught_up_to: Option<String>,
}

/// A user who has an affiliation with a room.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct RoomMember {
    /// The user's address.
    pub jid: Jid,
    /// The affiliation.
    pub affiliation: RoomAffiliation,
    /// The registered nickname, or that of the occupant.
    pub nick: Option<String>,
    /// The reason that was given.
    pub reason: Option<String>,
}

/// A field of a room's configuration (XEP-0004).
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct RoomField {
    /// Its name, such as `muc#roomconfig_membersonly`.
    pub name: String,
    /// Its type, such as `boolean`, if the form says so.
    pub kind: Option<String>,
    /// Its values.
    pub values: Vec<String>,
}

/// Why a room did not let the user in, or not with this nickname.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum RoomProblem {
    /// Another user has the nickname, or has registered it.
    NickConflict,
    /// Users may not choose their nicknames here.
    NickLocked,
    /// The nickname is no valid resource of an address.
    NickInvalid,
    /// The room wants a password, or another one.
    PasswordNeeded,
    /// The user is not a member of a members-only room.
    MembersOnly,
    /// The user is banned.
    Banned,
    /// The room does not exist, or is locked.
    NotFound,
    /// The room does not exist, and the user may not create rooms.
    CreationRestricted,
    /// The room has its maximum number of occupants.
    Full,
    /// The room no longer exists.
    Gone,
    /// The room's server cannot be reached.
    Unreachable,
    /// The room did not answer in time.
    TimedOut,
    /// The account has joined too many rooms.
    TooManyRooms,
    /// The request could not be stored for sending.
    NotSent,
    /// The app left the room before it was joined.
    Cancelled,
    /// The room refused with another error.
    Refused,
}

/// Why a room did not let the user in, with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct RoomRefusal {
    /// The reason.
    pub problem: RoomProblem,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The address of a room that replaces one that is gone.
    pub alternative: Option<Jid>,
    /// The condition of another error.
    pub condition: Option<String>,
    /// The room's own text about another error. Not safe to log.
    pub text: Option<String>,
}

/// Why a room could not be joined.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Error)]
pub enum RoomError {
    /// The room refused, or did not answer.
    Refused {
        /// Why.
        refusal: RoomRefusal,
    },
    /// The room's address is not a JID.
    Recipient {
        /// What is wrong with it.
        problem: JidProblem,
    },
    /// The client is closed.
    Closed,
    /// A fault of this library.
    Internal,
}

impl std::fmt::Display for RoomError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused { refusal } => write!(f, "not joined: {:?}", refusal.problem),
            Self::Recipient { problem } => write!(f, "the room is not a JID: {problem}"),
            Self::Closed => f.write_str("the client is closed"),
            Self::Internal => f.write_str("internal error"),
        }
    }
}

impl std::error::Error for RoomError {}

pub(crate) fn text(text: Option<PeerText>) -> Option<String> {
    text.map(Into::into)
}

impl From<RoomOptions> for room::RoomOptions {
    fn from(options: RoomOptions) -> Self {
        let history = match options.history {
            None => History::Default,
            Some(RoomHistory::None) => History::None,
            Some(RoomHistory::Last { count }) => History::Last(count),
            Some(RoomHistory::Seconds { seconds }) => History::Seconds(seconds),
            Some(RoomHistory::Since { unix_ms }) => {
                History::Since(UnixTime(unix_ms.div_euclid(1000)))
            }
            Some(RoomHistory::After { stanza_id }) => History::After(stanza_id),
        };
        Self {
            history,
            creation: options.creation,
            ..Self::new(options.nick)
        }
    }
}

impl From<BareJid> for Jid {
    fn from(jid: BareJid) -> Self {
        core::Jid::Bare(jid).into()
    }
}

impl From<room::Occupant> for RoomOccupant {
    fn from(occupant: room::Occupant) -> Self {
        Self {
            nick: occupant.nick,
            role: occupant.role,
            affiliation: occupant.affiliation,
            jid: occupant.jid.map(Into::into),
            occupant_id: occupant.id,
            show: occupant.show,
        }
    }
}

impl From<room::RoomInfo> for RoomInfo {
    fn from(info: room::RoomInfo) -> Self {
        let (subject, subject_by) = match info.subject {
            Some(subject) => (text(subject.text), subject.by),
            None => (None, None),
        };
        Self {
            room: info.room.into(),
            nick: info.nick,
            membership: info.membership,
            subject,
            subject_by,
            occupants: info.occupants.into_iter().map(Into::into).collect(),
            unlisted: u32::try_from(info.unlisted).unwrap_or(u32::MAX),
            features: info.features,
            has_archive: info.has_archive,
            caught_up_to: info.caught_up_to,
        }
    }
}

impl From<Affiliated> for RoomMember {
    fn from(member: Affiliated) -> Self {
        Self {
            jid: member.jid.into(),
            affiliation: member.affiliation,
            nick: member.nick,
            reason: text(member.reason),
        }
    }
}

impl From<Field> for RoomField {
    fn from(field: Field) -> Self {
        Self {
            name: field.var,
            kind: field.kind,
            values: field.values,
        }
    }
}

impl From<RoomField> for Field {
    fn from(field: RoomField) -> Self {
        Self {
            var: field.name,
            kind: field.kind,
            values: field.values,
        }
    }
}

impl From<JoinError> for RoomRefusal {
    fn from(error: JoinError) -> Self {
        let retryable = error.is_retryable();
        let (mut alternative, mut condition, mut own_text) = (None, None, None);
        let problem = match error {
            JoinError::NickConflict => RoomProblem::NickConflict,
            JoinError::NickLocked => RoomProblem::NickLocked,
            JoinError::NickInvalid(_) => RoomProblem::NickInvalid,
            JoinError::PasswordNeeded => RoomProblem::PasswordNeeded,
            JoinError::MembersOnly => RoomProblem::MembersOnly,
            JoinError::Banned => RoomProblem::Banned,
            JoinError::NotFound => RoomProblem::NotFound,
            JoinError::CreationRestricted => RoomProblem::CreationRestricted,
            JoinError::Full => RoomProblem::Full,
            JoinError::Gone { alternative: other } => {
                alternative = other.map(Into::into);
                RoomProblem::Gone
            }
            JoinError::Unreachable => RoomProblem::Unreachable,
            JoinError::TimedOut => RoomProblem::TimedOut,
            JoinError::TooManyRooms => RoomProblem::TooManyRooms,
            JoinError::NotSent => RoomProblem::NotSent,
            JoinError::Refused(error) => {
                condition = Some(error.condition.to_string());
                own_text = text(error.text);
                RoomProblem::Refused
            }
            // Also what a later version may add.
            _ => RoomProblem::Cancelled,
        };
        Self {
            problem,
            retryable,
            alternative,
            condition,
            text: own_text,
        }
    }
}

impl From<JoinError> for RoomError {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Closed => Self::Closed,
            error => Self::Refused {
                refusal: error.into(),
            },
        }
    }
}

impl From<CallError> for RoomError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Closed => Self::Closed,
            _ => Self::Internal,
        }
    }
}

impl From<core::RoomError> for IqError {
    fn from(error: core::RoomError) -> Self {
        match error {
            core::RoomError::Iq(error) => error.into(),
            // The room has answered with something else.
            core::RoomError::Malformed(_) => Self::BadXml,
        }
    }
}
