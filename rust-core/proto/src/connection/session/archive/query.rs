//! Queries to the archive, and their timeouts.

use std::time::Duration;

use crate::escalation::{Remedy, Request, Subject};
use crate::knowledge::{ArchiveCursor, ArchiveRecheck, Op, OutboundStanza, PendingIq, PendingKind};
use crate::protocol_message::ProtocolMessage;
use crate::stanza::{ErrorType, StanzaError};
use crate::xep::mam::{self, ArchiveMetadata, Begin};
use crate::xml::Element;

use super::forgotten::sought;
use super::place::{EMPTY, first_unknown, held_until, is_place, move_cursor};
use super::unreadable::page_size;
use super::{Aim, Archive, ArchiveQuery, Back, Origin, QUERY_PREFIX, Reading, is_archive};
use crate::connection::output::Seq;
use crate::connection::remote::Remote;
use crate::connection::session::queued;
use crate::connection::session::settling_query::recheck;
use crate::connection::session::state::{Session, SessionStage, SettlingQuery, Sm};
use crate::connection::timer::Timer;

/// The time after which an archive that was unable to answer is queried again.
const BUSY_FOR: Duration = Duration::from_secs(2);

/// The factor from the timeout of messages whose delivery is unknown to the timeout of one page of the archive.
const PAGE_TIMEOUTS: u32 = 6;

/// The maximum number of unanswered queries whose results are still accepted. An archive that answers late answers the
/// newest ones.
const MAX_UNANSWERED: usize = 4;

/// The next query to the archive.
pub(super) struct Question {
    id: String,
    kind: PendingKind,
    query: Element,
}

impl Question {
    pub(super) fn page(id: String, query: Element) -> Self {
        let kind = PendingKind::ArchivePage;
        Self { id, kind, query }
    }

    /// The page that begins at this position or time.
    pub(super) fn by_time(id: String, query: Element) -> Self {
        let kind = PendingKind::ArchiveTime;
        Self { id, kind, query }
    }

    /// The page before this message; without one, the last page.
    pub(super) fn back(id: String, before: Option<&str>, page: u32) -> Self {
        let query = mam::before(&id, &id, before, page);
        let kind = PendingKind::ArchiveBack;
        Self { id, kind, query }
    }

    pub(super) fn end(id: String) -> Self {
        let query = mam::newest(&id, &id);
        let kind = PendingKind::ArchiveEnd;
        Self { id, kind, query }
    }
}

impl Session {
    /// Decides what this session queries. The id of the query is known from here on, so that it is stored with the session,
    /// although it is sent with the initial stanzas.
    pub(in crate::connection) fn plan_catch_up(
        &mut self,
        metadata: Option<&ArchiveMetadata>,
        remote: &mut Remote,
    ) {
        let id = format!("{QUERY_PREFIX}{}", remote.env.entropy.token());
        if let (None, Some(metadata)) = (&remote.knowledge.archive, metadata) {
            // Bind 2 reports the last id of the archive: no query is needed for it.
            let end = metadata.end.as_ref();
            let cursor = end.map_or(ArchiveCursor::Start, |end| {
                ArchiveCursor::After(end.id.clone())
            });
            let stamp = end.map_or(EMPTY, |end| Some(end.timestamp));
            let mut ops = move_cursor(Some(cursor), remote);
            ops.extend(held_until(stamp, remote));
            self.has_learnt_end = true;
            remote.env.persist(ops);
        }
        if let Some(known) = &remote.knowledge.archive_recheck {
            self.settling_query = SettlingQuery::AfterEarlier;
            if let ArchiveRecheck::Asked { place, .. } = known {
                // That query was lost with the session.
                let change = recheck(Some(ArchiveRecheck::HandOver(place.clone())), remote);
                remote.env.persist(Vec::from_iter(change));
            }
        }
        let begin = catch_up_from(remote);
        let reaches_back = remote.knowledge.archive != begin;
        let origin = if reaches_back {
            Origin::Earlier
        } else {
            Origin::Cursor
        };
        let aim = if remote.leaves_out(Request::Archive) {
            Aim::CatchUp
        } else {
            Aim::Decide
        };
        let is_from_start = reaches_back && begin == Some(ArchiveCursor::Start);
        let asking = ArchiveQuery {
            // No answer can report that the beginning is gone.
            sought: sought(remote).filter(|_| is_from_start),
            ..ArchiveQuery::new(id.clone(), origin, aim)
        };
        let kind = match begin {
            // A time of the device's clock, which may be far ahead of the server's: the query would return nothing.
            Some(ArchiveCursor::Since(_)) => {
                self.archive = Archive::Querying(ArchiveQuery {
                    reading: Reading::Back(Back::default()),
                    ..asking
                });
                PendingKind::ArchiveBack
            }
            Some(ArchiveCursor::Start | ArchiveCursor::After(_)) => {
                self.archive = Archive::Querying(asking);
                PendingKind::ArchivePage
            }
            None => {
                self.archive = Archive::Learning {
                    query: id.clone(),
                    live: None,
                    stamp: None,
                    then_read: true,
                };
                PendingKind::ArchiveEnd
            }
        };
        self.owe(id, kind);
    }

    /// Sends the planned query, with the initial stanzas or alone.
    pub(in crate::connection::session) fn send_archive_query(&mut self, remote: &mut Remote) {
        if let Some(query) = self.archive_query(remote) {
            self.expect_answer(&query.id);
            self.note_request(PendingKind::ArchivePage, &query.id, remote);
            self.transmit_core(ProtocolMessage::ArchiveQuery, query, true, remote);
        }
    }

    /// The archive is temporarily unable to answer (RFC 6120 section 8.3.2, `wait`): it is queried once more. Returns whether
    /// it is.
    pub(super) fn postpones_query(&mut self, iq: &Element, remote: &mut Remote) -> bool {
        let is_busy = StanzaError::of(iq).is_some_and(|error| error.kind == ErrorType::Wait);
        let is_settling =
            matches!(&self.archive, Archive::Querying(asking) if asking.aim == Aim::Settle);
        if !is_busy || is_settling || !self.requests.may_postpone() {
            return false;
        }
        let mut live = None;
        self.archive.swap_live(&mut live);
        self.plan_catch_up(None, remote);
        self.archive.swap_live(&mut live);
        self.expect_archive(remote);
        let when = remote.env.now.mono + BUSY_FOR;
        self.requests.postpone(Request::Archive, when);
        self.expect_no_answer();
        remote.env.timers.set(Timer::Request, when);
        true
    }

    /// Sends the query that was set apart (rule W1).
    pub(in crate::connection::session) fn query_archive_alone(&mut self, remote: &mut Remote) {
        if !self.archive.is_planned() {
            self.plan_catch_up(None, remote);
        }
        self.expect_archive(remote);
        self.send_archive_query(remote);
    }

    /// The archive is not queried at present: reports what may be missed, although it can be read later.
    pub(in crate::connection::session) fn report_unread_archive(&mut self, remote: &mut Remote) {
        if self.requests.leaves_out(Request::Archive) {
            self.missed.tell_gap(&mut remote.env);
        }
    }

    /// Returns the planned query, if there is one.
    pub(super) fn archive_query(&self, remote: &mut Remote) -> Option<OutboundStanza> {
        let query = match &self.archive {
            Archive::Querying(ArchiveQuery {
                query,
                reading: Reading::Back(_),
                ..
            }) => mam::before(query, query, None, page_size(remote)),
            Archive::Querying(asking) => {
                let begin = catch_up_from(remote);
                page_query(&asking.query, begin, remote)
            }
            Archive::Learning { query, .. } => mam::newest(query, query),
            Archive::Absent | Archive::Current => return None,
        };
        Some(queued::core(query.into(), remote))
    }

    /// One query at a time. The results of an older one may still arrive, and are messages of the account; the end of the
    /// archive would change nothing any more.
    pub(super) fn owe(&mut self, id: String, kind: PendingKind) {
        let of_archive = |pending: &PendingIq| is_archive(pending.kind);
        let count = self.pending.iter().filter(|p| of_archive(p)).count();
        let mut excess = count.saturating_sub(MAX_UNANSWERED.saturating_sub(1));
        self.pending.retain(|pending| {
            let is_excess = of_archive(pending) && excess > 0;
            excess = excess.saturating_sub(usize::from(is_excess));
            !is_excess && pending.kind != PendingKind::ArchiveEnd
        });
        self.pending.push(PendingIq { id, kind });
    }

    /// The session is established: starts the timeout of the archive's answer.
    pub(in crate::connection::session) fn expect_archive(&self, remote: &mut Remote) {
        if self.requests.sets_apart(Request::Archive) {
            // It is not queried yet.
            return remote.env.timers.stop(Timer::Archive);
        }
        let timeout = remote.env.config.catch_up.timeout;
        match &self.archive {
            Archive::Querying(asking) if asking.aim == Aim::Decide => {
                let when = remote.env.now.mono + timeout;
                remote.env.timers.set(Timer::Archive, when);
            }
            // The app waits for a report, which needs no answer of the archive.
            Archive::Learning { .. } if self.missed.has_stored_gap() => {
                let when = remote.env.now.mono + timeout;
                remote.env.timers.set(Timer::Archive, when);
            }
            Archive::Querying(_) | Archive::Learning { .. } => expect_page(remote),
            Archive::Absent | Archive::Current => remote.env.timers.stop(Timer::Archive),
        }
    }

    /// The archive did not answer in time. If nothing else was received either, the path may be dead, or this process was
    /// suspended, and that says nothing about the archive. A liveness probe is sent, and its response decides.
    pub(in crate::connection) fn archive_is_late(&mut self, remote: &mut Remote) {
        if self.archive == Archive::Current {
            if remote.env.active {
                self.look_again(remote);
            }
        } else if self.asked.is_none() {
            self.probe(remote);
        }
    }

    /// The server has answered something else. If the archive's timeout has expired, it is the archive that does not answer.
    /// First only the stanzas that wait for its result stop waiting.
    pub(in crate::connection::session) fn doubt_archive(&mut self, remote: &mut Remote) {
        if self.stage != SessionStage::Online
            || remote.env.timers.is_set(Timer::Archive)
            || self.requests.sets_apart(Request::Archive)
        {
            return;
        }
        let has_waited = !self.missed.has_stored_gap();
        self.missed.report_stored_gap(&mut remote.env);
        match &mut self.archive {
            Archive::Querying(asking) if asking.aim == Aim::Decide => {
                asking.aim = Aim::CatchUp;
                expect_page(remote);
                self.go_on(remote);
            }
            Archive::Querying(asking) if asking.aim == Aim::Settle => {
                let live = asking.live.take().map(ArchiveCursor::After);
                self.archive = Archive::Current;
                let mut ops = move_cursor(live, remote);
                ops.extend(recheck(None, remote));
                remote.env.persist(ops);
            }
            Archive::Querying(_) => {
                let query = self.given_up(remote);
                let (ops, stanza) = self.question(Vec::new(), query, remote);
                // No stanza was received that could be counted.
                let seq = remote.env.persist(ops);
                self.put_question(stanza, seq, remote);
            }
            Archive::Learning { .. } if has_waited => self.archive = Archive::Absent,
            Archive::Learning { .. } => expect_page(remote),
            Archive::Absent | Archive::Current => {}
        }
    }

    /// Nothing was archived since a time, and a time is no position to continue from.
    pub(super) fn learn_the_end(&mut self, remote: &mut Remote) {
        let query = format!("{QUERY_PREFIX}{}", remote.env.entropy.token());
        self.archive = Archive::Learning {
            query: query.clone(),
            live: None,
            stamp: None,
            then_read: true,
        };
        self.expect_archive(remote);
        self.ask_again(Vec::new(), Question::end(query), remote);
    }

    /// Queries what the archive has after this position, once more.
    pub(in crate::connection::session) fn ask_second_time(
        &mut self,
        begin: ArchiveCursor,
        aim: Aim,
        change: Option<Op>,
        remote: &mut Remote,
    ) {
        let id = format!("{QUERY_PREFIX}{}", remote.env.entropy.token());
        let is_earlier = remote.knowledge.archive.as_ref() != Some(&begin);
        let origin = if is_earlier {
            Origin::Earlier
        } else {
            Origin::Cursor
        };
        let is_from_start = is_earlier && begin == ArchiveCursor::Start && aim != Aim::Settle;
        self.archive = Archive::Querying(ArchiveQuery {
            // No answer can report that the beginning is gone.
            sought: sought(remote).filter(|_| is_from_start),
            ..ArchiveQuery::new(id.clone(), origin, aim)
        });
        let query = page_query(&id, Some(begin), remote);
        self.expect_archive(remote);
        let change = Vec::from_iter(change);
        let (ops, stanza) = self.question(change, Question::page(id, query), remote);
        let seq = remote.env.persist(ops);
        self.put_question(stanza, seq, remote);
    }

    /// The archive query failed: decides on the next one. No stanza waits for it any more.
    pub(super) fn given_up(&mut self, remote: &mut Remote) -> Question {
        let reached_back =
            matches!(&self.archive, Archive::Querying(asking) if asking.is_first_back());
        let id = format!("{QUERY_PREFIX}{}", remote.env.entropy.token());
        expect_page(remote);
        let cursor = remote.knowledge.archive.clone();
        let cursor = cursor.filter(|cursor| is_place(Some(cursor)));
        let is_after_hand_over = remote.knowledge.archive_recheck.is_some();
        if let (true, Some(cursor)) = (reached_back && !is_after_hand_over, cursor) {
            // The position at which the unknown messages were sent may be too old for it; the cursor may not be.
            self.archive =
                Archive::Querying(ArchiveQuery::new(id.clone(), Origin::Cursor, Aim::CatchUp));
            let query = page_query(&id, Some(cursor), remote);
            return Question::page(id, query);
        }
        self.missed.tell_gap(&mut remote.env);
        if let Some(op) = recheck(None, remote) {
            // What could not be asked for lies in that gap.
            remote.env.persist(vec![op]);
        }
        self.archive = Archive::Learning {
            query: id.clone(),
            live: None,
            stamp: None,
            then_read: false,
        };
        Question::end(id)
    }

    /// The changes of an answer are committed together with the next query: a session that is resumed after the process was
    /// killed must not assume that the archive has been read completely.
    pub(super) fn ask_again(&mut self, ops: Vec<Op>, question: Question, remote: &mut Remote) {
        let (ops, stanza) = self.question(ops, question, remote);
        let seq = self.commit(ops, remote);
        self.put_question(stanza, seq, remote);
    }

    pub(super) fn question(
        &mut self,
        mut ops: Vec<Op>,
        question: Question,
        remote: &mut Remote,
    ) -> (Vec<Op>, OutboundStanza) {
        self.owe(question.id, question.kind);
        let stanza = queued::core(question.query.into(), remote);
        if self.sm == Sm::On {
            ops.push(Op::Enqueue(stanza.clone()));
            ops.push(Op::SmPending(self.pending.clone()));
        }
        (ops, stanza)
    }

    pub(super) fn put_question(&mut self, stanza: OutboundStanza, seq: Seq, remote: &mut Remote) {
        if self.not_resent > 0 {
            return self.wait_behind(stanza, Some(seq));
        }
        self.note_request(PendingKind::ArchivePage, &stanza.id, remote);
        remote
            .env
            .transmit_after(Some(seq), ProtocolMessage::ArchiveQuery, stanza.xml.clone());
        if self.sm != Sm::Off {
            self.unacked.push_back(stanza);
        }
        self.go_on(remote);
    }
}

/// Returns where the catch-up begins. Where a message was skipped that cannot be read, it is not requested again.
pub(in crate::connection::session) fn catch_up_from(remote: &Remote) -> Option<ArchiveCursor> {
    let is_cut_off = remote.gives_up(Subject::ArchivePage, Remedy::SkipPage);
    let unknown = first_unknown(remote).filter(|_| !is_cut_off);
    unknown.or_else(|| remote.knowledge.archive.clone())
}

pub(super) fn page_query(query: &str, begin: Option<ArchiveCursor>, remote: &Remote) -> Element {
    let begin = match begin {
        Some(ArchiveCursor::After(id)) => Begin::AfterId(id),
        Some(ArchiveCursor::Since(time)) => Begin::Time(time),
        Some(ArchiveCursor::Start) | None => Begin::Start,
    };
    mam::query(query, query, &begin, page_size(remote))
}

pub(super) fn expect_page(remote: &mut Remote) {
    let timeout = remote.env.config.catch_up.timeout;
    let when = remote.env.now.mono + timeout * PAGE_TIMEOUTS;
    remote.env.timers.set(Timer::Archive, when);
}
