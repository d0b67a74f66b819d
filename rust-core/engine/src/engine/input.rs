//! The inputs of the engine: what the host reports.

use core::net::Ipv6Addr;
use std::collections::HashSet;

use snapback_proto::knowledge::{Knowledge, OutboundKind, PushRegistration};
use snapback_proto::sasl::{CredentialError, SaslError, ScramKeyId, ScramKeys};
use snapback_proto::secret::Secret;
use snapback_proto::stanza::StanzaError;
use snapback_proto::xml::Element;
use snapback_resolver::{QueryReport, Resolution, ResolveError};
use snapback_store::{DeliveryPage, StoreError, StoredSession};
use snapback_tls::CertificateError;
use snapback_types::endpoint::Endpoint;

use crate::supervisor::{AttemptId, SyncKind};
use crate::variants::variants;

use super::{CandidateId, CommitId, ConnectFailure, InboundRequestId, KeyChange, LookUpId, Ticket};

/// An input of the engine.
#[derive(Debug)]
pub enum EngineInput<'a> {
    // -- the app
    /// The process has started. Deliveries that an earlier process received and did not confirm are delivered again
    /// (rule I2).
    Start,
    /// The app wants to be online.
    Connect,
    /// The app no longer wants to be online. Ends in [`super::EngineOutput::Disconnected`].
    Disconnect,
    /// The process was woken by a push: the interrupted session is to be resumed and, if the sync may bind and that cannot
    /// be resumed, a new one created. Several background syncs may be in progress at once.
    BeginSync(SyncKind),
    /// One background sync is over. After the last one, a process that was woken for it suspends again.
    EndSync,
    /// The process is about to be suspended. Once everything is drained, the store is closed.
    Suspend,
    /// The process runs again.
    Resume,
    /// Whether the user is looking at the app (XEP-0352).
    SetActive(bool),
    /// The network changed.
    NetworkChanged {
        /// Whether there is a network now.
        available: bool,
    },
    /// Ends the session, invalidates the FAST token (XEP-0484 3.6) and deletes everything that allows another login.
    /// Ends in [`super::EngineOutput::LoggedOut`].
    LogOut,
    /// Later logins may use weaker mechanisms than earlier ones (rule T2).
    ForgetFloor,
    /// The account's password has changed. The next login uses this one.
    SetPassword(Secret<String>),
    /// Changes the keys that the server may show (rule T13). Answered with [`super::EngineOutput::KeysChanged`].
    ChangeKeys {
        /// The host's identifier for the change.
        ticket: Ticket,
        /// What to change.
        change: KeyChange,
    },
    /// The app wants push notifications there, or none (XEP-0357). Answered with [`super::EngineOutput::PushSet`].
    SetPush {
        /// The host's identifier for the change.
        ticket: Ticket,
        /// Where they are wanted.
        wanted: Option<PushRegistration>,
    },
    /// The app sends a stanza. Answered with [`super::EngineOutput::Accepted`].
    Send {
        /// The host's identifier for the stanza.
        ticket: Ticket,
        /// The stanza. It has an id.
        stanza: Element,
        /// What happens to it if its session ends before it is acknowledged.
        kind: OutboundKind,
        /// Whether the store has room for the stanza, after [`super::Engine::unstored`] others.
        room: Result<Room, StoreError>,
    },
    /// The app sends a request and waits for its response. Ends in [`super::EngineOutput::Answered`].
    Request {
        /// The iq. It has an id.
        stanza: Element,
        /// Whether the store has room for the iq, after [`super::Engine::unstored`] others.
        room: Result<Room, StoreError>,
    },
    /// The app answers a request of [`super::EngineOutput::Request`]. Answered with [`super::EngineOutput::Responded`].
    Respond {
        /// Which request.
        id: InboundRequestId,
        /// The payload of the result, if it has one, or the error.
        answer: Result<Option<Element>, StanzaError>,
    },
    /// The app no longer waits for the responses to these requests.
    RequestsAbandoned(Vec<String>),
    /// The app confirms these deliveries.
    Confirm(Vec<String>),
    /// The app has received the report of a possible gap ([`super::EngineEvent::PossibleGap`]).
    GapReceived,
    /// How full the app's event queue is. Reported whenever this changes.
    EventQueue(EventQueueLevel),

    // -- the network
    /// What a look-up of [`super::EngineOutput::LookUp`] has found until now, in the order in which to try it. Each
    /// report contains what the one before it did.
    Found {
        /// Which look-up.
        id: LookUpId,
        /// The endpoints.
        endpoints: Vec<Endpoint>,
        /// The queries that have ended since the last report.
        queries: Vec<QueryReport>,
    },
    /// The result of [`super::EngineOutput::LookUp`].
    LookedUp {
        /// Which look-up.
        id: LookUpId,
        /// The endpoints in the order in which to try them, or why there are none.
        answer: Result<Resolution, ResolveError>,
        /// The queries that have ended since the last report.
        queries: Vec<QueryReport>,
    },
    /// The result of [`super::EngineOutput::LookUpPrefix`].
    PrefixLookedUp {
        /// Which look-up.
        id: LookUpId,
        /// The AAAA records, none if the name has none; `None` if there was no answer.
        records: Option<Vec<Ipv6Addr>>,
    },
    /// A transport of [`super::EngineOutput::Connect`] is open. Bytes that the attempt's connection has received
    /// already are reported first: they may contain the probe response that makes this transport superfluous.
    Connected {
        /// Which transport.
        candidate: CandidateId,
        /// Whether its handshake is deferred until the first write, and carries it (RFC 7413).
        is_deferred: bool,
    },
    /// A transport of [`super::EngineOutput::Connect`] could not be opened.
    ConnectFailed {
        /// Which transport.
        candidate: CandidateId,
        /// The reason.
        failure: ConnectFailure,
    },
    /// The transport of [`super::EngineOutput::UseTransport`] now belongs to the attempt.
    TransportReady {
        /// Entropy for the connection, from which ids and nonces are made. `None` if the platform provided no random
        /// numbers.
        seed: Option<[u8; 32]>,
    },
    /// Bytes were received on the attempt's transport.
    Received(&'a [u8]),
    /// The attempt's transport ended.
    TransportClosed,
    /// A deadline may have passed. Bytes that have been received already are reported first: they may contain what the
    /// deadline waits for.
    Timeout,

    // -- the thread pool
    /// The result of [`super::EngineOutput::VerifyCertificate`].
    CertificateVerified {
        /// The attempt that the certificate belongs to.
        attempt: AttemptId,
        /// The verdict.
        verdict: Result<(), CertificateError>,
    },
    /// The result of [`super::EngineOutput::DeriveKeys`].
    KeysDerived {
        /// The attempt that needs the keys.
        attempt: AttemptId,
        /// Which keys.
        id: ScramKeyId,
        /// The keys, or why there are none.
        keys: Result<ScramKeys, SaslError>,
    },

    /// The result of [`super::EngineOutput::RequestToken`].
    TokenProvided {
        /// The attempt that needs the token.
        attempt: AttemptId,
        /// The token, or why there is none.
        token: Result<Secret<String>, CredentialError>,
    },

    // -- the store
    /// This transaction is committed.
    Committed(CommitId),
    /// This transaction failed. Nothing of it is stored, and no later one may be committed.
    CommitFailed(CommitId, StoreError),
    /// The result of [`super::EngineOutput::OpenStore`].
    StoreOpened(Result<Opened, StoreError>),
    /// The result of [`super::EngineOutput::CloseStore`]: the ids of the stored deliveries that the app has received.
    StoreClosed(HashSet<String>),
    /// The result of [`super::EngineOutput::ReadDeliveries`].
    DeliveriesRead(Result<DeliveryPage, StoreError>),
    /// The result of [`super::EngineOutput::ReadSession`].
    SessionRead(Result<Option<StoredSession>, StoreError>),
    /// The result of [`super::EngineOutput::Load`].
    Loaded(Result<Box<Knowledge>, StoreError>),
    /// The result of [`super::EngineOutput::Enqueue`].
    Enqueued(Result<(), StoreError>),
    /// The result of [`super::EngineOutput::Apply`].
    Applied(Result<(), StoreError>),
}

/// Whether the store's queue has room for one more stanza of the app (rule I12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Whether there is room.
    pub is_left: bool,
    /// The maximum number of stanzas in the queue.
    pub limit: usize,
}

/// How full the app's event queue is (rule I20).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EventQueueLevel {
    /// There is room for many more events.
    Low,
    /// There is room for more events.
    Middle,
    /// New deliveries have to wait, in the store if it is on disk.
    Full,
    /// The queue is at its maximum: no event that another entity causes may be added, of any kind.
    Overfull,
}

/// What was found when the store was opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opened {
    /// Inbound messages may be missing, and the app has not received that report: stanzas may have been lost since the store
    /// was last open, or an earlier process was killed before it told the app.
    pub possible_gap: bool,
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
    ChangeKeys,
    SetPush,
    Send,
    Request,
    Respond,
    RequestsAbandoned,
    Confirm,
    GapReceived,
    EventQueue,
    Found,
    LookedUp,
    PrefixLookedUp,
    Connected,
    ConnectFailed,
    TransportReady,
    Received,
    TransportClosed,
    Timeout,
    CertificateVerified,
    KeysDerived,
    TokenProvided,
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
