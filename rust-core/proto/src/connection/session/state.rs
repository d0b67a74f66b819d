//! The data of a session: its counters, and what is pending. The functions that change it are in the neighbouring files, one
//! for each part of the protocol.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, OnceLock};

use crate::config::Config;
use crate::connection::output::Seq;
use crate::connection::session::archive::Archive;
use crate::connection::session::caught_up::CaughtUp;
use crate::connection::session::missed::Missed;
use crate::connection::session::rate::Answers;
use crate::connection::session::requests::Requests;
use crate::jid::BareJid;
use crate::knowledge::{ArchiveCursor, Greeting, OutboundStanza, PendingIq, PushTarget};
use crate::plan::Purpose;
use crate::stream::features::StreamFeatures;
use crate::time::Instant;
use crate::xep::caps::OwnCaps;

/// A session and its counters.
#[derive(Debug)]
pub(in crate::connection) struct Session {
    pub(super) sm: Sm,
    /// Inbound stanzas, modulo 2^32; the count in `<a/>` waits for its transaction (rules I1, I3).
    pub(super) h: u32,
    /// Outbound stanzas that the server has acknowledged, modulo 2^32.
    pub(super) base: u32,
    /// Sent and not acknowledged, in order (rule I4).
    pub(super) unacked: VecDeque<OutboundStanza>,
    /// How many of these, at the end, were not sent again after a resumption: they wait for one that is sent alone.
    pub(super) not_resent: usize,
    /// The transaction that must be committed before these are sent.
    pub(super) resend_after: Option<Seq>,
    /// The core's own requests that are not answered yet.
    pub(super) pending: Vec<PendingIq>,
    /// One of them is answered by the stanza that is being processed: the others are stored together with its count.
    pub(super) is_pending_answered: bool,
    /// An acknowledgement request is pending.
    pub(super) asked: Option<Asked>,
    /// How many answers to such requests had exactly the expected count.
    pub(super) exact_acks: u32,
    pub(super) requests: Requests,
    pub(super) answers: Answers,
    /// The position up to which the archive has been read.
    pub(super) archive: Archive,
    pub(super) settling_query: SettlingQuery,
    pub(super) caught_up: CaughtUp,
    pub(super) greeting: Greeting,
    /// The server has to answer this before anything else is sent.
    pub(super) awaits_start: Option<AwaitedStart>,
    /// The entities to which the app has sent directed presence, by their bare addresses.
    pub(super) directed: BTreeSet<BareJid>,
    /// When a request of another entity was last answered.
    pub(super) answered_at: Option<Instant>,
    pub(super) stage: SessionStage,
    /// The requests to disable push notifications that are not answered, by their ids.
    pub(super) disabling: Vec<(String, PushTarget)>,
    /// The client state that the server last received.
    pub(super) sent_inactive: bool,
    /// The client's full JID, once a resource is bound.
    pub(super) jid: Option<String>,
    /// The transaction that must be committed before a count of inbound stanzas is sent.
    pub(super) last_inbound: Option<Seq>,
    /// When the last bytes were received.
    pub(super) heard_at: Instant,
    pub(in crate::connection) missed: Missed,
    /// This connection learnt the end of the archive, so the message there cannot have been removed.
    pub(super) has_learnt_end: bool,
    /// The answer to service discovery; `None` if the app gave names that caps cannot carry (rule S9).
    pub(super) own_caps: OnceLock<Option<OwnCaps>>,
}

/// The stages of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SessionStage {
    /// No resource is bound yet.
    Beginning,
    /// It was reported to the app.
    Online,
    /// The client has closed its stream, and can send nothing any more. What the server sends before it closes its own is
    /// processed (RFC 6120 section 4.4).
    Ending,
}

/// The state of stream management (rule I6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sm {
    /// Not available: a ping is used instead of `<r/>`.
    Off,
    /// `<enable/>` has been sent: outbound stanzas are counted, inbound ones not yet.
    Enabling,
    /// Both are counted.
    On,
}

/// The pending acknowledgement request, which determines what has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// `<r/>`, once or, since a liveness probe may always be sent, several times.
    Acks(AckRequests),
    /// A ping: when it is answered, this number of the unacknowledged stanzas has arrived.
    Ping {
        id: String,
        covers: usize,
        at: Instant,
    },
}

/// `<r/>` that are not answered. The server answers each of them, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AckRequests {
    /// When the newest one was sent.
    pub(super) at: Instant,
    /// Their number.
    pub(super) unanswered: u32,
    /// An answer arrived since the newest one was sent.
    pub(super) is_answering: bool,
    /// The count of a server that has processed everything that was sent before the newest one.
    pub(super) expected: u32,
}

/// What a Bind 2 request has requested already.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::connection) struct Inline {
    pub(in crate::connection) carbons: bool,
    pub(in crate::connection) inactive: bool,
    pub(in crate::connection) sm: bool,
}

/// `<session/>`, or `<enable/>` alone, has been sent, and later stanzas wait.
#[derive(Debug)]
pub(super) struct AwaitedStart {
    /// The id of `<session/>`.
    pub(super) id: Option<String>,
    /// What a new session may request.
    pub(super) features: Arc<StreamFeatures>,
    pub(super) inline: Inline,
}

/// The progress of the settling query to the archive.
#[derive(Debug)]
pub(super) enum SettlingQuery {
    /// The catch-up has to be completed first.
    AfterCatchUp,
    /// A query that was begun on an earlier connection has to be answered first. It does not cover what the archive has to be
    /// asked for again ([`Knowledge::archive_recheck`](crate::knowledge::Knowledge)).
    AfterEarlier,
    /// The archive was read up to here, and is queried once more, not before this time.
    Due { begin: ArchiveCursor, when: Instant },
    /// The query was sent, or is not needed. Not again before this time.
    Done { until: Instant },
}

impl Session {
    /// Creates a session in which nothing is bound, requested or counted yet.
    pub(in crate::connection) fn new(missed: Missed) -> Self {
        Self {
            sm: Sm::Off,
            h: 0,
            base: 0,
            unacked: VecDeque::new(),
            not_resent: 0,
            resend_after: None,
            pending: Vec::new(),
            is_pending_answered: false,
            asked: None,
            requests: Requests::default(),
            exact_acks: 0,
            answers: Answers::default(),
            archive: Archive::Absent,
            settling_query: SettlingQuery::AfterCatchUp,
            caught_up: CaughtUp::ToAnswer,
            greeting: Greeting::Sent,
            directed: BTreeSet::new(),
            answered_at: None,
            awaits_start: None,
            stage: SessionStage::Beginning,
            disabling: Vec::new(),
            sent_inactive: false,
            jid: None,
            last_inbound: None,
            heard_at: Instant::ZERO,
            missed,
            has_learnt_end: false,
            own_caps: OnceLock::new(),
        }
    }

    /// Creates a new session of a connection with this purpose.
    pub(in crate::connection) fn begin(purpose: Purpose, missed: Missed) -> Self {
        let greeting = match purpose {
            Purpose::CatchUp => Greeting::Owed,
            Purpose::Session | Purpose::ResumeOnly | Purpose::LogOut => Greeting::Sent,
        };
        Self {
            greeting,
            ..Self::new(missed)
        }
    }

    /// Prepares another attempt on the same stream: requests of the first one are void.
    pub(in crate::connection) fn retry(self) -> Self {
        Self {
            last_inbound: self.last_inbound,
            has_learnt_end: self.has_learnt_end,
            greeting: self.greeting,
            ..Self::new(self.missed)
        }
    }

    /// Returns whether `<enable/>` has been sent and not answered.
    pub(in crate::connection) fn is_enabling(&self) -> bool {
        self.sm == Sm::Enabling
    }

    /// Returns the features to advertise. A connection that resumes its session, as most do, advertises nothing again.
    pub(super) fn own_caps(&self, config: &Config) -> Option<&OwnCaps> {
        let caps = || config.identity.caps();
        self.own_caps.get_or_init(caps).as_ref()
    }
}
