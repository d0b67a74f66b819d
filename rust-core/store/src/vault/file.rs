//! A folder as a vault: for desktops, where the user's own files are what there is.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use snapback_proto::secret::Secret;
use snapback_types::hex;

use super::{KeyVault, VaultError};

/// One file for each secret, for nobody's eyes but the owner's. It protects against a copy of the store alone, not
/// against who can read the whole folder.
#[derive(Debug)]
pub struct FileVault {
    folder: PathBuf,
}

impl FileVault {
    /// The vault in this folder, which is made if it is not there.
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

    /// Names are whatever the store likes, so they are spelled in hexadecimal.
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

    /// A new file takes the old one's place in one step, so that a kill leaves one or the other.
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

/// The rename itself is durable only then. Elsewhere folders cannot be opened.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
