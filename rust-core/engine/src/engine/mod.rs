//! All decisions for one account (`docs/architecture.md`).
//!
//! # Calling contract
//!
//! After each [`Engine::handle_input`], the host calls [`Engine::poll_output`] until it returns
//! [`EngineOutput::Timer`], and carries out each output before it polls the next one.
//!
//! - Requests to the store ([`EngineOutput::OpenStore`], `CloseStore`, `ReadSession`, `Load`, `Enqueue`, `Apply`,
//!   `ReadDeliveries`) are answered **when they are polled**, before the next output is polled. The same holds for
//!   [`EngineOutput::UseTransport`].
//! - [`EngineOutput::Commit`] may take time; other outputs are carried out meanwhile. Transactions are committed and
//!   reported in their order. After a failed transaction no later one may be committed. Pending transactions are
//!   committed before a transport is closed or dropped.
//! - Everything else is reported when it happens. Reports about an older attempt, or about an operation that was
//!   abandoned, are ignored (rule I9).
//! - Received bytes are reported before [`EngineInput::Timeout`] and [`EngineInput::Connected`], since they may contain
//!   what the deadline waits for.
//!
//! Time is an argument, entropy comes with [`EngineInput::TransportReady`], and no call blocks.

mod address;
mod app;
mod asked;
mod backlog;
mod candidates;
mod credentials;
mod dialing;
mod dropped;
mod event;
mod first_bytes;
mod gaps;
mod inbound;
mod input;
mod log_out;
mod output;
mod push;
mod requests;
mod sends;
mod set_back;
mod standby;
mod states;
mod storage;
mod transport;
mod trust;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use snapback_proto::config::Config;
use snapback_proto::connection::Command;
use snapback_proto::plan::Purpose;
use snapback_proto::time::{Instant, Now, UnixTime};
use snapback_proto::xml::Element;
use snapback_store::ServerKey;
use snapback_tls::{TlsContext, TlsVersions};

use crate::link::LinkInput;
use crate::link::tls::Tls;
use crate::supervisor::{self, AttemptId, ConnectionState, Supervisor, Timing};

pub use address::{Detour, DetourReason};
pub use candidates::{
    Abandonment, AnswerMemory, CandidateId, ConnectFailure, DialFate, DialReport, DialedAddress,
    Discovery, EndedQuery, LookUpId, Names,
};
pub use event::{DialError, EndReason, EngineEvent};
pub use inbound::{InboundRequestId, RespondError};
pub use input::{EngineInput, EventQueueLevel, Opened, Room};
pub use output::{EngineOutput, EngineTimer, NotGiven};
pub use requests::{Answer, RequestError};
pub use sends::Refusal;
pub use snapback_types::endpoint::{Address, ServerAddress};
pub use states::ENGINE_STATES;
pub use storage::CommitId;
pub use trust::{KeyChange, KeyError};

use address::Addresses;
use asked::Asked;
use backlog::Backlog;
use candidates::Candidates;
use credentials::Credentials;
use dialing::Dialing;
use gaps::Gaps;
use inbound::InboundRequests;
use log_out::{AfterLogOut, LogOut};
use requests::Requests;
use sends::Sends;
use standby::Standby;
use storage::Transactions;
use transport::Attempt;
use trust::Trust;

/// The host's identifier for a stanza that the app sends, or for another request that is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The configuration of an engine.
#[derive(Debug)]
pub struct EngineConfig<T = TlsContext> {
    /// The account, and what a connection may do.
    pub core: Arc<Config>,
    /// The trust configuration, with its TLS session tickets.
    pub tls: T,
    /// The TLS versions to offer.
    pub versions: TlsVersions,
    /// The delays between attempts, and the times of liveness probes.
    pub timing: Timing,
    /// Entropy for the jitter of these delays.
    pub seed: u64,
    /// The maximum size of an outbound stanza, in bytes of XML.
    pub max_stanza: usize,
    /// Whether consecutive transactions are committed as one. The contract allows both.
    pub group_commit: bool,
    /// How many bytes of stanzas, as XML, may wait in the store for an app that does not take them, before the engine
    /// stops reading from the server. Zero if they would wait in memory.
    pub backlog_limit: usize,
    /// The server of an earlier process's last connection, if known.
    pub last_server: Option<ServerKey>,
    /// Where the account's own servers are found.
    pub discovery: Discovery,
}

/// The engine of one account.
#[derive(Debug)]
pub struct Engine<T: Tls + Clone = TlsContext> {
    core: Arc<Config>,
    tls: T,
    versions: TlsVersions,
    max_stanza: usize,
    now: Now,
    supervisor: Supervisor,
    attempt: Option<Attempt<T>>,
    dialing: Option<Dialing>,
    candidates: Candidates,
    /// How the transport was found that no attempt uses yet, or why there is none.
    dial_report: DialReport,
    /// The connection to which a liveness probe was sent.
    probed: Option<AttemptId>,
    probes: u64,
    standby: Option<Standby>,
    addresses: Addresses,
    log_out: Option<LogOut>,
    after_log_out: AfterLogOut,
    /// Whether the user has logged out, and the app has not asked for a connection since.
    is_logged_out: bool,
    credentials: Credentials,
    trust: Trust,
    /// How many background syncs are in progress.
    syncs: usize,
    active: bool,
    requests: Requests,
    inbound: InboundRequests,
    sends: Sends,
    transactions: Transactions,
    /// The requests to the store that are not answered yet.
    asked: VecDeque<Asked>,
    /// While the store is closed: the stored deliveries that the app has received.
    given: Option<HashSet<String>>,
    /// The deliveries that the app has not received yet.
    backlog: Backlog,
    backlog_limit: usize,
    /// The connection that has caught up while deliveries wait.
    caught_up: Option<AttemptId>,
    gaps: Gaps,
    /// How full the app's event queue is.
    app: EventQueueLevel,
    /// The presence that the app broadcast last.
    presence: Option<Arc<Element>>,
    /// Set if the store is to be closed once there is nothing left to do.
    closing_store: Option<ClosingStore>,
    /// Whether the app waits for the end of the connection.
    disconnecting: bool,
    outputs: VecDeque<EngineOutput>,
    phase: Phase,
}

/// Whether the store is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClosingStore {
    /// In any case.
    Always,
    /// Only if the process suspends again.
    IfSuspended,
}

/// Which machine is polled next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Link,
    Supervisor {
        /// The supervisor returned an output, so the link may have more outputs.
        spoke: bool,
    },
    Rest,
}

impl<T: Tls + Clone> Engine<T> {
    /// Returns an engine that waits for [`EngineInput::Connect`].
    pub fn new(config: EngineConfig<T>) -> Self {
        Self {
            core: config.core,
            tls: config.tls,
            versions: config.versions,
            max_stanza: config.max_stanza,
            now: Now {
                mono: Instant::ZERO,
                wall: UnixTime(0),
            },
            supervisor: Supervisor::new(config.timing, config.seed),
            attempt: None,
            dialing: None,
            candidates: Candidates::new(config.discovery),
            dial_report: DialReport::default(),
            probed: None,
            probes: 0,
            standby: None,
            addresses: Addresses::new(config.last_server),
            log_out: None,
            after_log_out: AfterLogOut::default(),
            is_logged_out: false,
            credentials: Credentials::default(),
            trust: Trust::default(),
            syncs: 0,
            active: true,
            requests: Requests::default(),
            inbound: InboundRequests::default(),
            sends: Sends::default(),
            transactions: Transactions::new(config.group_commit),
            asked: VecDeque::new(),
            given: Some(HashSet::new()),
            backlog: Backlog::default(),
            backlog_limit: config.backlog_limit,
            caught_up: None,
            gaps: Gaps::default(),
            app: EventQueueLevel::Low,
            presence: None,
            closing_store: None,
            disconnecting: false,
            outputs: VecDeque::new(),
            phase: Phase::Rest,
        }
    }

    // -- what a host may inspect

    /// Returns the name of the state of the attempt's connection; `None` while there is no transport.
    pub fn connection_state(&self) -> Option<&'static str> {
        self.attempt
            .as_ref()
            .map(|attempt| attempt.link.state_name())
    }

    /// Returns whether the attempt has established a session. During a login the host must not pause reading.
    pub fn is_online(&self) -> bool {
        self.attempt.as_ref().is_some_and(Attempt::is_online)
    }

    /// Returns whether there is a transport, or one is being opened for an attempt.
    pub fn is_busy(&self) -> bool {
        self.attempt.is_some() || self.dialing.is_some()
    }

    /// Returns whether a liveness probe was sent on the connection and not answered yet.
    pub fn is_probing(&self) -> bool {
        self.attempt
            .as_ref()
            .is_some_and(|attempt| attempt.link.is_probing())
    }

    /// Returns how many liveness probes were sent, on all connections.
    pub fn probes(&self) -> u64 {
        self.probes
    }

    /// Returns whether everything was released before the process is suspended.
    pub fn is_suspended(&self) -> bool {
        self.supervisor.is_suspended()
    }

    // -- inputs

    /// Handles one input.
    pub fn handle_input(&mut self, input: EngineInput<'_>, now: Now) {
        self.now = now;
        match input {
            EngineInput::Start => self.open_store(Asked::OpenedAtStart),
            EngineInput::Connect => self.wake(supervisor::Input::Connect),
            EngineInput::Resume => self.resume(),
            EngineInput::Disconnect => self.disconnect(),
            EngineInput::BeginSync(kind) => self.begin_sync(kind),
            EngineInput::EndSync => self.end_sync(),
            EngineInput::Suspend => self.suspend(),
            EngineInput::SetActive(active) => self.set_active(active),
            EngineInput::NetworkChanged { available } => self.network_changed(available),
            EngineInput::LogOut => self.begin_log_out(),
            EngineInput::ForgetFloor => self.forget_floor(),
            EngineInput::SetPassword(password) => self.set_password(password),
            EngineInput::ChangeKeys { ticket, change } => self.change_keys(ticket, change),
            EngineInput::SetPush { ticket, wanted } => self.set_push(ticket, wanted),
            EngineInput::Send {
                ticket,
                stanza,
                kind,
                room,
            } => self.send(ticket, stanza, kind, room),
            EngineInput::Request { stanza, room } => self.request(stanza, room),
            EngineInput::Respond { id, answer } => self.respond(id, answer),
            EngineInput::RequestsAbandoned(ids) => self.requests.abandon(&ids),
            EngineInput::Confirm(deliveries) => self.confirm(deliveries),
            EngineInput::GapReceived => self.gap_received(),
            EngineInput::EventQueue(level) => self.event_queue_is(level),
            dialed @ (EngineInput::Found { .. }
            | EngineInput::LookedUp { .. }
            | EngineInput::PrefixLookedUp { .. }
            | EngineInput::Connected { .. }
            | EngineInput::ConnectFailed { .. }) => self.dial_progressed(dialed),
            EngineInput::Received(bytes) => self.received(bytes),
            EngineInput::TransportClosed => self.transport_closed(),
            EngineInput::Timeout => self.timeout(),
            EngineInput::CertificateVerified { attempt, verdict } => {
                self.certificate_verified(attempt, verdict);
            }
            EngineInput::KeysDerived { attempt, id, keys } => {
                self.keys_derived(attempt, id, keys);
            }
            EngineInput::TokenProvided { attempt, token } => {
                self.finding(attempt, LinkInput::TokenProvided(token));
            }
            EngineInput::Committed(id) => self.committed(id),
            EngineInput::CommitFailed(id, error) => self.commit_failed(id, error),
            answer @ (EngineInput::TransportReady { .. }
            | EngineInput::StoreOpened(_)
            | EngineInput::StoreClosed(_)
            | EngineInput::DeliveriesRead(_)
            | EngineInput::SessionRead(_)
            | EngineInput::Loaded(_)
            | EngineInput::Enqueued(_)
            | EngineInput::Applied(_)) => return self.store_answered(answer),
        }
        self.phase = Phase::Link;
    }

    /// Returns the next output.
    pub fn poll_output(&mut self) -> EngineOutput {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return output;
            }
            if !self.asked.is_empty() {
                return self.timer();
            }
            if self.give_backlog() {
                continue;
            }
            match self.phase {
                Phase::Link => {
                    if !self.poll_link() {
                        self.note_probe_answered();
                        self.phase = Phase::Supervisor { spoke: false };
                    }
                }
                Phase::Supervisor { spoke } => {
                    self.phase = match (self.poll_supervisor(), spoke) {
                        (true, _) => Phase::Supervisor { spoke: true },
                        (false, true) => Phase::Link,
                        (false, false) => Phase::Rest,
                    };
                }
                Phase::Rest => {
                    if self.at_rest() {
                        self.phase = Phase::Link;
                    } else if self.outputs.is_empty() {
                        return self.timer();
                    }
                }
            }
        }
    }

    fn timer(&self) -> EngineOutput {
        let connection = self.attempt.as_ref().and_then(|attempt| attempt.deadline);
        let connection = connection.map(|(when, why)| (when, EngineTimer::Connection(why)));
        let supervisor = self.supervisor.deadline();
        let supervisor = supervisor.map(|(when, why)| (when, EngineTimer::Supervisor(why)));
        let dialing = self.dialing.as_ref().and_then(Dialing::deadline);
        let standby = self.standby.as_ref().and_then(Standby::deadline);
        let first_bytes = self.first_bytes_deadline();
        let dial = [dialing, standby, first_bytes].into_iter().flatten().min();
        let dial = dial.map(|when| (when, EngineTimer::Dial));
        let answer = self.inbound.deadline();
        let answer = answer.map(|when| (when, EngineTimer::Answer));
        let deliveries = self.backlog.deadline();
        let deliveries = deliveries.map(|when| (when, EngineTimer::Deliveries));
        let first = [connection, supervisor, dial, answer, deliveries];
        let first = first.into_iter().flatten();
        let first = first.min_by_key(|(when, _)| *when);
        EngineOutput::Timer {
            when: first.map(|(when, _)| when),
            why: first.map(|(_, why)| why),
        }
    }

    /// Runs what is due once neither machine has more outputs. Returns whether there was anything to do.
    fn at_rest(&mut self) -> bool {
        if self.attempt.is_none() {
            self.drop_standby(Abandonment::Superseded);
        }
        self.sends.settled(&mut self.outputs);
        self.note_disconnected();
        if self.continue_log_out() {
            return true;
        }
        if self.awaits_commit_of_dropped() {
            return false;
        }
        match self.closing_store.take() {
            Some(ClosingStore::IfSuspended) if !self.supervisor.is_suspended() => false,
            // It is closed already: the app has suspended the client during a background sync.
            Some(_) if self.given.is_some() => false,
            Some(_) => {
                let not_given = self.not_given();
                self.ask(Asked::Closed, EngineOutput::CloseStore { not_given });
                true
            }
            None => false,
        }
    }

    // -- the supervisor

    fn tell(&mut self, input: supervisor::Input) {
        self.supervisor.handle_input(input, self.now.mono);
    }

    /// Carries out the supervisor's next output. Returns whether there was one.
    fn poll_supervisor(&mut self) -> bool {
        match self.supervisor.poll_output() {
            supervisor::Output::StartAttempt {
                attempt, purpose, ..
            } => self.open_store(Asked::OpenedForAttempt { attempt, purpose }),
            supervisor::Output::StopAttempt { .. } => self.drop_attempt(),
            supervisor::Output::CloseCleanly { attempt } => self.close_cleanly(attempt),
            supervisor::Output::Probe { attempt, deadline } => self.probe(attempt, deadline),
            supervisor::Output::State(state) => self.announce(state),
            supervisor::Output::Timeout { .. } | supervisor::Output::Idle => return false,
        }
        true
    }

    fn announce(&mut self, state: ConnectionState) {
        let is_offline = matches!(state, ConnectionState::Offline { .. });
        let is_final = matches!(state, ConnectionState::Offline { retry_at: None, .. });
        if is_final {
            self.disconnected();
        }
        self.event(EngineEvent::State(state));
        if is_offline && self.is_turning_in() {
            // The server cannot be reached now, and it is not known when it can.
            return self.token_turned_in();
        }
        self.continue_log_out();
    }

    fn close_cleanly(&mut self, attempt: AttemptId) {
        if self.attempt.is_some() {
            return self.command(Command::Close);
        }
        self.stop_dialing();
        self.tell(supervisor::Input::Ended {
            attempt,
            verdict: None,
        });
    }

    fn command(&mut self, command: Command) {
        self.link_input(LinkInput::Command(command));
    }

    fn event(&mut self, event: EngineEvent) {
        self.outputs.push_back(EngineOutput::Event(event));
    }

    /// Returns the purpose of an attempt that begins now.
    fn purpose_of(&self, purpose: Purpose) -> Purpose {
        if self.is_turning_in() {
            Purpose::LogOut
        } else {
            purpose
        }
    }
}
