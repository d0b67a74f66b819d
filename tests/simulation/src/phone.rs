//! The client's process: a host of the engine, in virtual time. It moves bytes, time and transactions between the
//! network, the engine and the store, reports them to the model, and decides nothing.

mod app;
mod asked;
mod commits;
mod dials;
mod history;
mod rooms;
mod storage;

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use snapback_engine::engine::{CandidateId, Discovery, LookUpId};
use snapback_engine::link::tls::Tls;
use snapback_engine::supervisor::{ConnectionState, OfflineReason, Timing};
use snapback_engine::{Engine, EngineConfig, EngineInput, EngineOutput};
use snapback_proto::config::Config;
use snapback_proto::entropy::Entropy;
use snapback_proto::knowledge::Knowledge;
use snapback_proto::plan::{Purpose, Transport};
use snapback_proto::sasl::CredentialError;
use snapback_proto::time::{Instant, Now, UnixTime};
use snapback_rooms::AccountRooms;
use snapback_tls::TlsVersions;
use snapback_types::endpoint::{Address, ServerAddress, ServerKey};

use crate::coverage::Coverage;
use crate::coverage::engine::Seen;
use crate::disk::Disk;
use crate::keys;
use crate::model::Model;
use crate::network::Time;
use crate::random::Random;
use crate::setup::{DOMAIN, MAX_STANZA};
use crate::tap::Tap;
use crate::turns::Turns;
use crate::wire::Wire;

use app::App;
use dials::Dials;
pub(crate) use rooms::NICK;
pub(crate) use storage::Kill;
use storage::{Storage, Transaction};

/// The phone's requests to the world outside.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Look these up, or the domain.
    LookUp(LookUpId, Vec<ServerAddress>),
    /// A look-up is not needed any more.
    AbandonLookUp(LookUpId),
    /// Open a transport.
    Connect(CandidateId, Address),
    /// Drop one, open or not.
    AbandonConnect(CandidateId),
    /// An open one is used by the connection.
    Use(Address),
    /// Write to the connection's transport.
    Write(Vec<u8>),
    /// Close the transport, in order or by dropping it.
    Close,
}

/// The device's clocks, seen from virtual time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    /// How far the monotonic clock is ahead, in microseconds.
    pub(crate) mono: Time,
    /// How far the date is off, in seconds.
    pub(crate) wall: i64,
}

/// The first second of every run, as the server dates it.
pub(crate) const EPOCH: i64 = 1_800_000_000;

impl Clock {
    pub(crate) fn now(self, now: Time) -> Now {
        let seconds = i64::try_from(now / 1_000_000).unwrap_or(i64::MAX);
        Now {
            mono: Instant::from_epoch(std::time::Duration::from_micros(now + self.mono)),
            wall: UnixTime(EPOCH + seconds + self.wall),
        }
    }

    fn time(self, instant: Instant) -> Time {
        // Not before it.
        let micros = instant.since_epoch().as_nanos().div_ceil(1_000);
        let micros = u64::try_from(micros).unwrap_or(u64::MAX);
        micros.saturating_sub(self.mono)
    }
}

/// A process.
#[derive(Debug)]
pub(crate) struct Phone<T: Tls + Clone> {
    engine: Engine<Tap<T>>,
    tls: Tap<T>,
    knows_csi: bool,
    /// Opening the store has failed: what it contains comes later.
    is_store_unread: bool,
    storage: Storage,
    random: Random,
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) clock: Clock,
    deadline: Option<Instant>,
    /// The observer of the connection.
    wire: Option<Wire>,
    connection_state: &'static str,
    /// The engine's inputs since its last output.
    inputs: Seen,
    /// Probes of the engine that the model knows of.
    probes: u64,
    dials: Dials,
    /// The server of the connection, or of the previous one.
    server: ServerKey,
    /// The address of that connection.
    address: Option<Address>,
    state: ConnectionState,
    app: App,
    pub(super) rooms: AccountRooms,
    rooms_deadline: Option<Instant>,
    /// Before which message of the archive the app's next page of history ends.
    history_before: Option<String>,
    /// The requests for pages, and before which message theirs ends.
    history_asked: BTreeMap<String, Option<String>>,
    /// The number of sessions.
    pub(crate) sessions: u64,
    pub(crate) resumptions: u64,
}

/// The parts of a phone.
#[derive(Debug)]
pub(crate) struct Device<'a, T> {
    pub(crate) config: &'a Arc<Config>,
    pub(crate) tls: T,
    pub(crate) transport: Transport,
    pub(crate) knows_csi: bool,
    pub(crate) commit: Time,
    pub(crate) confirms: u64,
    pub(crate) groups: bool,
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) turns: Rc<Turns>,
}

impl<T: Tls + Clone> Phone<T> {
    /// The process starts.
    pub(crate) fn start(
        device: Device<'_, T>,
        disk: Disk,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) -> Self {
        let mut random = device.random;
        let tls = Tap::new(device.tls);
        let mut storage = Storage::new(disk, device.commit, device.turns);
        let server = ServerKey {
            host: DOMAIN.to_owned(),
            port: 5222,
            transport: device.transport,
        };
        let known = storage.store().endpoints(DOMAIN);
        let known = known.ok().flatten();
        let discovery = Discovery {
            known: known.clone(),
            ..Discovery::default()
        };
        let engine = Engine::new(EngineConfig {
            core: Arc::clone(device.config),
            tls: tls.clone(),
            versions: TlsVersions::default(),
            timing: Timing::default(),
            seed: random.next(),
            max_stanza: MAX_STANZA,
            group_commit: device.groups,
            backlog_limit: 0,
            last_server: Some(server.clone()),
            discovery,
        });
        let account = device.config.account.clone();
        let rooms = AccountRooms::new(account, None, Entropy::new(random.seed()));
        let mut phone = Self {
            engine,
            tls,
            knows_csi: device.knows_csi,
            is_store_unread: false,
            storage,
            random,
            effects: VecDeque::new(),
            clock: device.clock,
            deadline: None,
            wire: None,
            connection_state: "ExpectTransport",
            inputs: Seen::default(),
            probes: 0,
            dials: Dials::default(),
            server,
            address: None,
            state: ConnectionState::Offline {
                reason: OfflineReason::NotWanted,
                retry_at: None,
            },
            app: App::new(device.confirms),
            rooms,
            rooms_deadline: None,
            history_before: None,
            history_asked: BTreeMap::new(),
            sessions: 0,
            resumptions: 0,
        };
        if let Some(known) = &known {
            coverage.event("addresses known from before");
            phone.knows(known);
        }
        model.process_started();
        phone.app_says(EngineInput::Start, model, coverage, now);
        phone.app.has_started = true;
        phone.app_says(EngineInput::Connect, model, coverage, now);
        phone
    }

    /// Returns whether the process is dead, and waits to be removed.
    pub(crate) fn is_killed(&self) -> bool {
        self.storage.is_killed()
    }

    pub(crate) fn into_disk(self) -> Disk {
        self.storage.into_disk()
    }

    pub(crate) fn arm(&mut self, kill: Kill) {
        self.storage.arm(kill);
    }

    pub(crate) fn fail_commit(&mut self, transaction: u32) {
        self.storage.fail_at(transaction);
    }

    pub(crate) fn is_online(&self) -> bool {
        matches!(self.state, ConnectionState::Online { .. })
    }

    pub(crate) fn is_caught_up(&self) -> bool {
        matches!(self.state, ConnectionState::Online { is_caught_up, .. } if is_caught_up)
    }

    /// Returns whether it does nothing before the app calls it.
    pub(crate) fn is_halted(&self) -> bool {
        matches!(
            self.state,
            ConnectionState::Offline { retry_at: None, reason }
                if !matches!(reason, OfflineReason::NoNetwork | OfflineReason::Suspended | OfflineReason::NotWanted)
        )
    }

    /// Returns whether it does nothing because of a refusal that may pass, where a login was proven before (rule W6).
    pub(crate) fn is_halted_by_what_passes(&self) -> bool {
        let is_refused = matches!(
            self.state,
            ConnectionState::Offline {
                retry_at: None,
                reason: OfflineReason::Refused
            }
        );
        is_refused && self.app.is_proven && self.app.refusal_passes
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.engine.is_suspended()
    }

    pub(crate) fn is_active(&self) -> bool {
        self.app.active
    }

    /// Returns whether no transaction is in progress.
    pub(crate) fn has_committed(&self) -> bool {
        self.storage.due().is_none()
    }

    /// Returns whether deliveries wait because the store could not be read.
    pub(crate) fn has_unread_deliveries(&self) -> bool {
        self.is_store_unread || self.engine.has_backlog()
    }

    pub(crate) fn queue_len(&mut self) -> usize {
        self.storage.store().queue_len().unwrap_or(0)
    }

    pub(crate) fn has_attempt(&self) -> bool {
        self.wire.is_some()
    }

    pub(crate) fn store(&mut self) -> &mut dyn snapback_store::Store {
        self.storage.store()
    }

    /// Returns the server of the connection, or of the previous one.
    pub(crate) fn server(&self) -> ServerKey {
        self.server.clone()
    }

    /// Faults of the server are in force on this connection.
    pub(crate) fn excuse(&mut self, model: &mut Model) {
        if let Some(wire) = &mut self.wire {
            wire.faulty = true;
            model.excuse_requests();
        }
    }

    /// Returns when the next timer is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let timers = [self.deadline, self.rooms_deadline].into_iter().flatten();
        let timer = timers.min().map(|when| self.clock.time(when));
        [timer, self.storage.due()].into_iter().flatten().min()
    }

    // -- what happens

    pub(crate) fn timeout(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        self.commit_until(now, model, now);
        let is_due = |when: Instant| when <= self.clock.now(now).mono;
        if self.deadline.is_some_and(is_due)
            && let Some(wire) = &mut self.wire
        {
            wire.probed();
        }
        self.happens(EngineInput::Timeout, model, coverage, now);
        self.with_rooms(model, coverage, now, AccountRooms::handle_timeout);
    }

    /// Returns whether a delivery is held until what its room has said before has come.
    pub(crate) fn is_held(&self, delivery: &str) -> bool {
        self.rooms.held().any(|held| held == delivery)
    }

    pub(crate) fn received(
        &mut self,
        bytes: &[u8],
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        self.happens(EngineInput::Received(bytes), model, coverage, now);
    }

    pub(crate) fn transport_closed(
        &mut self,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        self.happens(EngineInput::TransportClosed, model, coverage, now);
    }

    fn happens(
        &mut self,
        input: EngineInput<'_>,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        self.input(input, model, now);
        self.carry_out(model, coverage, now);
    }

    fn input(&mut self, input: EngineInput<'_>, model: &mut Model, now: Time) {
        self.inputs.insert(&input);
        if matches!(
            input,
            EngineInput::Connect
                | EngineInput::BeginSync(_)
                | EngineInput::Resume
                | EngineInput::NetworkChanged { .. }
                | EngineInput::SetActive(true)
        ) {
            model.event_of_user(now + self.clock.mono);
        }
        if let Some(wire) = &mut self.wire {
            wire.closes = self.engine.connection_state() == Some("Closing");
        }
        self.engine.handle_input(input, self.clock.now(now));
        self.listen(model);
    }

    /// Reports to the model what was written and read inside TLS.
    fn listen(&mut self, model: &mut Model) {
        if let Some(wire) = &mut self.wire {
            let probes = self.engine.probes();
            wire.probed_by_engine(probes - self.probes);
            self.probes = probes;
            self.tls.tell(|heard| wire.heard(heard, model));
        }
    }

    // -- outputs of the engine

    /// Carries out all outputs of the engine, unless the process dies.
    fn carry_out(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        while !self.is_killed() {
            let output = self.engine.poll_output();
            coverage.engine.output(&output);
            coverage.engine.inputs(std::mem::take(&mut self.inputs));
            coverage.engine.states(&self.engine);
            self.listen(model);
            self.notice_attempt(model, coverage);
            if let Some(state) = self.engine.connection_state()
                && state != self.connection_state
            {
                coverage.transition(self.connection_state, state);
                self.connection_state = state;
            }
            match output {
                EngineOutput::Timer { when, .. } => {
                    self.deadline = when;
                    return;
                }
                output => self.carry_out_one(output, model, coverage, now),
            }
        }
    }

    fn carry_out_one(
        &mut self,
        output: EngineOutput,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        match output {
            EngineOutput::LookUp { .. }
            | EngineOutput::LookUpPrefix { .. }
            | EngineOutput::AbandonLookUp(_)
            | EngineOutput::Connect { .. }
            | EngineOutput::AbandonConnect { .. }
            | EngineOutput::UseTransport { .. } => self.dial(output, model, coverage, now),
            EngineOutput::StoreAnswer(known) => {
                self.knows(&known);
                // What is not stored is looked up again.
                let store = self.storage.read();
                let _ = store.and_then(|store| store.set_endpoints(DOMAIN, &known));
            }
            EngineOutput::Write(mut bytes) => {
                self.storage.spend_bytes(&mut bytes);
                self.effects.push_back(Effect::Write(bytes));
            }
            EngineOutput::Close | EngineOutput::Drop => {
                self.commit_until(Time::MAX, model, now);
                self.app.last_wire = self.wire.take();
                self.effects.push_back(Effect::Close);
            }
            EngineOutput::VerifyCertificate { attempt, request } => {
                let verdict = request.verify();
                let input = EngineInput::CertificateVerified { attempt, verdict };
                self.input(input, model, now);
            }
            // Accounts of the simulation have passwords.
            EngineOutput::RequestToken { attempt, .. } => {
                let token = Err(CredentialError::UserNeeded);
                self.input(EngineInput::TokenProvided { attempt, token }, model, now);
            }
            EngineOutput::DeriveKeys { attempt, id, .. } => {
                let keys = keys::derive(&id);
                self.input(EngineInput::KeysDerived { attempt, id, keys }, model, now);
            }
            EngineOutput::Commit { id, server, ops } => {
                let transaction = Transaction { id, server, ops };
                if let Some(transaction) = self.storage.defer(transaction, now) {
                    self.commit(&transaction, model, now);
                }
            }
            output => self.ask_store(output, model, coverage, now),
        }
    }

    /// A connection begins.
    fn begins(
        &mut self,
        knowledge: &Knowledge,
        purpose: Purpose,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        let at = self.clock.now(now);
        // What was read from an older connection and not stored was not acknowledged; the server sends it again.
        model.uncounted.clear();
        if (knowledge.sm.as_ref()).is_some_and(|session| session.has_expired(at.wall)) {
            coverage.event("session expired while away");
        }
        let active = self.app.active;
        self.wire = Some(Wire::new(
            knowledge,
            at.wall,
            active,
            self.knows_csi,
            purpose,
        ));
        self.connection_state = "ExpectTransport";
        self.app.logging_in = true;
        self.app.online_at = None;
    }
}
