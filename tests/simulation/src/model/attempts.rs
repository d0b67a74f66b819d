//! I19: how many attempts to connect are allowed. W1: what was given up is not tried.

use std::collections::VecDeque;

use snapback_proto::escalation::{Failure, Failures, Lasts, Remedy, Request, Subject};
use snapback_proto::time::UnixTime;

use super::Model;
use crate::network::Time;

const SECOND: Time = 1_000_000;
const HOUR: Time = 3_600 * SECOND;

/// The maximum number of attempts within a time, which begins this long after the last event of the user or the network.
const LIMITS: [(Time, usize, Time); 3] = [
    (30 * SECOND, 6, 0),
    (HOUR, 30, 600 * SECOND),
    (24 * HOUR, 150, 0),
];

/// The attempts of a process, by the phone's monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    starts: VecDeque<Time>,
    /// When the user or the network last gave a reason to try again.
    event_at: Time,
    left_out_for: Time,
}

impl Model {
    /// A process starts.
    pub(crate) fn process_started(&mut self) {
        self.attempts = Attempts {
            left_out_for: self.attempts.left_out_for,
            ..Attempts::default()
        };
    }

    /// The user or the network gives a reason to try again.
    pub(crate) fn event_of_user(&mut self, at: Time) {
        self.attempts.event_at = at;
    }

    /// An attempt starts.
    pub(crate) fn attempt_started(&mut self, at: Time) {
        let attempts = &mut self.attempts;
        attempts.starts.push_back(at);
        while attempts
            .starts
            .front()
            .is_some_and(|start| *start + 24 * HOUR <= at)
        {
            attempts.starts.pop_front();
        }
        let event_at = attempts.event_at;
        let exceeded = LIMITS.into_iter().find(|(window, most, later)| {
            // Every event allows further attempts, but not within seconds.
            let since = if *window < HOUR { 0 } else { event_at + later };
            let is_within = |start: &&Time| **start + window > at && **start >= since;
            attempts.starts.iter().filter(is_within).count() > *most
        });
        if let Some((window, most, _)) = exceeded {
            let seconds = window / SECOND;
            self.broken("I19", || {
                format!("more than {most} attempts in {seconds} s")
            });
        }
    }

    /// W1: something has failed. If it was given up because of earlier failures, it should not have been tried.
    pub(super) fn has_failed_again(&mut self, failure: Failure) {
        let subject = failure.subject;
        let given_up = [
            Remedy::NoToken,
            Remedy::NoStreamManagement,
            Remedy::DelayRequest,
            Remedy::NoRequest,
        ];
        let is_given_up = |remedy| self.failures.gives_up(subject, remedy, failure.until);
        if !self.is_clock_set && given_up.into_iter().any(is_given_up) {
            self.broken("W1", || format!("what was given up is tried: {failure:?}"));
        }
        self.failures.insert(failure);
        let left_out_for = left_out_for(&self.failures, &failure).unwrap_or(0);
        self.attempts.left_out_for = self.attempts.left_out_for.max(left_out_for);
        if self.gives_up_archive(failure.until) {
            self.archive_is_left_out();
        }
    }

    /// Returns whether at this time the archive is not queried, or read only from where it can be.
    fn gives_up_archive(&self, now: UnixTime) -> bool {
        let request = Subject::Request(Request::Archive);
        let steps = [
            (request, Remedy::DelayRequest),
            (request, Remedy::NoRequest),
            (Subject::ArchivePage, Remedy::SkipPage),
        ];
        let mut steps = steps.into_iter();
        steps.any(|(subject, remedy)| self.failures.gives_up(subject, remedy, now))
    }

    /// Returns whether it was so when the archive failed last.
    pub(super) fn has_no_archive(&self) -> bool {
        let subjects = [Subject::Request(Request::Archive), Subject::ArchivePage];
        let mut failures = subjects.into_iter().filter_map(|it| self.failures.get(it));
        failures.any(|failure| self.gives_up_archive(failure.until))
    }

    /// The wall clock was set: the client measures these durations by it.
    pub(crate) fn clock_was_set(&mut self) {
        self.is_clock_set = true;
    }

    /// Returns whether this part of a session's start is sent alone, or left out.
    pub(crate) fn is_set_apart(&self, request: Request) -> bool {
        let failure = self.failures.get(Subject::Request(request));
        let step = |failure: &Failure| self.failures.step(failure.subject, failure.until);
        failure.and_then(step).is_some()
    }

    /// Returns the longest time for which a part of a session's start was left out, and for what follows it then.
    pub(crate) fn left_out_for(&self) -> Time {
        self.attempts.left_out_for
    }
}

/// How long a part of a session's start is left out because of this failure, and a minute for what follows it then.
fn left_out_for(failures: &Failures, failure: &Failure) -> Option<Time> {
    let step = failures.step(failure.subject, failure.until)?;
    match step.lasts {
        Lasts::Seconds(seconds) if matches!(failure.subject, Subject::Request(_)) => {
            Some((Time::try_from(seconds).ok()? + 60) * SECOND)
        }
        _ => None,
    }
}
