//! What a connection wants done.

use zeroize::Zeroizing;

use crate::error::ConnectionError;
use crate::knowledge::{Delivery, Op};
use crate::plan::Plan;
use crate::protocol_message::ProtocolMessage;
use crate::sasl::ScramKeyId;
use crate::stanza::StanzaError;
use crate::stream::error::StreamCondition;
use crate::time::Instant;
use crate::xml::{Element, RefusedStanza};

use crate::connection::timer::Timer;

/// Number of a transaction within one connection; rises by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// Something to do.
#[derive(Debug)]
pub enum Output {
    /// Commit these changes in one transaction, then say so.
    Persist {
        /// Which transaction.
        seq: Seq,
        /// The changes.
        ops: Vec<Op>,
    },
    /// Send bytes of the stream. All that is sent until the outputs are drained is one flight, and one write.
    Transmit {
        /// Not before this transaction is committed.
        after: Option<Seq>,
        /// The bytes; wiped when dropped, for a login's hold the password or a token (rule T9).
        bytes: Zeroizing<Vec<u8>>,
        /// What they say, for the timeline.
        parts: Vec<ProtocolMessage>,
    },
    /// Start TLS on the outbound side: the ClientHello follows what was transmitted so far, in the same write.
    ClientHello,
    /// Inbound bytes belong to TLS from here on; these ones were already read.
    TlsFollows {
        /// Bytes behind `<proceed/>`.
        unread: Vec<u8>,
    },
    /// Log that a message was understood, for the timeline.
    Understood(ProtocolMessage),
    /// Run PBKDF2 off the I/O thread (rule T5) and answer with [`super::Input::KeysDerived`].
    DeriveKeys(ScramKeyId),
    /// The login is proven: tickets of this TLS connection may be trusted accordingly (rule S3).
    LoginProven,
    /// Tell the app.
    Event {
        /// Not before this transaction is committed.
        after: Option<Seq>,
        /// What to tell.
        event: Event,
    },
    /// Close the transport once everything transmitted has left.
    CloseTransport,
    /// Nothing more to do until the deadline, or until something happens.
    Timeout {
        /// The next deadline, if there is one.
        when: Option<Instant>,
        /// What it is for.
        why: Option<Timer>,
    },
}

/// What the app is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The session is there: stanzas flow.
    Online {
        /// New, or the interrupted one.
        outcome: Outcome,
        /// Our full JID.
        jid: String,
        /// The plan that led here.
        plan: Plan,
    },
    /// A message or presence for the app, committed.
    Stanza(Delivery),
    /// The answer to a request of the app.
    IqAnswer(Element),
    /// A stanza of the app reached another stage.
    Stage {
        /// The stanza's id.
        id: String,
        /// Where it is now.
        stage: Stage,
    },
    /// What the server can do: remembered, or just learnt (XEP-0030).
    ServerFeatures(Vec<String>),
    /// The stored roster changed.
    RosterChanged,
    /// An inbound stanza was over a limit, or had a fault that its sender caused, and was skipped (rule T6).
    StanzaRefused(RefusedStanza),
    /// Inbound messages may be missing: the server forgot the session (rule I8), or it leaves what waited for us to its
    /// archive, as Bind 2 servers do (XEP-0386); and the archive (XEP-0313) did not help.
    PossibleGap,
    /// The server broke a rule in a way that could be survived; counted.
    PeerFault(&'static str),
    /// The connection ended; `None` if we closed it.
    Closed(Option<ConnectionError>),
}

/// How a session came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new session.
    Bound,
    /// The interrupted session goes on.
    Resumed,
}

/// The life of an outbound stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is stored and will be sent.
    Queued,
    /// Its bytes may have left.
    Sent,
    /// The server has taken it over.
    Acked,
    /// It will not be sent (again).
    Failed(Failure),
}

/// Why a stanza failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It belonged to a session that is gone.
    SessionLost,
    /// It came back as an error (RFC 6120 section 8.3): from our server, the recipient's, or the recipient. It may have been
    /// acknowledged before, since that says only that our server took it.
    Refused(StanzaError),
    /// The server ended the stream with this error each time that it was sent.
    StreamEnded(StreamCondition),
    /// It has more bytes than the server takes (XEP-0478), and would have ended the stream. It was queued before that was known.
    TooBig {
        /// How many it has, as XML.
        size: usize,
        /// How many the server takes.
        limit: usize,
    },
}
