//! The step to schema 7: rows of before get the heads that new ones have.

use rusqlite::{Connection, params};
use snapback_proto::jid;
use snapback_proto::knowledge::Delivery;
use snapback_proto::xep::carbons;

use super::fault::Fault;
use super::record::Ledger;
use super::seal::Sealer;
use super::tables::{Hot, Tables, cell};

/// Writes every outbound stanza and every delivery again, with its head. A row that cannot be opened stays as it is: the
/// check of the file handles it.
pub(super) fn add(conn: &Connection, sealer: &Sealer, account: &str) -> Result<(), Fault> {
    let tables = Tables::new(conn, sealer, &Hot::default());
    let ledger = readable(tables.cell::<Ledger>(cell::LEDGER))?.flatten();
    let is_known = ledger.is_some();
    let hot = Hot {
        ledger: ledger.unwrap_or_default(),
        ..Hot::default()
    };
    let mut tables = Tables::new(conn, sealer, &hot);
    queue(&tables)?;
    deliveries(&mut tables, account)?;
    // Where nothing is known of the rows, the check says so; it must not find a new ledger.
    if is_known {
        tables.finish()?;
    }
    Ok(())
}

fn queue(tables: &Tables<'_>) -> Result<(), Fault> {
    let mut rows = tables.conn.prepare("SELECT seq, place, value FROM queue")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let rows: Vec<(i64, Option<i64>, Vec<u8>)> = rows.collect::<Result<_, _>>()?;
    for (seq, place, sealed) in rows {
        if let Some(stanza) = readable(tables.open_stanza(seq, place, &sealed))? {
            tables.put_stanza(&stanza, place.map(i64::cast_unsigned))?;
        }
    }
    Ok(())
}

fn deliveries(tables: &mut Tables<'_>, account: &str) -> Result<(), Fault> {
    let mut rows = (tables.conn).prepare("SELECT id, place, value FROM delivery")?;
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let rows: Vec<(String, i64, Vec<u8>)> = rows.collect::<Result<_, _>>()?;
    for (id, place, sealed) in rows {
        let Some(delivery) = readable(tables.open_delivery(&id, place, &sealed))? else {
            continue;
        };
        let Some(delivery) = judged(delivery, account) else {
            tables.confirm(&id)?;
            continue;
        };
        (tables.conn)
            .prepare_cached("DELETE FROM delivery WHERE id = ?1")?
            .execute(params![id])?;
        tables.insert_delivery(&delivery, place.cast_unsigned())?;
    }
    Ok(())
}

/// Takes a carbon out of its wrapper; `None` if it is forged (rule T7).
fn judged(delivery: Delivery, account: &str) -> Option<Delivery> {
    match carbons::unwrap(&delivery.stanza, &jid::prepared_bare(account)) {
        None => Some(delivery),
        Some(Ok((carbon, copied))) => Some(Delivery {
            carbon: Some(carbon),
            possible_duplicate_of: delivery.possible_duplicate_of,
            ..Delivery::new(delivery.id, copied)
        }),
        Some(Err(_)) => None,
    }
}

fn readable<T>(read: Result<T, Fault>) -> Result<Option<T>, Fault> {
    match read {
        Ok(row) => Ok(Some(row)),
        Err(Fault::Unreadable) => Ok(None),
        Err(fault) => Err(fault),
    }
}
