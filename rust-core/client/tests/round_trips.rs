//! The design's table of round trips, counted on the reference server.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::time::Duration;

use snapback_client::{Outcome, Transport};
use snapback_reference_server::Switches;
use support::{Session, Setup};

const RTT: Duration = Duration::from_millis(40);

struct Row {
    cold: Session,
    warm: Session,
    resumed: Session,
}

/// Cold, resumed after a cut, then a new session after a clean end.
async fn row(switches: Switches, transport: Transport, early_data: bool) -> Row {
    let setup = Setup::with(switches, transport, RTT, |config| {
        config.policy.early_data = early_data
    })
    .await;
    let [cold, resumed, warm] = setup.three_logins().await;
    Row {
        cold,
        warm,
        resumed,
    }
}

fn check(name: &str, row: &Row, cold: usize, warm: usize, resumed: usize) {
    for (kind, session) in [
        ("cold", &row.cold),
        ("warm", &row.warm),
        ("resumed", &row.resumed),
    ] {
        let took = session.timeline.took().unwrap_or_default();
        println!(
            "{name:40} {kind:8} {} flights, {:.1} RTT in wall time, plan {}",
            session.timeline.round_trips(),
            took.as_secs_f64() / RTT.as_secs_f64(),
            session.plan
        );
        for flight in &session.timeline.flights {
            println!(
                "    {} -> {}",
                snapback_client::proto::protocol_message::join(&flight.sent),
                snapback_client::proto::protocol_message::join(&flight.received)
            );
        }
    }
    assert_eq!(row.cold.outcome, Outcome::Bound);
    assert_eq!(row.warm.outcome, Outcome::Bound);
    assert_eq!(row.resumed.outcome, Outcome::Resumed);
    assert!(row.cold.timeline.round_trips() <= cold, "{name}: cold");
    assert_eq!(row.warm.timeline.round_trips(), warm, "{name}: warm");
    assert_eq!(
        row.resumed.timeline.round_trips(),
        resumed,
        "{name}: resumed"
    );
}

fn no_early(switches: Switches) -> Switches {
    Switches {
        tls_versions: Switches::modern().tls_versions,
        early_data: None,
        ..switches
    }
}

/// SASL2, Bind 2 and FAST, without anything of XEP-0305.
fn sasl2() -> Switches {
    Switches {
        pipelining: false,
        unprompted_restart: false,
        sm_before_sasl: false,
        ..Switches::modern()
    }
}

#[tokio::test]
async fn sasl1_over_starttls() {
    let row = row(
        no_early(Switches::stock_prosody()),
        Transport::StartTls,
        false,
    )
    .await;
    check("SASL1 SCRAM, STARTTLS", &row, 8, 6, 6);
}

#[tokio::test]
async fn sasl1_over_direct_tls() {
    let row = row(
        no_early(Switches::stock_prosody()),
        Transport::DirectTls,
        false,
    )
    .await;
    check("SASL1 SCRAM, direct TLS", &row, 7, 5, 5);
}

#[tokio::test]
async fn sasl2_over_starttls() {
    let row = row(no_early(sasl2()), Transport::StartTls, false).await;
    check("SASL2 + Bind 2 + FAST, STARTTLS", &row, 6, 4, 4);
}

#[tokio::test]
async fn sasl2_over_direct_tls() {
    let row = row(no_early(sasl2()), Transport::DirectTls, false).await;
    check("SASL2 + Bind 2 + FAST, direct TLS", &row, 5, 3, 3);
}

#[tokio::test]
async fn quickstart_with_scram() {
    let row = row(
        no_early(Switches::quickstart_2013()),
        Transport::StartTls,
        false,
    )
    .await;
    check("XEP-0305, STARTTLS, SCRAM", &row, 5, 4, 3);
}

#[tokio::test]
async fn quickstart_with_fast() {
    let row = row(no_early(Switches::modern()), Transport::StartTls, false).await;
    check("XEP-0305, STARTTLS, FAST", &row, 5, 3, 3);
}

#[tokio::test]
async fn early_data_over_direct_tls() {
    let row = row(Switches::modern(), Transport::DirectTls, true).await;
    check("early data, direct TLS", &row, 5, 2, 2);
}

#[tokio::test]
async fn early_data_over_starttls() {
    let row = row(Switches::modern(), Transport::StartTls, true).await;
    check("early data, STARTTLS", &row, 5, 2, 2);
}
