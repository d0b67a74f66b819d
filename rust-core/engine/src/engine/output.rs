//! The outputs of the engine: what the host carries out.

use snapback_proto::connection::Timer;
use snapback_proto::knowledge::Op;
use snapback_proto::plan::Purpose;
use snapback_proto::sasl::ScramKeyId;
use snapback_proto::secret::Secret;
use snapback_proto::stanza::StanzaError;
use snapback_proto::time::Instant;
use snapback_proto::xml::Element;
use snapback_store::{KnownEndpoints, NewStanza, ServerKey, StoreError};
use snapback_tls::VerificationRequest;

use crate::supervisor::{AttemptId, SupervisorTimer};
use crate::variants::variants;

use super::candidates::{Abandonment, CandidateId, LookUpId};
use super::event::EngineEvent;
use super::inbound::{InboundRequestId, RespondError};
use super::requests::{Answer, RequestError};
use super::sends::Refusal;
use super::{Address, CommitId, KeyError, ServerAddress, Ticket};

/// An output of the engine.
#[derive(Debug)]
pub enum EngineOutput {
    // -- the network
    /// Looks up these servers or, if the list is empty, the DNS records of the account's domain
    /// (`snapback_resolver::resolve`); then reports [`super::EngineInput::LookedUp`]. Each look-up is either answered
    /// or abandoned; the host limits its duration.
    LookUp {
        /// The engine's identifier for the look-up.
        id: LookUpId,
        /// The servers, in the order in which to try them.
        servers: Vec<ServerAddress>,
    },
    /// Looks up the AAAA records of `ipv4only.arpa` ([`snapback_types::nat64::WELL_KNOWN_NAME`], RFC 7050); then reports
    /// [`super::EngineInput::PrefixLookedUp`]. Each look-up is either answered or abandoned; the host limits its duration.
    LookUpPrefix {
        /// The engine's identifier for the look-up.
        id: LookUpId,
    },
    /// Abandons this look-up: its result is no longer needed.
    AbandonLookUp(LookUpId),
    /// Opens a transport, then reports [`super::EngineInput::Connected`] or [`super::EngineInput::ConnectFailed`].
    /// Several transports may be opened at the same time; nothing is written to them. The engine decides when to give
    /// up, so the host reports nothing while the network does not respond.
    Connect {
        /// The engine's identifier for the transport.
        candidate: CandidateId,
        /// The address to connect to.
        address: Address,
        /// A name that the proxy has to look up; the address then has only the port. `None` without a proxy, and where the
        /// address is known.
        name: Option<String>,
        /// Whether to open it with TCP Fast Open (RFC 7413), if the system supports that. Its handshake may then be deferred until
        /// the first write.
        fast_open: bool,
    },
    /// Drops a transport of [`super::EngineOutput::Connect`], open or not.
    AbandonConnect {
        /// Which transport.
        candidate: CandidateId,
        /// The reason.
        why: Abandonment,
    },
    /// Assigns an open transport to the attempt, then reports [`super::EngineInput::TransportReady`], before the next
    /// output is polled.
    UseTransport {
        /// Which attempt.
        attempt: AttemptId,
        /// What the attempt is for.
        purpose: Purpose,
        /// Which transport. No other one is open or being opened.
        candidate: CandidateId,
    },
    /// Writes these bytes to the attempt's transport at once: they are one flight.
    Write(Vec<u8>),
    /// Closes the attempt's transport once everything is written. Transactions that are not reported yet are carried
    /// out first.
    Close,
    /// Drops the attempt's transport without closing the stream: the server keeps the session (rule I14). Transactions
    /// that are not reported yet are carried out first.
    Drop,

    // -- the thread pool
    /// Verifies the certificate on another thread than the I/O thread, then reports
    /// [`super::EngineInput::CertificateVerified`].
    VerifyCertificate {
        /// The attempt that the certificate belongs to.
        attempt: AttemptId,
        /// What is to be verified.
        request: VerificationRequest,
    },
    /// Requests a bearer token from the app, then reports [`super::EngineInput::TokenProvided`].
    RequestToken {
        /// The attempt that needs the token.
        attempt: AttemptId,
        /// The server has refused the last one: a token that was kept is of no use.
        refused: bool,
    },
    /// Derives keys on another thread than the I/O thread, then reports [`super::EngineInput::KeysDerived`].
    DeriveKeys {
        /// The attempt that needs the keys.
        attempt: AttemptId,
        /// Which keys.
        id: ScramKeyId,
        /// The password to derive them from, if there is one.
        password: Option<Secret<String>>,
    },

    // -- the store
    /// Commits these changes as one transaction, then reports [`super::EngineInput::Committed`] or
    /// [`super::EngineInput::CommitFailed`]. Transactions are committed in their order; a commit may take time.
    Commit {
        /// Which transaction.
        id: CommitId,
        /// The server that the changes concern.
        server: ServerKey,
        /// The changes.
        ops: Vec<Op>,
    },
    /// Opens the store if it is closed, then reports [`super::EngineInput::StoreOpened`], before the next output is polled.
    OpenStore,
    /// Closes the store, then reports [`super::EngineInput::StoreClosed`], before the next output is polled. The report
    /// holds the ids of the stored deliveries that the app has received.
    CloseStore {
        /// The stored deliveries that the app has not received.
        not_given: NotGiven,
    },
    /// Reads a page of unconfirmed deliveries, then reports [`super::EngineInput::DeliveriesRead`], before the next
    /// output is polled.
    ReadDeliveries {
        /// The id of the delivery to start from; `None` for the first one.
        from: Option<String>,
    },
    /// Reads the stored session, then reports [`super::EngineInput::SessionRead`], before the next output is polled.
    ReadSession,
    /// Loads the knowledge that a connection needs, then reports [`super::EngineInput::Loaded`], before the next output
    /// is polled.
    Load {
        /// The server whose facts are loaded.
        server: ServerKey,
        /// The purpose of the connection that begins with this knowledge; `None` if it is only inspected.
        begins: Option<Purpose>,
    },
    /// Queues a stanza while there is no connection, then reports [`super::EngineInput::Enqueued`], before the next
    /// output is polled.
    Enqueue(NewStanza),
    /// Applies changes that do not belong to a connection, as one transaction, then reports
    /// [`super::EngineInput::Applied`], before the next output is polled.
    Apply {
        /// The server that the changes concern.
        server: ServerKey,
        /// The changes.
        ops: Vec<Op>,
    },

    /// Stores the look-up result for the account's domain, so that the next process need not look it up. If storing
    /// fails, nothing is lost.
    StoreAnswer(KnownEndpoints),

    // -- the app
    /// Reports an event to the app.
    Event(EngineEvent),
    /// The server, or the addressee, has returned a message of the app with an error (RFC 6120 section 8.3).
    Bounced {
        /// The stored delivery with the error. It is confirmed when the app is told, or when the message was sent again, with
        /// [`super::EngineInput::Confirm`]; the next process gets it otherwise.
        delivery: String,
        /// The message's id.
        id: String,
        /// The error.
        error: StanzaError,
    },
    /// A stanza of [`super::EngineInput::Send`] was stored or refused.
    Accepted {
        /// Which stanza.
        ticket: Ticket,
        /// Success, or why the stanza was refused.
        outcome: Result<(), Refusal>,
    },
    /// The keys that the server may show were changed, or not.
    KeysChanged {
        /// Which change.
        ticket: Ticket,
        /// Success, or why nothing was changed.
        outcome: Result<(), KeyError>,
    },
    /// What [`super::EngineInput::SetPush`] wants is stored, or not.
    PushSet {
        /// Which change.
        ticket: Ticket,
        /// Success, or why it was not stored.
        outcome: Result<(), StoreError>,
    },
    /// A request of [`super::EngineInput::Request`] has its response, or will have none.
    Answered {
        /// The request's id.
        id: String,
        /// The response, or why there is none.
        outcome: Result<Answer, RequestError>,
    },
    /// Another entity has sent a request that the app answers, with [`super::EngineInput::Respond`], in the configured time.
    /// After that an error is sent.
    Request {
        /// The engine's identifier for the request.
        id: InboundRequestId,
        /// The iq.
        iq: Element,
    },
    /// An answer of [`super::EngineInput::Respond`] is on its way, or not.
    Responded {
        /// Which request.
        id: InboundRequestId,
        /// Success, or why the answer was not sent.
        outcome: Result<(), RespondError>,
    },
    /// The disconnection that the app asked for is complete.
    Disconnected,
    /// The log-out is complete.
    LoggedOut,

    /// Waits until the next input or the deadline: there is nothing else to do.
    Timer {
        /// The deadline, if there is one.
        when: Option<Instant>,
        /// The purpose of the deadline.
        why: Option<EngineTimer>,
    },
}

/// The purpose of a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineTimer {
    /// A timer of the connection.
    Connection(Timer),
    /// A timer of the supervisor, which decides when to connect.
    Supervisor(SupervisorTimer),
    /// Trying the next address, or giving up.
    Dial,
    /// The app's answer to a request of another entity.
    Answer,
    /// Reading stored deliveries again that could not be read.
    Deliveries,
}

/// The stored deliveries that the app has not received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotGiven {
    /// The app has received all of them.
    None,
    /// The app has received none of them.
    All,
    /// The app has not received the delivery with this id and those after it.
    From(String),
}

variants!(EngineOutput {
    LookUp,
    LookUpPrefix,
    AbandonLookUp,
    Connect,
    AbandonConnect,
    UseTransport,
    Write,
    Close,
    Drop,
    VerifyCertificate,
    RequestToken,
    DeriveKeys,
    Commit,
    OpenStore,
    CloseStore,
    ReadDeliveries,
    ReadSession,
    Load,
    Enqueue,
    Apply,
    StoreAnswer,
    Event,
    Bounced,
    Accepted,
    KeysChanged,
    PushSet,
    Answered,
    Request,
    Responded,
    Disconnected,
    LoggedOut,
    Timer,
});
variants!(NotGiven { None, All, From });
