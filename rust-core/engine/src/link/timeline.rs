//! What each round trip was spent on.
//!
//! A flight is a write of this client followed by a wait for bytes that it caused. The transport's handshake counts as
//! one flight. Tickets and acknowledgements of the transport are not flights, nor is a TLS 1.3 Finished that is sent
//! alone, since nothing waits for it. Counting stops when the session is established.

use std::time::Duration;

use snapback_proto::escalation::EscalationStep;
use snapback_proto::protocol_message::ProtocolMessage;
use snapback_proto::time::Instant;
use snapback_tls::{EarlyData, Established, TlsVersion};

/// One flight of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlightReport {
    /// What was sent.
    pub sent: Vec<ProtocolMessage>,
    /// What came back.
    pub received: Vec<ProtocolMessage>,
    /// When the first byte left.
    pub started: Instant,
    /// When the last part of the response was parsed, if there was one.
    pub answered: Option<Instant>,
}

/// A step that took time on this device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalStep {
    /// The step.
    pub part: ProtocolMessage,
    /// When it began.
    pub started: Instant,
    /// How long it took, once it is done.
    pub took: Option<Duration>,
}

/// How a connection established its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// When the connection began.
    pub started: Instant,
    /// When the session was established.
    pub online: Option<Instant>,
    /// The flights, in order.
    pub flights: Vec<FlightReport>,
    /// The steps that took time on this device.
    pub local: Vec<LocalStep>,
    /// The steps of the escalation policy that failures of this connection have brought about (rule W1). These are recorded
    /// to its end.
    pub escalated: Vec<&'static EscalationStep>,
    /// TLS: protocol version, cipher suite, and whether a ticket was used.
    pub tls: Option<TlsSummary>,
    /// Whether the TCP handshake carried the first flight (TCP Fast Open, RFC 7413).
    pub fast_open: bool,
    /// Bytes written until the session was established.
    pub bytes_sent: u64,
    /// Bytes read until the session was established.
    pub bytes_received: u64,
}

/// The result of the TLS negotiation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSummary {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// The name of the cipher suite.
    pub cipher_suite: &'static str,
    /// The name of the key exchange group, such as `X25519`; `None` in a resumed session of TLS 1.2.
    pub key_exchange: Option<&'static str>,
    /// Whether a ticket replaced the certificate.
    pub resumed: bool,
    /// Whether the server accepted early data.
    pub early_data: bool,
}

impl FlightReport {
    /// Returns how long the response took.
    pub fn took(&self) -> Option<Duration> {
        self.answered.map(|answered| answered.since(self.started))
    }
}

impl Timeline {
    pub(super) fn new(now: Instant, fast_open: bool) -> Self {
        let mut timeline = Self {
            started: now,
            online: None,
            flights: Vec::new(),
            local: Vec::new(),
            escalated: Vec::new(),
            tls: None,
            fast_open,
            bytes_sent: 0,
            bytes_received: 0,
        };
        timeline.begin(&[ProtocolMessage::TcpHandshake], now);
        timeline
    }

    /// Returns the messages in the answer to a flight. Work on this device has no answer, and is left out.
    pub fn answers<'a>(
        &'a self,
        flight: &'a FlightReport,
    ) -> impl Iterator<Item = &'a ProtocolMessage> {
        let is_local = |part: &ProtocolMessage| self.local.iter().any(|step| step.part == *part);
        flight.received.iter().filter(move |part| !is_local(part))
    }

    /// Returns the number of flights.
    pub fn round_trips(&self) -> usize {
        self.flights.len()
    }

    /// Returns the time from the first packet to the session.
    pub fn took(&self) -> Option<Duration> {
        self.online.map(|online| online.since(self.started))
    }

    pub(super) fn sent(
        &mut self,
        parts: &[ProtocolMessage],
        bytes: usize,
        established: bool,
        now: Instant,
    ) {
        if self.online.is_some() {
            return;
        }
        self.bytes_sent = self.bytes_sent.saturating_add(bytes as u64);
        if parts == [ProtocolMessage::Finished] && established {
            return;
        }
        // Handshake bytes that belong to no part, before the handshake is complete: TLS 1.2's key exchange.
        let unnamed = [ProtocolMessage::Finished];
        let parts = if parts.is_empty() && !established {
            &unnamed[..]
        } else {
            parts
        };
        match self.flights.last_mut() {
            Some(flight) if flight.received.is_empty() => flight.sent.extend_from_slice(parts),
            _ => self.begin(parts, now),
        }
    }

    pub(super) fn received(&mut self, part: ProtocolMessage, now: Instant) {
        if self.online.is_some() {
            return;
        }
        if let Some(flight) = self.flights.last_mut() {
            flight.received.push(part);
            flight.answered = Some(now);
        }
    }

    pub(super) fn tls_established(&mut self, established: &Established, now: Instant) {
        if established.resumed || !self.has_received(&ProtocolMessage::ServerHello) {
            self.received(ProtocolMessage::ServerHello, now);
        }
        self.tls = Some(TlsSummary {
            version: match established.version {
                TlsVersion::Tls12 => "TLS 1.2",
                TlsVersion::Tls13 => "TLS 1.3",
            },
            cipher_suite: established.cipher_suite,
            key_exchange: established.key_exchange,
            resumed: established.resumed,
            early_data: established.early_data == EarlyData::Accepted,
        });
        if established.version == TlsVersion::Tls12 && !established.resumed {
            self.received(ProtocolMessage::Finished, now);
        }
    }

    pub(super) fn local_started(&mut self, part: ProtocolMessage, now: Instant) {
        self.local.push(LocalStep {
            part,
            started: now,
            took: None,
        });
    }

    pub(super) fn local_done(&mut self, part: ProtocolMessage, now: Instant) {
        let step = self.local.iter_mut().rev().find(|step| step.part == part);
        if let Some(step) = step {
            step.took = Some(now.since(step.started));
        }
    }

    pub(super) fn online(&mut self, now: Instant) {
        self.online = Some(now);
    }

    pub(super) fn count_received(&mut self, bytes: usize) {
        if self.online.is_none() {
            self.bytes_received = self.bytes_received.saturating_add(bytes as u64);
        }
    }

    fn begin(&mut self, parts: &[ProtocolMessage], now: Instant) {
        self.flights.push(FlightReport {
            sent: parts.to_vec(),
            received: Vec::new(),
            started: now,
            answered: None,
        });
    }

    fn has_received(&self, part: &ProtocolMessage) -> bool {
        self.flights
            .iter()
            .any(|flight| flight.received.contains(part))
    }
}
