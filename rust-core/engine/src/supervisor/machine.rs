//! The state machine.

use std::collections::VecDeque;
use std::time::Duration;

use snapback_proto::connection::Outcome;
use snapback_proto::mistakes::{Mistake, planted};
use snapback_proto::plan::Purpose;
use snapback_proto::time::Instant;

use crate::variants::{Variants, variants};

use super::backoff::{Backoff, Budget};
use super::{
    AttemptId, ConnectionState, Ending, Input, MAX_AT_ONCE, OfflineReason, Output, PROVEN_AFTER,
    Step, Timing, Wait, Why,
};

/// How much later than the deadline a failed probe may be reported and still be known as the reason.
const PROBE_GRACE: Duration = Duration::from_secs(1);

/// So long after we gave an attempt up, the server may still get to hear its login: what was sent on the way that died is
/// delivered late, or waits in a server that is slow.
pub(super) const ECHO: Duration = Duration::from_secs(30);

/// Decides when to connect. After each [`Supervisor::handle_input`], call [`Supervisor::poll_output`] until it returns
/// [`Output::Timeout`] or [`Output::Idle`].
#[derive(Debug)]
pub struct Supervisor {
    timing: Timing,
    backoff: Backoff,
    budget: Budget,
    /// Until then an overloaded server is left alone, whatever happens.
    relief_until: Instant,
    at_once: u32,
    /// A session that had not proved itself broke, and an attempt was made at once.
    broke_young: bool,
    next_attempt: u64,
    /// When an attempt was last given up before the server had answered it.
    unanswered: Option<Instant>,
    surroundings: Surroundings,
    state: State,
    told: ConnectionState,
    outputs: VecDeque<Output>,
}

/// What was last said about the world outside.
#[derive(Debug)]
struct Surroundings {
    wanted: bool,
    /// Until the process sleeps again only the interrupted session is wanted.
    visit: bool,
    /// Another client took our place, and the user has not said since that it should be ours (rule I10).
    displaced: bool,
    suspended: bool,
    /// Awake for a visit and nothing else: when it is over, the process sleeps again.
    woken: bool,
    network: bool,
    foreground: bool,
}

#[derive(Debug)]
pub(super) enum State {
    Stopped,
    Suspended,
    WaitingForNetwork,
    Halted(OfflineReason),
    Waiting {
        until: Instant,
        why: Why,
    },
    Connecting {
        attempt: AttemptId,
        step: Step,
        deadline: Instant,
        /// The network changed, but too many attempts were started already.
        restart: Option<Instant>,
    },
    Online {
        attempt: AttemptId,
        since: Instant,
        outcome: Outcome,
        flights: usize,
        probe: Option<Probe>,
    },
    Closing {
        attempt: AttemptId,
        deadline: Instant,
        outcome: Outcome,
        flights: usize,
    },
}

variants!(State {
    Stopped,
    Suspended,
    WaitingForNetwork,
    Halted,
    Waiting,
    Connecting,
    Online,
    Closing,
});

#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    until: Instant,
    /// Something changed since it left, so its answer says nothing about now.
    again: bool,
}

impl Supervisor {
    /// A supervisor that waits for `Connect`, and believes that there is a network until told otherwise.
    pub fn new(timing: Timing, seed: u64) -> Self {
        Self {
            budget: Budget::new(&timing),
            timing,
            backoff: Backoff::new(seed),
            relief_until: Instant::ZERO,
            at_once: 0,
            broke_young: false,
            next_attempt: 0,
            unanswered: None,
            surroundings: Surroundings {
                wanted: false,
                visit: false,
                displaced: false,
                suspended: false,
                woken: false,
                network: true,
                foreground: false,
            },
            state: State::Stopped,
            told: offline(OfflineReason::NotWanted),
            outputs: VecDeque::new(),
        }
    }

    /// Takes in what happened.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Connect => self.connect(now),
            Input::Visit => self.visit(now),
            Input::Leave => self.leave(now),
            Input::Disconnect => self.disconnect(now),
            Input::Suspend => self.suspend(now),
            Input::Resume => {
                self.rouse();
                self.budget.renew();
                if !self.end_visit(now) {
                    self.wake_up(now);
                }
            }
            Input::NetworkChanged { available } => self.network_changed(available, now),
            Input::Foreground => {
                let was_asleep = self.rouse();
                self.end_visit(now);
                if !std::mem::replace(&mut self.surroundings.foreground, true) || was_asleep {
                    self.budget.renew();
                    self.wake(Why::Foreground, now);
                }
            }
            Input::Background => self.surroundings.foreground = false,
            Input::AttemptProgress { attempt, step } => self.progress(attempt, step),
            Input::AttemptOnline {
                attempt,
                outcome,
                flights,
            } => self.online(attempt, outcome, flights, now),
            Input::Alive { attempt } => self.alive(attempt, now),
            Input::Ended { attempt, ending } => self.ended(attempt, ending, now),
            Input::Timeout => self.timeout(now),
        }
        self.tell();
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Output {
        self.outputs
            .pop_front()
            .unwrap_or_else(|| match self.deadline() {
                Some((when, why)) => Output::Timeout { when, why },
                None => Output::Idle,
            })
    }

    /// How long to wait for what.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// What the app sees now.
    pub fn state(&self) -> ConnectionState {
        match self.state {
            State::Stopped => offline(OfflineReason::NotWanted),
            State::Suspended => offline(OfflineReason::Suspended),
            State::WaitingForNetwork => offline(OfflineReason::NoNetwork),
            State::Halted(reason) => offline(reason),
            State::Waiting { until, .. } => ConnectionState::Offline {
                reason: OfflineReason::Failed,
                retry_at: Some(until),
            },
            State::Connecting { step, .. } => ConnectionState::Connecting { step },
            State::Online {
                outcome, flights, ..
            }
            | State::Closing {
                outcome, flights, ..
            } => ConnectionState::Online { outcome, flights },
        }
    }

    /// Where it stands, as a place among the names of its states.
    pub(crate) fn state_variant(&self) -> usize {
        self.state.variant()
    }

    /// Whether everything was let go of, and is until somebody needs it.
    pub fn is_suspended(&self) -> bool {
        self.surroundings.suspended
    }

    fn connect(&mut self, now: Instant) {
        self.rouse();
        self.budget.renew();
        self.surroundings.wanted = true;
        self.surroundings.visit = false;
        self.surroundings.displaced = false;
        match self.state {
            State::Halted(_) | State::Stopped => {
                self.at_once = 0;
                self.go(Why::Asked, now, now);
            }
            State::Waiting { .. } | State::Suspended => self.go(Why::Asked, now, now),
            // Closing goes on; what follows is decided when it is done. So does an attempt that may only resume: if it cannot,
            // another one follows.
            _ => {}
        }
    }

    /// The process runs, and not for a visit only. Says whether it slept.
    fn rouse(&mut self) -> bool {
        self.surroundings.woken = false;
        std::mem::take(&mut self.surroundings.suspended)
    }

    /// Whoever wants to be online and is awake is not in need of a visit.
    fn visit(&mut self, now: Instant) {
        self.budget.renew();
        let Surroundings {
            wanted,
            suspended,
            displaced,
            foreground,
            ..
        } = self.surroundings;
        let is_halted = matches!(self.state, State::Halted(_));
        self.surroundings.suspended = false;
        self.surroundings.woken |= suspended || !(wanted || foreground);
        if displaced {
            // I10: a push is not the user, whatever the app has wanted since.
            return;
        }
        self.surroundings.visit |= !wanted || suspended || is_halted;
        match self.state {
            State::Halted(_) | State::Stopped => {
                self.at_once = 0;
                self.go(Why::Resumed, now, now);
            }
            _ => self.wake_up(now),
        }
    }

    /// Whoever came to need the client during the visit keeps it.
    fn leave(&mut self, now: Instant) {
        if self.surroundings.woken {
            return self.suspend(now);
        }
        if self.end_visit(now) || !std::mem::take(&mut self.surroundings.visit) {
            return;
        }
        self.stop(now);
        self.state = State::Stopped;
    }

    /// The app is back by itself: it wants what it wanted before. Says whether that had to be begun.
    fn end_visit(&mut self, now: Instant) -> bool {
        if !self.surroundings.wanted {
            return false;
        }
        self.surroundings.visit = false;
        let found_nothing = matches!(self.state, State::Halted(OfflineReason::NoSession));
        if found_nothing {
            self.go(Why::Asked, now, now);
        }
        found_nothing
    }

    /// Time passed unseen: an attempt under way is as doubtful as after a change of the network.
    fn wake_up(&mut self, now: Instant) {
        match self.state {
            State::Connecting { .. } => self.restart(Why::Resumed, now),
            _ => self.wake(Why::Resumed, now),
        }
    }

    fn disconnect(&mut self, now: Instant) {
        self.surroundings.wanted = false;
        self.surroundings.visit = false;
        match self.state {
            State::Online {
                attempt,
                outcome,
                flights,
                ..
            } => {
                self.note_stability(now);
                self.outputs.push_back(Output::CloseCleanly { attempt });
                self.state = State::Closing {
                    attempt,
                    deadline: now + self.timing.close,
                    outcome,
                    flights,
                };
            }
            State::Closing { .. } => {}
            _ => {
                self.stop(now);
                self.state = State::Stopped;
            }
        }
    }

    /// I14: the stream is left as it is, even in the middle of a goodbye.
    fn suspend(&mut self, now: Instant) {
        self.surroundings.suspended = true;
        self.surroundings.woken = false;
        self.surroundings.visit = false;
        match self.state {
            // The visit is over, and what it did not find the app may still want.
            State::Halted(OfflineReason::NoSession) => self.go(Why::Resumed, now, now),
            State::Halted(_) | State::Stopped => {}
            _ => {
                self.stop(now);
                self.go(Why::Resumed, now, now);
            }
        }
    }

    fn network_changed(&mut self, available: bool, now: Instant) {
        self.surroundings.network = available;
        self.budget.renew();
        match self.state {
            // A connection may outlive a gap; and only the server's silence proves that it did not.
            State::Online { .. } if !available => {}
            State::Connecting { .. } if available => self.restart(Why::NetworkChanged, now),
            State::Connecting { .. } | State::Waiting { .. } if !available => {
                self.stop(now);
                self.go(Why::NetworkChanged, now, now);
            }
            _ => self.wake(Why::NetworkChanged, now),
        }
    }

    /// Something happened after which waiting on is wrong, and what was true before may not be.
    fn wake(&mut self, why: Why, now: Instant) {
        match self.state {
            State::Waiting { .. } | State::WaitingForNetwork | State::Suspended => {
                self.go(why, now, now);
            }
            State::Online { .. } => self.probe(now),
            State::Stopped
            | State::Halted(_)
            | State::Connecting { .. }
            | State::Closing { .. } => {}
        }
    }

    /// The network changed under an attempt: the old path is probably gone.
    fn restart(&mut self, why: Why, now: Instant) {
        let next = self.next_start(false);
        if next <= now {
            self.stop(now);
            self.go(why, now, now);
        } else if let State::Connecting { restart, .. } = &mut self.state {
            // Better an attempt on a path that may be gone than none.
            *restart = Some(next);
        }
    }

    fn probe(&mut self, now: Instant) {
        let State::Online { attempt, probe, .. } = &mut self.state else {
            return;
        };
        match probe {
            Some(running) if now < running.until => running.again = true,
            _ => {
                let deadline = now + self.timing.probe;
                *probe = Some(Probe {
                    until: deadline + PROBE_GRACE,
                    again: false,
                });
                let attempt = *attempt;
                self.outputs.push_back(Output::Probe { attempt, deadline });
            }
        }
    }

    fn alive(&mut self, id: AttemptId, now: Instant) {
        let State::Online { attempt, probe, .. } = &mut self.state else {
            return;
        };
        if *attempt != id {
            return;
        }
        // What changed while it was on its way has not been asked about.
        if probe.take().is_some_and(|probe| probe.again) {
            self.probe(now);
        }
    }

    fn progress(&mut self, id: AttemptId, reached: Step) {
        if let State::Connecting {
            attempt,
            step,
            restart,
            ..
        } = &mut self.state
            && *attempt == id
            && reached != *step
        {
            *step = reached;
            // It moves, so its path is there.
            *restart = None;
        }
    }

    fn online(&mut self, id: AttemptId, outcome: Outcome, flights: usize, now: Instant) {
        if let State::Connecting { attempt, .. } = self.state
            && attempt == id
        {
            self.state = State::Online {
                attempt,
                since: now,
                outcome,
                flights,
                probe: None,
            };
        }
    }

    fn ended(&mut self, id: AttemptId, ending: Option<Ending>, now: Instant) {
        // I9, I10: whatever an older connection met is no news about this one.
        if self.current() != Some(id) {
            return;
        }
        let was_probed =
            matches!(self.state, State::Online { probe: Some(probe), .. } if now < probe.until);
        let was_closing = matches!(self.state, State::Closing { .. });
        let was_stable = self.note_breaking(now);
        let is_conflict = ending.is_some_and(|ending| ending.conflict);
        let is_echo = is_conflict && self.is_echo(now);
        if !is_conflict {
            self.note_unanswered(now);
        }
        self.state = State::Stopped;
        let ending = ending.unwrap_or(Ending {
            retryable: true,
            ..Ending::default()
        });
        if was_closing {
            return self.go(Why::Asked, now, now);
        }
        let is_visit = self.surroundings.visit;
        if ending.no_session && is_visit {
            self.state = State::Halted(OfflineReason::NoSession);
            return;
        }
        // What a visit did not find is no news for who wants any session.
        let at_once = ending.at_once || ending.no_session;
        if let Some(reason) = halts(ending)
            && !is_echo
            && !(reason == OfflineReason::Refused && ending.passing)
        {
            self.surroundings.displaced = reason == OfflineReason::Conflict;
            self.state = State::Halted(reason);
            return;
        }
        if at_once && self.at_once < MAX_AT_ONCE {
            self.at_once += 1;
            return self.go(Why::WrongAssumption, now, now);
        }
        self.at_once = 0;
        if was_probed && !ending.overloaded {
            return self.go(Why::ProbeFailed, now, now);
        }
        // A session that had proved itself broke: that is no failed attempt, and every second of waiting is seen.
        if was_stable && !ending.overloaded {
            return self.go(Why::Broken, now, now);
        }
        let is_passing = !ending.retryable && ending.passing;
        let until = self.wait(ending.overloaded || is_passing, now);
        if ending.overloaded {
            self.relief_until = until;
        }
        self.go(Why::Retry, until, now);
    }

    /// Until when to wait after one more failure. Where the allowance is spent, clients of one server stay apart, too.
    fn wait(&mut self, slowly: bool, now: Instant) -> Instant {
        let allowed = self.budget.allowed(false).max(now);
        allowed + self.backoff.next(&self.timing, slowly)
    }

    fn timeout(&mut self, now: Instant) {
        let Some((_, why)) = self.deadline().filter(|(when, _)| *when <= now) else {
            return;
        };
        match (why, &self.state) {
            (Wait::Retry, State::Waiting { why, .. }) => self.go(*why, now, now),
            (Wait::Restart, _) => {
                self.stop(now);
                self.go(Why::NetworkChanged, now, now);
            }
            (Wait::Attempt, _) => {
                self.stop(now);
                let until = self.wait(false, now);
                self.go(Why::Retry, until, now);
            }
            (Wait::Close, _) => {
                self.stop(now);
                self.go(Why::Asked, now, now);
            }
            (Wait::Probe, _) => self.probe(now),
            (Wait::Retry, _) => {}
        }
    }

    pub(crate) fn deadline(&self) -> Option<(Instant, Wait)> {
        match self.state {
            State::Waiting { until, .. } => Some((until, Wait::Retry)),
            State::Connecting {
                deadline, restart, ..
            } => match restart {
                Some(restart) if restart < deadline => Some((restart, Wait::Restart)),
                _ => Some((deadline, Wait::Attempt)),
            },
            State::Online { probe, .. } => probe
                .filter(|probe| probe.again)
                .map(|probe| (probe.until, Wait::Probe)),
            State::Closing { deadline, .. } => Some((deadline, Wait::Close)),
            State::Stopped | State::Suspended | State::WaitingForNetwork | State::Halted(_) => None,
        }
    }

    /// There is no attempt and no connection: makes one as soon as everything allows it, but not before `earliest`.
    fn go(&mut self, why: Why, earliest: Instant, now: Instant) {
        let earliest = earliest.max(self.next_start(why == Why::WrongAssumption));
        let Surroundings {
            wanted,
            visit,
            suspended,
            network,
            ..
        } = self.surroundings;
        self.state = if !wanted && !visit {
            State::Stopped
        } else if suspended {
            State::Suspended
        } else if !network {
            State::WaitingForNetwork
        } else if earliest > now {
            State::Waiting {
                until: earliest,
                why,
            }
        } else {
            self.start(why, now)
        };
    }

    fn start(&mut self, why: Why, now: Instant) -> State {
        let attempt = AttemptId(self.next_attempt);
        self.next_attempt = self.next_attempt.wrapping_add(1);
        self.budget.count(now);
        let purpose = if self.surroundings.visit {
            Purpose::ResumeOnly
        } else {
            Purpose::Session
        };
        self.outputs.push_back(Output::StartAttempt {
            attempt,
            why,
            purpose,
        });
        State::Connecting {
            attempt,
            step: Step::Resolving,
            deadline: now + self.timing.attempt,
            restart: None,
        }
    }

    /// Drops what there is, without closing the stream. What follows sets the state.
    fn stop(&mut self, now: Instant) {
        self.note_stability(now);
        self.note_unanswered(now);
        if let Some(attempt) = self.current() {
            self.outputs.push_back(Output::StopAttempt { attempt });
        }
    }

    /// An attempt is about to be given up. As long as it looks for a way, nobody can have heard it.
    fn note_unanswered(&mut self, now: Instant) {
        if matches!(self.state, State::Connecting { step, .. } if step != Step::Resolving) {
            self.unanswered = Some(now);
        }
    }

    /// Whether it may have been an attempt of our own, given up and heard late, that took our place. Then we take it back, but
    /// once: if it was somebody else after all, the next conflict is theirs (I10).
    fn is_echo(&mut self, now: Instant) -> bool {
        let unanswered = self.unanswered.take();
        unanswered.is_some_and(|at| now.since(at) < ECHO)
    }

    /// We end the session ourselves, if there is one: if it lasted, it has proved itself.
    fn note_stability(&mut self, now: Instant) {
        if self.has_lasted(self.timing.stable, now) {
            self.forget_failures();
        }
    }

    /// The session breaks, if there is one. Says whether the next attempt is made at once.
    fn note_breaking(&mut self, now: Instant) -> bool {
        if self.has_lasted(self.timing.stable * PROVEN_AFTER, now) {
            self.forget_failures();
            return true;
        }
        self.has_lasted(self.timing.stable, now) && !std::mem::replace(&mut self.broke_young, true)
    }

    fn has_lasted(&self, time: Duration, now: Instant) -> bool {
        matches!(self.state, State::Online { since, .. } if now.since(since) >= time)
    }

    fn forget_failures(&mut self) {
        self.backoff.reset();
        self.at_once = 0;
        self.broke_young = false;
    }

    fn next_start(&self, mends: bool) -> Instant {
        self.budget.next(&self.timing, mends).max(self.relief_until)
    }

    fn current(&self) -> Option<AttemptId> {
        match self.state {
            State::Connecting { attempt, .. }
            | State::Online { attempt, .. }
            | State::Closing { attempt, .. } => Some(attempt),
            _ => None,
        }
    }

    fn tell(&mut self) {
        let state = self.state();
        if state != self.told {
            self.told = state;
            self.outputs.push_back(Output::State(state));
        }
    }
}

/// What only the app can get us out of.
fn halts(ending: Ending) -> Option<OfflineReason> {
    if ending.conflict && planted(Mistake::ConflictFought) {
        None
    } else if ending.conflict {
        Some(OfflineReason::Conflict)
    } else if ending.needs_credentials {
        Some(OfflineReason::NeedsCredentials)
    } else if !ending.retryable && !ending.at_once && !ending.no_session {
        Some(OfflineReason::Refused)
    } else {
        None
    }
}

fn offline(reason: OfflineReason) -> ConnectionState {
    ConnectionState::Offline {
        reason,
        retry_at: None,
    }
}
