//! What is remembered between connections: a snapshot goes in when a connection starts, changes come out as [`Op`]s.

mod seen;
mod trials;
mod watchers;

use std::fmt;
use std::sync::Arc;

use crate::error::NoSession;
use crate::sasl::{Floor, HtBinding, ScramKeyId, ScramKeys};
use crate::secret::Secret;
use crate::stream::features::StreamFeatures;
use crate::time::UnixTime;
use crate::xep::caps::Caps;
use crate::xep::roster::Item as RosterItem;
use crate::xml::Element;

pub use seen::{SEEN_MESSAGES, Seen, SeenMessage, SeenTag, SenderId, StableId, Way};
pub use trials::ResumeTrials;
pub use watchers::Watchers;

/// Everything that one connection needs to know when it starts.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// What this account was shown by this endpoint over this transport.
    pub server: ServerFacts,
    /// The weakest login that is still acceptable (rule T2).
    pub floor: Option<Floor>,
    /// The FAST token (XEP-0484).
    pub fast: Option<FastToken>,
    /// SCRAM keys of the last login, so that PBKDF2 runs once (rule T5).
    pub scram_keys: Option<(ScramKeyId, ScramKeys)>,
    /// Caps whose answer is known: whoever shows them need not be asked (XEP-0115 6.3).
    pub caps: Vec<KnownCaps>,
    /// The version of the roster that we have; `None` if we have none.
    pub roster_version: Option<String>,
    /// Who sees our presence, as the roster has it.
    pub watchers: Watchers,
    /// The stream management session to resume.
    pub sm: Option<SmSession>,
    /// Outbound stanzas that the server has not acknowledged, in order; those already sent come first.
    pub queue: Vec<OutboundStanza>,
    /// The number that the next stanza gets in the queue.
    pub next_seq: u64,
    /// Up to where we hold our own archive; `None` if that is not known, or there is none.
    pub archive: Option<ArchiveCursor>,
    /// What stands in our own archive behind the cursor was archived at this time or later: the server's stamp of the newest message
    /// that was read from it, or 0 if the archive was empty. Never a time of the device's clock. Asked for where the archive has
    /// forgotten the cursor's message. `None` if there is no cursor, or an older store kept it.
    pub archive_time: Option<UnixTime>,
    /// A session that cannot be resumed was begun, and not closed in order: what it missed nobody will send again.
    pub open_session: bool,
    /// Messages that must not come twice.
    pub seen: Seen,
    /// The presence that the app told everybody last, with all its children: what a new session begins with instead of a plain one.
    /// For as long as the process lives; it is not stored.
    pub presence: Option<Arc<Element>>,
    /// Ids of the app's requests whose answers are still owed, acknowledged or not: these answers may be as long as those to
    /// requests that are sent on the connection itself (rule W9). For as long as the process lives; they are not stored, for
    /// nobody waits for them in another one.
    pub open_requests: Vec<String>,
}

impl Knowledge {
    /// Whether a login of this account was ever proven: nothing of this is kept before (rule T4).
    pub fn was_logged_in(&self) -> bool {
        let archive_is_known = matches!(
            self.archive,
            Some(ArchiveCursor::Start | ArchiveCursor::After(_))
        );
        self.floor.is_some()
            || self.scram_keys.is_some()
            || self.fast.is_some()
            || self.sm.is_some()
            || self.server.secured.is_some()
            || archive_is_known
            || self.roster_version.is_some()
    }
}

/// A place in our own archive (XEP-0313): what lies before it, we hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveCursor {
    /// Before the first message: the archive was empty.
    Start,
    /// Behind the message with this archive id.
    After(String),
    /// A first session was asked for at about this time, and how far the archive went then did not get known.
    Since(UnixTime),
}

/// What one endpoint advertised, and what was found out about it. It may save a flight, never lower the floor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// Features of the encrypted, unauthenticated stream of a login that was then proven.
    pub secured: Option<Arc<StreamFeatures>>,
    /// Features of the stream after SASL1.
    pub authenticated: Option<Arc<StreamFeatures>>,
    /// Pipelining across a boundary failed here although it was advertised: not again before this time (rule S2).
    pub pipelining_off_until: Option<UnixTime>,
    /// Whether stanzas may follow a bind request before its answer; `None` if that was never tried.
    pub bind_pipelining: Option<BindPipelining>,
    /// SHA-256 of the leaf's public key on a proven login whose unauthenticated stream advertised `<sm/>` (rule S3).
    pub sm_before_sasl: Option<[u8; 32]>,
}

impl ServerFacts {
    /// The endpoint does not behave as remembered. What failed there is kept: it was learnt the hard way, and no advertisement
    /// takes it back (rule S2).
    pub fn forget(&mut self) {
        *self = Self {
            pipelining_off_until: self.pipelining_off_until,
            bind_pipelining: self
                .bind_pipelining
                .filter(|learnt| *learnt != BindPipelining::Proven),
            ..Self::default()
        };
    }
}

/// Whether stanzas that follow a bind request (RFC 6120 7) are taken before it is answered. XEP-0198 3 allows `<enable/>` only
/// behind the answer, and some servers end the stream over anything that comes earlier (jabberd2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindPipelining {
    /// They were, and were answered.
    Proven,
    /// It failed: not again before this time.
    OffUntil(UnixTime),
}

/// What somebody who showed these caps can do, as they said when they were asked (XEP-0030, XEP-0115).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCaps {
    /// Name of the hash function.
    pub hash: String,
    /// The hash, base64.
    pub ver: String,
    /// `None`: the answer matched the hash, and holds for whoever shows it. Otherwise it holds for this JID only (rule S9).
    pub only: Option<String>,
    /// The features, by their namespaces. Shared, for each connection is handed all caps that are known.
    pub features: Arc<[String]>,
}

impl KnownCaps {
    /// Whether `jid`, which shows these caps, need not be asked.
    pub fn answers(&self, caps: &Caps, jid: &str) -> bool {
        let holds = self.only.as_deref().is_none_or(|only| only == jid);
        holds && self.hash == caps.hash && self.ver == caps.ver
    }
}

/// A FAST token. It belongs to its mechanism.
#[derive(Clone, Debug)]
pub struct FastToken {
    /// The mechanism it was issued for.
    pub binding: HtBinding,
    /// The token itself.
    pub token: Secret<String>,
    /// When it expires, if the server said.
    pub expires: Option<UnixTime>,
    /// How many attempts were made with it (rule S6).
    pub count: u32,
}

/// A stream management session that may be resumed (XEP-0198 section 5). Its SM-ID does not print: where sessions are
/// resumed before SASL (rule S3), whoever knows it is let in.
#[derive(Clone, PartialEq, Eq)]
pub struct SmSession {
    /// The SM-ID, opaque.
    pub id: String,
    /// The full JID that the session is bound to.
    pub jid: String,
    /// Inbound stanzas committed, modulo 2^32 (rule I1).
    pub h: u32,
    /// Outbound stanzas that the server has acknowledged, modulo 2^32.
    pub base: u32,
    /// How long the server keeps the session after a drop, in seconds, if it said.
    pub max: Option<u32>,
    /// Where the server prefers to be reconnected to.
    pub location: Option<String>,
    /// When this session was last known to be alive.
    pub alive_at: UnixTime,
    /// Our own requests whose answer is still owed by the server; it may come after a resumption.
    pub pending: Vec<PendingIq>,
    /// The inbound count at which the server's XML was ill-formed; a second time there is once too often (rule T6).
    pub poisoned_at: Option<u32>,
    /// How the last attempts to resume it ended (rule I19).
    pub trials: ResumeTrials,
}

impl SmSession {
    /// The session, if it can be asked for; otherwise, why it cannot.
    ///
    /// # Errors
    ///
    /// If there is none, or the server has given it up, or fails over it each time.
    pub fn resumable(session: Option<&Self>, now: UnixTime) -> Result<&Self, NoSession> {
        let session = session.ok_or(NoSession::NotStored)?;
        if session.has_expired(now) {
            return Err(NoSession::Expired);
        }
        if session.trials.is_over() {
            return Err(NoSession::Forgotten);
        }
        Ok(session)
    }

    /// Whether the server has given it up: then it is not asked for any more (rule I14).
    pub fn has_expired(&self, now: UnixTime) -> bool {
        self.max
            .is_some_and(|max| self.alive_at.0.saturating_add(i64::from(max)) < now.0)
    }
}

impl fmt::Debug for SmSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmSession")
            .field("h", &self.h)
            .field("base", &self.base)
            .field("max", &self.max)
            .field("alive_at", &self.alive_at)
            .field("pending", &self.pending)
            .field("poisoned_at", &self.poisoned_at)
            .field("trials", &self.trials)
            .finish_non_exhaustive()
    }
}

/// A request of the core's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingIq {
    /// The stanza's id.
    pub id: String,
    /// What was asked.
    pub kind: PendingKind,
}

/// What the core asks servers for on its own account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingKind {
    /// The roster (RFC 6121 2.1.3).
    Roster,
    /// To turn carbons on (XEP-0280).
    Carbons,
    /// The server's identity and features (XEP-0030), to be checked against its caps.
    ServerDisco,
    /// A page of the archive behind the cursor (XEP-0313).
    ArchivePage,
    /// A page of the archive that begins at a time, since it has forgotten the cursor's message (XEP-0313).
    ArchiveTime,
    /// A page of the archive from its end back (XEP-0313, XEP-0059 section 2.5).
    ArchiveBack,
    /// Where the archive ends (XEP-0313).
    ArchiveEnd,
}

/// A stanza on its way out. What it says does not print.
#[derive(Clone, PartialEq, Eq)]
pub struct OutboundStanza {
    /// Its place in the queue; rises by one for each stanza.
    pub seq: u64,
    /// The stanza's id.
    pub id: String,
    /// What happens to it if the session ends before it is acknowledged.
    pub kind: OutboundKind,
    /// Whether its bytes may have left in the current session.
    pub sent: bool,
    /// Whether its bytes may have left in a session that is gone. The archive may know whether they arrived; sent again, it
    /// carries a delay stamp (rule I8).
    pub unknown: bool,
    /// Where our own archive stood when it was first sent: if it arrived, it is found behind that.
    pub sent_behind: Option<ArchiveCursor>,
    /// How often the server has ended the stream with an error when this was the first that it had not acknowledged.
    pub strikes: u8,
    /// When it was queued, for the delay stamp of a late resend (XEP-0203).
    pub queued_at: UnixTime,
    /// The stanza as XML text.
    pub xml: String,
}

impl fmt::Debug for OutboundStanza {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboundStanza")
            .field("seq", &self.seq)
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("sent", &self.sent)
            .field("unknown", &self.unknown)
            .field("sent_behind", &self.sent_behind)
            .field("strikes", &self.strikes)
            .field("bytes", &self.xml.len())
            .finish_non_exhaustive()
    }
}

/// What happens to an unacknowledged stanza when its session could not be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboundKind {
    /// A message: sent again with the same id (rule I8).
    Message,
    /// A request or presence of the app: it belonged to the session, so it fails with it.
    SessionBound,
    /// The core's own stanza (roster get, presence, an answer): made anew or not needed in a new session.
    Core,
}

/// An inbound stanza that was committed for the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Random, unique, the same if it has to be delivered again after a kill (rule I2).
    pub id: String,
    /// The stanza: one in memory for the store and the app.
    pub stanza: Arc<Element>,
    /// What this message may repeat: its sender gave it the same id, but another payload (rule I17). The id of the earlier
    /// delivery; where this device sent the earlier message, the id of that stanza.
    pub possible_duplicate_of: Option<String>,
}

/// A change of what is remembered. All [`Op`]s of one `Persist` are one transaction.
#[derive(Clone, Debug)]
pub enum Op {
    /// Features of the encrypted, unauthenticated stream; the login that showed them was proven (rule T4).
    LearnSecured(Arc<StreamFeatures>),
    /// Features after SASL1.
    LearnAuthenticated(Arc<StreamFeatures>),
    /// Pipelining across a boundary failed (rule S2).
    PipeliningFailed {
        /// When it may be tried again.
        until: UnixTime,
    },
    /// Stanzas that followed a bind request before its answer were taken, or not (rule S2).
    LearnBindPipelining(BindPipelining),
    /// `<sm/>` stood on the unauthenticated stream of a proven login with this public key; `None` if it does not stand there any more.
    LearnSmBeforeSasl(Option<[u8; 32]>),
    /// The server has said what it can do, and the caps that it shows stand for that. It does not depend on the endpoint.
    LearnCaps(KnownCaps),
    /// The endpoint does not behave as remembered: forget its facts.
    ForgetServer,
    /// A login succeeded with this strength (rule T2).
    RaiseFloor(Floor),
    /// The app has allowed weaker logins again (rule T2).
    ForgetFloor,
    /// The user logged out: tokens, those in reserve too, and keys are forgotten.
    ForgetCredentials,
    /// A new FAST token. The old one stays in reserve until the new one has been used (rule S5).
    StoreFast(FastToken),
    /// An attempt with the token is about to leave (rule S6).
    CountFast(u32),
    /// The current token logged in: an older one that was kept in reserve is not needed any more (rule S5).
    FastUsed,
    /// The current token was refused; one kept in reserve takes its place.
    DropFast,
    /// Keys of a SCRAM login that was proven.
    StoreScramKeys(ScramKeyId, ScramKeys),
    /// The keys were refused.
    DropScramKeys,
    /// A new session; it replaces an older one, and these stanzas were sent in it so far.
    SmEnabled {
        /// The session.
        session: SmSession,
        /// What was sent since `<enable/>`, in order, and not acknowledged.
        sent: Vec<OutboundStanza>,
    },
    /// The session is alive, resumed or still: counters stay as they are, only its clock starts again (rules I3, I14).
    SmAlive {
        /// When.
        at: UnixTime,
    },
    /// Requests of the core's own that went out in the session just stored.
    SmPending(Vec<PendingIq>),
    /// The stream became ill-formed at this inbound count (rule T6).
    SmPoisoned(u32),
    /// So the attempts to resume the session have ended (rule I19).
    SmTrials(ResumeTrials),
    /// The session is gone. Sent stanzas become unknown: the core's own are removed, messages are queued again and marked
    /// as unknown.
    SmDropped,
    /// A stanza enters the queue.
    Enqueue(OutboundStanza),
    /// These stanzas are about to be written in the current session. Each notes where the archive's cursor stands, unless
    /// it has been sent before.
    MarkSent(Vec<u64>),
    /// The server acknowledged: these stanzas leave the queue and `base` is the new count (rule I13).
    Acked {
        /// Acknowledged count, modulo 2^32; `None` where there is no stream management.
        base: Option<u32>,
        /// The stanzas that it covers.
        seqs: Vec<u64>,
    },
    /// These stanzas leave the queue unsent or unknown.
    Failed(Vec<u64>),
    /// The server ended the stream with an error, and this was the first stanza that it had not acknowledged.
    Strike(u64),
    /// An inbound stanza for the app. It shares its transaction with the count that includes it (rule I1).
    Inbound(Delivery),
    /// The inbound count, modulo 2^32.
    CountInbound(u32),
    /// The app has taken a delivery.
    Confirm(String),
    /// This message is known: if it comes again, it is a duplicate (rule I17).
    Seen(SeenMessage),
    /// We hold our own archive up to here.
    ArchiveCursor(ArchiveCursor),
    /// What stands behind the cursor was archived at this time or later, by the server's clock.
    ArchiveTime(UnixTime),
    /// There is no archive: nothing is held of it.
    NoArchive,
    /// A session that cannot be resumed begins or, if false, was closed in order. [`Op::SmEnabled`] sets it to false, too.
    OpenSession(bool),
    /// The whole roster, as of this version.
    ReplaceRoster {
        /// Version, if the server does versions.
        version: Option<String>,
        /// All items.
        items: Vec<RosterItem>,
    },
    /// One roster push: item and version together (rule S8).
    PushRoster {
        /// Version after the push.
        version: Option<String>,
        /// The item.
        item: RosterItem,
    },
}
