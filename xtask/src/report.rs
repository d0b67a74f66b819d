//! Steps, one after the other, and what came of them.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::tool;

/// The longest time of a step. The slowest takes about a third of it on two cores; what takes longer has stopped, and
/// would keep the later steps from being seen.
const LIMIT: Duration = Duration::from_secs(25 * 60);

/// What a step did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Tests that passed; none for a step that is one check.
    pub(crate) tests_passed: u32,
    /// Tests that failed.
    pub(crate) tests_failed: u32,
    /// What was left out, and why.
    pub(crate) skips: Vec<String>,
    /// Why the step failed as a whole.
    pub(crate) failure: Option<String>,
}

impl Outcome {
    /// The outcome of a step that is one check.
    pub(crate) fn of(result: Result<(), String>) -> Self {
        Self {
            failure: result.err(),
            ..Self::default()
        }
    }

    fn passed(&self) -> bool {
        self.failure.is_none() && self.tests_failed == 0
    }
}

#[derive(Debug)]
struct TimedStep {
    name: &'static str,
    outcome: Outcome,
    time: Duration,
}

/// All steps of a run.
#[derive(Debug)]
pub(crate) struct Report {
    steps: Vec<TimedStep>,
    may_skip: bool,
}

impl Report {
    /// With `may_skip` false, a skip is a failure.
    pub(crate) fn new(may_skip: bool) -> Self {
        Self {
            steps: Vec::new(),
            may_skip,
        }
    }

    /// Runs a step under a heading. A failed step does not keep the later ones from running: one run shows everything.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Outcome) {
        println!("\n== {name}");
        let start = Instant::now();
        let mut outcome = within(LIMIT, std::process::id(), work);
        let time = start.elapsed();
        if !self.may_skip && !outcome.skips.is_empty() && outcome.failure.is_none() {
            outcome.failure = Some("something was skipped, and nothing may be".to_owned());
        }
        if let Some(failure) = &outcome.failure {
            println!("{failure}");
        }
        println!(
            "== {name}: {} in {:.1} s",
            verdict(&outcome),
            time.as_secs_f64()
        );
        self.steps.push(TimedStep {
            name,
            outcome,
            time,
        });
    }

    /// Whether every step passed.
    pub(crate) fn passed(&self) -> bool {
        self.steps.iter().all(|step| step.outcome.passed())
    }
}

/// Runs the work. After `limit` every descendant of the process `ancestor` is ended, at which the work fails.
fn within(limit: Duration, ancestor: u32, work: impl FnOnce() -> Outcome) -> Outcome {
    let (is_done, done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let watch = scope.spawn(move || {
            if done.recv_timeout(limit) != Err(RecvTimeoutError::Timeout) {
                return false;
            }
            // The work may start another process after one has ended.
            while done.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                tool::end_descendants_of(ancestor);
            }
            true
        });
        let mut outcome = work();
        drop(is_done);
        if watch.join().unwrap_or(true) {
            outcome.failure = Some(format!("ended after {} s", limit.as_secs()));
        }
        outcome
    })
}

fn verdict(outcome: &Outcome) -> &'static str {
    match (outcome.passed(), outcome.skips.is_empty()) {
        (false, _) => "FAILED",
        (true, false) => "passed, with skips",
        (true, true) => "passed",
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:<14} {:>8}  result", "step", "seconds")?;
        for TimedStep {
            name,
            outcome,
            time,
        } in &self.steps
        {
            write!(
                f,
                "{name:<14} {:>8.1}  {}",
                time.as_secs_f64(),
                verdict(outcome)
            )?;
            if outcome.tests_passed + outcome.tests_failed > 0 {
                write!(
                    f,
                    " ({} passed, {} failed)",
                    outcome.tests_passed, outcome.tests_failed
                )?;
            }
            writeln!(f)?;
        }
        for TimedStep { name, outcome, .. } in &self.steps {
            for skip in &outcome.skips {
                writeln!(f, "skipped in {name}: {skip}")?;
            }
        }
        let passed: u32 = self
            .steps
            .iter()
            .map(|step| step.outcome.tests_passed)
            .sum();
        let failed: u32 = self.steps.iter().map(|step| failures(&step.outcome)).sum();
        match passed + failed {
            0 => Ok(()), // only checks, and they passed
            _ => writeln!(f, "{passed} passed, {failed} failed"),
        }
    }
}

/// A step that failed without a failed test (a lint, a build) counts as one failure, so that it cannot read as none.
fn failures(outcome: &Outcome) -> u32 {
    match outcome {
        Outcome {
            tests_failed: 0,
            failure: Some(_),
            ..
        } => 1,
        _ => outcome.tests_failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipping() -> Outcome {
        Outcome {
            tests_passed: 3,
            skips: vec!["no server".to_owned()],
            ..Outcome::default()
        }
    }

    #[test]
    fn a_skip_passes_unless_nothing_may_be_skipped() {
        let mut lenient = Report::new(true);
        lenient.step("interop", skipping);
        assert!(lenient.passed());
        assert!(
            lenient
                .to_string()
                .contains("skipped in interop: no server")
        );
        let mut strict = Report::new(false);
        strict.step("interop", skipping);
        assert!(!strict.passed());
        assert!(strict.to_string().ends_with("3 passed, 1 failed\n"));
    }

    #[test]
    fn a_step_that_stops_is_ended_with_all_that_it_started() {
        // The inner process holds the pipe open.
        let mut shell = std::process::Command::new("sh");
        let shell = shell.args(["-c", "sleep 300 & sleep 300"]);
        let mut shell = shell.stdout(std::process::Stdio::piped()).spawn().unwrap();
        let start = Instant::now();
        let outcome = within(Duration::from_millis(100), shell.id(), || {
            std::io::read_to_string(shell.stdout.take().unwrap()).unwrap();
            Outcome::default()
        });
        assert_eq!(outcome.failure.as_deref(), Some("ended after 0 s"));
        assert!(start.elapsed() < Duration::from_secs(60));
        shell.wait().unwrap();
    }

    #[test]
    fn a_failed_check_counts_as_a_failure() {
        let mut report = Report::new(true);
        report.step("clippy", || Outcome::of(Err("a warning".to_owned())));
        report.step("tests", || Outcome {
            tests_passed: 5,
            tests_failed: 2,
            ..Outcome::default()
        });
        assert!(!report.passed());
        assert!(report.to_string().ends_with("5 passed, 3 failed\n"));
    }
}
