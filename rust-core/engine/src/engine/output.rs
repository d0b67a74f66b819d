//! What the host carries out.

use snapback_proto::connection::Timer;
use snapback_proto::knowledge::Op;
use snapback_proto::plan::Purpose;
use snapback_proto::sasl::ScramKeyId;
use snapback_proto::secret::Secret;
use snapback_proto::time::Instant;
use snapback_proto::xml::Element;
use snapback_store::{KnownEndpoints, NewStanza, ServerKey};
use snapback_tls::VerificationRequest;

use crate::supervisor::{AttemptId, Wait};
use crate::variants::variants;

use super::candidates::{Abandonment, CandidateId, LookUpId};
use super::event::EngineEvent;
use super::requests::RequestError;
use super::sends::Refusal;
use super::{Address, CommitId, ServerAddress, Ticket};

/// Something to do.
#[derive(Debug)]
pub enum EngineOutput {
    // -- the network
    /// Looks these servers up, or, where there are none, what the DNS says of the account's domain (`snapback_resolver::resolve`);
    /// then reports [`super::EngineInput::LookedUp`]. Every look-up is answered or abandoned: whoever carries it out bounds its
    /// time.
    LookUp {
        /// The engine's name for it.
        id: LookUpId,
        /// The servers, in the order in which to try them.
        servers: Vec<ServerAddress>,
    },
    /// Nobody waits for this look-up any more.
    AbandonLookUp(LookUpId),
    /// Opens a transport, then reports [`super::EngineInput::Connected`] or [`super::EngineInput::ConnectFailed`]. Several may be on
    /// their way at once; nothing is written to them. When to give up is decided here: what gets no answer is not reported.
    Connect {
        /// The engine's name for it.
        candidate: CandidateId,
        /// Where it leads.
        address: Address,
    },
    /// Drops a transport of [`super::EngineOutput::Connect`], open or not.
    AbandonConnect {
        /// Which.
        candidate: CandidateId,
        /// Why.
        why: Abandonment,
    },
    /// Makes an open transport the attempt's, then reports [`super::EngineInput::TransportReady`], before the next output is polled.
    UseTransport {
        /// Which attempt.
        attempt: AttemptId,
        /// What the attempt is for.
        purpose: Purpose,
        /// Which transport. No other one is open or on its way.
        candidate: CandidateId,
    },
    /// Writes these bytes to the attempt's transport, at once: they are one flight.
    Write(Vec<u8>),
    /// Closes the attempt's transport once everything is written. Transactions that are not reported yet are carried out
    /// first.
    Close,
    /// Drops the attempt's transport as it is: the server keeps the session (rule I14). Transactions that are not reported
    /// yet are carried out first.
    Drop,

    // -- the thread pool
    /// Judges the certificate, off the I/O thread, then reports [`super::EngineInput::CertificateVerified`].
    VerifyCertificate {
        /// Of which attempt.
        attempt: AttemptId,
        /// What is to be judged.
        request: VerificationRequest,
    },
    /// Derives keys, off the I/O thread, then reports [`super::EngineInput::KeysDerived`].
    DeriveKeys {
        /// For which attempt.
        attempt: AttemptId,
        /// Which keys.
        id: ScramKeyId,
        /// What they are made of, if there is a password.
        password: Option<Secret<String>>,
    },

    // -- the store
    /// Commits these changes as one transaction, then reports [`super::EngineInput::Committed`] or
    /// [`super::EngineInput::CommitFailed`]. Transactions are committed in their order; it may take a while.
    Commit {
        /// Which transaction.
        id: CommitId,
        /// Whose facts change.
        server: ServerKey,
        /// The changes.
        ops: Vec<Op>,
    },
    /// Opens the store if it is closed, then reports [`super::EngineInput::StoreOpened`], before the next output is polled.
    OpenStore,
    /// Closes the store, then reports [`super::EngineInput::StoreClosed`], before the next output is polled.
    /// The report holds the ids of the stored deliveries that the app was given.
    CloseStore {
        /// Those that it was not given.
        not_given: NotGiven,
    },
    /// Reads a page of deliveries that are not confirmed, then reports [`super::EngineInput::DeliveriesRead`], before the next
    /// output is polled.
    ReadDeliveries {
        /// From the delivery with this id on, or from the first one.
        from: Option<String>,
    },
    /// Reads the stored session, then reports [`super::EngineInput::SessionRead`], before the next output is polled.
    ReadSession,
    /// Loads what a connection needs to know, then reports [`super::EngineInput::Loaded`], before the next output is polled.
    Load {
        /// Whose facts.
        server: ServerKey,
        /// The connection that begins with it; `None` if it is only looked at.
        begins: Option<Purpose>,
    },
    /// Queues a stanza while there is no connection, then reports [`super::EngineInput::Enqueued`], before the next output is polled.
    Enqueue(NewStanza),
    /// Applies changes that no connection asked for, as one transaction, then reports [`super::EngineInput::Applied`], before the next
    /// output is polled.
    Apply {
        /// Whose facts change.
        server: ServerKey,
        /// The changes.
        ops: Vec<Op>,
    },

    /// Stores what was found out about the account's domain, so that the next process need not ask. Not stored, it is no loss.
    StoreAnswer(KnownEndpoints),

    // -- the app
    /// Tells the app.
    Event(EngineEvent),
    /// A stanza of [`super::EngineInput::Send`] is stored, or was refused.
    Accepted {
        /// Which.
        ticket: Ticket,
        /// Why it was refused.
        outcome: Result<(), Refusal>,
    },
    /// A request of [`super::EngineInput::Request`] has its answer, or will have none.
    Answered {
        /// The request's id.
        id: String,
        /// The answer.
        outcome: Result<Element, RequestError>,
    },
    /// Nothing of what was asked to be closed is open any more.
    Disconnected,
    /// The log-out is done.
    LoggedOut,

    /// Nothing more to do until something happens or the deadline passes.
    Timer {
        /// The deadline, if there is one.
        when: Option<Instant>,
        /// What it is for.
        why: Option<EngineTimer>,
    },
}

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineTimer {
    /// The connection.
    Connection(Timer),
    /// When to connect.
    Supervisor(Wait),
    /// When to try the next address, or to give up.
    Dial,
}

/// Which of the stored deliveries the app was not given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotGiven {
    /// It was given all of them.
    None,
    /// It was given none of them.
    All,
    /// Those from this id on.
    From(String),
}

variants!(EngineOutput {
    LookUp,
    AbandonLookUp,
    Connect,
    AbandonConnect,
    UseTransport,
    Write,
    Close,
    Drop,
    VerifyCertificate,
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
    Accepted,
    Answered,
    Disconnected,
    LoggedOut,
    Timer,
});
variants!(NotGiven { None, All, From });
