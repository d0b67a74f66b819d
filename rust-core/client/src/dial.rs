//! From the account's domain to an open socket: look-up, cache, race (RFC 8305). TCP only: two early-data flights are
//! never raced (rule S6).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use snapback_engine::engine::DialError;
use snapback_resolver::{
    AnswerCache, Cached, HappyEyeballs, Input, Lookup, LookupError, MemoryAnswerCache,
    NameServerLookup, NameServers, Output, RacePlan, Request, Resolution, ResolveError,
    StaticHosts, Turn, resolve,
};
use snapback_types::endpoint::{Address, Endpoint, KnownEndpoints, ServerAddress};
use snapback_types::time::UnixTime;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::config::Network;
use crate::endpoints;
use crate::platform::{Platform, PlatformFirst};

/// All addresses together get this long. A SYN that is lost twice is sent again after 3 s; more than 15 s of silence
/// is better answered by a new look at the network.
const DIAL_TIMEOUT: Duration = Duration::from_secs(15);
/// How long those that are not set back may keep silent before the others have their turn. A black hole in the local network
/// answers faster than any server, and a SYN that is lost twice is sent again after 3 s.
const SET_BACK_PATIENCE: Duration = Duration::from_secs(5);

/// A socket on its way.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Opens sockets. An app may bind them to a network of its choice before they connect.
pub trait Dial: Send + Sync + 'static {
    /// Connects to this address.
    fn dial(&self, addr: SocketAddr) -> Dialing;
}

/// Opens plain TCP sockets.
#[derive(Clone, Copy, Debug)]
pub struct TcpDial;

impl Dial for TcpDial {
    fn dial(&self, addr: SocketAddr) -> Dialing {
        Box::pin(TcpStream::connect(addr))
    }
}

/// Finds endpoints and connects to one. Cheap to clone; clones share the cache.
#[derive(Clone)]
pub(crate) struct Dialer {
    domain: String,
    network: Arc<Network>,
    platform: Arc<Platform>,
    cache: Arc<Mutex<MemoryAnswerCache>>,
    /// Those of the configuration, until the platform names others: they change with the network.
    name_servers: Arc<Mutex<NameServers>>,
    /// Where new answers are told, for the store.
    answers: mpsc::UnboundedSender<KnownEndpoints>,
    /// SRV weights need chance, not secrecy.
    chance: u64,
    /// These took a connection and led to no login: they are tried last, in this order.
    set_back: Vec<Address>,
}

impl Dialer {
    /// `known` is what an earlier process found out.
    pub(crate) fn new(
        domain: String,
        network: Network,
        platform: Arc<Platform>,
        chance: u64,
        known: Option<KnownEndpoints>,
        answers: mpsc::UnboundedSender<KnownEndpoints>,
    ) -> Self {
        let mut cache = MemoryAnswerCache::default();
        if let Some(known) = known {
            cache.save(&domain, known);
        }
        Self {
            domain,
            name_servers: Arc::new(Mutex::new(network.name_servers.clone())),
            network: Arc::new(network),
            platform,
            cache: Arc::new(Mutex::new(cache)),
            answers,
            chance,
            set_back: Vec::new(),
        }
    }

    /// Where the name servers stand, to be replaced.
    pub(crate) fn name_servers(&self) -> Arc<Mutex<NameServers>> {
        Arc::clone(&self.name_servers)
    }

    /// What the system is looking up, it is looking up by way of a network that is gone.
    pub(crate) fn network_changed(&self) {
        self.network.system_hosts.network_changed();
    }

    /// The same, with these tried last: an address that accepts connections and leads to no login must not keep us from one
    /// that does.
    pub(crate) fn setting_back(self, set_back: Vec<Address>) -> Self {
        Self { set_back, ..self }
    }

    /// Connects. Cached endpoints are used first and refreshed behind; if all of them fail they are replaced (rule S10).
    pub(crate) async fn connect(
        self,
        preferred: Option<ServerAddress>,
        now: UnixTime,
    ) -> Result<(TcpStream, Endpoint), DialError> {
        if let Some(preferred) = preferred
            && let Ok(resolution) = self.resolve(std::slice::from_ref(&preferred)).await
            && let Ok(connected) = self.race(resolution.endpoints).await
        {
            return Ok(connected);
        }
        match self.cached(now) {
            Some(cached) if self.has_failed(&cached.endpoints) => {
                // None of them led to a server of ours. Where nobody can say better, they are tried again all the same.
                let endpoints = self.refresh(now).await;
                self.race(endpoints.unwrap_or(cached.endpoints)).await
            }
            Some(cached) => {
                if !cached.fresh {
                    let refresher = self.clone();
                    tokio::spawn(async move { refresher.refresh(now).await });
                }
                if let Ok(connected) = self.race(cached.endpoints).await {
                    return Ok(connected);
                }
                let endpoints = self.refresh(now).await?;
                self.race(endpoints).await
            }
            None => {
                let endpoints = self.refresh(now).await?;
                self.race(endpoints).await
            }
        }
    }

    fn cached(&self, now: UnixTime) -> Option<Cached> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        Cached::of(&cache.load(&self.domain)?, now)
    }

    /// Whether each of them is set back.
    fn has_failed(&self, endpoints: &[Endpoint]) -> bool {
        endpoints
            .iter()
            .all(|endpoint| self.set_back.contains(&endpoint.address()))
    }

    async fn refresh(&self, now: UnixTime) -> Result<Vec<Endpoint>, DialError> {
        let resolution = self
            .resolve(&self.network.servers)
            .await
            .map_err(DialError::Resolve)?;
        let endpoints = resolution.endpoints.clone();
        let answer = resolution.into_known(now);
        if endpoints::is_remembered(&self.network) {
            // The driver may have ended meanwhile.
            let _ = self.answers.send(answer.clone());
        }
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.save(&self.domain, answer);
        Ok(endpoints)
    }

    async fn resolve(&self, servers: &[ServerAddress]) -> Result<Resolution, ResolveError> {
        let request = Request {
            preference: self.network.preference,
            overrides: servers.iter().map(target).collect(),
            ..Request::new(&self.domain)
        };
        let mut chance = self.chance | 1;
        let mut random = move || {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            (chance >> 32) as u32
        };
        let lookup = PlatformFirst {
            platform: self
                .network
                .ask_platform
                .then(|| Arc::clone(&self.platform)),
            fallback: Names {
                network: Arc::clone(&self.network),
                name_servers: self
                    .name_servers
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone(),
            },
        };
        resolve(&request, &lookup, &mut random).await
    }

    /// Those that are set back stand behind all others, whatever their priority: the one that failed last is the last. They have
    /// their turn when the others have failed, or have kept silent for long.
    fn plan(&self, endpoints: Vec<Endpoint>) -> RacePlan {
        let place = |endpoint: &Endpoint| {
            let address = endpoint.address();
            self.set_back.iter().position(|known| *known == address)
        };
        let (mut last, first): (Vec<Endpoint>, Vec<Endpoint>) = endpoints
            .into_iter()
            .partition(|endpoint| place(endpoint).is_some());
        last.sort_by_key(place);
        let mut plan = RacePlan::new(first);
        let mut behind = RacePlan::new(last).attempts;
        if let Some(begin) = behind.first_mut().filter(|_| !plan.attempts.is_empty()) {
            begin.delay = SET_BACK_PATIENCE;
            begin.turn = Turn::NextPriority;
        }
        plan.attempts.append(&mut behind);
        plan
    }

    async fn race(&self, endpoints: Vec<Endpoint>) -> Result<(TcpStream, Endpoint), DialError> {
        let plan = self.plan(endpoints);
        let start = Instant::now();
        timeout_at(
            start + DIAL_TIMEOUT,
            run_race(&plan, start, self.network.dial.as_ref()),
        )
        .await
        .unwrap_or(Err(DialError::TimedOut))
    }
}

async fn run_race(
    plan: &RacePlan,
    start: Instant,
    dial: &dyn Dial,
) -> Result<(TcpStream, Endpoint), DialError> {
    let mut race = HappyEyeballs::new(plan);
    let mut dialing: JoinSet<(usize, io::Result<TcpStream>)> = JoinSet::new();
    let mut winner = None;
    loop {
        let wait = match race.poll_output(start.elapsed()) {
            Output::Start(index) => {
                if let Some(attempt) = plan.attempts.get(index) {
                    let socket = dial.dial(attempt.endpoint.addr);
                    dialing.spawn(async move { (index, socket.await) });
                }
                continue;
            }
            Output::Won(index) => {
                let endpoint = plan
                    .attempts
                    .get(index)
                    .map(|attempt| attempt.endpoint.clone());
                return winner.take().zip(endpoint).ok_or(DialError::TimedOut);
            }
            Output::AllFailed(reasons) => {
                return Err(DialError::Connect(
                    reasons.into_iter().map(|(_, kind)| kind).collect(),
                ));
            }
            Output::Wait(until) => until,
        };
        let deadline = start + wait.unwrap_or(DIAL_TIMEOUT);
        tokio::select! {
            Some(done) = dialing.join_next(), if !dialing.is_empty() => {
                let input = match done {
                    Ok((index, Ok(socket))) => {
                        winner = Some(socket);
                        Input::Connected(index)
                    }
                    Ok((index, Err(error))) => Input::Failed(index, error.kind()),
                    // A dialer that panics has lost its race; the others go on.
                    Err(_) => continue,
                };
                race.handle_input(input, start.elapsed());
            }
            () = sleep_until(deadline) => race.handle_input(Input::Timeout, start.elapsed()),
        }
    }
}

fn target(server: &ServerAddress) -> snapback_resolver::Target {
    snapback_resolver::Target {
        host: server.host_to_ascii(),
        port: server.port,
        transport: server.transport,
        priority: 0,
        weight: 0,
    }
}

/// Fixed answers if there are any, else the name servers for SRV and the system for hosts.
struct Names {
    network: Arc<Network>,
    name_servers: NameServers,
}

impl Lookup for Names {
    async fn srv(&self, name: &str) -> Result<snapback_resolver::SrvAnswer, LookupError> {
        match &self.network.hosts {
            Some(fixed) => fixed.srv(name).await,
            None => {
                NameServerLookup::new(self.name_servers.clone())?
                    .srv(name)
                    .await
            }
        }
    }

    async fn addresses(&self, host: &str) -> Result<snapback_resolver::Addresses, LookupError> {
        match &self.network.hosts {
            Some(fixed) => StaticHosts::addresses(fixed, host).await,
            None => self.network.system_hosts.addresses(host).await,
        }
    }
}
