//! One owner at a time, across processes: a lock on a file beside the database, which the system takes away from whoever
//! is killed.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

use crate::StoreError;

pub(super) struct Lease(File);

impl Lease {
    /// The file stays when the lease ends: removing it would let two processes lock two files of one name.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|_| StoreError::Broken)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::OwnedElsewhere),
            Err(TryLockError::Error(_)) => Err(StoreError::Broken),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Closing would do it, too, unless a child process has inherited the file.
        let _ = self.0.unlock();
    }
}
