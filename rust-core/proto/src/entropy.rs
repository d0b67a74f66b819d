//! Randomness as an argument: a seed from the caller, expanded with SHA-256 in counter mode.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::secret::Secret;

/// Identifiers and nonces, all derived from one seed: the same seed produces the same sequence.
#[derive(Debug)]
pub struct Entropy {
    seed: Secret<[u8; 32]>,
    counter: u64,
}

impl Entropy {
    /// The caller draws the seed from the platform's random source, once per connection.
    pub fn new(seed: [u8; 32]) -> Self {
        Self {
            seed: Secret::new(seed),
            counter: 0,
        }
    }

    /// Returns 128 random bits, as 22 URL-safe characters: stanza ids (rule T7), delivery ids and nonces.
    pub fn token(&mut self) -> String {
        let block = self.block();
        let (bits, _) = block.split_at(16);
        URL_SAFE_NO_PAD.encode(bits)
    }

    /// Returns a SCRAM nonce: 192 bits, printable and without a comma (RFC 5802 section 5.1).
    pub fn nonce(&mut self) -> String {
        let block = self.block();
        let (bits, _) = block.split_at(24);
        URL_SAFE_NO_PAD.encode(bits)
    }

    /// Returns a number, to seed other random generators.
    pub fn number(&mut self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.block();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    fn block(&mut self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.seed.expose());
        hash.update(self.counter.to_be_bytes());
        self.counter = self.counter.wrapping_add(1);
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t7_ids_differ_and_replay_from_their_seed() {
        let mut one = Entropy::new([7; 32]);
        let mut again = Entropy::new([7; 32]);
        let mut other = Entropy::new([8; 32]);
        let first = one.token();
        assert_eq!(first.len(), 22);
        assert_ne!(first, one.token());
        assert_eq!(first, again.token());
        assert_ne!(first, other.token());
    }
}
