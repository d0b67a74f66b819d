//! Random numbers of a seed, one sequence for each purpose, and the hash of a trace.

use std::collections::VecDeque;

use snapback_random::Rng;

/// A source of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    rng: Rng,
    /// Decides before the random numbers do, a byte for each decision.
    choices: VecDeque<u8>,
}

impl Random {
    /// Returns a source for this seed and for one of several purposes, so that more numbers for one do not affect the
    /// others.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        Self::with_choices(seed, purpose, &[])
    }

    /// Returns a source whose first decisions follow from these bytes, and all others from the seed.
    pub(crate) fn with_choices(seed: u64, purpose: u64, choices: &[u8]) -> Self {
        let mut random = Self {
            rng: Rng::new(seed ^ purpose.wrapping_mul(0xA24B_AED4_963E_E407)),
            choices: VecDeque::new(),
        };
        random.next();
        random.choices.extend(choices);
        random
    }

    /// Returns the next number.
    pub(crate) fn next(&mut self) -> u64 {
        self.rng.number()
    }

    /// Returns a number below this one, or zero. A choice reaches all numbers below a bound of at most 256.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        if let Some(choice) = self.choices.pop_front() {
            return (u64::from(choice) * bound) >> 8;
        }
        u64::try_from((u128::from(self.next()) * u128::from(bound)) >> 64).unwrap_or(0)
    }

    /// Returns a number between these, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Returns true once in this many times, on average.
    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Returns one of these.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let index = usize::try_from(self.below(choices.len() as u64)).unwrap_or(0);
        choices[index]
    }

    /// Returns 32 bytes.
    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        for chunk in seed.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes());
        }
        seed
    }
}

/// The hash of a trace (FxHash's step, eight bytes at a time): it only has to distinguish two traces, without an
/// attacker.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TraceHasher(u64);

impl TraceHasher {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

impl std::hash::Hasher for TraceHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.add(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.add(word);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
