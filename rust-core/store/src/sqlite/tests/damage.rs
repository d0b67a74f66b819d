//! Files that cannot be used as they are, and devices that refuse.

use std::fs;

use rusqlite::Connection;
use snapback_proto::knowledge::Op;

use crate::testing::reopen;
use crate::{Conflict, DataLoss, MemoryVault, OpenIssue, OpenReport, Store, StoreError};

use super::super::open::beside;
use super::{Folder, clean, filled, message, open, server};

fn assert_rebuilt(folder: &Folder, vault: &MemoryVault, trouble: OpenIssue, suffix: &str) {
    let found = fs::read(folder.db()).unwrap();
    let (mut store, report) = open(&folder.db(), vault);
    let aside = beside(&folder.db(), suffix);
    let expected = OpenReport {
        troubles: vec![trouble],
        unknown: vec![DataLoss::Everything],
        set_aside: Some(aside.clone()),
    };
    assert_eq!(report, expected);
    assert_eq!(fs::read(aside).unwrap(), found);
    assert_eq!(store.queue_len(), Ok(0));
    reopen::fill(&mut store);
    store.close().unwrap();
    assert_eq!(clean(&folder.db(), vault).queue_len(), Ok(5));
}

#[test]
fn what_is_no_database_is_set_aside() {
    for content in [
        &b"not a database, but long enough to look like one"[..],
        b"x",
    ] {
        let folder = Folder::new();
        fs::write(folder.db(), content.repeat(100)).unwrap();
        let vault = MemoryVault::default();
        assert_rebuilt(&folder, &vault, OpenIssue::Damaged, ".damaged");
    }
}

#[test]
fn a_wrong_header_is_set_aside() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    filled(&folder, &vault).close().unwrap();
    let mut bytes = fs::read(folder.db()).unwrap();
    bytes[0] = b'T';
    fs::write(folder.db(), bytes).unwrap();
    assert_rebuilt(&folder, &vault, OpenIssue::Damaged, ".damaged");
}

/// SQLite opens such a file for reading without an error.
#[test]
fn a_header_that_claims_a_format_to_come_is_set_aside() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    filled(&folder, &vault).close().unwrap();
    let mut bytes = fs::read(folder.db()).unwrap();
    bytes[18] = 9;
    fs::write(folder.db(), bytes).unwrap();
    assert_rebuilt(&folder, &vault, OpenIssue::Damaged, ".damaged");
}

#[test]
fn a_bad_page_is_set_aside() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    filled(&folder, &vault).close().unwrap();
    let mut bytes = fs::read(folder.db()).unwrap();
    bytes[2 * 4096..3 * 4096].fill(0xff);
    fs::write(folder.db(), bytes).unwrap();
    assert_rebuilt(&folder, &vault, OpenIssue::Damaged, ".damaged");
}

#[test]
fn a_file_that_was_cut_off_is_set_aside() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    filled(&folder, &vault).close().unwrap();
    let bytes = fs::read(folder.db()).unwrap();
    fs::write(folder.db(), &bytes[..bytes.len() - 4096]).unwrap();
    assert_rebuilt(&folder, &vault, OpenIssue::Damaged, ".damaged");
}

#[test]
fn a_newer_file_waits_for_its_version() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    filled(&folder, &vault).close().unwrap();
    let conn = Connection::open(folder.db()).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    conn.close().unwrap();
    assert_rebuilt(&folder, &vault, OpenIssue::Newer { version: 99 }, ".newer");
}

#[cfg(unix)]
#[test]
fn a_read_only_file_is_made_writable() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let vault = MemoryVault::default();
    filled(&folder, &vault).close().unwrap();
    fs::set_permissions(folder.db(), fs::Permissions::from_mode(0o400)).unwrap();
    let (mut store, report) = open(&folder.db(), &vault);
    assert_eq!(report.troubles, [OpenIssue::ReadOnly]);
    assert_eq!(report.unknown, []);
    assert_eq!(store.enqueue(message("a")), Ok(7));
}

#[test]
fn i12_a_full_disk_is_an_error_that_passes() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = clean(&folder.db(), &vault);
    reopen::fill(&mut store);
    let conn = store.opened.as_ref().unwrap().connection();
    let pages: i64 = conn
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    conn.pragma_update(None, "max_page_count", pages).unwrap();
    let refused = (0..1000).find_map(|n| store.enqueue(message(&format!("f{n}"))).err());
    assert_eq!(refused, Some(StoreError::Full));
    assert!(StoreError::Full.is_retryable());
    let held = store.queue_len().unwrap();
    assert_eq!(store.load(&server()).unwrap().queue.len(), held);
    let conn = store.opened.as_ref().unwrap().connection();
    conn.pragma_update(None, "max_page_count", 100_000).unwrap();
    store.enqueue(message("fits")).unwrap();
    store.close().unwrap();
    assert_eq!(clean(&folder.db(), &vault).queue_len(), Ok(held + 1));
}

/// Rule I13: what fails changes nothing, neither in the file nor in the cache.
#[test]
fn i13_an_error_rolls_everything_back() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = clean(&folder.db(), &vault);
    reopen::fill(&mut store);
    let before = format!("{:?}", store.load(&server()).unwrap());
    let failing = [
        Op::CountInbound(77),
        Op::Failed(vec![1]),
        Op::SmDropped,
        Op::ReplaceRoster {
            version: None,
            items: Vec::new(),
        },
        Op::MarkSent(vec![5, 99]),
    ];
    let refused = store.apply(&server(), &failing);
    assert_eq!(refused, Err(StoreError::Conflict(Conflict::NotQueued(99))));
    for _ in 0..2 {
        assert_eq!(format!("{:?}", store.load(&server()).unwrap()), before);
        assert_eq!(store.roster().unwrap().items.len(), 2);
        store.close().unwrap();
        assert_eq!(store.reopen(), Ok(OpenReport::default()));
    }
}

/// A missing row is noticed, and what depends on it is dropped, too.
#[test]
fn t12_a_missing_row_is_noticed() {
    let cases: [(&str, &[DataLoss]); 4] = [
        (
            "DELETE FROM queue WHERE seq = 1",
            &[DataLoss::Session, DataLoss::Outbound],
        ),
        (
            "DELETE FROM delivery WHERE id = 'a'",
            &[DataLoss::Deliveries],
        ),
        (
            "DELETE FROM roster WHERE jid = 'nurse@example.com'",
            &[DataLoss::Roster],
        ),
        (
            "UPDATE account SET value = zeroblob(40) WHERE name = 'session'",
            &[DataLoss::Session],
        ),
    ];
    for (sql, lost) in cases {
        let folder = Folder::new();
        let vault = MemoryVault::default();
        filled(&folder, &vault).close().unwrap();
        let conn = Connection::open(folder.db()).unwrap();
        assert_eq!(conn.execute(sql, []).unwrap(), 1);
        conn.close().unwrap();
        let (mut store, report) = open(&folder.db(), &vault);
        assert_eq!(report.unknown, lost, "{sql}");
        let knowledge = store.load(&server()).unwrap();
        let session_lost = lost.contains(&DataLoss::Session);
        assert_eq!(knowledge.sm.is_none(), session_lost);
        assert_eq!(knowledge.queue.iter().any(|row| row.sent), !session_lost);
        drop(store);
        clean(&folder.db(), &vault);
    }
}

/// Two rows that changed places cannot be opened.
#[test]
fn t12_i5_the_order_of_sending_cannot_be_changed_unseen() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    filled(&folder, &vault).close().unwrap();
    let conn = Connection::open(folder.db()).unwrap();
    let sql = "UPDATE queue SET place = 9 - place WHERE place IS NOT NULL";
    assert!(conn.execute(sql, []).unwrap() >= 2);
    conn.close().unwrap();
    let (mut store, report) = open(&folder.db(), &vault);
    assert!(matches!(report.troubles[0], OpenIssue::SealBroken { .. }));
    let knowledge = store.load(&server()).unwrap();
    assert!(knowledge.sm.is_none());
    assert!(knowledge.queue.iter().all(|row| !row.sent));
}
