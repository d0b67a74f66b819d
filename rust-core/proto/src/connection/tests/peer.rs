//! The scripted peer: plays server, TLS, store, clock and app around one connection, and fails with file and line
//! where the connection does not follow the script.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::memory::Memory;
use super::proofs;
use super::setup::WALL;
use crate::connection::{
    Command, Connection, ConnectionPhase, EarlyData, Event, Input, Output, PersistFailure, Seq,
    Start, TlsFacts,
};
use crate::error::ConnectionError;
use crate::knowledge::{Knowledge, Op, OutboundKind, OutboundStanza};
use crate::protocol_message::{ProtocolMessage, join};
use crate::sasl::CredentialError;
use crate::secret::Secret;
use crate::time::{Instant, Now};
use crate::xml::Element;

use super::garble::mutate;

/// A message of this client.
pub(super) fn said(id: &str, body: &str) -> Element {
    Element::new("message", crate::ns::CLIENT)
        .with_attr("id", id)
        .with_attr("to", "romeo@example.net")
        .with_child(Element::new("body", crate::ns::CLIENT).with_text(body))
}

/// A stanza that waits in the queue.
pub(super) fn queued(seq: u64, kind: OutboundKind, stanza: Element) -> OutboundStanza {
    OutboundStanza::new(seq, kind, stanza.into(), WALL)
}

pub(super) use super::garble::Mode;
pub(super) use super::setup::{END_POINT, EXPORTER, KEY, Setup};

pub(super) struct Peer {
    connection: Connection,
    password: Option<Secret<String>>,
    facts: TlsFacts,
    pub(super) now: Now,
    pub(super) memory: Memory,
    mode: Mode,
    /// Commits happen at once; otherwise when the test says so.
    pub(super) auto_commit: bool,
    uncommitted: VecDeque<(Seq, Vec<Op>)>,
    next_seq: u64,
    transmits: VecDeque<(Option<Seq>, ProtocolMessage, String)>,
    pending_events: VecDeque<(Option<Seq>, Event)>,
    pub(super) flight: Vec<(ProtocolMessage, String)>,
    events: VecDeque<Event>,
    understood: Vec<ProtocolMessage>,
    /// Writes that something was waited for, the TCP handshake included; stands still once online.
    pub(super) round_trips: usize,
    pub(super) online: bool,
    pub(super) login_proven: bool,
    /// How it ended, if it did.
    pub(super) closed: Option<Option<ConnectionError>>,
    transport_closed: bool,
    pub(super) unread: Vec<u8>,
    pub(super) deadline: Option<Instant>,
    /// All bytes that left, everything remembered, everything reported: what chunking must not change.
    pub(super) sent: String,
    pub(super) history: Vec<String>,
    pub(super) edges: BTreeSet<String>,
    /// How often the password was stretched into keys.
    pub(super) derivations: usize,
    /// The requests for a bearer token: whether the last one was refused.
    pub(super) token_requests: Vec<bool>,
    /// Bytes that the server has sent.
    pub(super) served: usize,
}

impl Peer {
    pub(super) fn new(setup: &Setup, mode: Mode) -> Self {
        let now = Now {
            mono: Instant::ZERO,
            wall: WALL,
        };
        let start = Start {
            config: Arc::new(setup.config.clone()),
            transport: setup.transport,
            knowledge: setup.knowledge.clone(),
            derived_keys: setup.derived_keys.clone(),
            token_refused: setup.token_refused,
            fast_open: false,
            early_data_possible: setup.early_data_possible,
            purpose: setup.purpose,
            active: setup.active,
            seed: [42; 32],
        };
        Self {
            connection: Connection::new(start, now),
            password: setup.config.password.clone(),
            facts: setup.facts.clone(),
            now,
            memory: Memory {
                knowledge: setup.knowledge.clone(),
                ..Memory::default()
            },
            mode,
            auto_commit: true,
            uncommitted: VecDeque::new(),
            next_seq: 0,
            transmits: VecDeque::new(),
            pending_events: VecDeque::new(),
            flight: Vec::new(),
            events: VecDeque::new(),
            understood: Vec::new(),
            round_trips: 0,
            online: false,
            login_proven: false,
            closed: None,
            transport_closed: false,
            unread: Vec::new(),
            deadline: None,
            sent: String::new(),
            history: Vec::new(),
            edges: BTreeSet::new(),
            derivations: 0,
            token_requests: Vec::new(),
            served: 0,
        }
    }

    // -- what happens to the connection

    pub(super) fn connect(&mut self) {
        self.round_trips += 1;
        self.input("connected", Input::Connected);
    }

    pub(super) fn early_data_ready(&mut self, end_point: Option<Vec<u8>>) {
        self.input("early data ready", Input::EarlyDataReady { end_point });
    }

    pub(super) fn tls(&mut self) {
        self.tls_with(EarlyData::NotSent);
    }

    pub(super) fn tls_with(&mut self, early_data: EarlyData) {
        let facts = TlsFacts {
            early_data,
            ..self.facts.clone()
        };
        self.input("TLS established", Input::TlsEstablished(facts));
    }

    /// The server says something.
    pub(super) fn serve(&mut self, text: &str) {
        let bytes = text.as_bytes();
        self.served += bytes.len();
        match &mut self.mode {
            Mode::Whole => self.receive(bytes),
            Mode::Bytes => bytes.chunks(1).for_each(|byte| self.receive(byte)),
            Mode::Cut(left) => {
                let arrives = bytes.len().min(*left);
                *left -= arrives;
                let is_over = *left == 0;
                self.receive(&bytes[..arrives]);
                if is_over && !self.transport_closed {
                    self.close_transport();
                }
            }
            Mode::Mutate(random) => {
                let mutated = mutate(bytes, random);
                self.receive(&mutated);
            }
        }
    }

    pub(super) fn receive(&mut self, bytes: &[u8]) {
        if !self.transport_closed {
            self.input("received", Input::Received(bytes));
        }
    }

    pub(super) fn close_transport(&mut self) {
        self.transport_closed = true;
        self.input("transport closed", Input::TransportClosed);
    }

    /// The server closes the TLS connection.
    pub(super) fn close_tls(&mut self) {
        self.transport_closed = true;
        self.input("TLS closed", Input::TlsClosed);
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now.mono = self.now.mono + time;
        self.input("timeout", Input::Timeout);
    }

    /// The app answers the request for a bearer token.
    pub(super) fn provide(&mut self, answer: Result<Secret<String>, CredentialError>) {
        self.input("token provided", Input::TokenProvided(answer));
    }

    pub(super) fn command(&mut self, command: Command) {
        let name = match &command {
            Command::Send { .. } => "send",
            Command::Answer(_) => "answer",
            Command::Probe { .. } => "probe",
            Command::AskForQueued => "ask for queued",
            Command::PathChanged => "path changed",
            Command::PushChanged(_) => "push changed",
            Command::SetActive(_) => "set active",
            Command::Close => "close",
        };
        self.input(name, Input::Command(command));
    }

    pub(super) fn say(&mut self, id: &str) {
        self.command(Command::Send {
            stanza: said(id, id).into(),
            kind: OutboundKind::Message,
        });
    }

    pub(super) fn ask(&mut self, id: &str) {
        let stanza = crate::stanza::iq("get", id, Some("romeo@example.net"))
            .with_child(Element::new("query", "urn:example"));
        self.command(Command::Send {
            stanza: stanza.into(),
            kind: OutboundKind::SessionBound,
        });
    }

    /// The oldest transaction is committed.
    #[track_caller]
    pub(super) fn commit(&mut self) {
        let (seq, ops) = self.uncommitted.pop_front().expect("something to commit");
        self.memory.apply(&ops);
        self.release();
        self.input("committed", Input::Committed { seq });
    }

    pub(super) fn has_to_commit(&self) -> bool {
        !self.uncommitted.is_empty()
    }

    #[track_caller]
    pub(super) fn fail_commit(&mut self) {
        let (seq, _) = self.uncommitted.pop_front().expect("something to commit");
        let kind = PersistFailure::Full;
        self.transmits
            .retain(|held| held.0.is_none_or(|after| after < seq));
        self.pending_events
            .retain(|held| held.0.is_none_or(|after| after < seq));
        self.input("persist failed", Input::PersistFailed { seq, kind });
    }

    // -- what the connection did

    /// What left since the last look must be one flight of these parts; its text.
    #[track_caller]
    pub(super) fn sends(&mut self, parts: &str) -> String {
        let flight: Vec<(ProtocolMessage, String)> = self.flight.drain(..).collect();
        if !self.online && !flight.is_empty() {
            self.round_trips += 1;
        }
        let (names, texts): (Vec<ProtocolMessage>, Vec<String>) = flight.into_iter().unzip();
        if self.is_strict() {
            assert_eq!(join(&names), parts, "{texts:#?}\n{:?}", self.closed);
        }
        texts.concat()
    }

    /// Nothing left.
    #[track_caller]
    pub(super) fn sends_nothing(&mut self) {
        assert_eq!(self.sends(""), "");
    }

    /// What the app was reported since the last look.
    pub(super) fn events(&mut self) -> Vec<Event> {
        self.events.drain(..).collect()
    }

    /// Debug names of what was committed since the last look, in order.
    pub(super) fn ops(&mut self) -> Vec<String> {
        let ops = std::mem::take(&mut self.memory.ops);
        ops.iter()
            .map(|op| {
                let text = format!("{op:?}");
                let name = text.split([' ', '(', '{']).next();
                name.unwrap_or_default().to_owned()
            })
            .collect()
    }

    /// The transactions until now.
    pub(super) fn transactions(&self) -> &[Vec<Op>] {
        &self.memory.transactions
    }

    pub(super) fn state(&self) -> &'static str {
        self.connection.state_name()
    }

    pub(super) fn is_in_session(&self) -> bool {
        self.connection.phase() == ConnectionPhase::Online
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }

    #[track_caller]
    pub(super) fn is_online(&self) {
        if self.is_strict() {
            assert!(self.online && self.is_in_session(), "{:?}", self.closed);
        }
    }

    /// The connection ended with this error.
    #[track_caller]
    pub(super) fn fails(&mut self, error: ConnectionError) {
        assert_eq!(self.closed, Some(Some(error)), "in {}", self.state());
    }

    /// The end of a script: nothing may be left unchecked.
    #[track_caller]
    pub(super) fn finish(&mut self) {
        if self.is_strict() {
            assert!(
                self.flight.is_empty(),
                "not in the script: {:?}",
                self.flight
            );
            assert!(
                self.transmits.is_empty(),
                "never left: {:?}",
                self.transmits
            );
        }
    }

    /// The engine stores this itself.
    pub(super) fn store(&mut self, op: Op) {
        self.memory.apply(&[op]);
    }

    /// What a next connection would know, and a script that continues there.
    pub(super) fn knowledge(&self) -> Knowledge {
        self.memory.knowledge.clone()
    }

    pub(super) fn is_strict(&self) -> bool {
        matches!(self.mode, Mode::Whole | Mode::Bytes)
    }

    // -- the driver

    fn input(&mut self, name: &str, input: Input<'_>) {
        let before = self.state();
        self.connection.handle_input(input, self.now);
        self.drain();
        let understood = std::mem::take(&mut self.understood);
        let what = if understood.is_empty() {
            name.to_owned()
        } else {
            format!("{name} {}", join(&understood))
        };
        self.edges
            .insert(format!("{before} -- {what} --> {}", self.state()));
        while self.auto_commit && !self.uncommitted.is_empty() {
            self.commit();
        }
    }

    fn drain(&mut self) {
        for _ in 0..10_000 {
            let output = self.connection.poll_output();
            match output {
                Output::Timeout { when, .. } => {
                    self.deadline = when;
                    self.release();
                    return;
                }
                Output::DeriveKeys(id) => {
                    self.derivations += 1;
                    let keys = proofs::keys(&id, self.password.as_ref());
                    self.connection
                        .handle_input(Input::KeysDerived { id, keys }, self.now);
                }
                other => self.take(other),
            }
        }
        panic!("outputs without end");
    }

    fn take(&mut self, output: Output) {
        let is_known = |after: Option<Seq>, next: u64| after.is_none_or(|seq| seq.0 < next);
        match output {
            Output::Persist { seq, ops } => {
                assert_eq!(seq.0, self.next_seq, "transactions are numbered in order");
                self.next_seq += 1;
                self.history.push(format!("{ops:?}"));
                self.uncommitted.push_back((seq, ops));
            }
            Output::Transmit {
                after,
                bytes,
                parts,
            } => {
                assert!(
                    is_known(after, self.next_seq),
                    "after what was never persisted"
                );
                let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
                assert!(
                    self.online || !parts.contains(&ProtocolMessage::Message),
                    "a stanza of the app before the session: {text}"
                );
                assert!(self.closed.is_none(), "after the end: {text}");
                self.sent.push_str(&text);
                self.transmits.push_back((after, parts[0].clone(), text));
            }
            Output::ClientHello => {
                self.transmits
                    .push_back((None, ProtocolMessage::ClientHello, String::new()));
            }
            Output::TlsFollows { unread } => self.unread = unread,
            Output::Understood(part) => self.understood.push(part),
            Output::LoginProven => self.login_proven = true,
            Output::Event { after, event } => {
                assert!(
                    is_known(after, self.next_seq),
                    "after what was never persisted"
                );
                assert!(self.closed.is_none(), "reported after the end: {event:?}");
                self.history.push(format!("{event:?}"));
                if let Event::Closed(reason) = &event {
                    self.closed = Some(reason.clone());
                }
                if let Event::Online { .. } = &event {
                    assert!(!self.online, "online twice");
                    self.online = true;
                    if !self.flight.is_empty() && self.is_strict() {
                        panic!("an unchecked flight: {:?}", self.flight);
                    }
                }
                self.pending_events.push_back((after, event));
            }
            Output::CloseTransport => self.history.push("close transport".to_owned()),
            Output::RequestToken { refused } => self.token_requests.push(refused),
            Output::DeriveKeys(_) | Output::Escalated(_) | Output::Timeout { .. } => {}
        }
    }

    /// What waited for a transaction leaves, in order.
    fn release(&mut self) {
        let first_open = self.uncommitted.front().map(|(seq, _)| *seq);
        let may_leave =
            |after: Option<Seq>| after.is_none_or(|seq| first_open.is_none_or(|open| seq < open));
        while self.transmits.front().is_some_and(|held| may_leave(held.0)) {
            let held = self.transmits.pop_front();
            self.flight.extend(held.map(|(_, part, text)| (part, text)));
        }
        while self
            .pending_events
            .front()
            .is_some_and(|held| may_leave(held.0))
        {
            let held = self.pending_events.pop_front();
            self.events.extend(held.map(|(_, event)| event));
        }
    }
}
