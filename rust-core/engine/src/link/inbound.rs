//! The inbound half of a link: bytes and results that belong to TLS or to the stream.

use snapback_proto::connection::{Input, TlsFacts};
use snapback_proto::protocol_message::ProtocolMessage;
use snapback_proto::sasl::ChannelBindings;
use snapback_proto::time::Now;
use snapback_tls::{CertificateError, EarlyData, Established, TlsError, TlsEvent, TlsVersion};
use zeroize::Zeroizing;

use super::state::{End, Inbound};
use super::tls::{Session, Tls};
use super::wire::Item;
use super::{Acceptance, Link, LinkOutput};

impl<T: Tls> Link<T> {
    pub(super) fn received(&mut self, bytes: &[u8], now: Now) {
        self.timeline.count_received(bytes.len());
        match self.inbound {
            Inbound::Tls => self.tls_input(|session| session.read(bytes), now),
            Inbound::Plain => self.tell(Input::Received(bytes), now),
        }
    }

    /// Handles the boundary at `<proceed/>`: what comes after it, and what has come with it, belongs to TLS (rule S1).
    pub(super) fn tls_follows(&mut self, unread: &[u8], now: Now) {
        self.inbound = Inbound::Tls;
        if !unread.is_empty() {
            self.tls_input(|session| session.read(unread), now);
        }
    }

    pub(super) fn certificate_verified(
        &mut self,
        verdict: Result<Acceptance, CertificateError>,
        now: Now,
    ) {
        self.timeline
            .local_done(ProtocolMessage::CertificateCheck, now.mono);
        self.accepted.by = verdict.ok();
        let verdict = verdict.map(drop);
        self.tls_input(|session| session.certificate_verified(verdict), now);
    }

    fn tls_input(&mut self, act: impl FnOnce(&mut T::Session) -> Result<(), TlsError>, now: Now) {
        let Some(session) = self.session.as_mut() else {
            return;
        };
        let result = act(session);
        while let Some(event) = self.session.as_mut().and_then(Session::poll_event) {
            self.tls_event(event, now);
        }
        if let Err(error) = result {
            self.tls_failed(error, now);
        }
    }

    fn tls_event(&mut self, event: TlsEvent, now: Now) {
        match event {
            TlsEvent::VerifyCertificate(request) => {
                self.timeline
                    .received(ProtocolMessage::ServerHello, now.mono);
                self.timeline
                    .local_started(ProtocolMessage::CertificateCheck, now.mono);
                self.outputs
                    .push_back(LinkOutput::VerifyCertificate(request));
            }
            TlsEvent::Established(established) => self.tls_established(established, now),
            // The bytes may contain a token (rule T9).
            TlsEvent::Plaintext(bytes) => {
                self.tell(Input::Received(&Zeroizing::new(bytes)), now);
            }
            TlsEvent::CloseNotify => self.tell(Input::TlsClosed, now),
        }
    }

    fn tls_established(&mut self, established: Established, now: Now) {
        self.timeline.tls_established(&established, now.mono);
        let early_rest = self.outbound.established();
        // A full TLS 1.2 handshake ends with the server's Finished; the client's was sent long before.
        if established.version == TlsVersion::Tls13 || established.resumed {
            self.wire.push(Item::Finished);
        }
        if established.early_data == EarlyData::Accepted && !early_rest.is_empty() {
            // Accepted are the bytes that fitted; the server waits for the rest of the element.
            self.wire.push(Item::Bytes {
                after: None,
                bytes: early_rest,
                parts: Vec::new(),
            });
        }
        self.accepted.key = Some(established.spki_sha256);
        let facts = self.facts(established);
        self.tell(Input::TlsEstablished(facts), now);
    }

    fn facts(&self, established: Established) -> TlsFacts {
        let ticket = self.session.as_ref().and_then(Session::ticket);
        TlsFacts {
            version: established.version,
            bindings: ChannelBindings {
                tls_exporter: established.tls_exporter.map(Vec::from),
                tls_server_end_point: established.tls_server_end_point,
            },
            key: established.spki_sha256,
            by_authority: self.accepted.by == Some(Acceptance::Authority) && !established.resumed,
            resumes_proven: established.resumed
                && ticket.is_some_and(|ticket| ticket.origin.login_proven),
            early_data: established.early_data,
        }
    }

    /// Records that TLS failed, and tells the connection, whose end follows. The first error counts.
    pub(super) fn tls_failed(&mut self, error: TlsError, now: Now) {
        if let End::None = self.end {
            let input = match error {
                TlsError::CertificateInvalid(_) | TlsError::VerifierUnavailable => {
                    Input::CertificateRefused
                }
                _ => Input::TransportClosed,
            };
            self.end = End::Tls(error);
            self.tell(input, now);
        }
    }
}
