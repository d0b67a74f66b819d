//! One race: its plan, and the transports that are being opened.

use std::collections::VecDeque;
use std::time::Duration;

use snapback_proto::time::Instant;
use snapback_resolver::{
    CONNECTION_ATTEMPT_DELAY, HappyEyeballs, Input, Output, PRIORITY_TIMEOUT, RacePlan, Turn,
};
use snapback_types::endpoint::{Address, Endpoint};

use super::super::{DialError, EngineOutput};
use super::report::{DialFate, DialLog};
use super::{Abandonment, CandidateId, Candidates, ConnectFailure, unresolved};

/// The time for all addresses together. A SYN that is lost twice is sent again after 3 s; after 15 s without a
/// response, a new attempt that examines the network again is better.
const DIAL_TIMEOUT: Duration = Duration::from_secs(15);
/// How long the other addresses may take to respond before those that are set back are tried. The others need this
/// time: an address that is set back may be a middlebox in the local network, which accepts connections faster than any
/// server but forwards nothing, and a SYN that is lost twice is sent again after 3 s.
const SET_BACK_TIMEOUT: Duration = Duration::from_secs(5);

/// The state of a race.
#[derive(Debug)]
pub(super) enum Finish {
    /// Nothing is to be done before the deadline.
    Going,
    Won(CandidateId, Endpoint),
    Lost(DialError),
}

/// Addresses that are tried one after the other.
#[derive(Debug)]
pub(in crate::engine) struct Race {
    plan: RacePlan,
    eyeballs: HappyEyeballs<ConnectFailure>,
    began: Instant,
    due: Instant,
    on_the_way: Vec<Opening>,
    /// The next transport is opened with TCP Fast Open.
    fast_open: bool,
    log: DialLog,
}

/// A transport that is being opened.
#[derive(Clone, Copy, Debug)]
struct Opening {
    candidate: CandidateId,
    index: usize,
    since: Instant,
}

impl Race {
    pub(super) fn begin(endpoints: Vec<Endpoint>, set_back: &[Address], now: Instant) -> Self {
        let plan = plan(endpoints, set_back);
        Self {
            eyeballs: HappyEyeballs::new(&plan),
            plan,
            began: now,
            due: now,
            on_the_way: Vec::new(),
            fast_open: false,
            log: DialLog::default(),
        }
    }

    /// Sets whether the first transport is opened with TCP Fast Open (rule S13).
    pub(super) fn with_fast_open(self, fast_open: bool) -> Self {
        Self { fast_open, ..self }
    }

    /// Sets whether a look-up may add addresses.
    pub(super) fn expect_more(&mut self, expects_more: bool) {
        self.eyeballs.expect_more(expects_more);
    }

    /// Adds the addresses of a look-up: they are tried before those of the race that have not been started.
    pub(super) fn join(&mut self, endpoints: &[Endpoint], set_back: &[Address], now: Instant) {
        let waiting = self.plan.attempts.split_off(self.eyeballs.started());
        let waiting = waiting.into_iter().map(|attempt| attempt.endpoint);
        let mut added: Vec<Endpoint> = Vec::new();
        for endpoint in endpoints.iter().cloned().chain(waiting) {
            let is_same = |other: &Endpoint| other.address() == endpoint.address();
            let mut started = self.plan.attempts.iter();
            if !started.any(|attempt| is_same(&attempt.endpoint)) && !added.iter().any(is_same) {
                added.push(endpoint);
            }
        }
        let mut added = plan(added, set_back).attempts;
        if let (Some(last), Some(first)) = (self.plan.attempts.last(), added.first_mut()) {
            (first.delay, first.turn) = if set_back.contains(&first.endpoint.address()) {
                (SET_BACK_TIMEOUT, Turn::NextPriority)
            } else if first.endpoint.priority > last.endpoint.priority {
                (PRIORITY_TIMEOUT, Turn::NextPriority)
            } else {
                (CONNECTION_ATTEMPT_DELAY, Turn::Staggered)
            };
        }
        self.eyeballs.replace_waiting(&added, now.since(self.began));
        self.plan.attempts.append(&mut added);
    }

    /// Returns the next deadline.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Records that a transport is open. Returns how long that took: a round trip.
    pub(super) fn connected(&mut self, candidate: CandidateId, now: Instant) -> Option<Duration> {
        let opening = self.opening(candidate)?;
        let elapsed = now.since(self.began);
        self.eyeballs
            .handle_input(Input::Connected(opening.index), elapsed);
        Some(now.since(opening.since))
    }

    /// Records that a transport could not be opened. Returns its endpoint.
    pub(super) fn failed(
        &mut self,
        candidate: CandidateId,
        failure: ConnectFailure,
        now: Instant,
    ) -> Option<&Endpoint> {
        let opening = self.opening(candidate)?;
        self.on_the_way.retain(|other| other.candidate != candidate);
        self.log.ended(candidate, DialFate::Failed(failure), now);
        let elapsed = now.since(self.began);
        self.eyeballs
            .handle_input(Input::Failed(opening.index, failure), elapsed);
        let attempt = self.plan.attempts.get(opening.index)?;
        Some(&attempt.endpoint)
    }

    /// Adds what is to be done now to the outputs.
    pub(super) fn poll(
        &mut self,
        candidates: &mut Candidates,
        outputs: &mut VecDeque<EngineOutput>,
        now: Instant,
    ) -> Finish {
        let elapsed = now.since(self.began);
        loop {
            let wait = match self.eyeballs.poll_output(elapsed) {
                Output::Won(index) => return self.won(index, outputs, now),
                Output::AllFailed(reasons) => {
                    let failures = reasons.into_iter().map(|(_, failure)| failure);
                    return Finish::Lost(DialError::of(failures));
                }
                _ if elapsed >= DIAL_TIMEOUT => {
                    self.abandon(Abandonment::TimedOut, outputs, now);
                    return Finish::Lost(DialError::TimedOut);
                }
                Output::Start(index) => {
                    self.connect(index, candidates, outputs, now);
                    continue;
                }
                Output::Wait(wait) => wait,
            };
            self.due = self.began + wait.unwrap_or(DIAL_TIMEOUT).min(DIAL_TIMEOUT);
            return Finish::Going;
        }
    }

    /// Abandons all transports that are being opened.
    pub(super) fn abandon(
        &mut self,
        why: Abandonment,
        outputs: &mut VecDeque<EngineOutput>,
        now: Instant,
    ) {
        for Opening { candidate, .. } in std::mem::take(&mut self.on_the_way) {
            self.log.ended(candidate, DialFate::Abandoned(why), now);
            outputs.push_back(EngineOutput::AbandonConnect { candidate, why });
        }
    }

    fn connect(
        &mut self,
        index: usize,
        candidates: &mut Candidates,
        outputs: &mut VecDeque<EngineOutput>,
        since: Instant,
    ) {
        if let Some(attempt) = self.plan.attempts.get(index) {
            let candidate = candidates.next_candidate();
            self.log.started(candidate, &attempt.endpoint, since);
            self.on_the_way.push(Opening {
                candidate,
                index,
                since,
            });
            let address = attempt.endpoint.address();
            let name = unresolved::name(&attempt.endpoint);
            outputs.push_back(EngineOutput::Connect {
                candidate,
                address,
                name,
                fast_open: std::mem::take(&mut self.fast_open),
            });
        }
    }

    fn won(&mut self, index: usize, outputs: &mut VecDeque<EngineOutput>, now: Instant) -> Finish {
        let mut on_the_way = self.on_the_way.iter();
        let place = on_the_way.position(|other| other.index == index);
        let winner = place.map(|place| self.on_the_way.swap_remove(place));
        let endpoint = self.plan.attempts.get(index);
        let endpoint = endpoint.map(|attempt| attempt.endpoint.clone());
        self.abandon(Abandonment::RaceLost, outputs, now);
        match (winner, endpoint) {
            (Some(opening), Some(endpoint)) => {
                self.log.ended(opening.candidate, DialFate::Used, now);
                Finish::Won(opening.candidate, endpoint)
            }
            _ => Finish::Lost(DialError::TimedOut),
        }
    }

    /// Returns what became of each address, and forgets it.
    pub(super) fn take_log(&mut self) -> DialLog {
        std::mem::take(&mut self.log)
    }

    fn opening(&self, candidate: CandidateId) -> Option<Opening> {
        let mut on_the_way = self.on_the_way.iter();
        on_the_way
            .find(|other| other.candidate == candidate)
            .copied()
    }
}

/// Returns the order of the attempts. Addresses that are set back come after all others, whatever their priority, the
/// latest failure last. They are tried when the others have failed or have not responded for [`SET_BACK_TIMEOUT`].
fn plan(endpoints: Vec<Endpoint>, set_back: &[Address]) -> RacePlan {
    let place = |endpoint: &Endpoint| {
        let address = endpoint.address();
        set_back.iter().position(|known| *known == address)
    };
    let (mut last, first): (Vec<Endpoint>, Vec<Endpoint>) = endpoints
        .into_iter()
        .partition(|endpoint| place(endpoint).is_some());
    last.sort_by_key(place);
    let mut plan = RacePlan::new(first);
    let mut last = RacePlan::new(last).attempts;
    if let Some(begin) = last.first_mut().filter(|_| !plan.attempts.is_empty()) {
        begin.delay = SET_BACK_TIMEOUT;
        begin.turn = Turn::NextPriority;
    }
    plan.attempts.append(&mut last);
    plan
}
