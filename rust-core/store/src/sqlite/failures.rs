//! The table of failures (rule W1), and what came before it: until schema 9 each kind of failure had a place of its own.

use rusqlite::{Connection, params};
use snapback_proto::escalation::{Failure, Subject};
use snapback_proto::time::UnixTime;

use crate::ServerKey;
use crate::failures::StoredFailures;

use super::codec::{Reader, Writer};
use super::fault::Fault;
use super::record::{Record, of_session_before, of_stanza_before};
use super::seal::Sealer;
use super::tables::{
    Hot, Tables, cell, fact, place_status, queue_spot, server_key, spot, transport_name,
};

/// How long pipelining was off after a silence, in seconds: the stored time was its end.
const PIPELINING_PAUSE: i64 = 86_400;

/// A row: the server that the failure belongs to is empty where it belongs to the account.
pub(super) struct FailureRow {
    host: String,
    port: i64,
    transport: String,
    subject: String,
    pub(super) sealed: Vec<u8>,
}

impl FailureRow {
    fn key(&self) -> Writer {
        let mut key = Writer::new();
        key.text(&self.host)
            .number(self.port.cast_unsigned())
            .text(&self.transport)
            .text(&self.subject);
        key
    }

    fn server(&self) -> Result<Option<ServerKey>, Fault> {
        if self.host.is_empty() {
            return Ok(None);
        }
        server_key(self.host.clone(), self.port, &self.transport).map(Some)
    }
}

impl Tables<'_> {
    /// Returns the rows, whether or not they can be read.
    pub(super) fn failure_rows(&self) -> Result<Vec<FailureRow>, Fault> {
        let mut statement = self
            .conn
            .prepare("SELECT host, port, transport, subject, value FROM failure")?;
        let rows = statement.query_map([], |row| {
            Ok(FailureRow {
                host: row.get(0)?,
                port: row.get(1)?,
                transport: row.get(2)?,
                subject: row.get(3)?,
                sealed: row.get(4)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Adds the failure of this row to the cache.
    pub(super) fn read_failure(&mut self, row: &FailureRow) -> Result<(), Fault> {
        let key = row.key();
        let plain = (self.sealer).open(spot("failure", key.as_bytes(), b""), &row.sealed)?;
        let mut input = Reader::new(&plain);
        let small = |number: u64| u8::try_from(number).map_err(|_| Fault::Unreadable);
        let failure = Failure {
            subject: Subject::by_stored_name(&row.subject).ok_or(Fault::Unreadable)?,
            refusals: small(input.number()?)?,
            silences: small(input.number()?)?,
            since: UnixTime(input.time()?),
            until: UnixTime(input.time()?),
        };
        input.end()?;
        let server = row.server()?;
        self.hot.failures.insert(server.as_ref(), failure);
        Ok(())
    }

    /// Writes all failures again: there are few, and they rarely change.
    pub(super) fn write_failures(&self) -> Result<(), Fault> {
        self.conn
            .prepare_cached("DELETE FROM failure")?
            .execute([])?;
        for (server, failure) in self.hot.failures.iter() {
            self.write_failure(server, failure)?;
        }
        Ok(())
    }

    fn write_failure(&self, server: Option<&ServerKey>, failure: &Failure) -> Result<(), Fault> {
        let Some(subject) = failure.subject.stored_name() else {
            return Ok(());
        };
        let mut value = Writer::new();
        value
            .number(failure.refusals.into())
            .number(failure.silences.into())
            .time(failure.since.0)
            .time(failure.until.0);
        let mut row = FailureRow {
            host: server.map(|server| server.host.clone()).unwrap_or_default(),
            port: server.map_or(0, |server| server.port.into()),
            transport: server
                .map(|server| transport_name(server.transport).to_owned())
                .unwrap_or_default(),
            subject,
            sealed: Vec::new(),
        };
        let key = row.key();
        row.sealed = (self.sealer).seal(spot("failure", key.as_bytes(), b""), value.as_bytes())?;
        self.conn
            .prepare_cached(
                "INSERT INTO failure (host, port, transport, subject, value) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                row.host,
                row.port,
                row.transport,
                row.subject,
                row.sealed
            ])?;
        Ok(())
    }
}

/// Reads what a file of an earlier schema knows of failures. A row that cannot be opened is left to the check of the file.
pub(super) fn of_before(conn: &Connection, sealer: &Sealer) -> Result<StoredFailures, Fault> {
    let hot = Hot::default();
    let tables = Tables::new(conn, sealer, &hot);
    let mut failures = StoredFailures::default();
    let mut add = |server: Option<&ServerKey>, found: Result<Vec<Failure>, Fault>| match found {
        Ok(found) => {
            for failure in found {
                failures.insert(server, failure);
            }
            Ok(())
        }
        Err(Fault::Unreadable) => Ok(()),
        Err(fault) => Err(fault),
    };
    add(None, tables.session_before())?;
    let mut rows = conn.prepare("SELECT seq, place, value FROM queue")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    for row in rows {
        let (seq, place, sealed): (i64, Option<i64>, Vec<u8>) = row?;
        let (key, status) = (seq.to_be_bytes(), place_status(place));
        let plain = sealer.open(queue_spot(&key, &status), &sealed);
        add(None, plain.and_then(|plain| of_stanza_before(&plain)))?;
    }
    let mut rows = conn.prepare("SELECT host, port, transport, fact, value FROM server")?;
    let rows = rows.query_map([], |row| {
        Ok((
            row.get(0)?,
            row.get(1)?,
            row.get(2)?,
            row.get(3)?,
            row.get(4)?,
        ))
    })?;
    for row in rows {
        let (host, port, name, fact, sealed): (String, i64, String, String, Vec<u8>) = row?;
        let Ok(server) = server_key(host, port, &name) else {
            continue;
        };
        add(Some(&server), tables.fact_before(&server, &fact, &sealed))?;
    }
    Ok(failures)
}

/// Stores what an earlier schema knew, and removes the facts that it was kept as.
pub(super) fn carry_over(
    conn: &Connection,
    sealer: &Sealer,
    failures: StoredFailures,
) -> Result<(), Fault> {
    let bind = "SELECT host, port, transport, value FROM server WHERE fact = 'bind-pipelining'";
    let hot = Hot {
        failures,
        ..Hot::default()
    };
    let tables = Tables::new(conn, sealer, &hot);
    tables.write_failures()?;
    conn.execute_batch("DELETE FROM server WHERE fact = 'pipelining-off-until'")?;
    let mut rows = conn.prepare(bind)?;
    let rows = rows.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    })?;
    let rows: Vec<(String, i64, String, Vec<u8>)> = rows.collect::<rusqlite::Result<_>>()?;
    for (host, port, name, sealed) in rows {
        let Ok(server) = server_key(host, port, &name) else {
            continue;
        };
        let before = tables.fact_before(&server, fact::BIND_PIPELINING, &sealed);
        if before.is_ok_and(|found| !found.is_empty()) {
            tables.delete_fact(&server, fact::BIND_PIPELINING)?;
        }
    }
    Ok(())
}

impl Tables<'_> {
    fn session_before(&self) -> Result<Vec<Failure>, Fault> {
        let plain = self.plain_cell(cell::SESSION)?;
        plain.map_or(Ok(Vec::new()), |plain| of_session_before(&plain))
    }

    fn fact_before(
        &self,
        server: &ServerKey,
        name: &str,
        sealed: &[u8],
    ) -> Result<Vec<Failure>, Fault> {
        let subject = match name {
            fact::BIND_PIPELINING => Subject::PipelinedBind,
            "pipelining-off-until" => Subject::PipelinedStart,
            _ => return Ok(Vec::new()),
        };
        let plain = self.plain_fact(server, name, sealed)?;
        let mut input = Reader::new(&plain);
        if subject == Subject::PipelinedBind && !input.flag()? {
            return Ok(Vec::new());
        }
        let off_until = UnixTime::read(&mut input)?;
        let is_for_good = off_until == UnixTime::NEVER;
        let last = match is_for_good {
            true => UnixTime(0),
            false => off_until.plus_seconds(-PIPELINING_PAUSE),
        };
        Ok(vec![Failure {
            subject,
            refusals: u8::from(is_for_good),
            silences: u8::from(!is_for_good),
            since: last,
            until: last,
        }])
    }
}
