//! What happens, as one JSON object a line on standard output.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use snapback_client::proto::ns;
use snapback_client::{
    AttemptPhase, ConnectionState, Element, EndReason, Event, Failure, LinkError, OfflineReason,
    Plan, Stage, Timeline, fingerprint,
};

use super::clock;
use crate::flights::{self, Bar};

/// One line.
#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(serialize_with = "flights::milliseconds")]
    at_ms: Duration,
    #[serde(flatten)]
    happening: &'a Happening,
}

/// What happened. The names are those of the `event` field.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Happening {
    /// An attempt is in progress.
    Connecting {
        step: &'static str,
    },
    /// There is a session.
    Online(Box<Online>),
    /// There is no connection.
    Offline {
        reason: &'static str,
    },
    /// A connection, or an attempt at one, ended.
    Ended {
        error: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        rule: Option<&'static str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        plan: Option<String>,
        /// The steps of the escalation policy that it has brought about.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        steps: Vec<&'static str>,
    },
    /// A message, presence, or a copy of another client's message came in.
    Stanza {
        kind: &'static str,
        delivery: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// A line of input was accepted, and its message is stored under this id.
    Queued {
        id: String,
        line: u64,
    },
    /// Its bytes may have been sent.
    Sent {
        id: String,
    },
    /// The server has acknowledged it.
    Acked {
        id: String,
    },
    /// It will not be sent (again).
    Failed {
        id: String,
        error: String,
    },
    /// A line of input was refused.
    Error {
        line: u64,
        error: String,
    },
    /// The certificate was refused; the key as people compare it.
    Certificate {
        error: String,
        key: String,
    },
    /// The stored roster changed.
    Roster,
    /// The server announced its features.
    Features {
        features: Vec<String>,
    },
    /// An inbound stanza exceeded a limit and was skipped.
    Refused {
        bytes: usize,
    },
    /// The server has dropped the session: what it had not delivered may be missing.
    Gap,
    CaughtUp,
    /// The server violated the protocol in a way that could be tolerated.
    Fault {
        what: &'static str,
    },
}

/// A session, and how it was established.
#[derive(Debug, Serialize)]
pub(super) struct Online {
    outcome: &'static str,
    jid: String,
    plan: String,
    /// Round trips, including the TCP handshake.
    flights: usize,
    #[serde(serialize_with = "flights::milliseconds")]
    ms: Duration,
    bytes_sent: u64,
    bytes_received: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls>,
    waterfall: Vec<Bar>,
}

#[derive(Debug, Serialize)]
struct Tls {
    version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_exchange: Option<&'static str>,
    resumed: bool,
    early_data: bool,
}

/// Writes the line with the current time, and flushes it.
pub(super) fn write(out: &mut impl Write, happening: &Happening) -> io::Result<()> {
    let line = Line {
        at_ms: clock::now(),
        happening,
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")?;
    out.flush()
}

impl Happening {
    /// Returns `None` if the event adds nothing to another line.
    pub(super) fn from_event(event: &Event) -> Option<Self> {
        Some(match event {
            Event::State(ConnectionState::Connecting { step }) => Self::Connecting {
                step: step_name(*step),
            },
            Event::State(ConnectionState::Offline { reason, .. }) => Self::Offline {
                reason: reason_name(*reason),
            },
            // The event of that name follows, and has more details.
            Event::State(ConnectionState::Online { .. }) => return None,
            Event::Online {
                outcome,
                jid,
                plan,
                timeline,
                ..
            } => Self::Online(Box::new(Online::new(
                flights::outcome(*outcome),
                jid,
                plan.to_string(),
                timeline,
            ))),
            Event::Ended {
                reason,
                plan,
                timeline,
                ..
            } => Self::ended(reason, plan.as_ref(), timeline.as_deref()),
            Event::CertificateRefused {
                problem,
                spki_sha256,
                ..
            } => Self::Certificate {
                error: problem.to_string(),
                key: fingerprint(spki_sha256),
            },
            Event::Message { delivery } => Self::stanza("message", &delivery.id, &delivery.stanza),
            Event::Carbon { delivery, .. } => {
                Self::stanza("carbon", &delivery.id, &delivery.stanza)
            }
            Event::Presence { delivery } => {
                Self::stanza("presence", &delivery.id, &delivery.stanza)
            }
            Event::Stage { id, stage } => return Self::stage(id.clone(), stage),
            Event::ServerFeatures(features) => Self::Features {
                features: features.clone(),
            },
            Event::RosterChanged => Self::Roster,
            // Only reported to a client that has asked for it.
            Event::PushEnabled | Event::PushRefused(_) | Event::BlockListChanged(_) => return None,
            Event::StanzaRefused(refused) => Self::Refused {
                bytes: refused.bytes,
            },
            Event::PossibleGap => Self::Gap,
            Event::CaughtUp => Self::CaughtUp,
            Event::PeerFault(what) => Self::Fault { what },
        })
    }

    fn ended(reason: &EndReason, plan: Option<&Plan>, timeline: Option<&Timeline>) -> Self {
        Self::Ended {
            error: reason.to_string(),
            rule: rule(reason),
            plan: plan.map(ToString::to_string),
            steps: timeline.map(flights::steps).unwrap_or_default(),
        }
    }

    fn stanza(kind: &'static str, delivery: &str, stanza: &Element) -> Self {
        Self::Stanza {
            kind,
            delivery: delivery.to_owned(),
            id: stanza.attr("id").map(str::to_owned),
            from: stanza.attr("from").map(str::to_owned),
            body: stanza.child("body", ns::CLIENT).map(Element::text),
        }
    }

    fn stage(id: String, stage: &Stage) -> Option<Self> {
        Some(match stage {
            // Reported when the line was accepted, with its number.
            Stage::Queued => return None,
            Stage::Sent => Self::Sent { id },
            Stage::Acked => Self::Acked { id },
            Stage::Failed(failure) => {
                let error = match failure {
                    Failure::SessionLost => "the session is gone".to_owned(),
                    Failure::NotOnline => "there is no session".to_owned(),
                    Failure::Refused(error) => error.condition.name().to_owned(),
                    Failure::StreamEnded(condition) => condition.name().to_owned(),
                    Failure::TooBig { size, limit } => {
                        format!("it has {size} bytes, and the server takes {limit}")
                    }
                };
                Self::Failed { id, error }
            }
        })
    }
}

impl Online {
    fn new(outcome: &'static str, jid: &str, plan: String, timeline: &Timeline) -> Self {
        Self {
            outcome,
            jid: jid.to_owned(),
            plan,
            flights: timeline.round_trips(),
            ms: timeline.took().unwrap_or_default(),
            bytes_sent: timeline.bytes_sent,
            bytes_received: timeline.bytes_received,
            tls: timeline.tls.as_ref().map(|tls| Tls {
                version: tls.version,
                key_exchange: tls.key_exchange,
                resumed: tls.resumed,
                early_data: tls.early_data,
            }),
            waterfall: flights::bars(timeline),
        }
    }
}

fn rule(reason: &EndReason) -> Option<&'static str> {
    match reason {
        EndReason::Link(LinkError::Connection(error)) => error.rule(),
        _ => None,
    }
}

fn step_name(step: AttemptPhase) -> &'static str {
    match step {
        AttemptPhase::Resolving => "resolving",
        AttemptPhase::Transport => "transport",
        AttemptPhase::Tls => "tls",
        AttemptPhase::Login => "login",
    }
}

/// Returns the value of the `reason` field of `offline`.
fn reason_name(reason: OfflineReason) -> &'static str {
    match reason {
        OfflineReason::NotWanted => "not wanted",
        OfflineReason::Suspended => "suspended",
        OfflineReason::NoNetwork => "no network",
        OfflineReason::Failed => "failed, will be tried again",
        OfflineReason::NeedsCredentials => "needs credentials",
        OfflineReason::Refused => "refused",
        OfflineReason::Conflict => "conflict",
        OfflineReason::NoSession => "no session",
    }
}
