//! The reference model: what each side must have seen. It does not depend on the core; it sees what the app requested
//! and received, what was committed, and what the server received.

mod attempts;
mod inbound;
mod outbound;
mod push;
mod requests;
mod rooms;

pub(crate) use inbound::{ANY, Heard, Message, key};

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};

use snapback_proto::escalation::{Failure, Failures, Remedy};
use snapback_proto::knowledge::Op;

use crate::network::Time;
use crate::random::TraceHasher;

/// A violated rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// When, in microseconds.
    pub at: Time,
    /// Its name in `docs/rules.md`.
    pub rule: &'static str,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.at / 1_000_000, self.at % 1_000_000);
        write!(f, "{} at {seconds}.{micros:06} s: {}", self.rule, self.what)
    }
}

/// What a run counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages from the app that were stored.
    pub sent: u64,
    /// Messages for the app that were stored.
    pub delivered: u64,
    /// Messages that reached the server twice, because a session was lost before it had acknowledged them.
    pub duplicated_up: u64,
    /// Messages that reached the app twice, because the server lost a session before they were acknowledged.
    pub duplicated_down: u64,
    /// Sessions that were lost.
    pub sessions_lost: u64,
}

impl Counts {
    /// Adds what another run counted.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.duplicated_up += other.duplicated_up;
        self.duplicated_down += other.duplicated_down;
        self.sessions_lost += other.sessions_lost;
    }
}

/// A page of the account's archive, as the app received it.
#[derive(Debug)]
pub(crate) struct HistoryPage {
    pub(crate) ids: Vec<String>,
    /// Before which message it ends; without one, with the newest.
    pub(crate) before: Option<String>,
    pub(crate) is_complete: bool,
}

/// The model.
#[derive(Debug)]
pub(crate) struct Model {
    /// Whether messages of unknown fate must not be duplicated either, which an archive makes possible.
    strict: bool,
    now: Time,
    hasher: TraceHasher,
    trace: Option<Vec<String>>,
    violation: Option<Violation>,
    counts: Counts,
    outgoing: Vec<outbound::Outgoing>,
    /// The numbers of the queue.
    by_seq: BTreeMap<u64, usize>,
    last_new: Option<usize>,
    server_read: usize,
    incoming: Vec<inbound::Incoming>,
    incoming_by_id: BTreeMap<String, usize>,
    /// Messages before this one have come.
    first_unreceived: usize,
    /// The app has received the messages before this one.
    first_not_given: usize,
    /// When the app was last told that something may be missing.
    gap_at: Option<Time>,
    /// When the client first knew a place in the archive.
    place_known_at: Option<Time>,
    /// That is a message.
    pub(crate) has_archive_cursor: bool,
    deliveries: BTreeMap<String, inbound::Delivered>,
    /// Committed and not confirmed, in order.
    owed: Vec<String>,
    /// Committed, and not received by the app in this process.
    not_given: BTreeSet<String>,
    life: u32,
    redirects_read: usize,
    losses_read: usize,
    /// Requests that wait for their end.
    requests: BTreeMap<String, requests::Request>,
    /// Requests of killed processes.
    orphans: BTreeSet<String>,
    /// Messages that are stored and not known to have arrived, and how many the queue may hold.
    queued: usize,
    queue_limit: usize,
    /// The server's features were dropped once. Where only the features after a login announce client state indication,
    /// a resumed session does not know of it then.
    pub(crate) server_forgotten: bool,
    /// A fault of the server was in force once.
    pub(crate) server_at_fault: bool,
    pub(crate) push: push::Push,
    pub(crate) rooms: rooms::Rooms,
    /// Pages that are not compared yet.
    pub(crate) history: Vec<HistoryPage>,
    attempts: attempts::Attempts,
    /// What has failed and has not worked since, as stored.
    failures: Failures,
    /// The phone's wall clock was set once.
    is_clock_set: bool,
    /// The inbound count as stored.
    pub(crate) committed_h: Option<u32>,
    /// FAST's count as stored.
    pub(crate) committed_count: u32,
    /// Stanzas received since `<enabled/>` that no transaction has counted yet.
    pub(crate) uncounted: VecDeque<inbound::Heard>,
}

impl Model {
    /// Returns a model at the beginning of a run; with a trace, it keeps what happened as text.
    pub(crate) fn new(strict: bool, traced: bool, queue_limit: usize) -> Self {
        Self {
            strict,
            now: 0,
            hasher: TraceHasher::default(),
            trace: traced.then(Vec::new),
            violation: None,
            counts: Counts::default(),
            outgoing: Vec::new(),
            by_seq: BTreeMap::new(),
            last_new: None,
            server_read: 0,
            incoming: Vec::new(),
            incoming_by_id: BTreeMap::new(),
            first_unreceived: 0,
            first_not_given: 0,
            gap_at: None,
            place_known_at: None,
            has_archive_cursor: false,
            deliveries: BTreeMap::new(),
            owed: Vec::new(),
            not_given: BTreeSet::new(),
            life: 0,
            redirects_read: 0,
            losses_read: 0,
            requests: BTreeMap::new(),
            orphans: BTreeSet::new(),
            queued: 0,
            queue_limit,
            server_forgotten: false,
            server_at_fault: false,
            push: push::Push::default(),
            rooms: rooms::Rooms::default(),
            history: Vec::new(),
            attempts: attempts::Attempts::default(),
            failures: Failures::default(),
            is_clock_set: false,
            committed_h: None,
            committed_count: 0,
            uncounted: VecDeque::new(),
        }
    }

    pub(crate) fn at(&mut self, now: Time) {
        self.now = now;
    }

    pub(crate) fn now(&self) -> Time {
        self.now
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    pub(crate) fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    pub(crate) fn trace(&mut self) -> Vec<String> {
        self.trace.take().unwrap_or_default()
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hasher.finish()
    }

    /// Records the first violation; later ones are consequences.
    pub(crate) fn broken(&mut self, rule: &'static str, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            let what = what();
            self.note("broken", || format!("{rule}: {what}"));
            self.violation = Some(Violation {
                at: self.now,
                rule,
                what,
            });
        }
    }

    /// Adds to the trace: the same seed must give the same notes. The text is only computed if the trace is kept.
    pub(crate) fn note(&mut self, what: &'static str, text: impl FnOnce() -> String) {
        (self.now, what).hash(&mut self.hasher);
        if let Some(trace) = &mut self.trace {
            let seconds = self.now / 1_000_000;
            let micros = self.now % 1_000_000;
            trace.push(format!("{seconds:>6}.{micros:06} {what} {}", text()));
        }
    }

    /// Adds plaintext bytes to the trace.
    pub(crate) fn note_bytes(&mut self, what: &'static str, bytes: &[u8]) {
        self.note(what, || String::from_utf8_lossy(bytes).into_owned());
    }

    /// Adds plaintext to the hash. Of a login only the size: its proofs depend on the TLS connection, and those of
    /// rustls are never the same.
    pub(crate) fn hash_element(&mut self, name: &str, element: &str) {
        match name {
            "auth" | "authenticate" | "challenge" | "response" | "success" => {
                (name, element.len()).hash(&mut self.hasher);
            }
            _ => element.hash(&mut self.hasher),
        }
    }

    /// A room has accepted messages with these ids.
    pub(crate) fn room_said(&mut self, room: u32, ids: Vec<(String, String)>) {
        let broken = self.rooms.said(room, ids, self.now);
        self.broken_in_room(broken);
    }

    fn broken_in_room(&mut self, broken: Option<rooms::Broken>) {
        if let Some((rule, what)) = broken
            && !self.server_at_fault
        {
            self.broken(rule, || what);
        }
    }

    /// A transaction was committed.
    pub(crate) fn committed(&mut self, ops: &[Op]) {
        let mut stored: Option<String> = None;
        for op in ops {
            match op {
                Op::Failure(failure) => self.has_failed_again(*failure),
                Op::FailureForgotten(subject) => drop(self.failures.succeeded(*subject)),
                Op::SmDropped | Op::SmEnabled { .. } => self.failures.session_ended(),
                _ => {}
            }
            if matches!(op, Op::SmDropped | Op::SmEnabled { .. }) {
                self.rooms.session_lost();
            }
            match op {
                Op::CountInbound(h) => self.counted(*h, stored.take().as_deref()),
                Op::SmEnabled { session, sent } => {
                    self.committed_h = Some(session.h);
                    if session.h != 0 {
                        self.broken("I3", || "a new session does not count from zero".to_owned());
                    }
                    for stanza in sent {
                        self.queued(stanza.seq, &stanza.id);
                    }
                }
                Op::SmDropped => self.committed_h = None,
                // I19: faults of the network alone never cost a session.
                Op::Failure(failure)
                    if !self.server_at_fault && costs_more_than_a_flight(*failure) =>
                {
                    self.broken("I19", || {
                        format!("the server did nothing wrong: {failure:?}")
                    });
                }
                Op::Enqueue(stanza) => self.queued(stanza.seq, &stanza.id),
                Op::Acked { seqs, .. } => self.acknowledged(seqs),
                Op::Failed(seqs) => self.failed(seqs),
                Op::Inbound(delivery) => {
                    let key = inbound::key_of(&delivery.stanza);
                    self.stored(delivery, &key);
                    stored = Some(key);
                }
                Op::Confirm(id) => self.confirmed(id),
                Op::ArchiveCursor(cursor) => self.cursor_moved(cursor),
                Op::NoArchive => self.has_archive_cursor = false,
                Op::StoreFast(token) => self.committed_count = token.count,
                Op::CountFast(count) => self.committed_count = self.committed_count.max(*count),
                Op::ForgetServer => self.server_forgotten = true,
                Op::DropFast => self.committed_count = u32::MAX,
                _ => {}
            }
        }
        self.note("commit", || {
            let names = ops.iter().map(|op| {
                let text = format!("{op:?}");
                let end = text.find([' ', '(', '{']).unwrap_or(text.len());
                text.get(..end).unwrap_or_default().to_owned()
            });
            names.collect::<Vec<_>>().join(" ")
        });
    }
}

/// Returns whether something of the user is given up because of these failures: a session, a stanza, a request.
fn costs_more_than_a_flight(failure: Failure) -> bool {
    let step = Failures::restore([failure]).step(failure.subject, failure.until);
    step.is_some_and(|step| {
        matches!(
            step.gives_up,
            Remedy::NewSession
                | Remedy::FailStanza
                | Remedy::NoStreamManagement
                | Remedy::NoRequest
                | Remedy::SkipPage
        )
    })
}
