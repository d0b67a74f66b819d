//! Up to where the messages of a room were received, and which of the last ones.

use std::collections::VecDeque;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};

use snapback_types::time::{Instant, Now};
use snapback_wire::ns;
use snapback_wire::xml::Element;

use super::machine::RequestId;
use super::options::History;

/// The number of messages that are recognised when they come again: more than a room's history has.
const MAX_RECENT: usize = 256;

/// What a room's clock and ours may differ by while a message travels, in seconds. It costs duplicates, which are recognised.
const MARGIN: u64 = 60;

/// After this time, in seconds, an archive may have forgotten a message: a day. Archives keep messages for a week or more.
const FORGETS_AFTER: u64 = 24 * 60 * 60;

/// The seconds between these, by the clock that says more: one may stand still while the device sleeps, the other may be set back.
fn passed(from: Now, to: Now) -> u64 {
    let wall = u64::try_from(to.wall.0.saturating_sub(from.wall.0)).unwrap_or(0);
    to.mono.since(from.mono).as_secs().max(wall)
}

/// The place in a room's messages.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The room's archive id of a message before which nothing is missing.
    pub(super) cursor: Option<String>,
    /// The archive id of the newest message since the room was joined, while earlier ones are being fetched.
    newest: Option<(String, Now)>,
    /// When the last message arrived.
    heard: Option<Now>,
    /// When the message of the cursor arrived; `None` if it came from the archive, or before this process.
    known_at: Option<Now>,
    recent: VecDeque<Recent>,
    pub(super) phase: Phase,
}

/// What a message is known by: a digest of its id in the room's archive, or of what its copy in the room's history has as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recent(u64);

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
        /// What its query is known by.
        query: Recent,
        /// The request has failed by then.
        until: Instant,
    },
    /// The archive has nothing after the known message, and is asked for its newest one: some answer in the same way when they have
    /// forgotten the known message.
    Newest {
        /// The request.
        request: RequestId,
        /// The archive has a message that is not known.
        has_more: bool,
        /// The request has failed by then.
        until: Instant,
    },
}

impl Place {
    /// Returns whether an archive that has nothing after the known message may have forgotten it: that takes days.
    pub(super) fn is_doubtful(&self, now: Now) -> bool {
        self.known_at
            .is_none_or(|known_at| passed(known_at, now) >= FORGETS_AFTER)
    }

    /// The archive was asked for its newest message, and has this one.
    pub(super) fn newest_is(&mut self, id: &str) {
        let is_known =
            self.recent.contains(&Recent::of_id(id)) || self.cursor.as_deref() == Some(id);
        if let Phase::Newest { has_more, .. } = &mut self.phase {
            *has_more |= !is_known;
        }
    }

    /// Returns what a later join asks for, if the room has no archive: what it has sent since the last message that arrived here. A
    /// duration, since the clocks of the two may differ by hours.
    pub(super) fn since_last(&self, now: Now) -> Option<History> {
        let heard = self.heard?;
        Some(History::Seconds(passed(heard, now).saturating_add(MARGIN)))
    }

    /// Notes that the user is in the room from now on, if no message says so.
    pub(super) fn joined(&mut self, now: Now) {
        self.heard.get_or_insert(now);
    }

    /// Notes a message that has arrived: live, or as history. `is_behind`: earlier ones are missing, and will come.
    pub(super) fn heard(
        &mut self,
        message: &Element,
        archive_id: Option<&str>,
        is_behind: bool,
        now: Now,
    ) {
        self.heard = Some(now);
        self.remember(Recent::of(message));
        let Some(id) = archive_id else {
            return;
        };
        self.remember(Recent::of_id(id));
        if is_behind {
            self.newest = Some((id.to_owned(), now));
        } else {
            self.cursor = Some(id.to_owned());
            self.known_at = Some(now);
        }
    }

    /// Notes a message that an earlier process has received. Returns whether that has stored it twice.
    pub(super) fn stored(&mut self, message: &Element, archive_id: Option<&str>) -> bool {
        self.remember(Recent::of(message));
        archive_id.is_some_and(|id| self.note_archived(id))
    }

    /// Returns whether the room's history repeats a message that has arrived before, with this archive id.
    pub(super) fn repeats(&mut self, message: &Element, archive_id: Option<&str>) -> bool {
        let is_known = match archive_id {
            Some(id) => self.recent.contains(&Recent::of_id(id)),
            None => message.attr("id").is_some() && self.recent.contains(&Recent::of(message)),
        };
        match &mut self.phase {
            Phase::Idle => is_known,
            Phase::History { has_met, .. } => {
                *has_met |= is_known;
                is_known
            }
            Phase::Undecided { .. } | Phase::Archive { .. } | Phase::Newest { .. } => {
                is_known && archive_id.is_some()
            }
        }
    }

    /// A result of the archive has arrived, which sends them in their order. Returns whether the message had arrived before.
    pub(super) fn fetched(&mut self, id: &str, of_query: &str) -> bool {
        // A result that an earlier process has stored says nothing about this page.
        if let Phase::Archive { query, .. } = self.phase
            && query == Recent::of_id(of_query)
        {
            self.cursor = Some(id.to_owned());
            self.known_at = None;
        }
        self.note_archived(id)
    }

    /// Returns whether a message with this archive id has arrived before; from now on it has.
    pub(super) fn note_archived(&mut self, id: &str) -> bool {
        let digest = Recent::of_id(id);
        let is_known = self.recent.contains(&digest);
        if !is_known {
            self.remember(digest);
        }
        is_known
    }

    /// What was missed is received, or cannot be.
    pub(super) fn caught_up(&mut self) {
        self.phase = Phase::Idle;
        if let Some((newest, at)) = self.newest.take() {
            self.cursor = Some(newest);
            self.known_at = Some(at);
        }
    }

    /// Nothing before this message of the archive is missing.
    pub(super) fn begins_after(&mut self, id: &str) {
        self.cursor = Some(id.to_owned());
        self.remember(Recent::of_id(id));
    }

    /// Returns what the last messages are known by.
    pub(super) fn recent(&self) -> impl Iterator<Item = Recent> {
        self.recent.iter().copied()
    }

    pub(super) fn remember_all(&mut self, recent: impl Iterator<Item = Recent>) {
        for recent in recent {
            self.remember(recent);
        }
    }

    /// Returns whether a message is held that came after those that are being fetched.
    pub(super) fn has_newer(&self) -> bool {
        self.newest.is_some()
    }

    /// The room was lost: what arrives from now on does not continue what was there before. Where the archive can be asked for what
    /// lies between, that comes first; an answer is expected until then, once the room is joined.
    pub(super) fn interrupted(&mut self, until: Instant) {
        self.phase = match self.cursor {
            Some(_) => Phase::Undecided { until },
            None => Phase::History {
                has_met: false,
                until,
            },
        };
        self.newest = None;
    }

    /// Returns whether earlier messages than this one are missing, and will come. `is_delayed`: it is itself one of the room's history.
    pub(super) fn is_behind(&self, is_delayed: bool) -> bool {
        match self.phase {
            Phase::Idle => false,
            Phase::History { .. } => !is_delayed,
            Phase::Undecided { .. } | Phase::Archive { .. } | Phase::Newest { .. } => true,
        }
    }

    /// What was requested arrives in the resumed session.
    pub(super) fn resumed(&mut self, by: Instant) {
        match &mut self.phase {
            Phase::Idle => {}
            Phase::History { until, .. }
            | Phase::Undecided { until }
            | Phase::Archive { until, .. }
            | Phase::Newest { until, .. } => *until = by,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Idle => None,
            Phase::History { until, .. }
            | Phase::Undecided { until }
            | Phase::Archive { until, .. }
            | Phase::Newest { until, .. } => Some(until),
        }
    }

    fn remember(&mut self, digest: Recent) {
        if self.recent.len() >= MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(digest);
    }
}

impl Recent {
    pub(super) fn of_id(id: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        ("archive", id).hash(&mut hasher);
        Self(hasher.finish())
    }

    /// Of the sender, the sender's id and the text.
    fn of(message: &Element) -> Self {
        let mut hasher = DefaultHasher::new();
        (message.attr("from"), message.attr("id")).hash(&mut hasher);
        let body = message.child("body", ns::CLIENT).map(Element::text);
        body.hash(&mut hasher);
        Self(hasher.finish())
    }
}
