//! What is in the file, row by row, before anything is believed: every seal, and whether rows are missing.
//!
//! A file that was left in order is only read. Otherwise everything that is found wrong is put right in one
//! transaction, and what is lost by it is reported: the session goes whenever the queue is not what it was (rule I13).

use rusqlite::{Connection, TransactionBehavior, params};
use snapback_proto::knowledge::{FastToken, ServerFacts, SmSession};
use snapback_proto::sasl::{Floor, ScramKeyId, ScramKeys};

use crate::{OpenReport, ServerKey, Trouble, Unknown};

use super::fault::Fault;
use super::record::{Epochs, Ledger, Record, Tally};
use super::seal::Sealer;
use super::tables::{Hot, Tables, cell, transport};

/// How many rows are kept that failed their seal.
const QUARANTINE: i64 = 64;

/// Reads everything once. `key_is_new`: nothing in here can be opened any more. `epoch` is the vault's.
pub(super) fn check(
    conn: &mut Connection,
    sealer: &Sealer,
    key_is_new: bool,
    epoch: Option<&[u8]>,
    report: &mut OpenReport,
) -> Result<Hot, Fault> {
    let tx = conn.transaction_with_behavior(TransactionBehavior::Deferred)?;
    let mut check = Check {
        tables: Tables::new(&tx, sealer, &Hot::default()),
        report,
        broken: 0,
        missing: false,
        repaired: false,
    };
    check.run(key_is_new, epoch)?;
    let hot = if check.repaired {
        let ledger = check.tables.hot.ledger.clone();
        check.tables.put_cell(cell::LEDGER, &ledger)?;
        check.tables.finish()?
    } else {
        check.tables.hot
    };
    tx.commit()?;
    Ok(hot)
}

struct Check<'a, 'r> {
    tables: Tables<'a>,
    report: &'r mut OpenReport,
    broken: u64,
    missing: bool,
    /// Whether the file was changed.
    repaired: bool,
}

impl Check<'_, '_> {
    fn run(&mut self, key_is_new: bool, epoch: Option<&[u8]>) -> Result<(), Fault> {
        if self.is_empty()? {
            return Ok(());
        }
        if key_is_new {
            self.trouble(Trouble::KeyLost, &[Unknown::Everything]);
            return self.wipe();
        }
        let from_backup = !self.epoch_matches(epoch)?;
        if from_backup {
            self.forget_the_past()?;
        }
        self.credentials()?;
        self.servers()?;
        let ledger = self.cell::<Ledger>(cell::LEDGER, None)?;
        let known = ledger.is_some();
        self.tables.hot.ledger = ledger.unwrap_or_default();
        let queue_is_whole = self.queue(known && !from_backup)?;
        self.deliveries(known && !from_backup)?;
        self.roster(known)?;
        self.session(queue_is_whole)?;
        if self.broken > 0 {
            let rows = self.broken;
            self.trouble(Trouble::SealBroken { rows }, &[]);
        }
        if self.missing {
            self.trouble(Trouble::RowsMissing, &[]);
        }
        self.report.unknown.sort_unstable();
        self.report.unknown.dedup();
        Ok(())
    }

    fn is_empty(&self) -> Result<bool, Fault> {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM account) AND NOT EXISTS (SELECT 1 FROM server)
            AND NOT EXISTS (SELECT 1 FROM queue) AND NOT EXISTS (SELECT 1 FROM delivery)
            AND NOT EXISTS (SELECT 1 FROM roster)";
        Ok(self.tables.conn.query_row(sql, [], |row| row.get(0))?)
    }

    fn wipe(&mut self) -> Result<(), Fault> {
        self.execute(
            "DELETE FROM account; DELETE FROM server; DELETE FROM queue; DELETE FROM delivery; DELETE FROM roster;",
        )
    }

    fn epoch_matches(&mut self, epoch: Option<&[u8]>) -> Result<bool, Fault> {
        let epochs: Option<Epochs> = self.cell(cell::EPOCHS, None)?;
        Ok(match (epochs, epoch) {
            (Some(epochs), Some(epoch)) => epochs.last == epoch || epochs.next == epoch,
            _ => false,
        })
    }

    /// What must not be repeated: a session's counters, a token's count, stanzas of another time.
    fn forget_the_past(&mut self) -> Result<(), Fault> {
        let lost = [
            Unknown::Session,
            Unknown::Outbound,
            Unknown::Deliveries,
            Unknown::FastTokens,
        ];
        self.trouble(Trouble::FromBackup, &lost);
        self.execute(
            "DELETE FROM account WHERE name IN ('session', 'fast', 'fast-reserve', 'epochs');
             DELETE FROM queue; DELETE FROM delivery;",
        )
    }

    fn credentials(&mut self) -> Result<(), Fault> {
        self.cell::<Floor>(cell::FLOOR, Some(Unknown::Floor))?;
        self.cell::<(ScramKeyId, ScramKeys)>(cell::SCRAM_KEYS, Some(Unknown::ScramKeys))?;
        self.cell::<FastToken>(cell::FAST, Some(Unknown::FastTokens))?;
        self.cell::<FastToken>(cell::FAST_RESERVE, Some(Unknown::FastTokens))?;
        self.cell::<String>(cell::INSTALLATION, Some(Unknown::Installation))?;
        Ok(())
    }

    fn servers(&mut self) -> Result<(), Fault> {
        let sql = "SELECT host, port, transport, fact, value FROM server";
        let rows = self.all(sql, |row| {
            let name: String = row.get(2)?;
            Ok((row.get(0)?, row.get(1)?, name, row.get(3)?, row.get(4)?))
        })?;
        for (host, port, name, fact, sealed) in rows {
            let (host, port, fact, sealed): (String, i64, String, Vec<u8>) =
                (host, port, fact, sealed);
            let server = u16::try_from(port).ok().zip(transport(&name));
            let read = server.map(|(port, transport)| {
                let server = ServerKey {
                    host: host.clone(),
                    port,
                    transport,
                };
                let mut facts = ServerFacts::default();
                self.tables.read_fact(&server, &fact, &sealed, &mut facts)
            });
            if self
                .is_readable(read.unwrap_or(Err(Fault::Unreadable)))?
                .is_none()
            {
                self.quarantine("server", &sealed, Some(Unknown::ServerFacts))?;
                self.tables.conn.execute(
                    "DELETE FROM server WHERE host = ?1 AND port = ?2 AND transport = ?3 AND fact = ?4",
                    params![host, port, name, fact],
                )?;
            }
        }
        Ok(())
    }

    /// Whether the queue is as it was left; `known` if the ledger says how that was.
    fn queue(&mut self, known: bool) -> Result<bool, Fault> {
        let rows = self.all("SELECT seq, place, value FROM queue", |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let mut found = Tally::default();
        let mut ledger = self.tables.hot.ledger.clone();
        for (seq, place, sealed) in rows {
            let (seq, place, sealed): (i64, Option<i64>, Vec<u8>) = (seq, place, sealed);
            let read = self.tables.open_stanza(seq, place, &sealed);
            if self.is_readable(read)?.is_none() {
                self.quarantine("queue", &sealed, Some(Unknown::Outbound))?;
                self.tables
                    .conn
                    .execute("DELETE FROM queue WHERE seq = ?1", [seq])?;
                continue;
            }
            found.add(seq.cast_unsigned());
            ledger.next_seq = ledger.next_seq.max(seq.cast_unsigned().saturating_add(1));
            if let Some(place) = place {
                ledger.next_place = ledger
                    .next_place
                    .max(place.cast_unsigned().saturating_add(1));
            }
        }
        let whole = known && found == ledger.queue;
        if !whole {
            self.lost_rows(known, Unknown::Outbound);
        }
        ledger.queue = found;
        self.tables.hot.ledger = ledger;
        Ok(whole)
    }

    fn deliveries(&mut self, known: bool) -> Result<(), Fault> {
        let rows = self.all("SELECT id, place, value FROM delivery", |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let mut found = Tally::default();
        let mut ledger = self.tables.hot.ledger.clone();
        for (id, place, sealed) in rows {
            let (id, place, sealed): (String, i64, Vec<u8>) = (id, place, sealed);
            let read = self.tables.open_delivery(&id, place, &sealed);
            if self.is_readable(read)?.is_none() {
                self.quarantine("delivery", &sealed, Some(Unknown::Deliveries))?;
                self.tables
                    .conn
                    .execute("DELETE FROM delivery WHERE id = ?1", [id])?;
                continue;
            }
            found.add(place.cast_unsigned());
            ledger.next_delivery = ledger
                .next_delivery
                .max(place.cast_unsigned().saturating_add(1));
        }
        if !known || found != ledger.deliveries {
            self.lost_rows(known, Unknown::Deliveries);
        }
        ledger.deliveries = found;
        self.tables.hot.ledger = ledger;
        Ok(())
    }

    /// All of it or nothing: the server sends it again for the asking.
    fn roster(&mut self, known: bool) -> Result<(), Fault> {
        let rows = self.all("SELECT jid, value FROM roster", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        let mut found = 0_u64;
        for (jid, sealed) in rows {
            let (jid, sealed): (String, Vec<u8>) = (jid, sealed);
            let read = self.tables.open_item(&jid, &sealed);
            if self.is_readable(read)?.is_some() {
                found = found.saturating_add(1);
            } else {
                self.quarantine("roster", &sealed, Some(Unknown::Roster))?;
            }
        }
        if !known || found != self.tables.hot.ledger.roster_items {
            self.lost_rows(known, Unknown::Roster);
            self.execute("DELETE FROM roster")?;
            self.tables.hot.ledger.roster_version = None;
            self.tables.hot.ledger.roster_items = 0;
        }
        Ok(())
    }

    /// Last: it counts on the queue.
    fn session(&mut self, queue_is_whole: bool) -> Result<(), Fault> {
        let broken = self.broken;
        let session: Option<SmSession> = self.cell(cell::SESSION, Some(Unknown::Session))?;
        let lost = self.broken > broken;
        if (session.is_some() && !queue_is_whole) || lost {
            self.report.unknown.push(Unknown::Session);
            self.repaired = true;
            self.tables.set_session(None);
            self.tables.end_session()
        } else {
            self.tables.hot.session = session;
            Ok(())
        }
    }

    /// A row that is missing beside one that failed is most likely the same.
    fn lost_rows(&mut self, known: bool, what: Unknown) {
        self.repaired = true;
        if known {
            self.missing = true;
        }
        self.report.unknown.push(what);
    }

    /// A row of `account`, if it can be read; otherwise it leaves.
    fn cell<R: Record>(&mut self, name: &str, what: Option<Unknown>) -> Result<Option<R>, Fault> {
        let read = self.tables.cell::<R>(name);
        if let Some(record) = self.is_readable(read)? {
            return Ok(record);
        }
        let sql = "SELECT value FROM account WHERE name = ?1";
        let sealed: Vec<u8> = self.tables.conn.query_row(sql, [name], |row| row.get(0))?;
        self.quarantine("account", &sealed, what)?;
        self.tables.delete_cell(name)?;
        Ok(None)
    }

    /// A broken seal is this module's business; anything else is not.
    fn is_readable<T>(&mut self, read: Result<T, Fault>) -> Result<Option<T>, Fault> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(Fault::Unreadable) => {
                self.broken = self.broken.saturating_add(1);
                Ok(None)
            }
            Err(fault) => Err(fault),
        }
    }

    fn quarantine(
        &mut self,
        table: &str,
        sealed: &[u8],
        what: Option<Unknown>,
    ) -> Result<(), Fault> {
        self.repaired = true;
        self.report.unknown.extend(what);
        let conn = self.tables.conn;
        conn.execute(
            "INSERT INTO quarantine (origin, value) VALUES (?1, ?2)",
            params![table, sealed],
        )?;
        conn.execute(
            "DELETE FROM quarantine WHERE number <= (SELECT max(number) FROM quarantine) - ?1",
            [QUARANTINE],
        )?;
        Ok(())
    }

    fn all<T>(
        &self,
        sql: &str,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, Fault> {
        let mut statement = self.tables.conn.prepare(sql)?;
        let rows = statement.query_map([], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn execute(&mut self, sql: &str) -> Result<(), Fault> {
        self.repaired = true;
        Ok(self.tables.conn.execute_batch(sql)?)
    }

    fn trouble(&mut self, trouble: Trouble, unknown: &[Unknown]) {
        self.report.troubles.push(trouble);
        self.report.unknown.extend_from_slice(unknown);
    }
}
