//! What a store remembers, for people: no secret, no body, and nothing is changed by looking.

use std::fmt;
use std::io;
use std::path::Path;

use snapback_proto::knowledge::{KnownCaps, ServerFacts};
use snapback_proto::sasl::{Floor, Mechanism, ScramKeyId};
use snapback_proto::time::UnixTime;

use crate::{KeyVault, KnownEndpoints, OpenReport, ServerKey, StoreError, VaultError, sqlite};

/// Everything that can be told.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// What the next opening will find, and what it will give up. The rest of this is what is left then.
    pub report: OpenReport,
    /// The schema of the file.
    pub schema: i64,
    /// Whether a log was left beside the file, by a kill.
    pub has_log: bool,
    /// Whether there is an id of this installation (SASL2).
    pub has_installation: bool,
    /// The weakest login that is acceptable (rule T2).
    pub floor: Option<Floor>,
    /// For which login SCRAM keys are kept (rule T5).
    pub scram_keys: Option<ScramKeyId>,
    /// The FAST token, without the token.
    pub fast: Option<TokenSummary>,
    /// An older one that is kept until the new one was used (rule S5).
    pub fast_reserve: Option<TokenSummary>,
    /// The session that may be resumed, without its SM-ID.
    pub session: Option<SessionSummary>,
    /// What waits to be sent or acknowledged.
    pub queue: QueueSummary,
    /// Deliveries that the app has not confirmed.
    pub undelivered: usize,
    /// How many contacts there are.
    pub roster_items: usize,
    /// The roster's version.
    pub roster_version: Option<String>,
    /// What endpoints have shown.
    pub servers: Vec<(ServerKey, ServerFacts)>,
    /// What the DNS said, by domain.
    pub endpoints: Vec<(String, KnownEndpoints)>,
    /// What caps stand for.
    pub caps: Vec<KnownCaps>,
    /// Rows that failed their seal and were kept.
    pub quarantined: u64,
}

/// A FAST token without the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSummary {
    /// The mechanism it belongs to.
    pub mechanism: Mechanism,
    /// When it expires, if the server said.
    pub expires: Option<UnixTime>,
    /// How many attempts were made with it (rule S6).
    pub count: u32,
}

/// A session without its SM-ID: whoever knows that may be let in (rule S3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSummary {
    /// How long the SM-ID is.
    pub id_bytes: usize,
    /// Inbound stanzas committed.
    pub h: u32,
    /// Outbound stanzas acknowledged.
    pub base: u32,
    /// How long the server keeps it, in seconds.
    pub max: Option<u32>,
    /// When it was last known to be alive.
    pub alive_at: UnixTime,
    /// Where the server prefers to be reconnected to.
    pub location: Option<String>,
    /// How many answers the server owes to the core.
    pub pending: usize,
}

/// The outbound queue, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueSummary {
    /// Sent and not acknowledged.
    pub sent: usize,
    /// Not sent yet.
    pub unsent: usize,
    /// How many of both are messages, which outlive the session.
    pub messages: usize,
    /// The number that the next stanza gets.
    pub next_seq: u64,
}

/// Why nothing can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InspectError {
    /// There is no such file.
    NotThere,
    /// Its owner is at work on it; it is left in peace.
    OwnedElsewhere,
    /// The file or its surroundings cannot be read.
    Unreadable(io::ErrorKind),
    /// It is no store, or damaged where SQLite keeps its books. The next opening puts it aside and begins anew.
    Damaged,
    /// It was written by a newer version. The next opening of this one puts it aside and begins anew.
    Newer {
        /// Its schema.
        version: i64,
    },
    /// The vault has no key that opens it: another account's, another device's, or lost. The next opening begins anew.
    NoKey,
    /// The vault cannot be asked.
    Vault(VaultError),
    /// The copy that is looked at could not be used.
    Copy(StoreError),
}

/// Looks at the store of an account. The file is copied to a folder that only the user can read, and the copy opened: the
/// original, its log, its lease and the vault stay as they are.
///
/// # Errors
///
/// [`InspectError`] says why nothing can be told. Whatever the next opening would repair is no error but part of the
/// report.
pub fn inspect(
    path: &Path,
    account: &str,
    vault: &(dyn KeyVault + Sync),
) -> Result<Inspection, InspectError> {
    sqlite::inspect(path, account, vault)
}

impl fmt::Display for InspectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotThere => f.write_str("there is no such file"),
            Self::OwnedElsewhere => f.write_str(
                "it is in use by another process, and its log with it; ask again when that sleeps or has ended",
            ),
            Self::Unreadable(kind) => write!(f, "it cannot be read: {kind}"),
            Self::Damaged => f.write_str(
                "it is no store, or damaged; the next start puts it aside as .damaged and begins anew",
            ),
            Self::Newer { version } => write!(
                f,
                "it was written by a newer version (schema {version}); the next start of this one puts it aside as .newer and begins anew"
            ),
            Self::NoKey => f.write_str(
                "there is no key that opens it: it belongs to another account or device, or its keys are lost; the next start begins anew",
            ),
            Self::Vault(error) => error.fmt(f),
            Self::Copy(error) => write!(f, "its copy cannot be opened: {error}"),
        }
    }
}

impl std::error::Error for InspectError {}
