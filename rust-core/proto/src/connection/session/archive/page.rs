//! The archive's answers: results, the end of a page, the end of the archive.

use crate::escalation::Subject;
use crate::knowledge::{ArchiveCursor, Op};
use crate::ns;
use crate::stanza::{StanzaCondition, StanzaError};
use crate::time::UnixTime;
use crate::xep::mam::{self, Archived, Fin, ResultError};
use crate::xml::{Element, RefusedStanza};

use super::forgotten::asked_after;
use super::place::{EMPTY, held_until, is_place, move_cursor};
use super::query::{Question, expect_page, page_query};
use super::{Aim, Archive, ArchiveQuery, Back, Origin, QUERY_PREFIX, Reading, asks_for_messages};
use crate::connection::output::Event;
use crate::connection::remote::Remote;
use crate::connection::session::settling_query::recheck;
use crate::connection::session::state::{Session, SettlingQuery, Sm};

/// The classification of a message from the archive.
pub(in crate::connection::session) enum FromArchive {
    /// Not handled here: no result, or one of the app's own query.
    No,
    /// To be counted and dropped.
    Worthless,
    /// The next one of the page.
    Result(Archived),
}

impl Session {
    /// T7: only from the account's own archive, and only for the core's own query.
    pub(in crate::connection::session) fn judge_result(
        &mut self,
        message: &Element,
        remote: &mut Remote,
    ) -> FromArchive {
        let Some(id) = mam::query_id(message).filter(|id| id.starts_with(QUERY_PREFIX)) else {
            return FromArchive::No;
        };
        let own = remote.env.config.account.to_string();
        let asking = match &mut self.archive {
            Archive::Querying(asking) if asking.query == id => asking,
            Archive::Learning { query, stamp, .. } if query == id => {
                if let Some(Ok(newest)) = Archived::parse(message, &own, query) {
                    *stamp = newest.delay.map(|delay| delay.stamp);
                }
                return FromArchive::Worthless;
            }
            _ => return self.late_result(message, id, &own),
        };
        match Archived::parse(message, &own, &asking.query) {
            Some(Ok(archived)) => {
                asking.results = asking.results.saturating_add(1);
                if asking.results > asking.page_size(remote) {
                    return FromArchive::Worthless;
                }
                asking.has(&archived, remote);
                FromArchive::Result(archived)
            }
            None => FromArchive::Worthless,
            Some(Err(error)) => {
                if matches!(error, ResultError::Malformed(_)) {
                    let id = message.child("result", ns::MAM).and_then(|r| r.attr("id"));
                    asking.unreadable(id);
                }
                remote.env.event(Event::PeerFault("archive result"));
                FromArchive::Worthless
            }
        }
    }

    /// A result of an older query, which another one has replaced. It is a message of the account that was asked for, and the
    /// newer query may begin after it.
    fn late_result(&self, message: &Element, id: &str, own: &str) -> FromArchive {
        let mut pending = self.pending.iter();
        let is_pending = pending.any(|p| asks_for_messages(p.kind) && p.id == id);
        match Archived::parse(message, own, id) {
            Some(Ok(archived)) if is_pending => FromArchive::Result(archived),
            // Its query was answered already, or is too old.
            _ => FromArchive::Worthless,
        }
    }

    /// Processes a refused message. If it was the next one of the page, the page continues after it: the archive will not make
    /// it readable, and the messages after it must not be missed (XEP-0059, XEP-0313). If it was a copy of a message of this
    /// device, that one has arrived. Returns whether it was, since it is counted already then.
    pub(in crate::connection::session) fn refused_result(
        &mut self,
        refused: &RefusedStanza,
        remote: &mut Remote,
    ) -> bool {
        let own = remote.env.config.account.to_string();
        let Archive::Querying(asking) = &mut self.archive else {
            return false;
        };
        if refused.name != "message"
            || refused
                .from
                .as_ref()
                .is_some_and(|from| !crate::jid::is_same(from, &own))
        {
            return false;
        }
        match &refused.first_child {
            Some(result) if result.is("result", ns::MAM) => {
                if result.attr("queryid") != Some(&asking.query) {
                    return false;
                }
                asking.unreadable(result.attr("id"));
                let message = refused.forwarded.as_deref();
                message.is_some_and(|message| self.has_arrived_unread(message, remote))
            }
            _ => {
                asking.has_unreadable = true;
                false
            }
        }
    }

    /// Processes the end of a page.
    pub(in crate::connection::session) fn archive_page(
        &mut self,
        id: &str,
        iq: &Element,
        remote: &mut Remote,
    ) {
        let asking = match &mut self.archive {
            Archive::Querying(asking) if asking.query == id => asking,
            _ => return self.answered_by_archive(Vec::new(), remote),
        };
        let page = asking.page_size(remote);
        let fin = read_fin(iq).filter(|fin| agrees(fin, asking, page));
        let is_doubtful = fin
            .as_ref()
            .is_some_and(|fin| asking.is_doubtful(fin, self.has_learnt_end, remote));
        let Some(fin) = fin.filter(|_| !is_doubtful) else {
            if self.postpones_query(iq, remote) {
                return self.answered_by_archive(Vec::new(), remote);
            }
            let Archive::Querying(asking) = &mut self.archive else {
                return;
            };
            return if is_doubtful && let Some(place) = asked_after(remote) {
                self.doubt_empty_page(place, remote)
            } else if asking.is_forgotten(is_doubtful || is_not_found(iq), remote) {
                self.cursor_is_forgotten(remote)
            } else {
                self.page_failed(Vec::new(), remote)
            };
        };
        let is_forgotten = asking.reading == Reading::FromTime;
        if is_forgotten && asking.origin == Origin::Interrupted {
            // The messages before the interruption are not known here.
            return self.ask_by_time(remote);
        }
        if let Reading::Back(back) = asking.reading.clone() {
            return self.page_back(fin, back, remote);
        }
        if asking.sought.take().is_some() {
            // Messages between that message and the first one of this page may be gone as well.
            self.missed.tell_gap(&mut remote.env);
        }
        let (last, stamp) = (asking.last.take(), asking.stamp);
        let reached = fin.last.or(last).map(ArchiveCursor::After);
        if fin.complete {
            let live = asking.live.take().map(ArchiveCursor::After);
            let held = remote.knowledge.archive.clone();
            let cursor = live.or(reached.clone());
            if cursor.is_none() && (is_forgotten || !is_place(held.as_ref())) {
                return self.learn_the_end(remote);
            }
            self.archive = Archive::Current;
            remote.note_success(Subject::ArchivePage);
            return self.caught_up(cursor, reached.or(held), stamp, remote);
        }
        self.next_page(reached, stamp, remote);
    }

    /// Requests the page after this one.
    fn next_page(
        &mut self,
        reached: Option<ArchiveCursor>,
        stamp: Option<UnixTime>,
        remote: &mut Remote,
    ) {
        let Archive::Querying(asking) = &mut self.archive else {
            return;
        };
        // If it was queried by time, there is a position to continue from now.
        asking.reading = Reading::FromCursor;
        let mut ops = move_cursor(reached, remote);
        ops.extend(held_until(stamp, remote));
        if asking.pages >= remote.env.config.catch_up.pages {
            return self.page_failed(ops, remote);
        }
        asking.pages = asking.pages.saturating_add(1);
        asking.results = 0;
        if asking.origin == Origin::Interrupted {
            asking.origin = Origin::Cursor;
        }
        asking.has_unreadable = false;
        asking.query = format!("{QUERY_PREFIX}{}", remote.env.entropy.token());
        let query = asking.query.clone();
        if asking.aim != Aim::Decide {
            expect_page(remote);
        }
        let begin = remote.knowledge.archive.clone();
        let element = page_query(&query, begin, remote);
        self.ask_again(ops, Question::page(query, element), remote);
    }

    /// Processes the last id of the archive, or that there is no archive.
    pub(in crate::connection::session) fn archive_end(
        &mut self,
        id: &str,
        iq: &Element,
        remote: &mut Remote,
    ) {
        let (live, stamp, then_read) = match &mut self.archive {
            Archive::Learning {
                query,
                live,
                stamp,
                then_read,
            } if query == id => (live.take(), *stamp, *then_read),
            _ => return self.answered_by_archive(Vec::new(), remote),
        };
        let Some(fin) = read_fin(iq) else {
            if self.postpones_query(iq, remote) {
                return self.answered_by_archive(Vec::new(), remote);
            }
            self.archive = Archive::Absent;
            self.expect_archive(remote);
            let ops = if is_place(remote.knowledge.archive.as_ref()) {
                Vec::new()
            } else {
                remote.knowledge.archive = None;
                vec![Op::NoArchive]
            };
            return self.answered_by_archive(ops, remote);
        };
        let stamp = if fin.last.is_none() { EMPTY } else { stamp };
        if !then_read {
            self.archive = Archive::Current;
            let end = live.or(fin.last);
            let cursor = end.map_or(ArchiveCursor::Start, ArchiveCursor::After);
            return self.caught_up(Some(cursor), None, stamp, remote);
        }
        let end = fin.last.map_or(ArchiveCursor::Start, ArchiveCursor::After);
        let mut ops = move_cursor(Some(end.clone()), remote);
        ops.extend(held_until(stamp, remote));
        self.has_learnt_end = true;
        let query = format!("{QUERY_PREFIX}{}", remote.env.entropy.token());
        let element = page_query(&query, Some(end), remote);
        self.archive = Archive::Querying(ArchiveQuery {
            live,
            ..ArchiveQuery::new(query.clone(), Origin::Cursor, Aim::CatchUp)
        });
        self.expect_archive(remote);
        self.ask_again(ops, Question::page(query, element), remote);
    }

    /// The archive has been read completely, up to the position that was reached. Messages that it does not have did not arrive.
    pub(super) fn caught_up(
        &mut self,
        cursor: Option<ArchiveCursor>,
        reached: Option<ArchiveCursor>,
        stamp: Option<UnixTime>,
        remote: &mut Remote,
    ) {
        self.expect_archive(remote);
        let mut ops = move_cursor(cursor, remote);
        ops.extend(held_until(stamp, remote));
        ops.extend(self.note_read(reached, remote));
        self.answered_by_archive(ops, remote);
        self.go_on(remote);
        if matches!(self.settling_query, SettlingQuery::AfterEarlier) {
            self.recheck_archive(remote);
        }
    }

    /// Processes a page that cannot be continued.
    pub(super) fn page_failed(&mut self, mut ops: Vec<Op>, remote: &mut Remote) {
        match &mut self.archive {
            Archive::Querying(asking) if asking.aim == Aim::Settle => {
                let live = asking.live.take().map(ArchiveCursor::After);
                self.archive = Archive::Current;
                self.expect_archive(remote);
                ops.extend(move_cursor(live, remote));
                ops.extend(recheck(None, remote));
                self.answered_by_archive(ops, remote);
            }
            Archive::Querying(asking) if asking.reading == Reading::FromTime => {
                self.ask_back(None, Back::default(), remote);
            }
            _ => {
                let question = self.given_up(remote);
                self.ask_again(ops, question, remote);
            }
        }
    }

    /// Records that the query is answered: a resumed session must not wait for it.
    pub(super) fn answered_by_archive(&mut self, mut ops: Vec<Op>, remote: &mut Remote) {
        if self.sm == Sm::On {
            ops.push(Op::SmPending(self.pending.clone()));
        }
        self.commit(ops, remote);
    }
}

/// RFC 6120 section 8.3.3.7: the requested item does not exist.
fn is_not_found(iq: &Element) -> bool {
    StanzaError::of(iq).is_some_and(|error| error.condition == StanzaCondition::ItemNotFound)
}

fn read_fin(iq: &Element) -> Option<Fin> {
    if StanzaError::of(iq).is_some() {
        return None;
    }
    Fin::parse(iq).ok()
}

/// Returns whether the end of the page is consistent with its results. A page that lost its last message, contained more than
/// requested, or is empty although more follows, cannot be continued. Where a result could not be read, `<last/>` is trusted.
fn agrees(fin: &Fin, asking: &ArchiveQuery, page: u32) -> bool {
    let same_end = fin.last.is_none()
        || fin.last == asking.last
        || asking.origin == Origin::Interrupted
        || asking.has_unreadable;
    let moves = fin.complete || fin.last.is_some() || asking.last.is_some();
    same_end && moves && asking.results <= page
}
