//! What survives a kill: the committed state, in memory or in files.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use snapback_store::{MemoryStore, MemoryVault, SqliteStore, Store};

const ACCOUNT: &str = "juliet@localhost";

/// A device's storage.
#[derive(Debug)]
pub(crate) enum Disk {
    Memory(Box<MemoryStore>),
    Files(Box<Files>),
}

impl Disk {
    pub(crate) fn memory(queue_limit: usize) -> Self {
        Self::Memory(Box::new(MemoryStore::with_queue_limit(queue_limit)))
    }

    pub(crate) fn files(queue_limit: usize) -> Self {
        Self::Files(Box::new(Files::new(queue_limit)))
    }

    pub(crate) fn store(&mut self) -> &mut dyn Store {
        match self {
            Self::Memory(store) => store.as_mut(),
            Self::Files(files) => &mut files.store,
        }
    }

    /// The process dies: the next one finds what was committed. In memory there is nothing else.
    pub(crate) fn kill(&mut self) {
        if let Self::Files(files) = self {
            files.kill();
        }
    }
}

/// SQLite files in a folder that is removed with them.
#[derive(Debug)]
pub(crate) struct Files {
    store: SqliteStore,
    vault: MemoryVault,
    folder: Folder,
    generation: u32,
    queue_limit: usize,
}

impl Files {
    fn new(queue_limit: usize) -> Self {
        let folder = Folder::new();
        let vault = MemoryVault::default();
        let store = open(&folder.generation(0), &vault, queue_limit);
        Self {
            store,
            vault,
            folder,
            generation: 0,
            queue_limit,
        }
    }

    /// Keeps the files as the kill found them, log included; a killed process does not close the store in order, as a
    /// drop would.
    fn kill(&mut self) {
        let old = self.folder.generation(self.generation);
        self.generation += 1;
        let new = self.folder.generation(self.generation);
        for name in ["account.db", "account.db-wal"] {
            if old.join(name).exists() {
                std::fs::copy(old.join(name), new.join(name)).expect("the file can be copied");
            }
        }
        self.store = open(&new, &self.vault, self.queue_limit);
        let _ = std::fs::remove_dir_all(old);
    }
}

fn open(folder: &Path, vault: &MemoryVault, queue_limit: usize) -> SqliteStore {
    let opened = SqliteStore::open(folder.join("account.db"), ACCOUNT, vault.clone());
    let (store, report) = opened.expect("the store can be opened");
    assert!(
        report.troubles.is_empty(),
        "a kill damaged the store: {report:?}"
    );
    store.with_queue_limit(queue_limit)
}

#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("snapback-simulation-{}-{number}", std::process::id());
        // A file system in memory, where there is one: the death of a process is simulated, not a loss of power.
        let shared = Path::new("/dev/shm");
        let base = if shared.is_dir() {
            shared.to_owned()
        } else {
            std::env::temp_dir()
        };
        Self(base.join(name))
    }

    fn generation(&self, number: u32) -> PathBuf {
        let path = self.0.join(number.to_string());
        std::fs::create_dir_all(&path).expect("the folder can be made");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
