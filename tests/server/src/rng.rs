//! Random values from a seed: SHA-256 in counter mode, so that a simulated run can be replayed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

#[derive(Debug)]
pub(crate) struct Rng {
    seed: u64,
    counter: u64,
}

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, counter: 0 }
    }

    pub(crate) fn bytes(&mut self) -> [u8; 32] {
        self.counter += 1;
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        hash.update(self.counter.to_be_bytes());
        hash.finalize().into()
    }

    /// Returns 144 bits, in letters that need no escaping in XML or SCRAM.
    pub(crate) fn token(&mut self) -> String {
        let bytes = self.bytes();
        URL_SAFE_NO_PAD.encode(bytes.split_at(18).0)
    }
}
