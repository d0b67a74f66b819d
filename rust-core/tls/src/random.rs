//! Random numbers, from where TLS has its own.

use std::fmt;

/// The platform gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandom;

impl fmt::Display for NoRandom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the platform gives no random numbers")
    }
}

impl std::error::Error for NoRandom {}

/// 32 random bytes.
///
/// # Errors
///
/// If the platform gives none.
pub fn random_seed() -> Result<[u8; 32], NoRandom> {
    let mut seed = [0; 32];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut seed)
        .map_err(|_| NoRandom)?;
    Ok(seed)
}
