//! Ids of stanzas.

use std::sync::{Arc, Mutex, PoisonError};

use snapback_proto::entropy::Entropy;

/// Generates ids with 128 random bits (rule T7). Clones draw from the same source.
#[derive(Clone, Debug)]
pub(crate) struct Ids(Arc<Mutex<Entropy>>);

impl Ids {
    pub(crate) fn new(entropy: Entropy) -> Self {
        Self(Arc::new(Mutex::new(entropy)))
    }

    pub(crate) fn next(&self) -> String {
        let mut entropy = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entropy.token()
    }
}
