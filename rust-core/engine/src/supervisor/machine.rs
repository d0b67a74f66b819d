//! The state machine: its inputs, its outputs, and what all its parts share.

use std::collections::VecDeque;

use snapback_proto::plan::Purpose;
use snapback_proto::time::Instant;

use crate::variants::Variants;

use super::backoff::{Backoff, Budget};
use super::state::{Intent, Place, Situation, State, Wakefulness};
use super::{
    AttemptId, AttemptPhase, ConnectionState, Input, OfflineReason, Output, StartReason,
    SupervisorTimer, SyncKind, Timing, Wait,
};

/// Decides when to connect. After each [`Supervisor::handle_input`], the caller calls [`Supervisor::poll_output`] until
/// it returns [`Output::Timeout`] or [`Output::Idle`].
#[derive(Debug)]
pub struct Supervisor {
    pub(super) timing: Timing,
    pub(super) backoff: Backoff,
    pub(super) budget: Budget,
    /// Until this time no attempt is made at an overloaded server, in any case.
    pub(super) relief_until: Instant,
    pub(super) at_once: u32,
    /// Whether an unproven session broke and an attempt was made at once.
    pub(super) broke_young: bool,
    pub(super) next_attempt: u64,
    /// When an attempt was last given up before the server had responded to it.
    pub(super) unanswered: Option<Instant>,
    pub(super) surroundings: Situation,
    pub(super) state: State,
    pub(super) reported: ConnectionState,
    pub(super) outputs: VecDeque<Output>,
}

impl Supervisor {
    /// Returns a supervisor that waits for `Connect`. It assumes that there is a network until one is reported missing.
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
            surroundings: Situation {
                intent: Intent::Offline,
                wakefulness: Wakefulness::Awake,
                place: Place::Ours,
                network: true,
                foreground: false,
            },
            state: State::Stopped,
            reported: offline(OfflineReason::NotWanted),
            outputs: VecDeque::new(),
        }
    }

    /// Handles one input.
    pub fn handle_input(&mut self, input: Input, now: Instant) {
        match input {
            Input::Connect => self.connect(now),
            Input::BeginSync(kind) => self.begin_sync(kind, now),
            Input::EndSync => self.end_sync(now),
            Input::Disconnect => self.disconnect(now),
            Input::Suspend => self.suspend(now),
            Input::Resume => {
                self.rouse();
                self.budget.renew();
                if !self.end_sync_by_app(now) {
                    self.wake_up(now);
                }
            }
            Input::NetworkChanged { available } => self.network_changed(available, now),
            Input::Foreground => {
                let was_asleep = self.rouse();
                self.end_sync_by_app(now);
                if !std::mem::replace(&mut self.surroundings.foreground, true) || was_asleep {
                    self.budget.renew();
                    self.wake(StartReason::Foreground, now);
                }
            }
            Input::Background => self.surroundings.foreground = false,
            Input::AttemptProgress { attempt, step } => self.progress(attempt, step),
            Input::AttemptOnline {
                attempt,
                outcome,
                flights,
            } => self.online(attempt, outcome, flights, now),
            Input::CaughtUp { attempt } => self.caught_up(attempt, now),
            Input::Alive { attempt } => self.alive(attempt, now),
            Input::Ended { attempt, verdict } => self.ended(attempt, verdict, now),
            Input::Timeout => self.timeout(now),
        }
        self.tell();
    }

    /// Returns the next output.
    pub fn poll_output(&mut self) -> Output {
        self.outputs
            .pop_front()
            .unwrap_or_else(|| match self.deadline() {
                Some((when, why)) => Output::Timeout { when, why },
                None => Output::Idle,
            })
    }

    /// Returns the configured times.
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// Returns the state that the app sees now.
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
                outcome,
                flights,
                is_caught_up,
                ..
            }
            | State::Closing {
                outcome,
                flights,
                is_caught_up,
                ..
            } => ConnectionState::Online {
                outcome,
                flights,
                is_caught_up,
            },
        }
    }

    /// Returns the state as an index into the names of the states.
    pub(crate) fn state_variant(&self) -> usize {
        self.state.variant()
    }

    /// Returns which sessions the background sync in progress may use; `None` if there is none.
    pub(crate) fn sync(&self) -> Option<SyncKind> {
        self.surroundings.intent.sync()
    }

    /// Returns whether everything is released until the client is needed again.
    pub fn is_suspended(&self) -> bool {
        self.surroundings.wakefulness == Wakefulness::Suspended
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        let Some((_, why)) = self.deadline().filter(|(when, _)| *when <= now) else {
            return;
        };
        match (why, &self.state) {
            (SupervisorTimer::Retry, State::Waiting { why, .. }) => self.go(*why, now, now),
            (SupervisorTimer::Restart, _) => {
                self.stop(now);
                self.go(StartReason::NetworkChanged, now, now);
            }
            (SupervisorTimer::Attempt, _) => {
                self.stop(now);
                let until = self.wait(Wait::Normal, now);
                self.go(StartReason::Retry, until, now);
            }
            (SupervisorTimer::Close, _) => {
                self.stop(now);
                self.go(StartReason::Asked, now, now);
            }
            (SupervisorTimer::Probe, _) => self.probe(now),
            (SupervisorTimer::Retry, _) => {}
        }
    }

    pub(crate) fn deadline(&self) -> Option<(Instant, SupervisorTimer)> {
        match self.state {
            State::Waiting { until, .. } => Some((until, SupervisorTimer::Retry)),
            State::Connecting {
                deadline, restart, ..
            } => match restart {
                Some(restart) if restart < deadline => Some((restart, SupervisorTimer::Restart)),
                _ => Some((deadline, SupervisorTimer::Attempt)),
            },
            State::Online { probe, .. } => probe
                .filter(|probe| probe.again)
                .map(|probe| (probe.until, SupervisorTimer::Probe)),
            State::Closing { deadline, .. } => Some((deadline, SupervisorTimer::Close)),
            State::Stopped | State::Suspended | State::WaitingForNetwork | State::Halted(_) => None,
        }
    }

    /// Begins an attempt as soon as everything allows it, but not before `earliest`. There must be no attempt and no
    /// connection.
    pub(super) fn go(&mut self, why: StartReason, earliest: Instant, now: Instant) {
        let earliest = earliest.max(self.next_start(why == StartReason::WrongAssumption));
        self.state = if self.surroundings.intent == Intent::Offline {
            State::Stopped
        } else if self.is_suspended() {
            State::Suspended
        } else if !self.surroundings.network {
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

    pub(super) fn start(&mut self, why: StartReason, now: Instant) -> State {
        let attempt = AttemptId(self.next_attempt);
        self.next_attempt = self.next_attempt.wrapping_add(1);
        self.budget.count(now);
        let purpose = match self.surroundings.intent.sync() {
            Some(SyncKind::ResumeOnly) => Purpose::ResumeOnly,
            Some(SyncKind::MayBind) => Purpose::CatchUp,
            None => Purpose::Session,
        };
        self.outputs.push_back(Output::StartAttempt {
            attempt,
            why,
            purpose,
        });
        State::Connecting {
            attempt,
            step: AttemptPhase::Resolving,
            deadline: now + self.timing.attempt,
            restart: None,
        }
    }

    /// Drops the attempt or the connection without closing the stream. The caller sets the next state.
    pub(super) fn stop(&mut self, now: Instant) {
        self.note_stability(now);
        self.note_unanswered(now);
        if let Some(attempt) = self.current() {
            self.outputs.push_back(Output::StopAttempt { attempt });
        }
    }

    pub(super) fn next_start(&self, mends: bool) -> Instant {
        self.budget.next(&self.timing, mends).max(self.relief_until)
    }

    pub(super) fn current(&self) -> Option<AttemptId> {
        match self.state {
            State::Connecting { attempt, .. }
            | State::Online { attempt, .. }
            | State::Closing { attempt, .. } => Some(attempt),
            _ => None,
        }
    }

    pub(super) fn tell(&mut self) {
        let state = self.state();
        if state != self.reported {
            self.reported = state;
            self.outputs.push_back(Output::State(state));
        }
    }
}

fn offline(reason: OfflineReason) -> ConnectionState {
    ConnectionState::Offline {
        reason,
        retry_at: None,
    }
}
