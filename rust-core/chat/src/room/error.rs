//! Why a room was not joined, or is no longer.

use std::fmt;

use snapback_types::jid::{BareJid, Jid, JidError};
use snapback_wire::peer_text::PeerText;
use snapback_wire::stanza::{ErrorType, StanzaCondition, StanzaError};

/// Why a room could not be joined, or a nickname could not be changed (XEP-0045 sections 7.2 and 7.6).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// Another user has the nickname, or has registered it.
    NickConflict,
    /// Users may not choose their nicknames here, and this one is not the user's.
    NickLocked,
    /// The nickname is no valid resource of an address.
    NickInvalid(JidError),
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
    /// The room no longer exists; it may have an alternative.
    Gone {
        /// The address of the alternative.
        alternative: Option<BareJid>,
    },
    /// The room's server cannot be reached.
    Unreachable,
    /// The room did not answer in time.
    TimedOut,
    /// The account has joined [`MAX_ROOMS`](super::MAX_ROOMS) rooms.
    TooManyRooms,
    /// The request could not be stored for sending.
    NotSent,
    /// The app left the room before it was joined, or joined it again with other options.
    Cancelled,
    /// The client is closed.
    Closed,
    /// The room refused with another error.
    Refused(StanzaError),
}

impl JoinError {
    /// Reads the error with which a room answers presence.
    pub(super) fn of(error: &StanzaError) -> Self {
        match error.condition {
            StanzaCondition::Conflict => Self::NickConflict,
            StanzaCondition::NotAcceptable => Self::NickLocked,
            StanzaCondition::NotAuthorized => Self::PasswordNeeded,
            StanzaCondition::RegistrationRequired => Self::MembersOnly,
            StanzaCondition::Forbidden => Self::Banned,
            StanzaCondition::ItemNotFound => Self::NotFound,
            StanzaCondition::NotAllowed => Self::CreationRestricted,
            StanzaCondition::ServiceUnavailable if error.kind == ErrorType::Wait => Self::Full,
            StanzaCondition::ServiceUnavailable
            | StanzaCondition::RemoteServerNotFound
            | StanzaCondition::RemoteServerTimeout => Self::Unreachable,
            StanzaCondition::Gone => Self::Gone {
                alternative: error
                    .new_address
                    .as_ref()
                    .and_then(|uri| of_uri(uri.as_str())),
            },
            _ => Self::Refused(error.clone()),
        }
    }

    /// Returns whether the same request may succeed later, without a change.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Full | Self::Unreachable | Self::TimedOut | Self::NotSent => true,
            Self::Refused(error) => error.kind == ErrorType::Wait,
            _ => false,
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NickConflict => f.write_str("the nickname is in use"),
            Self::NickLocked => f.write_str("the room does not allow this nickname"),
            Self::NickInvalid(_) => f.write_str("the nickname is not valid"),
            Self::PasswordNeeded => f.write_str("the room wants a password"),
            Self::MembersOnly => f.write_str("the room is for members only"),
            Self::Banned => f.write_str("the user is banned"),
            Self::NotFound => f.write_str("the room does not exist"),
            Self::CreationRestricted => f.write_str("the user may not create the room"),
            Self::Full => f.write_str("the room is full"),
            Self::Gone { .. } => f.write_str("the room no longer exists"),
            Self::Unreachable => f.write_str("the room's server cannot be reached"),
            Self::TimedOut => f.write_str("the room did not answer in time"),
            Self::TooManyRooms => f.write_str("too many rooms are joined"),
            Self::NotSent => f.write_str("the request could not be stored for sending"),
            Self::Cancelled => f.write_str("the app has changed its mind"),
            Self::Closed => f.write_str("the client is closed"),
            Self::Refused(error) => write!(f, "refused: {}", error.condition),
        }
    }
}

impl std::error::Error for JoinError {}

/// Why the user is no longer in a room, and it is not joined again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaveReason {
    /// The app left it.
    Requested,
    /// A moderator removed the user (status 307).
    Kicked {
        /// Who did it, if the room says so: a nickname or an address.
        actor: Option<PeerText>,
        /// The given reason.
        reason: Option<PeerText>,
    },
    /// The user was banned (status 301).
    Banned {
        /// Who did it, if the room says so: a nickname or an address.
        actor: Option<PeerText>,
        /// The given reason.
        reason: Option<PeerText>,
    },
    /// The user is no longer a member of a members-only room (status 321), or the room has become one (status 322).
    MembersOnly,
    /// The room was destroyed (XEP-0045 section 10.9).
    Destroyed {
        /// The address of a room to join instead.
        alternative: Option<BareJid>,
        /// The given reason.
        reason: Option<PeerText>,
    },
    /// The room did not let the user in again after a loss.
    Refused(JoinError),
}

/// Why the user is not in a room at the moment. It is joined again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Loss {
    /// The room does not know this client any more: so it answered a self-ping (XEP-0410), or a message.
    NotJoined,
    /// The service shuts down (status 332).
    Shutdown,
    /// The room removed the user for technical reasons (status 333).
    Technical,
    /// The room removed the user and gave no reason.
    Removed,
    /// The attempt to join the room again has failed for now.
    NotYet(JoinError),
}

/// Returns the room that an `xmpp:` URI names (RFC 5122).
fn of_uri(uri: &str) -> Option<BareJid> {
    let address = uri.strip_prefix("xmpp:").unwrap_or(uri);
    let address = address.split(['?', '#', ';']).next()?;
    let jid: Jid = address.parse().ok()?;
    Some(jid.bare().clone())
}
