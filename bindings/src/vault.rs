//! The platform's key store.

use std::fmt;
use std::sync::Arc;

use snapback_client::store::VaultError as CoreError;
use snapback_client::{KeyVault as CoreVault, Secret};

/// Keeps a few small secrets (32 bytes each) under names that the store chooses, outside of every backup.
///
/// It is called from a thread of Snapback's, at most a few times when a store is opened, changed for the first time and
/// closed. It may block, and must not call back into the client.
#[uniffi::export(foreign)]
pub trait KeyVault: Send + Sync + fmt::Debug {
    /// The secret of that name. Nothing says that there is none, and what it sealed is given up for lost: a key store that
    /// cannot be asked now throws [`VaultError::Locked`].
    fn read(&self, name: String) -> Result<Option<Vec<u8>>, VaultError>;

    /// Keeps a secret under that name, in place of an older one. It must be on the disk when this returns.
    fn write(&self, name: String, secret: Vec<u8>) -> Result<(), VaultError>;
}

/// Why the key store did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Error)]
pub enum VaultError {
    /// Not now: the device is locked, or the user has to agree first.
    Locked,
    /// It cannot be read or written.
    Broken,
}

/// The platform's key store, as the store sees it.
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

/// The other side threw what it should not, or is gone.
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
