//! Short background syncs, as after a push: the interrupted session, or none.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::time::Duration;

use snapback_client::{
    BackgroundSync, Client, ClientEnded, ConnectionError, ConnectionState, DrainOutcome, Event,
    NoSession, OfflineReason, Outcome, Transport,
};
use snapback_reference_server::{Fault, Switches};
use support::course::Course;
use support::{Setup, TIMEOUT, forget_session};

/// SASL1; SASL2, with the request inside; and `<resume/>` immediately after TLS.
fn servers() -> [Switches; 3] {
    let modern = Switches {
        early_data: None,
        sm_before_sasl: false,
        ..Switches::modern()
    };
    [
        Switches::stock_prosody(),
        modern,
        Switches::quickstart_2013(),
    ]
}

/// Returns an app that was online and is suspended.
async fn asleep(switches: Switches) -> Setup {
    let setup = Setup::hasty(switches, Transport::StartTls).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    setup.client.suspend().await;
    setup
        .event(|event| is_offline(event, OfflineReason::Suspended))
        .await;
    setup
}

fn is_offline(event: &Event, why: OfflineReason) -> bool {
    matches!(event, Event::State(ConnectionState::Offline { reason, .. }) if *reason == why)
}

fn inject(setup: &Setup, body: &str) {
    setup
        .server
        .inject_message("romeo@localhost/x", "juliet@localhost", body);
}

#[tokio::test]
async fn a_background_sync_resumes_and_leaves_the_session_to_the_app() {
    for switches in servers() {
        let setup = asleep(switches).await;
        inject(&setup, "wake up");
        let sync = begin(&setup).await;
        let mut course = Course::default();
        let has_come = |course: &Course| course.bodies() == ["wake up"];
        setup.follow(&mut course, has_come, "the message").await;
        assert_eq!(course.online, [Outcome::Resumed]);
        sync.end().await;
        assert!(is_asleep(&setup));
        setup.client.resume();
        assert_eq!(setup.online().await.outcome, Outcome::Resumed);
    }
}

/// A push arrives while the user opens the app from the notification of the last one.
#[tokio::test]
async fn an_app_that_resumes_during_a_background_sync_stays_online_after_it() {
    let wakers: [fn(&Client); 3] = [Client::connect, Client::resume, |client| {
        client.set_active(true);
    }];
    for wake in wakers {
        let setup = asleep(Switches::modern()).await;
        let sync = begin(&setup).await;
        wake(&setup.client);
        setup.online().await;
        sync.end().await;
        assert!(is_online(&setup));
    }
}

/// I14: a client that was resumed for a background sync is suspended completely, however the sync ends.
#[tokio::test]
async fn the_last_of_several_background_syncs_suspends_the_client() {
    let setup = asleep(Switches::modern()).await;
    let (first, second) = (begin(&setup).await, begin(&setup).await);
    setup.online().await;
    first.end().await;
    assert!(is_online(&setup));
    drop(second);
    setup
        .event(|event| is_offline(event, OfflineReason::Suspended))
        .await;
}

/// The first action of a process may be a background sync; an app that the user opens then must not be suspended.
#[tokio::test]
async fn connecting_resumes_a_suspended_client() {
    let setup = Setup::hasty(Switches::modern(), Transport::DirectTls).await;
    begin(&setup).await.end().await;
    setup.client.connect();
    assert_eq!(setup.online().await.outcome, Outcome::Bound);
    setup.client.suspend().await;
    setup.client.set_active(true);
    assert_eq!(setup.online().await.outcome, Outcome::Resumed);
}

fn is_asleep(setup: &Setup) -> bool {
    let state = *setup.client.states().borrow();
    is_offline(&Event::State(state), OfflineReason::Suspended)
}

fn is_online(setup: &Setup) -> bool {
    matches!(
        *setup.client.states().borrow(),
        ConnectionState::Online { .. }
    )
}

async fn begin(setup: &Setup) -> BackgroundSync {
    let sync = setup.client.background_sync();
    sync.begun().await;
    sync
}

#[tokio::test]
async fn a_background_sync_stops_without_a_session_and_loses_nothing() {
    for switches in servers() {
        let is_quickstart = switches.sm_before_sasl;
        let setup = asleep(switches).await;
        forget_session(&setup.server).await;
        inject(&setup, "wake up");
        let before = setup.connections().len();
        let _sync = begin(&setup).await;
        let mut course = Course::default();
        let halted = |course: &Course| course.halted == Some(OfflineReason::NoSession);
        setup.follow(&mut course, halted, "the end").await;
        let forgotten = ConnectionError::NoSession(NoSession::Forgotten);
        assert_eq!(*course.first_error(), forgotten);
        assert_eq!(setup.server.sessions().len(), 0, "nothing was bound");
        let quiet = Duration::from_millis(300);
        assert_eq!(setup.connections_within(quiet).await, 0, "no loop");
        let connections = setup.connections();
        assert_eq!(connections.len(), before + 1);
        let asked = connections[before].previds.len();
        assert_eq!(asked, if is_quickstart { 2 } else { 1 });

        // What the app sends meanwhile waits for a session.
        let id = setup.client.send_message("romeo@localhost", "later").await;
        let ids = [id.unwrap()];
        setup.client.connect();
        let mut course = Course::default();
        let all = |course: &Course| course.has_acked(&ids) && course.bodies() == ["wake up"];
        setup.follow(&mut course, all, "the session after").await;
        assert_eq!(course.online, [Outcome::Bound]);
    }
}

#[tokio::test]
async fn without_a_session_a_background_sync_does_not_use_the_network() {
    let setup = Setup::hasty(Switches::modern(), Transport::DirectTls).await;
    for _ in 0..2 {
        let sync = begin(&setup).await;
        let mut course = Course::default();
        let halted = |course: &Course| course.halted == Some(OfflineReason::NoSession);
        setup.follow(&mut course, halted, "the end").await;
        let unknown = ConnectionError::NoSession(NoSession::NotStored);
        assert_eq!(*course.first_error(), unknown);
        sync.end().await;
    }
    assert_eq!(setup.connections().len(), 0);
    setup.client.connect();
    assert_eq!(setup.online().await.outcome, Outcome::Bound);
}

/// The user opens the app while a background sync finds no session to resume.
#[tokio::test]
async fn an_app_that_connects_during_a_background_sync_gets_a_session() {
    let setup = asleep(Switches::modern()).await;
    forget_session(&setup.server).await;
    let _sync = begin(&setup).await;
    setup.client.connect();
    assert_eq!(setup.online().await.outcome, Outcome::Bound);
}

#[tokio::test]
async fn a_background_sync_of_an_app_that_is_online_changes_nothing() {
    let setup = Setup::hasty(Switches::modern(), Transport::DirectTls).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    begin(&setup).await.end().await;
    setup.next_connection(Fault::ForgetSmSession);
    setup.cut();
    assert_eq!(setup.online().await.outcome, Outcome::Bound);
}

/// As long as a push gives, and longer than anything here takes.
const SYNC_TIMEOUT: Duration = Duration::from_secs(25);

#[tokio::test]
async fn a_background_sync_is_complete_when_all_that_waited_is_among_the_events() {
    for switches in servers() {
        let setup = asleep(switches).await;
        for number in 0..20 {
            inject(&setup, &number.to_string());
        }
        let sync = setup.client.background_sync();
        // Two calls get two answers.
        let (first, second) = tokio::join!(sync.drain(SYNC_TIMEOUT), sync.drain(Duration::MAX));
        for report in [first, second] {
            let report = report.unwrap();
            assert_eq!(report.outcome, DrainOutcome::Complete);
            assert_eq!(report.session, Some(Outcome::Resumed));
            assert_eq!((report.messages, report.has_gap), (20, false));
        }
        let mut course = Course::default();
        while course.bodies().len() < 20 {
            let next = tokio::time::timeout(Duration::ZERO, setup.client.next_event());
            course.take(next.await.expect("an event that is there").unwrap());
        }
        sync.end().await;
        assert!(is_asleep(&setup));
    }
}

#[tokio::test]
async fn a_background_sync_that_cannot_be_complete_says_why() {
    let setup = Setup::hasty(Switches::modern(), Transport::DirectTls).await;
    let sync = setup.client.background_sync();
    let reason = OfflineReason::NoSession;
    let report = sync.drain(SYNC_TIMEOUT).await.unwrap();
    assert_eq!(report.outcome, DrainOutcome::Offline { reason });
    assert_eq!((report.messages, report.session), (0, None));
    sync.end().await;

    let setup = asleep(Switches::modern()).await;
    setup.link.set_upstream(([127, 0, 0, 1], 9).into());
    let sync = setup.client.background_sync();
    let brief = Duration::from_millis(300);
    let report = sync.drain(brief).await.unwrap();
    assert_eq!(report.outcome, DrainOutcome::TimedOut);
    sync.end().await;
    assert!(is_asleep(&setup));
}

#[tokio::test]
async fn a_background_sync_ends_with_its_client() {
    let setup = asleep(Switches::modern()).await;
    let sync = setup.client.background_sync();
    sync.begun().await;
    drop(setup.client);
    let outcome = tokio::time::timeout(TIMEOUT, sync.drain(SYNC_TIMEOUT)).await;
    assert_eq!(outcome.unwrap(), Err(ClientEnded));
}
