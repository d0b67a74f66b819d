//! Every byte of a file at rest, flipped: no panic, no wrong stanza, and every loss is told.
//!
//! A normal run takes a sample; `SNAPBACK_FLIP_ALL=1` takes them all.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::testing::reopen;
use crate::{MemoryVault, SqliteStore, Store};

use super::super::open::beside;
use super::{ACCOUNT, Folder, clean, message, open, server};

/// Everything that may come out of a damaged file, if anything does.
pub(super) struct Truth {
    stanzas: BTreeSet<String>,
    deliveries: BTreeSet<String>,
    everything: String,
}

impl Truth {
    fn of(store: &mut SqliteStore) -> Self {
        let knowledge = store.load(&server()).unwrap();
        let stanzas = knowledge.queue.iter().map(|row| {
            let (seq, id, kind, xml) = (row.seq, &row.id, row.kind, &row.xml);
            format!("{seq} {id} {kind:?} {xml}")
        });
        Self {
            stanzas: stanzas.collect(),
            deliveries: (store.undelivered().unwrap().iter())
                .map(|delivery| format!("{delivery:?}"))
                .collect(),
            everything: Self::print(store),
        }
    }

    pub(super) fn print(store: &mut SqliteStore) -> String {
        let knowledge = store.load(&server()).unwrap();
        let token = knowledge
            .fast
            .as_ref()
            .map(|fast| fast.token.expose().clone());
        format!(
            "{knowledge:?} {token:?} {:?} {:?} {:?} {:?}",
            store.undelivered().unwrap(),
            store.roster().unwrap(),
            store.installation().unwrap(),
            store.endpoints("example.org").unwrap(),
        )
    }
}

/// Opens what was flipped. `silent_rollback`: a log ends where its checksum fails, and nobody can tell that from a log
/// that was cut off by a loss of power.
fn assert_survives(
    path: &Path,
    vault: &MemoryVault,
    truth: &Truth,
    silent_rollback: bool,
    at: usize,
) {
    let (mut store, report) = SqliteStore::open(path, ACCOUNT, vault.clone()).unwrap();
    let found = Truth::of(&mut store);
    assert!(found.stanzas.is_subset(&truth.stanzas), "byte {at}");
    assert!(found.deliveries.is_subset(&truth.deliveries), "byte {at}");
    if report.is_clean() && !silent_rollback {
        assert_eq!(found.everything, truth.everything, "byte {at}");
    }
    // It works afterwards, and has nothing to complain about the second time.
    store.enqueue(message("afterwards")).unwrap();
    store.close().unwrap();
    let (mut store, report) = open(path, vault);
    assert!(report.is_clean(), "byte {at}: {report:?}");
    assert!(store.queue_len().unwrap() >= 1);
}

fn flip_all(folder: &Folder, vault: &MemoryVault, truth: &Truth, part: &str, stride: usize) {
    let parts: Vec<(&str, Vec<u8>)> = ["", "-wal"]
        .into_iter()
        .filter_map(|part| Some((part, fs::read(beside(&folder.db(), part)).ok()?)))
        .collect();
    let (_, flipped) = parts.iter().find(|(name, _)| *name == part).unwrap();
    let all = std::env::var_os("SNAPBACK_FLIP_ALL").is_some();
    // Most of a page is empty; what is not lies at both ends of it.
    let interesting = |at: &usize| all || flipped[*at] != 0 || at % 4096 < 128;
    let stride = if all { 1 } else { stride };
    let spots = (0..flipped.len()).filter(interesting).step_by(stride);
    let path = folder.0.join("flipped.db");
    for at in spots {
        let mask = 1 << (at % 8);
        for suffix in ["", "-wal", "-shm", "-journal", ".damaged", ".newer"] {
            let _ = fs::remove_file(beside(&path, suffix));
        }
        for (name, bytes) in &parts {
            let mut bytes = bytes.clone();
            if *name == part {
                bytes[at] ^= mask;
            }
            fs::write(beside(&path, name), bytes).unwrap();
        }
        let silent = part == "-wal";
        assert_survives(&path, &vault.snapshot(), truth, silent, at);
    }
}

#[test]
fn t12_a_flipped_byte_is_no_wrong_stanza() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = clean(&folder.db(), &vault);
    reopen::fill(&mut store);
    let truth = Truth::of(&mut store);
    store.close().unwrap();
    flip_all(&folder, &vault, &truth, "", 83);
}

#[test]
fn t12_a_flipped_byte_in_the_log_is_no_wrong_stanza() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = clean(&folder.db(), &vault);
    reopen::fill(&mut store);
    store.close().unwrap();
    store.reopen().unwrap();
    for id in ["x", "y"] {
        store.enqueue(message(id)).unwrap();
    }
    let truth = Truth::of(&mut store);
    flip_all(&folder, &vault, &truth, "-wal", 97);
}
