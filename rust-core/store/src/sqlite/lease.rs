//! One owner at a time, across processes: a lock on a file beside the database. The system releases it when its process
//! is killed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::StoreError;

pub(super) struct Lease(File);

impl Lease {
    /// Takes the lease. The file stays when the lease ends: removing it would let two processes lock two files of one
    /// name.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| cannot_open(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::OwnedElsewhere),
            Err(TryLockError::Error(error)) => Err(cannot_open(&error)),
        }
    }
}

/// Returns the meaning of an error when a file is opened.
pub(super) fn cannot_open(error: &io::Error) -> StoreError {
    /// `ENOKEY` on Linux: the result for Android's encrypted folders before the user has unlocked them.
    const NO_KEY: i32 = 126;
    let has_no_key = cfg!(any(target_os = "linux", target_os = "android"))
        && error.raw_os_error() == Some(NO_KEY);
    // iOS returns EPERM for a file whose protection class is not available.
    if error.kind() == ErrorKind::PermissionDenied || has_no_key {
        StoreError::NotYetUnlocked
    } else if error.kind() == ErrorKind::StorageFull {
        StoreError::Full
    } else {
        StoreError::Broken
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Closing would do the same, unless a child process has inherited the file.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_phone_is_not_a_broken_store() {
        let meant = |code| cannot_open(&io::Error::from_raw_os_error(code));
        let (eperm, eio, eacces, enospc) = (1, 5, 13, 28);
        for code in [eperm, eacces] {
            assert_eq!(meant(code), StoreError::NotYetUnlocked, "{code}");
            assert!(meant(code).is_retryable());
        }
        if cfg!(target_os = "linux") {
            assert_eq!(meant(126), StoreError::NotYetUnlocked);
        }
        assert_eq!(meant(enospc), StoreError::Full);
        assert_eq!(meant(eio), StoreError::Broken);
    }
}
