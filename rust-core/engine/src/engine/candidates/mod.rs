//! Which addresses transports are opened to, in which order, and when the next one is tried (rule S10, RFC 8305).
//!
//! [`Candidates`] keeps the known endpoints of the account's own servers. A [`Dial`] looks for one transport, for an
//! attempt or for the standby beside a connection. The host looks names up and connects; it makes no choice.
//!
//! ```text
//!   another address first (see-other-host, location)?
//!       │ yes: look it up ──► race ──────────────────────────► reached
//!       │ no, not found or not reached
//!       ▼
//!   an answer of an earlier look-up?
//!       │ yes, and not each address of it is set back ──► race ──► reached
//!       │        (expired, in doubt, of another network, or         │ not reached
//!       │        without a response for a while: looked up          │
//!       │        again meanwhile, and the answer joins the race)    │
//!       │ no, or each is set back                                   │
//!       ▼                                                           ▼
//!   look the domain up ─────────────────────────────► race ──► reached, or a DialError
//! ```
//!
//! A race begins with the first address that a look-up finds; the others join it as they are found (RFC 8305 section 3).
//!
//! An IPv4 address that the network cannot reach joins its race again as an IPv6 address of the network's translator, if there is
//! one (`nat64.rs`).
//!
//! A race is TCP only. The first open transport carries the login; the others are abandoned before the login begins, so
//! two flights of early data are never raced (rule S6). TCP Fast Open: `fast_open.rs`.

mod dial;
mod fast_open;
mod known;
mod nat64;
mod race;
mod report;
mod unresolved;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::time::Duration;

use snapback_resolver::{Cached, Resolution, ResolveError};
use snapback_types::endpoint::{Address, Endpoint, KnownEndpoints, ServerAddress};
use snapback_types::nat64::Prefix64;
use snapback_types::proxy::ProxyError;
use snapback_types::time::{Now, UnixTime};

use crate::variants::variants;

use super::EngineOutput;

pub(super) use dial::{Dial, DialStage, Progress};
pub(super) use fast_open::FIRST_BYTES_ALLOWANCE;
use fast_open::FastOpen;
use nat64::Translation;
pub use report::{DialFate, DialReport, DialedAddress, EndedQuery};

/// The number of a look-up. It increases by one with each look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookUpId(pub u64);

/// The number of a transport. It increases by one with each transport that is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CandidateId(pub u64);

/// Why a transport is abandoned, open or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abandonment {
    /// Another address responded faster.
    RaceLost,
    /// No address responded in time.
    TimedOut,
    /// It was for an attempt that is over.
    AttemptOver,
    /// It was the standby of a connection that has responded to its probe.
    NotNeeded,
    /// It was being opened on a network that has changed.
    NetworkChanged,
    /// It was the standby of a connection that is gone, and was not open in time; or the app does not want a
    /// connection.
    Superseded,
}

variants!(Abandonment {
    RaceLost,
    TimedOut,
    AttemptOver,
    NotNeeded,
    NetworkChanged,
    Superseded
});

/// How long known addresses may take to respond, at most and at least, before they are looked up again: the first where
/// nothing is known about the network, the second since a busy server may take longer than its round trip.
const MAX_RESPONSE_TIMEOUT: Duration = Duration::from_secs(1);
const MIN_RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);

/// How the account's own servers are found.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// If not empty, these servers are used instead of the DNS records of the account's domain; all of them are tried,
    /// in this order.
    pub servers: Vec<ServerAddress>,
    /// The endpoints that an earlier process found. They are used only if they can result from this configuration.
    pub known: Option<KnownEndpoints>,
    /// How long answers are kept.
    pub memory: AnswerMemory,
    /// Who looks names up.
    pub names: Names,
    /// The account's domain, as in the DNS.
    pub domain: String,
}

/// Who looks names up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// This device.
    #[default]
    Local,
    /// This device, for a proxy that gets addresses.
    LocalForProxy,
    /// A proxy: nothing is looked up on this device.
    Remote,
}

/// How long answers are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerMemory {
    /// They are stored, and the next process begins with them ([`EngineOutput::StoreAnswer`]).
    #[default]
    Stored,
    /// They are kept until the process ends. Suitable if names are resolved without a query, so that a stored answer
    /// saves nothing.
    Process,
}

/// The reliability of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// None of its addresses failed.
    Good,
    /// One of its addresses led to no login since the answer was received, or the network has changed.
    Doubtful,
}

/// Why a transport could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// The network, on the way to the server or to a proxy.
    Network(io::ErrorKind),
    /// The proxy.
    Proxy(ProxyError),
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(kind) => kind.fmt(f),
            Self::Proxy(error) => error.fmt(f),
        }
    }
}

/// An input of a dial.
#[derive(Clone, Copy, Debug)]
pub(super) enum DialInput<'a> {
    /// The result of a look-up.
    LookedUp(LookUpId, &'a Result<Resolution, ResolveError>),
    /// What a look-up has found until now.
    Found(LookUpId, &'a [Endpoint]),
    /// The known endpoints were looked up again.
    Refreshed(&'a [Endpoint]),
    /// A transport is open; or, if the second is true, its handshake is deferred until the first write (RFC 7413).
    Connected(CandidateId, bool),
    /// A transport could not be opened.
    ConnectFailed(CandidateId, ConnectFailure),
    /// The prefixes of the network's translator are known; none if it has none.
    Translated(&'a [Prefix64]),
    /// Time has passed.
    Timeout,
}

/// The known endpoints of the account's own servers, and the look-ups for them.
#[derive(Debug)]
pub(super) struct Candidates {
    servers: Vec<ServerAddress>,
    memory: AnswerMemory,
    names: Names,
    domain: String,
    answer: Option<KnownEndpoints>,
    standing: Standing,
    /// A look-up that runs beside a race, since the earlier answer has expired or is doubtful.
    refresh: Option<LookUpId>,
    /// The shortest time in which a transport was opened over this network: a round trip.
    round_trip: Option<Duration>,
    pub(super) fast_open: FastOpen,
    translation: Translation,
    next_look_up: u64,
    next_candidate: u64,
}

impl Candidates {
    pub(super) fn new(discovery: Discovery) -> Self {
        let is_kept = discovery.memory == AnswerMemory::Stored;
        let known = discovery.known.filter(|_| is_kept);
        Self {
            answer: known.filter(|known| known::is_of(known, &discovery.servers)),
            servers: discovery.servers,
            memory: discovery.memory,
            names: discovery.names,
            domain: discovery.domain,
            standing: Standing::Good,
            refresh: None,
            round_trip: None,
            fast_open: FastOpen::default(),
            translation: Translation::default(),
            next_look_up: 0,
            next_candidate: 0,
        }
    }

    /// Records that a connection to this address led to no login. If the answer named the address, the server may have
    /// moved: the answer is looked up again while the rest of it is used. Otherwise each of its addresses would have to
    /// fail first.
    pub(super) fn doubt(&mut self, address: Address) {
        let known = self.answer.iter().flat_map(|known| &known.endpoints);
        if known.into_iter().any(|known| known.address() == address) {
            self.standing = Standing::Doubtful;
        }
    }

    /// Abandons the refresh, since look-ups over the previous network are no longer relevant. What was learnt on that
    /// network is used and looked up again meanwhile: names may lead elsewhere on this one.
    pub(super) fn network_changed(&mut self, outputs: &mut VecDeque<EngineOutput>) {
        self.standing = Standing::Doubtful;
        self.round_trip = None;
        self.fast_open.network_changed();
        self.forget_prefixes(outputs);
        if let Some(id) = self.refresh.take() {
            outputs.push_back(EngineOutput::AbandonLookUp(id));
        }
    }

    /// Handles the answer to a refresh. Returns whether the look-up was one.
    pub(super) fn handle_refresh(
        &mut self,
        id: LookUpId,
        answer: &Result<Resolution, ResolveError>,
        now: Now,
        outputs: &mut VecDeque<EngineOutput>,
    ) -> bool {
        if self.refresh.take_if(|refresh| *refresh == id).is_none() {
            return false;
        }
        if let Ok(resolution) = answer {
            self.keep(resolution.clone(), now.wall, outputs);
        }
        true
    }

    /// Returns whether transports are opened to the servers themselves, and not to a proxy.
    pub(super) fn is_direct(&self) -> bool {
        self.names == Names::Local
    }

    /// Records how long a transport took to open.
    pub(super) fn measured(&mut self, round_trip: Duration) {
        let shortest = self.round_trip.map_or(round_trip, |it| it.min(round_trip));
        self.round_trip = Some(shortest);
    }

    /// Returns how long known addresses may take to respond before they are looked up again: a round trip and a half.
    pub(super) fn response_timeout(&self) -> Duration {
        let usual = self.round_trip.map(|round_trip| round_trip * 3 / 2);
        usual.map_or(MAX_RESPONSE_TIMEOUT, |usual| {
            usual.clamp(MIN_RESPONSE_TIMEOUT, MAX_RESPONSE_TIMEOUT)
        })
    }

    /// Looks the known endpoints up again, since they do not respond.
    fn refresh_now(&mut self, outputs: &mut VecDeque<EngineOutput>) {
        if self.refresh.is_none() {
            self.refresh = Some(self.look_up_own(outputs));
        }
    }

    /// Keeps a look-up whose dial has ended as a refresh: its answer is stored.
    fn continue_as_refresh(&mut self, id: LookUpId, outputs: &mut VecDeque<EngineOutput>) {
        match self.refresh {
            None => self.refresh = Some(id),
            Some(_) => outputs.push_back(EngineOutput::AbandonLookUp(id)),
        }
    }

    fn look_up(
        &mut self,
        servers: Vec<ServerAddress>,
        outputs: &mut VecDeque<EngineOutput>,
    ) -> LookUpId {
        let id = self.next_look_up();
        outputs.push_back(EngineOutput::LookUp { id, servers });
        id
    }

    fn look_up_own(&mut self, outputs: &mut VecDeque<EngineOutput>) -> LookUpId {
        self.look_up(self.servers.clone(), outputs)
    }

    /// Starts a refresh. S10: an answer that has expired or is doubtful is still used, and looked up again meanwhile.
    fn start_refresh(&mut self, cached: &Cached, outputs: &mut VecDeque<EngineOutput>) {
        let is_due = match self.standing {
            Standing::Good => !cached.fresh,
            Standing::Doubtful => true,
        };
        if is_due && self.refresh.is_none() {
            self.refresh = Some(self.look_up_own(outputs));
        }
    }

    fn cached(&self, wall: UnixTime) -> Option<Cached> {
        Cached::of(self.answer.as_ref()?, wall)
    }

    /// Keeps the endpoints that were found.
    fn keep(
        &mut self,
        resolution: Resolution,
        wall: UnixTime,
        outputs: &mut VecDeque<EngineOutput>,
    ) {
        let answer = resolution.into_known(wall);
        if self.memory == AnswerMemory::Stored {
            outputs.push_back(EngineOutput::StoreAnswer(answer.clone()));
        }
        self.answer = Some(answer);
        self.standing = Standing::Good;
    }

    fn next_look_up(&mut self) -> LookUpId {
        let id = LookUpId(self.next_look_up);
        self.next_look_up = self.next_look_up.wrapping_add(1);
        id
    }

    fn next_candidate(&mut self) -> CandidateId {
        let id = CandidateId(self.next_candidate);
        self.next_candidate = self.next_candidate.wrapping_add(1);
        id
    }
}
