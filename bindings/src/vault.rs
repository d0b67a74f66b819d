//! The platform's key store.

use std::fmt;
use std::sync::Arc;

use snapback_client::store::VaultError as CoreError;
use snapback_client::{KeyVault as CoreVault, Secret};

/// Keeps a few small secrets (32 bytes each) under names that the store chooses. The secrets must not be part of any
/// backup.
///
/// It is called from a thread of Snapback, at most a few times when a store is opened, changed for the first time and
/// closed. It may block, and must not call back into the client.
#[uniffi::export(foreign)]
pub trait KeyVault: Send + Sync + fmt::Debug {
    /// Returns the secret of that name, or nothing if there is none. Data that was sealed with a missing secret is
    /// discarded; a key store that is not available at the moment must therefore fail with [`VaultError::Locked`].
    fn read(&self, name: String) -> Result<Option<Vec<u8>>, VaultError>;

    /// Stores a secret under that name and replaces an older one. It must be on disk when this returns.
    fn write(&self, name: String, secret: Vec<u8>) -> Result<(), VaultError>;
}

/// Why the key store failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Error)]
pub enum VaultError {
    /// The key store is not available now: the device is locked, or the user has to agree first.
    Locked,
    /// The key store cannot be read or written.
    Broken,
}

/// Adapts the platform's key store to the store's interface.
#[derive(Debug)]
pub(crate) struct ForeignVault(pub(crate) Arc<dyn KeyVault>);

impl CoreVault for ForeignVault {
    fn get(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, CoreError> {
        let secret = self.0.read(name.to_owned()).map_err(CoreError::from)?;
        Ok(secret.map(Secret::new))
    }

    fn put(&mut self, name: &str, secret: &Secret<Vec<u8>>) -> Result<(), CoreError> {
        self.0
            .write(name.to_owned(), secret.expose().clone())
            .map_err(CoreError::from)
    }
}

impl From<VaultError> for CoreError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Locked => Self::Locked,
            VaultError::Broken => Self::Broken,
        }
    }
}

/// The foreign implementation failed with an undeclared error, or no longer exists.
impl From<uniffi::UnexpectedUniFFICallbackError> for VaultError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Broken
    }
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
