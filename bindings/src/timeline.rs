//! What each round trip was spent on.

use snapback_client as core;
use snapback_client::proto::time::Instant;

use crate::convert::millis;

/// How a connection came to its session.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Timeline {
    /// The flights in order; as many as there were round trips.
    pub flights: Vec<Flight>,
    /// What took time on this device.
    pub local: Vec<LocalStep>,
    /// What TLS agreed on.
    pub tls: Option<TlsSummary>,
    /// From the first packet to the session, in milliseconds.
    pub took_ms: Option<u64>,
    /// Bytes written until then.
    pub bytes_sent: u64,
    /// Bytes read until then.
    pub bytes_received: u64,
}

/// What was sent before waiting, and what came back.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Flight {
    /// The messages that were sent, by name.
    pub sent: Vec<String>,
    /// The messages that came back, by name.
    pub received: Vec<String>,
    /// When it left, in milliseconds from the beginning.
    pub started_ms: u64,
    /// How long the answer took, if there was one.
    pub took_ms: Option<u64>,
}

/// Something that took time on this device.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct LocalStep {
    /// What it was.
    pub name: String,
    /// When it began, in milliseconds from the beginning.
    pub started_ms: u64,
    /// How long it took, if it ended.
    pub took_ms: Option<u64>,
}

/// What the TLS handshake agreed on.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct TlsSummary {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: String,
    /// Name of the cipher suite.
    pub cipher_suite: String,
    /// A ticket replaced the certificate.
    pub resumed: bool,
    /// The server took early data.
    pub early_data: bool,
}

impl From<core::Timeline> for Timeline {
    fn from(timeline: core::Timeline) -> Self {
        let start = timeline.started;
        let took_ms = timeline.took().map(millis);
        let local = timeline.local.into_iter();
        Self {
            took_ms,
            local: local
                .map(|step| LocalStep {
                    name: step.part.to_string(),
                    started_ms: since(step.started, start),
                    took_ms: step.took.map(millis),
                })
                .collect(),
            flights: timeline
                .flights
                .into_iter()
                .map(|flight| Flight {
                    sent: flight.sent.iter().map(ToString::to_string).collect(),
                    received: flight.received.iter().map(ToString::to_string).collect(),
                    started_ms: since(flight.started, start),
                    took_ms: flight.took().map(millis),
                })
                .collect(),
            tls: timeline.tls.map(|tls| TlsSummary {
                version: tls.version.to_owned(),
                cipher_suite: tls.cipher_suite.to_owned(),
                resumed: tls.resumed,
                early_data: tls.early_data,
            }),
            bytes_sent: timeline.bytes_sent,
            bytes_received: timeline.bytes_received,
        }
    }
}

fn since(when: Instant, start: Instant) -> u64 {
    millis(when.since(start))
}
