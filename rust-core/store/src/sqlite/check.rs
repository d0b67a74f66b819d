//! The check of the file, row by row, before its contents are used: every seal, and whether rows are missing.
//!
//! A file that was closed in order is only read. Otherwise every fault is repaired in one transaction, and the losses
//! are reported: the session is dropped whenever the queue is not complete (rule I13).

use rusqlite::{Connection, TransactionBehavior, params};
use snapback_proto::knowledge::{ServerFacts, SmSession, Watchers};

use crate::{DataLoss, OpenIssue, OpenReport};

use super::fault::Fault;
use super::record::{Epochs, Ledger, RowCounts};
use super::seal::Sealer;
use super::tables::{Hot, Tables, cell, server_key};

/// The maximum number of kept rows that failed their seal.
const QUARANTINE: i64 = 64;

/// Reads everything once. `key_is_new`: nothing in the file can be decrypted any more. `epoch` is the vault's.
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
        // Until the app has received it: the report of this opening is lost if the process is killed.
        check.tables.hot.ledger.possible_gap |= check.report.may_have_lost_stanzas();
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
            self.trouble(OpenIssue::KeyLost, &[DataLoss::Everything]);
            return self.wipe();
        }
        let account_is_whole = self.account()?;
        let from_backup = !self.epoch_matches(epoch)?;
        if from_backup {
            self.forget_the_past()?;
        }
        self.servers()?;
        self.endpoints()?;
        self.caps()?;
        self.failures()?;
        let ledger: Option<Ledger> = self.tables.cell(cell::LEDGER)?;
        let known = ledger.is_some();
        self.tables.hot.ledger = ledger.unwrap_or_default();
        if from_backup {
            // The cursor of the backup does not describe what the app holds now.
            self.tables.hot.ledger.forget_archive();
        }
        let queue_is_whole = self.queue(known && !from_backup)?;
        self.deliveries(known && !from_backup)?;
        self.roster(known)?;
        self.session(queue_is_whole, !account_is_whole)?;
        if self.broken > 0 {
            let rows = self.broken;
            self.trouble(OpenIssue::SealBroken { rows }, &[]);
        }
        if self.missing {
            self.trouble(OpenIssue::RowsMissing, &[]);
        }
        self.report.unknown.sort_unstable();
        self.report.unknown.dedup();
        Ok(())
    }

    fn is_empty(&self) -> Result<bool, Fault> {
        let sql = "SELECT NOT EXISTS (SELECT 1 FROM account) AND NOT EXISTS (SELECT 1 FROM server)
            AND NOT EXISTS (SELECT 1 FROM queue) AND NOT EXISTS (SELECT 1 FROM delivery)
            AND NOT EXISTS (SELECT 1 FROM roster) AND NOT EXISTS (SELECT 1 FROM endpoints)
            AND NOT EXISTS (SELECT 1 FROM caps) AND NOT EXISTS (SELECT 1 FROM failure)";
        Ok(self.tables.conn.query_row(sql, [], |row| row.get(0))?)
    }

    fn wipe(&mut self) -> Result<(), Fault> {
        self.execute(
            "DELETE FROM account; DELETE FROM server; DELETE FROM queue; DELETE FROM delivery; DELETE FROM roster;
             DELETE FROM endpoints; DELETE FROM caps; DELETE FROM seen; DELETE FROM failure;",
        )
    }

    fn epoch_matches(&self, epoch: Option<&[u8]>) -> Result<bool, Fault> {
        let epochs: Option<Epochs> = self.tables.cell(cell::EPOCHS)?;
        Ok(match (epochs, epoch) {
            (Some(epochs), Some(epoch)) => epochs.last == epoch || epochs.next == epoch,
            // The vault did not take the first epoch of a new file.
            (Some(epochs), None) => epochs.last.is_empty(),
            (None, _) => false,
        })
    }

    /// Removes what must not be repeated: a session's counters, a token's count, stanzas of the past.
    fn forget_the_past(&mut self) -> Result<(), Fault> {
        let lost = [
            DataLoss::Session,
            DataLoss::Outbound,
            DataLoss::Deliveries,
            DataLoss::FastTokens,
        ];
        self.trouble(OpenIssue::FromBackup, &lost);
        self.execute(
            "DELETE FROM account WHERE name IN ('session', 'fast', 'fast-reserve', 'epochs');
             DELETE FROM queue; DELETE FROM delivery; DELETE FROM failure WHERE host = '';",
        )?;
        // It may be that of another installation.
        if self.tables.plain_cell(cell::PUSH)?.is_some() {
            self.report.unknown.push(DataLoss::PushRegistration);
            self.tables.delete_cell(cell::PUSH)?;
        }
        // The user may have ended the trust in one of them since.
        let trust = self.tables.key_trust()?;
        if !trust.pins.trusted().is_empty() {
            self.report.unknown.push(DataLoss::TrustedKeys);
            self.tables
                .change_key_trust(|trust| trust.pins.forget_all())?;
        }
        Ok(())
    }

    /// Returns whether every row of `account` is intact. A row whose name has changed cannot be identified, so
    /// everything that is missing is then reported as lost.
    fn account(&mut self) -> Result<bool, Fault> {
        let rows = self.all("SELECT name, value FROM account", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        let mut kept = Vec::new();
        let mut bad = Vec::new();
        for (name, sealed) in rows {
            let (name, sealed): (String, Vec<u8>) = (name, sealed);
            match self.is_readable(self.tables.check_cell(&name, &sealed))? {
                true => kept.push((name, sealed)),
                false => bad.push(sealed),
            }
        }
        if bad.is_empty() {
            return Ok(true);
        }
        let lost = [
            (cell::SESSION, DataLoss::Session),
            (cell::FAST, DataLoss::FastTokens),
            (cell::SCRAM_KEYS, DataLoss::ScramKeys),
            (cell::FLOOR, DataLoss::Floor),
            (cell::INSTALLATION, DataLoss::Installation),
            (cell::KEY_TRUST, DataLoss::TrustedKeys),
            (cell::PUSH, DataLoss::PushRegistration),
        ];
        let is_kept = |cell: &str| kept.iter().any(|(name, _)| name == cell);
        let lost = lost.iter().filter(|(name, _)| !is_kept(name));
        self.report.unknown.extend(lost.map(|(_, what)| *what));
        self.quarantine("account", &bad)?;
        self.execute("DELETE FROM account")?;
        let mut insert = (self.tables.conn)
            .prepare("INSERT OR REPLACE INTO account (name, value) VALUES (?1, ?2)")?;
        for (name, sealed) in kept {
            insert.execute(params![name, sealed])?;
        }
        Ok(false)
    }

    fn servers(&mut self) -> Result<(), Fault> {
        let sql = "SELECT host, port, transport, fact, value FROM server";
        let rows = self.all(sql, |row| {
            Ok(ServerRow {
                host: row.get(0)?,
                port: row.get(1)?,
                transport: row.get(2)?,
                fact: row.get(3)?,
                sealed: row.get(4)?,
            })
        })?;
        let mut kept = Vec::new();
        let mut bad = Vec::new();
        for row in rows {
            match self.is_readable(row.check(&self.tables))? {
                true => kept.push(row),
                false => bad.push(row.sealed),
            }
        }
        if bad.is_empty() {
            return Ok(());
        }
        self.report.unknown.push(DataLoss::ServerFacts);
        self.quarantine("server", &bad)?;
        self.execute("DELETE FROM server")?;
        let mut insert = self.tables.conn.prepare(
            "INSERT OR REPLACE INTO server (host, port, transport, fact, value) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        for row in kept {
            insert.execute(params![
                row.host,
                row.port,
                row.transport,
                row.fact,
                row.sealed
            ])?;
        }
        Ok(())
    }

    /// Keeps all endpoints or none: they can be looked up again.
    fn endpoints(&mut self) -> Result<(), Fault> {
        let rows = self.all("SELECT domain, place, value FROM endpoints", |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let mut bad = Vec::new();
        for (domain, place, sealed) in rows {
            let (domain, place, sealed): (String, i64, Vec<u8>) = (domain, place, sealed);
            let opened = self.tables.open_endpoints(&domain, place, &sealed);
            if !self.is_readable(opened.map(drop))? {
                bad.push(sealed);
            }
        }
        self.cache_is_broken("endpoints", "DELETE FROM endpoints", &bad)
    }

    /// Keeps all capabilities or none: they can be requested again from the entities that advertise them.
    fn caps(&mut self) -> Result<(), Fault> {
        let rows = self.all("SELECT holder, hash, ver, place, value FROM caps", |row| {
            let key = [row.get(0)?, row.get(1)?, row.get(2)?];
            Ok((key, row.get(3)?, row.get(4)?))
        })?;
        let mut bad = Vec::new();
        for (key, place, sealed) in rows {
            let (key, place, sealed): ([String; 3], i64, Vec<u8>) = (key, place, sealed);
            let opened = self.tables.open_caps(&key, place, &sealed);
            if !self.is_readable(opened.map(drop))? {
                bad.push(sealed);
            }
        }
        self.cache_is_broken("caps", "DELETE FROM caps", &bad)
    }

    /// Keeps the failures that can be read: what is lost is noticed again.
    fn failures(&mut self) -> Result<(), Fault> {
        let mut bad = Vec::new();
        for row in self.tables.failure_rows()? {
            let read = self.tables.read_failure(&row);
            if !self.is_readable(read)? {
                bad.push(row.sealed);
            }
        }
        if bad.is_empty() {
            return Ok(());
        }
        self.report.unknown.push(DataLoss::ServerFacts);
        self.quarantine("failure", &bad)?;
        self.tables.write_failures()
    }

    fn cache_is_broken(&mut self, table: &str, clear: &str, bad: &[Vec<u8>]) -> Result<(), Fault> {
        if bad.is_empty() {
            return Ok(());
        }
        self.report.unknown.push(DataLoss::ServerFacts);
        self.quarantine(table, bad)?;
        self.execute(clear)
    }

    /// Returns whether the queue is complete; `known` if the ledger says what it contained.
    fn queue(&mut self, known: bool) -> Result<bool, Fault> {
        let rows = self.all("SELECT seq, place, value FROM queue", |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let mut found = RowCounts::default();
        let mut bad = Vec::new();
        let mut ledger = self.tables.hot.ledger.clone();
        for (seq, place, sealed) in rows {
            let (seq, place, sealed): (i64, Option<i64>, Vec<u8>) = (seq, place, sealed);
            if !self.is_readable(self.tables.open_stanza(seq, place, &sealed).map(drop))? {
                let delete = "DELETE FROM queue WHERE seq = ?1";
                self.tables.conn.execute(delete, [seq])?;
                bad.push(sealed);
                continue;
            }
            found.add(seq.cast_unsigned());
            ledger.next_seq = after(ledger.next_seq, seq);
            ledger.next_place = place.map_or(ledger.next_place, |at| after(ledger.next_place, at));
        }
        self.quarantine("queue", &bad)?;
        let whole = known && bad.is_empty() && found == ledger.queue;
        if !whole {
            self.lost_rows(known && bad.is_empty(), DataLoss::Outbound);
        }
        ledger.queue = found;
        self.tables.hot.ledger = ledger;
        Ok(whole)
    }

    fn deliveries(&mut self, known: bool) -> Result<(), Fault> {
        let rows = self.all("SELECT id, place, value FROM delivery", |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
        let mut found = RowCounts::default();
        let (mut kept, mut bad) = (Vec::new(), Vec::new());
        let mut ledger = self.tables.hot.ledger.clone();
        for (id, place, sealed) in rows {
            let (id, place, sealed): (String, i64, Vec<u8>) = (id, place, sealed);
            if !self.is_readable(self.tables.open_delivery(&id, place, &sealed).map(drop))? {
                bad.push(sealed);
                continue;
            }
            found.add(place.cast_unsigned());
            ledger.next_delivery = after(ledger.next_delivery, place);
            kept.push((id, place, sealed));
        }
        if !known || !bad.is_empty() || found != ledger.deliveries {
            self.lost_rows(known && bad.is_empty(), DataLoss::Deliveries);
            self.quarantine("delivery", &bad)?;
            self.execute("DELETE FROM delivery")?;
            let mut insert = (self.tables.conn)
                .prepare("INSERT INTO delivery (id, place, value) VALUES (?1, ?2, ?3)")?;
            for (id, place, sealed) in kept {
                insert.execute(params![id, place, sealed])?;
            }
        }
        ledger.deliveries = found;
        self.tables.hot.ledger = ledger;
        Ok(())
    }

    /// Keeps the complete roster or nothing: the server sends it again on request.
    fn roster(&mut self, known: bool) -> Result<(), Fault> {
        let rows = self.all("SELECT jid, value FROM roster", |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        let mut found = 0_u64;
        let mut bad = Vec::new();
        let mut watchers = Watchers::default();
        for (jid, sealed) in rows {
            let (jid, sealed): (String, Vec<u8>) = (jid, sealed);
            let item = self.tables.open_item(&jid, &sealed);
            if let Ok(item) = &item {
                watchers.note(item);
            }
            if self.is_readable(item.map(drop))? {
                found = found.saturating_add(1);
            } else {
                bad.push(sealed);
            }
        }
        if !known || !bad.is_empty() || found != self.tables.hot.ledger.roster_items {
            self.lost_rows(known && bad.is_empty(), DataLoss::Roster);
            self.quarantine("roster", &bad)?;
            self.execute("DELETE FROM roster")?;
            self.tables.hot.ledger.roster_version = None;
            self.tables.hot.ledger.roster_items = 0;
            watchers = Watchers::default();
        }
        self.tables.hot.watchers = watchers;
        Ok(())
    }

    /// Checked last, since it depends on the queue. `lost`: it may have been among the rows that could not be read.
    fn session(&mut self, queue_is_whole: bool, lost: bool) -> Result<(), Fault> {
        let session: Option<SmSession> = self.tables.cell(cell::SESSION)?;
        if session.is_some() && queue_is_whole || session.is_none() && !lost {
            self.tables.hot.session = session;
            return Ok(());
        }
        self.report.unknown.push(DataLoss::Session);
        self.repaired = true;
        self.tables.set_session(None);
        self.tables.end_session()
    }

    fn lost_rows(&mut self, without_a_trace: bool, what: DataLoss) {
        self.repaired = true;
        self.missing |= without_a_trace;
        self.report.unknown.push(what);
    }

    /// Handles a broken seal here and returns any other error.
    fn is_readable(&mut self, read: Result<(), Fault>) -> Result<bool, Fault> {
        match read {
            Ok(()) => Ok(true),
            Err(Fault::Unreadable) => {
                self.broken = self.broken.saturating_add(1);
                Ok(false)
            }
            Err(fault) => Err(fault),
        }
    }

    fn quarantine(&mut self, table: &str, rows: &[Vec<u8>]) -> Result<(), Fault> {
        let conn = self.tables.conn;
        for sealed in rows {
            self.repaired = true;
            conn.execute(
                "INSERT INTO quarantine (origin, value) VALUES (?1, ?2)",
                params![table, sealed],
            )?;
            conn.execute(
                "DELETE FROM quarantine WHERE number <= (SELECT max(number) FROM quarantine) - ?1",
                [QUARANTINE],
            )?;
        }
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

    fn trouble(&mut self, trouble: OpenIssue, unknown: &[DataLoss]) {
        self.report.troubles.push(trouble);
        self.report.unknown.extend_from_slice(unknown);
    }
}

struct ServerRow {
    host: String,
    port: i64,
    transport: String,
    fact: String,
    sealed: Vec<u8>,
}

impl ServerRow {
    fn check(&self, tables: &Tables<'_>) -> Result<(), Fault> {
        let server = server_key(self.host.clone(), self.port, &self.transport)?;
        let mut facts = ServerFacts::default();
        tables.read_fact(&server, &self.fact, &self.sealed, &mut facts)
    }
}

/// Returns the next number: at least one after this one.
fn after(next: u64, number: i64) -> u64 {
    next.max(number.cast_unsigned().saturating_add(1))
}
