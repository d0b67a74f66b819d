//! A client whose store is on disk, which can be closed and opened again as by a new process.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use snapback_client::{
    Client, ClientConfig, Event, FileVault, OpenReport, Outcome, ServerAddress, SqliteStore, Store,
    StoreError, Transport, Trust, danger,
};
use snapback_reference_server::{Config, ReferenceServer, Switches};

use super::TIMEOUT;
use super::course::{Course, PASSWORD, follow, hasty};

pub const DOMAIN: &str = "example.org";
pub const ACCOUNT: &str = "juliet@example.org";

/// A folder of the test's own, removed when it ends.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("snapback-client-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn db(&self) -> PathBuf {
        self.0.join("account.db")
    }

    pub fn open(&self) -> Result<(SqliteStore, OpenReport), StoreError> {
        let vault = FileVault::new(self.0.join("keys")).unwrap();
        SqliteStore::open(self.db(), ACCOUNT, vault)
    }

    /// Opens the store as it was left.
    pub fn store(&self) -> SqliteStore {
        let (store, report) = self.open().unwrap();
        assert!(report.is_clean(), "{report:?}");
        store
    }
}

impl Folder {
    /// Ends the client, and leaves the files as a kill at this moment would.
    pub async fn kill(&self, client: Client) {
        let log = self.0.join("account.db-wal");
        let files = [self.db(), log];
        let left: Vec<_> = files.iter().map(|file| std::fs::read(file).ok()).collect();
        drop(client);
        // The driver notices a moment later.
        let lock = std::fs::File::open(self.0.join("account.db.lock")).unwrap();
        let wait = async {
            while lock.try_lock().is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(TIMEOUT, wait)
            .await
            .expect("the lease");
        for (file, bytes) in files.iter().zip(left) {
            match bytes {
                Some(bytes) => std::fs::write(file, bytes).unwrap(),
                None => drop(std::fs::remove_file(file)),
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left for the system.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts a server for `example.org`, with the accounts of Juliet and Romeo.
pub async fn server(switches: Switches) -> ReferenceServer {
    let accounts = ["juliet", "romeo"].map(|name| (name.to_owned(), PASSWORD.to_owned()));
    ReferenceServer::start(Config {
        domain: DOMAIN.to_owned(),
        switches,
        accounts: accounts.to_vec(),
        ..Config::default()
    })
    .await
    .unwrap()
}

/// Returns the configuration of Juliet's client, on direct TLS and without a link in between.
pub fn config(server: &ReferenceServer, store: impl Store + 'static) -> ClientConfig {
    let mut config = ClientConfig::new(ACCOUNT, PASSWORD).unwrap();
    config.trust = Trust::Roots(danger::Roots::from_pem(server.ca_pem().as_bytes()).unwrap());
    config.network.servers = vec![ServerAddress::at(
        server.direct_addr(),
        Transport::DirectTls,
    )];
    config.store = Box::new(store);
    hasty(&mut config);
    config
}

/// Follows the client until there is a session in which everything sent was acknowledged, so that all is stored.
pub async fn settled(client: &Client) -> Course {
    let mut course = Course::default();
    let online = |course: &Course| !course.online.is_empty();
    follow(client, &mut course, &mut { online }, "online").await;
    let id = client
        .send_message("romeo@example.org", "settle")
        .await
        .unwrap();
    let acked = |course: &Course| course.acked.contains(&id);
    follow(client, &mut course, &mut { acked }, "acked").await;
    course
}

/// Returns the outcome of the next session.
pub async fn outcome(client: &Client) -> Outcome {
    let wait = async {
        loop {
            match client.next_event().await {
                Some(Event::Online { outcome, .. }) => return outcome,
                Some(_) => {}
                None => panic!("the client ended"),
            }
        }
    };
    tokio::time::timeout(TIMEOUT, wait)
        .await
        .expect("a session")
}
