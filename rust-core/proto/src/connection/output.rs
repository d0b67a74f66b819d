//! The outputs of a connection.

use zeroize::Zeroizing;

use crate::error::ConnectionError;
use crate::escalation::EscalationStep;
use crate::knowledge::{Delivery, Op};
use crate::plan::Plan;
use crate::protocol_message::ProtocolMessage;
use crate::sasl::ScramKeyId;
use crate::stanza::StanzaError;
use crate::stream::error::StreamCondition;
use crate::time::Instant;
use crate::xep::blocking::BlockListChange;
use crate::xml::{Element, RefusedStanza};

use crate::connection::timer::Timer;

/// Number of a transaction within one connection; increases by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// Something to do for the caller.
#[derive(Debug)]
pub enum Output {
    /// Commit these changes in one transaction, then report that with an input.
    Persist {
        /// Which transaction.
        seq: Seq,
        /// The changes.
        ops: Vec<Op>,
    },
    /// Send bytes of the stream. All that is sent until the outputs are drained is one flight, and one write.
    Transmit {
        /// The transaction that must be committed first.
        after: Option<Seq>,
        /// The bytes; wiped when dropped, since those of a login contain the password or a token (rule T9).
        bytes: Zeroizing<Vec<u8>>,
        /// The messages that they contain, for the timeline.
        parts: Vec<ProtocolMessage>,
    },
    /// Start TLS on the outbound side: the ClientHello follows what was transmitted so far, in the same write.
    ClientHello,
    /// Inbound bytes belong to TLS from here on; these were already read.
    TlsFollows {
        /// Bytes after `<proceed/>`.
        unread: Vec<u8>,
    },
    /// Record in the timeline that a message was received.
    Understood(ProtocolMessage),
    /// Run PBKDF2 off the I/O thread (rule T5) and answer with [`super::Input::KeysDerived`].
    DeriveKeys(ScramKeyId),
    /// Request a bearer token from the app, and answer with [`super::Input::TokenProvided`].
    RequestToken {
        /// The server has refused the last one: a token that was kept is of no use.
        refused: bool,
    },
    /// A failure has brought this step of the escalation policy about (rule W1): for the timeline.
    Escalated(&'static EscalationStep),
    /// The login is proven: tickets of this TLS connection may be trusted accordingly (rule S3).
    LoginProven,
    /// Deliver an event to the app.
    Event {
        /// The transaction that must be committed first.
        after: Option<Seq>,
        /// The event.
        event: Event,
    },
    /// Close the transport once everything transmitted has been written.
    CloseTransport,
    /// Nothing more to do until the deadline, or until something happens.
    Timeout {
        /// The next deadline, if there is one.
        when: Option<Instant>,
        /// What it is for.
        why: Option<Timer>,
    },
}

/// An event for the app.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The session is established: stanzas can be exchanged.
    Online {
        /// A new session, or the interrupted one.
        outcome: Outcome,
        /// The full JID of this client.
        jid: String,
        /// The plan that was followed.
        plan: Plan,
    },
    /// A message or presence for the app, committed.
    Stanza(Delivery),
    /// The answer to a request of the app.
    IqAnswer(Element),
    /// A result of a query of the app to an archive; the query's answer follows (XEP-0313).
    HistoryResult {
        /// The id of the query's iq.
        id: String,
        /// The message that carries the result.
        message: Element,
    },
    /// A request of another entity that the app answers, with [`super::Command::Answer`].
    Request(Element),
    /// The block list was changed, by any client of the account (XEP-0191).
    BlockListChanged(BlockListChange),
    /// A stanza of the app reached another stage of delivery.
    Stage {
        /// The stanza's id.
        id: String,
        /// Its new stage.
        stage: Stage,
    },
    /// The server's features: remembered, or just learnt (XEP-0030).
    ServerFeatures(Vec<String>),
    /// The stored roster changed.
    RosterChanged,
    /// The server publishes push notifications for this session (XEP-0357).
    PushEnabled,
    /// The server has refused to publish push notifications for this session. Each new session asks again.
    PushRefused(StanzaError),
    /// An inbound stanza exceeded a limit, or had a fault that its sender caused, and was skipped (rule T6).
    StanzaRefused(RefusedStanza),
    /// Inbound messages may be missing: the server no longer has the session (rule I8), or it leaves waiting messages to its
    /// archive, as Bind 2 servers do (XEP-0386); and the archive (XEP-0313) did not provide them.
    PossibleGap,
    /// Everything that the server held when this connection began has been reported, or lies in a gap that was reported (rule
    /// I21). Once for each connection.
    CaughtUp,
    /// The server violated a rule in a way that does not end the connection; counted.
    PeerFault(&'static str),
    /// The connection ended; `None` if this client closed it.
    Closed(Option<ConnectionError>),
}

/// How a session was established.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new session.
    Bound,
    /// The interrupted session was resumed.
    Resumed,
    /// A session that a background sync has bound, now or before, and that has no presence yet. What the app sends waits. The
    /// next login of the app completes this session, and reports [`Outcome::Bound`].
    Unannounced,
}

/// The stages of an outbound stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is stored and will be sent.
    Queued,
    /// Its bytes may have been sent.
    Sent,
    /// The server has acknowledged it.
    Acked,
    /// It will not be sent (again).
    Failed(Failure),
}

/// Why a stanza failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It belonged to a session that no longer exists.
    SessionLost,
    /// It has no meaning later (XEP-0085), and there was no session to send it in at once, or the connection broke before the server
    /// had it.
    NotOnline,
    /// It was returned as an error (RFC 6120 section 8.3): by the client's server, the recipient's server, or the recipient. It
    /// may have been acknowledged before, since that shows only that the client's server accepted it.
    Refused(StanzaError),
    /// The server ended the stream with this error each time that it was sent; `undefined-condition` where it gave none.
    StreamEnded(StreamCondition),
    /// It is larger than the server accepts (XEP-0478), and would have ended the stream. It was queued before that was known.
    TooBig {
        /// Its size as XML, in bytes.
        size: usize,
        /// The maximum size that the server accepts, in bytes.
        limit: usize,
    },
}
