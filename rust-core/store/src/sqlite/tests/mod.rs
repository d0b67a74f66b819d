//! Tests that concern only a store with a file.

mod backup;
mod damage;
mod durability;
mod fixtures;
mod flips;
mod growth;
mod heads;
mod inspect;
mod remnants;
mod spelling;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use snapback_proto::knowledge::{Op, OutboundKind};
use snapback_proto::plan::Transport;
use snapback_proto::time::UnixTime;
use snapback_proto::xml::Element;

use crate::testing::{conformance, reopen};
use crate::{
    FileVault, KeyVault, MemoryVault, NewStanza, OpenReport, ServerKey, SqliteStore, Store,
    StoreError, VaultError,
};

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("snapback-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn db(&self) -> PathBuf {
        self.0.join("account.db")
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const ACCOUNT: &str = "juliet@example.org";

fn open(path: &Path, vault: &MemoryVault) -> (SqliteStore, OpenReport) {
    SqliteStore::open(path, ACCOUNT, vault.clone()).unwrap()
}

fn clean(path: &Path, vault: &MemoryVault) -> SqliteStore {
    let (store, report) = open(path, vault);
    assert_eq!(report, OpenReport::default());
    store
}

/// Returns a store with something in every table.
fn filled(folder: &Folder, vault: &MemoryVault) -> SqliteStore {
    let mut store = clean(&folder.db(), vault);
    reopen::fill(&mut store);
    store
}

fn server() -> ServerKey {
    ServerKey {
        host: "xmpp.example.org".to_owned(),
        port: 5222,
        transport: Transport::StartTls,
    }
}

fn message(id: &str) -> NewStanza {
    let body = Element::new("body", "jabber:client").with_text(format!("text {id}"));
    let message = Element::new("message", "jabber:client")
        .with_attr("id", id)
        .with_attr("to", "romeo@example.net")
        .with_child(body);
    let queued_at = UnixTime(1_700_000_000);
    NewStanza::new(OutboundKind::Message, message.into(), queued_at)
}

#[test]
fn conforms() {
    let folder = Folder::new();
    let next = AtomicU64::new(0);
    conformance::run(|| {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let path = folder.0.join(format!("{number}.db"));
        clean(&path, &MemoryVault::default()).with_queue_limit(50)
    });
}

#[test]
fn a_closed_store_holds_no_lock_and_refuses_calls() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = clean(&folder.db(), &vault);
    reopen::fill(&mut store);
    assert!(folder.names().contains(&"account.db-wal".to_owned()));
    store.close().unwrap();
    store.close().unwrap();
    assert_eq!(folder.names(), ["account.db", "account.db.lock"]);
    assert_eq!(store.load(&server()).err(), Some(StoreError::Closed));
    assert_eq!(store.enqueue(message("a")), Err(StoreError::Closed));
    assert_eq!(store.queue_len(), Err(StoreError::Closed));
    // Another owner can open it.
    let other = clean(&folder.db(), &vault);
    assert_eq!(store.reopen(), Err(StoreError::OwnedElsewhere));
    drop(other);
    assert_eq!(store.reopen(), Ok(OpenReport::default()));
    assert_eq!(store.queue_len(), Ok(5));
}

#[test]
fn i9_one_owner_at_a_time() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let store = clean(&folder.db(), &vault);
    let second = SqliteStore::open(folder.db(), ACCOUNT, vault.clone());
    assert_eq!(second.err(), Some(StoreError::OwnedElsewhere));
    assert!(StoreError::OwnedElsewhere.is_retryable());
    drop(store);
    clean(&folder.db(), &vault);
}

#[test]
fn t9_t12_no_secret_is_written_in_the_clear() {
    let folder = Folder::new();
    let mut store = clean(&folder.db(), &MemoryVault::default());
    reopen::fill(&mut store);
    let secrets: [&[u8]; 6] = [
        b"planted-token",
        b"planted-sm-id",
        b"planted outbound body",
        b"planted inbound body",
        &[0x5a; 16],
        &[0xa5; 16],
    ];
    let assert_hidden = |names: &[&str]| {
        for name in names {
            let bytes = std::fs::read(folder.0.join(name)).unwrap();
            for secret in secrets {
                let found = bytes.windows(secret.len()).any(|window| window == secret);
                assert!(!found, "{name} shows {:?}", String::from_utf8_lossy(secret));
            }
        }
    };
    assert_hidden(&["account.db", "account.db-wal"]);
    #[cfg(unix)]
    for name in ["account.db", "account.db-wal"] {
        use std::os::unix::fs::PermissionsExt;
        let metadata = std::fs::metadata(folder.0.join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
    assert!(!format!("{store:?}").contains("juliet"));
    store.close().unwrap();
    assert_hidden(&["account.db"]);
    // The scan does find plaintext.
    let bytes = std::fs::read(folder.db()).unwrap();
    let key = b"xmpp.example.org";
    assert!(bytes.windows(key.len()).any(|window| window == key));
}

#[test]
fn rows_of_another_account_do_not_open() {
    let folder = Folder::new();
    let vault = FileVault::new(folder.0.join("vault")).unwrap();
    let (mut store, _) = SqliteStore::open(folder.db(), "a@example.org", vault).unwrap();
    reopen::fill(&mut store);
    store.close().unwrap();
    let vault = FileVault::new(folder.0.join("vault")).unwrap();
    let (mut store, report) = SqliteStore::open(folder.db(), "b@example.org", vault).unwrap();
    assert!(!report.is_clean());
    assert!(store.load(&server()).unwrap().fast.is_none());
}

#[test]
fn the_file_vault_keeps_secrets_to_its_owner() {
    let folder = Folder::new();
    let path = folder.0.join("vault");
    let secret = |bytes: &[u8]| snapback_proto::secret::Secret::new(bytes.to_vec());
    let mut vault = FileVault::new(&path).unwrap();
    assert_eq!(vault.get("a/../b"), Ok(None));
    vault.put("a/../b", &secret(b"one")).unwrap();
    vault.put("a/../b", &secret(b"two")).unwrap();
    let vault = FileVault::new(&path).unwrap();
    assert_eq!(vault.get("a/../b"), Ok(Some(secret(b"two"))));
    let files: Vec<_> = std::fs::read_dir(&path).unwrap().collect();
    assert_eq!(files.len(), 1);
    #[cfg(unix)]
    for file in files {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

/// A locked phone: no data may be given up.
#[test]
fn a_locked_vault_costs_nothing() {
    struct Locked;
    impl KeyVault for Locked {
        fn get(
            &self,
            _: &str,
        ) -> Result<Option<snapback_proto::secret::Secret<Vec<u8>>>, VaultError> {
            Err(VaultError::Locked)
        }
        fn put(
            &mut self,
            _: &str,
            _: &snapback_proto::secret::Secret<Vec<u8>>,
        ) -> Result<(), VaultError> {
            Err(VaultError::Locked)
        }
    }
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = clean(&folder.db(), &vault);
    reopen::fill(&mut store);
    drop(store);
    let refused = SqliteStore::open(folder.db(), ACCOUNT, Locked).err();
    assert_eq!(refused, Some(StoreError::Vault(VaultError::Locked)));
    assert!(refused.is_some_and(StoreError::is_retryable));
    assert_eq!(clean(&folder.db(), &vault).queue_len(), Ok(5));
}

/// What is committed survives a kill: the file is copied as the system would find it.
#[test]
fn i13_a_kill_loses_nothing_that_was_committed() {
    let folder = Folder::new();
    let vault = MemoryVault::default();
    let mut store = clean(&folder.db(), &vault);
    reopen::fill(&mut store);
    for number in 0..20 {
        store.enqueue(message(&format!("k{number}"))).unwrap();
        let copy = folder.0.join(format!("{number}.db"));
        for suffix in ["", "-wal"] {
            let part = |path: &Path| super::open::beside(path, suffix);
            std::fs::copy(part(&folder.db()), part(&copy)).unwrap();
        }
        let mut killed = clean(&copy, &vault.snapshot());
        assert_eq!(killed.queue_len(), Ok(6 + number));
        assert_eq!(killed.load(&server()).unwrap().queue.len(), 6 + number);
        killed.apply(&server(), &[Op::SmDropped]).unwrap();
    }
}
