//! What a session begins with (rule W1): which part of it a server could not process, and what follows from that.
//!
//! ```text
//!  the stream ends while parts are unanswered: each of them may be the cause
//!     |  next session
//!     v
//!  those parts are sent alone: one after the other, after everything else was answered
//!     |  the stream ends again
//!     v
//!  the part that was unanswered is left out, for a time; then it is sent alone
//! ```
//!
//! `<enable/>` is sent alone before the others instead: what follows it is counted.
//!
//! Presence and client state have no answer. A server processes a stream in order, so they are answered with what was sent after
//! them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::connection::output::Seq;
use crate::connection::remote::Remote;
use crate::connection::session::archive::{Aim, Archive, is_place};
use crate::connection::session::state::{
    AwaitedStart, Inline, Session, SessionStage, SettlingQuery, Sm,
};
use crate::connection::timer::Timer;
use crate::escalation::{Evidence, Request, Subject};
use crate::knowledge::{
    Greeting, Op, OutboundKind, OutboundStanza, PendingIq, PendingKind, StanzaName,
};
use crate::stream::features::StreamFeatures;
use crate::time::Instant;

/// A part that was sent longer ago than this is not the cause of the stream's end.
const SUSPECT_FOR: Duration = Duration::from_secs(60);
/// The same for a connection that breaks: that has many causes, and a server that fails on a part does so at once.
const SUSPECT_SILENTLY_FOR: Duration = Duration::from_secs(5);

/// The parts of a session's start, on this connection.
#[derive(Debug, Default)]
pub(super) struct Requests {
    /// Sent and not answered, in order.
    unanswered: Vec<Unanswered>,
    /// How many of these the answer to the pending acknowledgement request covers.
    covered: usize,
    /// To be sent alone, in order.
    waiting: VecDeque<Request>,
    /// Not sent at present.
    left_out: Vec<Request>,
    /// Not sent before this time, once: the server asked to wait.
    postponed: Option<(Request, Option<Instant>)>,
    /// The one that was sent alone last.
    alone: Option<Request>,
    /// The query to the archive that is planned and not sent: no answer is expected.
    planned: Option<PendingIq>,
}

/// A part that was sent.
#[derive(Debug)]
struct Unanswered {
    request: Request,
    /// It was sent on this connection. If the server had it before, it is not the cause of this connection's end.
    is_suspect: bool,
    /// The id of the iq; `None` if it has no answer of its own.
    id: Option<String>,
    at: Instant,
}

impl Requests {
    /// Returns whether this part is not sent with the others.
    pub(super) fn sets_apart(&self, request: Request) -> bool {
        self.sends_later(request) || self.left_out.contains(&request)
    }

    /// Returns whether this part is sent later in this session.
    pub(super) fn sends_later(&self, request: Request) -> bool {
        self.waiting.contains(&request)
            || matches!(self.postponed, Some((part, Some(_))) if part == request)
    }

    /// Returns whether this part may be sent again later, since the server asked to wait: once in a session.
    pub(super) fn may_postpone(&self) -> bool {
        self.postponed.is_none()
    }

    /// Postpones a part.
    pub(super) fn postpone(&mut self, request: Request, until: Instant) {
        self.postponed = Some((request, Some(until)));
    }

    /// Returns whether this part is not sent at present.
    pub(super) fn leaves_out(&self, request: Request) -> bool {
        self.left_out.contains(&request)
    }

    /// Records that a part was sent.
    pub(super) fn sent(&mut self, request: Request, id: Option<&str>, at: Instant) {
        self.unanswered.push(Unanswered {
            request,
            is_suspect: true,
            id: id.map(str::to_owned),
            at,
        });
    }

    /// Records a request that the server has processed before the session was resumed: its answer is still to come.
    fn processed(&mut self, pending: &PendingIq, at: Instant) {
        self.unanswered.push(Unanswered {
            request: part(pending.kind),
            is_suspect: false,
            id: Some(pending.id.clone()),
            at,
        });
    }

    /// Records that an acknowledgement was requested.
    pub(super) fn asked(&mut self) {
        self.covered = self.unanswered.len();
    }

    /// Returns whether only the answer to a liveness probe can show that the server has processed what was sent alone.
    fn needs_probe(&self) -> bool {
        let last = self.unanswered.last();
        self.alone.is_some() && last.is_some_and(|part| part.id.is_none())
    }

    fn set_apart(&mut self, request: Request, is_left_out: bool) {
        if self.sets_apart(request) {
            return;
        }
        if is_left_out {
            self.left_out.push(request);
        } else {
            self.waiting.push_back(request);
            let order = |part: &Request| Request::ALL.iter().position(|other| other == part);
            self.waiting.make_contiguous().sort_by_key(order);
        }
    }

    /// Removes and returns the first `count` parts for which this holds.
    fn take_answered(
        &mut self,
        count: usize,
        is_answered: impl Fn(&Unanswered) -> bool,
    ) -> Vec<Request> {
        let count = count.min(self.unanswered.len());
        let answered = self
            .unanswered
            .extract_if(..count, |part| is_answered(part));
        let answered: Vec<Request> = answered.map(|part| part.request).collect();
        self.covered = self.covered.saturating_sub(answered.len());
        self.alone.take_if(|alone| answered.contains(alone));
        answered
    }

    /// Returns the parts that may have caused the end of the stream: the one that was sent alone, or each that is unanswered.
    fn suspects(&self, evidence: Evidence, now: Instant) -> Vec<Request> {
        let limit = match evidence {
            Evidence::Refusal => SUSPECT_FOR,
            Evidence::Silence => SUSPECT_SILENTLY_FOR,
        };
        let recent = self.unanswered.iter();
        let recent = recent.filter(|part| part.is_suspect && now.since(part.at) < limit);
        let mut suspects: Vec<Request> = recent.map(|part| part.request).collect();
        if let Some(alone) = self.alone {
            suspects.retain(|request| *request == alone);
        }
        suspects.dedup();
        suspects
    }
}

/// Returns the part of a session's start that this request belongs to.
fn part(kind: PendingKind) -> Request {
    match kind {
        PendingKind::Roster => Request::Roster,
        PendingKind::Carbons => Request::Carbons,
        PendingKind::ServerDisco => Request::Disco,
        PendingKind::ArchivePage
        | PendingKind::ArchiveTime
        | PendingKind::ArchiveBack
        | PendingKind::ArchiveEnd => Request::Archive,
        PendingKind::PushEnable | PendingKind::PushDisable => Request::Push,
    }
}

impl Session {
    /// Returns whether this part may be sent with the others; else it is sent alone, or left out. Messages of the time before
    /// the presence may be in the archive only, so that follows the presence.
    pub(super) fn may_send(&mut self, request: Request, remote: &Remote) -> bool {
        let is_apart = remote.sets_apart(request)
            || request == Request::Archive && self.requests.waiting.contains(&Request::Presence);
        if is_apart {
            let is_left_out = remote.leaves_out(request);
            self.requests.set_apart(request, is_left_out);
            if request == Request::Archive {
                self.expect_no_answer();
            }
        }
        !is_apart
    }

    /// The planned query to the archive is not sent yet. If the session ended before, the next connection should not wait for the
    /// answer.
    pub(super) fn expect_no_answer(&mut self) {
        if let Some(id) = self.archive.query() {
            let mut planned = self.pending.extract_if(.., |pending| pending.id == id);
            self.requests.planned = planned.next();
        }
    }

    /// The planned query to the archive is sent.
    pub(super) fn expect_answer(&mut self, id: &str) {
        let planned = self.requests.planned.take();
        self.pending
            .extend(planned.filter(|pending| pending.id == id));
    }

    /// Sends `<enable/>` alone, if it has to be. The other parts follow the answer.
    pub(super) fn enables_alone(
        &mut self,
        features: &StreamFeatures,
        inline: Inline,
        remote: &mut Remote,
    ) -> bool {
        let is_alone = features.sm
            && !inline.sm
            && remote.sets_apart(Request::Enable)
            && !remote.leaves_out(Request::Enable);
        if is_alone {
            self.enable(remote);
            self.requests.alone = Some(Request::Enable);
            self.awaits_start = Some(AwaitedStart {
                id: None,
                features: Arc::new(features.clone()),
                inline: Inline { sm: true, ..inline },
            });
        }
        is_alone
    }

    /// Records a request that was sent.
    pub(super) fn note_request(&mut self, kind: PendingKind, id: &str, remote: &Remote) {
        let now = remote.env.now.mono;
        self.requests.sent(part(kind), Some(id), now);
    }

    /// The server has answered this request: it has processed what was sent before.
    pub(super) fn request_answered(&mut self, id: &str, remote: &mut Remote) {
        let is_it = |part: &Unanswered| part.id.as_deref() == Some(id);
        if let Some(at) = self.requests.unanswered.iter().position(is_it) {
            let is_answered = |part: &Unanswered| part.id.is_none() || is_it(part);
            let answered = self
                .requests
                .take_answered(at.saturating_add(1), is_answered);
            note_answered(&answered, remote);
        }
    }

    /// The server has answered `<enable/>`.
    pub(super) fn enable_is_answered(&mut self, remote: &mut Remote) {
        let is_enable = |part: &Unanswered| part.request == Request::Enable;
        let answered = self.requests.take_answered(usize::MAX, is_enable);
        note_answered(&answered, remote);
    }

    /// The server has answered the acknowledgement request.
    pub(super) fn ask_is_answered(&mut self, remote: &mut Remote) {
        let covered = std::mem::take(&mut self.requests.covered);
        let has_no_answer =
            |part: &Unanswered| part.id.is_none() && part.request != Request::Enable;
        let answered = self.requests.take_answered(covered, has_no_answer);
        note_answered(&answered, remote);
    }

    /// Attributes the end of the stream to what is unanswered, if the server may have ended it because of that.
    pub(super) fn suspect_requests(&self, evidence: Evidence, remote: &mut Remote) {
        if evidence == Evidence::Silence && !remote.resumption.path_works() {
            return;
        }
        for request in self.requests.suspects(evidence, remote.env.now.mono) {
            remote.note_failure(Subject::Request(request), evidence);
        }
    }

    /// Sends the next part that has to be sent alone, if everything before it was answered.
    pub(in crate::connection) fn send_alone(&mut self, remote: &mut Remote) {
        if self.stage != SessionStage::Online || self.awaits_start.is_some() {
            return;
        }
        self.send_left_out(remote);
        let when = remote.env.now.mono + remote.env.config.timeouts.ack;
        while self.requests.unanswered.is_empty() {
            let Some(request) = self.requests.waiting.pop_front() else {
                break;
            };
            self.requests.alone = Some(request);
            self.send_part(request, remote);
            remote.env.timers.set(Timer::Request, when);
        }
        if !self.requests.waiting.is_empty() {
            remote.env.timers.hasten(Timer::Request, when);
        }
        if self.asked.is_none() && self.requests.needs_probe() {
            self.probe(remote);
        }
    }

    /// The time of what was left out or postponed is over: it is sent alone.
    fn send_left_out(&mut self, remote: &Remote) {
        let is_over = |request: &mut Request| !remote.leaves_out(*request);
        let over = self.requests.left_out.extract_if(.., is_over);
        let over: Vec<Request> = over.filter(|part| *part != Request::Enable).collect();
        for request in over {
            self.requests.set_apart(request, false);
        }
        if let Some((request, until)) = &mut self.requests.postponed
            && until
                .take_if(|until| *until <= remote.env.now.mono)
                .is_some()
        {
            let request = *request;
            self.requests.set_apart(request, false);
        }
    }

    /// What was sent is not answered, and the stream continues: it is not the cause.
    pub(in crate::connection) fn request_is_late(&mut self, remote: &mut Remote) {
        self.requests.unanswered.clear();
        self.requests.covered = 0;
        self.requests.alone = None;
        self.send_alone(remote);
    }

    fn send_part(&mut self, request: Request, remote: &mut Remote) {
        let features = remote.features_for_greeting();
        match request {
            Request::Enable => {}
            Request::Roster => self.request_roster(&features, remote),
            Request::Disco => self.discover_server(remote),
            Request::Carbons => {
                self.enable_carbons(remote);
                self.read_what_came_before(remote);
            }
            Request::Presence => {
                self.announce_presence(remote);
                self.awaits_part();
                self.read_what_came_before(remote);
            }
            Request::Archive => self.query_archive_alone(remote),
            Request::Push => self.tell_push(remote),
            Request::ClientState => self.send_client_state(remote),
        }
        self.request_ack(remote);
    }

    /// Without the presence, or without carbons, messages of the time before may be in the archive only: if it has been read
    /// already, it is queried again.
    fn read_what_came_before(&mut self, remote: &mut Remote) {
        let place = remote.knowledge.archive.clone();
        if let Some(place) = place.filter(|place| is_place(Some(place)))
            && self.archive == Archive::Current
            && !self.requests.sets_apart(Request::Archive)
        {
            self.settling_query = SettlingQuery::AfterCatchUp;
            self.ask_second_time(place, Aim::CatchUp, None, remote);
        }
    }

    /// Before the stanzas of a resumed session are sent again: takes out those that are sent alone or left out. The server has
    /// not counted them.
    pub(super) fn set_requests_apart(&mut self, remote: &mut Remote) {
        let mut removed: Vec<OutboundStanza> = Vec::new();
        for request in Request::ALL {
            if !remote.sets_apart(request) || !self.may_repeat(request, remote) {
                continue;
            }
            let unacked = &self.unacked;
            let is_unacked = |id: &str| unacked.iter().any(|stanza| stanza.id == id);
            let is_of_part = |it: &PendingIq| part(it.kind) == request;
            let mut pending = self.pending.iter().filter(|it| is_of_part(it));
            if pending.any(|it| !is_unacked(&it.id)) {
                // The server has processed it: the answer follows.
                continue;
            }
            let of_part = self.pending.extract_if(.., |it| is_of_part(it));
            let ids: Vec<String> = of_part.map(|pending| pending.id).collect();
            let is_it = |stanza: &OutboundStanza| {
                stanza.kind == OutboundKind::Core
                    && match request {
                        Request::Presence => stanza.head.name == StanzaName::Presence,
                        _ => ids.contains(&stanza.id),
                    }
            };
            let unacked = std::mem::take(&mut self.unacked);
            let (apart, others): (Vec<_>, Vec<_>) = unacked.into_iter().partition(is_it);
            removed.extend(apart);
            self.unacked = others.into();
            if request == Request::Archive {
                self.plan_catch_up(None, remote);
            }
            self.may_send(request, remote);
        }
        let now = remote.env.now.mono;
        for pending in &self.pending {
            if self.unacked.iter().any(|stanza| stanza.id == pending.id) {
                let request = part(pending.kind);
                self.requests.sent(request, Some(&pending.id), now);
            } else {
                self.requests.processed(pending, now);
            }
        }
        if !self.requests.waiting.is_empty() || !self.requests.left_out.is_empty() {
            let removed = removed.iter().map(|stanza| stanza.seq).collect();
            let ops = vec![Op::Failed(removed), Op::SmPending(self.pending.clone())];
            // The server's count refers to what is stored.
            self.resend_after = Some(remote.env.persist(ops));
        }
    }

    /// Returns whether this part is repeated in a resumed session where it has failed and never succeeded.
    fn may_repeat(&self, request: Request, remote: &Remote) -> bool {
        let config = &remote.env.config;
        match request {
            // It has sent no other part, and does not yet.
            _ if self.greeting == Greeting::Owed => request == Request::Archive,
            // The session has it.
            Request::Enable => false,
            Request::Roster => config.roster,
            Request::Carbons => config.carbons,
            Request::Presence => config.presence,
            Request::Push => remote.knowledge.push.concerns_server(),
            Request::Archive | Request::Disco | Request::ClientState => true,
        }
    }

    /// Stores a stanza that is sent, where the session can be resumed; with what is requested, which a resumed session expects.
    pub(super) fn store_core(
        &self,
        stanza: &OutboundStanza,
        is_request: bool,
        remote: &mut Remote,
    ) -> Option<Seq> {
        let mut ops = vec![Op::Enqueue(stanza.clone())];
        if is_request {
            ops.push(Op::SmPending(self.pending.clone()));
        }
        (self.sm == Sm::On).then(|| remote.env.persist(ops))
    }
}

fn note_answered(answered: &[Request], remote: &mut Remote) {
    for request in answered {
        remote.note_success(Subject::Request(*request));
    }
}
