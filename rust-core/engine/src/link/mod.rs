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

mod inbound;
mod outbound;
mod state;
mod timeline;
pub mod tls;
mod wire;

use snapback_proto::config::PostQuantum;
use snapback_proto::connection::{
    Command, Connection, Event, Input, Output, PersistFailure, Seq, Start, Timer,
};
use snapback_proto::error::ConnectionError;
use snapback_proto::escalation::EscalationStep;
use snapback_proto::knowledge::Op;
use snapback_proto::plan::{Plan, Transport};
use snapback_proto::protocol_message::ProtocolMessage;
use snapback_proto::sasl::{CredentialError, SaslError, ScramKeyId, ScramKeys};
use snapback_proto::secret::Secret;
use snapback_proto::time::{Instant, Now};
use snapback_tls::{
    CertificateError, SessionParams, TicketScope, TlsContext, TlsError, TlsVersions,
    VerificationRequest,
};
use snapback_types::key_trust::KeyHash;

use std::collections::VecDeque;
use std::fmt;

/// The phase of a link, which is the phase of its connection.
pub use snapback_proto::connection::ConnectionPhase as LinkPhase;
use state::{End, Inbound, Outbound, Storage};
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

/// Why a certificate is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceptance {
    /// An authority that the trust configuration names.
    Authority,
    /// The user, who trusts its key (rule T13).
    TrustedKey,
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
    CertificateVerified(Result<Acceptance, CertificateError>),
    /// The keys were derived.
    KeysDerived {
        /// Which keys.
        id: ScramKeyId,
        /// The keys, or why there are none.
        keys: Result<ScramKeys, SaslError>,
    },
    /// The app has answered the request for a bearer token.
    TokenProvided(Result<Secret<String>, CredentialError>),
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
    /// Requests a bearer token from the app, and reports the answer.
    RequestToken {
        /// The server has refused the last one.
        refused: bool,
    },
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

/// The certificate of a connection: who vouched for it, and, once TLS is established, its key.
#[derive(Clone, Copy, Debug, Default)]
struct Accepted {
    by: Option<Acceptance>,
    key: Option<KeyHash>,
}

/// One connection including TLS. The caller calls [`Link::poll_output`] after each input until it returns
/// [`LinkOutput::Timeout`].
#[derive(Debug)]
pub struct Link<T: Tls = TlsContext> {
    connection: Connection,
    tls: T,
    params: SessionParams,
    session: Option<T::Session>,
    inbound: Inbound,
    outbound: Outbound,
    wire: Wire,
    /// Events that wait for their transaction, in order.
    events: VecDeque<(Option<Seq>, Event)>,
    outputs: VecDeque<LinkOutput>,
    timeline: Timeline,
    storage: Storage,
    end: End,
    login_proven: bool,
    accepted: Accepted,
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
            pins: config.start.knowledge.key_trust.pins.clone(),
        };
        let params = SessionParams {
            server_name: domain,
            direct,
            scope,
            early_data: false,
            // The SYN has no room for its key share.
            post_quantum: config.start.config.policy.post_quantum == PostQuantum::Prefer
                && !config.start.fast_open,
            versions: config.versions,
        };
        let fast_open = config.start.fast_open;
        let connection = Connection::new(config.start, now);
        Self {
            connection,
            tls: config.tls,
            params,
            session: None,
            inbound: if direct { Inbound::Tls } else { Inbound::Plain },
            outbound: Outbound::Plain,
            wire: Wire::default(),
            events: VecDeque::new(),
            outputs: VecDeque::new(),
            timeline: Timeline::new(config.started, fast_open),
            storage: Storage::Working,
            end: End::None,
            login_proven: false,
            accepted: Accepted::default(),
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

    /// Returns who vouched for the certificate of this connection, and its key; `None` before that, and if a ticket took the
    /// certificate's place.
    pub fn accepted(&self) -> Option<(Acceptance, KeyHash)> {
        self.accepted.by.zip(self.accepted.key)
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

    /// Records that the failure of this connection has brought a step of the escalation policy about.
    pub(crate) fn note_step(&mut self, step: &'static EscalationStep) {
        self.timeline.escalated.push(step);
    }

    /// Handles one input.
    pub fn handle_input(&mut self, input: LinkInput<'_>, now: Now) {
        if let End::Reported = self.end {
            // The end of the connection may be queued after the changes that it wanted stored.
            if matches!(input, LinkInput::PersistFailed(..)) {
                self.drop_transactions();
            }
            return;
        }
        match input {
            LinkInput::Connected => {
                if !self.connection.plan().fast_open {
                    self.timeline
                        .received(ProtocolMessage::TcpHandshake, now.mono);
                }
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
            LinkInput::TokenProvided(answer) => {
                self.timeline
                    .local_done(ProtocolMessage::BearerToken, now.mono);
                self.tell(Input::TokenProvided(answer), now);
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
        self.storage = Storage::Failed;
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

    /// Ends the link without closing the stream. Returns the events that wait for transactions, in order.
    pub(crate) fn into_events(self) -> VecDeque<(Option<Seq>, Event)> {
        self.events
    }

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
            Output::Persist { .. } if self.storage == Storage::Failed => {}
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
            Output::TlsFollows { unread } => self.tls_follows(&unread, now),
            Output::Understood(part) => self.timeline.received(part, now.mono),
            Output::DeriveKeys(id) => {
                self.timeline
                    .local_started(ProtocolMessage::KeyDerivation, now.mono);
                self.outputs.push_back(LinkOutput::DeriveKeys(id));
            }
            Output::RequestToken { refused } => {
                self.timeline
                    .local_started(ProtocolMessage::BearerToken, now.mono);
                self.outputs.push_back(LinkOutput::RequestToken { refused });
            }
            Output::Escalated(step) => self.timeline.escalated.push(step),
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
