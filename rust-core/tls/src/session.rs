//! One TLS connection as a state machine: ciphertext in; ciphertext, plaintext and events out.

use std::collections::VecDeque;
use std::fmt;
use std::io::{BufRead, Write};
use std::sync::Arc;

use rustls::client::ClientConnection;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind, ProtocolVersion};

use crate::certificate::PeerIdentity;
use crate::client_hello::offers_ticket;
use crate::context::ALPN_XMPP_CLIENT;
use crate::deferred::capture;
use crate::event::{Established, TlsEvent};
use crate::resumption::ConnectionTickets;
use crate::tickets::TicketInfo;
use crate::{ApiMisuse, CertificateError, EarlyData, TlsError, TlsVersion};

/// The maximum ciphertext buffered while the certificate is being verified. The rest of a handshake and a few tickets
/// are far smaller.
const HELD_INPUT: usize = 64 * 1024;

/// RFC 9266.
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// A TLS client session without I/O.
///
/// After each [`read`](Self::read) or [`certificate_verified`](Self::certificate_verified), call
/// [`poll_event`](Self::poll_event) until it returns `None`, then [`take_output`](Self::take_output). In that order,
/// what is written at `Established` leaves in one flight with the client's Finished.
///
/// An error ends the session: every later call returns it again. `take_output` may still hold an alert for the peer.
pub struct TlsSession {
    connection: ClientConnection,
    tickets: Arc<ConnectionTickets>,
    offered: Option<TicketInfo>,
    /// How many bytes of early data may still be written, if the ClientHello offers it.
    early_data: Option<usize>,
    expected_alpn: Option<&'static [u8]>,
    phase: Phase,
    output: Vec<u8>,
    events: VecDeque<TlsEvent>,
    peer_closed: bool,
}

/// ```text
///   Hello --certificate--> AwaitVerdict --Ok--> Finishing --handshake done--> Established --close--> Closing
///     |                                                                            ^
///     +---- a ticket was accepted, handshake done ---------------------------------+
///   any --error, refused verdict--> Failed
/// ```
#[derive(Debug)]
enum Phase {
    /// The peer has sent no certificate yet. Our bytes so far are public or encrypted under a ticket's key.
    Hello,
    /// The certificate is being verified: nothing is sent, nothing is trusted, input waits here.
    AwaitVerdict { held: Vec<u8> },
    /// The certificate is valid; TLS 1.2 still waits for the server's Finished.
    Finishing,
    /// Data flows.
    Established,
    /// We sent `close_notify`; data still comes in.
    Closing,
    /// Ended.
    Failed(TlsError),
}

impl TlsSession {
    pub(crate) fn start(
        config: Arc<ClientConfig>,
        server_name: ServerName<'static>,
        tickets: Arc<ConnectionTickets>,
        direct: bool,
    ) -> Result<Self, TlsError> {
        let mut connection = ClientConnection::new(config, server_name)?;
        // The caller bounds what it writes; a short write would lose data here.
        connection.set_buffer_limit(None);
        let output = drain_output(&mut connection);
        let offered = tickets.taken().filter(|_| offers_ticket(&output));
        if offered.is_some() {
            tickets.count_offered();
        }
        Ok(Self {
            early_data: early_data_left(&mut connection),
            connection,
            tickets,
            offered,
            expected_alpn: direct.then_some(ALPN_XMPP_CLIENT),
            phase: Phase::Hello,
            output,
            events: VecDeque::new(),
            peer_closed: false,
        })
    }

    /// Returns the ticket that the ClientHello offers.
    #[must_use]
    pub fn ticket(&self) -> Option<&TicketInfo> {
        self.offered.as_ref()
    }

    /// Returns whether the server asked for another ClientHello (RFC 8446 section 4.1.4), which costs a round trip.
    #[must_use]
    pub fn was_retried(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::FullWithHelloRetryRequest)
    }

    /// Returns how many bytes of early data may still be written; 0 if there is none.
    #[must_use]
    pub fn early_data_capacity(&self) -> usize {
        match self.phase {
            Phase::Hello => self.early_data.unwrap_or(0),
            _ => 0,
        }
    }

    /// Writes early data and returns how much of it was taken. Early data can be replayed by anyone who saw it, and may
    /// be rejected: see [`Established::early_data`].
    pub fn write_early(&mut self, plaintext: &[u8]) -> usize {
        let taken = match (&self.phase, self.connection.early_data()) {
            (Phase::Hello, Some(mut early)) => early.write(plaintext).unwrap_or(0),
            _ => 0,
        };
        self.count_early_data();
        taken
    }

    /// Takes bytes from the transport, in pieces of any size.
    ///
    /// # Errors
    /// The error that ended the session.
    pub fn read(&mut self, ciphertext: &[u8]) -> Result<(), TlsError> {
        let mut rest = ciphertext;
        while !rest.is_empty() {
            match &mut self.phase {
                Phase::Failed(error) => return Err(error.clone()),
                Phase::AwaitVerdict { held } => {
                    if held.len() + rest.len() > HELD_INPUT {
                        return Err(self.fail(TlsError::TooMuchBeforeVerdict));
                    }
                    held.extend_from_slice(rest);
                    return Ok(());
                }
                Phase::Hello | Phase::Finishing | Phase::Established | Phase::Closing => {}
            }
            match self.connection.read_tls(&mut rest) {
                Ok(0) => return Ok(()), // after close_notify, what comes is not ours
                Ok(_) => self.process()?,
                Err(_) => return Err(self.fail(TlsError::Oversized)),
            }
        }
        match &self.phase {
            Phase::Failed(error) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// Reports that the transport has ended.
    ///
    /// # Errors
    /// [`TlsError::Truncated`] if the peer had not sent `close_notify`.
    pub fn read_eof(&mut self) -> Result<(), TlsError> {
        match &self.phase {
            Phase::Failed(error) => Err(error.clone()),
            _ if self.peer_closed => Ok(()),
            _ => Err(self.fail(TlsError::Truncated)),
        }
    }

    /// Returns the next event, if any.
    pub fn poll_event(&mut self) -> Option<TlsEvent> {
        self.events.pop_front()
    }

    /// Takes the result of the verification of [`TlsEvent::VerifyCertificate`].
    ///
    /// # Errors
    /// The refusal itself, which ends the session before any byte is sent; or the error in the input that was buffered
    /// meanwhile.
    pub fn certificate_verified(
        &mut self,
        verdict: Result<(), CertificateError>,
    ) -> Result<(), TlsError> {
        let unasked = self
            .events
            .iter()
            .any(|event| matches!(event, TlsEvent::VerifyCertificate(_)));
        let held = match &mut self.phase {
            Phase::Failed(error) => return Err(error.clone()),
            Phase::AwaitVerdict { held } if !unasked => std::mem::take(held),
            _ => return Err(ApiMisuse::VerdictNotAwaited.into()),
        };
        if let Err(refusal) = verdict {
            return Err(self.fail(refusal.into()));
        }
        self.phase = Phase::Finishing;
        self.advance()?;
        self.read(&held)
    }

    /// Encrypts data for the peer.
    ///
    /// # Errors
    /// [`TlsError::ApiMisuse`] before `Established` and after [`close`](Self::close).
    pub fn write(&mut self, plaintext: &[u8]) -> Result<(), TlsError> {
        match &self.phase {
            Phase::Established => {}
            Phase::Failed(error) => return Err(error.clone()),
            Phase::Closing => return Err(ApiMisuse::WriteAfterClose.into()),
            Phase::Hello | Phase::AwaitVerdict { .. } | Phase::Finishing => {
                return Err(ApiMisuse::WriteBeforeEstablished.into());
            }
        }
        match self.connection.writer().write_all(plaintext) {
            Ok(()) => Ok(()),
            Err(_) => Err(self.fail(TlsError::Library)),
        }
    }

    /// Returns the bytes to send. Empty while the verification is pending, whatever else happened.
    pub fn take_output(&mut self) -> Vec<u8> {
        match self.phase {
            Phase::AwaitVerdict { .. } => Vec::new(),
            Phase::Failed(_) => std::mem::take(&mut self.output),
            Phase::Hello | Phase::Finishing | Phase::Established | Phase::Closing => {
                self.collect_output();
                std::mem::take(&mut self.output)
            }
        }
    }

    /// Reports that the server proved itself to a login: tickets of this connection, including those already kept, are
    /// marked with it from now on.
    pub fn login_proven(&mut self) {
        self.tickets.login_proven();
    }

    /// Closes the session: `close_notify` is queued. Before `Established` this ends the session.
    pub fn close(&mut self) {
        match self.phase {
            Phase::Established => {
                self.connection.send_close_notify();
                self.phase = Phase::Closing;
            }
            Phase::Hello | Phase::Finishing => {
                self.connection.send_close_notify();
                self.collect_output();
                self.phase = Phase::Failed(TlsError::Closed);
            }
            Phase::AwaitVerdict { .. } => {
                self.fail(TlsError::Closed);
            }
            Phase::Closing | Phase::Failed(_) => {}
        }
    }

    fn count_early_data(&mut self) {
        if let Some(left) = &mut self.early_data {
            *left = early_data_left(&mut self.connection).unwrap_or(0);
        }
    }

    /// Lets rustls process what it has read.
    fn process(&mut self) -> Result<(), TlsError> {
        let (result, certificate) = capture(|| self.connection.process_new_packets());
        self.count_early_data();
        if let Some(request) = certificate {
            // Before the result is examined: an alert after an unverified certificate must not be sent either.
            match self.phase {
                Phase::Hello => self.phase = Phase::AwaitVerdict { held: Vec::new() },
                _ => return Err(self.fail(TlsError::CertificateUnchecked)),
            }
            if result.is_ok() {
                self.events.push_back(TlsEvent::VerifyCertificate(*request));
            }
        }
        match result {
            Ok(_) => self.advance(),
            Err(error) => Err(self.fail(error.into())),
        }
    }

    /// Changes the state as far as rustls and the verification allow.
    fn advance(&mut self) -> Result<(), TlsError> {
        match self.phase {
            Phase::Hello if !self.connection.is_handshaking() => {
                // Without a certificate only a ticket of ours can have led here.
                let resumed = self.connection.handshake_kind() == Some(HandshakeKind::Resumed);
                if !resumed || self.tickets.taken().is_none() {
                    return Err(self.fail(TlsError::CertificateUnchecked));
                }
                self.establish(true)?;
            }
            Phase::Finishing if !self.connection.is_handshaking() => self.establish(false)?,
            Phase::Hello | Phase::AwaitVerdict { .. } | Phase::Finishing => return Ok(()),
            Phase::Established | Phase::Closing | Phase::Failed(_) => {}
        }
        self.collect_plaintext();
        Ok(())
    }

    fn establish(&mut self, resumed: bool) -> Result<(), TlsError> {
        let established = match self.agreed(resumed) {
            Ok(established) => established,
            Err(error) => return Err(self.fail(error)),
        };
        match (&self.offered, resumed) {
            (Some(_), true) => self.tickets.count_used(),
            (Some(_), false) => self.tickets.count_refused(),
            // TLS 1.2 by session id: unlike a ticket it cannot be distinguished from a random one in the ClientHello.
            (None, true) => {
                self.tickets.count_offered();
                self.tickets.count_used();
            }
            (None, false) => {}
        }
        self.tickets.open(PeerIdentity {
            end_point: established.tls_server_end_point.clone(),
            spki_sha256: established.spki_sha256,
        });
        self.phase = Phase::Established;
        self.events.push_back(TlsEvent::Established(established));
        Ok(())
    }

    fn agreed(&mut self, resumed: bool) -> Result<Established, TlsError> {
        let connection = &self.connection;
        let identity = self.peer_identity(resumed)?;
        let exporter = connection.export_keying_material([0; 32], EXPORTER_LABEL, Some(b""));
        Ok(Established {
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
                _ => TlsVersion::Tls12,
            },
            resumed,
            early_data: match self.early_data {
                None => EarlyData::NotSent,
                Some(_) if connection.is_early_data_accepted() => EarlyData::Accepted,
                Some(_) => EarlyData::Rejected,
            },
            tls_exporter: exporter.ok(),
            tls_server_end_point: identity.end_point,
            spki_sha256: identity.spki_sha256,
            alpn_ok: connection.alpn_protocol() == self.expected_alpn,
            cipher_suite: connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or("unknown"),
            key_exchange: connection
                .negotiated_key_exchange_group()
                .and_then(|group| group.name().as_str()),
        })
    }

    /// Returns the identity from the certificate, which rustls stores with a session, or else from the ticket.
    fn peer_identity(&self, resumed: bool) -> Result<PeerIdentity, TlsError> {
        if let Some(leaf) = self
            .connection
            .peer_certificates()
            .and_then(|chain| chain.first())
        {
            return PeerIdentity::of(leaf);
        }
        match self.tickets.taken() {
            Some(ticket) if resumed => Ok(PeerIdentity {
                end_point: ticket.origin.end_point,
                spki_sha256: ticket.origin.spki_sha256,
            }),
            _ => Err(TlsError::NoCertificate),
        }
    }

    fn collect_plaintext(&mut self) {
        let mut plaintext = Vec::new();
        let mut reader = self.connection.reader();
        // rustls reports a clean end as an empty read; an unclean one is left to `read_eof`.
        let mut ended = false;
        while let Ok(chunk) = reader.fill_buf() {
            let length = chunk.len();
            if length == 0 {
                ended = true;
                break;
            }
            plaintext.extend_from_slice(chunk);
            reader.consume(length);
        }
        if !plaintext.is_empty() {
            self.events.push_back(TlsEvent::Plaintext(plaintext));
        }
        if ended && !self.peer_closed {
            self.peer_closed = true;
            self.events.push_back(TlsEvent::CloseNotify);
        }
    }

    fn collect_output(&mut self) {
        let mut fresh = drain_output(&mut self.connection);
        self.output.append(&mut fresh);
    }

    fn fail(&mut self, error: TlsError) -> TlsError {
        match self.phase {
            // An unverified peer gets nothing, not even an alert; what waits in rustls may be our Finished.
            Phase::AwaitVerdict { .. } => self.output.clear(),
            Phase::Failed(_) => {}
            Phase::Hello | Phase::Finishing | Phase::Established | Phase::Closing => {
                self.collect_output();
            }
        }
        let handshaking = !matches!(self.phase, Phase::Established | Phase::Closing);
        if handshaking && self.offered.is_some() && may_be_the_tickets_fault(&error) {
            self.tickets.forget();
        }
        self.events
            .retain(|event| !matches!(event, TlsEvent::VerifyCertificate(_)));
        self.phase = Phase::Failed(error.clone());
        error
    }
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match &self.phase {
            Phase::Hello => "Hello",
            Phase::AwaitVerdict { .. } => "AwaitVerdict",
            Phase::Finishing => "Finishing",
            Phase::Established => "Established",
            Phase::Closing => "Closing",
            Phase::Failed(_) => "Failed",
        };
        f.debug_struct("TlsSession")
            .field("phase", &phase)
            .field("ticket", &self.offered.is_some())
            .finish_non_exhaustive()
    }
}

/// Returns whether a ticket or its early data may have caused the failure; the next ticket must not cause it again.
fn may_be_the_tickets_fault(error: &TlsError) -> bool {
    matches!(
        error,
        TlsError::AlertReceived(_)
            | TlsError::PeerMisbehaved(_)
            | TlsError::PeerIncompatible(_)
            | TlsError::UnexpectedMessage
            | TlsError::Decrypt
    )
}

fn drain_output(connection: &mut ClientConnection) -> Vec<u8> {
    let mut output = Vec::new();
    while connection.wants_write() {
        match connection.write_tls(&mut output) {
            Ok(0) | Err(_) => break, // writing to a Vec does neither
            Ok(_) => {}
        }
    }
    output
}

fn early_data_left(connection: &mut ClientConnection) -> Option<usize> {
    connection.early_data().map(|early| early.bytes_left())
}
