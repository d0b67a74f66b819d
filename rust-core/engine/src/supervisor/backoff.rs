//! How long to wait: full jitter after failures, and a bound on the rate of attempts whatever happens.

use std::collections::VecDeque;
use std::time::Duration;

use snapback_proto::time::Instant;

use super::{ALLOWANCE, ALLOWANCE_WINDOWS, RESERVE, RESERVE_WINDOWS, STARTS_PER_WINDOW, Timing};

/// Waits after failures.
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

    /// A session was stable: the next failure is the first.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The wait after one more failure.
    pub(super) fn next(&mut self, timing: &Timing, slowly: bool) -> Duration {
        let (base, floor) = if slowly {
            (timing.relief_base, timing.relief_floor)
        } else {
            (timing.base, timing.floor)
        };
        let doubled = base.saturating_mul(2u32.saturating_pow(self.failures));
        self.failures = self.failures.saturating_add(1);
        // A cap below the floor would leave nothing to draw, and all clients of a server would come back at once.
        let ceiling = doubled.min(timing.cap).max(floor.saturating_mul(2));
        floor.saturating_add(self.random.up_to(ceiling.saturating_sub(floor)))
    }
}

/// What attempts may cost: the last starts, of which there may be so many within the window, and an allowance for all that
/// nobody but us asks for (rule I19).
#[derive(Debug)]
pub(super) struct Budget {
    last: VecDeque<Instant>,
    allowance: Allowance,
    /// For what a wrong assumption asks for at once, when nothing else is left: it is mended by one attempt.
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

    /// The user or the network has given a reason to try again: what was tried before does not count.
    pub(super) fn renew(&mut self) {
        self.allowance.fill();
    }

    /// The earliest moment of the next start; one that mends a wrong assumption may use the reserve.
    pub(super) fn next(&self, timing: &Timing, mends: bool) -> Instant {
        let window = match self.last.front() {
            Some(oldest) if self.last.len() >= STARTS_PER_WINDOW => *oldest + timing.window,
            _ => Instant::ZERO,
        };
        window.max(self.allowed(mends))
    }

    /// The same without the window.
    pub(super) fn allowed(&self, mends: bool) -> Instant {
        let allowed = self.allowance.next();
        if mends {
            allowed.min(self.reserve.next())
        } else {
            allowed
        }
    }
}

/// So many starts at hand, and one more after each step, up to as many again (a token bucket).
#[derive(Debug)]
struct Allowance {
    most: u32,
    step: Duration,
    /// When it is full again.
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

    /// When there is one at hand.
    fn next(&self) -> Instant {
        let others = self.step.saturating_mul(self.most.saturating_sub(1));
        Instant::from_epoch(self.full_at.saturating_sub(others))
    }
}

/// xorshift64* (Vigna 2016): it spreads clients in time and guards nothing.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        // Seeds that are alike are driven apart; zero is the one state that is never left.
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
    fn waits_are_spread_from_the_floor_to_a_doubling_bound() {
        let timing = Timing::default();
        let bounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
        for (failures, bound) in bounds.into_iter().enumerate() {
            let bound = Duration::from_secs(bound);
            let waits: Vec<Duration> = (1..500).map(|seed| nth(seed, failures, false)).collect();
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
            let wait = nth(seed, 0, true);
            assert!((timing.relief_floor..=timing.relief_base).contains(&wait));
            assert!(nth(seed, 40, true) <= timing.cap);
        }
    }

    #[test]
    fn a_cap_below_the_floor_leaves_clients_apart() {
        let timing = Timing {
            cap: Duration::from_millis(10),
            ..Timing::default()
        };
        let wait = |seed| Backoff::new(seed).next(&timing, true);
        let waits: std::collections::BTreeSet<Duration> = (0..100).map(wait).collect();
        assert!(waits.len() > 90);
        assert!(waits.iter().all(|wait| *wait >= timing.relief_floor));
    }

    #[test]
    fn the_same_seed_gives_the_same_waits() {
        assert_eq!(nth(7, 3, false), nth(7, 3, false));
        assert_ne!(nth(7, 3, false), nth(8, 3, false));
    }

    fn nth(seed: u64, failures: usize, overloaded: bool) -> Duration {
        let timing = Timing::default();
        let mut backoff = Backoff::new(seed);
        (0..=failures)
            .map(|_| backoff.next(&timing, overloaded))
            .last()
            .unwrap()
    }
}
