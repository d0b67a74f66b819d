//! What the app is told.

use snapback_client as core;
pub use snapback_client::CarbonDirection;

use crate::convert::Clock;
use crate::ending::Ending;
use crate::stanza::Stanza;
use crate::state::{ConnectionState, SessionOutcome};
use crate::timeline::Timeline;

/// Something that happened. What has a `delivery_id` is stored, and comes again after a restart, until it is confirmed.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Event {
    /// The connection's state changed.
    StateChanged {
        /// Where it stands now.
        state: ConnectionState,
    },
    /// The session is there.
    Online {
        /// New, or the interrupted one.
        outcome: SessionOutcome,
        /// Our full JID.
        jid: String,
        /// The plan that led here, as a sentence.
        plan: String,
        /// What each flight carried and how long it took.
        timeline: Timeline,
    },
    /// A connection, or an attempt at one, ended.
    ConnectionEnded {
        /// How.
        ending: Ending,
    },
    /// A message for the app.
    Message {
        /// To confirm it with.
        delivery_id: String,
        /// The message.
        stanza: Stanza,
        /// What it may repeat: its sender gave it the same id, but another payload. The earlier delivery's id, or the id of a
        /// stanza that this device sent.
        possible_duplicate_of: Option<String>,
    },
    /// A copy of a message that another client of this account sent or received (XEP-0280).
    Carbon {
        /// To confirm it with.
        delivery_id: String,
        /// Which way the message went.
        direction: CarbonDirection,
        /// The message that was copied.
        stanza: Stanza,
        /// What it may repeat, as in [`Event::Message`].
        possible_duplicate_of: Option<String>,
    },
    /// Presence for the app.
    Presence {
        /// To confirm it with.
        delivery_id: String,
        /// The presence.
        stanza: Stanza,
    },
    /// A stanza of the app reached another stage.
    StanzaStage {
        /// The stanza's id.
        id: String,
        /// Where it is now.
        stage: Stage,
    },
    /// What the server can do, by the namespaces of its features (XEP-0030).
    ServerFeatures {
        /// The namespaces.
        features: Vec<String>,
    },
    /// The stored roster changed.
    RosterChanged,
    /// An inbound stanza was over a limit, or its XML had a fault of its sender, and it was skipped.
    StanzaRefused {
        /// What it was refused for first: the limit that it broke, or the fault.
        limit: String,
        /// The size of the whole stanza.
        bytes: u64,
    },
    /// Inbound messages may be missing; the archive (XEP-0313) has them.
    PossibleGap,
    /// The server broke a rule in a way that could be survived.
    PeerFault {
        /// What it did, safe to log.
        what: String,
    },
    /// A bug of ours has ended the driver. Close the client and open another one.
    InternalFault,
}

/// Which way a copied message went.
#[uniffi::remote(Enum)]
pub enum CarbonDirection {
    /// Another client of this account received it.
    Received,
    /// Another client of this account sent it.
    Sent,
}

/// The life of an outbound stanza.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Stage {
    /// It is stored and will be sent.
    Queued,
    /// Its bytes may have left.
    Sent,
    /// The server has taken it over.
    Acked,
    /// It will not be sent (again).
    Failed {
        /// Why.
        reason: FailureReason,
    },
}

/// Why a stanza failed.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum FailureReason {
    /// It belonged to a session that is gone.
    SessionLost,
    /// The server ended the stream each time that it was sent.
    StreamEnded {
        /// The defined condition, such as `policy-violation`.
        condition: String,
    },
    /// It has more bytes than the server takes (XEP-0478), which was not known when it was queued.
    TooBig {
        /// How many it has, as XML.
        size: u64,
        /// How many the server takes.
        limit: u64,
    },
    /// It came back as an error (RFC 6120 section 8.3): from our server, the recipient's, or the recipient. It may have been
    /// acknowledged before, since that says only that our server took it.
    Refused {
        /// `auth`, `cancel`, `continue`, `modify` or `wait`.
        kind: String,
        /// The defined condition, such as `item-not-found`.
        condition: String,
        /// The server's own words: not safe to log.
        text: Option<String>,
    },
}

impl Event {
    pub(crate) fn new(event: core::Event, clock: Clock) -> Self {
        match event {
            core::Event::State(state) => Self::StateChanged {
                state: ConnectionState::new(state, clock),
            },
            core::Event::Online {
                outcome,
                jid,
                plan,
                timeline,
            } => Self::Online {
                outcome,
                jid,
                plan: plan.to_string(),
                timeline: timeline.into(),
            },
            core::Event::Ended {
                reason: core::EndReason::Driver,
                plan: None,
                ..
            } => Self::InternalFault,
            core::Event::Ended {
                reason, then, plan, ..
            } => Self::ConnectionEnded {
                ending: Ending::new(reason, then, plan.as_ref()),
            },
            core::Event::Message { delivery } => Self::Message {
                stanza: Stanza::from(&*delivery.stanza),
                delivery_id: delivery.id,
                possible_duplicate_of: delivery.possible_duplicate_of,
            },
            core::Event::Carbon { delivery, carbon } => Self::Carbon {
                direction: carbon.direction,
                stanza: Stanza::from(&carbon.message),
                delivery_id: delivery.id,
                possible_duplicate_of: delivery.possible_duplicate_of,
            },
            core::Event::Presence { delivery } => Self::Presence {
                stanza: Stanza::from(&*delivery.stanza),
                delivery_id: delivery.id,
            },
            core::Event::Stage { id, stage } => Self::StanzaStage {
                id,
                stage: stage.into(),
            },
            core::Event::ServerFeatures(features) => Self::ServerFeatures { features },
            core::Event::RosterChanged => Self::RosterChanged,
            core::Event::StanzaRefused(refused) => Self::StanzaRefused {
                limit: refused.reason.to_string(),
                bytes: refused.bytes as u64,
            },
            core::Event::PossibleGap => Self::PossibleGap,
            core::Event::PeerFault(what) => Self::PeerFault {
                what: what.to_owned(),
            },
        }
    }
}

impl From<core::Stage> for Stage {
    fn from(stage: core::Stage) -> Self {
        match stage {
            core::Stage::Queued => Self::Queued,
            core::Stage::Sent => Self::Sent,
            core::Stage::Acked => Self::Acked,
            core::Stage::Failed(failure) => Self::Failed {
                reason: failure.into(),
            },
        }
    }
}

impl From<core::Failure> for FailureReason {
    fn from(failure: core::Failure) -> Self {
        match failure {
            core::Failure::SessionLost => Self::SessionLost,
            core::Failure::StreamEnded(condition) => Self::StreamEnded {
                condition: condition.name().to_owned(),
            },
            core::Failure::TooBig { size, limit } => Self::TooBig {
                size: size as u64,
                limit: limit as u64,
            },
            core::Failure::Refused(error) => Self::Refused {
                kind: error.kind.name().to_owned(),
                condition: error.condition.to_string(),
                text: error.text.map(Into::into),
            },
        }
    }
}
