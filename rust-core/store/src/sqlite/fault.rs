//! Errors between this crate and the file.

use rusqlite::ErrorCode;

use crate::{Conflict, StoreError};

#[derive(Debug)]
pub(super) enum Fault {
    Conflict(Conflict),
    Sqlite(rusqlite::Error),
    /// A row fails its seal, or its plaintext is not what this build writes.
    Unreadable,
    /// The device does not return what is stored.
    Device,
    /// The device does not allow writing.
    ReadOnly,
    /// The device does not allow opening the file now.
    NotYetUnlocked,
    /// No random bytes are available, or the file cannot hold a number.
    Unwritable,
}

impl Fault {
    /// Returns whether the file itself is the cause, not the device, the caller or another process.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Unreadable => true,
            Self::Conflict(_)
            | Self::Device
            | Self::ReadOnly
            | Self::NotYetUnlocked
            | Self::Unwritable => false,
            Self::Sqlite(error) => !matches!(
                error.sqlite_error_code(),
                Some(
                    ErrorCode::DatabaseBusy
                        | ErrorCode::DatabaseLocked
                        | ErrorCode::DiskFull
                        | ErrorCode::ReadOnly
                        | ErrorCode::CannotOpen
                        | ErrorCode::PermissionDenied
                        | ErrorCode::SystemIoFailure
                        | ErrorCode::OutOfMemory
                )
            ),
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<Conflict> for Fault {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

/// Drops SQLite's own text: it may quote a statement.
impl From<Fault> for StoreError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Conflict(conflict) => Self::Conflict(conflict),
            Fault::Sqlite(error) => match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Self::Full,
                Some(ErrorCode::ReadOnly) => Self::ReadOnly,
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::OwnedElsewhere,
                _ => Self::Broken,
            },
            Fault::ReadOnly => Self::ReadOnly,
            Fault::NotYetUnlocked => Self::NotYetUnlocked,
            Fault::Unreadable | Fault::Device | Fault::Unwritable => Self::Broken,
        }
    }
}
