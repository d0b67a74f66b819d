//! Runs a case against Snapback, in process.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use snapback_client::{
    Client, ClientConfig, Event, ServerAddress, Timing, Transport as How, Trust, danger,
};
use snapback_reference_server::ReferenceServer;

use crate::case::{Case, Transport, UserStep};
use crate::observed::Observed;
use crate::server::{self, DOMAIN, JULIET, ROMEO};

/// How often conditions are checked.
const TICK: Duration = Duration::from_millis(10);
/// How long nothing more may happen once everything holds.
const QUIET: Duration = Duration::from_millis(150);
/// The body of the message that shows that a session is usable.
const PROBE: &str = "is anybody there?";

/// The result of a case.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was missing, and what should not have happened; empty if the case is passed.
    pub faults: Vec<String>,
    /// How long it took.
    pub took: Duration,
    /// The number of connections.
    pub connections: usize,
    /// The growth of the process in bytes, if it was measured.
    pub growth: Option<u64>,
    /// The client's events, a line each.
    pub log: String,
}

/// A case that is being run.
struct Running<'a> {
    case: &'a Case,
    server: ReferenceServer,
    client: Client,
    observed: Observed,
    user: VecDeque<UserStep>,
    /// The ids of the user's messages.
    sent: Vec<String>,
    /// Sessions that the user has waited for.
    awaited: usize,
    paused_until: Option<Instant>,
    memory: Memory,
}

/// The memory of the process: at the start, and at most.
struct Memory {
    is_measured: bool,
    start: u64,
    peak: u64,
}

impl Verdict {
    /// Returns whether the case is passed.
    pub fn is_passed(&self) -> bool {
        self.faults.is_empty()
    }

    fn broken(error: &dyn fmt::Display) -> Self {
        Self {
            faults: vec![error.to_string()],
            took: Duration::ZERO,
            connections: 0,
            growth: None,
            log: String::new(),
        }
    }
}

/// Runs a case.
pub async fn run(case: &Case) -> Verdict {
    let started = Instant::now();
    let server = match server::start(case, 0, 0).await {
        Ok(server) => server,
        Err(error) => return Verdict::broken(&error),
    };
    let client = match open(case, &server) {
        Ok(client) => client,
        Err(error) => return Verdict::broken(&error),
    };
    let mut running = Running {
        case,
        server,
        client,
        observed: Observed::default(),
        user: case.user.clone().into(),
        sent: Vec::new(),
        awaited: 0,
        paused_until: None,
        memory: Memory::new(case.holds.memory_mb.is_some()),
    };
    let deadline = started + Duration::from_millis(case.holds.within_ms);
    let faults = running.faults(deadline).await;
    Verdict {
        faults,
        took: started.elapsed(),
        connections: running.server.connections().len(),
        growth: running
            .memory
            .is_measured
            .then_some(running.memory.growth()),
        log: running.observed.log,
    }
}

fn open(case: &Case, server: &ReferenceServer) -> Result<Client, snapback_client::ConfigError> {
    let account = format!("{}@{DOMAIN}", JULIET.0);
    let mut config = ClientConfig::new(&account, JULIET.1)?;
    let roots = danger::Roots::from_pem(server.ca_pem().as_bytes());
    config.trust = Trust::Roots(roots.map_err(snapback_client::ConfigError::Tls)?);
    config.network.servers = vec![match case.server.transport {
        Transport::Direct => ServerAddress::at(server.direct_addr(), How::DirectTls),
        Transport::Starttls => ServerAddress::at(server.starttls_addr(), How::StartTls),
    }];
    shorten(&mut config);
    Client::open(config)
}

/// Shortens the timeouts; their order stays that of the defaults.
fn shorten(config: &mut ClientConfig) {
    let ms = Duration::from_millis;
    config.reconnect = Timing {
        base: ms(20),
        cap: ms(200),
        floor: ms(5),
        relief_base: ms(60),
        relief_floor: ms(30),
        stable: ms(500),
        probe: ms(500),
        head_start: ms(400),
        attempt: ms(10_000),
        close: ms(2_000),
        window: ms(300),
    };
    config.timeouts.login = ms(3_000);
    config.timeouts.ack = ms(1_000);
    config.timeouts.close = ms(300);
    config.catch_up.timeout = ms(500);
}

impl Running<'_> {
    async fn faults(&mut self, deadline: Instant) -> Vec<String> {
        self.client.connect();
        if !self
            .until(deadline, |running| running.missing().is_empty())
            .await
        {
            return self.missing();
        }
        if self.case.ends_usable()
            && let Err(fault) = self.probe(deadline).await
        {
            return vec![fault];
        }
        self.until(Instant::now() + QUIET, |_| false).await;
        let mut faults = self.excess();
        faults.extend(server::unreached(&self.server));
        faults
    }

    /// Returns what is still missing.
    fn missing(&self) -> Vec<String> {
        let mut missing = self.observed.missing(&self.case.holds, &self.sent);
        let counts: Vec<usize> = self.server.world(|world| world.watched().collect());
        for ((pattern, least), count) in self.case.holds.sends.iter().zip(counts) {
            if count < *least {
                missing.push(format!("{count} of {least} elements {pattern}"));
            }
        }
        if self.server.world(|world| world.is_script_busy()) {
            missing.push("the rest of the peer's steps".to_owned());
        }
        if !self.user.is_empty() {
            missing.push(format!("the user's steps {:?}", self.user));
        }
        missing
    }

    /// Returns what should not have happened.
    fn excess(&self) -> Vec<String> {
        let holds = &self.case.holds;
        let mut excess = self.observed.excess(holds);
        let counts: Vec<usize> = self.server.world(|world| world.watched().collect());
        let never = counts.iter().skip(holds.sends.len());
        for (pattern, count) in holds.never_sends.iter().zip(never) {
            if *count > 0 {
                excess.push(format!("{count} elements {pattern}"));
            }
        }
        let connections = self.server.connections().len();
        if holds.max_connections.is_some_and(|max| connections > max) {
            excess.push(format!("{connections} connections"));
        }
        let growth = self.memory.growth() >> 20;
        if holds.memory_mb.is_some_and(|max| growth > max) {
            excess.push(format!("{growth} MB of memory"));
        }
        excess
    }

    /// Sends a message in each direction. A session that the case ends meanwhile is followed by another.
    async fn probe(&mut self, deadline: Instant) -> Result<(), String> {
        let romeo = format!("{}@{DOMAIN}", ROMEO.0);
        let id = self.client.send_message(&romeo, PROBE).await;
        let id = id.map_err(|error| format!("no message can be sent: {error}"))?;
        let from = format!("{romeo}/orchard");
        let juliet = format!("{}@{DOMAIN}", JULIET.0);
        self.server.inject_message(&from, &juliet, PROBE);
        let is_usable = |running: &Self| {
            running.observed.has_acknowledged(&id) && running.observed.shown(PROBE) > 0
        };
        if self.until(deadline, is_usable).await {
            return Ok(());
        }
        Err("the session is not usable at the end".to_owned())
    }

    /// Takes events and lets the user act until the condition holds; returns whether it does.
    async fn until(&mut self, deadline: Instant, is_so: impl Fn(&Self) -> bool) -> bool {
        while Instant::now() < deadline {
            if is_so(self) {
                return true;
            }
            self.act().await;
            self.memory.sample();
            if let Ok(Some(event)) = tokio::time::timeout(TICK, self.client.next_event()).await {
                self.take(&event);
            }
        }
        is_so(self)
    }

    fn take(&mut self, event: &Event) {
        self.observed.take(event);
        if let Some(delivery) = event.delivery() {
            self.client.confirm(&delivery.id);
        }
    }

    /// Carries out the user's next step, if its time has come.
    async fn act(&mut self) {
        if self.paused_until.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let Some(step) = self.user.front() else {
            return;
        };
        match step {
            UserStep::Online if self.observed.sessions <= self.awaited => return,
            UserStep::Online => self.awaited = self.observed.sessions,
            UserStep::Send(count) => {
                for number in 1..=*count {
                    let to = format!("{}@{DOMAIN}", ROMEO.0);
                    let body = format!("message {number}");
                    self.sent.extend(self.client.send_message(&to, &body).await);
                }
            }
            UserStep::NetworkChange => self.client.network_changed(true),
            UserStep::Background => self.client.set_active(false),
            UserStep::Foreground => self.client.set_active(true),
            UserStep::Disconnect => self.client.disconnect().await,
            UserStep::Connect => self.client.connect(),
            UserStep::PauseMs(ms) => {
                self.paused_until = Some(Instant::now() + Duration::from_millis(*ms));
            }
        }
        self.user.pop_front();
    }
}

impl Memory {
    fn new(is_measured: bool) -> Self {
        let start = if is_measured { resident() } else { 0 };
        Self {
            is_measured,
            start,
            peak: start,
        }
    }

    fn sample(&mut self) {
        if self.is_measured {
            self.peak = self.peak.max(resident());
        }
    }

    fn growth(&self) -> u64 {
        self.peak.saturating_sub(self.start)
    }
}

/// Returns the resident memory of this process in bytes; 0 where the system does not say.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB"));
    kilobytes
        .and_then(|text| text.trim().parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes << 10)
}
