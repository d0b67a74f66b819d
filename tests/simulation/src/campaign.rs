//! Many seeds, on all cores: each run belongs to one thread, so runs are independent and each can be replayed alone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::coverage::Coverage;
use crate::{Counts, Options, Profile, Script, Violation, run};

/// What to run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Which parts are real.
    pub profile: Profile,
    /// The first seed.
    pub first: u64,
    /// How many seeds.
    pub seeds: u64,
    /// The number of reconnects after which the campaign ends, even if seeds are left.
    pub reconnects: Option<u64>,
    /// How many threads.
    pub threads: usize,
    /// The options of the runs.
    pub options: Options,
    /// Whether to continue after a failure.
    pub keep_going: bool,
}

/// The result.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds run.
    pub seeds: u64,
    /// Steps taken.
    pub steps: u64,
    /// Sessions after the first of each run.
    pub reconnects: u64,
    /// Of these, resumed ones.
    pub resumptions: u64,
    /// Messages.
    pub counts: Counts,
    /// What the runs covered.
    pub coverage: Coverage,
    /// The sum of the hashes of all traces, independent of their order: equal for two builds with the same behaviour.
    pub hash: u64,
    /// The seeds that failed, in their order; by default only the first.
    pub failures: Vec<(u64, Violation)>,
    /// How long it took.
    pub took: Duration,
}

impl Summary {
    /// Returns the reconnects per second.
    pub fn rate(&self) -> f64 {
        self.reconnects as f64 / self.took.as_secs_f64().max(0.001)
    }

    fn add(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.reconnects += other.reconnects;
        self.resumptions += other.resumptions;
        self.counts.add(&other.counts);
        self.coverage.add(&other.coverage);
        self.hash = self.hash.wrapping_add(other.hash);
        self.failures.extend_from_slice(&other.failures);
        self.failures.sort_by_key(|(seed, _)| *seed);
    }
}

impl Campaign {
    /// Runs all seeds, or until one fails; `progress` is called at intervals with the seeds done and the reconnects.
    pub fn run(&self, progress: impl Fn(u64, u64) + Sync) -> Summary {
        let started = Instant::now();
        let next = AtomicU64::new(self.first);
        let (done, reconnects) = (AtomicU64::new(0), AtomicU64::new(0));
        let stop = AtomicBool::new(false);
        let total = Mutex::new(Summary::default());
        let worker = || {
            let mut mine = Summary::default();
            while !stop.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= self.first.saturating_add(self.seeds) {
                    break;
                }
                let outcome = run(&Script::draw(self.profile, seed), self.options);
                mine.seeds += 1;
                mine.steps += outcome.steps;
                mine.reconnects += outcome.reconnects;
                mine.resumptions += outcome.resumptions;
                mine.counts.add(&outcome.counts);
                mine.coverage.add(&outcome.coverage);
                mine.hash = mine.hash.wrapping_add(outcome.hash);
                let count = reconnects.fetch_add(outcome.reconnects, Ordering::Relaxed);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1, count);
                if let Some(violation) = outcome.violation {
                    mine.failures.push((seed, violation));
                    if !self.keep_going {
                        stop.store(true, Ordering::Relaxed);
                    }
                }
                if self.reconnects.is_some_and(|enough| count >= enough) {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            total
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .add(&mine);
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(worker);
            }
        });
        let mut summary = total.into_inner().unwrap_or_else(PoisonError::into_inner);
        summary.took = started.elapsed();
        summary
    }
}
