//! What was found when a store was opened.

use std::path::PathBuf;

/// What happened to the file, and what is not known any more for that reason. Clean if nothing did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// What was wrong.
    pub troubles: Vec<Trouble>,
    /// What is not known any more.
    pub unknown: Vec<Unknown>,
    /// Where the file was put whose place a new one has taken.
    pub set_aside: Option<PathBuf>,
}

/// What was wrong with the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The file is none of ours, or damaged where SQLite itself keeps its books.
    Damaged,
    /// The file was written by a newer version of this library.
    Newer {
        /// Its schema.
        version: i64,
    },
    /// The file was marked as read-only; it is not any more.
    ReadOnly,
    /// The vault has no key for a file that was sealed with one.
    KeyLost,
    /// The file is older than the vault: it comes from a backup.
    FromBackup,
    /// Rows failed their seal.
    SealBroken {
        /// How many.
        rows: u64,
    },
    /// Rows are missing, or there are some that should not be.
    RowsMissing,
}

/// What is not known any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// Whatever there was, the outbound queue and deliveries included.
    Everything,
    /// The session cannot be resumed; what was sent in it has an unknown fate.
    Session,
    /// Outbound stanzas: they will not be sent again.
    Outbound,
    /// Inbound stanzas that the app had not confirmed. The server will not send them again; an archive may.
    Deliveries,
    /// FAST tokens: the next login takes the password.
    FastTokens,
    /// SCRAM keys: the next login takes the password.
    ScramKeys,
    /// How weak a login may be (rule T2).
    Floor,
    /// The id of this installation.
    Installation,
    /// The roster; the server has it.
    Roster,
    /// Facts about servers, their addresses included; they will be learnt again.
    ServerFacts,
}

impl OpenReport {
    /// Whether everything was as it had been left.
    pub fn is_clean(&self) -> bool {
        self.troubles.is_empty() && self.unknown.is_empty()
    }

    /// Whether stanzas may have been lost in either direction.
    pub fn may_have_lost_stanzas(&self) -> bool {
        self.unknown.iter().any(|what| {
            matches!(
                what,
                Unknown::Everything | Unknown::Outbound | Unknown::Deliveries
            )
        })
    }
}
