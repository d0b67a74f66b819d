//! The events that are reported to the app.

use snapback_client as core;
pub use snapback_client::CarbonDirection;
use snapback_client::proto::xml::RefusedStanza;

use crate::block_list::BlockListChange;
use crate::chat::MessageContent;
use crate::convert::Clock;
use crate::dial::DialReport;
use crate::ending::Ending;
use crate::refused_certificate::RefusedCertificate;
use crate::stanza::Stanza;
use crate::state::{ConnectionState, SessionOutcome};
use crate::timeline::Timeline;

/// An event. An event with a `delivery_id` is stored and is reported again after a restart, until it is confirmed.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Event {
    /// The connection's state changed.
    StateChanged {
        /// The new state.
        state: ConnectionState,
    },
    /// A session was established.
    Online {
        /// Whether it is a new session or the resumed one.
        outcome: SessionOutcome,
        /// The full JID of this client.
        jid: String,
        /// The plan of the connection, as a sentence.
        plan: String,
        /// What each flight carried, and how long it took.
        timeline: Timeline,
        /// How the server was found and reached.
        dial: DialReport,
    },
    /// A connection or a connection attempt ended.
    ConnectionEnded {
        /// How it ended.
        ending: Ending,
    },
    /// The server's certificate was refused, and nothing was sent over that connection. Follows each attempt that ends so.
    CertificateRefused {
        /// The certificate, and why it was refused.
        refused: RefusedCertificate,
    },
    /// A message for the app.
    Message {
        /// The id with which to confirm the delivery.
        delivery_id: String,
        /// The message.
        stanza: Stanza,
        /// What it contains.
        content: MessageContent,
        /// Set if this may be a duplicate: the sender used the same stanza id before, with another payload. Contains
        /// the id of the earlier delivery, or the id of a stanza that this device sent.
        possible_duplicate_of: Option<String>,
    },
    /// A copy of a message that another client of this account sent or received (XEP-0280).
    Carbon {
        /// The id with which to confirm the delivery.
        delivery_id: String,
        /// The direction of the message.
        direction: CarbonDirection,
        /// The copied message.
        stanza: Stanza,
        /// What it contains.
        content: MessageContent,
        /// Set if this may be a duplicate, as in [`Event::Message`].
        possible_duplicate_of: Option<String>,
    },
    /// Presence for the app.
    Presence {
        /// The id with which to confirm the delivery.
        delivery_id: String,
        /// The presence.
        stanza: Stanza,
    },
    /// A stanza of the app reached another stage.
    StanzaStage {
        /// The stanza's id.
        id: String,
        /// The stage that it reached.
        stage: Stage,
    },
    /// The features of the server (XEP-0030).
    ServerFeatures {
        /// The namespaces of the features.
        features: Vec<String>,
    },
    /// The stored roster changed.
    RosterChanged,
    /// The server publishes push notifications for this session, as it was asked to (XEP-0357). Told in each new session.
    PushEnabled,
    /// The server has refused to publish push notifications for this session. Each new session asks again.
    PushRefused {
        /// The defined condition: `service-unavailable` where the server does not support push notifications.
        condition: String,
        /// The server's own text: not safe to log.
        text: Option<String>,
    },
    /// The block list was changed, by any client of the account (XEP-0191).
    BlockListChanged {
        /// What changed.
        change: BlockListChange,
    },
    /// An inbound stanza exceeded a limit, or its sender's XML was faulty, and it was skipped.
    StanzaRefused {
        /// The first reason: the limit that was exceeded, or the fault.
        limit: String,
        /// The size of the whole stanza, in bytes.
        bytes: u64,
    },
    /// Inbound messages may be missing; the archive (XEP-0313), if there is one, has them.
    PossibleGap,
    /// Everything that the server held when the connection began is among the earlier events, or lies in a reported gap. Once for
    /// each connection.
    CaughtUp,
    /// The server broke a rule and the connection continues, or something failed often enough that the client gives it up for
    /// a while (rule W1).
    PeerFault {
        /// What the server did, safe to log.
        what: String,
    },
    /// An internal fault of this library has ended the driver. The app closes the client and opens another one.
    InternalFault,
}

/// The direction of a copied message.
#[uniffi::remote(Enum)]
pub enum CarbonDirection {
    /// Another client of this account received it.
    Received,
    /// Another client of this account sent it.
    Sent,
}

/// The stage of an outbound stanza.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Stage {
    /// The stanza is stored and will be sent.
    Queued,
    /// The stanza may have been sent.
    Sent,
    /// The server has acknowledged the stanza.
    Acked,
    /// The stanza will not be sent (again).
    Failed {
        /// The reason.
        reason: FailureReason,
    },
}

/// Why a stanza failed.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum FailureReason {
    /// The session of the stanza was lost.
    SessionLost,
    /// A chat state alone is sent at once or never, and there was no session, or the connection broke.
    NotOnline,
    /// The server ended the stream each time the stanza was sent.
    StreamEnded {
        /// The defined condition, such as `policy-violation`.
        condition: String,
    },
    /// The stanza is larger than the server accepts (XEP-0478), which was not known when it was queued.
    TooBig {
        /// The size, in bytes of XML.
        size: u64,
        /// The maximum size, in bytes.
        limit: u64,
    },
    /// The stanza was returned as an error (RFC 6120 section 8.3): by the own server, the recipient's server, or the
    /// recipient. It may have been acknowledged before, since an acknowledgement only means that the own server
    /// received it.
    Refused {
        /// `auth`, `cancel`, `continue`, `modify` or `wait`.
        kind: String,
        /// The defined condition, such as `item-not-found`.
        condition: String,
        /// The server's own text: not safe to log.
        text: Option<String>,
        /// `<error/>` as XML, with the application-specific conditions and their data (RFC 6120 section 8.3.4).
        xml: String,
    },
}

impl Event {
    pub(crate) fn new(event: core::Event, clock: Clock, account: &core::BareJid) -> Self {
        match event {
            core::Event::State(state) => Self::StateChanged {
                state: ConnectionState::new(state, clock),
            },
            core::Event::Online {
                outcome,
                jid,
                plan,
                timeline,
                dial,
            } => Self::Online {
                outcome,
                jid,
                plan: plan.to_string(),
                timeline: timeline.into(),
                dial: (*dial).into(),
            },
            core::Event::Ended {
                reason: core::EndReason::Driver,
                plan: None,
                ..
            } => Self::InternalFault,
            core::Event::Ended {
                reason,
                then,
                plan,
                timeline,
                dial,
            } => Self::ConnectionEnded {
                ending: Ending::new(reason, then, plan.as_ref()).with_course(timeline, *dial),
            },
            core::Event::CertificateRefused {
                problem,
                chain,
                spki_sha256,
                may_be_trusted,
            } => Self::CertificateRefused {
                refused: RefusedCertificate::new(problem, &chain, spki_sha256, may_be_trusted),
            },
            core::Event::Message { delivery } => Self::message(delivery, account),
            core::Event::Carbon { delivery, carbon } => {
                Self::carbon(delivery, carbon.direction, account)
            }
            core::Event::Presence { delivery } => Self::presence(delivery),
            core::Event::Stage { id, stage } => Self::StanzaStage {
                id,
                stage: stage.into(),
            },
            core::Event::ServerFeatures(features) => Self::ServerFeatures { features },
            core::Event::RosterChanged => Self::RosterChanged,
            core::Event::PushEnabled => Self::PushEnabled,
            core::Event::PushRefused(error) => Self::push_refused(error),
            core::Event::BlockListChanged(change) => Self::block_list_changed(change),
            core::Event::StanzaRefused(refused) => Self::refused(&refused),
            core::Event::PossibleGap => Self::PossibleGap,
            core::Event::CaughtUp => Self::CaughtUp,
            core::Event::PeerFault(what) => Self::PeerFault {
                what: what.to_owned(),
            },
        }
    }

    fn block_list_changed(change: core::BlockListChange) -> Self {
        Self::BlockListChanged {
            change: change.into(),
        }
    }

    fn push_refused(error: core::proto::stanza::StanzaError) -> Self {
        Self::PushRefused {
            condition: error.condition.to_string(),
            text: error.text.map(Into::into),
        }
    }

    fn refused(refused: &RefusedStanza) -> Self {
        Self::StanzaRefused {
            limit: refused.reason.to_string(),
            bytes: refused.bytes as u64,
        }
    }

    fn message(delivery: core::Delivery, account: &core::BareJid) -> Self {
        Self::Message {
            content: MessageContent::read(&delivery.stanza, account),
            stanza: Stanza::from(&*delivery.stanza),
            delivery_id: delivery.id,
            possible_duplicate_of: delivery.possible_duplicate_of,
        }
    }

    fn carbon(
        delivery: core::Delivery,
        direction: CarbonDirection,
        account: &core::BareJid,
    ) -> Self {
        Self::Carbon {
            direction,
            content: MessageContent::read(&delivery.stanza, account),
            stanza: Stanza::from(&*delivery.stanza),
            delivery_id: delivery.id,
            possible_duplicate_of: delivery.possible_duplicate_of,
        }
    }

    fn presence(delivery: core::Delivery) -> Self {
        Self::Presence {
            stanza: Stanza::from(&*delivery.stanza),
            delivery_id: delivery.id,
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
            core::Failure::NotOnline => Self::NotOnline,
            core::Failure::StreamEnded(condition) => Self::StreamEnded {
                condition: condition.name().to_owned(),
            },
            core::Failure::TooBig { size, limit } => Self::TooBig {
                size: size as u64,
                limit: limit as u64,
            },
            core::Failure::Refused(error) => Self::Refused {
                xml: error.to_element().to_xml(),
                kind: error.kind.name().to_owned(),
                condition: error.condition.to_string(),
                text: error.text.map(Into::into),
            },
        }
    }
}
