//! After a lost session: no gap and no duplicate, with the archive of the reference server (XEP-0313), with and without
//! a store on disk.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use snapback_client::{
    CarbonDirection, Client, ClientConfig, Failure, FileVault, Outcome, SendError, ServerAddress,
    SqliteStore, StreamCondition, Transport, Trust, danger,
};
use snapback_netsim::CutMode;
use snapback_reference_server::{ArchiveFault, Fault, Switches};
use support::course::{Course, PASSWORD, RTT, hasty, wait_for};
use support::{LinkDial, Setup};

const ROMEO: &str = "romeo@localhost/x";
const JULIET: &str = "juliet@localhost";

/// `metadata`: the server reports in `<bound/>` where the archive ends.
fn archived(metadata: bool) -> Switches {
    Switches {
        early_data: None,
        archive_metadata: metadata,
        ..Switches::modern()
    }
}

/// The features that matter here, with SASL1.
fn by_sasl1() -> Switches {
    Switches::stock_prosody()
}

fn small_pages(config: &mut ClientConfig) {
    hasty(config);
    config.catch_up.page = 2;
    config.catch_up.timeout = Duration::from_secs(5);
}

async fn online(switches: Switches, course: &mut Course) -> Setup {
    let setup = Setup::with(switches, Transport::DirectTls, RTT, small_pages).await;
    begin(&setup, course).await;
    setup
}

/// Connects, and waits until the archive's end is known: a message came and was acknowledged.
async fn begin(setup: &Setup, course: &mut Course) {
    setup.client.connect();
    let is_online = |course: &Course| !course.online.is_empty();
    setup.follow(course, is_online, "online").await;
    // After this, all subscribers see us.
    let id = setup.client.send_message("romeo@localhost", "settle").await;
    let id = id.unwrap();
    let settled = |course: &Course| course.acked.contains(&id);
    setup.follow(course, settled, "settled").await;
    setup.server.inject_message(ROMEO, JULIET, "hello");
    let greeted = |course: &Course| bodies(course) == ["hello"];
    setup.follow(course, greeted, "greeted").await;
    // Events of the first session are outside this test.
    course.gaps = 0;
}

/// Returns the bodies from others; without offline storage, our own come back as errors.
fn bodies(course: &Course) -> Vec<String> {
    let messages = course.messages.iter().map(|delivery| &delivery.stanza);
    let said = messages.filter(|stanza| stanza.attr("type") != Some("error"));
    said.filter_map(|stanza| Some(stanza.child("body", "jabber:client")?.text()))
        .collect()
}

/// Sends five messages while no client is connected.
fn meanwhile(setup: &Setup) -> Vec<String> {
    let bodies: Vec<String> = (0..5).map(|number| format!("meanwhile {number}")).collect();
    for body in &bodies {
        setup.server.inject_message(ROMEO, JULIET, body);
    }
    bodies
}

async fn gets_what_waited(switches: Switches, what: &str) {
    let mut course = Course::default();
    let setup = online(switches, &mut course).await;
    setup.client.disconnect().await;
    let expected = meanwhile(&setup);
    course.online.clear();
    setup.client.connect();
    setup.server.inject_message(ROMEO, JULIET, "and now");
    let all = |course: &Course| bodies(course).len() >= 7;
    setup.follow(&mut course, all, what).await;
    // Any duplicate would have arrived by now.
    let id = setup.client.send_message("romeo@localhost", "done").await;
    let id = id.unwrap();
    setup.server.inject_message(ROMEO, JULIET, "last");
    let done = |course: &Course| {
        course.acked.contains(&id) && bodies(course).last().is_some_and(|body| body == "last")
    };
    setup.follow(&mut course, done, what).await;
    let mut bodies = bodies(&course);
    assert_eq!(bodies.len(), 8, "{what}: {bodies:?}");
    bodies.retain(|body| body.starts_with("meanwhile"));
    assert_eq!(bodies, expected, "{what}");
    assert_eq!(course.gaps, 0, "{what}: {}", course.log);
    assert_eq!(course.online, [Outcome::Bound], "{what}");
}

#[tokio::test]
async fn a_new_session_gets_what_waited_from_the_archive() {
    for metadata in [true, false] {
        for offline in [true, false] {
            let switches = Switches {
                offline,
                ..archived(metadata)
            };
            let what = format!("metadata {metadata}, offline {offline}");
            gets_what_waited(switches, &what).await;
        }
    }
    gets_what_waited(by_sasl1(), "SASL1").await;
}

/// The session is lost, and what was sent in it last arrived, though this was never acknowledged; what was written
/// since did not.
async fn unknown_fate(switches: Switches, what: &str) {
    let mut course = Course::default();
    let setup = online(switches, &mut course).await;
    let before = setup.received().len();
    // Acknowledgements are delayed without end, messages are not.
    setup.link.set_rtt(Duration::from_millis(300));
    let arrived = setup.send_some(3).await;
    let all = || setup.received().len() == before + 3;
    wait_for(all, "all at the server").await;
    setup.link.cut(CutMode::ResetClient);
    setup.link.set_rtt(RTT);
    setup.next_connection(Fault::ForgetSmSession);
    let later = setup.send_some(3).await;
    let ids: Vec<String> = [arrived, later].concat();
    let acked = |course: &Course| course.has_acked(&ids);
    setup.follow(&mut course, acked, what).await;
    let bound = |outcome: &Outcome| *outcome == Outcome::Bound;
    assert!(
        course.online.iter().skip(1).any(bound),
        "{what}: {}",
        course.log
    );
    let received = setup.received();
    assert_eq!(
        received.get(before..),
        Some(ids.as_slice()),
        "{what}: none twice"
    );
    assert_eq!(course.gaps, 0, "{what}: {}", course.log);
    assert!(
        course.carbons.is_empty(),
        "{what}: our own messages are not reported"
    );
}

#[tokio::test]
async fn i8_the_archive_decides_about_messages_of_unknown_fate() {
    for metadata in [true, false] {
        unknown_fate(archived(metadata), &format!("metadata {metadata}")).await;
    }
}

#[tokio::test]
async fn i8_an_archive_that_fails_is_a_gap_and_nothing_hangs() {
    for fault in [
        ArchiveFault::Silence,
        ArchiveFault::WrongQueryId,
        ArchiveFault::ForeignSender,
        ArchiveFault::NeverComplete,
    ] {
        let what = format!("{fault:?}");
        let mut course = Course::default();
        let switches = Switches {
            offline: false,
            ..archived(false)
        };
        let setup = Setup::with(switches, Transport::DirectTls, RTT, |config| {
            small_pages(config);
            config.catch_up.pages = 2;
            config.catch_up.timeout = Duration::from_millis(100);
        })
        .await;
        begin(&setup, &mut course).await;
        setup.client.disconnect().await;
        meanwhile(&setup);
        setup
            .server
            .faults(|faults| faults.all.push(Fault::Archive(fault)));
        let ids = setup.send_some(2).await;
        setup.client.connect();
        let reported = |course: &Course| course.gaps == 1 && course.has_acked(&ids);
        setup.follow(&mut course, reported, &what).await;
        setup.server.faults(|faults| faults.all.clear());
        setup.server.inject_message(ROMEO, JULIET, "afterwards");
        let alive = |course: &Course| bodies(course).contains(&"afterwards".to_owned());
        setup.follow(&mut course, alive, &what).await;
        let faults = course.peer_faults.len();
        assert_eq!(faults > 0, fault == ArchiveFault::ForeignSender, "{what}");
        let forged = matches!(
            fault,
            ArchiveFault::WrongQueryId | ArchiveFault::ForeignSender
        );
        let came = bodies(&course)
            .iter()
            .any(|body| body.starts_with("meanwhile"));
        assert!(!(forged && came), "T7, {what}");
        assert_eq!(course.gaps, 1, "{what}");
    }
}

/// The archive keeps its messages for a limited time, and the last one that we know is older.
#[tokio::test]
async fn w5_after_an_expired_archive_id_nothing_is_missed() {
    let mut course = Course::default();
    let switches = Switches {
        offline: false,
        ..archived(false)
    };
    let setup = Setup::with(switches, Transport::DirectTls, RTT, small_pages).await;
    begin(&setup, &mut course).await;
    setup.client.disconnect().await;
    let missed = meanwhile(&setup);
    setup.server.faults(|faults| {
        faults.all.push(Fault::Archive(ArchiveFault::ItemNotFound));
    });
    setup.client.connect();
    let all = |course: &Course| missed.iter().all(|body| bodies(course).contains(body));
    setup.follow(&mut course, all, "what came meanwhile").await;
    assert_eq!(bodies(&course).len(), missed.len() + 1, "each comes once");
    assert_eq!(course.gaps, 0);
}

/// Neither delivered nor in the page that was requested with the presence: the server archived it at that moment.
#[tokio::test]
async fn what_is_archived_during_the_catch_up_comes_a_little_later() {
    let mut course = Course::default();
    let setup = online(archived(false), &mut course).await;
    setup
        .server
        .archive_only("juliet", "juliet@localhost", "took it just then");
    setup.server.inject_message(ROMEO, JULIET, "live");
    let all = |course: &Course| bodies(course).len() == 3;
    setup.follow(&mut course, all, "the settling query").await;
    assert_eq!(bodies(&course), ["hello", "live", "took it just then"]);
    assert_eq!(course.gaps, 0);
    assert_eq!(course.online, [Outcome::Bound]);
}

#[tokio::test]
async fn i2_a_message_that_its_sender_sends_again_comes_once() {
    let mut course = Course::default();
    let setup = online(archived(true), &mut course).await;
    let id = setup.server.inject_message(ROMEO, JULIET, "once");
    setup
        .server
        .inject_message_again(ROMEO, JULIET, "once", &id);
    setup.cut();
    setup
        .server
        .inject_message_again(ROMEO, JULIET, "once", &id);
    setup.server.inject_message(ROMEO, JULIET, "last");
    let last = |course: &Course| bodies(course).last().is_some_and(|body| body == "last");
    setup.follow(&mut course, last, "last").await;
    assert_eq!(bodies(&course), ["hello", "once", "last"]);
    let resumed = course.online.iter().skip(1);
    assert!(
        resumed.copied().all(|outcome| outcome == Outcome::Resumed),
        "they were counted"
    );
}

#[tokio::test]
async fn what_another_device_sent_meanwhile_comes_like_a_carbon() {
    let mut course = Course::default();
    let setup = online(archived(false), &mut course).await;
    setup.client.disconnect().await;
    let id = setup
        .server
        .archive_only("juliet", "romeo@localhost", "from the tablet");
    setup.client.connect();
    let copied = |course: &Course| !course.carbons.is_empty();
    setup.follow(&mut course, copied, "copied").await;
    let (delivery, carbon) = course.carbons.first().unwrap();
    assert_eq!(carbon.direction, CarbonDirection::Sent);
    assert_eq!(delivery.stanza.attr("id"), Some(id.as_str()));
    assert!(carbon.delay.is_some());
    assert_eq!(course.carbons.len(), 1);
    assert_eq!(course.gaps, 0);
}

#[tokio::test]
async fn a_stanza_that_the_server_cannot_take_is_given_up_and_the_rest_goes_on() {
    let mut course = Course::default();
    let setup = online(archived(true), &mut course).await;
    setup
        .server
        .faults(|faults| faults.all.push(Fault::RejectedBody("poison".to_owned())));
    let before = setup.received().len();
    let send = async |body: &str| {
        setup
            .client
            .send_message("romeo@localhost", body)
            .await
            .unwrap()
    };
    let ids = [send("one").await, send("poison").await, send("two").await];
    let done = |course: &Course| {
        course.failed.len() == 1 && course.acked.contains(&ids[0]) && course.acked.contains(&ids[2])
    };
    setup.follow(&mut course, done, "poison").await;
    let reason = Failure::StreamEnded(StreamCondition::PolicyViolation);
    assert_eq!(course.failed, [(ids[1].clone(), reason)], "{}", course.log);
    let received = setup.received();
    let expected = [ids[0].clone(), ids[2].clone()];
    assert_eq!(
        received.get(before..),
        Some(expected.as_slice()),
        "{}",
        course.log
    );
}

#[tokio::test]
async fn a_stanza_that_is_too_big_is_not_taken() {
    let setup = Setup::with(archived(true), Transport::DirectTls, RTT, |config| {
        hasty(config);
        config.max_stanza = 1000;
    })
    .await;
    let big = "x".repeat(1000);
    let refused = setup.client.send_message("romeo@localhost", &big).await;
    let Err(SendError::TooBig { size, limit: 1000 }) = refused else {
        panic!("{refused:?}");
    };
    assert!(size > 1000);
    let taken = setup.client.send_message("romeo@localhost", "x").await;
    assert!(taken.is_ok());
}

/// A folder of the test's own, removed when it ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left for the system.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn store(folder: &Path) -> SqliteStore {
    let vault = FileVault::new(folder.join("keys")).unwrap();
    let (store, report) = SqliteStore::open(folder.join("juliet.db"), JULIET, vault).unwrap();
    assert!(report.is_clean(), "{report:?}");
    store
}

/// A new process: only the file is left, and the server has dropped the session.
#[tokio::test]
async fn a_new_process_reads_on_from_where_the_last_one_stopped() {
    let name = format!("snapback-archive-{}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    let switches = Switches {
        offline: false,
        ..archived(false)
    };
    let mut setup = Setup::with(switches, Transport::DirectTls, RTT, |config| {
        small_pages(config);
        config.store = Box::new(store(&folder.0));
    })
    .await;
    let mut course = Course::default();
    begin(&setup, &mut course).await;
    let again = setup.server.inject_message(ROMEO, JULIET, "before");
    let before = |course: &Course| bodies(course).len() == 2;
    setup.follow(&mut course, before, "before").await;
    for delivery in &course.messages {
        setup.client.confirm(&delivery.id);
    }
    let received = setup.received().len();
    setup.link.set_rtt(Duration::from_millis(300));
    let unknown = setup.send_some(2).await;
    wait_for(
        || setup.received().len() >= received + 2,
        "both at the server",
    )
    .await;
    setup.cut();
    setup.client.suspend().await;
    setup.link.set_rtt(RTT);
    setup.next_connection(Fault::ForgetSmSession);
    let expected = meanwhile(&setup);
    setup
        .server
        .inject_message_again(ROMEO, JULIET, "before", &again);

    let mut config = ClientConfig::new(JULIET, PASSWORD).unwrap();
    let roots = danger::Roots::from_pem(setup.server.ca_pem().as_bytes()).unwrap();
    config.trust = Trust::Roots(roots);
    config.network.servers = vec![ServerAddress::at(setup.link.addr(), Transport::DirectTls)];
    config.network.dial = Arc::new(LinkDial(Arc::clone(&setup.link)));
    small_pages(&mut config);
    config.store = Box::new(store(&folder.0));
    setup.client = Client::open(config).unwrap();
    setup.client.connect();
    let mut course = Course::default();
    let last = setup.client.send_message("romeo@localhost", "last").await;
    let ids = [unknown, vec![last.unwrap()]].concat();
    let done = |course: &Course| bodies(course).len() >= 5 && course.has_acked(&ids);
    setup.follow(&mut course, done, "new process").await;
    assert_eq!(bodies(&course), expected, "{}", course.log);
    assert_eq!(course.online, [Outcome::Bound]);
    assert_eq!(course.gaps, 0);
    assert_eq!(
        setup.received().get(received..),
        Some(ids.as_slice()),
        "I8: none twice"
    );
}

/// Two logins are under way at once, and the server delivers what waited to neither of them. It is in the archive.
#[tokio::test]
async fn i8_a_message_lost_at_a_hand_over_comes_from_the_archive() {
    let mut course = Course::default();
    let setup = online(archived(true), &mut course).await;
    setup.server.faults(|faults| {
        faults.all = vec![Fault::LosesAtHandOver];
        faults.next_connection = vec![Fault::DelayAnswer {
            element: "authenticate".to_owned(),
            by: Duration::from_secs(1),
        }];
    });
    course.online.clear();
    let is_attached = |expected: bool| {
        let sessions = setup.server.sessions();
        sessions
            .iter()
            .any(|session| session.connection.is_some() == expected)
    };
    setup.client.suspend().await;
    wait_for(|| is_attached(false), "the session waits").await;
    let expected = meanwhile(&setup);
    setup.client.resume();
    wait_for(
        || is_attached(true),
        "the session is resumed, and the answer is late",
    )
    .await;
    setup.cut();
    let all = |course: &Course| bodies(course).len() >= 6;
    setup.follow(&mut course, all, "what was lost").await;
    assert_eq!(bodies(&course)[1..], expected);
    let lost = setup.server.world(|world| world.lost_at_hand_over().len());
    assert_eq!(lost, expected.len(), "the server lost them: {}", course.log);
    assert_eq!(course.gaps, 0, "{}", course.log);
    assert!(
        course
            .online
            .iter()
            .all(|outcome| *outcome == Outcome::Resumed)
    );
}
