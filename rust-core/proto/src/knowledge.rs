//! What is remembered between connections: a connection receives a snapshot when it starts, and emits changes as [`Op`]s.

mod hand_over;
mod head;
mod outbound;
mod push;
mod recheck;
mod seen;
mod watchers;

use std::fmt;
use std::sync::Arc;

use crate::error::NoSession;
use crate::escalation::{Failure, Failures, Subject};
use crate::sasl::{Floor, HtBinding, ScramKeyId, ScramKeys};
use crate::secret::Secret;
use crate::stream::features::StreamFeatures;
use crate::time::UnixTime;
use crate::xep::caps::Caps;
use crate::xep::carbons::Carbon;
use crate::xep::history::HistoryQuery;
use crate::xep::roster::Item as RosterItem;
use crate::xml::Element;
use snapback_types::key_trust::{KeyTrust, KeyTrustChange};

pub use hand_over::HandOver;
pub use head::{Retention, StanzaHead, StanzaKind, StanzaName};
pub use outbound::{OutboundKind, OutboundStanza, WrittenStanza};
pub use push::{Push, PushChange, PushRegistration, PushTarget};
pub use recheck::ArchiveRecheck;
pub use seen::{SEEN_MESSAGES, Seen, SeenMessage, SeenTag, SenderId, StableId, Way};
pub use watchers::Watchers;

/// Everything that a connection has to know when it starts.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// What this endpoint advertised to this account over this transport.
    pub server: ServerFacts,
    /// The weakest login that is still accepted (rule T2).
    pub floor: Option<Floor>,
    /// The FAST token (XEP-0484).
    pub fast: Option<FastToken>,
    /// SCRAM keys of the last login, so that PBKDF2 runs once (rule T5).
    pub scram_keys: Option<(ScramKeyId, ScramKeys)>,
    /// Caps whose features are known: an entity that shows them need not be queried (XEP-0115 6.3).
    pub caps: Vec<KnownCaps>,
    /// The version of the stored roster; `None` if no roster is stored.
    pub roster_version: Option<String>,
    /// Which keys the server may show (rule T13).
    pub key_trust: KeyTrust,
    /// The contacts that see this account's presence, according to the roster.
    pub watchers: Watchers,
    /// The push notifications that the app wants (XEP-0357).
    pub push: Push,
    /// The stream management session to resume.
    pub sm: Option<SmSession>,
    /// Outbound stanzas that the server has not acknowledged, in order; those already sent come first.
    pub queue: Vec<OutboundStanza>,
    /// The number of the next stanza in the queue.
    pub next_seq: u64,
    /// What has failed and has not worked since (rule W1).
    pub failures: Failures,
    /// The position up to which the account's archive has been read; `None` if it is not known, or there is no archive.
    pub archive: Option<ArchiveCursor>,
    /// A time before which nothing after the cursor was archived: the server's stamp of the newest message that was read from
    /// the archive, or 0 if the archive was empty. Never a time of the device's clock. The query begins at this time if the
    /// archive no longer has the cursor's message. `None` if there is no cursor, or an older store wrote it.
    pub archive_time: Option<UnixTime>,
    /// What the archive has to be asked for again; `None` if everything up to the cursor is known to have been read.
    pub archive_recheck: Option<ArchiveRecheck>,
    /// Sessions that cannot be resumed and were not closed in order: no entity sends again what they receive.
    pub open_sessions: OpenSessions,
    /// Messages that must be delivered only once.
    pub seen: Seen,
    /// The broadcast presence that the app sent last, with all its children. A new session begins with it instead of a plain
    /// one. It is kept while the process runs, and is not stored.
    pub presence: Option<Arc<Element>>,
    /// Ids of the app's requests that are not answered yet, acknowledged or not. Their answers may be as long as those to
    /// requests that are sent on the connection itself (rule W9). They are kept while the process runs. They are not stored,
    /// since no caller waits for them in another process.
    pub open_requests: Vec<String>,
    /// Those of them whose results are collected, and not delivered as messages (XEP-0313).
    pub history_queries: Vec<HistoryQuery>,
}

/// Sessions that the server may still have, and for which neither stream management nor an archive keeps what they receive
/// (rule I8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenSessions {
    /// One under the resource of this installation. It ends when another session is bound to that resource (RFC 6120 section
    /// 7.7.2.2).
    pub own: bool,
    /// One under another resource. No later session shows that it has ended.
    pub other: bool,
}

impl OpenSessions {
    /// Returns whether there are any.
    pub fn any(self) -> bool {
        self.own || self.other
    }
}

impl Knowledge {
    /// Returns whether a login of this account was ever proven. No fact is stored before that (rule T4).
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

/// A position in the account's archive (XEP-0313): every message before it has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveCursor {
    /// Before the first message: the archive was empty.
    Start,
    /// After the message with this archive id.
    After(String),
    /// A first session was requested at about this time, and the end of the archive at that time is not known.
    Since(UnixTime),
}

/// What one endpoint advertised, and what was learnt about it. It may save a flight; it never lowers the minimum strength of a
/// login.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// Features of the encrypted, unauthenticated stream of a login that was then proven.
    pub secured: Option<Arc<StreamFeatures>>,
    /// Features of the stream after SASL1.
    pub authenticated: Option<Arc<StreamFeatures>>,
    /// Stanzas that followed a bind request (RFC 6120 7) before its answer were accepted and answered. XEP-0198 3 allows
    /// `<enable/>` only after the answer, and some servers end the stream on anything that comes earlier (jabberd2).
    pub bind_pipelining_proven: bool,
    /// SHA-256 of the leaf's public key on a proven login whose unauthenticated stream advertised `<sm/>` (rule S3).
    pub sm_before_sasl: Option<[u8; 32]>,
}

impl ServerFacts {
    /// Removes what is remembered of the endpoint, which does not behave accordingly. What failed there is kept
    /// ([`Knowledge::failures`]): it was observed, and no advertisement overrides it (rule S2).
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

/// The features of entities that show these caps, as stated in a disco answer (XEP-0030, XEP-0115).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownCaps {
    /// Name of the hash function.
    pub hash: String,
    /// The hash, base64.
    pub ver: String,
    /// `None`: the answer matched the hash, and holds for any entity that shows it. Otherwise it holds for this JID only (rule
    /// S9).
    pub only: Option<String>,
    /// The features, by their namespaces. Shared, since each connection receives all caps that are known.
    pub features: Arc<[String]>,
}

impl KnownCaps {
    /// Returns whether `jid`, which shows these caps, need not be queried.
    pub fn answers(&self, caps: &Caps, jid: &str) -> bool {
        let holds = self.only.as_deref().is_none_or(|only| only == jid);
        holds && self.hash == caps.hash && self.ver == caps.ver
    }
}

/// A FAST token. It can be used with its mechanism only.
#[derive(Clone, Debug)]
pub struct FastToken {
    /// The mechanism that it was issued for.
    pub binding: HtBinding,
    /// The token itself.
    pub token: Secret<String>,
    /// When it expires, if the server stated it.
    pub expires: Option<UnixTime>,
    /// How many login attempts used it (rule S6).
    pub count: u32,
}

/// A stream management session that may be resumed (XEP-0198 section 5). `Debug` does not print its SM-ID: where sessions are
/// resumed before SASL (rule S3), any entity that knows it can resume the session.
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
    /// How long the server keeps the session after the transport is lost, in seconds, if stated.
    pub max: Option<u32>,
    /// The address at which the server prefers the reconnection.
    pub location: Option<String>,
    /// When this session was last known to exist on the server.
    pub alive_at: UnixTime,
    /// The core's own requests that the server has not answered yet; the answers may come after a resumption.
    pub pending: Vec<PendingIq>,
    /// Its last hand-over to another connection; `None` if there was none, or no position in the archive is known.
    pub hand_over: Option<HandOver>,
    /// Whether it was begun completely.
    pub greeting: Greeting,
}

impl SmSession {
    /// Returns the session, if it can be resumed.
    ///
    /// # Errors
    ///
    /// Fails if there is none, if the server no longer has it, or if resuming it failed repeatedly.
    pub fn resumable<'a>(
        session: Option<&'a Self>,
        failures: &Failures,
        now: UnixTime,
    ) -> Result<&'a Self, NoSession> {
        let session = session.ok_or(NoSession::NotStored)?;
        if session.has_expired(now) {
            return Err(NoSession::Expired);
        }
        if failures.gives_up_session(now) {
            return Err(NoSession::Forgotten);
        }
        Ok(session)
    }

    /// Returns whether the time for which the server keeps it has passed: then it is not requested any more (rule I14).
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
            .field("hand_over", &self.hand_over)
            .field("greeting", &self.greeting)
            .finish_non_exhaustive()
    }
}

/// Whether a session was begun completely. It is part of the stored session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Greeting {
    /// The initial stanzas were sent, or are queued.
    #[default]
    Sent,
    /// A background sync has bound the session. Only the archive was queried: presence, roster and everything else follow with
    /// the app's own login (rule I23).
    Owed,
}

/// A request of the core itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingIq {
    /// The stanza's id.
    pub id: String,
    /// What was requested.
    pub kind: PendingKind,
}

/// What the core requests by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingKind {
    /// The roster (RFC 6121 2.1.3).
    Roster,
    /// To enable carbons (XEP-0280).
    Carbons,
    /// The server's identity and features (XEP-0030), to be checked against its caps.
    ServerDisco,
    /// A page of the archive after the cursor (XEP-0313).
    ArchivePage,
    /// A page of the archive that begins at a time, since the archive no longer has the cursor's message (XEP-0313).
    ArchiveTime,
    /// A page of the archive from its end backwards (XEP-0313, XEP-0059 section 2.5).
    ArchiveBack,
    /// The id of the last message of the archive (XEP-0313).
    ArchiveEnd,
    /// To enable push notifications (XEP-0357).
    PushEnable,
    /// To disable push notifications (XEP-0357).
    PushDisable,
}

/// An inbound stanza that was committed for the app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// A random, unique id, the same if the stanza has to be delivered again after the process was killed (rule I2).
    pub id: String,
    /// The stanza's head.
    pub head: StanzaHead,
    /// Set if it is a copy of a message that another client of the account received or sent (XEP-0280). The copy was taken out
    /// of its wrapper and judged (rule T7) before it was committed.
    pub carbon: Option<Carbon>,
    /// Whether it comes from the archive (XEP-0313) and not from a session: it may be old, and needs no receipt (XEP-0184).
    pub is_archived: bool,
    /// The stanza, shared in memory by the store and the app.
    pub stanza: Arc<Element>,
    /// The message that this one may repeat: its sender gave it the same id, but another payload (rule I17). The id of the
    /// earlier delivery; where this device sent the earlier message, the id of that stanza.
    pub possible_duplicate_of: Option<String>,
}

impl Delivery {
    /// Returns a delivery that is not a copy, and repeats none.
    pub fn new(id: impl Into<String>, stanza: impl Into<Arc<Element>>) -> Self {
        let stanza = stanza.into();
        Self {
            id: id.into(),
            head: StanzaHead::of(&stanza),
            carbon: None,
            is_archived: false,
            stanza,
            possible_duplicate_of: None,
        }
    }
}

/// A change of what is remembered. All [`Op`]s of one `Persist` form one transaction.
#[derive(Clone, Debug)]
pub enum Op {
    /// Features of the encrypted, unauthenticated stream; the login that showed them was proven (rule T4).
    LearnSecured(Arc<StreamFeatures>),
    /// Features after SASL1.
    LearnAuthenticated(Arc<StreamFeatures>),
    /// Stanzas that followed a bind request before its answer were accepted (rule S2).
    LearnBindPipelining,
    /// Something that was relied on has failed, or failed again (rule W1).
    Failure(Failure),
    /// It worked: its failures are removed (rule W1).
    FailureForgotten(Subject),
    /// `<sm/>` was advertised on the unauthenticated stream of a proven login with this public key; `None` if it is not
    /// advertised any more.
    LearnSmBeforeSasl(Option<[u8; 32]>),
    /// The server has answered service discovery, and the caps that it shows stand for that answer. They do not depend on the
    /// endpoint.
    LearnCaps(KnownCaps),
    /// The endpoint does not behave as remembered: its facts are removed.
    ForgetServer,
    /// A login succeeded with this strength (rule T2).
    RaiseFloor(Floor),
    /// The app has allowed weaker logins again (rule T2).
    ForgetFloor,
    /// The user logged out: tokens, including those in reserve, and keys are removed.
    ForgetCredentials,
    /// Which keys the server may show has changed (rule T13).
    KeyTrust(KeyTrustChange),
    /// The push notifications that the app wants have changed, or what the server was told of them (XEP-0357).
    Push(PushChange),
    /// A new FAST token. The old one stays in reserve until the new one has been used (rule S5).
    StoreFast(FastToken),
    /// A login attempt with the token is about to be sent (rule S6).
    CountFast(u32),
    /// The current token logged in: an older one that was kept in reserve is no longer needed (rule S5).
    FastUsed,
    /// The current token was refused; one kept in reserve takes its place.
    DropFast,
    /// Keys of a SCRAM login that was proven.
    StoreScramKeys(ScramKeyId, ScramKeys),
    /// The keys were refused.
    DropScramKeys,
    /// A new session, which replaces an older one, and the stanzas that were sent in it so far.
    SmEnabled {
        /// The session.
        session: SmSession,
        /// What was sent since `<enable/>`, in order, and not acknowledged.
        sent: Vec<OutboundStanza>,
    },
    /// The server still has the session: counters stay as they are, only its time starts again (rules I3, I14).
    SmAlive {
        /// When.
        at: UnixTime,
    },
    /// The core's own requests that were sent in the session just stored.
    SmPending(Vec<PendingIq>),
    /// The session is about to be resumed, or was resumed (rule I8).
    SmHandOver(Option<HandOver>),
    /// Whether the session was begun completely. The initial stanzas that it owed are queued in the same transaction (rule I23).
    SmGreeting(Greeting),
    /// The session no longer exists. The delivery of sent stanzas is unknown from then on: the core's own stanzas are removed,
    /// messages are queued again and marked as unknown.
    SmDropped,
    /// A stanza is appended to the queue.
    Enqueue(OutboundStanza),
    /// These stanzas are about to be written in the current session. Each records the archive's cursor, unless it has been sent
    /// before.
    MarkSent(Vec<u64>),
    /// The server acknowledged stanzas: these leave the queue, and `base` is the new count (rule I13).
    Acked {
        /// Acknowledged count, modulo 2^32; `None` where there is no stream management.
        base: Option<u32>,
        /// The stanzas that it covers.
        seqs: Vec<u64>,
    },
    /// These stanzas leave the queue unsent, or with unknown delivery.
    Failed(Vec<u64>),
    /// An inbound stanza for the app. It is committed in the same transaction as the count that includes it (rule I1).
    Inbound(Delivery),
    /// The inbound count, modulo 2^32.
    CountInbound(u32),
    /// The app has acknowledged a delivery.
    Confirm(String),
    /// This message has been received: if it comes again, it is a duplicate (rule I17).
    Seen(SeenMessage),
    /// The account's archive has been read up to here.
    ArchiveCursor(ArchiveCursor),
    /// Everything after the cursor was archived at this time or later, by the server's clock.
    ArchiveTime(UnixTime),
    /// The archive has to be queried again, or not any more (rule I21).
    ArchiveRecheck(Option<ArchiveRecheck>),
    /// There is no archive: its cursor is removed, with what belongs to it.
    NoArchive,
    /// Sessions that cannot be resumed, begun and not closed in order.
    OpenSessions(OpenSessions),
    /// A possible gap is to be reported to the app or, if false, the app has received the report.
    PossibleGap(bool),
    /// The whole roster, as of this version.
    ReplaceRoster {
        /// Version, if the server supports versions.
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
