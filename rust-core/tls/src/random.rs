//! Random numbers from the source that TLS uses.

use std::fmt;

/// The platform provides no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandom;

impl fmt::Display for NoRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the platform gives no random numbers")
    }
}

impl std::error::Error for NoRandom {}

/// Returns 32 random bytes.
///
/// # Errors
///
/// If the platform provides none.
pub fn random_seed() -> Result<[u8; 32], NoRandom> {
    let mut seed = [0; 32];
    fill(&mut seed)?;
    Ok(seed)
}

/// Fills all bytes with random ones.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), NoRandom> {
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(bytes).map_err(|_| NoRandom)
}
