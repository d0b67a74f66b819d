//! The client's process, in the driver's place: it moves bytes and time between the network, the link, the supervisor
//! and the store, and decides nothing. It follows `rust-core/client/src/driver`, call by call.

mod address;
mod app;
mod commits;
mod log_out;
mod spare;
mod storage;

use std::collections::VecDeque;
use std::sync::Arc;

use snapback_proto::config::Config;
use snapback_proto::connection::{Command, Start};
use snapback_proto::error::ConnectionError;
use snapback_proto::knowledge::{Op, SmSession};
use snapback_proto::plan::{Purpose, Transport};
use snapback_proto::sasl::{ScramKeyId, ScramKeys};
use snapback_proto::time::{Instant, Now, UnixTime};
use snapback_session::link::tls::Tls;
use snapback_session::link::{Link, LinkConfig, LinkError, LinkInput, LinkOutput};
use snapback_session::supervisor::{
    self, AttemptId, ConnectionState, Ending, OfflineReason, Step, Supervisor, Timing,
};
use snapback_store::ServerKey;
use snapback_tls::TlsVersions;

use crate::coverage::Coverage;
use crate::disk::Disk;
use crate::keys;
use crate::model::Model;
use crate::network::Time;
use crate::random::Random;
use crate::tap::Tap;
use crate::wire::Wire;

use address::Address;
pub(crate) use address::Destination;
use log_out::LogOut;
use spare::Spare;
pub(crate) use storage::Kill;
use storage::Storage;

/// What the phone wants of the world outside.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Open a transport, to this host first.
    Dial(AttemptId, Destination),
    /// Go on over the transport that was opened beside the last connection.
    TakeSpare(AttemptId, Destination),
    /// Give up opening one.
    StopDialing,
    /// Open one beside this connection, a little later.
    OpenSpare(AttemptId, Destination, Time),
    /// It is not needed.
    DropSpare,
    /// Write to the connection's transport.
    Write(Vec<u8>),
    /// The transport is closed, in order or by dropping it.
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
        let micros = u64::try_from(instant.since_epoch().as_micros()).unwrap_or(u64::MAX);
        micros.saturating_sub(self.mono)
    }
}

/// A process.
#[derive(Debug)]
pub(crate) struct Phone<T: Tls + Clone> {
    config: Arc<Config>,
    tls: Tap<T>,
    versions: TlsVersions,
    transport: Transport,
    knows_csi: bool,
    supervisor: Supervisor,
    attempt: Option<Attempt<T>>,
    dialing: bool,
    /// What the attempt that is being dialed is for.
    purpose: Purpose,
    /// What the password was last stretched into; it dies with the process.
    derived_keys: Option<(ScramKeyId, ScramKeys)>,
    /// The connection that was asked for a sign of life.
    probed: Option<AttemptId>,
    spare: Option<Spare>,
    log_out: Option<LogOut>,
    active: bool,
    storage: Storage,
    random: Random,
    confirms: u64,
    groups: bool,
    pub(crate) effects: VecDeque<Effect>,
    pub(crate) clock: Clock,
    state: ConnectionState,
    /// A session came about: after losing another one, if there was one.
    pub(crate) sessions: u64,
    pub(crate) resumptions: u64,
    closing: bool,
    address: Address,
    /// Another client took our place, and the app has said nothing since.
    displaced: bool,
    /// A server may have heard of an attempt that has no session yet.
    logging_in: bool,
    /// When such an attempt was last given up.
    unanswered: Option<Instant>,
}

#[derive(Debug)]
struct Attempt<T: Tls + Clone> {
    number: AttemptId,
    link: Link<Tap<T>>,
    wire: Wire,
    state: &'static str,
    deadline: Option<Instant>,
}

/// What a phone is made from.
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
        let Device {
            config,
            tls,
            transport,
            knows_csi,
            commit,
            confirms,
            groups,
            clock,
            mut random,
        } = device;
        let seed = random.next();
        let mut phone = Self {
            config: Arc::clone(config),
            tls: Tap::new(tls),
            versions: TlsVersions::default(),
            transport,
            knows_csi,
            supervisor: Supervisor::new(Timing::default(), seed),
            attempt: None,
            dialing: false,
            purpose: Purpose::Session,
            derived_keys: None,
            probed: None,
            spare: None,
            log_out: None,
            active: true,
            storage: Storage::new(disk, commit),
            random,
            confirms,
            groups,
            effects: VecDeque::new(),
            clock,
            state: ConnectionState::Offline {
                reason: OfflineReason::NotWanted,
                retry_at: None,
            },
            sessions: 0,
            resumptions: 0,
            closing: false,
            address: Address::default(),
            displaced: false,
            logging_in: false,
            unanswered: None,
        };
        phone.redeliver(model);
        phone.tell(supervisor::Input::Connect, now);
        phone.settle(model, coverage, now);
        phone
    }

    /// The process is dead, and only waits to be taken away.
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

    /// It does nothing and will do nothing before the app says so.
    pub(crate) fn is_halted(&self) -> bool {
        matches!(
            self.state,
            ConnectionState::Offline { retry_at: None, reason }
                if !matches!(reason, OfflineReason::NoNetwork | OfflineReason::Suspended | OfflineReason::NotWanted)
        )
    }

    pub(crate) fn is_suspended(&self) -> bool {
        self.supervisor.is_suspended()
    }

    pub(crate) fn is_active(&self) -> bool {
        self.active
    }

    /// No transaction is under way.
    pub(crate) fn has_committed(&self) -> bool {
        self.storage.due().is_none()
    }

    pub(crate) fn queue_len(&mut self) -> usize {
        self.storage.store().queue_len().unwrap_or(0)
    }

    fn was_logged_in(&mut self) -> bool {
        let server = self.server();
        let known = self.storage.store().load(&server);
        known.is_ok_and(|known| known.was_logged_in())
    }

    pub(crate) fn has_attempt(&self) -> bool {
        self.attempt.is_some()
    }

    pub(crate) fn store(&mut self) -> &mut dyn snapback_store::Store {
        self.storage.store()
    }

    /// The server of the connection, or of the one before.
    pub(crate) fn server(&self) -> ServerKey {
        ServerKey {
            host: self.address.host.name().to_owned(),
            port: 5222,
            transport: self.transport,
        }
    }

    /// Faults of the server are in force on this connection.
    pub(crate) fn excuse(&mut self, model: &mut Model) {
        if let Some(attempt) = &mut self.attempt {
            attempt.wire.faulty = true;
            model.excuse_requests();
        }
    }

    /// When something is due by itself.
    pub(crate) fn deadline(&mut self) -> Option<Time> {
        let link = self.attempt.as_ref().and_then(|attempt| attempt.deadline);
        let supervisor = match self.supervisor.poll_output() {
            supervisor::Output::Timeout { when, .. } => Some(when),
            _ => None,
        };
        let timer = [link, supervisor].into_iter().flatten().min();
        [timer.map(|when| self.clock.time(when)), self.storage.due()]
            .into_iter()
            .flatten()
            .min()
    }

    // -- what happens

    pub(crate) fn timeout(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        self.commit_due(model, now);
        let at = self.clock.now(now);
        if let Some(attempt) = self.attempt.as_mut()
            && attempt.deadline.is_some_and(|when| when <= at.mono)
        {
            self.input(LinkInput::Timeout, model, now);
        }
        self.tell(supervisor::Input::Timeout, now);
        self.settle(model, coverage, now);
    }

    /// A transport is up, or there is none.
    pub(crate) fn dialed(
        &mut self,
        number: AttemptId,
        connected: Option<Destination>,
        since: Time,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        self.dialing = false;
        if let Some(host) = connected {
            if host != self.address.host {
                // What is remembered of the one is not remembered of the other.
                model.server_forgotten = true;
                coverage.event("other host");
            }
            self.address.host = host;
            self.begin(number, since, model, coverage, now);
            self.logging_in = true;
            self.tell(
                supervisor::Input::AttemptProgress {
                    attempt: number,
                    step: Step::Login,
                },
                now,
            );
        } else {
            let ending = Ending {
                retryable: true,
                ..Ending::default()
            };
            self.not_begun(number, ending, model, coverage, now);
        }
        self.settle(model, coverage, now);
    }

    /// The attempt ended before there was a connection.
    fn not_begun(
        &mut self,
        attempt: AttemptId,
        ending: Ending,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        self.token_turned_in(model, coverage, now);
        let ending = Some(ending);
        self.tell(supervisor::Input::Ended { attempt, ending }, now);
    }

    fn begin(
        &mut self,
        number: AttemptId,
        since: Time,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        let server = self.server();
        let knowledge = self
            .storage
            .store()
            .load(&server)
            .expect("the store can be read");
        let at = self.clock.now(now);
        // What was read from an older connection and not stored was not taken; the server sends it again.
        model.uncounted.clear();
        if (knowledge.sm.as_ref()).is_some_and(|session| session.has_expired(at.wall)) {
            coverage.event("session expired while away");
        }
        let wire = Wire::new(
            &knowledge,
            at.wall,
            self.active,
            self.knows_csi,
            self.purpose,
        );
        let start = Start {
            config: Arc::clone(&self.config),
            transport: server.transport,
            knowledge,
            derived_keys: self.derived_keys.clone(),
            early_data_possible: self.config.policy.early_data,
            purpose: self.purpose,
            active: self.active,
            seed: self.random.seed(),
        };
        let config = LinkConfig {
            start,
            tls: self.tls.clone(),
            versions: self.versions,
            started: self.clock.now(since).mono,
        };
        self.attempt = Some(Attempt {
            number,
            link: Link::new(config, at),
            wire,
            state: "ExpectTransport",
            deadline: None,
        });
        self.input(LinkInput::Connected, model, now);
    }

    pub(crate) fn received(
        &mut self,
        bytes: &[u8],
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        self.input(LinkInput::Received(bytes), model, now);
        self.settle(model, coverage, now);
    }

    pub(crate) fn transport_closed(
        &mut self,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        self.input(LinkInput::TransportClosed, model, now);
        self.settle(model, coverage, now);
    }

    pub(crate) fn tell(&mut self, input: supervisor::Input, now: Time) {
        self.displaced &= input != supervisor::Input::Connect;
        self.supervisor
            .handle_input(input, self.clock.now(now).mono);
    }

    fn command(&mut self, command: Command, model: &mut Model, now: Time) {
        self.input(LinkInput::Command(command), model, now);
    }

    fn input(&mut self, input: LinkInput<'_>, model: &mut Model, now: Time) {
        let at = self.clock.now(now);
        if let Some(attempt) = self.attempt.as_mut() {
            if matches!(
                input,
                LinkInput::Timeout | LinkInput::Command(Command::Probe { .. })
            ) {
                attempt.wire.probed();
            }
            attempt.link.handle_input(input, at);
            self.tls.tell(|heard| attempt.wire.heard(heard, model));
        }
    }

    // -- letting everybody say what they have to say

    pub(crate) fn settle(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        loop {
            self.settle_link(model, coverage, now);
            self.note_alive_again(coverage, now);
            if self.is_killed() {
                return;
            }
            if !self.settle_supervisor(model, coverage, now) {
                if self.attempt.is_none() {
                    self.drop_spare();
                }
                return;
            }
        }
    }

    fn settle_link(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) {
        let mut next = None;
        loop {
            if self.is_killed() {
                return;
            }
            let Some(attempt) = self.attempt.as_mut() else {
                return;
            };
            let state = attempt.link.state_name();
            if state != attempt.state {
                coverage.transition(attempt.state, state);
                attempt.state = state;
            }
            let output = match next.take() {
                Some(output) => output,
                None => attempt.link.poll_output(),
            };
            match output {
                LinkOutput::Persist { seq, ops } => next = self.persist(seq, ops, model, now),
                LinkOutput::Transmit(bytes) => self.transmit(bytes),
                LinkOutput::VerifyCertificate(request) => {
                    let verdict = request.verify();
                    self.input(LinkInput::CertificateVerified(verdict), model, now);
                }
                LinkOutput::DeriveKeys(id) => {
                    let keys = keys::derive(&id);
                    if let Ok(keys) = &keys {
                        self.derived_keys = Some((id.clone(), keys.clone()));
                    }
                    self.input(LinkInput::KeysDerived { id, keys }, model, now);
                }
                LinkOutput::Event(event) => self.event(event, model, coverage, now),
                LinkOutput::CloseTransport => {}
                LinkOutput::Closed(error) => self.closed(error.as_ref(), model, coverage, now),
                LinkOutput::Timeout { when, .. } => {
                    attempt.deadline = when;
                    return;
                }
            }
        }
    }

    fn transmit(&mut self, mut bytes: Vec<u8>) {
        self.storage.spend_bytes(&mut bytes);
        self.effects.push_back(Effect::Write(bytes));
    }

    fn closed(
        &mut self,
        error: Option<&LinkError>,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        // What the link asked for before its end is done before its end.
        self.commit_all(model, now);
        let Some(attempt) = self.attempt.take() else {
            return;
        };
        model.note("ended", || {
            error.map_or("as asked".to_owned(), ToString::to_string)
        });
        self.effects.push_back(Effect::Close);
        self.see_other_host(&attempt, error, model, coverage);
        let mut ending = error.map(Ending::from);
        if let Some(ending) = &mut ending {
            ending.passing = ending.passing && self.was_logged_in();
        }
        let is_conflict = ending.is_some_and(|ending| ending.conflict);
        self.displaced = is_conflict && !self.is_echo(now) && !self.closing;
        if is_conflict {
            self.logging_in = false;
        }
        self.note_unanswered(now);
        if ending.is_some_and(|ending| ending.no_session) {
            coverage.event("visit found it forgotten");
        }
        self.token_turned_in(model, coverage, now);
        self.tell(
            supervisor::Input::Ended {
                attempt: attempt.number,
                ending,
            },
            now,
        );
    }

    /// Does what the supervisor says; whether it said anything.
    fn settle_supervisor(&mut self, model: &mut Model, coverage: &mut Coverage, now: Time) -> bool {
        let mut changed = false;
        loop {
            match self.supervisor.poll_output() {
                supervisor::Output::StartAttempt {
                    attempt, purpose, ..
                } => {
                    if self.attempt.is_some() || self.dialing {
                        model.broken("I9", || "two attempts at a time".to_owned());
                    }
                    if self.displaced {
                        model.broken("I10", || {
                            "a conflict was answered with another attempt".to_owned()
                        });
                    }
                    self.closing = false;
                    self.start_dialing(attempt, purpose, model, coverage, now);
                }
                supervisor::Output::StopAttempt { .. } => {
                    self.note_unanswered(now);
                    self.drop_attempt(model, now);
                }
                supervisor::Output::CloseCleanly { attempt } => {
                    self.close_cleanly(attempt, model, now);
                }
                supervisor::Output::Probe { attempt, deadline } => {
                    self.probe(attempt, deadline, model, now);
                }
                supervisor::Output::State(state) => {
                    model.note("state", || format!("{state:?}"));
                    self.state = state;
                    self.log_out_goes_on(model, coverage, now);
                }
                supervisor::Output::Timeout { .. } | supervisor::Output::Idle => return changed,
            }
            changed = true;
        }
    }

    fn note_unanswered(&mut self, now: Time) {
        if std::mem::take(&mut self.logging_in) {
            self.unanswered = Some(self.clock.now(now).mono);
        }
    }

    /// I10: a conflict with an attempt of our own, which the server heard late, may be answered with another, once.
    fn is_echo(&mut self, now: Time) -> bool {
        let mono = self.clock.now(now).mono;
        let unanswered = self.unanswered.take();
        unanswered.is_some_and(|at| mono.since(at) < std::time::Duration::from_secs(30))
    }

    fn start_dialing(
        &mut self,
        attempt: AttemptId,
        purpose: Purpose,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        self.purpose = self.purpose_of(purpose);
        let (server, wall) = (self.server(), self.clock.now(now).wall);
        if self.purpose == Purpose::ResumeOnly
            && let Ok(known) = self.storage.store().load(&server)
            && let Err(why) = SmSession::resumable(known.sm.as_ref(), wall)
        {
            // The network need not be touched.
            coverage.event("visit found none stored");
            let ending = Ending::from(&ConnectionError::NoSession(why));
            return self.not_begun(attempt, ending, model, coverage, now);
        }
        self.dialing = true;
        let open = self.take_spare(coverage);
        let host = self.preferred(coverage, now);
        self.effects.push_back(match open {
            Some(host) => Effect::TakeSpare(attempt, host),
            None => Effect::Dial(attempt, host),
        });
    }

    fn close_cleanly(&mut self, attempt: AttemptId, model: &mut Model, now: Time) {
        self.closing = true;
        if self.attempt.is_some() {
            return self.command(Command::Close, model, now);
        }
        self.stop_dialing();
        self.tell(
            supervisor::Input::Ended {
                attempt,
                ending: None,
            },
            now,
        );
    }

    fn stop_dialing(&mut self) {
        self.drop_spare();
        if std::mem::take(&mut self.dialing) {
            self.effects.push_back(Effect::StopDialing);
        }
    }

    /// I14: what is under way is dropped without a goodbye.
    fn drop_attempt(&mut self, model: &mut Model, now: Time) {
        self.stop_dialing();
        self.commit_all(model, now);
        let at = self.clock.now(now).wall;
        let is_online = |attempt: &Attempt<T>| attempt.link.state_name() == "Online";
        if self.attempt.as_ref().is_some_and(is_online) {
            self.apply(&[Op::SmAlive { at }], model);
        }
        if self.attempt.take().is_some() {
            self.effects.push_back(Effect::Close);
        }
    }
}
