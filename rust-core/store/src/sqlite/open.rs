//! From a path to an open file, in whatever state the file is.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::{DataLoss, KeyVault, OpenIssue, OpenReport, StoreError};

use super::Durability;
use super::check;
use super::epoch;
use super::fault::Fault;
use super::lease::{Lease, cannot_open};
use super::migrations;
use super::seal::Sealer;
use super::tables::{Hot, Tables};

/// An open file and its lease.
pub(super) struct Opened {
    pub(super) hot: Hot,
    /// Whether anything was changed since it was opened.
    pub(super) changed: bool,
    sealer: Sealer,
    durability: Durability,
    // Closed before the lease ends: fields are dropped in this order.
    conn: Connection,
    _lease: Lease,
}

impl Opened {
    /// Returns a view for reading; changes to its cached state are discarded.
    pub(super) fn read(&self) -> Tables<'_> {
        Tables::new(&self.conn, &self.sealer, &self.hot)
    }

    /// Runs one transaction: all of it or nothing.
    pub(super) fn change<T>(
        &mut self,
        durability: Durability,
        change: impl FnOnce(&mut Tables<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        if self.durability != durability {
            set_durability(&self.conn, durability)?;
            self.durability = durability;
        }
        let tx = self
            .conn
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut tables = Tables::new(&tx, &self.sealer, &self.hot);
        let value = change(&mut tables)?;
        let hot = tables.finish()?;
        tx.commit()?;
        self.hot = hot;
        Ok(value)
    }

    /// Returns when no file is open and no lock is held.
    pub(super) fn close(self) {
        let Self { conn, _lease, .. } = self;
        drop(conn);
        drop(_lease);
    }

    #[cfg(test)]
    pub(super) fn connection(&self) -> &Connection {
        &self.conn
    }
}

pub(super) fn open(
    path: &Path,
    account: &str,
    vault: &mut dyn KeyVault,
) -> Result<(Opened, OpenReport), StoreError> {
    let lease = Lease::take(&beside(path, ".lock"))?;
    let mut report = OpenReport::default();
    make_writable(path, &mut report)?;
    let (sealer, key_is_new) = sealer(account, vault)?;
    let epoch = vault.get(&epoch::name(account))?;
    let epoch = epoch.as_ref().map(|epoch| epoch.expose().as_slice());
    let attempt = |report: &mut OpenReport| -> Result<(Connection, Hot), Refused> {
        let mut conn = connect(path, &sealer, account)?;
        let hot = check::check(&mut conn, &sealer, key_is_new, epoch, report)?;
        Ok((conn, hot))
    };
    let before = report.clone();
    let mut opening = attempt(&mut report);
    if opening.as_ref().is_err_and(Refused::is_damage) {
        // SQLite may report a page as damaged that it could not read. What the device refuses now it may return later, so a file
        // is given up only for what was read from it.
        read_through(path)?;
        report = before;
        opening = attempt(&mut report);
    }
    let (conn, hot) = match opening {
        Ok(opened) => opened,
        Err(refused) => {
            report = refused.set_aside(path)?;
            attempt(&mut report).map_err(Refused::into_store_error)?
        }
    };
    let opened = Opened {
        hot,
        changed: false,
        sealer,
        durability: Durability::Kill,
        conn,
        _lease: lease,
    };
    Ok((opened, report))
}

/// Why a file cannot be used.
pub(super) enum Refused {
    Newer(i64),
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Fault(error.into())
    }
}

impl Refused {
    fn is_damage(&self) -> bool {
        matches!(self, Self::Fault(fault) if fault.is_damage())
    }

    /// Moves the file aside for a new one, if the file itself is the cause.
    fn set_aside(self, path: &Path) -> Result<OpenReport, StoreError> {
        let (trouble, suffix) = match self {
            Self::Newer(version) => (OpenIssue::Newer { version }, ".newer"),
            Self::Fault(fault) if fault.is_damage() => (OpenIssue::Damaged, ".damaged"),
            Self::Fault(fault) => return Err(fault.into()),
        };
        let aside = beside(path, suffix);
        // The log first: without its file it is harmless, but a new file must never be opened with it.
        for part in ["-wal", "-shm", "-journal", ""] {
            match fs::rename(beside(path, part), beside(&aside, part)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(StoreError::Broken);
                }
                _ => {}
            }
        }
        Ok(OpenReport {
            troubles: vec![trouble],
            unknown: vec![DataLoss::Everything],
            set_aside: Some(aside),
        })
    }

    fn into_store_error(self) -> StoreError {
        match self {
            Self::Newer(_) => StoreError::Broken,
            Self::Fault(fault) => fault.into(),
        }
    }
}

/// Returns the path with this suffix, in the same folder.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Returns the key that seals the file; a new one if the vault has none, or one of the wrong length.
fn sealer(account: &str, vault: &mut dyn KeyVault) -> Result<(Sealer, bool), StoreError> {
    let name = epoch::vault_name(account, "key");
    if let Some(sealer) = vault.get(&name)?.and_then(|key| Sealer::new(&key, account)) {
        return Ok((sealer, false));
    }
    let key = Sealer::new_key()?;
    vault.put(&name, &key)?;
    let sealer = Sealer::new(&key, account).ok_or(StoreError::Broken)?;
    Ok((sealer, true))
}

/// Removes the read-only mark of a file; its data is kept.
fn make_writable(path: &Path, report: &mut OpenReport) -> Result<(), StoreError> {
    let mut permissions = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions(),
        Err(_) => return Ok(()),
    };
    if !permissions.readonly() {
        return Ok(());
    }
    #[cfg(unix)]
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    #[cfg(not(unix))]
    permissions.set_readonly(false);
    fs::set_permissions(path, permissions).map_err(|_| StoreError::ReadOnly)?;
    report.troubles.push(OpenIssue::ReadOnly);
    Ok(())
}

/// Restricts a new file to its owner; the log gets the same permissions. A failure shows as an error of SQLite.
fn make_private(path: &Path) {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let _ = options.open(path);
}

/// Opens the file with SQLite and migrates it to the schema of this build.
fn connect(path: &Path, sealer: &Sealer, account: &str) -> Result<Connection, Refused> {
    make_private(path);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags).map_err(|error| locked(path, error))?;
    conn.set_prepared_statement_cache_capacity(32);
    // There is one owner: no shared memory, no locking for each transaction. A log is truncated after it was written
    // back, and the cache stays small. A row that was deleted or replaced is overwritten, because the key that opens a
    // token outlives the row. On Apple's systems a sync reaches the disk only with `fullfsync`; elsewhere the setting
    // has no effect. The contents of a file that another program may have written are not trusted.
    conn.execute_batch(
        "PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA journal_mode = WAL;
         PRAGMA fullfsync = ON;
         PRAGMA journal_size_limit = 1048576;
         PRAGMA cache_size = -512;
         PRAGMA temp_store = MEMORY;
         PRAGMA secure_delete = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;",
    )?;
    set_durability(&conn, Durability::Kill)?;
    let version = migrations::version(&conn)?;
    if !(0..=migrations::NEWEST).contains(&version) {
        return Err(Refused::Newer(version));
    }
    if conn.is_readonly("main")? {
        return Err(read_only(path).into());
    }
    migrations::migrate(&mut conn, version, sealer, account)?;
    let verdict: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Fault::Unreadable.into());
    }
    Ok(conn)
}

/// Reads the file and its log, which may be missing, to their ends.
fn read_through(path: &Path) -> Result<(), Fault> {
    for part in ["", "-wal"] {
        let read = fs::File::open(beside(path, part))
            .and_then(|mut file| std::io::copy(&mut file, &mut std::io::sink()));
        match read {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Fault::Device),
            _ => {}
        }
    }
    Ok(())
}

/// Returns the cause, since SQLite does not say why it cannot open a file.
fn locked(path: &Path, error: rusqlite::Error) -> Fault {
    match fs::OpenOptions::new().read(true).write(true).open(path) {
        Err(cause) if cannot_open(&cause) == StoreError::NotYetUnlocked => Fault::NotYetUnlocked,
        _ => error.into(),
    }
}

/// Returns whether the device refuses writing, or the header claims a format that this SQLite cannot write.
fn read_only(path: &Path) -> Fault {
    match fs::OpenOptions::new().write(true).open(path) {
        Ok(_) => Fault::Unreadable,
        Err(_) => Fault::ReadOnly,
    }
}

fn set_durability(conn: &Connection, durability: Durability) -> rusqlite::Result<()> {
    conn.execute_batch(match durability {
        Durability::Kill => "PRAGMA synchronous = NORMAL",
        Durability::PowerLoss => "PRAGMA synchronous = FULL",
    })
}
