//! Errors of the store are reported with their type, and most of them are temporary.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use snapback_client::proto::knowledge::Op;
use snapback_client::store::{Conflict, MemoryVault, ServerKey};
use snapback_client::{
    Client, Delivery, Element, EndReason, KeyVault, MemoryStore, OfflineReason, Outcome, Secret,
    SendError, SqliteStore, Store, StoreError, Transport, VaultError,
};
use snapback_reference_server::{ReferenceServer, Switches};
use support::course::{Course, follow};
use support::disk::{self, ACCOUNT, Folder, settled};
use support::watched::{Seen, Watch};

async fn watched(server: &ReferenceServer) -> (Client, Arc<Mutex<Seen>>) {
    let (store, seen) = Watch::over(MemoryStore::new());
    let client = Client::open(disk::config(server, store)).unwrap();
    client.connect();
    settled(&client).await;
    (client, seen)
}

async fn send(client: &Client, body: &str) -> Result<String, SendError> {
    client.send_message("romeo@example.org", body).await
}

#[tokio::test]
async fn i13_what_the_store_refuses_is_reported_and_tried_again() {
    let passing = [
        StoreError::Full,
        StoreError::OwnedElsewhere,
        StoreError::NotYetUnlocked,
        StoreError::Vault(VaultError::Locked),
        StoreError::Broken,
        StoreError::Conflict(Conflict::DeliveryExists),
    ];
    let server = disk::server(Switches::modern()).await;
    for error in passing {
        let (client, seen) = watched(&server).await;
        seen.lock().unwrap().failing = Some(error);
        let refused = send(&client, "lost").await;
        assert_eq!(refused, Err(SendError::Store(error)));
        let mut course = Course::default();
        let ended = |course: &Course| !course.offline.is_empty();
        follow(&client, &mut course, &mut { ended }, "the end").await;
        assert_eq!(course.ends.first(), Some(&EndReason::Store(error)));
        assert_eq!(course.offline.first(), Some(&OfflineReason::Failed));

        seen.lock().unwrap().failing = None;
        let back = |course: &Course| !course.online.is_empty();
        follow(&client, &mut course, &mut { back }, "back").await;
        let id = send(&client, "kept").await.unwrap();
        let acked = |course: &Course| course.acked.contains(&id);
        follow(&client, &mut course, &mut { acked }, "acked").await;
        client.disconnect().await;
    }
    let bodies = server.messages_from("juliet").into_iter();
    let lost = bodies.filter(|message| message.body.as_deref() == Some("lost"));
    assert_eq!(lost.count(), 0, "what was not stored was not sent");
}

#[tokio::test]
async fn i13_what_will_not_pass_waits_for_the_app() {
    let server = disk::server(Switches::modern()).await;
    let (client, seen) = watched(&server).await;
    let error = StoreError::ReadOnly;
    seen.lock().unwrap().failing = Some(error);
    assert_eq!(send(&client, "lost").await, Err(SendError::Store(error)));
    let mut course = Course::default();
    let halted = |course: &Course| course.halted.is_some();
    follow(&client, &mut course, &mut { halted }, "the end").await;
    assert_eq!(course.ends, [EndReason::Store(error)]);
    assert_eq!(course.halted, Some(OfflineReason::Refused));

    seen.lock().unwrap().failing = None;
    client.connect();
    let back = |course: &Course| !course.online.is_empty();
    follow(&client, &mut course, &mut { back }, "back").await;
}

/// An app's notification extension has the file while the app is suspended, and still has it when the app resumes.
#[tokio::test]
async fn i9_a_store_that_is_owned_elsewhere_is_waited_for() {
    let server = disk::server(Switches::modern()).await;
    let folder = Folder::new();
    let client = Client::open(disk::config(&server, folder.store())).unwrap();
    client.connect();
    settled(&client).await;
    server.inject_message("romeo@example.org/x", ACCOUNT, "delivered before");
    let mut course = Course::default();
    let delivered = |course: &Course| course.bodies() == ["delivered before"];
    follow(&client, &mut course, &mut { delivered }, "delivered").await;
    client.suspend().await;
    assert_eq!(
        send(&client, "asleep").await,
        Err(SendError::Store(StoreError::Closed))
    );
    assert_eq!(client.roster().await.err(), Some(StoreError::Closed));

    let mut other = folder.store();
    client.resume();
    let refused = EndReason::Store(StoreError::OwnedElsewhere);
    let failed = |course: &Course| course.ends.contains(&refused);
    follow(&client, &mut course, &mut { failed }, "refused").await;
    // What the other process stored and did not confirm is delivered here; what was delivered already is not.
    let key = ServerKey {
        host: "127.0.0.1".to_owned(),
        port: server.direct_addr().port(),
        transport: Transport::DirectTls,
    };
    let body = Element::new("body", "jabber:client").with_text("taken in elsewhere");
    let message = Element::new("message", "jabber:client")
        .with_attr("from", "romeo@example.org/x")
        .with_child(body);
    let delivery = Delivery::new("elsewhere", message);
    other.apply(&key, &[Op::Inbound(delivery)]).unwrap();
    drop(other);
    let back = |course: &Course| course.online.len() == 1 && course.messages.len() == 2;
    follow(&client, &mut course, &mut { back }, "back").await;
    assert_eq!(course.online, [Outcome::Resumed]);
    assert_eq!(course.bodies(), ["delivered before", "taken in elsewhere"]);
    let id = send(&client, "awake").await.unwrap();
    let acked = |course: &Course| course.acked.contains(&id);
    follow(&client, &mut course, &mut { acked }, "acked").await;
    assert_eq!(course.messages.len(), 2, "I2");
}

/// Returns an error while the phone is locked.
#[derive(Clone, Default)]
struct Lockable {
    inner: MemoryVault,
    is_locked: Arc<AtomicBool>,
}

impl KeyVault for Lockable {
    fn get(&self, name: &str) -> Result<Option<Secret<Vec<u8>>>, VaultError> {
        match self.is_locked.load(Ordering::SeqCst) {
            true => Err(VaultError::Locked),
            false => self.inner.get(name),
        }
    }

    fn put(&mut self, name: &str, secret: &Secret<Vec<u8>>) -> Result<(), VaultError> {
        match self.is_locked.load(Ordering::SeqCst) {
            true => Err(VaultError::Locked),
            false => self.inner.put(name, secret),
        }
    }
}

#[tokio::test]
async fn t12_a_locked_phone_costs_nothing_but_time() {
    let server = disk::server(Switches::modern()).await;
    let folder = Folder::new();
    let vault = Lockable::default();
    let (store, _) = SqliteStore::open(folder.db(), ACCOUNT, vault.clone()).unwrap();
    let client = Client::open(disk::config(&server, store)).unwrap();
    client.connect();
    settled(&client).await;
    client.suspend().await;
    vault.is_locked.store(true, Ordering::SeqCst);
    client.resume();
    let mut course = Course::default();
    let locked = EndReason::Store(StoreError::Vault(VaultError::Locked));
    let refused = |course: &Course| course.ends.contains(&locked);
    follow(&client, &mut course, &mut { refused }, "locked").await;
    vault.is_locked.store(false, Ordering::SeqCst);
    let back = |course: &Course| !course.online.is_empty();
    follow(&client, &mut course, &mut { back }, "unlocked").await;
    assert_eq!(course.online, [Outcome::Resumed]);
}
