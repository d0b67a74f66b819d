//! What each round trip was spent on.

use snapback_client as core;
use snapback_client::proto::time::Instant;

use crate::convert::millis;

/// How a connection established its session.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Timeline {
    /// The flights in order, one for each round trip.
    pub flights: Vec<Flight>,
    /// The steps that took time on this device.
    pub local: Vec<LocalStep>,
    /// The result of the TLS negotiation.
    pub tls: Option<TlsSummary>,
    /// Whether the TCP handshake carried the first flight (TCP Fast Open, RFC 7413).
    pub fast_open: bool,
    /// The time from the first packet to the session, in milliseconds.
    pub took_ms: Option<u64>,
    /// Bytes written until the session was established.
    pub bytes_sent: u64,
    /// Bytes read until the session was established.
    pub bytes_received: u64,
}

/// What was sent before a wait, and what came back.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Flight {
    /// The names of the messages that were sent.
    pub sent: Vec<String>,
    /// The names of the messages that came back.
    pub received: Vec<String>,
    /// When the flight was sent, in milliseconds from the beginning.
    pub started_ms: u64,
    /// How long the response took, in milliseconds, if there was one.
    pub took_ms: Option<u64>,
}

/// A step that took time on this device.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct LocalStep {
    /// The name of the step.
    pub name: String,
    /// When it began, in milliseconds from the beginning.
    pub started_ms: u64,
    /// How long it took, in milliseconds, if it ended.
    pub took_ms: Option<u64>,
}

/// The result of the TLS negotiation.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct TlsSummary {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: String,
    /// The name of the cipher suite.
    pub cipher_suite: String,
    /// The name of the key exchange group; missing in a resumed session of TLS 1.2.
    pub key_exchange: Option<String>,
    /// Whether a ticket replaced the certificate.
    pub resumed: bool,
    /// Whether the server accepted early data.
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
                key_exchange: tls.key_exchange.map(str::to_owned),
                resumed: tls.resumed,
                early_data: tls.early_data,
            }),
            fast_open: timeline.fast_open,
            bytes_sent: timeline.bytes_sent,
            bytes_received: timeline.bytes_received,
        }
    }
}

fn since(when: Instant, start: Instant) -> u64 {
    millis(when.since(start))
}
