mod after_end;
mod behaviour;
mod bounds;
mod graph;
mod may_bind;
mod random;
mod verdict;

use std::time::Duration;

use snapback_proto::connection::Outcome;
use snapback_proto::time::Instant;

use super::*;

/// A supervisor and its clock.
struct Bench {
    supervisor: Supervisor,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self {
            supervisor: Supervisor::new(Timing::default(), 1),
            now: Instant::from_epoch(Duration::from_secs(1000)),
        }
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    /// Returns the outputs that an input causes, up to the wait.
    fn put(&mut self, input: Input) -> Vec<Output> {
        self.supervisor.handle_input(input, self.now);
        let mut outputs = Vec::new();
        loop {
            match self.supervisor.poll_output() {
                Output::Timeout { .. } | Output::Idle => return outputs,
                output => outputs.push(output),
            }
        }
    }

    fn deadline(&mut self) -> Option<(Instant, SupervisorTimer)> {
        match self.supervisor.poll_output() {
            Output::Timeout { when, why } => Some((when, why)),
            Output::Idle => None,
            other => panic!("{other:?} was not drained"),
        }
    }

    /// Waits for the deadline and reports it.
    fn expire(&mut self) -> Vec<Output> {
        let (when, _) = self.deadline().expect("a deadline");
        self.now = self.now.max(when);
        self.put(Input::Timeout)
    }

    fn end(&mut self, attempt: u64, verdict: Verdict) -> Vec<Output> {
        self.put(Input::Ended {
            attempt: AttemptId(attempt),
            verdict: Some(verdict),
        })
    }

    /// Returns a bench in which attempt 0 has established a session.
    fn online() -> Self {
        let mut bench = Self::new();
        bench.put(Input::Connect);
        bench.put(established(0));
        bench
    }
}

const BROKEN: Verdict = Verdict::RETRY;
const WRONG_ASSUMPTION: Verdict = Verdict::Retry(Pace::AtOnce(Wait::Normal));
const OVERLOADED: Verdict = Verdict::Retry(Pace::After(Wait::Relief));
const PASSING: Verdict = Verdict::Retry(Pace::After(Wait::Slow));
const CONFLICT: Verdict = Verdict::Halt(Halt::Conflict);
const CREDENTIALS: Verdict = Verdict::Halt(Halt::Credentials);
const REFUSED: Verdict = Verdict::Halt(Halt::Refused);

const NETWORK: Input = Input::NetworkChanged { available: true };
const NO_NETWORK: Input = Input::NetworkChanged { available: false };
const ONLINE: ConnectionState = ConnectionState::Online {
    outcome: Outcome::Resumed,
    flights: 3,
    is_caught_up: false,
};

fn established(attempt: u64) -> Input {
    Input::AttemptOnline {
        attempt: AttemptId(attempt),
        outcome: Outcome::Resumed,
        flights: 3,
    }
}

fn unannounced(attempt: u64) -> Input {
    Input::AttemptOnline {
        attempt: AttemptId(attempt),
        outcome: Outcome::Unannounced,
        flights: 3,
    }
}

fn start(attempt: u64, why: StartReason) -> Output {
    Output::StartAttempt {
        attempt: AttemptId(attempt),
        why,
        purpose: Purpose::Session,
    }
}

fn stop(attempt: u64) -> Output {
    Output::StopAttempt {
        attempt: AttemptId(attempt),
    }
}

fn connecting(step: AttemptPhase) -> Output {
    Output::State(ConnectionState::Connecting { step })
}

fn offline(reason: OfflineReason) -> Output {
    Output::State(ConnectionState::Offline {
        reason,
        retry_at: None,
    })
}
