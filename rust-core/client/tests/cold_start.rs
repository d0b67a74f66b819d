//! A new process with the store of the one before does what a warm one does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use snapback_client::{
    Client, ClientConfig, FileVault, Outcome, ServerAddress, SqliteStore, Transport, Trust, danger,
};
use snapback_reference_server::Switches;
use support::{LinkDial, Setup};

const RTT: Duration = Duration::from_millis(5);

fn store(folder: &Path) -> SqliteStore {
    let vault = FileVault::new(folder.join("keys")).unwrap();
    let (store, report) =
        SqliteStore::open(folder.join("juliet.db"), "juliet@localhost", vault).unwrap();
    assert!(report.is_clean(), "{report:?}");
    store
}

/// A folder of the test's own, gone when it ends.
struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is for the system to clean.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn a_new_process_resumes_in_three_round_trips_and_sends_what_waited() {
    let folder =
        Folder(std::env::temp_dir().join(format!("snapback-cold-start-{}", std::process::id())));
    let mut setup = Setup::with(Switches::modern(), Transport::DirectTls, RTT, |config| {
        config.store = Box::new(store(&folder.0));
    })
    .await;
    setup.client.connect();
    assert_eq!(setup.online().await.outcome, Outcome::Bound);
    setup.settle().await;
    setup.cut();
    setup.client.suspend().await;

    let mut config = ClientConfig::new("juliet@localhost", "r0m30").unwrap();
    config.trust = Trust::Roots(danger::Roots::from_pem(setup.server.ca_pem().as_bytes()).unwrap());
    config.network.servers = vec![ServerAddress::at(setup.link.addr(), Transport::DirectTls)];
    config.network.dial = Arc::new(LinkDial(Arc::clone(&setup.link)));
    config.store = Box::new(store(&folder.0));
    setup.client = Client::open(config).unwrap();
    let waiting = setup
        .client
        .send_message("romeo@localhost", "from the new process")
        .await
        .unwrap();
    setup.client.connect();
    let session = setup.online().await;
    assert_eq!(session.outcome, Outcome::Resumed);
    assert_eq!(session.timeline.round_trips(), 3, "{}", session.plan);
    setup.settle().await;
    let sent = setup.server.messages_from("juliet");
    let times = sent
        .iter()
        .filter(|message| message.id.as_deref() == Some(&waiting))
        .count();
    assert_eq!(times, 1);
}
