//! Which address a transport is opened to, in what order, and when the next one is tried (rule S10, RFC 8305).
//!
//! What is known of the account's own servers is kept here ([`Candidates`]); one [`Dial`] looks for one transport, for an
//! attempt or for the standby beside a connection. The host looks names up and connects; it chooses nothing.
//!
//! ```text
//!   another address first (see-other-host, location)?
//!       │ yes: look it up ──► race ──────────────────────────► reached
//!       │ no, not found or not reached
//!       ▼
//!   an answer of an earlier look-up?
//!       │ yes, and not each address of it is set back ──► race ──► reached
//!       │        (expired or in doubt, it is looked up again        │ not reached
//!       │        meanwhile)                                         │
//!       │ no, or each is set back                                   │
//!       ▼                                                           ▼
//!   look the domain up ─────────────────────────────► race ──► reached, or a DialError
//! ```
//!
//! A race is TCP only. Whoever connects first carries the login; the others are abandoned before it begins, so two flights of
//! early data are never raced (rule S6).

mod dial;
mod known;
mod race;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;

use snapback_proto::mistakes::{Mistake, planted};
use snapback_resolver::{Cached, Resolution, ResolveError};
use snapback_types::endpoint::{Address, KnownEndpoints, ServerAddress};
use snapback_types::time::{Now, UnixTime};

use crate::variants::variants;

use super::EngineOutput;

pub(super) use dial::{Dial, DialStage, Progress};

/// Number of a look-up; rises by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LookUpId(pub u64);

/// Number of a transport that is opened, or was; rises by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CandidateId(pub u64);

/// Why a transport is given up, open or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abandonment {
    /// Another address was faster.
    RaceLost,
    /// No address answered in time.
    TimedOut,
    /// It was for an attempt that is over.
    AttemptOver,
    /// It was the standby of a connection that has answered its probe.
    NotNeeded,
    /// It was being opened on a network that has changed.
    NetworkChanged,
    /// It was the standby of a connection that is gone, and was not open in time; or the app wants none.
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

/// Where the account's own servers are found.
#[derive(Clone, Debug, Default)]
pub struct Discovery {
    /// If not empty, these instead of what the DNS says of the account's domain; all of them are tried, in this order.
    pub servers: Vec<ServerAddress>,
    /// What an earlier process found out. It is used only if it can have been found in this way.
    pub known: Option<KnownEndpoints>,
    /// For how long answers are remembered.
    pub memory: AnswerMemory,
}

/// For how long answers are remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerMemory {
    /// The next process begins with them ([`EngineOutput::StoreAnswer`]).
    #[default]
    Stored,
    /// For as long as the process lives: where names are known without asking, an answer is worth no more than another look.
    Process,
}

/// What an answer is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Nothing speaks against it.
    Good,
    /// One of its addresses led to no login since it came.
    Doubtful,
}

/// What happened to a dial.
#[derive(Clone, Copy, Debug)]
pub(super) enum DialInput<'a> {
    /// What came of a look-up.
    LookedUp(LookUpId, &'a Result<Resolution, ResolveError>),
    /// A transport is open.
    Connected(CandidateId),
    /// A transport cannot be opened.
    ConnectFailed(CandidateId, io::ErrorKind),
    /// Time has passed.
    Timeout,
}

/// What is known of the account's own servers, and what is being asked of them.
#[derive(Debug)]
pub(super) struct Candidates {
    servers: Vec<ServerAddress>,
    memory: AnswerMemory,
    answer: Option<KnownEndpoints>,
    standing: Standing,
    /// A look-up beside a race: the answer of an earlier one has expired, or is in doubt.
    behind: Option<LookUpId>,
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
            standing: Standing::Good,
            behind: None,
            next_look_up: 0,
            next_candidate: 0,
        }
    }

    /// A connection to this address led to no login. If the answer named it, the server may have moved: the answer is looked up
    /// again, while the rest of it is used. Otherwise each of its addresses would have to fail first.
    pub(super) fn doubt(&mut self, address: Address) {
        let known = self.answer.iter().flat_map(|known| &known.endpoints);
        if known.into_iter().any(|known| known.address() == address)
            && !planted(Mistake::NeverDoubted)
        {
            self.standing = Standing::Doubtful;
        }
    }

    /// The network changed: what is asked by way of the old one is of no interest any more.
    pub(super) fn network_changed(&mut self, outputs: &mut VecDeque<EngineOutput>) {
        if let Some(id) = self.behind.take() {
            outputs.push_back(EngineOutput::AbandonLookUp(id));
        }
    }

    /// The answer to a look-up beside a race; whether it was that.
    pub(super) fn looked_up_behind(
        &mut self,
        id: LookUpId,
        answer: &Result<Resolution, ResolveError>,
        now: Now,
        outputs: &mut VecDeque<EngineOutput>,
    ) -> bool {
        if self.behind.take_if(|behind| *behind == id).is_none() {
            return false;
        }
        if let Ok(resolution) = answer {
            self.keep(resolution.clone(), now.wall, outputs);
        }
        true
    }

    fn look_up(
        &mut self,
        servers: Vec<ServerAddress>,
        outputs: &mut VecDeque<EngineOutput>,
    ) -> LookUpId {
        let id = LookUpId(self.next_look_up);
        self.next_look_up = self.next_look_up.wrapping_add(1);
        outputs.push_back(EngineOutput::LookUp { id, servers });
        id
    }

    fn look_up_own(&mut self, outputs: &mut VecDeque<EngineOutput>) -> LookUpId {
        self.look_up(self.servers.clone(), outputs)
    }

    /// S10: what has expired or is in doubt is used all the same, and looked up again meanwhile.
    fn refresh_behind(&mut self, cached: &Cached, outputs: &mut VecDeque<EngineOutput>) {
        let is_due = match self.standing {
            Standing::Good => !cached.fresh && !planted(Mistake::NeverRefreshed),
            Standing::Doubtful => true,
        };
        if is_due && self.behind.is_none() {
            self.behind = Some(self.look_up_own(outputs));
        }
    }

    fn cached(&self, wall: UnixTime) -> Option<Cached> {
        Cached::of(self.answer.as_ref()?, wall)
    }

    /// The account's own servers are known now.
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

    fn next_candidate(&mut self) -> CandidateId {
        let id = CandidateId(self.next_candidate);
        self.next_candidate = self.next_candidate.wrapping_add(1);
        id
    }
}
