//! Up to where the messages of a room were received, and which of the last ones.

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use snapback_types::jid::BareJid;
use snapback_types::time::{Instant, Now};
use snapback_wire::ns;
use snapback_wire::xep::stanza_id;
use snapback_wire::xml::Element;

use super::machine::RequestId;
use super::options::History;

/// The number of messages that are recognised when they come again: more than a room's history has.
pub(super) const MAX_RECENT: usize = 256;

/// What a room's clock and ours may differ by while a message travels, in seconds. It costs duplicates, which are recognised.
const MARGIN: u64 = 60;

/// The place in a room's messages.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The room's archive id of a message before which nothing is missing.
    pub(super) cursor: Option<String>,
    /// The archive id of the newest message since the room was joined, while earlier ones are being fetched.
    newest: Option<String>,
    /// When the last message arrived.
    heard: Option<Now>,
    recent: VecDeque<u64>,
    pub(super) phase: Phase,
}

/// How what was missed is fetched.
#[derive(Debug, Default)]
pub(super) enum Phase {
    /// Nothing is missing that could be fetched.
    #[default]
    Idle,
    /// The room sends its history, until its subject (XEP-0045 section 7.1).
    History {
        /// It is a later join, and the history has reached back to a known message.
        has_met: bool,
        /// What is received by then is all.
        until: Instant,
    },
    /// It is not known yet whether the room has an archive.
    Undecided {
        /// Without an answer by then, it has none.
        until: Instant,
    },
    /// A page of the archive was requested.
    Archive {
        /// The request.
        request: RequestId,
        /// How many pages were received.
        pages: u32,
        /// The request has failed by then.
        until: Instant,
    },
}

impl Place {
    /// Returns what a later join asks for, if the room has no archive: what it has sent since the last message that arrived here. A
    /// duration, since the clocks of the two may differ by hours.
    pub(super) fn since_last(&self, now: Now) -> Option<History> {
        let heard = self.heard?;
        let mono = now.mono.since(heard.mono).as_secs();
        let wall = u64::try_from(now.wall.0.saturating_sub(heard.wall.0)).unwrap_or(0);
        Some(History::Seconds(mono.max(wall).saturating_add(MARGIN)))
    }

    /// Notes that the user is in the room from now on, if no message says so.
    pub(super) fn joined(&mut self, now: Now) {
        self.heard.get_or_insert(now);
    }

    /// Notes a message that has arrived: live, or as history.
    pub(super) fn heard(&mut self, message: &Element, room: &BareJid, now: Now) {
        self.heard = Some(now);
        self.remember(digest(message));
        let Some(id) = stanza_id::stanza_id(message, &room.to_string()) else {
            return;
        };
        self.remember(of_id(id));
        match self.phase {
            Phase::Idle | Phase::History { .. } => self.cursor = Some(id.to_owned()),
            Phase::Undecided { .. } | Phase::Archive { .. } => self.newest = Some(id.to_owned()),
        }
    }

    /// Returns whether the room's history repeats a message that has arrived before.
    pub(super) fn repeats(&mut self, message: &Element) -> bool {
        let Phase::History { has_met, .. } = &mut self.phase else {
            return false;
        };
        let is_known = message.attr("id").is_some() && self.recent.contains(&digest(message));
        *has_met |= is_known;
        is_known
    }

    /// Returns whether a message with this archive id has arrived before; from now on it has.
    pub(super) fn note_archived(&mut self, id: &str) -> bool {
        let digest = of_id(id);
        let is_known = self.recent.contains(&digest);
        if !is_known {
            self.remember(digest);
        }
        is_known
    }

    /// What was missed is received, or cannot be.
    pub(super) fn caught_up(&mut self) {
        self.phase = Phase::Idle;
        if let Some(newest) = self.newest.take() {
            self.cursor = Some(newest);
        }
    }

    /// The room was lost: what arrives from now on does not continue what was there before. Where the archive can be asked for what
    /// lies between, that comes first; an answer is expected until then, once the room is joined.
    pub(super) fn interrupted(&mut self, until: Instant) {
        self.phase = match self.cursor {
            Some(_) => Phase::Undecided { until },
            None => Phase::Idle,
        };
        self.newest = None;
    }

    /// Returns whether earlier messages than those that arrive now are missing, and will come.
    pub(super) fn is_behind(&self) -> bool {
        matches!(self.phase, Phase::Undecided { .. } | Phase::Archive { .. })
    }

    /// What was requested arrives in the resumed session.
    pub(super) fn resumed(&mut self, by: Instant) {
        match &mut self.phase {
            Phase::Idle => {}
            Phase::History { until, .. }
            | Phase::Undecided { until }
            | Phase::Archive { until, .. } => *until = by,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Idle => None,
            Phase::History { until, .. }
            | Phase::Undecided { until }
            | Phase::Archive { until, .. } => Some(until),
        }
    }

    fn remember(&mut self, digest: u64) {
        if self.recent.len() >= MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(digest);
    }
}

fn of_id(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    ("archive", id).hash(&mut hasher);
    hasher.finish()
}

/// Returns a digest of the sender, the sender's id and the text of a message: of what its copy in a room's history has as well.
fn digest(message: &Element) -> u64 {
    let mut hasher = DefaultHasher::new();
    (message.attr("from"), message.attr("id")).hash(&mut hasher);
    let body = message.child("body", ns::CLIENT).map(Element::text);
    body.hash(&mut hasher);
    hasher.finish()
}
