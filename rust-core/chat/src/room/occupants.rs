//! What is known of a room.

use std::collections::BTreeMap;

use snapback_types::jid::BareJid;
use snapback_wire::peer_text::PeerText;

use super::presence::Occupant;
use crate::RoomFeatures;

/// The maximum number of occupants of one room that are kept, 4096: large public rooms have a thousand.
pub const MAX_OCCUPANTS: usize = 4096;

/// The maximum number of occupants of all rooms together that are kept, 65,536: some 20 MB.
pub const MAX_ALL_OCCUPANTS: usize = 65_536;

/// Whether the user is in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// The room is joined as soon as there is a session.
    Offline,
    /// The join was sent, and the room has not answered.
    Joining,
    /// The user is in the room, as far as is known: without a session, in the interrupted one.
    Joined,
    /// The room is joined again after a while.
    Waiting,
    /// The room was left, and has not confirmed it.
    Leaving,
}

/// The subject of a room (XEP-0045 section 8.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The text, on one line and at most 1024 characters; none if it was removed.
    pub text: Option<PeerText>,
    /// The nickname of the occupant who set it; none if the room says it itself.
    pub by: Option<String>,
}

/// What is known of a room that the app has joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomInfo {
    /// Its address.
    pub room: BareJid,
    /// The user's nickname there, or the one that is asked for.
    pub nick: String,
    /// Whether the user is in it.
    pub membership: Membership,
    /// The subject, once the room has sent it.
    pub subject: Option<Subject>,
    /// The occupants, the user among them, ordered by nickname.
    pub occupants: Vec<Occupant>,
    /// How many occupants are not listed, since there are more than [`MAX_OCCUPANTS`] of this room or [`MAX_ALL_OCCUPANTS`] of all.
    pub unlisted: usize,
    /// What the room announces; nothing until it has answered.
    pub features: RoomFeatures,
    /// Whether the room announces an archive (XEP-0313).
    pub has_archive: bool,
    /// The id of a message in the room's archive (XEP-0359) up to which the app was given all. An app that keeps it passes it to the
    /// next process's join as [`History::After`](super::History::After), and misses nothing. What it has received after that message,
    /// because the process ended before the room was caught up, comes again, with the same id in the archive. `None` as long as no message with such an id has arrived.
    pub caught_up_to: Option<String>,
}

/// The occupants of a room, bounded.
#[derive(Debug, Default)]
pub(super) struct Occupants {
    by_nick: BTreeMap<String, Occupant>,
    pub(super) unlisted: usize,
}

/// What the presence of an occupant has changed.
pub(super) enum Noted {
    Entered,
    Changed,
    Same,
    /// There is no room for another one.
    Unlisted,
}

impl Occupants {
    /// Notes that an occupant is present. `all` counts those of all rooms.
    pub(super) fn present(&mut self, occupant: &Occupant, all: &mut usize) -> Noted {
        if let Some(known) = self.by_nick.get_mut(&occupant.nick) {
            if known == occupant {
                return Noted::Same;
            }
            *known = occupant.clone();
            return Noted::Changed;
        }
        if self.by_nick.len() >= MAX_OCCUPANTS || *all >= MAX_ALL_OCCUPANTS {
            self.unlisted = self.unlisted.saturating_add(1);
            return Noted::Unlisted;
        }
        *all += 1;
        self.by_nick.insert(occupant.nick.clone(), occupant.clone());
        Noted::Entered
    }

    /// Removes an occupant.
    pub(super) fn absent(&mut self, nick: &str, all: &mut usize) -> Option<Occupant> {
        let gone = self.by_nick.remove(nick);
        match gone {
            Some(_) => *all = all.saturating_sub(1),
            None => self.unlisted = self.unlisted.saturating_sub(1),
        }
        gone
    }

    /// Gives an occupant another nickname. Returns whether there was one.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> bool {
        let Some(mut occupant) = self.by_nick.remove(from) else {
            return false;
        };
        occupant.nick = to.to_owned();
        self.by_nick.insert(to.to_owned(), occupant);
        true
    }

    pub(super) fn clear(&mut self, all: &mut usize) {
        *all = all.saturating_sub(self.by_nick.len());
        self.by_nick.clear();
        self.unlisted = 0;
    }

    pub(super) fn to_vec(&self) -> Vec<Occupant> {
        self.by_nick.values().cloned().collect()
    }
}
