//! Files from a backup, and vaults that have lost their key.

use std::path::{Path, PathBuf};

use snapback_proto::knowledge::Op;

use crate::testing::reopen;
use crate::{DataLoss, MemoryVault, OpenIssue, OpenReport, SqliteStore, Store};

use super::super::open::beside;
use super::{Folder, clean, filled, message, open, server};

/// Copies the file as a backup would while the store may be open.
fn back_up(path: &Path) -> PathBuf {
    let copy = beside(path, ".backup");
    for suffix in ["", "-wal"] {
        let (from, to) = (beside(path, suffix), beside(&copy, suffix));
        let _ = std::fs::remove_file(&to);
        if from.exists() {
            std::fs::copy(from, to).unwrap();
        }
    }
    copy
}

fn restore(path: &Path) {
    let copy = beside(path, ".backup");
    for suffix in ["", "-wal"] {
        let _ = std::fs::remove_file(beside(path, suffix));
        if beside(&copy, suffix).exists() {
            std::fs::copy(beside(&copy, suffix), beside(path, suffix)).unwrap();
        }
    }
}

fn assert_past_is_forgotten(store: &mut SqliteStore, report: &OpenReport) {
    assert_eq!(report.troubles, [OpenIssue::FromBackup]);
    let lost = [
        DataLoss::Session,
        DataLoss::Outbound,
        DataLoss::Deliveries,
        DataLoss::FastTokens,
        DataLoss::TrustedKeys,
        DataLoss::PushRegistration,
    ];
    assert_eq!(report.unknown, lost);
    let knowledge = store.load(&server()).unwrap();
    assert!(knowledge.sm.is_none() && knowledge.fast.is_none());
    assert!(knowledge.queue.is_empty());
    assert!(store.undelivered().unwrap().is_empty());
    // T13: the user may have ended the trust since. What makes logins stricter is kept.
    let trust = &knowledge.key_trust;
    assert!(trust.pins.trusted().is_empty() && !trust.pins.required().is_empty());
    assert!(trust.proven_by_authority);
    // What cannot be repeated is kept.
    assert!(knowledge.scram_keys.is_some() && knowledge.floor.is_some());
    assert!(knowledge.server.secured.is_some());
    assert_eq!(store.roster().unwrap().items.len(), 2);
}

#[test]
fn t12_a_backup_of_a_closed_file_is_not_replayed() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = filled(&folder, &vault);
    store.close().unwrap();
    back_up(&folder.db());
    store.reopen().unwrap();
    store.apply(&server(), &[Op::CountInbound(6)]).unwrap();
    drop(store);
    restore(&folder.db());
    let (mut store, report) = open(&folder.db(), &vault);
    assert_past_is_forgotten(&mut store, &report);
    store.enqueue(message("a")).unwrap();
    drop(store);
    assert_eq!(clean(&folder.db(), &vault).queue_len(), Ok(1));
}

#[test]
fn t12_a_backup_of_an_open_file_is_not_replayed_once_it_was_closed() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = filled(&folder, &vault);
    back_up(&folder.db());
    store.apply(&server(), &[Op::CountInbound(6)]).unwrap();
    store.close().unwrap();
    restore(&folder.db());
    let (mut store, report) = open(&folder.db(), &vault);
    assert_past_is_forgotten(&mut store, &report);
}

#[test]
fn a_restored_file_that_was_not_changed_since_is_not_old() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = filled(&folder, &vault);
    store.close().unwrap();
    back_up(&folder.db());
    store.reopen().unwrap();
    store.load(&server()).unwrap();
    store.close().unwrap();
    restore(&folder.db());
    assert_eq!(clean(&folder.db(), &vault).queue_len(), Ok(5));
}

/// Between the write of the file and that of the vault there is a moment; the file of either state is this store's own.
#[test]
fn t12_a_kill_between_file_and_vault_is_no_backup() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = filled(&folder, &vault);
    store.close().unwrap();
    let before = vault.snapshot();
    store.reopen().unwrap();
    store.enqueue(message("a")).unwrap();
    drop(store);
    assert_eq!(clean(&folder.db(), &before).queue_len(), Ok(6));
    assert_eq!(clean(&folder.db(), &vault).queue_len(), Ok(6));
}

#[test]
fn a_lost_key_loses_everything_and_does_not_crash() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let store = filled(&folder, &vault);
    drop(store);
    vault.clear();
    let (mut store, report) = open(&folder.db(), &vault);
    assert_eq!(report.troubles, [OpenIssue::KeyLost]);
    assert_eq!(report.unknown, [DataLoss::Everything]);
    assert!(report.may_have_lost_stanzas());
    let knowledge = store.load(&server()).unwrap();
    assert!(knowledge.sm.is_none() && knowledge.fast.is_none() && knowledge.queue.is_empty());
    reopen::fill(&mut store);
    drop(store);
    assert_eq!(clean(&folder.db(), &vault).queue_len(), Ok(5));
}
