//! Inspecting a store changes nothing and shows no secret.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use rusqlite::Connection;
use snapback_proto::secret::Secret;

use crate::testing::reopen;
use crate::{
    FileVault, InspectError, KeyVault, MemoryVault, OpenIssue, SqliteStore, Store, VaultError,
    inspect,
};

use super::{ACCOUNT, Folder, clean, message};

/// Returns every file of a folder, with its bytes.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap();
    let files = entries.map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.is_file());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

fn filled(folder: &Folder) -> FileVault {
    let vault = || FileVault::new(folder.0.join("keys")).unwrap();
    let (mut store, _) = SqliteStore::open(folder.db(), ACCOUNT, vault()).unwrap();
    reopen::fill(&mut store);
    store.close().unwrap();
    vault()
}

#[test]
fn t9_the_summary_shows_what_is_remembered_and_no_secret() {
    let folder = Folder::new();
    let vault = filled(&folder);
    let seen = || (content(&folder.0), content(&folder.0.join("keys")));
    let before = seen();
    let found = inspect(&folder.db(), ACCOUNT, &vault).unwrap();
    assert!(seen() == before, "looking changed something");
    assert!(found.report.is_clean());
    assert_eq!((found.schema, found.has_log), (13, false));
    let session = found.session.as_ref().unwrap();
    assert_eq!((session.h, session.base, session.pending), (5, 4, 5));
    assert_eq!(session.id_bytes, "planted-sm-id".len());
    let queue = found.queue;
    assert_eq!((queue.sent, queue.unsent, queue.messages), (4, 1, 3));
    assert_eq!((found.undelivered, found.roster_items), (5, 2));
    assert_eq!(found.fast.unwrap().count, u32::MAX);
    assert_eq!(found.fast_reserve.unwrap().count, 3);
    assert_eq!((found.servers.len(), found.caps.len()), (1, 2));
    assert_eq!(found.endpoints.len(), 1);
    let printed = format!("{found:?}");
    for secret in [
        "planted-token",
        "planted-sm-id",
        "planted outbound",
        "planted inbound",
        "planted copy",
        "planted result",
        "planted option",
        "older",
    ] {
        assert!(!printed.contains(secret), "{secret}");
    }
}

/// A log that was left by a kill is read and left for the owner.
#[test]
fn a_log_that_was_left_is_read_and_stays() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = clean(&folder.db(), &vault);
    reopen::fill(&mut store);
    store.enqueue(message("in the log")).unwrap();
    let left = content(&folder.0);
    drop(store);
    for (name, bytes) in &left {
        fs::write(folder.0.join(name), bytes).unwrap();
    }
    assert!(left.contains_key("account.db-wal"));
    let found = inspect(&folder.db(), ACCOUNT, &vault).unwrap();
    assert_eq!(found.queue.unsent, 2);
    assert!(found.has_log);
    assert!(content(&folder.0) == left, "looking changed something");
}

#[test]
fn i9_an_owner_is_left_in_peace() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = clean(&folder.db(), &vault);
    reopen::fill(&mut store);
    let refused = inspect(&folder.db(), ACCOUNT, &vault);
    assert_eq!(refused, Err(InspectError::OwnedElsewhere));
    store.enqueue(message("undisturbed")).unwrap();
}

#[test]
fn what_cannot_be_summarised_is_explained_and_not_set_aside() {
    let folder = Folder::new();
    let vault = filled(&folder);
    let whole = fs::read(folder.db()).unwrap();
    let newer = folder.0.join("newer.db");
    fs::write(&newer, &whole).unwrap();
    let conn = Connection::open(&newer).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    conn.close().unwrap();
    let mut bad_page = whole.clone();
    bad_page[2 * 4096..3 * 4096].fill(0xff);
    fs::write(folder.0.join("page.db"), &bad_page).unwrap();
    fs::write(folder.0.join("cut.db"), &whole[..whole.len() - 4096]).unwrap();
    fs::write(folder.0.join("garbage.db"), b"no database".repeat(100)).unwrap();
    let table = [
        ("newer.db", InspectError::Newer { version: 99 }),
        ("page.db", InspectError::Damaged),
        ("cut.db", InspectError::Damaged),
        ("garbage.db", InspectError::Damaged),
        ("missing.db", InspectError::NotThere),
    ];
    let before = content(&folder.0);
    for (file, expected) in table {
        let refused = inspect(&folder.0.join(file), ACCOUNT, &vault);
        assert_eq!(refused, Err(expected), "{file}");
    }
    let no_key = inspect(&folder.db(), ACCOUNT, &MemoryVault::default());
    assert_eq!(no_key, Err(InspectError::NoKey));
    let locked = inspect(&folder.db(), ACCOUNT, &Locked);
    assert_eq!(locked, Err(InspectError::Vault(VaultError::Locked)));
    // A key, but another one.
    let other = MemoryVault::default();
    drop(clean(&folder.0.join("other.db"), &other));
    fs::remove_file(folder.0.join("other.db")).unwrap();
    fs::remove_file(folder.0.join("other.db.lock")).unwrap();
    let found = inspect(&folder.db(), ACCOUNT, &other).unwrap();
    let troubles = found.report.troubles;
    assert!(
        troubles
            .iter()
            .any(|one| matches!(one, OpenIssue::SealBroken { .. } | OpenIssue::FromBackup))
    );
    assert!(content(&folder.0) == before, "looking changed something");
}

struct Locked;

impl KeyVault for Locked {
    fn get(&self, _: &str) -> Result<Option<Secret<Vec<u8>>>, VaultError> {
        Err(VaultError::Locked)
    }

    fn put(&mut self, _: &str, _: &Secret<Vec<u8>>) -> Result<(), VaultError> {
        Err(VaultError::Locked)
    }
}
