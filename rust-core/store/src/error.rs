//! Errors of the store. Their text is safe to log.

use std::fmt;

use crate::VaultError;

/// Why the store refused a call. Nothing of the call was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// The outbound queue is full (rule I12): the app has to wait until some stanzas are acknowledged.
    QueueFull {
        /// How many stanzas the queue may hold.
        limit: usize,
    },
    /// The device is full.
    Full,
    /// What was stored cannot be read, or the device failed.
    Broken,
    /// The device does not allow writing.
    ReadOnly,
    /// Another process, or another part of this one, has the store open.
    OwnedElsewhere,
    /// The system does not allow the app to open the file now. On iOS and Android the device was not unlocked since it
    /// started; the stored data is intact.
    NotYetUnlocked,
    /// The store was closed and has to be reopened first.
    Closed,
    /// The vault did not return the key that opens the store, or did not accept a value to keep.
    Vault(VaultError),
    /// The change contradicts what is stored: there were two writers, or one with an old snapshot (rules I9, I13).
    Conflict(Conflict),
}

/// What a change contradicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// A stanza enters the queue under a number that was assigned before.
    SeqTaken(u64),
    /// A stanza is about to be sent that is not in the queue: a kill would lose it.
    NotQueued(u64),
    /// A delivery with this id is stored already; ids are unique (rule I2).
    DeliveryExists,
    /// An attempt is counted for a FAST token that is not stored (rule S6).
    NoFastToken,
}

impl StoreError {
    /// Returns whether the same call may succeed later.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::QueueFull { .. } | Self::Full | Self::OwnedElsewhere | Self::NotYetUnlocked => {
                true
            }
            Self::Vault(error) => error == VaultError::Locked,
            Self::Broken | Self::ReadOnly | Self::Closed | Self::Conflict(_) => false,
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueFull { limit } => write!(f, "the queue is full: it holds {limit} stanzas"),
            Self::Full => f.write_str("the device has no room left"),
            Self::Broken => f.write_str("the store is broken"),
            Self::ReadOnly => f.write_str("the store cannot be written"),
            Self::OwnedElsewhere => f.write_str("the store is in use elsewhere"),
            Self::NotYetUnlocked => {
                f.write_str("the store cannot be opened before the device is unlocked")
            }
            Self::Closed => f.write_str("the store is closed"),
            Self::Vault(error) => error.fmt(f),
            Self::Conflict(conflict) => write!(f, "contradicts what is stored: {conflict}"),
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeqTaken(seq) => write!(f, "number {seq} was given out before"),
            Self::NotQueued(seq) => write!(f, "stanza {seq} is not in the queue"),
            Self::DeliveryExists => f.write_str("the delivery is there already"),
            Self::NoFastToken => f.write_str("there is no FAST token"),
        }
    }
}

impl std::error::Error for StoreError {}

impl From<VaultError> for StoreError {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}
