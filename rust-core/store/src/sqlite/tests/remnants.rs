//! What remains in the file of deleted data.

use std::fs;

use snapback_proto::knowledge::Op;

use crate::{MemoryVault, SqliteStore, Store};

use super::{Folder, clean, filled, server};

/// Returns all rows of an account, as they are in the file.
fn sealed(store: &SqliteStore) -> Vec<(String, Vec<u8>)> {
    let conn = store.opened.as_ref().unwrap().connection();
    let rows = "SELECT name, value FROM account
        UNION ALL SELECT 'delivery', value FROM delivery
        UNION ALL SELECT 'queue', value FROM queue";
    let mut statement = conn.prepare(rows).unwrap();
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn holds(file: &[u8], row: &[u8]) -> bool {
    // A freed cell loses its first bytes to the list of free ones.
    let end = &row[row.len() - 24..];
    file.windows(end.len()).any(|window| window == end)
}

#[test]
fn t9_what_was_deleted_or_replaced_is_overwritten() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = filled(&folder, &vault);
    let before = sealed(&store);
    store.close().unwrap();
    let file = fs::read(folder.db()).unwrap();
    let secrets = ["fast", "scram-keys", "session", "delivery", "queue"];
    for name in secrets {
        let mut rows = before.iter().filter(|(of, _)| of == name);
        assert!(rows.any(|(_, row)| holds(&file, row)), "{name} is there");
    }

    let mut store = clean(&folder.db(), &vault);
    let confirmed = store.undelivered().unwrap().into_iter();
    let mut ops: Vec<Op> = confirmed.map(|delivery| Op::Confirm(delivery.id)).collect();
    let queue = store.load(&server()).unwrap().queue;
    ops.push(Op::Failed(queue.iter().map(|stanza| stanza.seq).collect()));
    ops.extend([Op::ForgetCredentials, Op::SmDropped]);
    store.apply(&server(), &ops).unwrap();
    let after = sealed(&store);
    store.close().unwrap();
    let file = fs::read(folder.db()).unwrap();
    for (name, row) in before.iter().filter(|row| !after.contains(row)) {
        assert!(!holds(&file, row), "{name} is still in the file");
    }
    assert!(after.len() < before.len());
}
