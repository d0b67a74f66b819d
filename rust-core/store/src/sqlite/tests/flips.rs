//! Every byte of a file at rest, flipped: no panic, no wrong stanza, and every loss is reported.
//!
//! A normal run takes a sample of every page, another one each day; it prints its seed, and `SNAPBACK_FLIP_SEED`
//! repeats it. `SNAPBACK_FLIP_ALL=1` takes every byte.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::testing::reopen;
use crate::{MemoryVault, SqliteStore, Store};

use super::super::open::beside;
use super::{ACCOUNT, Folder, clean, message, open, server};

/// Everything that may be read from a damaged file.
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
            format!("{seq} {id} {kind:?} {:?} {xml}", row.head)
        });
        Self {
            stanzas: stanzas.collect(),
            deliveries: deliveries(store).into_iter().collect(),
            everything: Self::print(store),
        }
    }

    pub(super) fn print(store: &mut SqliteStore) -> String {
        let knowledge = store.load(&server()).unwrap();
        let token = knowledge
            .fast
            .as_ref()
            .map(|fast| fast.token.expose().clone());
        let queue: Vec<&String> = knowledge.queue.iter().map(|row| &row.xml).collect();
        let session = knowledge.sm.as_ref().map(|session| &session.id);
        format!(
            "{knowledge:?} {queue:?} {session:?} {token:?} {:?} {:?} {:?} {:?}",
            deliveries(store),
            store.roster().unwrap(),
            store.installation().unwrap(),
            store.endpoints("example.org").unwrap(),
        )
    }
}

/// Returns the deliveries with their bodies, which do not print by themselves.
fn deliveries(store: &mut SqliteStore) -> Vec<String> {
    let all = store.undelivered().unwrap().into_iter();
    all.map(|delivery| {
        let (id, head, carbon) = (delivery.id, delivery.head, delivery.carbon);
        format!("{id} {head:?} {carbon:?} {}", delivery.stanza.to_xml())
    })
    .collect()
}

/// Opens the flipped file. `silent_rollback`: a log ends where its checksum fails, which cannot be distinguished from a
/// log that was cut off by a loss of power.
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
    // The store works afterwards, and the second opening reports nothing.
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
    // Most of a page is empty; its data is at both ends.
    let interesting = |at: &usize| all || flipped[*at] != 0 || at % 4096 < 128;
    let stride = if all { 1 } else { stride };
    let seed = seed();
    println!("SNAPBACK_FLIP_SEED={seed}");
    let spots = (0..flipped.len()).filter(interesting);
    let spots = spots.skip(seed % stride).step_by(stride);
    let mut pages = BTreeSet::new();
    let path = folder.0.join("flipped.db");
    for at in spots {
        pages.insert(at / 4096);
        let mask = 1 << ((at + seed) % 8);
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
        if all || at % 8 == 0 {
            assert_hidden(folder, at);
        }
    }
    assert_eq!(pages.len(), flipped.len().div_ceil(4096), "every page");
}

/// Returns the days since 1970, unless a seed is set.
fn seed() -> usize {
    let given = std::env::var("SNAPBACK_FLIP_SEED");
    given.map_or_else(
        |_| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            (since.unwrap().as_secs() / (24 * 3600)) as usize
        },
        |seed| seed.parse().unwrap(),
    )
}

/// T9: neither the file nor what was set aside or quarantined shows a secret.
fn assert_hidden(folder: &Folder, at: usize) {
    for name in folder.names() {
        let path = folder.0.join(&name);
        if !name.starts_with("flipped") || !path.is_file() {
            continue;
        }
        let bytes = fs::read(path).unwrap();
        // Tokens, SM-IDs and bodies of the test data begin like this.
        let planted = bytes.windows(8);
        let planted = planted.filter(|window| *window == b"planted-" || *window == b"planted ");
        assert_eq!(planted.count(), 0, "byte {at}: a secret in {name}");
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
