//! The step to schema 7: heads are added, and carbons are judged.

use snapback_proto::escalation::Subject;
use snapback_proto::knowledge::{Delivery, Op, OutboundKind, OutboundStanza, Retention};
use snapback_proto::time::UnixTime;
use snapback_proto::xep::carbons::Direction;
use snapback_proto::xml::{Element, parse_stanza};

use crate::{MemoryVault, SqliteStore, Store};

use super::super::Durability;
use super::super::codec::Writer;
use super::super::fault::Fault;
use super::super::tables::{Tables, place_status, spot};
use super::{ACCOUNT, Folder, clean, server};

fn stanza(xml: &str) -> Element {
    parse_stanza(xml).unwrap()
}

fn carbon(from: &str, more: &str) -> Element {
    stanza(&format!(
        "<message from='{from}'{more}><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>\
         <delay xmlns='urn:xmpp:delay' stamp='2026-11-20T10:00:00Z'/>\
         <message xmlns='jabber:client' id='copied'><body>hi</body></message></forwarded></sent></message>"
    ))
}

/// Writes the row as schema 6 did: without what was added later.
fn write_older(tables: &Tables<'_>, delivery: &Delivery, place: i64) -> Result<(), Fault> {
    let mut record = Writer::new();
    record
        .text(&delivery.id)
        .text(&delivery.stanza.to_xml())
        .option(delivery.possible_duplicate_of.as_ref(), |out, id| {
            out.text(id)
        });
    let status = place.to_be_bytes();
    let row = spot("delivery", delivery.id.as_bytes(), &status);
    let sealed = tables.sealer.seal(row, record.as_bytes())?;
    let written = tables.conn.execute(
        "UPDATE delivery SET value = ?1 WHERE id = ?2 AND place = ?3",
        (&sealed, &delivery.id, place),
    )?;
    assert_eq!(written, 1);
    Ok(())
}

fn write_older_outbound(tables: &Tables<'_>, stanza: &OutboundStanza) -> Result<(), Fault> {
    let mut record = Writer::new();
    record
        .number(stanza.seq)
        .text(&stanza.id)
        .text("message")
        .time(stanza.queued_at.0)
        .text(&stanza.xml)
        .flag(true)
        .option(None::<()>, |out, ()| out)
        .number(2);
    let row = stanza.seq.to_be_bytes();
    let status = place_status(None);
    let sealed = (tables.sealer).seal(spot("queue", &row, &status), record.as_bytes())?;
    let written = tables.conn.execute(
        "UPDATE queue SET value = ?1 WHERE seq = ?2",
        (&sealed, stanza.seq.cast_signed()),
    )?;
    assert_eq!(written, 1);
    Ok(())
}

/// Makes a file of schema 6 with these rows.
fn older(folder: &Folder, vault: &MemoryVault, inbound: &[Delivery], outbound: &[OutboundStanza]) {
    let mut store = clean(&folder.db(), vault);
    let inbound_ops = inbound.iter().cloned().map(Op::Inbound);
    let outbound_ops = outbound.iter().cloned().map(Op::Enqueue);
    let ops: Vec<Op> = inbound_ops.chain(outbound_ops).collect();
    store.apply(&server(), &ops).unwrap();
    let write = |tables: &mut Tables<'_>| {
        for (place, delivery) in (0..).zip(inbound) {
            write_older(tables, delivery, place)?;
        }
        for stanza in outbound {
            write_older_outbound(tables, stanza)?;
        }
        tables.conn.execute_batch("DROP TABLE failure")?;
        tables.conn.pragma_update(None, "user_version", 6)?;
        Ok(())
    };
    store.change(Durability::Kill, write).unwrap();
    store.close().unwrap();
}

/// Returns how many bytes the sealed values of a table have.
fn sizes(store: &SqliteStore, table: &str) -> i64 {
    let conn = store.opened.as_ref().unwrap().connection();
    let sql = format!("SELECT ifnull(sum(length(value)), 0) FROM {table}");
    conn.query_row(&sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn i8_rows_of_before_get_heads_once() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let texts = [
        (
            "<message id='m1' type='chat'><body xml:lang='de'>hi</body></message>",
            Retention::Archived,
        ),
        (
            "<message id='m2' type='groupchat'><body>hi</body></message>",
            Retention::Unarchived,
        ),
        (
            "<message id='m3'><paused xmlns='http://jabber.org/protocol/chatstates'/></message>",
            Retention::Ephemeral,
        ),
    ];
    let outbound: Vec<OutboundStanza> = (0..)
        .zip(texts)
        .map(|(seq, (xml, _))| {
            OutboundStanza::new(seq, OutboundKind::Message, stanza(xml).into(), UnixTime(7))
        })
        .collect();
    older(&folder, &vault, &[], &outbound);
    let mut store = clean(&folder.db(), &vault);
    let queue = store.load(&server()).unwrap().queue;
    let heads: Vec<Retention> = queue.iter().map(|row| row.head.retention).collect();
    assert_eq!(heads, texts.map(|(_, retention)| retention));
    let kept = |row: &OutboundStanza| row.unknown && row.queued_at == UnixTime(7);
    assert!(queue.iter().all(kept));
    let failures = store.load(&server()).unwrap().failures;
    let refusals = queue.iter().map(|row| {
        let failure = failures.get(Subject::Stanza(row.seq));
        failure.map(|failure| failure.refusals)
    });
    assert_eq!(refusals.collect::<Vec<_>>(), [Some(2); 3]);
    // They are stored: a second opening finds the same bytes.
    let size = sizes(&store, "queue");
    store.close().unwrap();
    store.reopen().unwrap();
    assert_eq!(sizes(&store, "queue"), size);
    assert_eq!(store.load(&server()).unwrap().queue, queue);
}

#[test]
fn t7_carbons_of_before_are_judged_once() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let chat = stanza("<message id='in1' type='chat'><body>hi</body></message>");
    let echo = carbon("mallory@example.net/x", " type='error' id='m1'");
    let older_rows = [
        Delivery::new("chat", chat.clone()),
        Delivery::new("forged", carbon("mallory@example.net/x", "")),
        Delivery {
            possible_duplicate_of: Some("chat".to_owned()),
            ..Delivery::new("ours", carbon(ACCOUNT, ""))
        },
        Delivery::new("echo", echo.clone()),
    ];
    older(&folder, &vault, &older_rows, &[]);
    let mut store = clean(&folder.db(), &vault);
    let deliveries = store.undelivered().unwrap();
    let [first, ours, last] = deliveries.as_slice() else {
        panic!("{deliveries:?}");
    };
    assert_eq!(first, &Delivery::new("chat", chat));
    assert_eq!(last, &Delivery::new("echo", echo));
    let known = ours.carbon.as_ref().unwrap();
    assert_eq!(known.direction, Direction::Sent);
    assert!(known.delay.is_some());
    assert_eq!(ours.stanza.attr("id"), Some("copied"));
    assert_eq!(ours.head.retention, Retention::Archived);
    assert_eq!(ours.possible_duplicate_of.as_deref(), Some("chat"));
    // What is left is counted: nothing is missing.
    store.close().unwrap();
    let mut store = clean(&folder.db(), &vault);
    assert_eq!(store.undelivered().unwrap(), deliveries);
}

/// A row that cannot be opened is the check's business.
#[test]
fn a_broken_row_of_before_goes_into_quarantine() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let rows = ["a", "b"].map(|id| Delivery::new(id, stanza("<message><body>hi</body></message>")));
    older(&folder, &vault, &rows, &[]);
    let conn = rusqlite::Connection::open(folder.db()).unwrap();
    conn.execute(
        "UPDATE delivery SET value = zeroblob(40) WHERE id = 'a'",
        [],
    )
    .unwrap();
    drop(conn);
    let (mut store, report) = super::open(&folder.db(), &vault);
    assert!(!report.is_clean());
    let left = store.undelivered().unwrap();
    assert_eq!(left, rows[1..]);
}
