//! Which endpoint is tried when: RFC 8305 section 5, XEP-0495. A plan as data, and a state machine that follows it.

use crate::Endpoint;
use std::time::Duration;

/// The delay between two attempts of one priority: the value that RFC 8305 section 8 recommends.
pub const CONNECTION_ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// The delay between the last attempt of one priority and the first of the next, if the former gets no answer at all.
/// XEP-0495 would exhaust the former first, which takes minutes with a black hole: too long for the user of a phone.
pub const PRIORITY_TIMEOUT: Duration = Duration::from_secs(2);

/// What an attempt waits for besides its delay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Starts early as soon as any attempt before it fails.
    Staggered,
    /// The first of a higher priority value: starts early only once all before it have failed.
    NextPriority,
}

/// One entry of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The maximum time after the start of the previous attempt.
    pub delay: Duration,
    /// When it may start sooner.
    pub turn: Turn,
    /// The endpoint.
    pub endpoint: Endpoint,
}

/// Attempts in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RacePlan {
    /// In the order of their starts.
    pub attempts: Vec<Attempt>,
}

impl RacePlan {
    /// Returns a plan for endpoints in the order in which they are tried.
    #[must_use]
    pub fn new(endpoints: impl IntoIterator<Item = Endpoint>) -> Self {
        let mut before: Option<u16> = None;
        let attempts = endpoints.into_iter().map(|endpoint| {
            let (delay, turn) = match before {
                None => (Duration::ZERO, Turn::Staggered),
                Some(priority) if priority == endpoint.priority => {
                    (CONNECTION_ATTEMPT_DELAY, Turn::Staggered)
                }
                Some(_) => (PRIORITY_TIMEOUT, Turn::NextPriority),
            };
            before = Some(endpoint.priority);
            Attempt {
                delay,
                turn,
                endpoint,
            }
        });
        Self {
            attempts: attempts.collect(),
        }
    }
}

/// What happened to the attempt with this index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<R> {
    /// The dial began now. Only needed if it began later than the machine requested.
    Started(usize),
    /// It is connected.
    Connected(usize),
    /// It failed, with this reason.
    Failed(usize, R),
    /// The time of [`Output::Wait`] has come.
    Timeout,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<R> {
    /// Dial this one.
    Start(usize),
    /// Wait for an input; at the latest until this time, if there is one.
    Wait(Option<Duration>),
    /// This one is connected: drop the others. Final.
    Won(usize),
    /// None is left; with the reasons in the order of the failures. Final; the reasons are returned once.
    AllFailed(Vec<(usize, R)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Waiting,
    InFlight,
    Failed,
}

/// Follows a race. Sans-IO: time is what has passed since the start, sockets belong to the caller.
///
/// Call [`handle_input`](Self::handle_input) with what happened, then [`poll_output`](Self::poll_output) until it returns anything but
/// `Start`. To cancel, drop it together with the attempts [in flight](Self::in_flight).
#[derive(Debug)]
pub struct HappyEyeballs<R> {
    plan: Vec<(Duration, Turn)>,
    progress: Vec<Progress>,
    /// The attempt to start next, and when.
    next: usize,
    due: Duration,
    /// When the attempt before it started.
    started: Duration,
    /// Whether attempts may be added.
    expects_more: bool,
    winner: Option<usize>,
    reasons: Vec<(usize, R)>,
}

impl<R> HappyEyeballs<R> {
    /// Returns a race that starts at time zero.
    #[must_use]
    pub fn new(plan: &RacePlan) -> Self {
        Self {
            plan: plan.attempts.iter().map(|a| (a.delay, a.turn)).collect(),
            progress: plan.attempts.iter().map(|_| Progress::Waiting).collect(),
            next: 0,
            due: plan.attempts.first().map(|a| a.delay).unwrap_or_default(),
            started: Duration::ZERO,
            expects_more: false,
            winner: None,
            reasons: Vec::new(),
        }
    }

    /// Sets whether attempts may be added: until then, the race is not over when all have failed.
    pub fn expect_more(&mut self, expects_more: bool) {
        self.expects_more = expects_more;
    }

    /// Returns the number of attempts that were started: they are the first ones of the plan.
    #[must_use]
    pub fn started(&self) -> usize {
        self.next
    }

    /// Replaces the attempts that were not started, as answers of a look-up arrive (RFC 8305 section 3). Without any
    /// attempt in flight the first of them starts at once.
    pub fn replace_waiting(&mut self, attempts: &[Attempt], now: Duration) {
        self.plan.truncate(self.next);
        self.progress.truncate(self.next);
        self.plan.extend(attempts.iter().map(|a| (a.delay, a.turn)));
        self.progress.resize(self.plan.len(), Progress::Waiting);
        let is_idle = self.in_flight().next().is_none();
        self.due = if is_idle {
            now
        } else {
            self.started + self.next_delay()
        };
    }

    /// Records what happened. A late input (after a winner, repeated, or for an attempt that was never started) changes
    /// nothing.
    pub fn handle_input(&mut self, input: Input<R>, now: Duration) {
        if self.winner.is_some() {
            return;
        }
        match input {
            Input::Started(index) if index.checked_add(1) == Some(self.next) => {
                self.started = now;
                self.due = now + self.next_delay()
            }
            Input::Connected(index) if self.is_in_flight(index) => self.winner = Some(index),
            Input::Failed(index, reason) if self.is_in_flight(index) => {
                self.failed(index, reason, now)
            }
            Input::Started(_) | Input::Connected(_) | Input::Failed(..) | Input::Timeout => {}
        }
    }

    /// Returns what to do next.
    pub fn poll_output(&mut self, now: Duration) -> Output<R> {
        if let Some(winner) = self.winner {
            return Output::Won(winner);
        }
        let Some(progress) = self.progress.get_mut(self.next) else {
            let have_failed = self.progress.iter().all(|p| *p == Progress::Failed);
            if have_failed && !self.expects_more {
                return Output::AllFailed(std::mem::take(&mut self.reasons));
            }
            return Output::Wait(None);
        };
        if now < self.due {
            return Output::Wait(Some(self.due));
        }
        *progress = Progress::InFlight;
        let index = self.next;
        self.next += 1;
        self.started = now;
        self.due = now + self.next_delay();
        Output::Start(index)
    }

    /// Returns the attempts that were started and neither failed nor won.
    pub fn in_flight(&self) -> impl Iterator<Item = usize> {
        let running = self
            .progress
            .iter()
            .enumerate()
            .filter(|(_, p)| **p == Progress::InFlight);
        running
            .map(|(index, _)| index)
            .filter(|index| Some(*index) != self.winner)
    }

    fn failed(&mut self, index: usize, reason: R, now: Duration) {
        if let Some(progress) = self.progress.get_mut(index) {
            *progress = Progress::Failed;
        }
        self.reasons.push((index, reason));
        let at_once = match self.plan.get(self.next).map(|(_, turn)| turn) {
            Some(Turn::Staggered) => true,
            Some(Turn::NextPriority) => self.in_flight().next().is_none(),
            None => false,
        };
        if at_once {
            self.due = now;
        }
    }

    fn is_in_flight(&self, index: usize) -> bool {
        self.progress.get(index) == Some(&Progress::InFlight)
    }

    fn next_delay(&self) -> Duration {
        self.plan
            .get(self.next)
            .map(|(delay, _)| *delay)
            .unwrap_or_default()
    }
}
