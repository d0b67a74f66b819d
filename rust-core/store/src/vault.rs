//! Where the keys are that seal what is on disk: the platform's key store, or a folder.

mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use snapback_proto::secret::Secret;

pub use file::FileVault;

/// Keeps a few small secrets under names that the store chooses, outside of every backup of the store's file.
pub trait KeyVault: Send {
    /// The secret of that name. `None` says that there is none, and what it sealed is given up for lost; a vault that
    /// cannot be asked now (a phone that is locked) is an error.
    fn get(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, VaultError>;

    /// Keeps a secret under that name, in place of an older one. It is there after a power loss once this returns.
    fn put(&mut self, name: &str, secret: &Secret<Vec<u8>>) -> Result<(), VaultError>;
}

/// Why the vault did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultError {
    /// Not now: the device is locked, or the user has to agree first.
    Locked,
    /// It cannot be read or written.
    Broken,
}

impl fmt::Display for VaultError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Locked => "the vault is locked",
            Self::Broken => "the vault is broken",
        })
    }
}

impl std::error::Error for VaultError {}

/// A vault that lasts as long as the process, for tests. Clones share what they hold.
#[derive(Clone, Default)]
pub struct MemoryVault {
    secrets: Arc<Mutex<BTreeMap<String, Secret<Vec<u8>>>>>,
}

impl MemoryVault {
    /// A vault of its own with the same secrets.
    #[cfg(test)]
    pub(crate) fn snapshot(&self) -> Self {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            secrets: Arc::new(Mutex::new(secrets.clone())),
        }
    }

    /// Forgets everything, as a device does that was reset.
    pub fn clear(&self) {
        self.secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

impl KeyVault for MemoryVault {
    fn get(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, VaultError> {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(secrets.get(name).cloned())
    }

    fn put(&mut self, name: &str, secret: &Secret<Vec<u8>>) -> Result<(), VaultError> {
        self.secrets
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), secret.clone());
        Ok(())
    }
}

impl fmt::Debug for MemoryVault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryVault").finish_non_exhaustive()
    }
}
