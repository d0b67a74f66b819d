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
//! An archive may have forgotten the cursor's message (`item-not-found`). Then it is asked by the time at which that came; if that is
//! not known, or refused, page by page from the end back. Only where that fails, too, is there a gap.
//!
//! The first query leaves with the session's greeting, so it costs no flight before the first stanza. It stands behind our
//! presence: what comes between the bind and the presence a server of Bind 2 leaves to the archive (XEP-0386), so only a
//! page that was made after the presence is complete. A resumed session goes on where it was: what was asked for is
//! answered there.
//!
//! Before the very first session is asked for, the time is noted ([`ArchiveCursor::Since`]): a process that is killed before it
//! has learnt more leaves at least that. Its heir reads from there.
//!
//! In `Current` each live message moves the cursor. In `Asking` it must not: between the cursor and that message lies what
//! has not come yet. Some time after it first became `Current`, a new session asks once more (`second_look`).

mod forgotten;

use crate::knowledge::{ArchiveCursor, Op, OutboundStanza, PendingIq, PendingKind};
use crate::ns;
use crate::part::Part;
use crate::stanza::{StanzaCondition, StanzaError};
use crate::time::UnixTime;
use crate::xep::mam::{self, ArchiveMetadata, Archived, Begin, Fin, ResultError};
use crate::xml::{Element, RefusedStanza};

use super::super::context::{CLOCK_MARGIN_SECONDS, Context};
use super::super::{Event, Seq, Timer};
use super::{Session, Sm};

/// How our own queries begin, so that a late result is told from one that the app has asked for itself.
const QUERY_PREFIX: &str = "snapback-";

/// So many times the patience with unknown messages an archive may take over one page.
const PAGE_PATIENCE: u32 = 6;

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
    /// The archive has forgotten the cursor's message: from the time on at which that came.
    FromTime,
    /// That does not help either: from the end back, until something that we held, or to the beginning.
    Back(Back),
}

/// A page on the way back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Back {
    /// The last message of the first page: the cursor, once all is read.
    newest: Option<String>,
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
                ..Asking::new(owed.id.clone(), false, false)
            }),
            (Some(owed), _) => Self::Learning {
                query: owed.id.clone(),
                live: None,
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
    fn has(&mut self, archived: &Archived, held_until: Option<UnixTime>) {
        self.last = Some(archived.id.clone());
        self.live.take_if(|live| *live == archived.id);
        if let Reading::Back(back) = &mut self.reading {
            back.first.get_or_insert_with(|| archived.id.clone());
            let stamp = archived.delay.as_ref().map(|delay| delay.stamp);
            back.is_far_enough |= held_until.zip(stamp).is_some_and(|(held, at)| at < held);
        }
    }
}

/// What the archive is asked next.
struct Question {
    id: String,
    kind: PendingKind,
    query: Element,
}

impl Question {
    fn page(id: String, query: Element) -> Self {
        let kind = PendingKind::ArchivePage;
        Self { id, kind, query }
    }

    /// The page before this message; without one, the last page.
    fn back(id: String, before: Option<&str>, page: u32) -> Self {
        let query = mam::before(&id, &id, before, page);
        let kind = PendingKind::ArchiveBack;
        Self { id, kind, query }
    }

    fn end(id: String) -> Self {
        let query = mam::newest(&id, &id);
        let kind = PendingKind::ArchiveEnd;
        Self { id, kind, query }
    }
}

/// What a message from the archive turned out to be.
pub(super) enum FromArchive {
    /// Not ours to judge: no result, or one that the app has asked for.
    No,
    /// To be counted and dropped.
    Worthless,
    /// The next one of the page.
    Result(Archived),
}

impl Session {
    /// Decides what this session asks the archive. The id of the question is known from here on, so that it is stored with
    /// the session, though it leaves with the greeting.
    pub(in super::super) fn plan_catch_up(
        &mut self,
        metadata: Option<&ArchiveMetadata>,
        context: &mut Context,
    ) {
        let id = format!("{QUERY_PREFIX}{}", context.entropy.token());
        if let (None, Some(metadata)) = (&context.knowledge.archive, metadata) {
            // Bind 2 says where the archive ends: that need not be asked.
            let end = metadata.end.as_ref();
            let cursor = end.map_or(ArchiveCursor::Start, |end| {
                ArchiveCursor::After(end.id.clone())
            });
            let mut ops = move_cursor(Some(cursor), context);
            ops.extend(held_until_now(context));
            context.persist(ops);
        }
        let begin = first_unknown(context).or_else(|| context.knowledge.archive.clone());
        let kind = if begin.is_some() {
            let reaches_back = context.knowledge.archive != begin;
            self.archive = Archive::Asking(Asking::new(id.clone(), reaches_back, true));
            PendingKind::ArchivePage
        } else {
            self.archive = Archive::Learning {
                query: id.clone(),
                live: None,
                then_read: true,
            };
            PendingKind::ArchiveEnd
        };
        self.owe(id, kind);
    }

    /// The question that was planned, if there is one.
    pub(super) fn archive_query(&self, context: &mut Context) -> Option<OutboundStanza> {
        let query = match &self.archive {
            Archive::Asking(asking) => {
                let begin = first_unknown(context).or_else(|| context.knowledge.archive.clone());
                page_query(&asking.query, begin, context)
            }
            Archive::Learning { query, .. } => mam::newest(query, query),
            Archive::Absent | Archive::Current => return None,
        };
        Some(super::outbound::core(&query, context))
    }

    /// One question at a time: the answer to an older one would change nothing any more.
    fn owe(&mut self, id: String, kind: PendingKind) {
        self.pending.retain(|pending| !is_archive(pending.kind));
        self.pending.push(PendingIq { id, kind });
    }

    /// The session is there: from now on the archive's answer is waited for, and not for ever.
    pub(super) fn expect_archive(&self, context: &mut Context) {
        let patience = context.config.catch_up.patience;
        match &self.archive {
            Archive::Asking(asking) if asking.decides => {
                context
                    .timers
                    .set(Timer::Archive, context.now.mono + patience);
            }
            Archive::Asking(_) | Archive::Learning { .. } => expect_page(context),
            Archive::Absent | Archive::Current => context.timers.stop(Timer::Archive),
        }
    }

    /// The archive did not answer in time. If nothing else came either, the path may be dead, or this process was frozen, and
    /// that says nothing about the archive: the server is asked for a sign of life, and that decides.
    pub(in super::super) fn archive_is_late(&mut self, context: &mut Context) {
        if self.archive == Archive::Current {
            if context.active {
                self.look_again(context);
            }
        } else if self.asked.is_none() {
            self.probe(context);
        }
    }

    /// The server has answered something else. If the archive's time is over, it is the archive that is silent. First only those
    /// that wait for its word stop waiting.
    pub(super) fn doubt_archive(&mut self, context: &mut Context) {
        if !self.is_online || context.timers.is_set(Timer::Archive) {
            return;
        }
        match &mut self.archive {
            Archive::Asking(asking) if asking.decides => {
                asking.decides = false;
                expect_page(context);
                self.go_on(context);
            }
            Archive::Asking(asking) if asking.is_second => {
                let live = asking.live.take().map(ArchiveCursor::After);
                self.archive = Archive::Current;
                let ops = move_cursor(live, context);
                context.persist(ops);
            }
            Archive::Asking(_) => {
                let query = self.given_up(context);
                let (ops, stanza) = self.question(Vec::new(), query, context);
                // No stanza came that could be counted.
                let seq = context.persist(ops);
                self.put_question(stanza, seq, context);
            }
            Archive::Learning { .. } => self.archive = Archive::Absent,
            Archive::Absent | Archive::Current => {}
        }
    }

    /// T7: only our own archive, and only to our own question.
    pub(super) fn judge_result(&mut self, message: &Element, context: &mut Context) -> FromArchive {
        let is_ours = mam::query_id(message).is_some_and(|id| id.starts_with(QUERY_PREFIX));
        if !is_ours {
            return FromArchive::No;
        }
        let own = context.config.account.to_string();
        let Archive::Asking(asking) = &mut self.archive else {
            return FromArchive::Worthless;
        };
        match Archived::parse(message, &own, &asking.query) {
            Some(Ok(archived)) => {
                asking.results = asking.results.saturating_add(1);
                if asking.results > context.config.catch_up.page {
                    return FromArchive::Worthless;
                }
                let held_until = forgotten::believable_time(context);
                asking.has(&archived, held_until);
                FromArchive::Result(archived)
            }
            // One that was given up on is late; that is no fault.
            Some(Err(ResultError::ForeignQuery)) | None => FromArchive::Worthless,
            Some(Err(error)) => {
                if matches!(error, ResultError::Malformed(_)) {
                    let id = message.child("result", ns::MAM).and_then(|r| r.attr("id"));
                    asking.unreadable(id);
                }
                context.event(Event::PeerFault("archive result"));
                FromArchive::Worthless
            }
        }
    }

    /// A message was refused. If it was the next one of the page, that goes on behind it: the archive will not make it
    /// readable, and what follows it is not to be missed (XEP-0059, XEP-0313).
    pub(super) fn note_refused_result(&mut self, refused: &RefusedStanza, context: &Context) {
        let own = context.config.account.to_string();
        let Archive::Asking(asking) = &mut self.archive else {
            return;
        };
        if refused.name != "message"
            || refused
                .from
                .as_ref()
                .is_some_and(|from| !crate::jid::is_same(from, &own))
        {
            return;
        }
        match &refused.first_child {
            Some(result) if result.is("result", ns::MAM) => {
                if result.attr("queryid") == Some(&asking.query) {
                    asking.unreadable(result.attr("id"));
                }
            }
            _ => asking.has_unreadable = true,
        }
    }

    /// The end of a page.
    pub(super) fn archive_page(&mut self, id: &str, iq: &Element, context: &mut Context) {
        let asking = match &mut self.archive {
            Archive::Asking(asking) if asking.query == id => asking,
            _ => return self.answered_by_archive(Vec::new(), context),
        };
        let page = context.config.catch_up.page;
        let fin = read_fin(iq).filter(|fin| agrees(fin, asking, page));
        let is_doubtful = fin
            .as_ref()
            .is_some_and(|fin| asking.is_doubtful(fin, context));
        let Some(fin) = fin.filter(|_| !is_doubtful) else {
            return if asking.is_forgotten(is_doubtful || is_not_found(iq), context) {
                self.cursor_is_forgotten(context)
            } else {
                self.page_failed(Vec::new(), context)
            };
        };
        let is_forgotten = asking.reading == Reading::FromTime;
        if let Reading::Back(back) = asking.reading.clone() {
            return self.page_back(fin, back, context);
        }
        let last = asking.last.take();
        let reached = fin.last.or(last).map(ArchiveCursor::After);
        if fin.complete {
            let live = asking.live.take().map(ArchiveCursor::After);
            let held = context.knowledge.archive.clone();
            let cursor = live.or(reached.clone());
            if cursor.is_none() && (is_forgotten || !is_place(held.as_ref())) {
                return self.learn_the_end(context);
            }
            self.archive = Archive::Current;
            self.caught_up(cursor, context);
            return self.plan_second_look(reached.or(held), context);
        }
        // If it was asked by time, there is a place to go on from now.
        asking.reading = Reading::FromCursor;
        let ops = move_cursor(reached, context);
        if asking.pages >= context.config.catch_up.pages {
            return self.page_failed(ops, context);
        }
        asking.pages = asking.pages.saturating_add(1);
        asking.results = 0;
        asking.is_torn = false;
        asking.has_unreadable = false;
        asking.query = format!("{QUERY_PREFIX}{}", context.entropy.token());
        let query = asking.query.clone();
        if !asking.decides {
            expect_page(context);
        }
        let begin = context.knowledge.archive.clone();
        let element = page_query(&query, begin, context);
        self.ask_again(ops, Question::page(query, element), context);
    }

    /// The archive has said where it ends, or that it is none.
    pub(super) fn archive_end(&mut self, id: &str, iq: &Element, context: &mut Context) {
        let (live, then_read) = match &mut self.archive {
            Archive::Learning {
                query,
                live,
                then_read,
            } if query == id => (live.take(), *then_read),
            _ => return self.answered_by_archive(Vec::new(), context),
        };
        let Some(fin) = read_fin(iq) else {
            self.archive = Archive::Absent;
            self.expect_archive(context);
            let ops = if is_place(context.knowledge.archive.as_ref()) {
                Vec::new()
            } else {
                context.knowledge.archive = None;
                vec![Op::NoArchive]
            };
            return self.answered_by_archive(ops, context);
        };
        if !then_read {
            self.archive = Archive::Current;
            let end = live.or(fin.last);
            let cursor = end.map_or(ArchiveCursor::Start, ArchiveCursor::After);
            return self.caught_up(Some(cursor), context);
        }
        let end = fin.last.map_or(ArchiveCursor::Start, ArchiveCursor::After);
        let mut ops = move_cursor(Some(end.clone()), context);
        ops.extend(held_until_now(context));
        let query = format!("{QUERY_PREFIX}{}", context.entropy.token());
        let element = page_query(&query, Some(end), context);
        self.archive = Archive::Asking(Asking {
            live,
            ..Asking::new(query.clone(), false, false)
        });
        self.expect_archive(context);
        self.ask_again(ops, Question::page(query, element), context);
    }

    /// Nothing has come since a time, and a time is no place to go on from.
    fn learn_the_end(&mut self, context: &mut Context) {
        let query = format!("{QUERY_PREFIX}{}", context.entropy.token());
        self.archive = Archive::Learning {
            query: query.clone(),
            live: None,
            then_read: true,
        };
        self.expect_archive(context);
        self.ask_again(Vec::new(), Question::end(query), context);
    }

    /// We hold all of the archive. What it does not have has not arrived.
    fn caught_up(&mut self, cursor: Option<ArchiveCursor>, context: &mut Context) {
        self.expect_archive(context);
        let mut ops = move_cursor(cursor, context);
        ops.extend(held_until_now(context));
        self.answered_by_archive(ops, context);
        self.go_on(context);
    }

    /// A page that cannot be gone on from.
    fn page_failed(&mut self, mut ops: Vec<Op>, context: &mut Context) {
        match &mut self.archive {
            Archive::Asking(asking) if asking.is_second => {
                let live = asking.live.take().map(ArchiveCursor::After);
                self.archive = Archive::Current;
                self.expect_archive(context);
                ops.extend(move_cursor(live, context));
                self.answered_by_archive(ops, context);
            }
            Archive::Asking(asking) if asking.reading == Reading::FromTime => {
                self.ask_back(None, Back::default(), context);
            }
            _ => {
                let question = self.given_up(context);
                self.ask_again(ops, question, context);
            }
        }
    }

    /// What the archive has behind this place, once more.
    pub(super) fn ask_second_time(&mut self, begin: ArchiveCursor, context: &mut Context) {
        let id = format!("{QUERY_PREFIX}{}", context.entropy.token());
        let query = page_query(&id, Some(begin), context);
        self.archive = Archive::Asking(Asking {
            is_second: true,
            ..Asking::new(id.clone(), false, false)
        });
        self.expect_archive(context);
        let (ops, stanza) = self.question(Vec::new(), Question::page(id, query), context);
        let seq = context.persist(ops);
        self.put_question(stanza, seq, context);
    }

    /// The archive does not help: what to ask it next. Nobody waits for it any more.
    fn given_up(&mut self, context: &mut Context) -> Question {
        let reached_back = matches!(&self.archive, Archive::Asking(asking) if asking.reaches_back && asking.pages == 1);
        let id = format!("{QUERY_PREFIX}{}", context.entropy.token());
        expect_page(context);
        let cursor = context.knowledge.archive.clone();
        if let (true, Some(cursor)) = (reached_back, cursor) {
            // Where the unknown messages were sent may be too far back for it; the cursor may not be.
            self.archive = Archive::Asking(Asking::new(id.clone(), false, false));
            let query = page_query(&id, Some(cursor), context);
            return Question::page(id, query);
        }
        context.tell_gap();
        self.archive = Archive::Learning {
            query: id.clone(),
            live: None,
            then_read: false,
        };
        Question::end(id)
    }

    /// What an answer of the archive changed is committed together with the next question: a session that is resumed after a
    /// kill must not believe that it holds everything.
    fn ask_again(&mut self, ops: Vec<Op>, question: Question, context: &mut Context) {
        let (ops, stanza) = self.question(ops, question, context);
        let seq = self.commit(ops, context);
        self.put_question(stanza, seq, context);
    }

    fn question(
        &mut self,
        mut ops: Vec<Op>,
        question: Question,
        context: &mut Context,
    ) -> (Vec<Op>, OutboundStanza) {
        self.owe(question.id, question.kind);
        let stanza = super::outbound::core(&question.query, context);
        if self.sm == Sm::On {
            ops.push(Op::Enqueue(stanza.clone()));
            ops.push(Op::SmPending(self.pending.clone()));
        }
        (ops, stanza)
    }

    fn put_question(&mut self, stanza: OutboundStanza, seq: Seq, context: &mut Context) {
        context.transmit_after(Some(seq), Part::ArchiveQuery, stanza.xml.clone());
        if self.sm != Sm::Off {
            self.unacked.push_back(stanza);
        }
        self.go_on(context);
    }

    /// The question is answered: a resumed session must not wait for it.
    fn answered_by_archive(&self, mut ops: Vec<Op>, context: &mut Context) {
        if self.sm == Sm::On {
            ops.push(Op::SmPending(self.pending.clone()));
        }
        self.commit(ops, context);
    }
}

fn is_archive(kind: PendingKind) -> bool {
    matches!(
        kind,
        PendingKind::ArchivePage | PendingKind::ArchiveBack | PendingKind::ArchiveEnd
    )
}

/// We hold all that there is. What comes from here on comes at this time or later, by a clock that may be off.
pub(super) fn held_until_now(context: &mut Context) -> Option<Op> {
    let now = context.now.wall.plus_seconds(-CLOCK_MARGIN_SECONDS);
    let time = UnixTime(now.0.max(0));
    let known = context.knowledge.archive_time;
    if known.is_some_and(|known| known.0.abs_diff(time.0) < TIME_STEP_SECONDS) {
        return None;
    }
    context.knowledge.archive_time = Some(time);
    Some(Op::ArchiveTime(time))
}

/// How exactly the time of the cursor is kept. It is asked for with a margin that is much larger, and a message should not cost
/// a change of it.
const TIME_STEP_SECONDS: u64 = 3_600;

/// Where the first message of unknown fate was sent, if any can be decided.
fn first_unknown(context: &Context) -> Option<ArchiveCursor> {
    context.knowledge.archive.as_ref()?;
    let mut unknown = context
        .knowledge
        .queue
        .iter()
        .filter(|stanza| stanza.sent || stanza.unknown)
        .filter(|stanza| super::unknown::is_archived(stanza));
    unknown.find_map(|stanza| stanza.sent_behind.clone())
}

/// Whether it is a place that the archive knows, not only a time.
fn is_place(cursor: Option<&ArchiveCursor>) -> bool {
    matches!(cursor, Some(ArchiveCursor::Start | ArchiveCursor::After(_)))
}

fn page_query(query: &str, begin: Option<ArchiveCursor>, context: &Context) -> Element {
    let begin = match begin {
        Some(ArchiveCursor::After(id)) => Begin::AfterId(id),
        Some(ArchiveCursor::Since(time)) => Begin::Time(time),
        Some(ArchiveCursor::Start) | None => Begin::Start,
    };
    mam::query(query, query, &begin, context.config.catch_up.page)
}

fn expect_page(context: &mut Context) {
    let patience = context.config.catch_up.patience;
    let when = context.now.mono + patience * PAGE_PATIENCE;
    context.timers.set(Timer::Archive, when);
}

/// RFC 6120 section 8.3.3.7: what is asked for is not there.
fn is_not_found(iq: &Element) -> bool {
    StanzaError::of(iq).is_some_and(|error| error.condition == StanzaCondition::ItemNotFound)
}

fn read_fin(iq: &Element) -> Option<Fin> {
    if StanzaError::of(iq).is_some() {
        return None;
    }
    Fin::parse(iq).ok()
}

/// Whether the end of the page fits what came: a page that lost its last message, or brought more than was asked for, or
/// has nothing and says that more follows, cannot be gone on from. Where something came that could not be read, `<last/>` is
/// the server's word.
fn agrees(fin: &Fin, asking: &Asking, page: u32) -> bool {
    let same_end =
        fin.last.is_none() || fin.last == asking.last || asking.is_torn || asking.has_unreadable;
    let moves = fin.complete || fin.last.is_some() || asking.last.is_some();
    same_end && moves && asking.results <= page
}

fn move_cursor(cursor: Option<ArchiveCursor>, context: &mut Context) -> Vec<Op> {
    let Some(cursor) = cursor else {
        return Vec::new();
    };
    if context.knowledge.archive.as_ref() == Some(&cursor) {
        return Vec::new();
    }
    context.knowledge.archive = Some(cursor.clone());
    vec![Op::ArchiveCursor(cursor)]
}
