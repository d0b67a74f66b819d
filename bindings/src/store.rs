//! Errors and reports of the store.

use std::fmt;

use snapback_client as core;
pub use snapback_client::store::DataLoss as StoreUnknown;
use snapback_client::store::{OpenIssue, VaultError};

/// Why the store failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum StorageProblem {
    /// The outbound queue is full.
    QueueFull,
    /// The device is full.
    DeviceFull,
    /// What was stored cannot be read, or the device failed.
    Broken,
    /// The device does not allow writing.
    ReadOnly,
    /// Another process, or another client of this process, has the store open.
    OwnedElsewhere,
    /// The system does not allow the app to open the file now, since the device was not unlocked since it started. The
    /// app tries again later.
    NotYetUnlocked,
    /// The client is suspended.
    Suspended,
    /// The key store is not available now: the device is locked, or the user has to agree first.
    VaultLocked,
    /// The key store cannot be read or written.
    VaultBroken,
    /// The change contradicts what is stored: there were two writers.
    Conflict,
}

/// The result of opening the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct OpenReport {
    /// The problems that were found; usually none.
    pub troubles: Vec<StoreTrouble>,
    /// The data that was lost.
    pub unknown: Vec<StoreUnknown>,
    /// Whether stanzas may have been lost in either direction.
    pub may_have_lost_stanzas: bool,
}

/// A problem of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum StoreTrouble {
    /// The file is not a Snapback store, or is damaged.
    Damaged,
    /// The file was written by a newer version.
    Newer,
    /// The file was marked as read-only.
    ReadOnly,
    /// The key store has no key for the file.
    KeyLost,
    /// The file was restored from a backup.
    FromBackup,
    /// Rows could not be authenticated.
    SealBroken,
    /// Rows are missing.
    RowsMissing,
}

/// Data that was lost.
#[uniffi::remote(Enum)]
pub enum StoreUnknown {
    /// Everything that was stored.
    Everything,
    /// The session, which cannot be resumed.
    Session,
    /// Stanzas that were to be sent.
    Outbound,
    /// Deliveries that were not confirmed.
    Deliveries,
    /// FAST tokens. The next login uses the password.
    FastTokens,
    /// SCRAM keys. The next login uses the password.
    ScramKeys,
    /// The weakest login that is accepted.
    Floor,
    /// The id of this installation.
    Installation,
    /// Keys of the server that the user trusts, and perhaps those that the app demands.
    TrustedKeys,
    /// Where push notifications are wanted. The app has to enable them again.
    PushRegistration,
    /// The roster, which is fetched from the server again.
    Roster,
    /// Facts about servers, which are learnt again.
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

impl From<OpenIssue> for StoreTrouble {
    fn from(trouble: OpenIssue) -> Self {
        match trouble {
            OpenIssue::Damaged => Self::Damaged,
            OpenIssue::Newer { .. } => Self::Newer,
            OpenIssue::ReadOnly => Self::ReadOnly,
            OpenIssue::KeyLost => Self::KeyLost,
            OpenIssue::FromBackup => Self::FromBackup,
            OpenIssue::SealBroken { .. } => Self::SealBroken,
            OpenIssue::RowsMissing => Self::RowsMissing,
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
