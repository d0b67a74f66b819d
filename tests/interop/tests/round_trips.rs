//! The table of round trips, counted on real servers.
#![allow(clippy::print_stdout, clippy::indexing_slicing, reason = "a test")]

use std::time::Duration;

use snapback_client::{Outcome, proto::protocol_message::join};
use snapback_interop::measure::{Case, Row, RunningHost, measure, real_cases};

const RTT: Duration = Duration::from_millis(100);

#[tokio::test(flavor = "multi_thread")]
async fn prosody_as_packaged_over_starttls() {
    meets_its_row(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_as_packaged_over_direct_tls() {
    meets_its_row(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_with_sasl2_over_starttls() {
    meets_its_row(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_with_sasl2_over_direct_tls() {
    meets_its_row(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_with_quickstart_over_starttls() {
    meets_its_row(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_with_quickstart_over_direct_tls() {
    meets_its_row(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_with_quickstart_and_fast_over_starttls() {
    meets_its_row(6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ejabberd_over_starttls() {
    meets_its_row(7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ejabberd_over_direct_tls() {
    meets_its_row(8).await;
}

async fn meets_its_row(index: usize) {
    let case = real_cases().swap_remove(index);
    let Some(host) = RunningHost::start(&case.host).await else {
        return;
    };
    let row = measure(&case, &host, RTT).await;
    print(&case, &row);
    let Row {
        cold,
        warm,
        resumed,
    } = &row;
    assert_eq!(cold.session.outcome, Outcome::Bound);
    assert_eq!(warm.session.outcome, Outcome::Bound);
    assert_eq!(resumed.session.outcome, Outcome::Resumed);
    assert!(
        cold.flights() <= case.flights.cold,
        "cold: {}",
        cold.flights()
    );
    assert_eq!(warm.flights(), case.flights.warm, "warm");
    assert_eq!(resumed.flights(), case.flights.resumed, "resumed");
}

fn print(case: &Case, row: &Row) {
    for (kind, login) in row.logins() {
        println!(
            "{}, {kind}: {} flights, {:.1} RTT",
            case.name,
            login.flights(),
            login.wall(RTT)
        );
        for (flight, (sent, received)) in login.session.timeline.flights.iter().zip(&login.bytes) {
            println!("    -> {} ({sent} bytes)", join(&flight.sent));
            println!("    <- {} ({received} bytes)", join(&flight.received));
        }
    }
}
