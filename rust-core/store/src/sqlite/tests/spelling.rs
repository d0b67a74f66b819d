//! W3: one account, whatever its spelling by the app.

use crate::testing::reopen;
use crate::{MemoryVault, OpenReport, SqliteStore, Store};

use super::super::epoch::vault_name;
use super::Folder;

#[test]
fn w3_an_account_has_one_store_however_it_is_spelled() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    for (account, items) in [("Juliet@EXAMPLE.org", 0), ("juliet@example.org", 2)] {
        let (mut store, report) = SqliteStore::open(folder.db(), account, vault.clone()).unwrap();
        assert_eq!(report, OpenReport::default(), "{account}");
        assert_eq!(store.roster().unwrap().items.len(), items, "{account}");
        if items == 0 {
            reopen::fill(&mut store);
        }
        store.close().unwrap();
    }
}

/// Earlier versions kept a key under the name as the app spelled it.
#[test]
fn w3_a_store_that_was_begun_under_another_spelling_goes_on() {
    use crate::KeyVault;
    let folder = Folder::new();
    let mut vault = MemoryVault::default();
    let account = "Juliet@EXAMPLE.org";
    let key = snapback_proto::secret::Secret::new(vec![7; 32]);
    vault.put(&vault_name(account, "key"), &key).unwrap();
    for items in [0, 2] {
        let (mut store, report) = SqliteStore::open(folder.db(), account, vault.clone()).unwrap();
        assert_eq!(report, OpenReport::default());
        assert_eq!(store.roster().unwrap().items.len(), items);
        if items == 0 {
            reopen::fill(&mut store);
        }
        store.close().unwrap();
    }
    let prepared = vault_name("juliet@example.org", "key");
    assert!(vault.get(&prepared).unwrap().is_none());
}
