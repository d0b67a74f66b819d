//! An archive that has forgotten the cursor's message: messages expire, and their ids with them (XEP-0313, XEP-0059 section 2.2).
//!
//! ```text
//!  item-not-found --> from the time of the cursor on --> .. complete
//!        \ time unknown         | refused, or its own messages are not found
//!         '---------------------v
//!                  page by page from the end back --> the beginning, or what is older than the cursor
//!                               | too many pages, an error
//!                               v
//!                         a possible gap
//! ```
//!
//! Some archives say instead that nothing is behind a message that they do not have (Prosody 13.0 on files). So an empty page after
//! a long absence is taken for `item-not-found`.
//!
//! What we hold already is among the results, and is dropped as a duplicate (rule I17). Only its age says that we held it: a session
//! that ended amid the way back has left newer messages, too, with a hole behind them.

use crate::knowledge::ArchiveCursor;
use crate::time::UnixTime;
use crate::xep::mam::Fin;

use super::super::super::context::{CLOCK_MARGIN_SECONDS, Context};
use super::super::Session;
use super::asking::{Question, page_query};
use super::{Archive, Asking, Back, QUERY_PREFIX, Reading};

/// The time since which messages are behind the cursor. One that is still to come was noted by a clock that was wrong.
pub(super) fn believable_time(context: &Context) -> Option<UnixTime> {
    let now = context.now.wall;
    context.knowledge.archive_time.filter(|time| *time <= now)
}

/// So old must the time of the cursor be before an empty page is doubted, in seconds: no archive that is kept on purpose forgets
/// a message within a day, and a client that comes back more often should not ask twice.
const DOUBT_SECONDS: i64 = CLOCK_MARGIN_SECONDS + 86_400;

impl Asking {
    /// Whether this answer says that the cursor's message is gone, and nothing else has been tried.
    pub(super) fn is_forgotten(&self, is_gone: bool, context: &Context) -> bool {
        let is_from_cursor = self.reading == Reading::FromCursor
            && !self.is_second
            && !(self.reaches_back && self.pages == 1);
        is_gone
            && is_from_cursor
            && matches!(context.knowledge.archive, Some(ArchiveCursor::After(_)))
    }

    /// Whether nothing is said to be behind a message that may have gone: some archives answer so where XEP-0313 wants
    /// `item-not-found` (section 4.3.2).
    pub(super) fn is_doubtful(&self, fin: &Fin, context: &Context) -> bool {
        let is_empty = self.last.is_none() && fin.last.is_none() && !self.has_unreadable;
        let is_old = believable_time(context)
            .is_some_and(|time| time.plus_seconds(DOUBT_SECONDS) <= context.now.wall);
        let is_first = self.reading == Reading::FromCursor && self.pages == 1 && !self.is_second;
        let is_place = matches!(context.knowledge.archive, Some(ArchiveCursor::After(_)));
        fin.complete && is_empty && is_old && is_first && is_place
    }
}

impl Session {
    /// What came since is still to be had.
    pub(super) fn cursor_is_forgotten(&mut self, context: &mut Context) {
        let was_asked_by_time =
            matches!(&self.archive, Archive::Asking(asking) if asking.was_asked_by_time);
        let Some(time) = believable_time(context).filter(|_| !was_asked_by_time) else {
            return self.ask_back(None, Back::default(), context);
        };
        let id = format!("{QUERY_PREFIX}{}", context.entropy.token());
        let (live, decides) = match &mut self.archive {
            Archive::Asking(asking) => (asking.live.take(), asking.decides),
            _ => (None, false),
        };
        self.archive = Archive::Asking(Asking {
            live,
            was_asked_by_time: true,
            reading: Reading::FromTime,
            ..Asking::new(id.clone(), false, decides)
        });
        self.expect_archive(context);
        let query = page_query(&id, Some(ArchiveCursor::Since(time)), context);
        self.ask_again(Vec::new(), Question::page(id, query), context);
    }

    /// The page before this message, or the last one. Nobody waits for it.
    pub(super) fn ask_back(&mut self, before: Option<&str>, back: Back, context: &mut Context) {
        let id = format!("{QUERY_PREFIX}{}", context.entropy.token());
        let (live, pages) = match &mut self.archive {
            Archive::Asking(asking) => (asking.live.take(), asking.pages),
            _ => (None, 0),
        };
        let pages = before.map_or(1, |_| pages.saturating_add(1));
        self.archive = Archive::Asking(Asking {
            live,
            pages,
            reading: Reading::Back(back),
            ..Asking::new(id.clone(), false, false)
        });
        self.expect_archive(context);
        let page = context.config.catch_up.page;
        self.ask_again(Vec::new(), Question::back(id, before, page), context);
    }

    /// The end of a page on the way back. The cursor stays where it is until all is read.
    pub(super) fn page_back(&mut self, fin: Fin, back: Back, context: &mut Context) {
        let Archive::Asking(asking) = &mut self.archive else {
            return;
        };
        if asking.is_torn {
            // What came before the interruption is not known here: from the end again.
            return self.ask_back(None, Back::default(), context);
        }
        let newest = back.newest.or(fin.last).or(asking.last.take());
        if fin.complete || back.is_far_enough {
            let live = asking.live.take().map(ArchiveCursor::After);
            let reached = newest.map(ArchiveCursor::After);
            let Some(cursor) = live.or(reached.clone()) else {
                return self.learn_the_end(context);
            };
            self.archive = Archive::Current;
            self.caught_up(Some(cursor), context);
            return self.plan_second_look(reached, context);
        }
        let is_last = asking.pages >= context.config.catch_up.pages;
        match fin.first.or(back.first).filter(|_| !is_last) {
            Some(first) => {
                let back = Back {
                    newest,
                    ..Back::default()
                };
                self.ask_back(Some(&first), back, context);
            }
            None => self.page_failed(Vec::new(), context),
        }
    }
}
