//! The vault for the keys that seal the file: the platform's key store, or a folder.

mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use snapback_proto::secret::Secret;

pub use file::FileVault;

/// Keeps a few small secrets under names that the store chooses, outside of every backup of the store's file.
pub trait KeyVault: Send {
    /// Returns the secret of that name. `None` means that there is none, and what it sealed is given up for lost; a
    /// vault that cannot be read now (on a locked phone) is an error.
    fn get(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, VaultError>;

    /// Keeps a secret under that name, in place of an older one. It survives a power loss once this returns.
    fn put(&mut self, name: &str, secret: &Secret<Vec<u8>>) -> Result<(), VaultError>;
}

/// Why the vault refused a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VaultError {
    /// Locked for now: the device is locked, or the user has to agree first.
    Locked,
    /// The vault cannot be read or written.
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

/// A vault that lasts until the process ends, for tests. Clones share their secrets.
#[derive(Clone, Default)]
pub struct MemoryVault {
    secrets: Arc<Mutex<BTreeMap<String, Secret<Vec<u8>>>>>,
}

impl MemoryVault {
    /// Returns a separate vault with the same secrets.
    #[cfg(test)]
    pub(crate) fn snapshot(&self) -> Self {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            secrets: Arc::new(Mutex::new(secrets.clone())),
        }
    }

    /// Removes all secrets, as on a device that was reset.
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
