//! The events that are reported to the app. Hosts pass them on unchanged: the client's `Event` is this type.

use std::sync::Arc;
use std::{fmt, io};

use snapback_proto::connection::{Outcome, Stage};
use snapback_proto::knowledge::Delivery;
use snapback_proto::plan::Plan;
use snapback_proto::stanza::StanzaError;
use snapback_proto::xep::blocking::BlockListChange;
use snapback_proto::xep::carbons::Carbon;
use snapback_proto::xml::RefusedStanza;
use snapback_resolver::ResolveError;
use snapback_store::StoreError;
use snapback_tls::CertificateError;
use snapback_types::key_trust::KeyHash;
use snapback_types::proxy::ProxyError;

use crate::link::{LinkError, Timeline};
use crate::supervisor::{AfterEnd, ConnectionState};
use crate::variants::variants;

use super::candidates::{ConnectFailure, DialReport};

/// An event for the app.
#[derive(Clone, Debug, PartialEq)]
pub enum EngineEvent {
    /// The connection's state changed.
    State(ConnectionState),
    /// A session was established.
    Online {
        /// Whether it is a new session or the resumed one.
        outcome: Outcome,
        /// Our full JID.
        jid: String,
        /// The plan of the connection.
        plan: Plan,
        /// What each flight carried, and how long it took.
        timeline: Timeline,
        /// How the server was found and reached.
        dial: Box<DialReport>,
    },
    /// A connection or a connection attempt ended; or no attempt was made, since the store could not be used.
    Ended {
        /// The reason.
        reason: EndReason,
        /// Whether another attempt is made without a request of the app.
        then: AfterEnd,
        /// The plan that the connection followed, if it got far enough to have one.
        plan: Option<Plan>,
        /// What each flight carried, and how long it took, if there was a transport.
        timeline: Option<Box<Timeline>>,
        /// How the server was looked for: what was asked, and what became of each address.
        dial: Box<DialReport>,
    },
    /// The server's certificate was refused, and nothing was sent over that connection; [`EngineEvent::Ended`] follows. The
    /// client retries as after any failure, and reports this each time.
    CertificateRefused {
        /// Why it was refused.
        problem: CertificateError,
        /// The certificates in DER, the server's own first, as sent: neither their order nor their relation is checked.
        chain: Arc<[Vec<u8>]>,
        /// SHA-256 of the public key (SubjectPublicKeyInfo) of the first, by which the key is trusted (rule T13).
        spki_sha256: KeyHash,
        /// Whether the user may trust the key. Not after a revocation, not if another key is demanded, and not if an authority
        /// has once issued the certificate of a proven login of this account.
        may_be_trusted: bool,
    },
    /// A message for the app. It is kept until the app confirms it.
    Message {
        /// The stanza and its delivery id.
        delivery: Delivery,
    },
    /// A copy of a message that another client of this account sent or received (XEP-0280). A message that another
    /// client sent while this client was offline is reported in the same way, from the archive. Kept until confirmed.
    Carbon {
        /// The copied message and its delivery id.
        delivery: Delivery,
        /// The direction of the message, and when it was sent.
        carbon: Carbon,
    },
    /// Presence for the app. It is kept until the app confirms it.
    Presence {
        /// The stanza and its delivery id.
        delivery: Delivery,
    },
    /// A stanza of the app reached another stage.
    Stage {
        /// The stanza's id.
        id: String,
        /// The stage that it reached.
        stage: Stage,
    },
    /// The features of the server, as namespaces (XEP-0030).
    ServerFeatures(Vec<String>),
    /// The stored roster changed.
    RosterChanged,
    /// The server publishes push notifications for this session, as it was asked to (XEP-0357). Told in each new session.
    PushEnabled,
    /// The server has refused to publish push notifications for this session, with this error: `service-unavailable` where it does
    /// not support them. Each new session asks again.
    PushRefused(StanzaError),
    /// The block list was changed, by any client of the account (XEP-0191). The server reports it to sessions that have asked for
    /// the list.
    BlockListChanged(BlockListChange),
    /// An inbound stanza exceeded a limit, or its sender's XML was faulty, and it was skipped.
    StanzaRefused(RefusedStanza),
    /// Inbound messages may be missing. The server discarded the session, or leaves pending messages to the archive as
    /// Bind 2 servers do (XEP-0386), and the archive (XEP-0313) did not help: there is none, it is not known up to
    /// which message this client has received it, the query failed, or it holds too many messages. It is reported again
    /// after a restart, unless the app had requested another event after it.
    PossibleGap,
    /// The client has caught up: everything that the server held when this connection began is among the earlier events, or lies
    /// in a gap that was reported (rule I21). Once for each connection. Messages that arrive later are live.
    CaughtUp,
    /// The server broke a rule and the connection continues, or something failed often enough that the client gives it up for
    /// a while (a step of the escalation policy, rule W1).
    PeerFault(&'static str),
}

impl EngineEvent {
    /// Returns the stanza that this event delivers. Carbons and presence are stored like messages. Each delivery is
    /// repeated after a restart until it is confirmed (`Client::confirm`).
    pub fn delivery(&self) -> Option<&Delivery> {
        match self {
            Self::Message { delivery }
            | Self::Carbon { delivery, .. }
            | Self::Presence { delivery } => Some(delivery),
            _ => None,
        }
    }
}

/// Why a connection or a connection attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum EndReason {
    /// This client closed the connection.
    Closed,
    /// The connection was dropped to begin another, or before the process is suspended.
    Dropped,
    /// No transport to the server could be opened.
    Dial(DialError),
    /// The stream or TLS failed.
    Link(LinkError),
    /// The store did not do what the connection needs: another process owns it, the phone is locked, or the device is
    /// full.
    Store(StoreError),
    /// The driver failed: a fault of this library, and not a panic of the app (rule T10).
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

/// Why no transport to the server could be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialError {
    /// The name could not be resolved.
    Resolve(ResolveError),
    /// No address accepted a connection; the kinds of failure, in order.
    Connect(Vec<io::ErrorKind>),
    /// The proxy opened no way to the server; the first failure.
    Proxy(ProxyError),
    /// No address responded in time.
    TimedOut,
}

impl DialError {
    /// Returns the error of a dial whose transports have failed for these reasons.
    pub(super) fn of(failures: impl Iterator<Item = ConnectFailure>) -> Self {
        let mut kinds = Vec::new();
        for failure in failures {
            match failure {
                ConnectFailure::Proxy(error) => return Self::Proxy(error),
                ConnectFailure::Network(kind) => kinds.push(kind),
            }
        }
        Self::Connect(kinds)
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => error.fmt(f),
            Self::Connect(kinds) => match kinds.first() {
                Some(kind) => write!(f, "no address could be connected to: {kind}"),
                None => f.write_str("there is no address to connect to"),
            },
            Self::Proxy(error) => error.fmt(f),
            Self::TimedOut => f.write_str("no address answered in time"),
        }
    }
}

impl std::error::Error for DialError {}

variants!(EngineEvent {
    State,
    Online,
    Ended,
    CertificateRefused,
    Message,
    Carbon,
    Presence,
    Stage,
    ServerFeatures,
    RosterChanged,
    PushEnabled,
    PushRefused,
    BlockListChanged,
    StanzaRefused,
    PossibleGap,
    CaughtUp,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_words() {
        let refused = || io::ErrorKind::ConnectionRefused;
        let said = [
            (EndReason::Closed, "closed"),
            (EndReason::Dropped, "dropped"),
            (EndReason::Driver, "internal error"),
            (
                EndReason::Dial(DialError::Connect(vec![refused()])),
                "no address could be connected to: connection refused",
            ),
            (
                EndReason::Dial(DialError::Connect(Vec::new())),
                "there is no address to connect to",
            ),
            (
                EndReason::Dial(DialError::TimedOut),
                "no address answered in time",
            ),
        ];
        for (reason, words) in said {
            assert_eq!(reason.to_string(), words);
        }
    }
}
