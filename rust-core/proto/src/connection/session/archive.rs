//! XEP-0313: after each new session, fetches the messages that arrived while there was none, and finds out whether messages
//! whose delivery is unknown arrived.
//!
//! ```text
//!               cursor                                fin, complete
//!  new session --------> Querying --------------------------------------> Current
//!        \              ^ |  ^ fin, not complete: next page                 ^
//!         \             | |  '---                                           |
//!          \ no cursor  | |  error, silence, too many pages, or a page that |
//!           \           | v  contradicts itself: PossibleGap                |
//!            '-------> Learning ---- the newest id, after a PossibleGap ----'
//!                        |  error, silence
//!                        v
//!                      Absent
//! ```
//!
//! The archive may no longer have the cursor's message (`item-not-found`). Then it is queried by the server's stamp of the
//! newest message that was read. If that is not known, or the query is refused, it is read page by page from the end backwards.
//! It may have removed other messages, too: a gap is reported in addition to the messages that it has, unless it shows that it
//! has all of them.
//!
//! The first query is sent with the session's initial stanzas, so it costs no flight before the first stanza. It is sent after
//! the presence: a server of Bind 2 leaves what arrives between the bind and the presence to the archive (XEP-0386), so only a
//! page that was made after the presence is complete. In a resumed session the query continues: a pending one is answered
//! there. After a hand-over that was not clean it queries as a new one does, from before the hand-over (`hand_over`).
//!
//! Before the very first session is requested, the time is stored ([`ArchiveCursor::Since`]), in case the process is killed
//! before the end of the archive is known. The next process reads from the end backwards to that time.
//!
//! In `Current` each live message moves the cursor. In `Querying` it must not, since the messages between the cursor and that
//! message have not been received yet. Some time after it first became `Current`, a new session queries the archive once more
//! (`settling_query`).

mod forgotten;
mod hand_over;
mod page;
mod place;
mod query;
mod unreadable;

use crate::knowledge::{ArchiveCursor, PendingIq, PendingKind};
use crate::time::UnixTime;
use crate::xep::mam::Archived;

use crate::connection::remote::Remote;

pub(super) use hand_over::note_unanswered;
pub(in crate::connection) use hand_over::note_unclean;
pub(super) use page::FromArchive;
pub(super) use place::{is_place, is_time_stale};
pub(super) use query::catch_up_from;

/// Prefix of the core's own query ids, which distinguishes a late result from the result of the app's own query.
const QUERY_PREFIX: &str = "snapback-";

/// What is known of the archive in this session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Archive {
    /// There is none, or it does not answer: the ids in stanzas are not known to be assigned by the server.
    Absent,
    /// The last id of the archive is requested.
    Learning {
        query: String,
        /// The newest message that arrived meanwhile.
        live: Option<String>,
        /// When the newest message was archived.
        stamp: Option<UnixTime>,
        /// Messages after that id are read then. Not if reading has just failed.
        then_read: bool,
    },
    /// The messages after the cursor have been requested.
    Querying(ArchiveQuery),
    /// All of the archive has been read.
    Current,
}

/// A page has been requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ArchiveQuery {
    query: String,
    /// Pages until now, including this one.
    pages: u32,
    /// Messages of this page until now.
    results: u32,
    /// The last of them.
    last: Option<String>,
    /// When it, or one before it, was archived.
    stamp: Option<UnixTime>,
    /// Neither the cursor's message nor an earlier one was found yet: the archive may have removed more than that message.
    sought: Option<String>,
    /// The newest message that arrived live meanwhile, until a page contains it.
    live: Option<String>,
    aim: Aim,
    origin: Origin,
    reading: Reading,
    /// Some of this page could not be read, and it is not known which messages of the archive these were.
    has_unreadable: bool,
}

/// What waits for a query, and what its failure means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// The missed messages, and what became of messages whose delivery is unknown: those wait for the answer.
    Decide,
    /// The missed messages. Nothing waits for the answer.
    CatchUp,
    /// What the archive took later than it should: it had been read completely before, so a failure is not a gap.
    Settle,
}

/// Where a query began, and why there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// At the cursor.
    Cursor,
    /// Before the cursor, because of messages whose delivery is unknown, or of a hand-over that was not clean.
    Earlier,
    /// At a time, because the cursor's message was gone. If a message of that page is gone as well, the archive knows none of
    /// its ids, and is not queried by time again.
    Time,
    /// The session was interrupted: part of the page that was requested then may have arrived before.
    Interrupted,
}

/// The direction in which the archive is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Reading {
    /// Forwards from the cursor.
    #[default]
    FromCursor,
    /// Forwards from the time at which the cursor's message was archived, since the archive no longer has that message; or from
    /// the beginning.
    FromTime,
    /// Backwards from the end, since that fails as well: until a message that was read before, or to the beginning.
    Back(Back),
}

/// A page of the backward query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Back {
    /// The last message of the first page: it becomes the cursor once all is read.
    newest: Option<String>,
    /// When that was archived.
    newest_at: Option<UnixTime>,
    /// The first message of this page.
    first: Option<String>,
    /// This page contains a message from before the time of the cursor.
    is_far_enough: bool,
    /// The archive had nothing after this message. This is its last page, which shows whether it still has it.
    doubted: Option<String>,
}

impl Archive {
    /// Returns whether ids of the archive are trusted. They are when the server has answered as an archive: it assigns the ids,
    /// and so replaces those that other entities forge in its name (XEP-0313, XEP-0359).
    pub(super) fn is_trusted(&self) -> bool {
        matches!(self, Self::Querying(_) | Self::Current)
    }

    /// Records that the session was interrupted: pending queries are still to be answered.
    pub(super) fn resumed(pending: &[PendingIq], cursor: Option<&ArchiveCursor>) -> Self {
        let owed = pending.iter().rfind(|pending| is_archive(pending.kind));
        match (owed, cursor) {
            (Some(owed), _) if owed.kind == PendingKind::ArchivePage => Self::Querying(
                ArchiveQuery::new(owed.id.clone(), Origin::Interrupted, Aim::Decide),
            ),
            (Some(owed), _) if owed.kind == PendingKind::ArchiveBack => {
                Self::Querying(ArchiveQuery {
                    reading: Reading::Back(Back::default()),
                    ..ArchiveQuery::new(owed.id.clone(), Origin::Interrupted, Aim::Decide)
                })
            }
            (Some(owed), _) if owed.kind == PendingKind::ArchiveTime => {
                Self::Querying(ArchiveQuery {
                    reading: Reading::FromTime,
                    ..ArchiveQuery::new(owed.id.clone(), Origin::Interrupted, Aim::Decide)
                })
            }
            (Some(owed), _) => Self::Learning {
                query: owed.id.clone(),
                live: None,
                stamp: None,
                then_read: true,
            },
            (None, Some(ArchiveCursor::Start | ArchiveCursor::After(_))) => Self::Current,
            // The query had no result: a cursor would have been stored otherwise.
            (None, Some(ArchiveCursor::Since(_)) | None) => Self::Absent,
        }
    }

    /// Replaces the newest message that arrived live while a query was pending.
    pub(super) fn swap_live(&mut self, newest: &mut Option<String>) {
        if let Self::Learning { live, .. } | Self::Querying(ArchiveQuery { live, .. }) = self {
            std::mem::swap(live, newest);
        }
    }

    /// Returns the id of the query that was decided on, and is not answered.
    pub(super) fn query(&self) -> Option<&str> {
        match self {
            Self::Learning { query, .. } => Some(query),
            Self::Querying(asking) => Some(&asking.query),
            Self::Absent | Self::Current => None,
        }
    }

    /// Returns whether a query was decided on, and is not answered.
    pub(super) fn is_planned(&self) -> bool {
        matches!(self, Self::Learning { .. } | Self::Querying(_))
    }

    /// Returns whether it has been read as far as it can be; apart from what it may have taken later than it should.
    pub(super) fn is_read(&self) -> bool {
        match self {
            Self::Absent | Self::Current => true,
            Self::Learning { .. } => false,
            Self::Querying(asking) => asking.aim == Aim::Settle,
        }
    }

    pub(super) fn is_asking(&self) -> bool {
        matches!(self, Self::Querying(_))
    }

    /// Returns whether messages whose delivery is unknown, and the stanzas after them, wait for the archive.
    pub(super) fn decides(&self) -> bool {
        matches!(self, Self::Querying(asking) if asking.aim == Aim::Decide)
    }

    /// Processes a live message with this archive id: it becomes the new cursor, if the cursor may move.
    pub(super) fn live(&mut self, id: &str) -> Option<ArchiveCursor> {
        match self {
            Self::Absent => None,
            Self::Learning { live, .. } | Self::Querying(ArchiveQuery { live, .. }) => {
                *live = Some(id.to_owned());
                None
            }
            Self::Current => Some(ArchiveCursor::After(id.to_owned())),
        }
    }
}

impl ArchiveQuery {
    /// Records a result of this page that cannot be read.
    fn unreadable(&mut self, id: Option<&str>) {
        self.results = self.results.saturating_add(1);
        match id {
            Some(id) => {
                if let Reading::Back(back) = &mut self.reading {
                    back.first.get_or_insert_with(|| id.to_owned());
                }
                self.live.take_if(|live| live == id);
                self.last = Some(id.to_owned());
            }
            None => self.has_unreadable = true,
        }
    }

    fn new(query: String, origin: Origin, aim: Aim) -> Self {
        Self {
            query,
            pages: 1,
            results: 0,
            last: None,
            stamp: None,
            sought: None,
            live: None,
            aim,
            origin,
            reading: Reading::FromCursor,
            has_unreadable: false,
        }
    }

    /// Records one result of the page.
    fn has(&mut self, archived: &Archived, remote: &Remote) {
        let stamp = archived.delay.as_ref().map(|delay| delay.stamp);
        let is_older = |than: Option<UnixTime>| stamp.zip(than).is_some_and(|(at, than)| at < than);
        self.last = Some(archived.id.clone());
        self.stamp = stamp.or(self.stamp);
        let is_held = is_older(remote.knowledge.archive_time);
        self.sought
            .take_if(|sought| is_held || *sought == archived.id);
        self.live.take_if(|live| *live == archived.id);
        if let Reading::Back(back) = &mut self.reading {
            back.first.get_or_insert_with(|| archived.id.clone());
            back.is_far_enough |= is_older(place::limit(remote));
            if back.doubted.take_if(|id| *id == archived.id).is_some() {
                // Nothing is gone.
                back.is_far_enough = true;
                self.sought = None;
            }
        }
    }
}

/// Returns whether a request of this kind asks for messages of the archive.
fn asks_for_messages(kind: PendingKind) -> bool {
    is_archive(kind) && kind != PendingKind::ArchiveEnd
}

/// Returns whether a request of this kind queries the archive.
pub(super) fn is_archive(kind: PendingKind) -> bool {
    matches!(
        kind,
        PendingKind::ArchivePage
            | PendingKind::ArchiveTime
            | PendingKind::ArchiveBack
            | PendingKind::ArchiveEnd
    )
}
