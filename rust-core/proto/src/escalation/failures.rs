//! The failures that count, and which steps they have reached.

use crate::time::UnixTime;

use super::evidence::Evidence;
use super::policy::{Counted, EscalationStep, Lasts, POLICY, Remedy};
use super::subject::{Kind, Scope, Subject};

/// The maximum number of subjects that are kept. An account has a few addresses; the DNS can be made to name thousands.
pub const MAX_FAILURES: usize = 64;

/// The consecutive failures of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What was relied on.
    pub subject: Subject,
    /// Failures that were answers.
    pub refusals: u8,
    /// Failures without an answer.
    pub silences: u8,
    /// When the first of the silences occurred; without any, the first failure.
    pub since: UnixTime,
    /// When the last failure occurred.
    pub until: UnixTime,
}

/// What has failed and has not succeeded since, the latest failure last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    entries: Vec<Failure>,
}

/// The result of noting a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// What is to be stored.
    pub failure: Failure,
    /// The step that this failure has brought about.
    pub step: Option<&'static EscalationStep>,
}

impl Failure {
    fn new(subject: Subject, now: UnixTime) -> Self {
        Self {
            subject,
            refusals: 0,
            silences: 0,
            since: now,
            until: now,
        }
    }

    fn count(&self, counted: Counted) -> u8 {
        match counted {
            Counted::Only(Evidence::Refusal) => self.refusals,
            Counted::Only(Evidence::Silence) => self.silences,
            Counted::All => self.refusals.saturating_add(self.silences),
        }
    }

    fn add(&mut self, evidence: Evidence, is_proven: bool, now: UnixTime) {
        // If the clock was set back, the difference means nothing.
        if self.silences == 0 || now < self.since {
            self.since = now;
        }
        self.until = now;
        let most = most_so_far(self.subject, evidence, now.0.saturating_sub(self.since.0));
        let count = match evidence {
            Evidence::Refusal => &mut self.refusals,
            Evidence::Silence => &mut self.silences,
        };
        let most = if is_proven {
            most
        } else {
            most.min(most_before_proof(self.subject, evidence))
        };
        *count = count.saturating_add(1).min(most.max(*count));
    }

    /// Returns the steps that are in force, the last one reached at the end.
    fn steps(&self, now: UnixTime) -> impl Iterator<Item = &'static EscalationStep> {
        let steps = POLICY
            .iter()
            .filter(|step| step.about == self.subject.kind());
        steps.filter(move |step| {
            let span = self.until.0.saturating_sub(self.since.0);
            let is_reached = self.count(step.counted) >= step.count && span >= step.span;
            // After a jump of the clock into the past, a duration means nothing.
            is_reached
                && match step.lasts {
                    Lasts::UntilSuccess | Lasts::ForGood => true,
                    Lasts::Seconds(seconds) => {
                        self.until <= now && now < self.until.plus_seconds(seconds)
                    }
                }
        })
    }
}

/// Returns how many failures count that have come within this time, in seconds: no step is passed over because the time of the one
/// before it is not over yet.
fn most_so_far(subject: Subject, evidence: Evidence, passed: i64) -> u8 {
    let is_early = |step: &&EscalationStep| {
        step.about == subject.kind()
            && step.counted == Counted::Only(evidence)
            && step.span > passed
    };
    let early = POLICY.iter().filter(is_early).map(|step| step.count);
    early.min().map_or(u8::MAX, |count| count.saturating_sub(1))
}

/// T4: returns how many failures a server may cause that is not authenticated.
fn most_before_proof(subject: Subject, evidence: Evidence) -> u8 {
    let needs_proof = |step: &&EscalationStep| {
        step.about == subject.kind() && step.needs_proof && step.counted == Counted::Only(evidence)
    };
    let first = POLICY.iter().filter(needs_proof).map(|step| step.count);
    first.min().map_or(u8::MAX, |count| count.saturating_sub(1))
}

impl Failures {
    /// Returns the failures that were stored, in any order.
    pub fn restore(entries: impl IntoIterator<Item = Failure>) -> Self {
        let mut entries: Vec<Failure> = entries.into_iter().collect();
        entries.sort_by_key(|failure| (failure.until, failure.subject.stored_name()));
        let mut failures = Self::default();
        for failure in entries {
            failures.insert(failure);
        }
        failures
    }

    /// Adds a failure, in place of an earlier one of the same subject.
    pub fn insert(&mut self, failure: Failure) {
        self.succeeded(failure.subject);
        if failure.subject.kind() == Kind::Input {
            // After another stanza it is another place, and the earlier one was passed.
            self.retain(|other| other.subject.kind() != Kind::Input);
        }
        if self.entries.len() >= MAX_FAILURES {
            self.entries.remove(0);
        }
        self.entries.push(failure);
    }

    /// Records a failure. `is_proven`: the server was authenticated.
    pub fn note(
        &mut self,
        subject: Subject,
        evidence: Evidence,
        is_proven: bool,
        now: UnixTime,
    ) -> Noted {
        let known = self.get(subject).copied();
        let mut failure = known.unwrap_or_else(|| Failure::new(subject, now));
        let before = failure.steps(now).last();
        failure.add(evidence, is_proven, now);
        let after = failure.steps(now).last();
        self.insert(failure);
        Noted {
            failure,
            step: after.filter(|_| after != before),
        }
    }

    /// Records that it worked. Returns whether a failure was known.
    pub fn succeeded(&mut self, subject: Subject) -> bool {
        let place = self.entries.iter().position(|f| f.subject == subject);
        place.map(|place| self.entries.remove(place)).is_some()
    }

    /// Returns the failures of this subject.
    pub fn get(&self, subject: Subject) -> Option<&Failure> {
        self.entries.iter().find(|f| f.subject == subject)
    }

    /// Returns the last step that is in force.
    pub fn step(&self, subject: Subject, now: UnixTime) -> Option<&'static EscalationStep> {
        self.get(subject)?.steps(now).last()
    }

    /// Returns whether this is given up at present.
    pub fn gives_up(&self, subject: Subject, remedy: Remedy, now: UnixTime) -> bool {
        self.get(subject)
            .is_some_and(|failure| failure.steps(now).any(|step| step.gives_up == remedy))
    }

    /// I19: returns whether the stored session is not requested any more: it cannot be resumed, or it was and is not served.
    pub fn gives_up_session(&self, now: UnixTime) -> bool {
        [Subject::Resume, Subject::ResumedSession]
            .into_iter()
            .any(|subject| self.gives_up(subject, Remedy::NewSession, now))
    }

    /// Removes the failures of which this returns false.
    pub fn retain(&mut self, keep: impl FnMut(&Failure) -> bool) {
        self.entries.retain(keep);
    }

    /// Records that the stored session ended: its failures end with it.
    pub fn session_ended(&mut self) {
        self.retain(|failure| failure.subject.scope() != Scope::Session);
    }

    /// Records that stanzas left the queue.
    pub fn stanzas_left(&mut self, seqs: &[u64]) {
        self.retain(
            |failure| !matches!(failure.subject, Subject::Stanza(seq) if seqs.contains(&seq)),
        );
    }

    /// Returns all failures, the latest last.
    pub fn iter(&self) -> impl Iterator<Item = &Failure> {
        self.entries.iter()
    }

    /// Returns whether nothing has failed.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
