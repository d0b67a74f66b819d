//! What the store says about itself.

use std::fmt;

use snapback_client as core;
pub use snapback_client::store::Unknown as StoreUnknown;
use snapback_client::store::{Trouble, VaultError};

/// Why the store did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum StorageProblem {
    /// The outbound queue is full.
    QueueFull,
    /// There is no room left on the device.
    DeviceFull,
    /// What was stored cannot be read, or the device failed.
    Broken,
    /// The device does not let the store write.
    ReadOnly,
    /// Another process, or another client of this one, has the store.
    OwnedElsewhere,
    /// The system does not let the app open the file now: the device was not unlocked since it started. Try again later.
    NotYetUnlocked,
    /// The client is suspended.
    Suspended,
    /// The key store does not answer now: the device is locked, or the user has to agree first.
    VaultLocked,
    /// The key store cannot be read or written.
    VaultBroken,
    /// Two writers were at work.
    Conflict,
}

/// What was found when the store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct OpenReport {
    /// What was wrong; nothing, as a rule.
    pub troubles: Vec<StoreTrouble>,
    /// What is not known any more.
    pub unknown: Vec<StoreUnknown>,
    /// Whether stanzas may have been lost in either direction.
    pub may_have_lost_stanzas: bool,
}

/// What was wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum StoreTrouble {
    /// The file is none of ours, or damaged.
    Damaged,
    /// The file was written by a newer version.
    Newer,
    /// The file was marked as read-only.
    ReadOnly,
    /// The key store has no key for it.
    KeyLost,
    /// It comes from a backup.
    FromBackup,
    /// Rows failed their seal.
    SealBroken,
    /// Rows are missing.
    RowsMissing,
}

/// What is not known any more.
#[uniffi::remote(Enum)]
pub enum StoreUnknown {
    /// Whatever there was.
    Everything,
    /// The session cannot be resumed.
    Session,
    /// Stanzas that were to be sent.
    Outbound,
    /// Deliveries that were not confirmed.
    Deliveries,
    /// FAST tokens: the next login takes the password.
    FastTokens,
    /// SCRAM keys: the next login takes the password.
    ScramKeys,
    /// How weak a login may be.
    Floor,
    /// The id of this installation.
    Installation,
    /// The roster; the server has it.
    Roster,
    /// Facts about servers; they will be learnt again.
    ServerFacts,
}

impl From<core::StoreError> for StorageProblem {
    fn from(error: core::StoreError) -> Self {
        use core::StoreError as Core;
        match error {
            Core::QueueFull { .. } => Self::QueueFull,
            Core::Full => Self::DeviceFull,
            Core::Broken => Self::Broken,
            Core::ReadOnly => Self::ReadOnly,
            Core::OwnedElsewhere => Self::OwnedElsewhere,
            Core::NotYetUnlocked => Self::NotYetUnlocked,
            Core::Closed => Self::Suspended,
            Core::Vault(VaultError::Locked) => Self::VaultLocked,
            Core::Vault(VaultError::Broken) => Self::VaultBroken,
            Core::Conflict(_) => Self::Conflict,
        }
    }
}

impl From<core::OpenReport> for OpenReport {
    fn from(report: core::OpenReport) -> Self {
        Self {
            may_have_lost_stanzas: report.may_have_lost_stanzas(),
            troubles: report.troubles.into_iter().map(Into::into).collect(),
            unknown: report.unknown,
        }
    }
}

impl From<Trouble> for StoreTrouble {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Damaged => Self::Damaged,
            Trouble::Newer { .. } => Self::Newer,
            Trouble::ReadOnly => Self::ReadOnly,
            Trouble::KeyLost => Self::KeyLost,
            Trouble::FromBackup => Self::FromBackup,
            Trouble::SealBroken { .. } => Self::SealBroken,
            Trouble::RowsMissing => Self::RowsMissing,
        }
    }
}

impl fmt::Display for StorageProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "the queue is full",
            Self::DeviceFull => "the device has no room left",
            Self::Broken => "the store is broken",
            Self::ReadOnly => "the store cannot be written",
            Self::OwnedElsewhere => "the store is in use elsewhere",
            Self::NotYetUnlocked => "the store cannot be opened before the device is unlocked",
            Self::Suspended => "the client is suspended",
            Self::VaultLocked => "the vault is locked",
            Self::VaultBroken => "the vault is broken",
            Self::Conflict => "the store has another writer",
        })
    }
}
