//! The persistent store: one SQLite file for each account.
//!
//! `docs/store.md` shows the tables and the states of the file.

mod apply;
mod caches;
mod check;
mod codec;
mod epoch;
mod failures;
mod fault;
mod heads;
mod inspect;
mod key_trust;
mod lease;
mod migrations;
mod open;
mod queue;
mod record;
#[cfg(any(test, feature = "testing"))]
pub(crate) mod rows;
mod seal;
mod seen;
mod tables;
#[cfg(test)]
mod tests;
mod xml;

use std::fmt;
use std::path::PathBuf;

use snapback_proto::knowledge::{Delivery, Knowledge, Op, OutboundKind};

use crate::{
    DEFAULT_QUEUE_LIMIT, DeliveryPage, KeyVault, KnownEndpoints, NewStanza, OpenReport, Roster,
    ServerKey, Store, StoreError, StoredSession,
};

use fault::Fault;
pub(crate) use inspect::inspect;
use open::Opened;
use tables::{Tables, cell};

/// Keeps everything in one file, sealed row by row with a key from a [`KeyVault`].
///
/// Beside `path` there are: SQLite's write-ahead log (`-wal`) while the store is open, the lock of its owner (`.lock`),
/// and a file that was set aside for a new one (`.damaged`, `.newer`). All of them should be excluded from backups.
pub struct SqliteStore {
    path: PathBuf,
    account: String,
    vault: Box<dyn KeyVault>,
    queue_limit: usize,
    opened: Option<Opened>,
}

/// How much may wait on the disk for an app that does not take it: 64 MiB, some hundred thousand messages. A phone that
/// is unused for weeks does not fill its storage with them, and the server keeps the rest.
const BACKLOG_LIMIT: usize = 64 << 20;

/// How durable a change has to be when it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Durability {
    /// It survives the process.
    Kill,
    /// It survives the loss of power, and so does everything before it.
    PowerLoss,
}

impl SqliteStore {
    /// Opens the store of an account, or creates one, and reports what was found.
    ///
    /// # Errors
    ///
    /// [`StoreError::OwnedElsewhere`] while another process or another part of this one has it open,
    /// [`StoreError::Vault`] if the vault cannot be read, [`StoreError::Full`], [`StoreError::ReadOnly`] and
    /// [`StoreError::Broken`] if the device refuses. A damaged file is not an error but part of the report.
    pub fn open(
        path: impl Into<PathBuf>,
        account: &str,
        vault: impl KeyVault + 'static,
    ) -> Result<(Self, OpenReport), StoreError> {
        let account = epoch::spelling(account, &vault)?;
        let mut store = Self {
            path: path.into(),
            account,
            vault: Box::new(vault),
            queue_limit: DEFAULT_QUEUE_LIMIT,
            opened: None,
        };
        let report = store.reopen()?;
        Ok((store, report))
    }

    /// Returns the same store with a queue that takes this many stanzas.
    #[must_use]
    pub fn with_queue_limit(self, queue_limit: usize) -> Self {
        Self {
            queue_limit,
            ..self
        }
    }

    fn opened(&mut self) -> Result<&mut Opened, StoreError> {
        self.opened.as_mut().ok_or(StoreError::Closed)
    }

    /// Runs one transaction. Before the first one since the file was opened, the file gets a new epoch.
    fn change<T>(
        &mut self,
        durability: Durability,
        change: impl FnOnce(&mut Tables<'_>) -> Result<T, Fault>,
    ) -> Result<T, StoreError> {
        let opened = self.opened.as_mut().ok_or(StoreError::Closed)?;
        if !opened.changed {
            epoch::advance(opened, self.vault.as_mut(), &self.account)?;
            opened.changed = true;
        }
        Ok(opened.change(durability, change)?)
    }
}

impl Store for SqliteStore {
    fn load(&mut self, server: &ServerKey) -> Result<Knowledge, StoreError> {
        let mut knowledge = self.opened()?.read().load(server)?;
        if knowledge.sm.is_none() {
            let dropped: Vec<u64> = knowledge
                .queue
                .extract_if(.., |stanza| stanza.kind == OutboundKind::Core)
                .map(|stanza| stanza.seq)
                .collect();
            if !dropped.is_empty() {
                self.change(Durability::Kill, |tables| tables.remove_all(&dropped))?;
            }
        }
        Ok(knowledge)
    }

    fn apply(&mut self, server: &ServerKey, ops: &[Op]) -> Result<(), StoreError> {
        let durability = if ops.iter().any(apply::must_survive_power_loss) {
            Durability::PowerLoss
        } else {
            Durability::Kill
        };
        self.change(durability, |tables| {
            ops.iter().try_for_each(|op| tables.apply(server, op))
        })
    }

    fn endpoints(&mut self, domain: &str) -> Result<Option<KnownEndpoints>, StoreError> {
        Ok(self.opened()?.read().endpoints(domain)?)
    }

    fn set_endpoints(&mut self, domain: &str, known: &KnownEndpoints) -> Result<(), StoreError> {
        self.change(Durability::Kill, |tables| {
            tables.set_endpoints(domain, known)
        })
    }

    fn session(&mut self) -> Result<Option<StoredSession>, StoreError> {
        Ok(self.opened()?.read().session())
    }

    fn roster(&mut self) -> Result<Roster, StoreError> {
        Ok(self.opened()?.read().roster()?)
    }

    fn undelivered(&mut self) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.opened()?.read().undelivered()?)
    }

    fn undelivered_from(&mut self, first: Option<&str>) -> Result<DeliveryPage, StoreError> {
        Ok(self.opened()?.read().undelivered_from(first)?)
    }

    fn backlog_limit(&self) -> usize {
        BACKLOG_LIMIT
    }

    fn append(&mut self, stanza: NewStanza) -> Result<u64, StoreError> {
        self.change(Durability::Kill, |tables| {
            let seq = tables.hot.ledger.next_seq;
            tables.enqueue(&stanza.numbered(seq))?;
            Ok(seq)
        })
    }

    fn queue_len(&mut self) -> Result<usize, StoreError> {
        let rows = self.opened()?.hot.ledger.queue.rows;
        usize::try_from(rows).map_err(|_| StoreError::Broken)
    }

    fn has_room(&mut self, others: usize) -> Result<bool, StoreError> {
        let limit = self.queue_limit;
        if self.queue_len()?.saturating_add(others) < limit {
            return Ok(true);
        }
        // Only a stanza's row holds its kind: it is read where that matters.
        let queue = self.opened()?.read().queue()?;
        let of_app = queue.iter().filter(|one| one.kind != OutboundKind::Core);
        Ok(of_app.count().saturating_add(others) < limit)
    }

    fn queue_limit(&self) -> usize {
        self.queue_limit
    }

    fn possible_gap(&mut self) -> Result<bool, StoreError> {
        Ok(self.opened()?.hot.ledger.possible_gap)
    }

    fn installation(&mut self) -> Result<Option<String>, StoreError> {
        Ok(self.opened()?.read().cell(cell::INSTALLATION)?)
    }

    fn set_installation(&mut self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.change(Durability::Kill, |tables| {
            tables.put_cell(cell::INSTALLATION, &id)
        })
    }

    fn close(&mut self) -> Result<(), StoreError> {
        let Some(mut opened) = self.opened.take() else {
            return Ok(());
        };
        // A copy that was made while the store was open is outdated now. If that cannot be recorded, the file is closed
        // all the same.
        let advanced = if opened.changed {
            epoch::advance(&mut opened, self.vault.as_mut(), &self.account)
        } else {
            Ok(())
        };
        opened.close();
        advanced
    }

    fn reopen(&mut self) -> Result<OpenReport, StoreError> {
        if self.opened.is_some() {
            return Ok(OpenReport::default());
        }
        let (opened, report) = open::open(&self.path, &self.account, self.vault.as_mut())?;
        self.opened = Some(opened);
        Ok(report)
    }
}

/// T9: prints neither stanzas nor the account; the path belongs to the app.
impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("open", &self.opened.is_some())
            .field("queue_limit", &self.queue_limit)
            .finish_non_exhaustive()
    }
}
