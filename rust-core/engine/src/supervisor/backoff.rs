//! The delays between attempts: full jitter after failures, and a limit on the rate of attempts in every case.

use std::collections::VecDeque;
use std::time::Duration;

use snapback_proto::time::Instant;

use super::{
    ALLOWANCE, ALLOWANCE_WINDOWS, RESERVE, RESERVE_WINDOWS, STARTS_PER_WINDOW, Timing, Wait,
};

/// The delays after failures.
#[derive(Debug)]
pub(super) struct Backoff {
    random: Random,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            failures: 0,
        }
    }

    /// Resets the delays, since a session was stable: the next failure counts as the first.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Returns the delay after one more failure.
    pub(super) fn next(&mut self, timing: &Timing, wait: Wait) -> Duration {
        let (base, floor) = match wait {
            Wait::Normal => (timing.base, timing.floor),
            Wait::Slow | Wait::Relief => (timing.relief_base, timing.relief_floor),
        };
        let ceiling = base.saturating_mul(2u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        // If the cap were below the floor, nothing would be left to draw from, and all clients of a server would
        // reconnect at the same time.
        let ceiling = ceiling.min(timing.cap).max(floor.saturating_mul(2));
        floor.saturating_add(self.random.up_to(ceiling.saturating_sub(floor)))
    }
}

/// Limits the number of attempts: a maximum of starts within the window, and an allowance for attempts that neither the
/// user nor the network caused (rule I19).
#[derive(Debug)]
pub(super) struct Budget {
    last: VecDeque<Instant>,
    allowance: Allowance,
    /// For attempts that correct a wrong assumption, when the allowance is spent: one attempt is enough to correct it.
    reserve: Allowance,
}

impl Budget {
    pub(super) fn new(timing: &Timing) -> Self {
        Self {
            last: VecDeque::new(),
            allowance: Allowance::new(ALLOWANCE, timing.window * ALLOWANCE_WINDOWS),
            reserve: Allowance::new(RESERVE, timing.window * RESERVE_WINDOWS),
        }
    }

    pub(super) fn count(&mut self, now: Instant) {
        if self.last.len() >= STARTS_PER_WINDOW {
            self.last.pop_front();
        }
        self.last.push_back(now);
        let allowance = if self.allowance.next() <= now {
            &mut self.allowance
        } else {
            &mut self.reserve
        };
        allowance.take(now);
    }

    /// Refills the allowance, since the user or the network gave a reason to try again: earlier attempts do not count.
    pub(super) fn renew(&mut self) {
        self.allowance.fill();
    }

    /// Returns the earliest time of the next start. An attempt that corrects a wrong assumption may use the reserve.
    pub(super) fn next(&self, timing: &Timing, mends: bool) -> Instant {
        let window = match self.last.front() {
            Some(oldest) if self.last.len() >= STARTS_PER_WINDOW => *oldest + timing.window,
            _ => Instant::ZERO,
        };
        window.max(self.allowed(mends))
    }

    /// Returns the same without the limit of the window.
    pub(super) fn allowed(&self, mends: bool) -> Instant {
        let allowed = self.allowance.next();
        if mends {
            allowed.min(self.reserve.next())
        } else {
            allowed
        }
    }
}

/// A token bucket of starts: one start is added after each step, up to the maximum.
#[derive(Debug)]
struct Allowance {
    most: u32,
    step: Duration,
    /// When the bucket is full again.
    full_at: Duration,
}

impl Allowance {
    const fn new(most: u32, step: Duration) -> Self {
        Self {
            most,
            step,
            full_at: Duration::ZERO,
        }
    }

    fn take(&mut self, now: Instant) {
        self.full_at = self
            .full_at
            .max(now.since_epoch())
            .saturating_add(self.step);
    }

    fn fill(&mut self) {
        self.full_at = Duration::ZERO;
    }

    /// Returns when a start is available.
    fn next(&self) -> Instant {
        let others = self.step.saturating_mul(self.most.saturating_sub(1));
        Instant::from_epoch(self.full_at.saturating_sub(others))
    }
}

/// xorshift64* (Vigna 2016). It distributes clients in time and has no security purpose.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        // Makes similar seeds differ. Zero is excluded, since the generator would never leave it.
        Self(
            seed.wrapping_add(1)
                .wrapping_mul(0x9E37_79B9_7F4A_7C15)
                .max(1),
        )
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        let most = u64::try_from(most.as_micros()).unwrap_or(u64::MAX);
        let scaled = (u128::from(self.next()) * u128::from(most)) >> 64;
        Duration::from_micros(u64::try_from(scaled).unwrap_or(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_distributed_from_the_floor_to_a_growing_bound() {
        let timing = Timing::default();
        let bounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
        for (failures, bound) in bounds.into_iter().enumerate() {
            let bound = Duration::from_secs(bound);
            let waits: Vec<Duration> = (1..500)
                .map(|seed| nth(seed, failures, Wait::Normal))
                .collect();
            assert!(
                waits
                    .iter()
                    .all(|wait| (timing.floor..=bound).contains(wait))
            );
            assert!(
                waits.iter().any(|wait| *wait > bound.mul_f32(0.9)),
                "{failures}"
            );
            assert!(
                waits.iter().any(|wait| *wait < bound.mul_f32(0.3)),
                "{failures}"
            );
        }
    }

    #[test]
    fn overloaded_servers_get_more_time() {
        let timing = Timing::default();
        for seed in 0..500 {
            let wait = nth(seed, 0, Wait::Relief);
            assert!((timing.relief_floor..=timing.relief_base).contains(&wait));
            assert!(nth(seed, 40, Wait::Relief) <= timing.cap);
        }
    }

    #[test]
    fn a_cap_below_the_floor_still_distributes_clients() {
        let timing = Timing {
            cap: Duration::from_millis(10),
            ..Timing::default()
        };
        let wait = |seed| Backoff::new(seed).next(&timing, Wait::Relief);
        let waits: std::collections::BTreeSet<Duration> = (0..100).map(wait).collect();
        assert!(waits.len() > 90);
        assert!(waits.iter().all(|wait| *wait >= timing.relief_floor));
    }

    #[test]
    fn the_same_seed_gives_the_same_delays() {
        assert_eq!(nth(7, 3, Wait::Normal), nth(7, 3, Wait::Normal));
        assert_ne!(nth(7, 3, Wait::Normal), nth(8, 3, Wait::Normal));
    }

    fn nth(seed: u64, failures: usize, wait: Wait) -> Duration {
        let timing = Timing::default();
        let mut backoff = Backoff::new(seed);
        (0..=failures)
            .map(|_| backoff.next(&timing, wait))
            .last()
            .unwrap()
    }
}
