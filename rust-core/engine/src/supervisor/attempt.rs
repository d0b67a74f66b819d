//! What becomes of attempts and their connections.

use std::time::Duration;

use snapback_proto::connection::Outcome;
use snapback_proto::time::Instant;

use super::state::{Place, Probe, State};
use super::{
    AfterEnd, AttemptId, Ending, MAX_AT_ONCE, OfflineReason, Output, PROVEN_AFTER, Step,
    Supervisor, Why,
};

/// How much later than the deadline a failed probe may be reported and still be known as the reason.
const PROBE_GRACE: Duration = Duration::from_secs(1);

/// So long after we gave an attempt up, the server may still get to hear its login: what was sent on the way that died is
/// delivered late, or waits in a server that is slow.
pub(super) const ECHO: Duration = Duration::from_secs(30);

impl Supervisor {
    pub(super) fn probe(&mut self, now: Instant) {
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

    pub(super) fn alive(&mut self, id: AttemptId, now: Instant) {
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

    pub(super) fn progress(&mut self, id: AttemptId, reached: Step) {
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

    pub(super) fn online(&mut self, id: AttemptId, outcome: Outcome, flights: usize, now: Instant) {
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

    pub(super) fn ended(&mut self, id: AttemptId, ending: Option<Ending>, now: Instant) {
        // I9, I10: whatever an older connection met is no news about this one.
        if self.current() != Some(id) {
            return;
        }
        let was_probed =
            matches!(self.state, State::Online { probe: Some(probe), .. } if now < probe.until);
        let was_closing = matches!(self.state, State::Closing { .. });
        let was_stable = self.note_breaking(now);
        let then = self.after_end(id, ending, now);
        if ending.is_some_and(|ending| ending.conflict) {
            self.unanswered = None;
        } else {
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
        if let AfterEnd::Halts(reason) = then {
            match reason {
                OfflineReason::NoSession => {}
                OfflineReason::Conflict => self.surroundings.place = Place::Taken,
                _ => self.surroundings.place = Place::Ours,
            }
            self.state = State::Halted(reason);
            return;
        }
        // What a visit did not find is no news for who wants any session.
        let at_once = ending.at_once || ending.no_session;
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

    /// Returns what the end of this attempt, or of its connection, leads to: what [`Input::Ended`](super::Input::Ended) does.
    pub fn after_end(&self, id: AttemptId, ending: Option<Ending>, now: Instant) -> AfterEnd {
        let is_current = self.current() == Some(id);
        if is_current && matches!(self.state, State::Closing { .. }) {
            return if self.surroundings.intent.wants_online() {
                AfterEnd::Retries
            } else {
                AfterEnd::Halts(OfflineReason::NotWanted)
            };
        }
        let Some(ending) = ending else {
            return AfterEnd::Retries;
        };
        if ending.no_session && self.surroundings.intent.is_sync() {
            return AfterEnd::Halts(OfflineReason::NoSession);
        }
        if ending.conflict && is_current && self.is_echo(now) {
            return AfterEnd::Retries;
        }
        AfterEnd::of(ending)
    }

    /// Until when to wait after one more failure. Where the allowance is spent, clients of one server stay apart, too.
    pub(super) fn wait(&mut self, slowly: bool, now: Instant) -> Instant {
        let allowed = self.budget.allowed(false).max(now);
        allowed + self.backoff.next(&self.timing, slowly)
    }

    /// An attempt is about to be given up. As long as it looks for a way, nobody can have heard it.
    pub(super) fn note_unanswered(&mut self, now: Instant) {
        if matches!(self.state, State::Connecting { step, .. } if step != Step::Resolving) {
            self.unanswered = Some(now);
        }
    }

    /// Whether it may have been an attempt of our own, given up and heard late, that took our place. Then we take it back, but
    /// once: if it was somebody else after all, the next conflict is theirs (I10).
    fn is_echo(&self, now: Instant) -> bool {
        self.unanswered.is_some_and(|at| now.since(at) < ECHO)
    }

    /// We end the session ourselves, if there is one: if it lasted, it has proved itself.
    pub(super) fn note_stability(&mut self, now: Instant) {
        if self.has_lasted(self.timing.stable, now) {
            self.forget_failures();
        }
    }

    /// The session breaks, if there is one. Says whether the next attempt is made at once.
    pub(super) fn note_breaking(&mut self, now: Instant) -> bool {
        if self.has_lasted(self.timing.stable * PROVEN_AFTER, now) {
            self.forget_failures();
            return true;
        }
        self.has_lasted(self.timing.stable, now) && !std::mem::replace(&mut self.broke_young, true)
    }

    pub(super) fn has_lasted(&self, time: Duration, now: Instant) -> bool {
        matches!(self.state, State::Online { since, .. } if now.since(since) >= time)
    }

    pub(super) fn forget_failures(&mut self) {
        self.backoff.reset();
        self.at_once = 0;
        self.broke_young = false;
    }
}
