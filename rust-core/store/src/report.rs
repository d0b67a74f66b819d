//! What was found when a store was opened.

use std::path::PathBuf;

/// What happened to the file, and what was lost because of it. Clean if nothing was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// What was wrong.
    pub troubles: Vec<OpenIssue>,
    /// What was lost.
    pub unknown: Vec<DataLoss>,
    /// The path to which the old file was moved when a new one replaced it.
    pub set_aside: Option<PathBuf>,
}

/// What was wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenIssue {
    /// The file is not a store, or is damaged in SQLite's own structures.
    Damaged,
    /// The file was written by a newer version of this library.
    Newer {
        /// The schema version of the file.
        version: i64,
    },
    /// The file was marked read-only; the mark was removed.
    ReadOnly,
    /// The vault has no key for a sealed file.
    KeyLost,
    /// The file is older than the vault: it was restored from a backup.
    FromBackup,
    /// Rows failed their seal.
    SealBroken {
        /// How many.
        rows: u64,
    },
    /// Rows are missing, or there are unexpected rows.
    RowsMissing,
}

/// What was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataLoss {
    /// All data, including the outbound queue and deliveries.
    Everything,
    /// The session cannot be resumed; whether the stanzas sent in it arrived is unknown.
    Session,
    /// Outbound stanzas: they will not be sent again.
    Outbound,
    /// Inbound stanzas that the app had not confirmed. The server will not send them again; an archive may.
    Deliveries,
    /// FAST tokens: the next login uses the password.
    FastTokens,
    /// SCRAM keys: the next login uses the password.
    ScramKeys,
    /// The weakest login that is accepted (rule T2).
    Floor,
    /// The id of this installation.
    Installation,
    /// The keys of the server that the user trusts, and perhaps those that the app demands (rule T13).
    TrustedKeys,
    /// Where push notifications are wanted (XEP-0357). The app has to enable them again.
    PushRegistration,
    /// The roster; the server sends it again.
    Roster,
    /// Facts about servers, including their addresses; they are learned again.
    ServerFacts,
}

impl OpenReport {
    /// Returns whether nothing was wrong and nothing was lost.
    pub fn is_clean(&self) -> bool {
        self.troubles.is_empty() && self.unknown.is_empty()
    }

    /// Returns whether stanzas may have been lost in either direction.
    pub fn may_have_lost_stanzas(&self) -> bool {
        self.unknown.iter().any(|what| {
            matches!(
                what,
                DataLoss::Everything | DataLoss::Outbound | DataLoss::Deliveries
            )
        })
    }
}
