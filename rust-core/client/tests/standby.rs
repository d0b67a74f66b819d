//! A change of the network: back online in the flights of a login, not after the probe's deadline.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::time::{Duration, Instant};

use snapback_client::{
    ClientConfig, ConnectionError, EndReason, LinkError, Outcome, Timer, Transport,
};
use snapback_netsim::CutMode;
use snapback_reference_server::Switches;
use support::Setup;
use support::course::{Course, hasty};

const RTT: Duration = Duration::from_millis(50);

/// Sets a deadline that is longer than the test, so that no test waits for it.
fn patient(config: &mut ClientConfig) {
    hasty(config);
    config.reconnect.probe = Duration::from_secs(600);
    config.timeouts.ack = Duration::from_secs(600);
    config.timeouts.login = Duration::from_secs(30);
}

async fn online(head_start: Duration) -> Setup {
    let switches = Switches {
        early_data: None,
        ..Switches::modern()
    };
    let setup = Setup::with(switches, Transport::DirectTls, RTT, |config| {
        patient(config);
        config.reconnect.head_start = head_start;
    })
    .await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    setup
}

fn probe_failed(course: &Course) -> bool {
    let error = ConnectionError::Timeout(Timer::Probe);
    course.ends == [EndReason::Link(LinkError::Connection(error))]
}

#[tokio::test]
async fn i9_a_path_that_died_in_silence_costs_flights_and_not_a_deadline() {
    let setup = online(Duration::from_millis(20)).await;
    setup.link.cut(CutMode::Blackhole);
    let begun = Instant::now();
    setup.client.network_changed(true);
    let id = setup.client.send_message("romeo@localhost", "here").await;
    let id = id.unwrap();
    setup
        .server
        .inject_message("romeo@localhost/x", "juliet@localhost", "there");
    let mut course = Course::default();
    let back = |course: &Course| course.acked.contains(&id) && course.bodies() == ["there"];
    setup.follow(&mut course, back, "back").await;
    println!("back after {:?}, {:?}", begun.elapsed(), course.round_trips);
    assert_eq!(course.online, [Outcome::Resumed]);
    assert_eq!(course.round_trips, [3], "TCP, TLS, login");
    assert!(probe_failed(&course), "{:?}", course.ends);
    assert_eq!(setup.server.sessions().len(), 1);
    let received = setup.received();
    assert_eq!(received.iter().filter(|one| **one == id).count(), 1, "I4");
    assert_eq!(setup.connections().len(), 2, "no third transport");
}

#[tokio::test]
async fn a_path_that_answers_is_kept_and_nothing_is_opened() {
    let setup = online(Duration::from_secs(60)).await;
    for _ in 0..3 {
        setup.client.network_changed(true);
        setup.settle().await;
    }
    assert_eq!(setup.connections().len(), 1);
    // The answers were noted: a break from here on is not a failed probe.
    setup.cut();
    assert_eq!(setup.online().await.outcome, Outcome::Resumed);
}

#[tokio::test]
async fn i14_the_standby_transport_is_dropped_with_the_client() {
    let setup = online(Duration::from_millis(1)).await;
    setup.link.cut(CutMode::Blackhole);
    setup.client.network_changed(true);
    setup.client.suspend().await;
    let before = setup.connections().len();
    let quiet = Duration::from_millis(300);
    assert_eq!(setup.connections_within(quiet).await, 0);
    assert!(before <= 2);
    setup.client.resume();
    assert_eq!(setup.online().await.outcome, Outcome::Resumed);
}

/// The first change is the loss of the old network, the second one the new network.
#[tokio::test]
async fn a_second_change_begins_anew() {
    let setup = online(Duration::from_millis(20)).await;
    setup.link.cut(CutMode::Blackhole);
    for _ in 0..5 {
        setup.client.network_changed(true);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(setup.online().await.outcome, Outcome::Resumed);
}
