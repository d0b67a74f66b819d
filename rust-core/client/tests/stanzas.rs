//! Stanzas in both directions over connections that break, and requests from others.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::time::Duration;

use snapback_client::{
    Client, ConnectionState, Element, Event, IqError, OfflineReason, Outcome, SendError,
    StoreError, Transport,
};
use snapback_netsim::{CutMode, Direction, DownMode, Link};
use snapback_reference_server::{Fault, Switches};
use support::Setup;
use support::course::{Course, RTT, follow, hasty};

const PING: &str = "urn:xmpp:ping";
const ROSTER: &str = "jabber:iq:roster";
const DISCO: &str = "http://jabber.org/protocol/disco#info";
const CLIENT: &str = "jabber:client";
const SOON: Duration = Duration::from_secs(5);

fn quiet() -> Switches {
    Switches {
        early_data: None,
        ..Switches::modern()
    }
}

async fn online(transport: Transport) -> Setup {
    let setup = Setup::hasty(quiet(), transport).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    setup
}

/// Opens a second account, which talks to the first.
async fn romeo(setup: &Setup) -> Client {
    let (client, link) = setup.another_online("romeo@localhost", "jul13t").await;
    // The link exists until the test ends.
    std::mem::forget(link);
    client
}

fn juliet(setup: &Setup) -> String {
    let sessions = setup.server.sessions();
    let session = sessions
        .iter()
        .find(|session| session.jid.starts_with("juliet@"));
    session.unwrap().jid.clone()
}

fn iq(kind: &str, to: Option<&str>, payload: Element) -> Element {
    let mut iq = Element::new("iq", CLIENT).with_attr("type", kind);
    if let Some(to) = to {
        iq.set_attr("to", to);
    }
    iq.with_child(payload)
}

fn ping(to: Option<&str>) -> Element {
    iq("get", to, Element::new("ping", PING))
}

/// A small generator, so that a failure is reproducible.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

async fn traffic(seed: u64, transport: Transport, switches: Switches) {
    const ROUNDS: usize = 6;
    let name = format!("seed {seed}, {transport:?}");
    let setup = Setup::hasty(switches, transport).await;
    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    setup.client.connect();
    let mut course = Course::default();
    let is_online = |course: &Course| !course.online.is_empty();
    setup.follow(&mut course, is_online, &name).await;
    setup.settle().await;
    let mut sent: Vec<String> = Vec::new();
    let mut injected = Vec::new();
    for round in 0..ROUNDS {
        for number in 0..chance.below(4) {
            let body = format!("out {round} {number}");
            let id = setup.client.send_message("romeo@localhost", &body).await;
            sent.push(id.unwrap());
            let body = format!("in {round} {number}");
            setup
                .server
                .inject_message("romeo@localhost/x", "juliet@localhost", &body);
            injected.push(body);
        }
        tokio::time::sleep(Duration::from_micros(chance.below(12_000))).await;
        match chance.below(4) {
            0 => setup.link.cut(CutMode::ResetClient),
            1 => setup.link.cut(CutMode::ResetBoth),
            2 => setup.link.cut(CutMode::CloseBoth),
            _ => setup.server.cut_all(),
        }
    }
    let done = |course: &Course| {
        course.has_acked(&sent) && injected.iter().all(|body| course.bodies().contains(body))
    };
    setup.follow(&mut course, done, &name).await;
    let settled = setup.server.messages_from("juliet").into_iter().skip(1);
    let received: Vec<_> = settled.filter_map(|message| message.id).collect();
    assert_eq!(received, sent, "{name}: I4\n{}", course.log);
    assert_eq!(course.bodies(), injected, "{name}: I2\n{}", course.log);
    let resumed = |outcome: &&Outcome| **outcome == Outcome::Resumed;
    assert_eq!(
        course.online.iter().filter(resumed).count(),
        course.online.len() - 1,
        "{name}: the session was kept: {:?}",
        course.online
    );
}

#[tokio::test]
async fn i4_i2_traffic_in_both_directions_over_a_link_that_breaks() {
    for seed in 1..=8 {
        let transport = [Transport::DirectTls, Transport::StartTls][seed as usize % 2];
        traffic(seed, transport, quiet()).await;
    }
}

#[tokio::test]
async fn i4_i2_the_same_with_sasl1() {
    for seed in 11..=16 {
        traffic(seed, Transport::StartTls, Switches::stock_prosody()).await;
    }
}

#[tokio::test]
async fn an_iq_is_answered_across_a_resumption() {
    let setup = online(Transport::DirectTls).await;
    // The server's answer is lost on the way; the resumed session brings it.
    setup.settle().await;
    let first = setup.link.stats().connections;
    setup
        .link
        .cut_after(Direction::ToClient, 0, CutMode::ResetBoth);
    let answer = setup.client.iq(ping(None), SOON).await;
    assert_eq!(answer.unwrap().attr("type"), Some("result"));
    assert_eq!(setup.link.stats().connections, first + 1);
}

#[tokio::test]
async fn an_iq_of_a_lost_session_fails_by_name() {
    let setup = online(Transport::DirectTls).await;
    setup.next_connection(Fault::ForgetSmSession);
    setup.link.cut(CutMode::Blackhole);
    let asked = setup.client.iq(ping(None), SOON);
    let lose = async { setup.client.network_changed(true) };
    let (answer, ()) = tokio::join!(biased; asked, lose);
    assert_eq!(answer, Err(IqError::SessionLost));
}

#[tokio::test]
async fn an_iq_is_refused_by_name_or_times_out() {
    let setup = online(Transport::DirectTls).await;
    let unknown = iq("get", None, Element::new("query", "urn:example:nothing"));
    let answer = setup.client.iq(unknown, SOON).await;
    assert!(matches!(answer, Err(IqError::Refused(_))), "{answer:?}");
    setup.link.cut(CutMode::Blackhole);
    let answer = setup.client.iq(ping(None), Duration::from_millis(50)).await;
    assert_eq!(answer, Err(IqError::TimedOut));
}

#[tokio::test]
async fn s8_the_roster_is_kept_by_version_and_pushes() {
    let setup = Setup::hasty(quiet(), Transport::DirectTls).await;
    setup
        .server
        .world(|world| world.befriend("juliet", "romeo"));
    setup.client.connect();
    let mut course = Course::default();
    let changed = |times: usize| move |course: &Course| course.roster_changes >= times;
    setup.follow(&mut course, changed(1), "roster").await;
    let roster = setup.client.roster().await.unwrap();
    assert_eq!(roster.items.len(), 1);
    // Bind 2 shows the features after the login too late for the first request; the next one has a version.
    setup.client.disconnect().await;
    setup.client.connect();
    setup.follow(&mut course, changed(2), "versions").await;
    let roster = setup.client.roster().await.unwrap();
    assert!(roster.version.is_some());
    let nurse = Element::new("item", ROSTER)
        .with_attr("jid", "nurse@localhost")
        .with_attr("name", "Nurse");
    let set = iq("set", None, Element::new("query", ROSTER).with_child(nurse));
    setup.client.iq(set, SOON).await.unwrap();
    setup.follow(&mut course, changed(3), "push").await;
    let pushed = setup.client.roster().await.unwrap();
    assert_eq!(pushed.items.len(), 2);
    assert_ne!(pushed.version, roster.version, "S8");
    setup.client.disconnect().await;
    setup.client.connect();
    let again = |course: &Course| course.online.len() == 3;
    setup.follow(&mut course, again, "again").await;
    setup.settle().await;
    let same = setup.client.roster().await.unwrap();
    assert_eq!(
        same, pushed,
        "an empty result means that the cache is right"
    );
}

#[tokio::test]
async fn s8_a_forged_push_changes_nothing() {
    let setup = online(Transport::DirectTls).await;
    let romeo = romeo(&setup).await;
    let before = setup.client.roster().await.unwrap();
    let item = Element::new("item", ROSTER)
        .with_attr("jid", "evil@localhost")
        .with_attr("subscription", "both");
    let push = iq(
        "set",
        Some(&juliet(&setup)),
        Element::new("query", ROSTER).with_child(item),
    );
    let answer = romeo.iq(push, SOON).await;
    assert!(matches!(answer, Err(IqError::Refused(_))), "{answer:?}");
    assert_eq!(setup.client.roster().await.unwrap(), before);
}

#[tokio::test]
async fn requests_of_others_are_answered() {
    let setup = online(Transport::DirectTls).await;
    let romeo = romeo(&setup).await;
    let to = juliet(&setup);
    // W10: an entity without a subscription gets the error that the server returns for an unavailable resource.
    let stranger = romeo.iq(ping(Some(&to)), SOON).await;
    assert!(matches!(stranger, Err(IqError::Refused(_))), "{stranger:?}");
    setup
        .server
        .world(|world| world.befriend("juliet", "romeo"));
    let pong = romeo.iq(ping(Some(&to)), SOON).await.unwrap();
    assert_eq!(pong.attr("type"), Some("result"));
    let unknown = iq("set", Some(&to), Element::new("x", "urn:example:nothing"));
    match romeo.iq(unknown, SOON).await {
        Err(IqError::Refused(error)) => {
            assert_eq!(format!("{}", error.condition), "service-unavailable");
        }
        other => panic!("{other:?}"),
    }
    let info = iq("get", Some(&to), Element::new("query", DISCO));
    let info = romeo.iq(info, SOON).await.unwrap();
    let query = info.child("query", DISCO).unwrap();
    assert!(
        query
            .children()
            .any(|child| child.attr("var") == Some(PING))
    );
}

#[tokio::test]
async fn s9_caps_match_what_disco_says() {
    let setup = Setup::hasty(quiet(), Transport::DirectTls).await;
    setup
        .server
        .world(|world| world.befriend("juliet", "romeo"));
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    let (romeo, _link) = Setup::another(
        &setup.server,
        "romeo@localhost",
        "jul13t",
        Transport::DirectTls,
        |_| {},
    )
    .await;
    romeo.connect();
    let mut course = Course::default();
    let seen = |course: &Course| {
        course
            .presences
            .iter()
            .any(|delivery| caps_of(&delivery.stanza).is_some())
    };
    follow(&romeo, &mut course, &mut { seen }, "presence").await;
    let caps = course
        .presences
        .iter()
        .find_map(|delivery| caps_of(&delivery.stanza))
        .unwrap();
    let node = format!("{}#{}", caps.0, caps.1);
    let query = Element::new("query", DISCO).with_attr("node", node);
    let answer = romeo
        .iq(iq("get", Some(&juliet(&setup)), query), SOON)
        .await
        .unwrap();
    let query = answer.child("query", DISCO).unwrap();
    assert!(query.has_child("identity", DISCO));
}

fn caps_of(presence: &Element) -> Option<(String, String)> {
    let caps = presence.child("c", "http://jabber.org/protocol/caps")?;
    Some((caps.attr("node")?.to_owned(), caps.attr("ver")?.to_owned()))
}

#[tokio::test]
async fn t7_carbons_come_from_our_own_account_only() {
    let setup = online(Transport::DirectTls).await;
    let (tablet, _link) = setup.another_online("juliet@localhost", "r0m30").await;
    tablet
        .send_message("romeo@localhost", "from the tablet")
        .await
        .unwrap();
    let mut course = Course::default();
    let copied = |course: &Course| !course.carbons.is_empty();
    setup.follow(&mut course, copied, "carbon").await;
    // The same from another sender.
    let romeo = romeo(&setup).await;
    let forged = Element::new("message", CLIENT)
        .with_attr("to", juliet(&setup))
        .with_attr("type", "chat")
        .with_child(
            Element::new("sent", "urn:xmpp:carbons:2").with_child(
                Element::new("forwarded", "urn:xmpp:forward:0").with_child(
                    Element::new("message", CLIENT)
                        .with_attr("from", "juliet@localhost/x")
                        .with_attr("to", "romeo@localhost")
                        .with_child(Element::new("body", CLIENT).with_text("forged")),
                ),
            ),
        );
    romeo.send(forged).await.unwrap();
    let reported = |course: &Course| course.peer_faults.contains(&"forged carbon");
    setup.follow(&mut course, reported, "forgery").await;
    assert_eq!(course.carbons.len(), 1, "T7: {}", course.log);
    assert!(!course.bodies().contains(&"forged".to_owned()));
}

#[tokio::test]
async fn t6_a_stanza_over_the_limit_is_refused_and_counted() {
    let setup = online(Transport::DirectTls).await;
    let huge = "x".repeat(300 * 1024);
    setup
        .server
        .inject_message("romeo@localhost/x", "juliet@localhost", &huge);
    setup
        .server
        .inject_message("romeo@localhost/x", "juliet@localhost", "small");
    let mut course = Course::default();
    let both = |course: &Course| course.refused == 1 && course.messages.len() == 1;
    setup.follow(&mut course, both, "refused").await;
    setup.settle().await;
    setup.cut();
    let back = |course: &Course| course.online.len() == 1;
    setup.follow(&mut course, back, "back").await;
    setup.settle().await;
    assert_eq!(course.online, [Outcome::Resumed]);
    assert_eq!(
        course.refused, 1,
        "T6: it was counted, and is not sent again"
    );
    assert_eq!(course.bodies(), ["small"]);
}

#[tokio::test]
async fn i14_suspend_keeps_the_session() {
    for transport in [Transport::DirectTls, Transport::StartTls] {
        let setup = online(transport).await;
        setup.client.suspend().await;
        nothing_lives(&setup.link, "suspended").await;
        let record = setup.connections().remove(0);
        assert!(!record.elements().contains(&"/stream"), "I14");
        setup
            .server
            .inject_message("romeo@localhost/x", "juliet@localhost", "meanwhile");
        let id = setup
            .client
            .send_message("romeo@localhost", "written asleep")
            .await
            .unwrap();
        let mut course = Course::default();
        let asleep = |course: &Course| course.halted == Some(OfflineReason::Suspended);
        setup.follow(&mut course, asleep, "asleep").await;
        assert_eq!(setup.connections_within(Duration::from_millis(50)).await, 0);
        setup.client.resume();
        let back = |course: &Course| course.acked.contains(&id) && course.bodies() == ["meanwhile"];
        setup.follow(&mut course, back, "awake").await;
        assert_eq!(course.online, [Outcome::Resumed]);
    }
}

#[tokio::test]
async fn a_network_change_keeps_a_connection_that_answers() {
    let setup = online(Transport::DirectTls).await;
    setup.client.network_changed(true);
    setup.settle().await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(setup.connections().len(), 1, "the probe was answered");
}

#[tokio::test]
async fn a_network_change_leaves_a_connection_that_does_not_answer() {
    let setup = online(Transport::DirectTls).await;
    setup.link.cut(CutMode::Blackhole);
    setup.client.network_changed(true);
    let back = setup.online().await;
    assert_eq!(back.outcome, Outcome::Resumed);
    assert_eq!(setup.connections().len(), 2);
}

#[tokio::test]
async fn without_a_network_nothing_is_tried() {
    let setup = online(Transport::DirectTls).await;
    setup.client.network_changed(false);
    setup.link.down(DownMode::Refuse).await.unwrap();
    setup.link.cut(CutMode::ResetBoth);
    let mut course = Course::default();
    let waits = |course: &Course| course.halted == Some(OfflineReason::NoNetwork);
    setup.follow(&mut course, waits, "no network").await;
    assert_eq!(
        setup.connections_within(Duration::from_millis(100)).await,
        0
    );
    setup.link.up().await.unwrap();
    setup.client.network_changed(true);
    assert_eq!(setup.online().await.outcome, Outcome::Resumed);
}

#[tokio::test]
async fn i12_a_full_queue_says_so() {
    let setup = Setup::with(quiet(), Transport::DirectTls, RTT, |config| {
        hasty(config);
        config.store = Box::new(snapback_client::MemoryStore::with_queue_limit(3));
    })
    .await;
    let ids = setup.send_some(3).await;
    let refused = setup.client.send_message("romeo@localhost", "four").await;
    assert_eq!(
        refused,
        Err(SendError::Store(StoreError::QueueFull { limit: 3 }))
    );
    let answer = setup.client.iq(ping(None), SOON).await;
    assert_eq!(answer, Err(IqError::NotQueued));
    setup.client.connect();
    let mut course = Course::default();
    setup
        .follow(&mut course, |course| course.has_acked(&ids), "drained")
        .await;
    setup.assert_delivered_once(&ids, "queue");
    setup
        .client
        .send_message("romeo@localhost", "four")
        .await
        .unwrap();
}

/// An app that takes no events delays neither the reconnect nor its own requests, and inbound stanzas wait at the
/// server, not in memory.
#[tokio::test]
async fn i12_an_app_that_takes_no_events_does_not_stop_a_reconnect() {
    const FLOOD: usize = 3000;
    let setup = Setup::with(
        Switches {
            sm_queue_limit: 10_000,
            ..quiet()
        },
        Transport::DirectTls,
        RTT,
        hasty,
    )
    .await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    for number in 0..FLOOD {
        setup.server.inject_message(
            "romeo@localhost/x",
            "juliet@localhost",
            &format!("{number}"),
        );
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let waiting = setup.server.sessions()[0].unacked;
    assert!(waiting > 500, "I12: {waiting} wait at the server");
    let before = setup.connections().len();
    setup.cut();
    setup.client.network_changed(true);
    let mut is_back = false;
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let connections = setup.connections();
        is_back = connections.len() > before
            && connections
                .last()
                .is_some_and(|record| record.outcome.is_some() && !record.closed);
        if is_back {
            break;
        }
    }
    assert!(is_back, "the reconnect does not wait for the app");
    let mut course = Course::default();
    let all = |course: &Course| course.messages.len() >= FLOOD;
    setup.follow(&mut course, all, "the flood").await;
    let expected: Vec<String> = (0..FLOOD).map(|number| number.to_string()).collect();
    assert_eq!(course.bodies(), expected, "I2");
}

// -- no task, socket or file remains

/// The link notices an end a moment later than the client.
async fn nothing_lives(link: &Link, why: &str) {
    for _ in 0..100 {
        if link.stats().live == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{why}: {} connections live", link.stats().live);
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

async fn settles_to(wanted: usize, what: &str) {
    let mut now = 0;
    for _ in 0..150 {
        now = open_files();
        if now <= wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what}: {now} open files, wanted {wanted}");
}

/// Tests of this file run in one process; this one counts its own links instead of the process's files.
#[tokio::test]
async fn a_client_dropped_in_mid_login_leaves_no_task() {
    for wait in [0, 1, 3, 6, 9, 14, 20] {
        let setup = Setup::hasty(quiet(), Transport::StartTls).await;
        setup.client.connect();
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let Setup {
            server,
            link,
            client,
        } = setup;
        drop(client);
        nothing_lives(&link, &format!("dropped after {wait} ms")).await;
        drop(server);
    }
}

#[tokio::test]
async fn a_client_dropped_while_it_dials_leaves_no_task() {
    let setup = Setup::hasty(quiet(), Transport::StartTls).await;
    setup.link.down(DownMode::Blackhole).await.unwrap();
    setup.client.connect();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let tasks = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    let Setup {
        server,
        link,
        client,
    } = setup;
    drop(client);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let left = tokio::runtime::Handle::current()
        .metrics()
        .num_alive_tasks();
    // The driver, the task that watches it, and the socket that is being opened.
    assert_eq!(left + 3, tasks, "{tasks} tasks, then {left}");
    link.up().await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.connections().len(), 0, "nothing dials any more");
}

#[tokio::test]
async fn a_hundred_sessions_leave_no_task() {
    let setup = Setup::hasty(quiet(), Transport::DirectTls).await;
    setup.client.connect();
    setup.online().await;
    setup.client.disconnect().await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let tasks = metrics.num_alive_tasks();
    let files = open_files();
    for _ in 0..100 {
        setup.client.connect();
        setup.online().await;
        setup.client.disconnect().await;
    }
    let mut left = 0;
    for _ in 0..150 {
        left = metrics.num_alive_tasks();
        if left <= tasks + 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(left <= tasks + 1, "{tasks} tasks before, {left} after");
    assert_eq!(setup.link.stats().live, 0);
    // Other tests of this process begin and end; a leak of ours would be a hundred.
    settles_to(files + 60, "a hundred sessions").await;
    assert_eq!(setup.connections().len(), 101);
}

#[tokio::test]
async fn disconnect_returns_in_every_state() {
    let setup = Setup::hasty(quiet(), Transport::DirectTls).await;
    let soon = |what: &'static str| {
        let client = &setup.client;
        async move {
            let done = tokio::time::timeout(Duration::from_secs(3), client.disconnect()).await;
            assert!(done.is_ok(), "disconnect hangs: {what}");
        }
    };
    soon("never connected").await;
    setup.client.connect();
    soon("while it dials").await;
    setup.client.connect();
    setup.online().await;
    soon("online").await;
    soon("twice").await;
    setup.client.connect();
    setup.online().await;
    setup.client.suspend().await;
    soon("suspended").await;
    setup.client.resume();
    setup.client.connect();
    setup.online().await;
    setup.client.network_changed(false);
    soon("without a network").await;
    setup.client.network_changed(true);
    setup.server.add_account("juliet", "changed");
    setup.server.switches(|switches| switches.fast.clear());
    setup.client.connect();
    let mut course = Course::default();
    let halted = |course: &Course| course.halted == Some(OfflineReason::NeedsCredentials);
    setup.follow(&mut course, halted, "halted").await;
    soon("halted").await;
}

#[tokio::test]
async fn states_are_reported_in_order() {
    let setup = Setup::hasty(quiet(), Transport::DirectTls).await;
    setup.client.connect();
    let mut was_connecting = false;
    loop {
        match setup.client.next_event().await.unwrap() {
            Event::State(ConnectionState::Connecting { .. }) => was_connecting = true,
            Event::State(ConnectionState::Online { .. }) => break,
            _ => {}
        }
    }
    assert!(was_connecting);
}

/// The server has counted the request, so it is not sent again; and the entity that would answer it knows only the old
/// session.
#[tokio::test]
async fn i8_a_request_that_was_taken_fails_with_its_session() {
    const FOR_EVER: Duration = Duration::from_secs(600);
    for is_clean in [false, true] {
        let setup = online(Transport::DirectTls).await;
        // A contact that is online and does not answer.
        let (_silent, link) = setup.another_online("romeo@localhost", "jul13t").await;
        let sessions = setup.server.sessions();
        let romeo = sessions.iter().find(|one| one.jid.starts_with("romeo@"));
        let romeo = romeo.unwrap().jid.clone();
        link.cut(CutMode::Blackhole);

        let request = iq("get", Some(&romeo), Element::new("ping", PING)).with_attr("id", "asked");
        let asked = setup.client.iq(request, FOR_EVER);
        let lose = async {
            let mut course = Course::default();
            let taken = |course: &Course| course.acked.iter().any(|id| id == "asked");
            setup.follow(&mut course, taken, "taken").await;
            if is_clean {
                setup.client.disconnect().await;
            } else {
                setup.next_connection(Fault::ForgetSmSession);
                setup.cut();
                let bound = |course: &Course| course.online == [Outcome::Bound];
                setup.follow(&mut course, bound, "a new session").await;
            }
        };
        let wait = async { tokio::join!(asked, lose) };
        let (answer, ()) = tokio::time::timeout(support::TIMEOUT, wait).await.unwrap();
        assert_eq!(answer.err(), Some(IqError::SessionLost));
    }
}
