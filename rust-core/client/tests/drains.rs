//! I23: a background sync that may bind a session where there is none to resume.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::time::Duration;

use snapback_client::{
    Client, ConnectionState, DrainOptions, DrainOutcome, DrainReport, Event, Outcome, Transport,
};
use snapback_netsim::{CutMode, Direction};
use snapback_reference_server::{ReferenceServer, Switches};
use support::course::Course;
use support::disk::{self, Folder};
use support::{Setup, forget_session};

/// As long as a push gives, and longer than anything here takes.
const SYNC_TIMEOUT: Duration = Duration::from_secs(25);
const MAY_BIND: DrainOptions = DrainOptions { may_bind: true };

/// SASL1; SASL2, with the requests inside; and `<resume/>` immediately after TLS.
fn servers() -> [Switches; 3] {
    [
        Switches::stock_prosody(),
        Switches::current(),
        Switches::quickstart_2013(),
    ]
}

/// Returns an app that was online and is suspended.
async fn asleep(switches: Switches, transport: Transport, rtt: Duration) -> Setup {
    let setup = Setup::new(switches, transport, rtt).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    setup.client.suspend().await;
    setup
}

async fn drain(client: &Client) -> DrainReport {
    let sync = client.background_sync_with(MAY_BIND);
    let report = sync.drain(SYNC_TIMEOUT).await.unwrap();
    sync.end().await;
    report
}

fn complete(messages: usize, session: Outcome) -> DrainReport {
    DrainReport {
        outcome: DrainOutcome::Complete,
        messages,
        has_gap: false,
        session: Some(session),
    }
}

/// Returns the events that are there.
async fn taken(client: &Client) -> Course {
    let mut course = Course::default();
    while let Ok(Some(event)) =
        tokio::time::timeout(Duration::from_millis(50), client.next_event()).await
    {
        course.take(event);
    }
    course
}

/// Returns how many stanzas of this name the server has read, on all connections.
fn read(server: &ReferenceServer, name: &str) -> usize {
    let connections = server.connections();
    let reads = connections.iter().flat_map(|connection| &connection.reads);
    reads
        .flat_map(|read| &read.elements)
        .filter(|element| *element == name)
        .count()
}

#[tokio::test]
async fn i23_a_sync_binds_catches_up_and_leaves_the_session_to_the_app() {
    for switches in servers() {
        let setup = asleep(switches, Transport::StartTls, Duration::from_millis(2)).await;
        forget_session(&setup.server).await;
        let presences = read(&setup.server, "presence");
        let connections = setup.server.connections().len();
        inject(&setup.server, "wake up");
        assert_eq!(
            drain(&setup.client).await,
            complete(1, Outcome::Unannounced)
        );
        assert_eq!(
            setup.server.connections().len(),
            connections + 1,
            "the same connection"
        );
        let sessions = setup.server.sessions();
        assert_eq!(sessions.len(), 1);
        assert!(!sessions[0].available, "no presence");
        // Another push: the session is there, and what came is in the archive.
        inject(&setup.server, "wake up again");
        assert_eq!(
            drain(&setup.client).await,
            complete(1, Outcome::Unannounced)
        );
        assert_eq!(read(&setup.server, "presence"), presences);

        inject(&setup.server, "while the app starts");
        setup.client.connect();
        let mut course = taken(&setup.client).await;
        let all = |course: &Course| {
            course.bodies().len() == 3 && course.online.last() == Some(&Outcome::Bound)
        };
        setup.follow(&mut course, all, "the messages").await;
        assert_eq!(course.online.last(), Some(&Outcome::Bound));
        assert_eq!(course.gaps, 0);
        let completed = setup.server.sessions();
        assert_eq!(completed.len(), 1);
        assert_eq!(completed[0].jid, sessions[0].jid, "that very session");
        assert!(completed[0].available && completed[0].carbons);
        assert_eq!(read(&setup.server, "presence"), presences + 1);
        // It is a session like any other from then on.
        inject(&setup.server, "live");
        let live = |course: &Course| course.bodies().contains(&"live".to_owned());
        setup.follow(&mut course, live, "a live message").await;
        setup.client.suspend().await;
        setup.client.resume();
        assert_eq!(setup.online().await.outcome, Outcome::Resumed);
        assert_eq!(read(&setup.server, "presence"), presences + 1);
    }
}

fn inject(server: &ReferenceServer, body: &str) {
    let to = server.sessions().first().map(|session| session.jid.clone());
    let domain = to.and_then(|jid| jid.split(['@', '/']).nth(1).map(str::to_owned));
    let domain = domain.unwrap_or_else(|| "localhost".to_owned());
    server.inject_message(
        &format!("romeo@{domain}/x"),
        &format!("juliet@{domain}"),
        body,
    );
}

#[tokio::test]
async fn i23_a_session_that_can_be_resumed_is_resumed() {
    for switches in servers() {
        let setup = asleep(switches, Transport::StartTls, Duration::from_millis(2)).await;
        let before = setup.server.sessions()[0].jid.clone();
        inject(&setup.server, "wake up");
        assert_eq!(drain(&setup.client).await, complete(1, Outcome::Resumed));
        assert_eq!(setup.server.sessions()[0].jid, before);
    }
}

#[tokio::test]
async fn i23_from_tcp_to_caught_up_takes_six_round_trips_at_most() {
    let (modern, sasl1) = (Switches::current(), Switches::stock_prosody());
    for (name, switches, transport, expected) in [
        ("SASL2, direct TLS", modern.clone(), Transport::DirectTls, 4),
        ("SASL2, STARTTLS", modern, Transport::StartTls, 5),
        ("SASL1, direct TLS", sasl1, Transport::DirectTls, 6),
    ] {
        let setup = asleep(switches, transport, Duration::from_millis(40)).await;
        forget_session(&setup.server).await;
        inject(&setup.server, "wake up");
        let sync = setup.client.background_sync_with(MAY_BIND);
        let report = sync.drain(SYNC_TIMEOUT).await.unwrap();
        assert_eq!(report, complete(1, Outcome::Unannounced), "{name}");
        assert_eq!(round_trips(&setup), expected, "{name}");
    }
}

/// Returns how often the newest connection has waited for the server: TCP, and each time that the server wrote after the client.
fn round_trips(setup: &Setup) -> usize {
    let trace = setup.link.trace();
    let newest = trace.iter().map(|chunk| chunk.conn).max();
    let directions = trace.iter().filter(|chunk| Some(chunk.conn) == newest);
    let directions: Vec<Direction> = directions.map(|chunk| chunk.direction).collect();
    let is_turn = |pair: &&[Direction]| **pair == [Direction::ToServer, Direction::ToClient];
    1 + directions.windows(2).filter(is_turn).count()
}

/// A message of unknown fate waits for the app's own login, and so does what the app sends meanwhile.
#[tokio::test]
async fn i23_nothing_of_the_app_is_sent_before_it_connects() {
    let setup = asleep(
        Switches::current(),
        Transport::DirectTls,
        Duration::from_millis(2),
    )
    .await;
    setup.client.connect();
    setup.online().await;
    setup.link.cut(CutMode::Blackhole);
    let unknown = setup
        .client
        .send_message("romeo@localhost", "of unknown fate")
        .await;
    setup.client.suspend().await;
    setup.link.cut(CutMode::ResetBoth);
    forget_session(&setup.server).await;
    let sent = || setup.server.messages_from("juliet").len();
    let before = sent();
    let sync = setup.client.background_sync_with(MAY_BIND);
    let report = sync.drain(SYNC_TIMEOUT).await.unwrap();
    assert_eq!(report.session, Some(Outcome::Unannounced));
    let later = setup.client.send_message("romeo@localhost", "later").await;
    sync.end().await;
    assert_eq!(sent(), before);
    let ids = [unknown.unwrap(), later.unwrap()];
    setup.client.connect();
    let mut course = Course::default();
    let all = |course: &Course| course.has_acked(&ids);
    setup.follow(&mut course, all, "the messages").await;
    setup.server_received(&ids);
}

impl Setup {
    /// Each of them once, in this order.
    fn server_received(&self, ids: &[String]) {
        let messages = self.server.messages_from("juliet");
        let received = messages.iter().filter_map(|message| message.id.clone());
        let received: Vec<String> = received.filter(|id| ids.contains(id)).collect();
        assert_eq!(received, ids);
    }
}

/// The user opens the app from the notification, before the sync has ended.
#[tokio::test]
async fn i23_an_app_that_connects_during_the_sync_gets_a_complete_session() {
    let setup = asleep(
        Switches::current(),
        Transport::DirectTls,
        Duration::from_millis(20),
    )
    .await;
    forget_session(&setup.server).await;
    let sync = setup.client.background_sync_with(MAY_BIND);
    sync.drain(SYNC_TIMEOUT).await.unwrap();
    setup.client.connect();
    setup
        .event(|event| {
            matches!(
                event,
                Event::Online {
                    outcome: Outcome::Bound,
                    ..
                }
            )
        })
        .await;
    sync.end().await;
    let state = *setup.client.states().borrow();
    assert!(matches!(state, ConnectionState::Online { .. }), "{state:?}");
    assert_eq!(setup.server.sessions().len(), 1);
}

/// What the server keeps for an account without presence is not fetched, and the report says that something may be missing.
#[tokio::test]
async fn i23_without_an_archive_the_report_shows_a_possible_gap() {
    let switches = Switches {
        archive: false,
        archive_metadata: false,
        offline: true,
        ..Switches::stock_prosody()
    };
    let setup = asleep(switches, Transport::DirectTls, Duration::from_millis(2)).await;
    forget_session(&setup.server).await;
    inject(&setup.server, "wake up");
    let report = drain(&setup.client).await;
    let expected = DrainReport {
        has_gap: true,
        ..complete(0, Outcome::Unannounced)
    };
    assert_eq!(report, expected);
    setup.client.connect();
    let mut course = Course::default();
    let has_come = |course: &Course| course.bodies() == ["wake up"];
    setup.follow(&mut course, has_come, "the message").await;
}

/// The process is killed after the sync, and again before the app's session is complete.
#[tokio::test]
async fn i23_another_process_completes_the_session() {
    let server = disk::server(Switches::current()).await;
    let folder = Folder::new();
    let open = || Client::open(disk::config(&server, folder.store())).unwrap();
    let client = open();
    client.connect();
    disk::settled(&client).await;
    folder.kill(client).await;
    forget_session(&server).await;
    let presences = read(&server, "presence");
    server.inject_message("romeo@example.org/x", "juliet@example.org", "wake up");
    let client = open();
    let sync = client.background_sync_with(MAY_BIND);
    let report = sync.drain(SYNC_TIMEOUT).await.unwrap();
    assert_eq!(report, complete(1, Outcome::Unannounced));
    folder.kill(client).await;
    assert_eq!(read(&server, "presence"), presences);
    let session = server.sessions()[0].jid.clone();
    let client = open();
    client.connect();
    let course = disk::settled(&client).await;
    assert_eq!(course.online, [Outcome::Bound]);
    assert_eq!(course.bodies(), ["wake up"], "it was not confirmed");
    assert_eq!(server.sessions()[0].jid, session);
    assert_eq!(read(&server, "presence"), presences + 1);
    folder.kill(client).await;
    let client = open();
    client.connect();
    let course = disk::settled(&client).await;
    assert_eq!(course.online, [Outcome::Resumed]);
    assert_eq!(read(&server, "presence"), presences + 1);
}
