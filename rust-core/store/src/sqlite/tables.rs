//! Reads and writes rows: each value is sealed when written and opened when read.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use snapback_proto::jid;
use snapback_proto::knowledge::{
    Delivery, FastToken, OutboundStanza, Push, ServerFacts, SmSession, Watchers,
};
use snapback_proto::plan::Transport;
use snapback_proto::sasl::{Floor, ScramKeyId, ScramKeys};
use snapback_proto::xep::roster::Item;
use snapback_types::key_trust::KeyTrust;
use zeroize::Zeroizing;

use crate::ServerKey;
use crate::failures::StoredFailures;

use super::codec::Writer;
use super::fault::Fault;
use super::record::{Epochs, Ledger, Record};
use super::seal::{AadContext, Sealer};

/// Names of the rows of `account`.
pub(super) mod cell {
    pub(in super::super) const FLOOR: &str = "floor";
    pub(in super::super) const SCRAM_KEYS: &str = "scram-keys";
    pub(in super::super) const FAST: &str = "fast";
    pub(in super::super) const FAST_RESERVE: &str = "fast-reserve";
    pub(in super::super) const SESSION: &str = "session";
    pub(in super::super) const LEDGER: &str = "ledger";
    pub(in super::super) const INSTALLATION: &str = "installation";
    pub(in super::super) const EPOCHS: &str = "epochs";
    pub(in super::super) const KEY_TRUST: &str = "key-trust";
    pub(in super::super) const PUSH: &str = "push";
}

/// Names of the rows of `server`.
pub(super) mod fact {
    pub(in super::super) const SECURED: &str = "secured";
    pub(in super::super) const AUTHENTICATED: &str = "authenticated";
    pub(in super::super) const BIND_PIPELINING: &str = "bind-pipelining";
    pub(in super::super) const SM_BEFORE_SASL: &str = "sm-before-sasl";
}

/// What changes with nearly every transaction, cached in memory. There is one writer, so the cache cannot become
/// outdated.
#[derive(Clone, Default)]
pub(super) struct Hot {
    pub(super) session: Option<SmSession>,
    pub(super) ledger: Ledger,
    pub(super) failures: StoredFailures,
    /// Computed from the roster, which is read once, when the store is opened.
    pub(super) watchers: Watchers,
}

pub(super) struct Tables<'a> {
    pub(super) conn: &'a Connection,
    pub(super) sealer: &'a Sealer,
    pub(super) hot: Hot,
    pub(super) session_changed: bool,
    ledger_before: Ledger,
    failures_before: StoredFailures,
}

impl<'a> Tables<'a> {
    pub(super) fn new(conn: &'a Connection, sealer: &'a Sealer, hot: &Hot) -> Self {
        Self {
            conn,
            sealer,
            hot: hot.clone(),
            session_changed: false,
            ledger_before: hot.ledger.clone(),
            failures_before: hot.failures.clone(),
        }
    }

    /// Writes what was changed in the cache only. Called last, before the commit.
    pub(super) fn finish(self) -> Result<Hot, Fault> {
        if self.session_changed {
            match &self.hot.session {
                Some(session) => self.put_cell(cell::SESSION, session)?,
                None => self.delete_cell(cell::SESSION)?,
            }
        }
        if self.hot.ledger != self.ledger_before {
            self.put_cell(cell::LEDGER, &self.hot.ledger)?;
        }
        if self.hot.failures != self.failures_before {
            self.write_failures()?;
        }
        Ok(self.hot)
    }

    pub(super) fn cell<R: Record>(&self, name: &str) -> Result<Option<R>, Fault> {
        let plain = self.plain_cell(name)?;
        plain.map(|plain| R::from_plain(&plain)).transpose()
    }

    /// Returns the contents of a row of `account`.
    pub(super) fn plain_cell(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        let sealed: Option<Vec<u8>> = self
            .conn
            .prepare_cached("SELECT value FROM account WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let spot = cell_spot(name);
        sealed
            .map(|sealed| self.sealer.open(spot, &sealed))
            .transpose()
    }

    /// Checks whether this value is valid under this name.
    pub(super) fn check_cell(&self, name: &str, sealed: &[u8]) -> Result<(), Fault> {
        let plain = self.sealer.open(cell_spot(name), sealed)?;
        match name {
            cell::FLOOR => Floor::from_plain(&plain).map(drop),
            cell::SCRAM_KEYS => <(ScramKeyId, ScramKeys)>::from_plain(&plain).map(drop),
            cell::FAST | cell::FAST_RESERVE => FastToken::from_plain(&plain).map(drop),
            cell::SESSION => SmSession::from_plain(&plain).map(drop),
            cell::LEDGER => Ledger::from_plain(&plain).map(drop),
            cell::INSTALLATION => String::from_plain(&plain).map(drop),
            cell::EPOCHS => Epochs::from_plain(&plain).map(drop),
            cell::KEY_TRUST => KeyTrust::from_plain(&plain).map(drop),
            cell::PUSH => Push::from_plain(&plain).map(drop),
            _ => Err(Fault::Unreadable),
        }
    }

    pub(super) fn put_cell<R: Record>(&self, name: &str, record: &R) -> Result<(), Fault> {
        let sealed = self
            .sealer
            .seal(cell_spot(name), record.to_plain().as_bytes())?;
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO account (name, value) VALUES (?1, ?2)")?
            .execute(params![name, sealed])?;
        Ok(())
    }

    /// Changes a row; the default takes the place of one that is missing.
    pub(super) fn change_cell<R: Record + Default>(
        &self,
        name: &str,
        change: impl FnOnce(&mut R),
    ) -> Result<(), Fault> {
        let mut record = self.cell(name)?.unwrap_or_default();
        change(&mut record);
        self.put_cell(name, &record)
    }

    pub(super) fn delete_cell(&self, name: &str) -> Result<(), Fault> {
        self.conn
            .prepare_cached("DELETE FROM account WHERE name = ?1")?
            .execute([name])?;
        Ok(())
    }

    pub(super) fn facts(&self, server: &ServerKey) -> Result<ServerFacts, Fault> {
        let mut facts = ServerFacts::default();
        let mut statement = self.conn.prepare_cached(
            "SELECT fact, value FROM server WHERE host = ?1 AND port = ?2 AND transport = ?3",
        )?;
        let key = params![server.host, server.port, transport_name(server.transport)];
        let mut rows = statement.query(key)?;
        while let Some(row) = rows.next()? {
            let fact: String = row.get(0)?;
            let sealed: Vec<u8> = row.get(1)?;
            self.read_fact(server, &fact, &sealed, &mut facts)?;
        }
        Ok(facts)
    }

    pub(super) fn read_fact(
        &self,
        server: &ServerKey,
        fact: &str,
        sealed: &[u8],
        facts: &mut ServerFacts,
    ) -> Result<(), Fault> {
        let plain = self.plain_fact(server, fact, sealed)?;
        match fact {
            fact::SECURED => facts.secured = Some(Arc::new(Record::from_plain(&plain)?)),
            fact::AUTHENTICATED => {
                facts.authenticated = Some(Arc::new(Record::from_plain(&plain)?))
            }
            fact::BIND_PIPELINING => {
                <()>::from_plain(&plain)?;
                facts.bind_pipelining_proven = true;
            }
            fact::SM_BEFORE_SASL => facts.sm_before_sasl = Some(Record::from_plain(&plain)?),
            _ => return Err(Fault::Unreadable),
        }
        Ok(())
    }

    /// Returns the contents of a fact.
    pub(super) fn plain_fact(
        &self,
        server: &ServerKey,
        fact: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let row = server_row(server, fact);
        self.sealer.open(server_spot(&row), sealed)
    }

    pub(super) fn put_fact<R: Record>(
        &self,
        server: &ServerKey,
        fact: &str,
        record: &R,
    ) -> Result<(), Fault> {
        let row = server_row(server, fact);
        let sealed = self
            .sealer
            .seal(server_spot(&row), record.to_plain().as_bytes())?;
        self.conn
            .prepare_cached(
                "INSERT OR REPLACE INTO server (host, port, transport, fact, value) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                server.host,
                server.port,
                transport_name(server.transport),
                fact,
                sealed
            ])?;
        Ok(())
    }

    pub(super) fn delete_fact(&self, server: &ServerKey, fact: &str) -> Result<(), Fault> {
        self.conn
            .prepare_cached(
                "DELETE FROM server WHERE host = ?1 AND port = ?2 AND transport = ?3 AND fact = ?4",
            )?
            .execute(params![
                server.host,
                server.port,
                transport_name(server.transport),
                fact
            ])?;
        Ok(())
    }

    pub(super) fn open_stanza(
        &self,
        seq: i64,
        place: Option<i64>,
        sealed: &[u8],
    ) -> Result<OutboundStanza, Fault> {
        let (row, status) = (seq.to_be_bytes(), place_status(place));
        let plain = self.sealer.open(queue_spot(&row, &status), sealed)?;
        let stanza = OutboundStanza::from_plain(&plain)?;
        Ok(OutboundStanza {
            sent: place.is_some(),
            ..stanza
        })
    }

    /// Writes a new row, or the same one with another status, for which it is sealed again.
    pub(super) fn put_stanza(
        &self,
        stanza: &OutboundStanza,
        place: Option<u64>,
    ) -> Result<(), Fault> {
        let seq = signed(stanza.seq)?;
        let place = place.map(signed).transpose()?;
        let (row, status) = (seq.to_be_bytes(), place_status(place));
        let sealed = self
            .sealer
            .seal(queue_spot(&row, &status), stanza.to_plain().as_bytes())?;
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO queue (seq, place, value) VALUES (?1, ?2, ?3)")?
            .execute(params![seq, place, sealed])?;
        Ok(())
    }

    pub(super) fn open_delivery(
        &self,
        id: &str,
        place: i64,
        sealed: &[u8],
    ) -> Result<Delivery, Fault> {
        let status = place.to_be_bytes();
        let plain = self.sealer.open(delivery_spot(id, &status), sealed)?;
        Delivery::from_plain(&plain)
    }

    /// Inserts a delivery and returns whether its id was new.
    pub(super) fn insert_delivery(&self, delivery: &Delivery, place: u64) -> Result<bool, Fault> {
        let place = signed(place)?;
        let status = place.to_be_bytes();
        let sealed = self.sealer.seal(
            delivery_spot(&delivery.id, &status),
            delivery.to_plain().as_bytes(),
        )?;
        let inserted = self
            .conn
            .prepare_cached(
                "INSERT OR IGNORE INTO delivery (id, place, value) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![delivery.id, place, sealed])?;
        Ok(inserted == 1)
    }

    pub(super) fn open_item(&self, jid: &str, sealed: &[u8]) -> Result<Item, Fault> {
        Item::from_plain(&self.sealer.open(roster_spot(jid), sealed)?)
    }

    pub(super) fn put_item(&self, item: &Item) -> Result<(), Fault> {
        let jid = jid::prepared(&item.jid);
        let sealed = self
            .sealer
            .seal(roster_spot(&jid), item.to_plain().as_bytes())?;
        self.conn
            .prepare_cached("INSERT OR REPLACE INTO roster (jid, value) VALUES (?1, ?2)")?
            .execute(params![jid, sealed])?;
        Ok(())
    }
}

/// Returns the number as SQLite's signed integer; no count comes near its limit.
pub(super) fn signed(number: u64) -> Result<i64, Fault> {
    i64::try_from(number).map_err(|_| Fault::Unwritable)
}

pub(super) fn transport_name(transport: Transport) -> &'static str {
    match transport {
        Transport::DirectTls => "direct-tls",
        Transport::StartTls => "starttls",
    }
}

pub(super) fn transport(name: &str) -> Option<Transport> {
    [Transport::DirectTls, Transport::StartTls]
        .into_iter()
        .find(|transport| transport_name(*transport) == name)
}

/// Returns the server that the columns of a row name.
pub(super) fn server_key(
    host: String,
    port: i64,
    transport_name: &str,
) -> Result<ServerKey, Fault> {
    Ok(ServerKey {
        host,
        port: u16::try_from(port).map_err(|_| Fault::Unreadable)?,
        transport: transport(transport_name).ok_or(Fault::Unreadable)?,
    })
}

fn server_row(server: &ServerKey, fact: &str) -> Writer {
    let mut row = Writer::new();
    row.text(&server.host)
        .number(server.port.into())
        .text(transport_name(server.transport))
        .text(fact);
    row
}

pub(super) fn place_status(place: Option<i64>) -> Vec<u8> {
    place
        .map(|place| place.to_be_bytes().to_vec())
        .unwrap_or_default()
}

fn cell_spot(name: &str) -> AadContext<'_> {
    spot("account", name.as_bytes(), b"")
}

fn server_spot(row: &Writer) -> AadContext<'_> {
    spot("server", row.as_bytes(), b"")
}

pub(super) fn queue_spot<'a>(row: &'a [u8], status: &'a [u8]) -> AadContext<'a> {
    spot("queue", row, status)
}

fn delivery_spot<'a>(id: &'a str, status: &'a [u8]) -> AadContext<'a> {
    spot("delivery", id.as_bytes(), status)
}

fn roster_spot(jid: &str) -> AadContext<'_> {
    spot("roster", jid.as_bytes(), b"")
}

pub(super) fn spot<'a>(table: &'static str, row: &'a [u8], status: &'a [u8]) -> AadContext<'a> {
    AadContext {
        table,
        column: "value",
        row,
        status,
    }
}
