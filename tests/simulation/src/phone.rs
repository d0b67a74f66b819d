//! The client's process, in the driver's place: it moves bytes and time between the network, the link, the supervisor
//! and the store, and decides nothing. It follows `rust-core/client/src/driver`, call by call.

mod address;
mod app;
mod storage;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use snapback_proto::config::Config;
use snapback_proto::connection::{Command, Seq, Start};
use snapback_proto::knowledge::Op;
use snapback_proto::plan::{Purpose, Transport};
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
pub(crate) use storage::Kill;
use storage::{Group, Storage};

/// What the phone wants of the world outside.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Open a transport, to this host first.
    Dial(AttemptId, Destination),
    /// Give up opening one.
    StopDialing,
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
            self.begin(number, since, model, now);
            self.tell(
                supervisor::Input::AttemptProgress {
                    attempt: number,
                    step: Step::Login,
                },
                now,
            );
        } else {
            let ending = Some(Ending {
                retryable: true,
                ..Ending::default()
            });
            self.tell(
                supervisor::Input::Ended {
                    attempt: number,
                    ending,
                },
                now,
            );
        }
        self.settle(model, coverage, now);
    }

    fn begin(&mut self, number: AttemptId, since: Time, model: &mut Model, now: Time) {
        let server = self.server();
        let knowledge = self
            .storage
            .store()
            .load(&server)
            .expect("the store can be read");
        let at = self.clock.now(now);
        // What was read from an older connection and not stored was not taken; the server sends it again.
        model.uncounted.clear();
        let wire = Wire::new(&knowledge, at.wall, self.active, self.knows_csi);
        let start = Start {
            config: Arc::clone(&self.config),
            transport: server.transport,
            knowledge,
            early_data_possible: self.config.policy.early_data,
            purpose: Purpose::Session,
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
            if self.is_killed() || !self.settle_supervisor(model, coverage, now) {
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
        let ending = error.map(Ending::from);
        self.displaced = !self.closing && ending.is_some_and(|ending| ending.conflict);
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
                supervisor::Output::StartAttempt { attempt, .. } => {
                    if self.attempt.is_some() || self.dialing {
                        model.broken("I9", || "two attempts at a time".to_owned());
                    }
                    if self.displaced {
                        model.broken("I10", || {
                            "a conflict was answered with another attempt".to_owned()
                        });
                    }
                    self.dialing = true;
                    self.closing = false;
                    let host = self.preferred(coverage, now);
                    self.effects.push_back(Effect::Dial(attempt, host));
                }
                supervisor::Output::StopAttempt { .. } => self.drop_attempt(model, now),
                supervisor::Output::CloseCleanly { attempt } => {
                    self.close_cleanly(attempt, model, now);
                }
                supervisor::Output::Probe { deadline, .. } => {
                    self.command(Command::Probe { deadline }, model, now);
                }
                supervisor::Output::State(state) => {
                    model.note("state", || format!("{state:?}"));
                    self.state = state;
                }
                supervisor::Output::Timeout { .. } | supervisor::Output::Idle => return changed,
            }
            changed = true;
        }
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

    // -- commits

    /// Group commit. Yields what the link said next, if it did not only name a deadline.
    fn persist(
        &mut self,
        first: Seq,
        mut ops: Vec<Op>,
        model: &mut Model,
        now: Time,
    ) -> Option<LinkOutput> {
        let attempt = self.attempt.as_mut()?;
        let mut last = first;
        let next = loop {
            if !self.groups {
                break None;
            }
            match attempt.link.poll_output() {
                LinkOutput::Persist { seq, ops: more } => {
                    last = seq;
                    ops.extend(more);
                }
                LinkOutput::Timeout { .. } => break None,
                other => break Some(other),
            }
        };
        if let Some(group) = self.storage.defer(Group { first, last, ops }, now) {
            self.commit(&group, model, now);
        }
        next
    }

    fn commit(&mut self, group: &Group, model: &mut Model, now: Time) {
        let server = self.server();
        let Group { first, last, ops } = group;
        self.note_drop(ops, model);
        let Some(result) = self.storage.apply(&server, ops) else {
            return;
        };
        let input = match result {
            Ok(()) => {
                model.committed(ops);
                LinkInput::Committed(*last)
            }
            Err(_) => {
                model.note("commit failed", String::new);
                self.storage.forget_deferred();
                LinkInput::PersistFailed(*first, snapback_proto::connection::PersistFailure::Full)
            }
        };
        self.storage.end_transaction();
        if !self.is_killed() {
            self.input(input, model, now);
        }
    }

    fn commit_due(&mut self, model: &mut Model, now: Time) {
        self.commit_until(now, model, now);
    }

    fn commit_until(&mut self, until: Time, model: &mut Model, now: Time) {
        while !self.is_killed()
            && let Some(group) = self.storage.take_due(until)
        {
            self.commit(&group, model, now);
        }
    }

    fn commit_all(&mut self, model: &mut Model, now: Time) {
        self.commit_until(Time::MAX, model, now);
    }

    /// I8: a session is given up for a reason, and what was sent in it is of unknown fate.
    fn note_drop(&mut self, ops: &[Op], model: &mut Model) {
        let ends = |op: &Op| matches!(op, Op::SmDropped | Op::SmEnabled { .. });
        if !ops.iter().any(ends) {
            return;
        }
        let store = self.storage.store();
        let nothing = matches!(store.session(), Ok(None)) && matches!(store.queue_len(), Ok(0));
        if nothing && !ops.iter().any(|op| matches!(op, Op::Enqueue(_))) {
            return;
        }
        let server = self.server();
        let Ok(knowledge) = self.storage.store().load(&server) else {
            return;
        };
        let mut ids: BTreeMap<u64, String> = BTreeMap::new();
        let mut sent: BTreeSet<u64> = BTreeSet::new();
        for stanza in knowledge.queue {
            if stanza.sent {
                sent.insert(stanza.seq);
            }
            ids.insert(stanza.seq, stanza.id);
        }
        let mut unknown: Vec<u64> = Vec::new();
        for op in ops {
            match op {
                Op::Enqueue(stanza) => {
                    ids.insert(stanza.seq, stanza.id.clone());
                    sent.extend(stanza.sent.then_some(stanza.seq));
                }
                Op::MarkSent(seqs) => sent.extend(seqs),
                Op::Acked { seqs, .. } | Op::Failed(seqs) => {
                    sent.retain(|seq| !seqs.contains(seq));
                }
                Op::SmDropped => unknown.extend(std::mem::take(&mut sent)),
                Op::SmEnabled { sent: kept, .. } => {
                    let kept: BTreeSet<u64> = kept.iter().map(|stanza| stanza.seq).collect();
                    unknown.extend(sent.difference(&kept));
                    sent = kept;
                }
                _ => {}
            }
        }
        let unknown: Vec<&str> = unknown
            .iter()
            .filter_map(|seq| ids.get(seq))
            .map(String::as_str)
            .collect();
        if knowledge.sm.is_some() || !unknown.is_empty() {
            model.fate_unknown(unknown.into_iter());
        }
    }
}
