//! A readable summary of what a store holds. It contains no secret and no message body, and making it changes nothing.

use std::fmt;
use std::io;
use std::path::Path;

use snapback_proto::escalation::Failure;
use snapback_proto::knowledge::{KnownCaps, Push, ServerFacts};
use snapback_proto::sasl::{Floor, Mechanism, ScramKeyId};
use snapback_proto::time::UnixTime;
use snapback_types::key_trust::KeyTrust;

use crate::{KeyVault, KnownEndpoints, OpenReport, ServerKey, StoreError, VaultError, sqlite};

/// The summary of a store.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// What the next opening finds, and what it gives up. The other fields show what is left after that.
    pub report: OpenReport,
    /// The schema version of the file.
    pub schema: i64,
    /// Whether a write-ahead log was left beside the file by a kill.
    pub has_log: bool,
    /// Whether this installation has an id (SASL2).
    pub has_installation: bool,
    /// The weakest login that is accepted (rule T2).
    pub floor: Option<Floor>,
    /// Which keys the server may show (rule T13).
    pub key_trust: KeyTrust,
    /// The push notifications that the app wants (rule I22).
    pub push: Push,
    /// The login for which SCRAM keys are kept (rule T5).
    pub scram_keys: Option<ScramKeyId>,
    /// The FAST token, without its secret.
    pub fast: Option<TokenSummary>,
    /// The older token, which is kept until the new one was used (rule S5).
    pub fast_reserve: Option<TokenSummary>,
    /// The session that may be resumed, without its SM-ID.
    pub session: Option<SessionSummary>,
    /// The stanzas that wait to be sent or acknowledged.
    pub queue: QueueSummary,
    /// Deliveries that the app has not confirmed.
    pub undelivered: usize,
    /// How many contacts there are.
    pub roster_items: usize,
    /// The roster's version.
    pub roster_version: Option<String>,
    /// The facts learned about servers.
    pub servers: Vec<(ServerKey, ServerFacts)>,
    /// What has failed and has not worked since (rule W1); of a server, or of the account.
    pub failures: Vec<(Option<ServerKey>, Failure)>,
    /// The DNS answers, by domain.
    pub endpoints: Vec<(String, KnownEndpoints)>,
    /// The known entity capabilities (XEP-0115).
    pub caps: Vec<KnownCaps>,
    /// Rows that failed their seal and were kept aside.
    pub quarantined: u64,
}

/// A FAST token without its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSummary {
    /// The mechanism it belongs to.
    pub mechanism: Mechanism,
    /// When it expires, if the server reported that.
    pub expires: Option<UnixTime>,
    /// How many attempts were made with it (rule S6).
    pub count: u32,
}

/// A session without its SM-ID, since a client that knows the SM-ID may be able to resume the session (rule S3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSummary {
    /// The length of the SM-ID, in bytes.
    pub id_bytes: usize,
    /// Inbound stanzas committed.
    pub h: u32,
    /// Outbound stanzas acknowledged.
    pub base: u32,
    /// How long the server keeps the session, in seconds.
    pub max: Option<u32>,
    /// When the session was last known to be alive.
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

/// Why a store cannot be summarised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InspectError {
    /// There is no such file.
    NotThere,
    /// The owner has the file open. It is left untouched.
    OwnedElsewhere,
    /// The file or its folder cannot be read.
    Unreadable(io::ErrorKind),
    /// The file is not a store, or is damaged in SQLite's own structures. The next opening sets it aside and starts
    /// with an empty store.
    Damaged,
    /// The file was written by a newer version. The next opening by this version sets it aside and starts with an empty
    /// store.
    Newer {
        /// The schema version of the file.
        version: i64,
    },
    /// The vault has no key that opens the file: it belongs to another account or device, or was lost. The next opening
    /// starts with an empty store.
    NoKey,
    /// The vault cannot be read.
    Vault(VaultError),
    /// The copy that is examined could not be used.
    Copy(StoreError),
}

/// Summarises the store of an account. The file is copied to a folder that only the user can read, and the copy is
/// opened: the original, its log, its lease and the vault stay unchanged.
///
/// # Errors
///
/// [`InspectError`] says why there is no summary. What the next opening would repair is not an error but part of the
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
