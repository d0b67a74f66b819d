//! The engine's host on tokio: sockets, time, threads and the store. It carries out what the engine says and reports what
//! came of it; it decides nothing.

mod request;
mod socket;
mod storage;

use std::sync::Arc;

use snapback_engine::engine::{DialError, EventQueueLevel, NotReached, Reached};
use snapback_engine::supervisor::AttemptId;
use snapback_engine::{Engine, EngineInput, EngineOutput};
use snapback_proto::sasl::{SaslError, ScramKeys};
use snapback_proto::time::Instant;
use snapback_store::Store;
use snapback_types::endpoint::{Endpoint, KnownEndpoints};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::dial::Dialer;
use crate::event_queue::EventQueue;

pub(crate) use request::Request;
pub use request::SendError;
use request::Waiting;
use socket::{Read, Socket};

type Dialed = Result<(TcpStream, Endpoint), DialError>;

/// Everything that the driver's task owns.
pub(crate) struct Driver {
    engine: Engine,
    clock: Clock,
    store: Box<dyn Store>,
    events: Arc<EventQueue>,
    dialer: Dialer,
    domain: String,
    /// What the dialer looked up.
    answers: mpsc::UnboundedReceiver<KnownEndpoints>,
    requests: mpsc::UnboundedReceiver<Request>,
    waiting: Waiting,
    socket: Option<Socket>,
    dialing: Option<(AttemptId, Task)>,
    standby: Option<Standby>,
    level: EventQueueLevel,
    /// What threads of the blocking pool have found out.
    findings: mpsc::UnboundedReceiver<EngineInput<'static>>,
    finding: mpsc::UnboundedSender<EngineInput<'static>>,
}

/// What a driver is made from.
pub(crate) struct Parts {
    pub(crate) engine: Engine,
    pub(crate) store: Box<dyn Store>,
    pub(crate) events: Arc<EventQueue>,
    pub(crate) dialer: Dialer,
    pub(crate) domain: String,
    pub(crate) answers: mpsc::UnboundedReceiver<KnownEndpoints>,
    pub(crate) requests: mpsc::UnboundedReceiver<Request>,
}

/// A transport that is being opened; it is given up with the task.
struct Task(JoinHandle<Dialed>);

impl Task {
    async fn dialed(&mut self) -> Dialed {
        (&mut self.0).await.unwrap_or(Err(DialError::TimedOut))
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A transport beside the connection.
enum Standby {
    Opening(Task),
    Open(TcpStream, Endpoint),
}

/// What woke the driver.
enum Wake {
    Request(Option<Request>),
    Dialed(Dialed),
    Standby(Dialed),
    Finding(EngineInput<'static>),
    LookedUp(KnownEndpoints),
    Socket,
    Drained,
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
            dialer: parts.dialer,
            domain: parts.domain,
            answers: parts.answers,
            requests: parts.requests,
            waiting: Waiting::default(),
            socket: None,
            dialing: None,
            standby: None,
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
                Wake::Standby(dialed) => self.standby_dialed(dialed),
                Wake::Finding(finding) => self.input(finding),
                Wake::LookedUp(answer) => self.looked_up(&answer),
                Wake::Socket if self.may_read() => self.read(),
                Wake::Socket => {
                    if let Some(socket) = &mut self.socket {
                        socket.flush();
                    }
                }
                Wake::Drained => {}
                Wake::Deadline => {
                    if !self.may_read() {
                        // Reading is held back: what the deadline waits for may have come long ago.
                        self.read();
                    }
                    self.input(EngineInput::Timeout);
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
        let is_behind = !may_read || self.engine.has_backlog();
        let (dialing, standby, socket) = (&mut self.dialing, &mut self.standby, &self.socket);
        let is_dialing = dialing.is_some();
        let dialed = async {
            match dialing {
                Some((_, task)) => task.dialed().await,
                None => std::future::pending().await,
            }
        };
        let standby = async {
            match standby {
                Some(Standby::Opening(task)) => task.dialed().await,
                Some(Standby::Open(..)) | None => std::future::pending().await,
            }
        };
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
            dialed = dialed, if is_dialing => Wake::Dialed(dialed),
            dialed = standby => Wake::Standby(dialed),
            Some(finding) = self.findings.recv() => Wake::Finding(finding),
            Some(answer) = self.answers.recv() => Wake::LookedUp(answer),
            () = socket => Wake::Socket,
            () = self.events.drained(), if is_behind => Wake::Drained,
            () = timer => Wake::Deadline,
        }
    }

    /// Neither a full event queue nor a server that does not take our answers stops a login, or the close of a stream.
    fn may_read(&self) -> bool {
        let is_owing = self.socket.as_ref().is_some_and(Socket::owes_too_much);
        self.engine.may_read() && !(is_owing && self.engine.is_online())
    }

    /// The engine knows how full the app's queue is.
    fn report_level(&mut self) {
        let level = self.events.level();
        if std::mem::replace(&mut self.level, level) != level {
            self.input(EngineInput::EventQueue(level));
        }
    }

    fn input(&mut self, input: EngineInput<'_>) {
        self.engine.handle_input(input, self.clock.now());
    }

    /// Carries out all that the engine says; yields its next deadline.
    fn carry_out(&mut self) -> Option<Instant> {
        loop {
            match self.engine.poll_output() {
                EngineOutput::Timer { when, .. } => return when,
                output => self.carry_out_one(output),
            }
        }
    }

    fn carry_out_one(&mut self, output: EngineOutput) {
        match output {
            EngineOutput::Dial { .. }
            | EngineOutput::UseStandby { .. }
            | EngineOutput::AbortDial
            | EngineOutput::DialStandby { .. }
            | EngineOutput::DropStandby(_) => self.dial(output),
            EngineOutput::Write(bytes) => {
                if let Some(socket) = &mut self.socket {
                    socket.write(bytes);
                }
            }
            EngineOutput::Close => {
                if let Some(socket) = self.socket.take() {
                    socket.close();
                }
            }
            EngineOutput::Drop => self.socket = None,
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
            EngineOutput::Commit { id, server, ops } => self.commit(id, &server, &ops),
            EngineOutput::OpenStore
            | EngineOutput::CloseStore { .. }
            | EngineOutput::ReadDeliveries { .. }
            | EngineOutput::ReadSession
            | EngineOutput::Load { .. }
            | EngineOutput::Enqueue(_)
            | EngineOutput::Apply { .. } => self.ask_store(output),
            EngineOutput::Event(event) => {
                self.events.push(event);
                self.report_level();
            }
            EngineOutput::Accepted { ticket, outcome } => self.waiting.accepted(ticket, outcome),
            EngineOutput::Answered { id, outcome } => self.waiting.answered(&id, outcome),
            EngineOutput::Disconnected => self.waiting.disconnected(),
            EngineOutput::LoggedOut => self.waiting.logged_out(),
            EngineOutput::Timer { .. } => {}
        }
    }

    // -- transports

    fn dial(&mut self, output: EngineOutput) {
        let wall = self.clock.now().wall;
        match output {
            EngineOutput::Dial {
                attempt,
                detour,
                set_back,
                ..
            } => {
                let dialer = self.dialer.clone().setting_back(set_back);
                let dialing = dialer.connect(detour.map(|detour| detour.address), wall);
                self.dialing = Some((attempt, Task(tokio::spawn(dialing))));
            }
            EngineOutput::UseStandby { attempt, .. } => {
                if let Some(Standby::Open(socket, endpoint)) = self.standby.take() {
                    let open = std::future::ready(Ok((socket, endpoint)));
                    self.dialing = Some((attempt, Task(tokio::spawn(open))));
                }
            }
            EngineOutput::DialStandby {
                delay,
                detour,
                set_back,
            } => {
                let dialer = self.dialer.clone().setting_back(set_back);
                let task = tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    dialer
                        .connect(detour.map(|detour| detour.address), wall)
                        .await
                });
                self.standby = Some(Standby::Opening(Task(task)));
            }
            EngineOutput::DropStandby(_) => self.standby = None,
            _ => self.dialing = None,
        }
    }

    fn dialed(&mut self, dialed: Dialed) {
        let Some((attempt, _)) = self.dialing.take() else {
            return;
        };
        let outcome = match dialed {
            Ok((socket, endpoint)) => match snapback_tls::random_seed() {
                Ok(seed) => {
                    self.socket = Some(Socket::new(socket));
                    Ok(Reached {
                        server: endpoint.server_key(),
                        addr: endpoint.addr,
                        seed,
                    })
                }
                Err(_) => Err(NotReached::NoEntropy),
            },
            Err(error) => Err(NotReached::NoTransport(error)),
        };
        self.input(EngineInput::Dialed { attempt, outcome });
    }

    fn standby_dialed(&mut self, dialed: Dialed) {
        self.standby = None;
        let server = match dialed {
            Ok((socket, endpoint)) => {
                let server = endpoint.server_key();
                self.standby = Some(Standby::Open(socket, endpoint));
                // Reading may be held back, or bytes just came: the probe's answer may be here.
                self.read();
                Some(server)
            }
            Err(_) => None,
        };
        self.input(EngineInput::StandbyDialed(server));
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

    // -- the thread pool

    fn find_out(&self, work: impl FnOnce() -> EngineInput<'static> + Send + 'static) {
        let finding = self.finding.clone();
        tokio::task::spawn_blocking(move || {
            // The driver may have ended meanwhile.
            let _ = finding.send(work());
        });
    }
}
