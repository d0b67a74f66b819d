//! The link: one connection including TLS, with bytes in and bytes out.
//!
//! It guarantees three properties for every driver:
//!
//! - **a flight is one write**: everything that is to be sent before the next wait is written together: the stream
//!   header and `<starttls/>` with the ClientHello, the first login bytes with the client's Finished, early data with
//!   the ClientHello;
//! - **the order of commit and send**: what depends on a transaction (`after`) is sent, or reported to the app, only
//!   once that transaction is committed;
//! - **the boundary at `<proceed/>`**: every byte after its `>` belongs to TLS (rule S1).

mod timeline;
pub mod tls;
mod wire;

use snapback_proto::connection::{
    Command, Connection, Event, Input, Output, PersistFailure, Seq, Start, Timer, TlsFacts,
};
use snapback_proto::error::ConnectionError;
use snapback_proto::knowledge::Op;
use snapback_proto::plan::{Login, Plan, Transport};
use snapback_proto::protocol_message::ProtocolMessage;
use snapback_proto::sasl::{ChannelBindings, SaslError, ScramKeyId, ScramKeys};
use snapback_proto::time::{Instant, Now};
use snapback_tls::{
    CertificateError, EarlyData, Established, SessionParams, TicketScope, TlsContext, TlsError,
    TlsEvent, TlsVersion, TlsVersions, VerificationRequest,
};

use std::collections::VecDeque;
use std::fmt;

use zeroize::Zeroizing;

/// The phase of a link, which is the phase of its connection.
pub use snapback_proto::connection::ConnectionPhase as LinkPhase;
pub use timeline::{FlightReport, LocalStep, Timeline};
use tls::{Session, Tls};
use wire::{Item, Wire};

/// The configuration of a link.
#[derive(Debug)]
pub struct LinkConfig<T = TlsContext> {
    /// The start values of the protocol side.
    pub start: Start,
    /// The trust configuration, with its TLS session tickets.
    pub tls: T,
    /// The TLS versions to offer.
    pub versions: TlsVersions,
    /// When the transport's handshake began, which is the first flight.
    pub started: Instant,
}

/// An input of the link.
#[derive(Debug)]
pub enum LinkInput<'a> {
    /// The transport is open.
    Connected,
    /// Bytes were received.
    Received(&'a [u8]),
    /// The transport ended.
    TransportClosed,
    /// The certificate was verified.
    CertificateVerified(Result<(), CertificateError>),
    /// The keys were derived.
    KeysDerived {
        /// Which keys.
        id: ScramKeyId,
        /// The keys, or why there are none.
        keys: Result<ScramKeys, SaslError>,
    },
    /// The app sends a command.
    Command(Command),
    /// All transactions up to this one are committed.
    Committed(Seq),
    /// This transaction failed. Nothing of it is stored.
    PersistFailed(Seq, PersistFailure),
    /// A deadline may have passed.
    Timeout,
}

/// An output of the link.
#[derive(Debug)]
pub enum LinkOutput {
    /// Commits these changes in one transaction, then reports it. Transactions are committed in order; once one has
    /// failed, no later one may be committed.
    Persist {
        /// Which transaction.
        seq: Seq,
        /// The changes.
        ops: Vec<Op>,
    },
    /// Writes these bytes at once.
    Transmit(Vec<u8>),
    /// Verifies the certificate on another thread than the I/O thread, and reports the result.
    VerifyCertificate(VerificationRequest),
    /// Derives the keys on another thread than the I/O thread, and reports the result.
    DeriveKeys(ScramKeyId),
    /// Reports an event to the app.
    Event(Event),
    /// Closes the transport once everything is written. Occurs at most once, before [`LinkOutput::Closed`].
    CloseTransport,
    /// The link has ended; `None` if this client closed it.
    Closed(Option<LinkError>),
    /// Waits until the deadline or the next input: there is nothing else to do.
    Timeout {
        /// The next deadline, if there is one.
        when: Option<Instant>,
        /// The purpose of the deadline.
        why: Option<Timer>,
    },
}

/// Why a link ended.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkError {
    /// The stream failed.
    Connection(ConnectionError),
    /// TLS failed.
    Tls(TlsError),
}

/// One connection including TLS. The caller calls [`Link::poll_output`] after each input until it returns
/// [`LinkOutput::Timeout`].
#[derive(Debug)]
pub struct Link<T: Tls = TlsContext> {
    connection: Connection,
    tls: T,
    params: SessionParams,
    session: Option<T::Session>,
    inbound_is_tls: bool,
    /// Whether the ClientHello is in the output queue: what follows it belongs to TLS.
    outbound_is_tls: bool,
    established: bool,
    /// Whether the second ClientHello has been counted, if one was requested.
    retried: bool,
    /// The part of the early data that exceeds the ticket's limit. It follows after the handshake.
    early_rest: Zeroizing<Vec<u8>>,
    wire: Wire,
    /// Events that wait for their transaction, in order.
    events: VecDeque<(Option<Seq>, Event)>,
    outputs: VecDeque<LinkOutput>,
    timeline: Timeline,
    tls_error: Option<TlsError>,
    /// Whether a transaction failed: nothing may be committed after it.
    persist_failed: bool,
    login_proven: bool,
    closed: bool,
}

impl<T: Tls> Link<T> {
    /// Returns a link that has made its plan.
    pub fn new(config: LinkConfig<T>, now: Now) -> Self {
        let account = &config.start.config.account;
        let direct = config.start.transport == Transport::DirectTls;
        let domain = account.domain_to_ascii();
        let scope = TicketScope {
            account: account.to_string(),
            domain: domain.clone(),
            transport: config.start.transport,
        };
        let params = SessionParams {
            server_name: domain,
            direct,
            scope,
            early_data: false,
            versions: config.versions,
        };
        let connection = Connection::new(config.start, now);
        Self {
            connection,
            tls: config.tls,
            params,
            session: None,
            inbound_is_tls: false,
            outbound_is_tls: false,
            established: false,
            retried: false,
            early_rest: Zeroizing::default(),
            wire: Wire::default(),
            events: VecDeque::new(),
            outputs: VecDeque::new(),
            timeline: Timeline::new(config.started),
            tls_error: None,
            persist_failed: false,
            login_proven: false,
            closed: false,
        }
    }

    /// Returns the current plan.
    pub fn plan(&self) -> &Plan {
        self.connection.plan()
    }

    /// Returns whether a probe response is awaited, with a deadline.
    pub fn is_probing(&self) -> bool {
        self.connection.is_probing()
    }

    /// Returns the maximum size of a stanza that the server accepts, in bytes (XEP-0478), if known.
    pub fn max_bytes(&self) -> Option<usize> {
        self.connection.max_bytes()
    }

    /// Returns whether the server has proved its identity in the login over this connection (rule T4).
    pub fn is_login_proven(&self) -> bool {
        self.login_proven
    }

    /// Returns the phase of the connection.
    pub fn phase(&self) -> LinkPhase {
        self.connection.phase()
    }

    /// Returns the name of the connection's state.
    pub fn state_name(&self) -> &'static str {
        self.connection.state_name()
    }

    /// Returns what each flight carried, and how long it took. The timeline ends when the session is established.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Handles one input.
    pub fn handle_input(&mut self, input: LinkInput<'_>, now: Now) {
        if self.closed {
            // The end of the connection may be queued after the changes that it wanted stored.
            if matches!(input, LinkInput::PersistFailed(..)) {
                self.drop_transactions();
            }
            return;
        }
        match input {
            LinkInput::Connected => {
                self.timeline
                    .received(ProtocolMessage::TcpHandshake, now.mono);
                self.tell(Input::Connected, now);
            }
            LinkInput::Received(bytes) => self.received(bytes, now),
            LinkInput::TransportClosed => self.tell(Input::TransportClosed, now),
            LinkInput::CertificateVerified(verdict) => self.certificate_verified(verdict, now),
            LinkInput::KeysDerived { id, keys } => {
                self.timeline
                    .local_done(ProtocolMessage::KeyDerivation, now.mono);
                self.tell(Input::KeysDerived { id, keys }, now);
            }
            LinkInput::Command(command) => self.tell(Input::Command(command), now),
            LinkInput::Committed(seq) => {
                self.wire.committed(seq);
                self.tell(Input::Committed { seq }, now);
            }
            LinkInput::PersistFailed(seq, kind) => {
                self.drop_transactions();
                self.wire.give_up();
                self.events.retain(|(after, _)| after.is_none());
                self.tell(Input::PersistFailed { seq, kind }, now);
            }
            LinkInput::Timeout => self.tell(Input::Timeout, now),
        }
        self.flush(now);
    }

    /// I1: a later count, committed without the stanza of the failed transaction, would acknowledge that stanza to the
    /// server.
    fn drop_transactions(&mut self) {
        self.persist_failed = true;
        self.outputs
            .retain(|output| !matches!(output, LinkOutput::Persist { .. }));
    }

    /// Returns the next output.
    pub fn poll_output(&mut self) -> LinkOutput {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        match self.connection.poll_output() {
            Output::Timeout { when, why } => LinkOutput::Timeout { when, why },
            // Outputs are drained after each input, so none are left here.
            _ => LinkOutput::Timeout {
                when: None,
                why: None,
            },
        }
    }

    // -- inbound

    fn received(&mut self, bytes: &[u8], now: Now) {
        self.timeline.count_received(bytes.len());
        if self.inbound_is_tls || self.params.direct {
            self.tls_input(|session| session.read(bytes), now);
        } else {
            self.tell(Input::Received(bytes), now);
        }
    }

    fn certificate_verified(&mut self, verdict: Result<(), CertificateError>, now: Now) {
        self.timeline
            .local_done(ProtocolMessage::CertificateCheck, now.mono);
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
            TlsEvent::Established(established) => {
                self.timeline.tls_established(&established, now.mono);
                self.established = true;
                // A full TLS 1.2 handshake ends with the server's Finished; the client's was sent long before.
                if established.version == TlsVersion::Tls13 || established.resumed {
                    self.wire.push(Item::Finished);
                }
                let early_rest = std::mem::take(&mut self.early_rest);
                if established.early_data == EarlyData::Accepted && !early_rest.is_empty() {
                    // Accepted are the bytes that fitted; the server waits for the rest of the element.
                    self.wire.push(Item::Bytes {
                        after: None,
                        bytes: early_rest,
                        parts: Vec::new(),
                    });
                }
                let facts = self.facts(established);
                self.tell(Input::TlsEstablished(facts), now);
            }
            // The bytes may contain a token (rule T9).
            TlsEvent::Plaintext(bytes) => {
                self.tell(Input::Received(&Zeroizing::new(bytes)), now);
            }
            TlsEvent::CloseNotify => self.tell(Input::TransportClosed, now),
        }
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
            resumes_proven: established.resumed
                && ticket.is_some_and(|ticket| ticket.origin.login_proven),
            early_data: established.early_data,
        }
    }

    fn tls_failed(&mut self, error: TlsError, now: Now) {
        if self.tls_error.is_none() {
            let input = match error {
                TlsError::CertificateInvalid(_) | TlsError::VerifierUnavailable => {
                    Input::CertificateRefused
                }
                _ => Input::TransportClosed,
            };
            self.tls_error = Some(error);
            self.tell(input, now);
        }
    }

    // -- the protocol side

    /// Passes an input to the connection, and acts on all resulting outputs.
    fn tell(&mut self, input: Input<'_>, now: Now) {
        self.connection.handle_input(input, now);
        loop {
            match self.connection.poll_output() {
                Output::Timeout { .. } => return,
                output => self.act(output, now),
            }
        }
    }

    fn act(&mut self, output: Output, now: Now) {
        match output {
            Output::Persist { .. } if self.persist_failed => {}
            Output::Persist { seq, ops } => {
                self.outputs.push_back(LinkOutput::Persist { seq, ops })
            }
            Output::Transmit {
                after,
                bytes,
                parts,
            } => self.wire.push(Item::Bytes {
                after,
                bytes,
                parts,
            }),
            Output::ClientHello => self.start_tls(now),
            Output::TlsFollows { unread } => {
                self.inbound_is_tls = true;
                if !unread.is_empty() {
                    self.tls_input(|session| session.read(&unread), now);
                }
            }
            Output::Understood(part) => self.timeline.received(part, now.mono),
            Output::DeriveKeys(id) => {
                self.timeline
                    .local_started(ProtocolMessage::KeyDerivation, now.mono);
                self.outputs.push_back(LinkOutput::DeriveKeys(id));
            }
            Output::LoginProven => {
                self.login_proven = true;
                if let Some(session) = self.session.as_mut() {
                    session.login_proven();
                }
            }
            Output::Event { after, event } => {
                if matches!(event, Event::Online { .. }) {
                    self.timeline.online(now.mono);
                }
                self.events.push_back((after, event));
            }
            Output::CloseTransport => self.wire.push(Item::Close),
            Output::Timeout { .. } => {}
        }
    }

    /// Queues the ClientHello in the flight. If it can carry early data, the login follows it (rule S6).
    fn start_tls(&mut self, now: Now) {
        self.wire.push(Item::ClientHello);
        self.params.early_data = matches!(
            self.plan().login,
            Login::Fast {
                early_data: true,
                ..
            }
        );
        match self.tls.session(self.params.clone()) {
            Ok(session) => {
                let can_early = self.params.early_data && session.early_data_capacity() > 0;
                let end_point = session
                    .ticket()
                    .and_then(|ticket| ticket.origin.end_point.clone());
                self.session = Some(session);
                if can_early {
                    self.tell(Input::EarlyDataReady { end_point }, now);
                }
            }
            Err(error) => self.tls_failed(error, now),
        }
    }

    // -- outbound

    /// Sends what may be sent, in one write, and reports the events that may be reported.
    fn flush(&mut self, now: Now) {
        self.drain_wire(now);
        while let Some((after, _)) = self.events.front() {
            if !self.wire.is_committed(*after) {
                break;
            }
            if let Some((_, event)) = self.events.pop_front() {
                self.announce(event);
            }
        }
    }

    fn drain_wire(&mut self, now: Now) {
        if self.wire.is_blocked() {
            // A flight is one write: its first bytes wait for the commit that its last bytes wait for.
            return;
        }
        let mut write = wire::Write::default();
        let mut close = false;
        while let Some(item) = self.wire.pop() {
            match item {
                Item::Bytes { bytes, parts, .. } => {
                    write.parts.extend(parts);
                    self.put(&bytes, &mut write, now);
                }
                Item::ClientHello => {
                    self.outbound_is_tls = true;
                    write.parts.push(ProtocolMessage::ClientHello);
                }
                Item::Finished => write.parts.push(ProtocolMessage::Finished),
                Item::Close => {
                    close = true;
                    if let Some(session) = self.session.as_mut() {
                        session.close();
                    }
                }
            }
            self.collect(&mut write);
        }
        self.collect(&mut write);
        if !write.bytes.is_empty() {
            self.note_retry(&mut write, now);
            self.timeline
                .sent(&write.parts, write.bytes.len(), self.established, now.mono);
            self.outputs.push_back(LinkOutput::Transmit(write.bytes));
        }
        if close {
            self.outputs.push_back(LinkOutput::CloseTransport);
        }
    }

    /// Counts a ClientHello that the server requested anew as a flight of its own, although rustls wrote it by itself.
    fn note_retry(&mut self, write: &mut wire::Write, now: Now) {
        let was_retried = self.session.as_ref().is_some_and(Session::was_retried);
        if was_retried && !self.retried && !self.established {
            self.retried = true;
            self.timeline
                .received(ProtocolMessage::ServerHello, now.mono);
            write.parts.push(ProtocolMessage::ClientHello);
        }
    }

    fn put(&mut self, bytes: &[u8], write: &mut wire::Write, now: Now) {
        let Some(session) = self.session.as_mut().filter(|_| self.outbound_is_tls) else {
            write.bytes.extend_from_slice(bytes);
            return;
        };
        if self.established {
            if let Err(error) = session.write(bytes) {
                self.tls_failed(error, now);
            }
        } else {
            let taken = if self.early_rest.is_empty() {
                session.write_early(bytes)
            } else {
                0
            };
            self.early_rest
                .extend_from_slice(bytes.get(taken..).unwrap_or_default());
        }
    }

    fn collect(&mut self, write: &mut wire::Write) {
        if let Some(session) = self.session.as_mut().filter(|_| self.outbound_is_tls) {
            write.bytes.extend(session.take_output());
        }
    }

    fn announce(&mut self, event: Event) {
        let Event::Closed(error) = event else {
            self.outputs.push_back(LinkOutput::Event(event));
            return;
        };
        self.closed = true;
        let error = match (error, self.tls_error.take()) {
            // A wrong assumption explains the failed handshake better than the TLS error does.
            (Some(error @ ConnectionError::WrongAssumption(_)), _) | (Some(error), None) => {
                Some(LinkError::Connection(error))
            }
            (Some(_), Some(tls)) => Some(LinkError::Tls(tls)),
            (None, _) => None,
        };
        self.outputs.push_back(LinkOutput::Closed(error));
    }
}

impl LinkError {
    /// Returns whether another attempt, later and without a change, may succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connection(error) => error.is_retryable(),
            Self::Tls(error) => error.is_retryable(),
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LinkError {}
