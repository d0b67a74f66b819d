//! An archive that has forgotten the cursor's message: messages expire, and their ids with them (XEP-0313, XEP-0059 section 2.2).
//!
//! ```text
//!  item-not-found --> from the time of the cursor on --> .. complete
//!        \ time unknown         | refused
//!         '---------------------v
//!                  page by page from the end back --> the beginning, or what is older than the cursor
//!                               | too many pages, an error
//!                               v
//!                         a possible gap
//! ```
//!
//! What we hold already is among the results, and is dropped as a duplicate (rule I17). Only its age says that we held it: a session
//! that ended amid the way back has left newer messages, too, with a hole behind them.

use crate::knowledge::ArchiveCursor;
use crate::stanza::{StanzaCondition, StanzaError};
use crate::time::UnixTime;
use crate::xep::mam::Fin;
use crate::xml::Element;

use super::super::super::context::Context;
use super::super::Session;
use super::{Archive, Asking, Back, QUERY_PREFIX, Question, Reading, page_query};

/// The time since which messages are behind the cursor. One that is still to come was noted by a clock that was wrong.
pub(super) fn believable_time(context: &Context) -> Option<UnixTime> {
    let now = context.now.wall;
    context.knowledge.archive_time.filter(|time| *time <= now)
}

impl Asking {
    /// Whether this error says that the cursor's message is gone, and nothing else has been tried.
    pub(super) fn is_forgotten(&self, iq: &Element, cursor: Option<&ArchiveCursor>) -> bool {
        let condition = StanzaError::of(iq).map(|error| error.condition);
        let is_from_cursor = self.reading == Reading::FromCursor
            && !self.is_second
            && !(self.reaches_back && self.pages == 1);
        condition == Some(StanzaCondition::ItemNotFound)
            && is_from_cursor
            && matches!(cursor, Some(ArchiveCursor::After(_)))
    }
}

impl Session {
    /// What came since is still to be had.
    pub(super) fn cursor_is_forgotten(&mut self, context: &mut Context) {
        let Some(time) = believable_time(context) else {
            return self.ask_back(None, Back::default(), context);
        };
        let id = format!("{QUERY_PREFIX}{}", context.entropy.token());
        let (live, decides) = match &mut self.archive {
            Archive::Asking(asking) => (asking.live.take(), asking.decides),
            _ => (None, false),
        };
        self.archive = Archive::Asking(Asking {
            live,
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
