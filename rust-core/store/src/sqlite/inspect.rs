//! The summary of a store, made without changing it: a copy is opened, with a vault that is only read.

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use snapback_proto::knowledge::{FastToken, OutboundKind};
use snapback_proto::sasl::{Mechanism, ScramKeyId, ScramKeys};
use snapback_proto::secret::Secret;
use snapback_types::hex;

use crate::{
    InspectError, Inspection, KeyVault, OpenIssue, OpenReport, QueueSummary, ServerKey,
    SessionSummary, TokenSummary, VaultError,
};

use super::epoch::{self, vault_name};
use super::fault::Fault;
use super::open::{self, Opened, beside};
use super::tables::{Tables, cell, server_key};
use super::{migrations, seal};

pub(crate) fn inspect(
    path: &Path,
    account: &str,
    vault: &(dyn KeyVault + Sync),
) -> Result<Inspection, InspectError> {
    if !path.is_file() {
        return Err(InspectError::NotThere);
    }
    let account = &epoch::spelling(account, vault).map_err(InspectError::Vault)?;
    let key = vault
        .get(&vault_name(account, "key"))
        .map_err(InspectError::Vault)?;
    let has_log = beside(path, "-wal").exists();
    let copy = Copy::of(path)?;
    let schema = schema(&copy.db())?;
    if key.is_none() {
        return Err(InspectError::NoKey);
    }
    let (opened, report) =
        open::open(&copy.db(), account, &mut Untouched(vault)).map_err(InspectError::Copy)?;
    if report.troubles.contains(&OpenIssue::Damaged) {
        return Err(InspectError::Damaged);
    }
    let summary = summarise(&opened, report, schema, has_log);
    opened.close();
    summary.map_err(|fault| InspectError::Copy(fault.into()))
}

/// Returns `user_version` before a migration changes it.
fn schema(copy: &Path) -> Result<i64, InspectError> {
    let conn = Connection::open(copy).map_err(|_| InspectError::Damaged)?;
    let version = migrations::version(&conn).map_err(|_| InspectError::Damaged)?;
    if (0..=migrations::NEWEST).contains(&version) {
        Ok(version)
    } else {
        Err(InspectError::Newer { version })
    }
}

/// Summarises the opened copy. With a key of another account every row is broken.
fn summarise(
    opened: &Opened,
    report: OpenReport,
    schema: i64,
    has_log: bool,
) -> Result<Inspection, Fault> {
    let tables = opened.read();
    let queue = tables.queue()?;
    let roster = tables.roster()?;
    let count = |kind: fn(OutboundKind) -> bool| queue.iter().filter(|row| kind(row.kind)).count();
    let sent = queue.iter().filter(|row| row.sent).count();
    let session = tables.hot.session.as_ref().map(|session| SessionSummary {
        id_bytes: session.id.len(),
        h: session.h,
        base: session.base,
        max: session.max,
        alive_at: session.alive_at,
        location: session.location.clone(),
        pending: session.pending.len(),
    });
    let scram_keys: Option<(ScramKeyId, ScramKeys)> = tables.cell(cell::SCRAM_KEYS)?;
    let installation: Option<String> = tables.cell(cell::INSTALLATION)?;
    Ok(Inspection {
        report,
        schema,
        has_log,
        has_installation: installation.is_some(),
        floor: tables.cell(cell::FLOOR)?,
        key_trust: tables.key_trust()?,
        push: tables.cell(cell::PUSH)?.unwrap_or_default(),
        scram_keys: scram_keys.map(|(id, _)| id),
        fast: tables.cell(cell::FAST)?.map(token),
        fast_reserve: tables.cell(cell::FAST_RESERVE)?.map(token),
        session,
        queue: QueueSummary {
            sent,
            unsent: queue.len().saturating_sub(sent),
            messages: count(|kind| kind == OutboundKind::Message),
            next_seq: tables.hot.ledger.next_seq,
        },
        undelivered: tables.undelivered()?.len(),
        roster_items: roster.items.len(),
        roster_version: roster.version,
        servers: servers(&tables)?,
        failures: (tables.hot.failures.iter())
            .map(|(server, failure)| (server.cloned(), *failure))
            .collect(),
        endpoints: endpoints(&tables)?,
        caps: tables.caps()?,
        quarantined: quarantined(&tables)?,
    })
}

fn token(token: FastToken) -> TokenSummary {
    TokenSummary {
        mechanism: Mechanism::Ht(token.binding),
        expires: token.expires,
        count: token.count,
    }
}

fn servers(
    tables: &Tables<'_>,
) -> Result<Vec<(ServerKey, snapback_proto::knowledge::ServerFacts)>, Fault> {
    let mut statement = tables.conn.prepare(
        "SELECT DISTINCT host, port, transport FROM server ORDER BY host, port, transport",
    )?;
    let mut rows = statement.query([])?;
    let mut servers = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(2)?;
        let server = server_key(row.get(0)?, row.get(1)?, &name)?;
        let facts = tables.facts(&server)?;
        servers.push((server, facts));
    }
    Ok(servers)
}

fn endpoints(tables: &Tables<'_>) -> Result<Vec<(String, crate::KnownEndpoints)>, Fault> {
    let mut statement = tables
        .conn
        .prepare("SELECT domain FROM endpoints ORDER BY domain")?;
    let domains = statement.query_map([], |row| row.get(0))?;
    let mut all = Vec::new();
    for domain in domains {
        let domain: String = domain?;
        if let Some(known) = tables.endpoints(&domain)? {
            all.push((domain, known));
        }
    }
    Ok(all)
}

fn quarantined(tables: &Tables<'_>) -> Result<u64, Fault> {
    let count: i64 = tables
        .conn
        .query_row("SELECT count(*) FROM quarantine", [], |row| row.get(0))?;
    Ok(count.cast_unsigned())
}

/// A read-only vault: writes are dropped.
struct Untouched<'a>(&'a (dyn KeyVault + Sync));

impl KeyVault for Untouched<'_> {
    fn get(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, VaultError> {
        self.0.get(name)
    }

    fn put(&mut self, _: &str, _: &Secret<Vec<u8>>) -> Result<(), VaultError> {
        Ok(())
    }
}

/// A folder with copies of the file and its log, removed on drop.
struct Copy(PathBuf);

impl Copy {
    /// Copies under a shared lease, so that an owner is neither disturbed nor copied during a transaction. An owner
    /// that starts in these milliseconds gets an error and has to try again.
    fn of(path: &Path) -> Result<Self, InspectError> {
        let lease = match File::open(beside(path, ".lock")) {
            Ok(file) => Some(file),
            // The file never had an owner, or it was moved here without its lock.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(InspectError::Unreadable(error.kind())),
        };
        if let Some(lease) = &lease {
            match lease.try_lock_shared() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(InspectError::OwnedElsewhere),
                Err(TryLockError::Error(error)) => {
                    return Err(InspectError::Unreadable(error.kind()));
                }
            }
        }
        let name: [u8; 8] = seal::random().map_err(|fault| InspectError::Copy(fault.into()))?;
        let name = hex::encode(&name);
        let folder = std::env::temp_dir().join(format!("snapback-inspect-{name}"));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let unreadable = |error: std::io::Error| InspectError::Unreadable(error.kind());
        builder.create(&folder).map_err(unreadable)?;
        let copy = Self(folder);
        fs::copy(path, copy.db()).map_err(unreadable)?;
        match fs::copy(beside(path, "-wal"), beside(&copy.db(), "-wal")) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(unreadable(error)),
            _ => Ok(copy),
        }
    }

    fn db(&self) -> PathBuf {
        self.0.join("account.db")
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        // The contents are sealed, and the system empties its folder.
        let _ = fs::remove_dir_all(&self.0);
    }
}
