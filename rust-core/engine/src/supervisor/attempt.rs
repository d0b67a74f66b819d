//! The course of attempts and of their connections.

use std::time::Duration;

use snapback_proto::connection::Outcome;
use snapback_proto::time::Instant;

use super::state::{Place, Probe, State};
use super::{
    AfterEnd, AttemptId, AttemptPhase, Halt, MAX_AT_ONCE, OfflineReason, Output, PROVEN_AFTER,
    Pace, StartReason, Supervisor, SyncKind, Verdict, Wait,
};

/// How much later than its deadline a failed probe may be reported and still count as the reason of the end.
const PROBE_GRACE: Duration = Duration::from_secs(1);

/// How long after an attempt was given up the server may still process its login: data sent on the failed path is
/// delivered late, or waits in a slow server.
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
        // Changes after the probe was sent are not covered by its response.
        if probe.take().is_some_and(|probe| probe.again) {
            self.probe(now);
        }
    }

    pub(super) fn progress(&mut self, id: AttemptId, reached: AttemptPhase) {
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
            // The attempt makes progress, so its path works.
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
                is_caught_up: false,
                reads_again: false,
                probe: None,
            };
            self.leave_unannounced(now);
        }
    }

    pub(super) fn caught_up(&mut self, id: AttemptId, now: Instant) {
        if let State::Online {
            attempt,
            is_caught_up,
            reads_again,
            ..
        } = &mut self.state
            && *attempt == id
        {
            *is_caught_up = !*reads_again;
            if *reads_again {
                self.stop(now);
                self.go(StartReason::Resumed, now, now);
            }
        }
    }

    pub(super) fn ended(&mut self, id: AttemptId, verdict: Option<Verdict>, now: Instant) {
        // I9, I10: the end of an older connection says nothing about this one.
        if self.current() != Some(id) {
            return;
        }
        let was_probed =
            matches!(self.state, State::Online { probe: Some(probe), .. } if now < probe.until);
        let was_closing = matches!(self.state, State::Closing { .. });
        let was_stable = self.note_breaking(now);
        let then = self.after_end(id, verdict, now);
        if verdict == Some(Verdict::Halt(Halt::Conflict)) {
            self.unanswered = None;
        } else {
            self.note_unanswered(now);
        }
        self.state = State::Stopped;
        if was_closing {
            return self.go(StartReason::Asked, now, now);
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
        let pace = verdict.unwrap_or(Verdict::RETRY).pace();
        if matches!(pace, Pace::AtOnce(_)) && self.at_once < MAX_AT_ONCE {
            self.at_once += 1;
            return self.go(StartReason::WrongAssumption, now, now);
        }
        self.at_once = 0;
        let wait = pace.wait();
        if was_probed && wait != Wait::Relief {
            return self.go(StartReason::ProbeFailed, now, now);
        }
        // A session that had lasted broke: this is not a failed attempt, and the user notices every second of waiting.
        if was_stable && wait != Wait::Relief {
            return self.go(StartReason::Broken, now, now);
        }
        let until = self.wait(wait, now);
        if wait == Wait::Relief {
            self.relief_until = until;
        }
        self.go(StartReason::Retry, until, now);
    }

    /// Returns what follows the end of this attempt or of its connection: what [`Input::Ended`](super::Input::Ended)
    /// does.
    pub fn after_end(&self, id: AttemptId, verdict: Option<Verdict>, now: Instant) -> AfterEnd {
        let is_current = self.current() == Some(id);
        if is_current && matches!(self.state, State::Closing { .. }) {
            return if self.surroundings.intent.wants_online() {
                AfterEnd::Retries
            } else {
                AfterEnd::Halts(OfflineReason::NotWanted)
            };
        }
        match verdict {
            None => AfterEnd::Retries,
            Some(Verdict::NoSession) if self.sync() == Some(SyncKind::ResumeOnly) => {
                AfterEnd::Halts(OfflineReason::NoSession)
            }
            Some(Verdict::Halt(Halt::Conflict)) if is_current && self.is_echo(now) => {
                AfterEnd::Retries
            }
            Some(verdict) => AfterEnd::of(verdict),
        }
    }

    /// Returns until when to wait after one more failure. The delay is random even if the allowance is spent, so that
    /// clients of one server stay distributed.
    pub(super) fn wait(&mut self, wait: Wait, now: Instant) -> Instant {
        let allowed = self.budget.allowed(false).max(now);
        allowed + self.backoff.next(&self.timing, wait)
    }

    /// Records that an attempt in progress may have reached the server. While it only looks up endpoints, it has sent
    /// nothing.
    pub(super) fn note_unanswered(&mut self, now: Instant) {
        if matches!(self.state, State::Connecting { step, .. } if step != AttemptPhase::Resolving) {
            self.unanswered = Some(now);
        }
    }

    /// Returns whether the session may have been replaced by an attempt of this client that was given up and processed
    /// late. In that case the client reconnects, but once: if it was another client after all, the next conflict is
    /// final (I10).
    fn is_echo(&self, now: Instant) -> bool {
        self.unanswered.is_some_and(|at| now.since(at) < ECHO)
    }

    /// Records that this client ends the session itself: if the session lasted, the failures before it no longer count.
    pub(super) fn note_stability(&mut self, now: Instant) {
        if self.has_lasted(self.timing.stable, now) {
            self.forget_failures();
        }
    }

    /// Records that the session breaks, if there is one. Returns whether the next attempt is made at once.
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
