//! The engine's host on tokio: sockets, time, threads and the store. It carries out the engine's outputs and reports
//! their results; it decides nothing.

mod dials;
mod request;
mod rooms;
mod socket;
mod storage;

use std::sync::Arc;

use snapback_engine::engine::EventQueueLevel;
use snapback_engine::supervisor::AttemptId;
use snapback_engine::{Engine, EngineInput, EngineOutput};
use snapback_proto::sasl::{SaslError, ScramKeys};
use snapback_proto::time::Instant;
use snapback_rooms::AccountRooms;
use snapback_store::Store;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::credentials::Credentials;
use crate::dial::Dialer;
use crate::event_queue::EventQueue;
use crate::inbound_queue::InboundQueue;
use crate::room_events::RoomEvents;

use dials::{Dialed, Dials};
pub(crate) use request::Request;
pub use request::SendError;
use request::Waiting;
use rooms::RoomHost;
pub(crate) use rooms::RoomRequest;
use socket::{Read, Socket};

/// Everything that the driver's task owns.
pub(crate) struct Driver {
    engine: Engine,
    clock: Clock,
    store: Box<dyn Store>,
    events: Arc<EventQueue>,
    inbound: Arc<InboundQueue>,
    dialer: Dialer,
    credentials: Credentials,
    domain: String,
    requests: mpsc::UnboundedReceiver<Request>,
    waiting: Waiting,
    socket: Option<Socket>,
    dials: Dials,
    rooms: RoomHost,
    level: EventQueueLevel,
    /// Results of threads of the blocking pool.
    findings: mpsc::UnboundedReceiver<EngineInput<'static>>,
    finding: mpsc::UnboundedSender<EngineInput<'static>>,
}

/// The parts of a driver.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) store: Box<dyn Store>,
    pub(crate) events: Arc<EventQueue>,
    pub(crate) inbound: Arc<InboundQueue>,
    pub(crate) dialer: Dialer,
    pub(crate) credentials: Credentials,
    pub(crate) domain: String,
    pub(crate) requests: mpsc::UnboundedReceiver<Request>,
    pub(crate) rooms: AccountRooms,
    pub(crate) room_events: Arc<RoomEvents>,
}

/// What woke the driver.
enum Wake {
    Request(Option<Request>),
    Dialed(Dialed),
    Finding(EngineInput<'static>),
    Socket,
    Drained,
    GapReceived,
    Deadline,
}

impl Driver {
    pub(crate) fn new(parts: Parts) -> Self {
        let (finding, findings) = mpsc::unbounded_channel();
        Self {
            engine: parts.engine,
            clock: Clock::start(),
            store: parts.store,
            events: parts.events,
            inbound: parts.inbound,
            dialer: parts.dialer,
            credentials: parts.credentials,
            domain: parts.domain,
            requests: parts.requests,
            waiting: Waiting::default(),
            socket: None,
            dials: Dials::default(),
            rooms: RoomHost::new(parts.rooms, parts.room_events),
            level: EventQueueLevel::Low,
            findings,
            finding,
        }
    }

    /// Runs until the client is dropped.
    pub(crate) async fn run(mut self) {
        self.input(EngineInput::Start);
        loop {
            let deadline = self.carry_out();
            if let Some(socket) = &mut self.socket {
                socket.settled();
            }
            let wake = self.wait(deadline).await;
            self.report_level();
            match wake {
                Wake::Request(Some(request)) => self.requests(request),
                Wake::Request(None) => break,
                Wake::Dialed(dialed) => self.dialed(dialed),
                Wake::Finding(finding) => self.input(finding),
                Wake::GapReceived => {
                    for _ in 0..self.events.take_received_gaps() {
                        self.input(EngineInput::GapReceived);
                    }
                }
                Wake::Socket if self.may_read() => self.read(),
                Wake::Socket => {
                    if let Some(socket) = &mut self.socket {
                        socket.flush();
                    }
                }
                Wake::Drained => {}
                Wake::Deadline => {
                    if !self.may_read() {
                        // Reading is paused: the input that the deadline waits for may have arrived already.
                        self.read();
                    }
                    self.input(EngineInput::Timeout);
                    self.rooms_timeout();
                }
            }
        }
        self.engine.stop(self.clock.now());
        self.carry_out();
        self.waiting.end();
    }

    async fn wait(&mut self, deadline: Option<Instant>) -> Wake {
        let clock = self.clock;
        let may_read = self.may_read();
        let has_unread = !may_read || self.engine.has_backlog();
        let (dials, socket) = (&mut self.dials, &self.socket);
        let socket = async {
            match socket {
                Some(socket) => socket.ready(may_read).await,
                None => std::future::pending().await,
            }
        };
        let timer = async {
            match deadline {
                Some(when) => tokio::time::sleep_until(clock.deadline(when)).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            request = self.requests.recv() => Wake::Request(request),
            dialed = dials.next() => Wake::Dialed(dialed),
            Some(finding) = self.findings.recv() => Wake::Finding(finding),
            () = socket => Wake::Socket,
            () = self.events.drained(), if has_unread => Wake::Drained,
            () = self.events.gap_received() => Wake::GapReceived,
            () = timer => Wake::Deadline,
        }
    }

    /// Neither a full event queue nor a server that does not read our answers stops a login or the close of a stream.
    fn may_read(&self) -> bool {
        let is_owing = self.socket.as_ref().is_some_and(Socket::owes_too_much);
        self.engine.may_read() && !(is_owing && self.engine.is_online())
    }

    /// Reports to the engine how full the app's queue is.
    fn report_level(&mut self) {
        let level = self.events.level();
        if std::mem::replace(&mut self.level, level) != level {
            self.input(EngineInput::EventQueue(level));
        }
    }

    fn input(&mut self, input: EngineInput<'_>) {
        self.engine.handle_input(input, self.clock.now());
    }

    /// Carries out all outputs of the engine; returns its next deadline.
    fn carry_out(&mut self) -> Option<Instant> {
        loop {
            match self.engine.poll_output() {
                EngineOutput::Timer { when, .. } => return self.rooms.deadline(when),
                output => self.carry_out_one(output),
            }
        }
    }

    fn carry_out_one(&mut self, output: EngineOutput) {
        match output {
            EngineOutput::LookUp { .. }
            | EngineOutput::LookUpPrefix { .. }
            | EngineOutput::AbandonLookUp(_)
            | EngineOutput::Connect { .. }
            | EngineOutput::AbandonConnect { .. }
            | EngineOutput::UseTransport { .. } => self.dial(output),
            EngineOutput::Write(_) | EngineOutput::Close | EngineOutput::Drop => {
                self.use_socket(output);
            }
            EngineOutput::VerifyCertificate { attempt, request } => {
                self.find_out(move || EngineInput::CertificateVerified {
                    attempt,
                    verdict: request.verify(),
                });
            }
            EngineOutput::DeriveKeys {
                attempt,
                id,
                password,
            } => self.find_out(move || {
                let keys = match &password {
                    Some(password) => ScramKeys::derive(&id, password),
                    None => Err(SaslError::BadCredentialText),
                };
                EngineInput::KeysDerived { attempt, id, keys }
            }),
            EngineOutput::RequestToken { attempt, refused } => {
                self.request_token(attempt, refused);
            }
            EngineOutput::Commit { id, server, ops } => self.commit(id, &server, &ops),
            EngineOutput::StoreAnswer(known) => {
                // What is not stored is looked up again (rule S10).
                let _ = self.store.set_endpoints(&self.domain, &known);
            }
            EngineOutput::OpenStore
            | EngineOutput::CloseStore { .. }
            | EngineOutput::ReadDeliveries { .. }
            | EngineOutput::ReadSession
            | EngineOutput::Load { .. }
            | EngineOutput::Enqueue(_)
            | EngineOutput::Apply { .. } => self.ask_store(output),
            EngineOutput::Event(event) => self.event(event),
            EngineOutput::Bounced {
                delivery,
                id,
                error,
            } => self.bounced(delivery, id, error),
            EngineOutput::Accepted { .. }
            | EngineOutput::KeysChanged { .. }
            | EngineOutput::PushSet { .. }
            | EngineOutput::Answered { .. }
            | EngineOutput::Request { .. }
            | EngineOutput::Responded { .. }
            | EngineOutput::Disconnected
            | EngineOutput::LoggedOut => self.tell_app(output),
            EngineOutput::Timer { .. } => {}
        }
    }

    // -- the transport

    fn use_socket(&mut self, output: EngineOutput) {
        match (output, &mut self.socket) {
            (EngineOutput::Write(bytes), Some(socket)) => socket.write(bytes),
            (EngineOutput::Close, socket) => {
                if let Some(socket) = socket.take() {
                    socket.close();
                }
            }
            (EngineOutput::Drop, socket) => *socket = None,
            _ => {}
        }
    }

    fn read(&mut self) {
        let now = self.clock.now();
        let Some(socket) = &mut self.socket else {
            return;
        };
        let input = match socket.transfer() {
            Read::Bytes(bytes) => EngineInput::Received(bytes),
            Read::Closed => EngineInput::TransportClosed,
            Read::Nothing => return,
        };
        self.engine.handle_input(input, now);
    }

    // -- the app

    /// Reports the outcome of a request of the app, or a request of another entity.
    fn tell_app(&mut self, output: EngineOutput) {
        match output {
            EngineOutput::Accepted { ticket, outcome } => self.accepted(ticket, outcome),
            EngineOutput::KeysChanged { ticket, outcome } => {
                self.waiting.keys_changed(ticket, outcome);
            }
            EngineOutput::PushSet { ticket, outcome } => self.waiting.push_set(ticket, outcome),
            EngineOutput::Answered { id, outcome } => self.answered(id, outcome),
            EngineOutput::Request { id, iq } => self.inbound.push(id, iq),
            EngineOutput::Responded { id, outcome } => self.waiting.responded(id, outcome),
            EngineOutput::Disconnected => self.waiting.disconnected(),
            EngineOutput::LoggedOut => self.waiting.logged_out(),
            _ => {}
        }
    }

    fn request_token(&self, attempt: AttemptId, refused: bool) {
        let (credentials, finding) = (self.credentials.clone(), self.finding.clone());
        tokio::spawn(async move {
            let token = credentials.token(refused).await;
            // The driver may have ended meanwhile.
            let _ = finding.send(EngineInput::TokenProvided { attempt, token });
        });
    }

    // -- the thread pool

    fn find_out(&self, work: impl FnOnce() -> EngineInput<'static> + Send + 'static) {
        let finding = self.finding.clone();
        tokio::task::spawn_blocking(move || {
            // The driver may have ended meanwhile.
            let _ = finding.send(work());
        });
    }
}
