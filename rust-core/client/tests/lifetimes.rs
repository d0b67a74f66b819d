//! A client with its store on disk over several processes: killed, restored from a backup, suspended for too long.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::time::Duration;

use snapback_client::Element;
use snapback_client::proto::knowledge::{Op, OutboundKind};
use snapback_client::proto::time::UnixTime;
use snapback_client::store::{NewStanza, OpenIssue, ServerKey};
use snapback_client::{Client, MemoryStore, Outcome, Store, Transport};
use snapback_reference_server::{Fault, ReferenceServer, Switches};
use support::course::{Course, follow, wait_for};
use support::disk::{self, ACCOUNT, Folder, settled};

fn key(server: &ReferenceServer) -> ServerKey {
    ServerKey {
        host: "127.0.0.1".to_owned(),
        port: server.direct_addr().port(),
        transport: Transport::DirectTls,
    }
}

fn client(server: &ReferenceServer, store: impl Store + 'static) -> Client {
    let client = Client::open(disk::config(server, store)).unwrap();
    client.connect();
    client
}

/// A process that connects, waits, and ends.
async fn lives_once(server: &ReferenceServer, folder: &Folder) {
    let phone = client(server, folder.store());
    settled(&phone).await;
    phone.suspend().await;
}

/// Returns the SM-IDs that were requested on any connection.
fn resume_attempts(server: &ReferenceServer) -> usize {
    let records = server.connections();
    records.iter().map(|record| record.previds.len()).sum()
}

fn times_received(server: &ReferenceServer, id: &str) -> usize {
    let all = server.messages_from("juliet").into_iter();
    all.filter(|message| message.id.as_deref() == Some(id))
        .count()
}

#[tokio::test]
async fn t12_a_restored_backup_repeats_nothing() {
    let server = disk::server(Switches::modern()).await;
    let folder = Folder::new();
    lives_once(&server, &folder).await;
    let message = Element::new("message", "jabber:client")
        .with_attr("id", "past")
        .with_attr("to", "romeo@example.org")
        .with_child(Element::new("body", "jabber:client").with_text("once"));
    let queued_at = UnixTime(1_700_000_000);
    let written = NewStanza::new(OutboundKind::Message, message.into(), queued_at);
    let mut store = folder.store();
    store.enqueue(written).unwrap();
    store.close().unwrap();
    let backup = std::fs::read(folder.db()).unwrap();

    let phone = client(&server, store_again(store));
    let mut course = Course::default();
    let acked = |course: &Course| course.acked.iter().any(|id| id == "past");
    follow(&phone, &mut course, &mut { acked }, "the past message").await;
    assert_eq!(course.online, [Outcome::Resumed]);
    phone.suspend().await;
    drop(phone);
    let attempts = resume_attempts(&server);

    std::fs::write(folder.db(), backup).unwrap();
    let (store, report) = folder.open().unwrap();
    assert_eq!(report.troubles, [OpenIssue::FromBackup]);
    let phone = client(&server, store);
    let course = settled(&phone).await;
    assert_eq!(course.online, [Outcome::Bound]);
    assert_eq!(
        resume_attempts(&server),
        attempts,
        "the session of the past"
    );
    let record = server.connections().pop().unwrap();
    let mechanism = record.mechanism.unwrap();
    assert!(
        mechanism.starts_with("SCRAM-"),
        "the past token: {mechanism}"
    );
    assert_eq!(times_received(&server, "past"), 1);
}

/// Returns the same store after it was closed.
fn store_again<S: Store>(mut store: S) -> S {
    assert!(store.reopen().unwrap().is_clean());
    store
}

#[tokio::test]
async fn i14_a_session_that_the_server_has_given_up_is_not_asked_for() {
    let server = disk::server(Switches::modern()).await;
    let folder = Folder::new();
    lives_once(&server, &folder).await;
    let mut store = folder.store();
    let session = store.load(&key(&server)).unwrap().sm.unwrap();
    let max = session.max.expect("the server says how long");
    let long_ago = UnixTime(session.alive_at.0 - i64::from(max) - 60);
    store
        .apply(&key(&server), &[Op::SmAlive { at: long_ago }])
        .unwrap();

    let phone = client(&server, store);
    let course = settled(&phone).await;
    assert_eq!(course.online, [Outcome::Bound]);
    assert_eq!(resume_attempts(&server), 0, "I14");
}

/// The server has handled three stanzas, its acknowledgement never came, and the session is lost.
#[tokio::test]
async fn i8_what_failed_covers_is_acknowledged_with_both_stores() {
    let folder = Folder::new();
    let stores: [Box<dyn Store>; 2] = [Box::new(MemoryStore::new()), Box::new(folder.store())];
    for store in stores {
        let server = disk::server(Switches::modern()).await;
        let mute = Fault::DelayAnswer {
            element: "r".to_owned(),
            by: Duration::from_secs(600),
        };
        server.faults(|faults| faults.next_connection = vec![mute]);
        let mut config = disk::config(&server, MemoryStore::new());
        config.store = store;
        // Silence must not end the connection here.
        config.timeouts.ack = Duration::from_secs(600);
        let phone = Client::open(config).unwrap();
        phone.connect();
        let mut course = Course::default();
        let online = |course: &Course| !course.online.is_empty();
        follow(&phone, &mut course, &mut { online }, "online").await;
        let mut ids = Vec::new();
        for body in ["one", "two", "three"] {
            let id = phone.send_message("romeo@example.org", body).await;
            ids.push(id.unwrap());
        }
        let arrived = || server.messages_from("juliet").len() == 3;
        wait_for(arrived, "three messages").await;
        phone.suspend().await;
        let waits = || server.sessions().iter().all(|one| one.connection.is_none());
        wait_for(waits, "the end of the connection").await;
        server.forget_sessions("juliet");
        phone.resume();
        let acked = |course: &Course| course.has_acked(&ids);
        follow(&phone, &mut course, &mut { acked }, "acked by <failed/>").await;
        settled_again(&phone, &mut course).await;
        assert_eq!(course.online, [Outcome::Bound, Outcome::Bound]);
        for id in &ids {
            assert_eq!(times_received(&server, id), 1, "I8");
        }
    }
}

async fn settled_again(phone: &Client, course: &mut Course) {
    let id = phone
        .send_message("romeo@example.org", "settle")
        .await
        .unwrap();
    let acked = |course: &Course| course.acked.contains(&id) && course.online.len() == 2;
    follow(phone, course, &mut { acked }, "settled").await;
}

/// Both counters pass 2^32 while the process is killed repeatedly: the file is restored as a kill would leave it.
#[tokio::test]
async fn i16_counters_wrap_on_disk_and_across_kills() {
    let server = disk::server(Switches::modern()).await;
    let folder = Folder::new();
    lives_once(&server, &folder).await;
    let mut store = folder.store();
    let session = store.load(&key(&server)).unwrap().sm.unwrap();
    let (h, base) = (session.h, session.base);
    // As if nearly 2^32 stanzas had passed each way: three more of ours, and they wrap.
    let by = (u32::MAX - 2).wrapping_sub(base);
    let wound = [
        Op::CountInbound(h.wrapping_add(by)),
        Op::Acked {
            base: Some(base.wrapping_add(by)),
            seqs: Vec::new(),
        },
    ];
    store.apply(&key(&server), &wound).unwrap();
    store.close().unwrap();
    server.world(|world| world.wind_counters("juliet", by));

    let mut ids = Vec::new();
    let mut bodies = Vec::new();
    for life in 0..8 {
        let phone = client(&server, folder.store());
        let body = format!("life {life}");
        server.inject_message("romeo@example.org/x", ACCOUNT, &body);
        let id = phone
            .send_message("romeo@example.org", &body)
            .await
            .unwrap();
        let mut course = Course::default();
        let both = |course: &Course| course.acked.contains(&id) && !course.messages.is_empty();
        follow(&phone, &mut course, &mut { both }, "both ways").await;
        assert_eq!(
            course.online,
            [Outcome::Resumed],
            "life {life}: {:?}",
            course.ends
        );
        for delivery in &course.messages {
            phone.confirm(&delivery.id);
        }
        phone.roster().await.unwrap();
        bodies.extend(course.bodies());
        ids.push(id);
        folder.kill(phone).await;
    }
    let mut store = folder.store();
    let session = store.load(&key(&server)).unwrap().sm.unwrap();
    assert!(session.h < 100 && session.base < 100, "both have wrapped");
    for id in &ids {
        assert_eq!(times_received(&server, id), 1);
    }
    let expected: Vec<String> = (0..8).map(|life| format!("life {life}")).collect();
    assert_eq!(bodies, expected, "I2");
}
