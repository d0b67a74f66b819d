//! An archive that no longer has the cursor's message: messages expire, and their ids with them (XEP-0313, XEP-0059 section
//! 2.2).
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
//! Some archives answer instead that nothing follows a message that they do not have (Prosody 13.0 on files). So after an empty
//! page that is doubtful the last page is requested. If it does not have that message, this is treated as `item-not-found`.
//!
//! The oldest messages expire first. If the archive returns the cursor's message after all, or one from before its time, it has
//! all messages since then. Otherwise it may have removed some of these, too, and a possible gap is reported in addition to the
//! messages that it has (rule I18).
//!
//! Messages that were read before are among the results, and are dropped as duplicates (rule I17). Only the age of a message
//! shows that everything before it was read: a session that ended during a backward query has left newer messages, too, with
//! missing ones before them.

use crate::escalation::Subject;
use crate::knowledge::{ArchiveCursor, ArchiveRecheck};
use crate::xep::mam::Fin;

use super::place::{first_unknown, is_time_stale, start, start_before_hand_over};
use super::query::{Question, catch_up_from, page_query};
use super::unreadable::page_size;
use super::{Aim, Archive, ArchiveQuery, Back, Origin, QUERY_PREFIX, Reading};
use crate::connection::remote::Remote;
use crate::connection::session::state::Session;

impl ArchiveQuery {
    /// Returns whether this answer reports that the message after which the archive was queried is gone, and no other query was
    /// tried.
    pub(super) fn is_forgotten(&self, is_gone: bool, remote: &Remote) -> bool {
        let is_from_message = matches!(remote.knowledge.archive, Some(ArchiveCursor::After(_)))
            || self.begins_back(remote);
        is_gone && is_from_message && self.reading == Reading::FromCursor && self.aim != Aim::Settle
    }

    /// Returns whether an empty result may mean that the message is gone: some archives answer so where XEP-0313 requires
    /// `item-not-found` (section 4.3.2). No intentionally kept archive removes a message within a day, and a client that
    /// reconnects more often should not query twice. After an earlier position than the cursor there is at least the cursor's
    /// message.
    pub(super) fn is_doubtful(&self, fin: &Fin, has_learnt_end: bool, remote: &Remote) -> bool {
        let is_empty = self.last.is_none() && fin.last.is_none() && !self.has_unreadable;
        let is_first =
            self.reading == Reading::FromCursor && self.pages == 1 && self.aim != Aim::Settle;
        let is_place = matches!(remote.knowledge.archive, Some(ArchiveCursor::After(_)));
        let is_dated = remote.knowledge.archive_time.is_some() && !is_time_stale(remote);
        let is_old = is_place && !is_dated && !has_learnt_end;
        fin.complete && is_empty && is_first && (is_old || self.begins_back(remote))
    }

    /// Returns whether this page begins where a message whose delivery is unknown was sent, and that is not the cursor.
    fn begins_back(&self, remote: &Remote) -> bool {
        self.is_first_back() || (self.origin == Origin::Interrupted && reaches_back(remote))
    }

    /// Returns whether this is the first of the pages that begin where a message whose delivery is unknown was sent.
    pub(super) fn is_first_back(&self) -> bool {
        self.origin == Origin::Earlier && self.pages == 1
    }
}

impl Session {
    /// The messages since then can still be fetched.
    pub(super) fn cursor_is_forgotten(&mut self, remote: &mut Remote) {
        let was_asked_by_time =
            matches!(&self.archive, Archive::Querying(asking) if asking.origin == Origin::Time);
        if !was_asked_by_time && start(remote).is_some() {
            self.ask_by_time(remote);
        } else {
            self.ask_back(None, Back::default(), remote);
        }
    }

    /// The archive has nothing after this message: it is gone, or the newest one, or those after it are still to be archived.
    /// Requests the last page, since what is read by time may be more than the duplicates that are remembered.
    pub(super) fn doubt_empty_page(&mut self, place: String, remote: &mut Remote) {
        let back = Back {
            doubted: Some(place),
            ..Back::default()
        };
        let is_back =
            matches!(&self.archive, Archive::Querying(asking) if asking.begins_back(remote));
        self.ask_back(None, back, remote);
        if let Archive::Querying(asking) = &mut self.archive
            && is_back
        {
            // Where it is read from by time depends on it.
            asking.origin = Origin::Earlier;
        }
    }

    /// Requests the page that begins at the cursor's time. If the message is gone after which one with unknown delivery was
    /// sent, that message may be older: then the page begins with the oldest message of the archive. Messages that a hand-over
    /// has lost are younger.
    pub(super) fn ask_by_time(&mut self, remote: &mut Remote) {
        let id = format!("{QUERY_PREFIX}{}", remote.env.entropy.token());
        let (live, aim, is_back) = match &mut self.archive {
            Archive::Querying(asking) => {
                (asking.live.take(), asking.aim, asking.begins_back(remote))
            }
            _ => (None, Aim::CatchUp, false),
        };
        let begin = match remote.knowledge.archive_recheck {
            Some(_) if is_back => start_before_hand_over(remote),
            _ => start(remote).filter(|_| !is_back),
        };
        let begin = begin.map_or(ArchiveCursor::Start, ArchiveCursor::Since);
        self.archive = Archive::Querying(ArchiveQuery {
            live,
            sought: sought(remote),
            reading: Reading::FromTime,
            ..ArchiveQuery::new(id.clone(), Origin::Time, aim)
        });
        self.expect_archive(remote);
        let query = page_query(&id, Some(begin), remote);
        self.ask_again(Vec::new(), Question::by_time(id, query), remote);
    }

    /// Requests the page before this message, or the last one.
    pub(super) fn ask_back(&mut self, before: Option<&str>, back: Back, remote: &mut Remote) {
        let id = format!("{QUERY_PREFIX}{}", remote.env.entropy.token());
        let is_first = before.is_none();
        let (live, pages, aim, found) = match &mut self.archive {
            Archive::Querying(asking) => (
                asking.live.take(),
                asking.pages,
                asking.aim,
                !is_first && asking.sought.is_none(),
            ),
            _ => (None, 0, Aim::CatchUp, false),
        };
        let pages = if is_first { 1 } else { pages.saturating_add(1) };
        let page = page_size(remote);
        self.archive = Archive::Querying(ArchiveQuery {
            live,
            pages,
            sought: sought(remote).filter(|_| !found),
            reading: Reading::Back(back),
            ..ArchiveQuery::new(id.clone(), Origin::Cursor, aim)
        });
        self.expect_archive(remote);
        self.ask_again(Vec::new(), Question::back(id, before, page), remote);
    }

    /// Processes the end of a page of the backward query. The cursor stays where it is until all is read.
    pub(super) fn page_back(&mut self, fin: Fin, mut back: Back, remote: &mut Remote) {
        let Archive::Querying(asking) = &mut self.archive else {
            return;
        };
        if asking.origin == Origin::Interrupted {
            // The messages before the interruption are not known here: start from the end again.
            return match asked_after(remote).filter(|_| start(remote).is_some()) {
                Some(place) => self.doubt_empty_page(place, remote),
                None => self.ask_back(None, Back::default(), remote),
            };
        }
        if back.doubted.is_some() {
            return self.cursor_is_forgotten(remote);
        }
        if back.newest.is_none() {
            back.newest = fin.last.or(asking.last.take());
            back.newest_at = asking.stamp;
        }
        if fin.complete || back.is_far_enough {
            return self.read_back(back, remote);
        }
        let is_last = asking.pages >= remote.env.config.catch_up.pages;
        match fin.first.or(back.first.take()).filter(|_| !is_last) {
            Some(first) => {
                let back = Back {
                    first: None,
                    is_far_enough: false,
                    ..back
                };
                self.ask_back(Some(&first), back, remote);
            }
            None => self.page_failed(Vec::new(), remote),
        }
    }

    /// Completes the backward query.
    fn read_back(&mut self, back: Back, remote: &mut Remote) {
        let Archive::Querying(asking) = &mut self.archive else {
            return;
        };
        // A first session was requested at a time of the device's clock. If nothing was archived since, that clock may have
        // been ahead.
        let is_misdated = matches!(
            (&remote.knowledge.archive, back.newest_at),
            (Some(ArchiveCursor::Since(time)), Some(newest)) if newest < *time
        );
        if asking.sought.take().is_some() || is_misdated {
            self.missed.tell_gap(&mut remote.env);
        }
        let live = asking.live.take().map(ArchiveCursor::After);
        let reached = back.newest.map(ArchiveCursor::After);
        let Some(cursor) = live.or(reached.clone()) else {
            return self.learn_the_end(remote);
        };
        self.archive = Archive::Current;
        remote.note_success(Subject::ArchivePage);
        self.caught_up(Some(cursor), reached, back.newest_at, remote);
    }
}

/// Returns whether a message whose delivery is unknown was sent at an earlier position than the cursor.
fn reaches_back(remote: &Remote) -> bool {
    let unknown = first_unknown(remote);
    unknown.is_some() && unknown != remote.knowledge.archive
}

/// Returns the id of the message after which the archive was queried.
pub(super) fn asked_after(remote: &Remote) -> Option<String> {
    let place = match &remote.knowledge.archive_recheck {
        Some(ArchiveRecheck::Asked { place, .. }) => Some(place.clone()),
        _ => catch_up_from(remote),
    };
    match place {
        Some(ArchiveCursor::After(id)) => Some(id),
        _ => None,
    }
}

/// Returns the id of the cursor's message: finding it shows that the archive has removed nothing that was not read.
pub(super) fn sought(remote: &Remote) -> Option<String> {
    match &remote.knowledge.archive {
        Some(ArchiveCursor::After(id)) => Some(id.clone()),
        _ => None,
    }
}
