//! A file of every released schema, and the vault that belongs to it: upgrades are tested with them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::testing::reopen;
use crate::{FileVault, MemoryVault, OpenReport, SqliteStore, Store};

use super::super::migrations::NEWEST;
use super::flips::Truth;
use super::{ACCOUNT, Folder, clean, server};

fn fixture(version: i64) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/schema-{version}"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            continue;
        }
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn files_of_every_schema_are_read() {
    let expected = Folder::new();
    let mut store = clean(&expected.db(), &MemoryVault::default());
    reopen::fill(&mut store);
    let expected = Truth::print(&mut store);
    for version in 1..=NEWEST {
        let folder = Folder::new();
        copy(&fixture(version), &folder.0);
        copy(&fixture(version).join("vault"), &folder.0.join("vault"));
        let vault = FileVault::new(folder.0.join("vault")).unwrap();
        let (mut store, report) = SqliteStore::open(folder.db(), ACCOUNT, vault).unwrap();
        assert_eq!(report, OpenReport::default(), "schema {version}");
        if version < 2 {
            reopen::fill_schema_2(&mut store);
        }
        if version < 3 {
            reopen::fill_schema_3(&mut store);
        }
        if version < 4 {
            reopen::fill_schema_4(&mut store);
        }
        if version < 5 {
            reopen::fill_schema_5(&mut store);
        }
        if version < 6 {
            reopen::fill_schema_6(&mut store);
        }
        if version < 7 {
            reopen::fill_schema_7(&mut store);
        }
        if version < 8 {
            reopen::fill_schema_8(&mut store);
        }
        if version < 9 {
            reopen::fill_schema_9(&mut store);
        }
        if version < 10 {
            reopen::fill_schema_10(&mut store);
        }
        if version < 11 {
            let trust = store.load(&server()).unwrap().key_trust;
            assert!(trust.proven_by_authority, "schema {version}");
            reopen::fill_schema_11(&mut store);
        }
        if version < 12 {
            reopen::fill_schema_12(&mut store);
        }
        if version < 13 {
            reopen::fill_schema_13(&mut store);
        }
        assert_eq!(Truth::print(&mut store), expected, "schema {version}");
        let version: i64 = (store.opened.as_ref().unwrap().connection())
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap();
        assert_eq!(version, NEWEST);
    }
}

/// Run once for a new schema, before it is released: `REGENERATE=1 cargo test -p snapback-store make_fixture`.
#[test]
fn make_fixture() {
    if std::env::var_os("REGENERATE").is_none() {
        return;
    }
    let folder = fixture(NEWEST);
    fs::create_dir_all(&folder).unwrap();
    let vault = FileVault::new(folder.join("vault")).unwrap();
    let (mut store, _) = SqliteStore::open(folder.join("account.db"), ACCOUNT, vault).unwrap();
    reopen::fill(&mut store);
    store.close().unwrap();
    fs::remove_file(folder.join("account.db.lock")).unwrap();
}
