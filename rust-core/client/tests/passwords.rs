//! The password changes: before the client is opened, while it is offline because of it, and during an attempt.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::time::Duration;

use snapback_client::{
    Client, ClientConfig, ConnectionState, Event, MemoryStore, OfflineReason, ServerAddress, Store,
    Transport, Trust, danger,
};
use snapback_reference_server::{ReferenceServer, Switches};
use support::course::PASSWORD;
use support::disk::{self, ACCOUNT, Folder};
use support::{Setup, TIMEOUT};

const RTT: Duration = Duration::from_millis(5);
const NEW: &str = "wherefore";

/// SCRAM only: with a token the password would not be used.
fn switches() -> Switches {
    Switches {
        tls_versions: Switches::modern().tls_versions,
        ..Switches::stock_prosody()
    }
}

/// The next process.
fn open(server: &ReferenceServer, password: Option<&str>, store: impl Store + 'static) -> Client {
    let mut config = match password {
        Some(password) => ClientConfig::new(ACCOUNT, password).unwrap(),
        None => ClientConfig::without_password(ACCOUNT).unwrap(),
    };
    let roots = danger::Roots::from_pem(server.ca_pem().as_bytes()).unwrap();
    config.trust = Trust::Roots(roots);
    config.network.servers = vec![ServerAddress::at(
        server.direct_addr(),
        Transport::DirectTls,
    )];
    config.store = Box::new(store);
    let client = Client::open(config).unwrap();
    client.connect();
    client
}

/// Waits until the client is online, or has given up; returns the reason then.
async fn outcome(client: &Client) -> Option<OfflineReason> {
    let mut states = client.states();
    let wait = async {
        loop {
            let state = *states.borrow_and_update();
            match state {
                ConnectionState::Online { .. } => return None,
                ConnectionState::Offline {
                    reason,
                    retry_at: None,
                } if reason != OfflineReason::NotWanted => return Some(reason),
                _ => states.changed().await.unwrap(),
            }
        }
    };
    tokio::time::timeout(TIMEOUT, wait).await.unwrap()
}

async fn end(client: Client) {
    client.disconnect().await;
    client.suspend().await;
}

fn change(server: &ReferenceServer) {
    server.add_account("juliet", NEW);
}

#[tokio::test]
async fn w12_a_client_that_is_opened_with_another_password_uses_it() {
    let server = disk::server(switches()).await;
    let folder = Folder::new();
    let old = open(&server, Some(PASSWORD), folder.store());
    assert_eq!(outcome(&old).await, None);
    end(old).await;
    // The wrong one is refused, although valid keys are stored.
    let wrong = open(&server, Some(NEW), folder.store());
    assert_eq!(outcome(&wrong).await, Some(OfflineReason::NeedsCredentials));
    end(wrong).await;
    change(&server);
    let outdated = open(&server, Some(PASSWORD), folder.store());
    assert_eq!(
        outcome(&outdated).await,
        Some(OfflineReason::NeedsCredentials)
    );
    end(outdated).await;
    let new = open(&server, Some(NEW), folder.store());
    assert_eq!(outcome(&new).await, None);
    end(new).await;
    // The stored keys are now those of this password.
    let keys_only = open(&server, None, folder.store());
    assert_eq!(outcome(&keys_only).await, None);
    end(keys_only).await;
}

#[tokio::test]
async fn w12_keys_without_a_password_do_not_outlive_it() {
    let server = disk::server(switches()).await;
    let folder = Folder::new();
    let first = open(&server, Some(PASSWORD), folder.store());
    assert_eq!(outcome(&first).await, None);
    end(first).await;
    change(&server);
    let keys_only = open(&server, None, folder.store());
    assert_eq!(
        outcome(&keys_only).await,
        Some(OfflineReason::NeedsCredentials)
    );
    // Another password is set.
    keys_only.set_password(NEW);
    let mut states = keys_only.states();
    let is_online = |state: &ConnectionState| matches!(state, ConnectionState::Online { .. });
    let online = tokio::time::timeout(TIMEOUT, states.wait_for(is_online)).await;
    assert!(online.unwrap().is_ok());
    end(keys_only).await;
}

/// After a refusal another password is set: the client continues by itself.
#[tokio::test]
async fn w12_a_password_that_is_set_ends_the_wait_for_it() {
    let server = disk::server(switches()).await;
    for password in [Some(NEW), None] {
        let client = open(&server, password, MemoryStore::default());
        assert_eq!(
            outcome(&client).await,
            Some(OfflineReason::NeedsCredentials)
        );
        client.set_password(PASSWORD);
        let online = async {
            while let Some(event) = client.next_event().await {
                if matches!(event, Event::Online { .. }) {
                    return;
                }
            }
            panic!("the client ended");
        };
        tokio::time::timeout(TIMEOUT, online).await.unwrap();
        end(client).await;
    }
}

/// An existing session stays; the next login uses the new one.
#[tokio::test]
async fn w12_a_password_that_is_set_while_online_is_used_by_the_next_login() {
    let setup = Setup::new(switches(), Transport::StartTls, RTT).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    change(&setup.server);
    setup.client.set_password(NEW);
    setup.settle().await;
    setup.client.disconnect().await;
    setup.client.connect();
    setup.online().await;
}

/// The old password is refused while the new one is set: the refusal does not concern the new one.
#[tokio::test]
async fn w12_a_password_that_is_set_during_an_attempt_is_tried_next() {
    let setup = Setup::new(switches(), Transport::StartTls, Duration::from_millis(200)).await;
    change(&setup.server);
    setup.client.connect();
    let mut states = setup.client.states();
    let logging_in = |state: &ConnectionState| matches!(state, ConnectionState::Connecting { step, .. } if *step == snapback_client::AttemptPhase::Login);
    tokio::time::timeout(TIMEOUT, states.wait_for(logging_in))
        .await
        .unwrap()
        .unwrap();
    setup.client.set_password(NEW);
    setup.online().await;
}

/// The server prepared the password with SASLprep when it was set, which makes three full stops of an ellipsis.
#[tokio::test]
async fn w7_a_password_that_the_server_prepared_with_sasl_prep() {
    let setup = Setup::with(switches(), Transport::DirectTls, RTT, |_| {}).await;
    setup.server.add_account("julia", "wait...");
    let open = |password: &str| {
        let mut config = ClientConfig::new("julia@localhost", password).unwrap();
        let roots = danger::Roots::from_pem(setup.server.ca_pem().as_bytes()).unwrap();
        config.trust = Trust::Roots(roots);
        let address = ServerAddress::at(setup.server.direct_addr(), Transport::DirectTls);
        config.network.servers = vec![address];
        let client = Client::open(config).unwrap();
        client.connect();
        client
    };
    let client = open("wait\u{2026}");
    assert_eq!(outcome(&client).await, None);
    client.disconnect().await;
    let before = setup.server.connections().len();
    let client = open("later\u{2026}");
    let refused = Some(OfflineReason::NeedsCredentials);
    assert_eq!(outcome(&client).await, refused);
    assert_eq!(
        setup.server.connections().len(),
        before + 1,
        "both tries on one stream"
    );
}
