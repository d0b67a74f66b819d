//! The wait for the server's first bytes on a transport whose handshake was deferred (RFC 7413; rule S13).

use snapback_proto::time::Instant;

use crate::link::LinkInput;
use crate::link::tls::Tls;

use super::Engine;
use super::asked::Attempted;
use super::candidates::FIRST_BYTES_ALLOWANCE;
use super::transport::FirstBytes;

impl<T: Tls + Clone> Engine<T> {
    /// Returns what is awaited on the transport of a new attempt.
    pub(super) fn first_bytes(&self, attempt: Attempted) -> FirstBytes {
        if !attempt.fast_open {
            return FirstBytes::Received;
        }
        let since = self.now.mono;
        let until = since + (self.candidates.response_timeout() + FIRST_BYTES_ALLOWANCE);
        FirstBytes::Awaited { since, until }
    }

    /// Handles bytes of the server.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        self.first_bytes_came();
        self.link_input(LinkInput::Received(bytes));
    }

    /// Handles the end of the transport.
    pub(super) fn transport_closed(&mut self) {
        self.first_bytes_missing();
        self.link_input(LinkInput::TransportClosed);
    }

    /// Returns the deadline for the first bytes.
    pub(super) fn first_bytes_deadline(&self) -> Option<Instant> {
        match self.attempt.as_ref()?.first_bytes {
            FirstBytes::Awaited { until, .. } => Some(until),
            FirstBytes::Received | FirstBytes::Missing => None,
        }
    }

    pub(super) fn first_bytes_came(&mut self) {
        let Some(attempt) = &mut self.attempt else {
            return;
        };
        if let FirstBytes::Awaited { since, .. } = attempt.first_bytes {
            attempt.first_bytes = FirstBytes::Received;
            let after = self.now.mono.since(since);
            if self.candidates.fast_open.answered(after) {
                self.candidates.measured(after);
            }
        }
    }

    /// The transport has ended, or is given up, before the server's first bytes.
    pub(super) fn first_bytes_missing(&mut self) {
        let Some(attempt) = &mut self.attempt else {
            return;
        };
        if let FirstBytes::Awaited { .. } = attempt.first_bytes {
            attempt.first_bytes = FirstBytes::Missing;
            self.candidates.fast_open.failed();
        }
    }

    /// Gives a silent transport up at the deadline: its address may be a dead one, since none was raced against it.
    pub(super) fn first_bytes_due(&mut self) {
        let is_due = |until: Instant| until <= self.now.mono;
        if self.first_bytes_deadline().is_some_and(is_due) {
            self.first_bytes_missing();
            self.link_input(LinkInput::TransportClosed);
        }
    }
}
