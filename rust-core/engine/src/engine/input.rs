//! What the host reports.

use std::collections::HashSet;
use std::io;

use snapback_proto::knowledge::{Knowledge, OutboundKind, SmSession};
use snapback_proto::sasl::{SaslError, ScramKeyId, ScramKeys};
use snapback_proto::secret::Secret;
use snapback_proto::xml::Element;
use snapback_resolver::{Resolution, ResolveError};
use snapback_store::{DeliveryPage, StoreError};
use snapback_tls::CertificateError;

use crate::supervisor::AttemptId;
use crate::variants::variants;

use super::{CandidateId, CommitId, LookUpId, Ticket};

/// Something that happened.
#[derive(Debug)]
pub enum EngineInput<'a> {
    // -- the app
    /// The process has started: what an earlier one was given and did not confirm is delivered again (rule I2).
    Start,
    /// The app wants to be online.
    Connect,
    /// The app does not want to be online any more. Ends in [`super::EngineOutput::Disconnected`].
    Disconnect,
    /// The process was woken by a push: the interrupted session is wanted, and no other. Several may be under way at once.
    BeginSync,
    /// One of them is over. After the last one a process that was woken for it suspends again.
    EndSync,
    /// The process is about to be suspended. When everything is drained, the store is closed.
    Suspend,
    /// The process runs again.
    Resume,
    /// The user looks at the app, or does not any more (XEP-0352).
    SetActive(bool),
    /// The way to the network changed.
    NetworkChanged {
        /// Whether there is one now.
        available: bool,
    },
    /// The session ends, the FAST token is turned in (XEP-0484 3.6), what could log in again is forgotten. Ends in
    /// [`super::EngineOutput::LoggedOut`].
    LogOut,
    /// The next logins may be weaker than those before (rule T2).
    ForgetFloor,
    /// The account's password has changed: the next login uses this one.
    SetPassword(Secret<String>),
    /// The app sends a stanza. Answered with [`super::EngineOutput::Accepted`].
    Send {
        /// The host's name for it.
        ticket: Ticket,
        /// The stanza; it has an id.
        stanza: Element,
        /// What happens to it if its session ends before it is acknowledged.
        kind: OutboundKind,
        /// Whether the store has room for it, behind [`super::Engine::unstored`] others.
        room: Result<Room, StoreError>,
    },
    /// The app sends a request and waits for its answer. Ends in [`super::EngineOutput::Answered`].
    Request {
        /// The iq; it has an id.
        stanza: Element,
        /// Whether the store has room for it, behind [`super::Engine::unstored`] others.
        room: Result<Room, StoreError>,
    },
    /// No entity waits for the answers to these requests any more.
    RequestsAbandoned(Vec<String>),
    /// The app has taken these deliveries.
    Confirm(Vec<String>),
    /// How full the queue is from which the app takes its events. To be reported whenever it has changed.
    EventQueue(EventQueueLevel),

    // -- the network
    /// What came of [`super::EngineOutput::LookUp`].
    LookedUp {
        /// Of which.
        id: LookUpId,
        /// The endpoints in the order in which to try them, or why there are none.
        answer: Result<Resolution, ResolveError>,
    },
    /// A transport of [`super::EngineOutput::Connect`] is open. Bytes that the attempt's connection has received already are to be
    /// reported first: they may be the answer that makes it superfluous.
    Connected {
        /// Which.
        candidate: CandidateId,
    },
    /// A transport of [`super::EngineOutput::Connect`] could not be opened.
    ConnectFailed {
        /// Which.
        candidate: CandidateId,
        /// What the network said.
        kind: io::ErrorKind,
    },
    /// The transport of [`super::EngineOutput::UseTransport`] is the attempt's.
    TransportReady {
        /// Entropy for the connection: ids and nonces are made of it. `None` if the platform gave no random numbers.
        seed: Option<[u8; 32]>,
    },
    /// Bytes came over the attempt's transport.
    Received(&'a [u8]),
    /// The attempt's transport ended.
    TransportClosed,
    /// A deadline has passed, perhaps. Bytes that have been received already are to be reported first: they may be what the
    /// deadline is about.
    Timeout,

    // -- the thread pool
    /// What came of [`super::EngineOutput::VerifyCertificate`].
    CertificateVerified {
        /// Of which attempt.
        attempt: AttemptId,
        /// The verdict.
        verdict: Result<(), CertificateError>,
    },
    /// What came of [`super::EngineOutput::DeriveKeys`].
    KeysDerived {
        /// For which attempt.
        attempt: AttemptId,
        /// Which keys.
        id: ScramKeyId,
        /// The keys, or why there are none.
        keys: Result<ScramKeys, SaslError>,
    },

    // -- the store
    /// This transaction is committed.
    Committed(CommitId),
    /// This transaction failed: nothing of it is stored, and no later one may be committed.
    CommitFailed(CommitId, StoreError),
    /// What came of [`super::EngineOutput::OpenStore`].
    StoreOpened(Result<Opened, StoreError>),
    /// What came of [`super::EngineOutput::CloseStore`].
    StoreClosed(HashSet<String>),
    /// What came of [`super::EngineOutput::ReadDeliveries`].
    DeliveriesRead(Result<DeliveryPage, StoreError>),
    /// What came of [`super::EngineOutput::ReadSession`].
    SessionRead(Result<Option<SmSession>, StoreError>),
    /// What came of [`super::EngineOutput::Load`].
    Loaded(Result<Box<Knowledge>, StoreError>),
    /// What came of [`super::EngineOutput::Enqueue`].
    Enqueued(Result<(), StoreError>),
    /// What came of [`super::EngineOutput::Apply`].
    Applied(Result<(), StoreError>),
}

/// Whether the store's queue has room for one more stanza of the app's (rule I12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// It has.
    pub is_left: bool,
    /// How many it holds at most.
    pub limit: usize,
}

/// How full the queue is from which the app takes its events (rule I20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventQueueLevel {
    /// There is room for many more.
    Low,
    /// There is room.
    Middle,
    /// What is delivered now has to wait, in the store if that is on a disk.
    Full,
    /// Nothing more may be added by others, whatever it is.
    Overfull,
}

/// What was found when the store was opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opened {
    /// Stanzas may have been lost since it was last open.
    pub may_have_lost_stanzas: bool,
}

variants!(EngineInput<'_> {
    Start,
    Connect,
    Disconnect,
    BeginSync,
    EndSync,
    Suspend,
    Resume,
    SetActive,
    NetworkChanged,
    LogOut,
    ForgetFloor,
    SetPassword,
    Send,
    Request,
    RequestsAbandoned,
    Confirm,
    EventQueue,
    LookedUp,
    Connected,
    ConnectFailed,
    TransportReady,
    Received,
    TransportClosed,
    Timeout,
    CertificateVerified,
    KeysDerived,
    Committed,
    CommitFailed,
    StoreOpened,
    StoreClosed,
    DeliveriesRead,
    SessionRead,
    Loaded,
    Enqueued,
    Applied,
});
