//! A folder as a vault: for desktops, which may have no other protected storage.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use snapback_proto::secret::Secret;
use snapback_types::hex;

use super::{KeyVault, VaultError};

/// Keeps each secret in a file that only its owner can read. It protects against a copy of the store alone, not against
/// a reader of the whole folder.
#[derive(Debug)]
pub struct FileVault {
    folder: PathBuf,
}

impl FileVault {
    /// Returns the vault in this folder, which is created if it is missing.
    ///
    /// # Errors
    ///
    /// [`VaultError::Broken`] if it cannot be.
    pub fn new(folder: impl Into<PathBuf>) -> Result<Self, VaultError> {
        let folder = folder.into();
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder).map_err(|_| VaultError::Broken)?;
        Ok(Self { folder })
    }

    /// Returns the path for a name. Names may contain any character, so they are spelled in hexadecimal.
    fn path(&self, name: &str, suffix: &str) -> PathBuf {
        let mut file = hex::encode(name.as_bytes());
        file.push_str(suffix);
        self.folder.join(file)
    }
}

impl KeyVault for FileVault {
    fn get(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, VaultError> {
        match fs::read(self.path(name, "")) {
            Ok(bytes) => Ok(Some(Secret::new(bytes))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(VaultError::Locked),
            Err(_) => Err(VaultError::Broken),
        }
    }

    /// Replaces the old file in one step, so that a kill leaves one or the other.
    fn put(&mut self, name: &str, secret: &Secret<Vec<u8>>) -> Result<(), VaultError> {
        let new = self.path(name, ".new");
        let done = write(&new, secret.expose())
            .and_then(|()| fs::rename(&new, self.path(name, "")))
            .and_then(|()| sync_folder(&self.folder));
        done.map_err(|_| VaultError::Broken)
    }
}

fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Makes the rename itself durable. On other systems folders cannot be opened.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
