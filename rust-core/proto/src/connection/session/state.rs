//! A session as data: its counters, and what is owed and waited for. What moves it is beside this, a file for each part of the protocol.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, OnceLock};

use crate::config::Config;
use crate::connection::output::Seq;
use crate::connection::session::archive::Archive;
use crate::connection::session::missed::Missed;
use crate::connection::session::rate::Answers;
use crate::jid::BareJid;
use crate::knowledge::{ArchiveCursor, OutboundStanza, PendingIq};
use crate::stream::features::StreamFeatures;
use crate::time::Instant;
use crate::xep::caps::OwnCaps;

/// A session and its counters.
#[derive(Debug)]
pub(in crate::connection) struct Session {
    pub(super) sm: Sm,
    /// Inbound stanzas, modulo 2^32; what leaves in `<a/>` waits for its transaction (rules I1, I3).
    pub(super) h: u32,
    /// Outbound stanzas that the server has acknowledged, modulo 2^32.
    pub(super) base: u32,
    /// Sent and not acknowledged, in order (rule I4).
    pub(super) unacked: VecDeque<OutboundStanza>,
    /// The core's own requests whose answer is owed.
    pub(super) pending: Vec<PendingIq>,
    /// An acknowledgement request is under way.
    pub(super) asked: Option<Asked>,
    pub(super) answers: Answers,
    /// How far we hold the archive.
    pub(super) archive: Archive,
    pub(super) second_look: SecondLook,
    /// The server has to answer `<session/>` before anything else is sent.
    pub(super) awaits_start: Option<AwaitedStart>,
    /// Whom the app has sent directed presence, by their bare addresses.
    pub(super) directed: BTreeSet<BareJid>,
    /// When a request of somebody else was last answered.
    pub(super) answered_at: Option<Instant>,
    /// The session was announced to the app.
    pub(super) is_online: bool,
    /// What the server last heard of the app.
    pub(super) told_inactive: bool,
    /// Our full JID, once a resource is bound.
    pub(super) jid: Option<String>,
    /// The transaction that must be committed before anything that counts inbound stanzas leaves.
    pub(super) last_inbound: Option<Seq>,
    /// When the last bytes came.
    pub(super) heard_at: Instant,
    pub(in crate::connection) missed: Missed,
    /// The end of the archive was learnt by this connection, so the message there cannot have been forgotten.
    pub(super) has_learnt_end: bool,
    /// What we answer to service discovery; `None` if the app gave names that caps cannot carry (rule S9).
    pub(super) own_caps: OnceLock<Option<OwnCaps>>,
}

/// Stream management, as far as it has come (rule I6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sm {
    /// Not there: a ping stands in for `<r/>`.
    Off,
    /// `<enable/>` is sent: outbound stanzas count, inbound ones not yet.
    Enabling,
    /// Both count.
    On,
}

/// What was asked, to know what has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// `<r/>`, sent at this time.
    Ack(Instant),
    /// A ping: when it is answered, so many of the unacknowledged stanzas have arrived.
    Ping {
        id: String,
        covers: usize,
        at: Instant,
    },
}

/// `<session/>` is on its way, and what follows it waits.
#[derive(Debug)]
pub(super) struct AwaitedStart {
    pub(super) id: String,
    /// What a new session may ask for.
    pub(super) features: Arc<StreamFeatures>,
}

/// How far the second look at the archive is.
#[derive(Debug)]
pub(super) enum SecondLook {
    /// The catch-up comes first.
    AfterCatchUp,
    /// The archive was read up to here, and is asked once more, not before this time.
    Due { begin: ArchiveCursor, when: Instant },
    /// It was asked, or need not be: a resumed session misses nothing. Not again before this time.
    Done { until: Instant },
}

impl Session {
    /// Nothing is bound, asked or counted yet.
    pub(in crate::connection) fn new(missed: Missed) -> Self {
        Self {
            sm: Sm::Off,
            h: 0,
            base: 0,
            unacked: VecDeque::new(),
            pending: Vec::new(),
            asked: None,
            answers: Answers::default(),
            archive: Archive::Absent,
            second_look: SecondLook::AfterCatchUp,
            directed: BTreeSet::new(),
            answered_at: None,
            awaits_start: None,
            is_online: false,
            told_inactive: false,
            jid: None,
            last_inbound: None,
            heard_at: Instant::ZERO,
            missed,
            has_learnt_end: false,
            own_caps: OnceLock::new(),
        }
    }

    /// Another try on the same stream: what was asked for with the first one was for nothing.
    pub(in crate::connection) fn retry(self) -> Self {
        Self {
            last_inbound: self.last_inbound,
            has_learnt_end: self.has_learnt_end,
            ..Self::new(self.missed)
        }
    }

    /// `<enable/>` is on its way, and not answered.
    pub(in crate::connection) fn is_enabling(&self) -> bool {
        self.sm == Sm::Enabling
    }

    /// What we promise. A connection that resumes its session promises nothing anew, and most do.
    pub(super) fn own_caps(&self, config: &Config) -> Option<&OwnCaps> {
        let caps = || config.identity.caps();
        self.own_caps.get_or_init(caps).as_ref()
    }
}
