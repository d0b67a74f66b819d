//! XEP-0313: after each new session, what came while there was none; and whether messages of unknown fate arrived.
//!
//! ```text
//!               cursor                                fin, complete
//!  new session --------> Asking ---------------------------------------> Current
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
//! An archive may have forgotten the cursor's message (`item-not-found`). Then it is asked by the server's stamp of the newest message
//! that was read; if that is not known, or refused, page by page from the end back. What it forgot may be more: a gap is told beside
//! what it has, unless it shows that it has everything.
//!
//! The first query leaves with the session's greeting, so it costs no flight before the first stanza. It stands behind our
//! presence: what comes between the bind and the presence a server of Bind 2 leaves to the archive (XEP-0386), so only a
//! page that was made after the presence is complete. A resumed session goes on where it was: what was asked for is
//! answered there.
//!
//! Before the very first session is asked for, the time is noted ([`ArchiveCursor::Since`]): a process that is killed before it
//! has learnt more leaves at least that. The next process reads from the end back to there.
//!
//! In `Current` each live message moves the cursor. In `Asking` it must not: between the cursor and that message lies what
//! has not come yet. Some time after it first became `Current`, a new session asks once more (`second_look`).

mod asking;
mod forgotten;
mod page;
mod place;

use crate::knowledge::{ArchiveCursor, PendingIq, PendingKind};
use crate::time::UnixTime;
use crate::xep::mam::Archived;

use crate::connection::context::Context;

pub(super) use page::FromArchive;
pub(super) use place::is_time_stale;

/// How our own queries begin, so that a late result is told from one that the app has asked for itself.
const QUERY_PREFIX: &str = "snapback-";

/// What is known of the archive in this session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Archive {
    /// There is none, or it does not answer: nobody vouches for the ids in stanzas.
    Absent,
    /// Its end is being asked for.
    Learning {
        query: String,
        /// The newest message that came meanwhile.
        live: Option<String>,
        /// When the newest message was archived.
        stamp: Option<UnixTime>,
        /// What came since is read then. Not if reading has just failed.
        then_read: bool,
    },
    /// What lies behind the cursor is on its way.
    Asking(Asking),
    /// We hold all of it.
    Current,
}

/// A page is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asking {
    query: String,
    /// Pages so far, this one included.
    pages: u32,
    /// Messages of this page so far.
    results: u32,
    /// The last of them.
    last: Option<String>,
    /// When it was archived, or one before it.
    stamp: Option<UnixTime>,
    /// The cursor's message, or anything before it, was not found yet: the archive may have forgotten more than that.
    sought: Option<String>,
    /// The newest message that came meanwhile, as long as no page has brought it.
    live: Option<String>,
    /// It began further back than the cursor, for the sake of messages of unknown fate.
    reaches_back: bool,
    /// Messages of unknown fate wait for it.
    decides: bool,
    /// Part of this page may have come before the session was interrupted.
    is_torn: bool,
    /// Some of this page could not be read, and which of the archive's messages it was is not known.
    has_unreadable: bool,
    /// We held everything before: a failure is no gap.
    is_second: bool,
    /// The cursor's message was gone, and the archive was asked by time: if a message of that page is gone as well, the archive
    /// knows none of its ids, and is not asked by time again.
    was_asked_by_time: bool,
    reading: Reading,
}

/// Which way the archive is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Reading {
    /// From the cursor on.
    #[default]
    FromCursor,
    /// The archive has forgotten the cursor's message: from the time on at which that was archived, or from the beginning.
    FromTime,
    /// That does not help either: from the end back, until something that we held, or to the beginning.
    Back(Back),
}

/// A page on the way back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Back {
    /// The last message of the first page: the cursor, once all is read.
    newest: Option<String>,
    /// When that was archived.
    newest_at: Option<UnixTime>,
    /// The first message of this page.
    first: Option<String>,
    /// This page has a message of before the time of the cursor.
    is_far_enough: bool,
}

impl Archive {
    /// Ids that the archive gave are believed: the server has answered as one that gives them, and so replaces what others
    /// claim in its name (XEP-0313, XEP-0359).
    pub(super) fn is_trusted(&self) -> bool {
        matches!(self, Self::Asking(_) | Self::Current)
    }

    /// The session was interrupted: what was asked for is still owed.
    pub(super) fn resumed(pending: &[PendingIq], cursor: Option<&ArchiveCursor>) -> Self {
        let owed = pending.iter().find(|pending| is_archive(pending.kind));
        match (owed, cursor) {
            (Some(owed), _) if owed.kind == PendingKind::ArchivePage => Self::Asking(Asking {
                is_torn: true,
                ..Asking::new(owed.id.clone(), false, true)
            }),
            (Some(owed), _) if owed.kind == PendingKind::ArchiveBack => Self::Asking(Asking {
                is_torn: true,
                reading: Reading::Back(Back::default()),
                ..Asking::new(owed.id.clone(), false, true)
            }),
            (Some(owed), _) if owed.kind == PendingKind::ArchiveTime => Self::Asking(Asking {
                is_torn: true,
                reading: Reading::FromTime,
                ..Asking::new(owed.id.clone(), false, true)
            }),
            (Some(owed), _) => Self::Learning {
                query: owed.id.clone(),
                live: None,
                stamp: None,
                then_read: true,
            },
            (None, Some(ArchiveCursor::Start | ArchiveCursor::After(_))) => Self::Current,
            // It was asked in vain: a place to hold on to would have been noted.
            (None, Some(ArchiveCursor::Since(_)) | None) => Self::Absent,
        }
    }

    pub(super) fn is_asking(&self) -> bool {
        matches!(self, Self::Asking(_))
    }

    /// Messages of unknown fate, and what is behind them, wait.
    pub(super) fn decides(&self) -> bool {
        matches!(self, Self::Asking(asking) if asking.decides)
    }

    /// A live message with this archive id came: the new cursor, if it may move.
    pub(super) fn live(&mut self, id: &str) -> Option<ArchiveCursor> {
        match self {
            Self::Absent => None,
            Self::Learning { live, .. } | Self::Asking(Asking { live, .. }) => {
                *live = Some(id.to_owned());
                None
            }
            Self::Current => Some(ArchiveCursor::After(id.to_owned())),
        }
    }
}

impl Asking {
    /// A result of this page came, and cannot be read.
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

    fn new(query: String, reaches_back: bool, decides: bool) -> Self {
        Self {
            query,
            pages: 1,
            results: 0,
            last: None,
            stamp: None,
            sought: None,
            live: None,
            reaches_back,
            decides,
            is_torn: false,
            has_unreadable: false,
            is_second: false,
            was_asked_by_time: false,
            reading: Reading::FromCursor,
        }
    }

    /// Notes one result of the page.
    fn has(&mut self, archived: &Archived, context: &Context) {
        let stamp = archived.delay.as_ref().map(|delay| delay.stamp);
        let is_older = |than: Option<UnixTime>| stamp.zip(than).is_some_and(|(at, than)| at < than);
        self.last = Some(archived.id.clone());
        self.stamp = stamp.or(self.stamp);
        let is_held = is_older(context.knowledge.archive_time);
        self.sought
            .take_if(|sought| is_held || *sought == archived.id);
        self.live.take_if(|live| *live == archived.id);
        if let Reading::Back(back) = &mut self.reading {
            back.first.get_or_insert_with(|| archived.id.clone());
            back.is_far_enough |= is_older(place::limit(context));
        }
    }
}

fn is_archive(kind: PendingKind) -> bool {
    matches!(
        kind,
        PendingKind::ArchivePage
            | PendingKind::ArchiveTime
            | PendingKind::ArchiveBack
            | PendingKind::ArchiveEnd
    )
}
