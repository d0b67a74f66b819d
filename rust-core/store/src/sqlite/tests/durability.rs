//! What a loss of power may take, and what it must not.

use std::fs::{self, OpenOptions};
use std::path::Path;

use snapback_proto::knowledge::{Delivery, Op};
use snapback_proto::xml::Element;

use crate::testing::reopen;
use crate::{MemoryVault, SqliteStore, Store};

use super::super::open::beside;
use super::{Folder, clean, message, server};

fn synchronous(store: &SqliteStore) -> i64 {
    let conn = store.opened.as_ref().unwrap().connection();
    conn.query_row("PRAGMA synchronous", [], |row| row.get(0))
        .unwrap()
}

fn inbound(id: &str) -> Op {
    let message = Element::new("message", "jabber:client");
    Op::Inbound(Delivery::new(id, message))
}

#[test]
fn i3_s6_what_leaves_a_trace_elsewhere_is_synced() {
    let folder = Folder::new();
    let mut store = clean(&folder.db(), &MemoryVault::default());
    reopen::fill(&mut store);
    let (full, normal) = (2, 1);
    let cases = [
        (vec![inbound("i")], full),
        (vec![Op::MarkSent(vec![5])], normal),
        (vec![Op::Confirm("i".to_owned()), Op::CountInbound(9)], full),
        (vec![Op::FastUsed], normal),
        (vec![Op::CountFast(u32::MAX)], full),
    ];
    for (ops, expected) in cases {
        store.apply(&server(), &ops).unwrap();
        assert_eq!(synchronous(&store), expected, "{ops:?}");
    }
    store.enqueue(message("a")).unwrap();
    assert_eq!(synchronous(&store), normal);
}

/// The model: everything in the log after the last sync is lost. The file itself is only written at a checkpoint, which
/// syncs the log first.
#[test]
fn i3_s6_power_loss_takes_only_what_was_not_reported() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = clean(&folder.db(), &vault);
    reopen::fill(&mut store);
    let log = beside(&folder.db(), "-wal");
    for round in 0..10_u32 {
        let queued = store.enqueue(message(&format!("before {round}"))).unwrap();
        let ops = [
            inbound(&format!("round {round}")),
            Op::CountInbound(round),
            Op::CountFast(u32::MAX),
        ];
        store.apply(&server(), &ops).unwrap();
        let synced = fs::metadata(&log).unwrap().len();
        store.enqueue(message(&format!("after {round}"))).unwrap();

        let lost = folder.0.join(format!("{round}.db"));
        cut_log(&folder.db(), &lost, synced);
        let mut after = clean(&lost, &vault.snapshot());
        let knowledge = after.load(&server()).unwrap();
        assert_eq!(knowledge.sm.map(|session| session.h), Some(round));
        assert_eq!(knowledge.next_seq, queued + 1);
        let ids = after.undelivered().unwrap().into_iter().map(|one| one.id);
        assert!(ids.into_iter().any(|id| id == format!("round {round}")));
    }
}

fn cut_log(from: &Path, to: &Path, length: u64) {
    for suffix in ["", "-wal"] {
        fs::copy(beside(from, suffix), beside(to, suffix)).unwrap();
    }
    let log = OpenOptions::new().write(true).open(beside(to, "-wal"));
    log.unwrap().set_len(length).unwrap();
}
