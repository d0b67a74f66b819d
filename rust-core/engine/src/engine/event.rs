//! What the app is told. Hosts hand these events on as they are: the client's `Event` is this type.

use std::{fmt, io};

use snapback_proto::connection::{Outcome, Stage};
use snapback_proto::knowledge::Delivery;
use snapback_proto::plan::Plan;
use snapback_proto::xep::carbons::Carbon;
use snapback_proto::xml::RefusedStanza;
use snapback_resolver::ResolveError;
use snapback_store::StoreError;

use crate::link::{LinkError, Timeline};
use crate::supervisor::{AfterEnd, ConnectionState};
use crate::variants::variants;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineEvent {
    /// The connection's state changed.
    State(ConnectionState),
    /// The session is there.
    Online {
        /// New, or the interrupted one.
        outcome: Outcome,
        /// Our full JID.
        jid: String,
        /// The plan that led here.
        plan: Plan,
        /// What each flight carried and how long it took.
        timeline: Timeline,
    },
    /// A connection, or an attempt at one, ended; or there was no attempt, since the store could not be used.
    Ended {
        /// Why.
        reason: EndReason,
        /// Whether it is tried again without being asked for.
        then: AfterEnd,
        /// The plan that it followed, if it came so far as to have one.
        plan: Option<Plan>,
        /// What each flight carried and how long it took, if there was a transport.
        timeline: Option<Box<Timeline>>,
    },
    /// A message for the app. It is kept until confirmed.
    Message {
        /// The stanza and its delivery id.
        delivery: Delivery,
    },
    /// A copy of a message that another client of this account sent or received (XEP-0280). One that was sent while we were
    /// away comes in the same way, from the archive. Kept until confirmed.
    Carbon {
        /// The delivery as it came, with its id.
        delivery: Delivery,
        /// The message that was copied, and which way it went.
        carbon: Carbon,
    },
    /// Presence for the app. It is kept until confirmed.
    Presence {
        /// The stanza and its delivery id.
        delivery: Delivery,
    },
    /// A stanza of the app reached another stage.
    Stage {
        /// The stanza's id.
        id: String,
        /// Where it is now.
        stage: Stage,
    },
    /// What the server can do, by the namespaces of its features (XEP-0030).
    ServerFeatures(Vec<String>),
    /// The stored roster changed.
    RosterChanged,
    /// An inbound stanza was over a limit, or its XML had a fault of its sender, and it was skipped.
    StanzaRefused(RefusedStanza),
    /// Inbound messages may be missing: the server forgot the session, or it leaves what waited for us to its archive, as
    /// Bind 2 servers do (XEP-0386), and the archive (XEP-0313) did not help: there is none, it is not known how far we hold
    /// it, it failed, or too much stands in it.
    PossibleGap,
    /// The server broke a rule in a way that could be survived.
    PeerFault(&'static str),
}

impl EngineEvent {
    /// Returns the stanza that this event delivers. Each one is stored, and comes again after a restart, until it is confirmed
    /// (`Client::confirm`): carbons and presence as well as messages.
    pub fn delivery(&self) -> Option<&Delivery> {
        match self {
            Self::Message { delivery }
            | Self::Carbon { delivery, .. }
            | Self::Presence { delivery } => Some(delivery),
            _ => None,
        }
    }
}

/// Why a connection, or an attempt at one, ended.
#[derive(Clone, Debug, PartialEq)]
pub enum EndReason {
    /// We closed it.
    Closed,
    /// It was dropped to begin another, or before the process is suspended.
    Dropped,
    /// There was no way to the server.
    Dial(DialError),
    /// The stream or TLS failed.
    Link(LinkError),
    /// The store did not do what the connection needs: it is owned elsewhere, the phone is locked, the device is full.
    Store(StoreError),
    /// The driver failed; a bug of ours, and not a panic of yours (rule T10).
    Driver,
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Dropped => f.write_str("dropped"),
            Self::Dial(error) => error.fmt(f),
            Self::Link(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::Driver => f.write_str("internal error"),
        }
    }
}

/// Why there was no way to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialError {
    /// The name could not be resolved.
    Resolve(ResolveError),
    /// No address answered; the kinds of failure, in order.
    Connect(Vec<io::ErrorKind>),
    /// No address answered in time.
    TimedOut,
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => error.fmt(f),
            Self::Connect(kinds) => match kinds.first() {
                Some(kind) => write!(f, "no address could be connected to: {kind}"),
                None => f.write_str("there is no address to connect to"),
            },
            Self::TimedOut => f.write_str("no address answered in time"),
        }
    }
}

impl std::error::Error for DialError {}

variants!(EngineEvent {
    State,
    Online,
    Ended,
    Message,
    Carbon,
    Presence,
    Stage,
    ServerFeatures,
    RosterChanged,
    StanzaRefused,
    PossibleGap,
    PeerFault,
});
variants!(EndReason {
    Closed,
    Dropped,
    Dial,
    Link,
    Store,
    Driver
});
