//! What Snapback remembers between connections.
//!
//! A connection receives a [`Knowledge`] when it starts and returns [`Op`]s; this crate applies them. [`Store`] defines
//! what each change does to the tables. [`MemoryStore`] keeps the tables until the process ends, [`SqliteStore`] keeps
//! them on disk, where secrets are sealed with a key from a [`KeyVault`]. Every implementation passes the same suite,
//! `testing::conformance` (feature `testing`).
//!
//! Two kinds of thing are kept. Server facts (features, addresses, caps) are a *cache*: losing them costs round trips. Queued stanzas,
//! deliveries that the app has not confirmed, the session and the tokens are *data*: losing them costs stanzas or asks the
//! user for a password.
//!
//! # Calling contract
//!
//! ```text
//!    connection                                   Store
//!    ----------                                   -----
//!    starts          <----- Knowledge ---------   load(server)
//!    Persist { ops } ------ [Op, Op, ..] ----->   apply(server, ops): one transaction, all or none (rule I13)
//!    Committed       <----- Ok ----------------
//!    PersistFailed   <----- StoreError --------   nothing of it is stored
//!
//!    the app, while there is no connection ---->  enqueue(stanza)
//!    the process suspends, and resumes -------->  close(), reopen()
//! ```
//!
//! There is one writer at a time: the live connection (rule I9). Calls may block on a disk; the host chooses the
//! thread. `apply` returns once the transaction is as durable as its changes require: what is reported to the server
//! has reached the disk. Errors are [`StoreError`]s; the queue holds at most [`Store::queue_limit`] stanzas of the app.
//!
//! # Example
//!
//! ```
//! use snapback_store::{MemoryStore, NewStanza, ServerKey, Store};
//! use snapback_proto::knowledge::{Op, OutboundKind};
//! use snapback_proto::ns;
//! use snapback_proto::plan::Transport;
//! use snapback_proto::time::UnixTime;
//! use snapback_proto::xml::Element;
//!
//! let server = ServerKey {
//!     host: "xmpp.example.org".to_owned(),
//!     port: 5223,
//!     transport: Transport::DirectTls,
//! };
//! let mut store = MemoryStore::new(); // on a phone: SqliteStore::open(file, account, vault)
//!
//! // The app sends while there is no connection.
//! let message = Element::new("message", ns::CLIENT)
//!     .with_attr("id", "m1")
//!     .with_attr("to", "romeo@example.net")
//!     .with_child(Element::new("body", ns::CLIENT).with_text("Hi"));
//! let now = UnixTime(1_700_000_000);
//! let number = store.enqueue(NewStanza::new(OutboundKind::Message, message.into(), now))?;
//!
//! // A connection starts and finds the stanza.
//! let queue = store.load(&server)?.queue;
//! assert_eq!(queue.iter().map(|stanza| stanza.id.as_str()).collect::<Vec<_>>(), ["m1"]);
//!
//! // The connection marks the stanza as sent, and sends it once the change is committed.
//! store.apply(&server, &[Op::MarkSent(vec![number])])?;
//! assert!(store.load(&server)?.queue.iter().all(|stanza| stanza.sent));
//! # Ok::<(), snapback_store::StoreError>(())
//! ```
#![cfg_attr(not(test), warn(clippy::too_many_lines))]

mod error;
mod failures;
#[cfg(feature = "sqlite")]
mod inspect;
pub mod intercept;
mod memory;
mod report;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod vault;

use snapback_proto::escalation::Failures;
use snapback_proto::knowledge::{
    Delivery, Knowledge, Op, OutboundKind, OutboundStanza, SmSession, WrittenStanza,
};
use snapback_proto::time::UnixTime;
use snapback_proto::xep::roster::Item;

pub use error::{Conflict, StoreError};
#[cfg(feature = "sqlite")]
pub use inspect::{InspectError, Inspection, QueueSummary, SessionSummary, TokenSummary, inspect};
pub use memory::{DEFAULT_QUEUE_LIMIT, MemoryStore};
pub use report::{DataLoss, OpenIssue, OpenReport};
pub use snapback_types::endpoint::{Endpoint, EndpointSource, KnownEndpoints, ServerKey};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use vault::{FileVault, KeyVault, MemoryVault, VaultError};

/// The maximum number of domains whose endpoints are remembered. An account has one; servers may move it.
const MAX_DOMAINS: u64 = 8;
/// The maximum number of remembered capabilities: those of one server, before and after its updates.
const MAX_CAPS: u64 = 16;

/// The roster as stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Its version, if the server supports roster versioning.
    pub version: Option<String>,
    /// Its items, ordered by JID.
    pub items: Vec<Item>,
}

/// Some of the deliveries that the app has not confirmed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryPage {
    /// The deliveries, in the order of their arrival.
    pub deliveries: Vec<Delivery>,
    /// The id of the delivery after them, if there is one.
    pub next: Option<String>,
}

/// The session of stream management, and what failed with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// The session.
    pub session: SmSession,
    /// The failures that do not belong to one server (rule W1).
    pub failures: Failures,
}

/// The maximum number of deliveries in a page.
const PAGE_ROWS: usize = 256;
/// The maximum size of a page, in bytes of XML (approximate). As element trees they may take twenty times as much.
#[cfg(feature = "sqlite")]
const PAGE_BYTES: usize = 256 * 1024;

/// A stanza that has no number yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewStanza(OutboundStanza);

impl NewStanza {
    /// Returns a stanza that was queued at this time. `kind`: what happens to it if its session ends before it is
    /// acknowledged.
    pub fn new(kind: OutboundKind, stanza: WrittenStanza, queued_at: UnixTime) -> Self {
        Self(OutboundStanza::new(0, kind, stanza, queued_at))
    }

    /// Returns the stanza's id.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Returns the row for this stanza: not sent, under this number.
    fn numbered(self, seq: u64) -> OutboundStanza {
        OutboundStanza { seq, ..self.0 }
    }
}

/// What is remembered for one account. It has at most one writer: the live connection (rule I9).
///
/// # The tables, and what each [`Op`] does to them
///
/// *Server facts*, one row for each [`ServerKey`]:
/// - `LearnSecured`, `LearnAuthenticated`, `LearnSmBeforeSasl`, `LearnBindPipelining` replace their column;
/// - `ForgetServer` clears the row. Failures are kept: an advertisement does not revoke them (rule S2).
///
/// *Failures* (rule W1), one row for each subject, of the account or, for a subject with this scope, of the server:
/// `Failure` adds or replaces it, `FailureForgotten` removes it. A failure of the session is removed with the session
/// (`SmEnabled`, `SmDropped`), one of a stanza when the stanza leaves the queue. They are bounded: the oldest is removed.
///
/// *Caps*, by hash, version and, where they hold for one JID only, that JID (rule S9): `LearnCaps` adds an entry. It
/// replaces the entry with the same key or, if there are sixteen, the oldest one. Caps belong to no server.
///
/// *Login*, one row: `RaiseFloor` and `StoreScramKeys` replace their columns (the caller has computed the higher floor);
/// `ForgetFloor` and `DropScramKeys` clear theirs, `ForgetCredentials` the keys and both token slots.
///
/// *Keys of the server*, one row (rule T13): `KeyTrust` changes it, and nothing else does.
///
/// *Push notifications*, one row (rule I22): `Push` changes it, and nothing else does.
///
/// *FAST tokens*, two slots, current and reserve (rule S5); a connection sees only the current one:
/// - `StoreFast`: the current token moves to the reserve, the new one becomes current;
/// - `FastUsed`: the reserve is cleared;
/// - `DropFast`: the reserve becomes current, with the count it had;
/// - `CountFast`: the count of the current token, which never falls (rule S6). [`Conflict::NoFastToken`] if there is none.
///
/// *Session*, one row or none; where there is none, the changes of one do nothing (a session that cannot be resumed is
/// never stored):
/// - `SmEnabled`: the session is replaced. What was sent in an older one and is not listed ends as under `SmDropped`;
///   what is listed enters the queue if it is not there, and is marked sent, in the order of the list;
/// - `SmAlive`: `alive_at`; `SmPending`: `pending`; `SmHandOver`: `hand_over`; `SmGreeting`: `greeting`; `CountInbound`: `h`;
/// - `SmDropped`: the row is cleared. Of the stanzas that were sent, messages become unsent and unknown and take their
///   places by number again; the core's own and what was bound to the session leave the queue.
///
/// *Queue*, one row for each outbound stanza. Numbers rise and are never used twice, not even after the queue is empty:
/// - `Enqueue`: a new row; if it is marked sent, it is the last that was sent. [`Conflict::SeqTaken`] if its number is
///   not new;
/// - `MarkSent`: these were sent, in the order of the list, after all that was sent before. A message that was never sent
///   before notes the archive's cursor. [`Conflict::NotQueued`] if one is not there;
/// - `Acked`: these leave, and `base` becomes the session's, if there is a base and a session. Numbers that are not in the
///   queue are ignored: without stream management the core's own stanzas are never stored;
/// - `Failed`: these leave.
///
/// *Deliveries*, in the order in which they came: `Inbound` adds one ([`Conflict::DeliveryExists`] if its id is not new),
/// `Confirm` removes it, and does nothing the second time.
///
/// *Archive*: `ArchiveCursor` replaces the cursor, `ArchiveTime` the time, `ArchiveRecheck` what the archive has to be asked
/// for again; `NoArchive` removes all three; nothing else does.
///
/// *Open sessions*: `OpenSessions` replaces what is known of them; nothing else does.
///
/// *Possible gap*: `PossibleGap` says whether one is to be reported to the app ([`Store::possible_gap`]).
///
/// *Seen*, the newest [`SEEN_MESSAGES`](snapback_proto::knowledge::SEEN_MESSAGES) messages: `Seen` adds one, whether or
/// not it is stored already. The tags were made with the key that the connection received.
///
/// *Roster*: `ReplaceRoster` replaces items and version; `PushRoster` replaces the version and one item, or removes the
/// item if its subscription is `remove` (rule S8). A push without a version clears the stored version, which no longer
/// matches the items.
pub trait Store: Send {
    /// Returns what a connection needs to know when it starts. Called immediately before the start.
    ///
    /// The queue is ordered: first what was sent, **in the order in which it was sent**, because the server's count
    /// refers to that order (rule I5): a message sent again in a new session has a lower number than the roster request
    /// that preceded it. Then what was not sent, by number. Where no session is stored, the core's own stanzas of an
    /// earlier session are dropped: no request waits for their answers.
    fn load(&mut self, server: &ServerKey) -> Result<Knowledge, StoreError>;

    /// Returns the session as [`Store::load`] would, with the failures of the account, and nothing else: the address to
    /// dial is chosen before each connection.
    fn session(&mut self) -> Result<Option<StoredSession>, StoreError>;

    /// Applies the changes in their order, as one transaction: all of them or none (rule I13).
    fn apply(&mut self, server: &ServerKey, ops: &[Op]) -> Result<(), StoreError>;

    /// Returns the remembered endpoints of this domain, whatever their age.
    fn endpoints(&mut self, domain: &str) -> Result<Option<KnownEndpoints>, StoreError>;

    /// Replaces the remembered endpoints of this domain. Of more than eight domains, those written last are kept.
    fn set_endpoints(&mut self, domain: &str, known: &KnownEndpoints) -> Result<(), StoreError>;

    /// Returns the roster.
    fn roster(&mut self) -> Result<Roster, StoreError>;

    /// Returns the deliveries that the app has not confirmed, in the order of their arrival.
    fn undelivered(&mut self) -> Result<Vec<Delivery>, StoreError>;

    /// Returns the same in pages: from the delivery with this id on, or from the first one if no delivery has this id.
    /// A page has at least one delivery and is bounded: the backlog of an app that was offline for long must not be in
    /// memory all at once.
    fn undelivered_from(&mut self, first: Option<&str>) -> Result<DeliveryPage, StoreError>;

    /// Returns how many bytes of stanzas, as XML, may wait here for an app that does not take them before reading from
    /// the server stops. Zero where they would wait in memory: there the event queue is the only bound.
    fn backlog_limit(&self) -> usize {
        0
    }

    /// Queues a stanza while there is no connection, and returns its number. A connection that was started has its own
    /// snapshot of the numbers: its stanzas arrive as `Enqueue`.
    ///
    /// # Errors
    ///
    /// [`StoreError::QueueFull`] at [`Store::queue_limit`] (rule I12).
    fn enqueue(&mut self, stanza: NewStanza) -> Result<u64, StoreError> {
        if !self.has_room(0)? {
            let limit = self.queue_limit();
            return Err(StoreError::QueueFull { limit });
        }
        self.append(stanza)
    }

    /// Adds a stanza at the end of the queue, whatever its length, and returns its number. [`Store::enqueue`] is the
    /// call for a stanza of the app.
    fn append(&mut self, stanza: NewStanza) -> Result<u64, StoreError>;

    /// Returns how many stanzas are not acknowledged, sent or not.
    fn queue_len(&mut self) -> Result<usize, StoreError>;

    /// Returns whether the app may queue one more stanza after this many others that are not stored yet (rule I12). The
    /// core's own stanzas do not count: answers that other entities request take no room from the app (rule I20).
    fn has_room(&mut self, others: usize) -> Result<bool, StoreError>;

    /// Returns how many stanzas of the app the queue may hold. `enqueue` enforces it. `apply` does not, since a stanza
    /// that a connection is about to send could be refused only by ending the connection. A caller that passes stanzas
    /// to a connection checks [`Store::has_room`] first.
    fn queue_limit(&self) -> usize;

    /// Returns whether a possible gap is to be reported to the app: the last report was not received by it.
    fn possible_gap(&mut self) -> Result<bool, StoreError>;

    /// Returns the id of this installation for SASL2's user agent (XEP-0388), once one was set.
    fn installation(&mut self) -> Result<Option<String>, StoreError>;

    /// Sets the id of this installation. FAST tokens are bound to it, so it should be set once.
    fn set_installation(&mut self, id: &str) -> Result<(), StoreError>;

    /// Closes every file and releases every lock, and returns when that is done: a phone kills a suspended app that
    /// holds one. Until [`Store::reopen`], every other call fails with [`StoreError::Closed`]. A store without files
    /// does nothing.
    ///
    /// # Errors
    ///
    /// The error of whatever could not be written before. The store is closed even then.
    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Opens a closed store again, and reports what was found. Does nothing to a store that is open.
    fn reopen(&mut self) -> Result<OpenReport, StoreError> {
        Ok(OpenReport::default())
    }
}
