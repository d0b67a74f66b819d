//! One run: the next due event happens, all parties send what they have to send, and the model compares.

mod actions;
mod check;
mod days;
mod dials;
mod rooms;
mod server_side;
mod turns;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use snapback_engine::EngineInput;
use snapback_engine::link::tls::Tls;
use snapback_reference_server as server;
use snapback_tls::{TlsContext, Trust, danger};

use crate::coverage::Coverage;
use crate::disk::Disk;
use crate::host::{Host, Tickets};
use crate::hosts::Hosts;
use crate::model::{Counts, Model, Violation};
use crate::network::{Packet, Path, Time};
use crate::null_tls::NullTls;
use crate::phone::{Clock, Device, EPOCH, Effect, Phone};
use crate::random::Random;
use crate::script::{Profile, Script};
use crate::setup::{DOMAIN, PASSWORD, Setup};
use crate::turns::{Passed, Place, Turn, Turns};

use dials::{Connecting, LookingUp};

/// The maximum number of steps of a run; one with more is in a loop.
const MAX_STEPS: u64 = 300_000;
/// Once all faults have ended, everything has to have arrived within this time (rule I16): the longest delay after
/// failures is 5 min, and so is the longest that a full server asks for.
const TIMEOUT: Time = 20 * 60 * 1_000_000;

/// The options of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether messages of unknown fate must not be duplicated where the server has an archive.
    pub strict: bool,
    /// Whether to keep what happened as text.
    pub traced: bool,
    /// The one place that fails besides what the script breaks.
    pub turn: Option<Turn>,
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The first violated rule.
    pub violation: Option<Violation>,
    /// The hash of everything that was sent in the clear, committed and reported.
    pub hash: u64,
    /// What happened, if requested.
    pub trace: Vec<String>,
    /// Steps taken.
    pub steps: u64,
    /// Sessions, new or resumed, after the first.
    pub reconnects: u64,
    /// Of these, resumed ones.
    pub resumptions: u64,
    /// Messages.
    pub counts: Counts,
    /// What the run covered.
    pub coverage: Coverage,
    /// The places that could have failed.
    pub passed: Passed,
}

/// Runs a script to its end.
pub fn run(script: &Script, options: Options) -> Outcome {
    match script.profile {
        Profile::Memory | Profile::Sqlite => {
            Simulation::<NullTls>::new(script, options, NullTls::default).run()
        }
        Profile::Tls => {
            let pem = TEMPLATE.with_borrow_mut(|world| template(world).ca_pem().to_owned());
            let make = move || {
                let roots = danger::Roots::from_pem(pem.as_bytes()).expect("it is a certificate");
                TlsContext::new(Trust::Roots(roots)).expect("the roots can be trusted")
            };
            Simulation::<TlsContext>::new(script, options, make).run()
        }
    }
}

thread_local! {
    /// Certificates and password keys are created once.
    static TEMPLATE: RefCell<Option<server::World>> = const { RefCell::new(None) };
}

fn template(world: &mut Option<server::World>) -> &mut server::World {
    world.get_or_insert_with(|| {
        let switches = server::Switches::modern();
        let mut world = server::World::new(DOMAIN, switches, 7).expect("there are certificates");
        world.add_account("juliet", PASSWORD);
        world.add_account("romeo", "jul13t");
        world
    })
}

/// A connection between the two.
struct Conn {
    number: u64,
    path: Path,
    host: Option<Host>,
    /// Whether the phone still holds its end.
    client: bool,
    /// Faults of the server have been in force.
    has_faults: bool,
}

struct Simulation<'a, T: Tls + Clone> {
    script: &'a Script,
    next_step: usize,
    turns: Rc<Turns>,
    /// The place that had to fail has failed.
    has_failed: bool,
    setup: Setup,
    make_tls: Box<dyn Fn() -> T>,
    random: Random,
    now: Time,
    steps: u64,
    // the server
    world: server::World,
    tickets: Tickets,
    conns: Vec<Conn>,
    last_conn: u64,
    fault_ends: Vec<(Time, server::Fault)>,
    doubling: bool,
    sm_was_off: bool,
    /// The last connection of a session whose presence the server has, and since when.
    available: Option<(server::ConnectionId, Time)>,
    /// Seconds that passed at once.
    slept: u64,
    /// How many messages had ids that were used before.
    reused: u32,
    // the device
    phone: Option<Phone<T>>,
    disk: Option<Disk>,
    clock: Clock,
    look_ups: Vec<LookingUp>,
    connects: Vec<Connecting>,
    restart_at: Option<Time>,
    down: Time,
    wants_active: bool,
    suspended: bool,
    stopped_until: Time,
    // the network
    hosts: Hosts,
    network: bool,
    refused_until: Time,
    stalled_until: Time,
    // the end
    healed_at: Option<Time>,
    last_nudge: Time,
    done: bool,
    sessions: u64,
    resumptions: u64,
    model: Model,
    coverage: Coverage,
}

/// What is due.
enum Due {
    ScriptStep,
    Heal,
    Restart,
    Found(usize),
    LookedUp(usize),
    Connected(usize),
    Up(usize),
    Down(usize),
    Phone,
    Host(usize),
    World,
    FaultEnds(usize),
    /// The user, if a question is open, uses the app.
    Nudge,
}

impl<'a, T: Tls + Clone> Simulation<'a, T> {
    fn new(script: &'a Script, options: Options, make_tls: impl Fn() -> T + 'static) -> Self {
        let setup = Setup::draw(script.seed, &script.setup);
        let world = TEMPLATE.with_borrow_mut(|world| {
            let forked = template(world).fork(setup.switches.clone(), script.seed);
            forked.expect("the server starts")
        });
        let disk = match script.profile {
            Profile::Sqlite => Disk::files(setup.queue_limit),
            Profile::Memory | Profile::Tls => Disk::memory(setup.queue_limit),
        };
        Self {
            script,
            next_step: 0,
            turns: Rc::new(Turns::new(options.turn)),
            has_failed: false,
            make_tls: Box::new(make_tls),
            random: Random::new(script.seed, 3),
            now: 0,
            steps: 0,
            world,
            tickets: Tickets::default(),
            conns: Vec::new(),
            last_conn: 0,
            fault_ends: Vec::new(),
            doubling: false,
            sm_was_off: false,
            available: None,
            slept: 0,
            reused: 0,
            phone: None,
            disk: Some(disk),
            clock: Clock::default(),
            look_ups: Vec::new(),
            connects: Vec::new(),
            restart_at: Some(0),
            down: 0,
            wants_active: true,
            suspended: false,
            stopped_until: 0,
            hosts: Hosts::new(script.seed, &setup),
            network: true,
            refused_until: 0,
            stalled_until: 0,
            healed_at: None,
            last_nudge: 0,
            done: false,
            sessions: 0,
            resumptions: 0,
            model: Model::new(
                options.strict && setup.switches.archive,
                options.traced,
                setup.queue_limit,
            ),
            coverage: Coverage::default(),
            setup,
        }
    }

    fn run(mut self) -> Outcome {
        while !self.done && self.model.violation().is_none() {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                self.model
                    .broken("I16", || "they turn in circles".to_owned());
                break;
            }
            let Some((when, due)) = self.next() else {
                self.model
                    .broken("I16", || "nothing is going to happen any more".to_owned());
                break;
            };
            self.now = self.now.max(when);
            self.model.at(self.now);
            self.act(due);
            self.look();
        }
        self.finish()
    }

    fn finish(mut self) -> Outcome {
        self.count_sessions();
        Outcome {
            violation: self.model.violation().cloned(),
            hash: self.model.hash(),
            trace: self.model.trace(),
            steps: self.steps,
            reconnects: self.sessions.saturating_sub(1),
            resumptions: self.resumptions,
            counts: self.model.counts(),
            coverage: self.coverage,
            passed: self.turns.passed(),
        }
    }

    fn count_sessions(&mut self) {
        if let Some(phone) = &mut self.phone {
            self.sessions += std::mem::take(&mut phone.sessions);
            self.resumptions += std::mem::take(&mut phone.resumptions);
        }
    }

    /// Returns the earliest event; among equals, the first here.
    fn next(&mut self) -> Option<(Time, Due)> {
        let mut first: Option<(Time, Due)> = None;
        let mut offer = |when: Option<Time>, due: Due| {
            if let Some(when) = when
                && first.as_ref().is_none_or(|(earliest, _)| when < *earliest)
            {
                first = Some((when, due));
            }
        };
        match self.script.steps.get(self.next_step) {
            Some(step) => offer(Some(step.at * 1_000), Due::ScriptStep),
            None if self.healed_at.is_none() => {
                let last = self.script.steps.last().map_or(0, |step| step.at);
                offer(Some((last + 1_000) * 1_000), Due::Heal);
            }
            None => {}
        }
        offer(self.restart_at, Due::Restart);
        let stopped = self.stopped_until;
        for (index, look_up) in self.look_ups.iter().enumerate() {
            let early = look_up.early.as_ref();
            offer(early.map(|(due, _)| *due.max(&stopped)), Due::Found(index));
            offer(Some(look_up.due.max(stopped)), Due::LookedUp(index));
        }
        for (index, connect) in self.connects.iter().enumerate() {
            offer(Some(connect.due.max(stopped)), Due::Connected(index));
        }
        for (index, conn) in self.conns.iter().enumerate() {
            offer(conn.path.due(true), Due::Up(index));
            offer(
                conn.path.due(false).map(|due| due.max(stopped)),
                Due::Down(index),
            );
            let host = conn.host.as_ref();
            let deadline = host.and_then(|host| host.connection.next_deadline(&self.world));
            offer(deadline.map(|at| self.since_start(at)), Due::Host(index));
        }
        if let Some(phone) = &mut self.phone {
            offer(phone.deadline().map(|due| due.max(stopped)), Due::Phone);
        }
        let expires = self.world.next_deadline();
        offer(expires.map(|at| self.since_start(at)), Due::World);
        for (index, (until, _)) in self.fault_ends.iter().enumerate() {
            offer(Some(*until), Due::FaultEnds(index));
        }
        offer(
            self.healed_at.map(|_| self.last_nudge + check::NUDGE),
            Due::Nudge,
        );
        first
    }

    fn act(&mut self, due: Due) {
        match due {
            Due::ScriptStep => {
                let action = self.script.steps[self.next_step].action;
                self.next_step += 1;
                self.model.note("--", || action.to_string());
                self.action(action);
            }
            Due::Heal => self.heal(),
            Due::Restart => self.start_phone(),
            Due::Found(index) => self.found(index),
            Due::LookedUp(index) => self.looked_up(index),
            Due::Connected(index) => self.connected(index),
            Due::Up(index) => self.up(index),
            Due::Down(index) => self.down(index),
            Due::Phone => self.with_phone(Phone::timeout),
            Due::Host(index) => {
                let at = self.server_time();
                if let Some(host) = &mut self.conns[index].host {
                    host.connection.handle_timeout(&mut self.world, at);
                }
                self.pump_host(index);
            }
            Due::World => {
                let at = self.server_time();
                self.world.handle_timeout(at);
                self.pump_dirty();
            }
            Due::Nudge => self.nudge(),
            Due::FaultEnds(index) => {
                let (_, fault) = self.fault_ends.swap_remove(index);
                if let Some(at) = self.world.faults.all.iter().position(|f| *f == fault) {
                    self.world.faults.all.remove(at);
                }
            }
        }
    }

    /// Compares with the model.
    fn look(&mut self) {
        self.model.server_took(self.world.received());
        self.model.server_redirected(self.world.redirected());
        self.look_at_rooms();
        self.check_history();
        self.conns.retain(|conn| conn.host.is_some() || conn.client);
        self.look_at_turn();
        self.check_deliveries();
        self.check_losses();
        self.check_waits();
        self.check_halt();
        if self.healed_at.is_some() {
            self.check_end();
        }
    }

    // -- the device

    fn start_phone(&mut self) {
        self.restart_at = None;
        let Some(disk) = self.disk.take() else { return };
        let device = Device {
            config: &self.setup.config,
            tls: (self.make_tls)(),
            transport: self.setup.transport,
            knows_csi: self.setup.switches.csi,
            commit: self.setup.commit,
            confirms: self.setup.confirms,
            groups: self.setup.groups,
            clock: self.clock,
            random: Random::new(self.random.next(), 5),
            turns: Rc::clone(&self.turns),
        };
        self.model.note("process", || "started".to_owned());
        let (model, coverage) = (&mut self.model, &mut self.coverage);
        let mut phone = Phone::start(device, disk, model, coverage, self.now);
        let looks = EngineInput::SetActive(self.wants_active);
        phone.app_says(looks, model, coverage, self.now);
        if !self.network {
            let input = EngineInput::NetworkChanged { available: false };
            phone.app_says(input, model, coverage, self.now);
        }
        self.phone = Some(phone);
        self.suspended = false;
        self.pump_phone();
        self.set_push();
        self.join_rooms();
    }

    /// Passes an input to the phone, if it runs; then carries out its outputs.
    fn with_phone(&mut self, act: impl FnOnce(&mut Phone<T>, &mut Model, &mut Coverage, Time)) {
        let Some(phone) = &mut self.phone else { return };
        act(phone, &mut self.model, &mut self.coverage, self.now);
        self.pump_phone();
    }

    fn pump_phone(&mut self) {
        while let Some(effect) = self.phone.as_mut().and_then(|p| p.effects.pop_front()) {
            match effect {
                Effect::LookUp(id, servers) => self.look_up(id, &servers),
                Effect::AbandonLookUp(id) => self.look_ups.retain(|look_up| look_up.id != id),
                Effect::Connect(candidate, address) => self.connect(candidate, address),
                Effect::AbandonConnect(candidate) => {
                    self.connects
                        .retain(|connect| connect.candidate != candidate);
                }
                Effect::Use(address) => self.used(address),
                Effect::Write(bytes) => self.write(bytes),
                Effect::Close => self.hang_up(),
            }
        }
        if self.phone.as_ref().is_some_and(Phone::is_killed) {
            self.bury();
        }
    }

    /// A killed process leaves its committed state, and the system closes its socket.
    fn bury(&mut self) {
        self.count_sessions();
        let Some(phone) = self.phone.take() else {
            return;
        };
        self.model.note("process", || "killed".to_owned());
        let mut disk = phone.into_disk();
        disk.kill();
        self.disk = Some(disk);
        self.look_ups.clear();
        self.connects.clear();
        self.hang_up();
        self.restart_at = Some(self.now + self.down);
        // The kill may be armed before the last fault, and is a fault itself (I16).
        self.healed_at = self.healed_at.map(|_| self.now);
    }

    fn hang_up(&mut self) {
        let now = self.now;
        for conn in self.conns.iter_mut().filter(|conn| conn.client) {
            conn.client = false;
            conn.path.end(true, now);
        }
    }

    fn down(&mut self, index: usize) {
        let packet = self.conns[index].path.take(false);
        if !self.conns[index].client {
            return;
        }
        match packet {
            Some(Packet::Bytes(bytes)) => {
                if let Some(failing) = self.turns.pass(Place::Read) {
                    return self.read_fails(index, failing);
                }
                let host = self.conns[index].host.as_ref();
                let has_lied = host.is_some_and(|host| self.world.has_lied(host.connection.id()));
                self.with_phone(|phone, model, coverage, now| {
                    let sessions = phone.sessions;
                    phone.received(&bytes, model, coverage, now);
                    if has_lied && phone.sessions > sessions {
                        model.broken("I11", || "a server without a proof was believed".to_owned());
                    }
                });
            }
            Some(Packet::End) => self.with_phone(Phone::transport_closed),
            None => {}
        }
    }

    fn is_tls(&self) -> bool {
        self.script.profile == Profile::Tls
    }

    fn server_time(&self) -> server::Timestamp {
        self.server_epoch() + Duration::from_micros(self.now)
    }

    fn server_epoch(&self) -> server::Timestamp {
        Duration::from_secs(EPOCH.unsigned_abs() + self.slept)
    }

    fn since_start(&self, at: server::Timestamp) -> Time {
        let micros = at.saturating_sub(self.server_epoch()).as_micros();
        u64::try_from(micros).unwrap_or(Time::MAX)
    }
}
