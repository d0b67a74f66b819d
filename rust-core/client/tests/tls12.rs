//! TLS 1.2, counted: a full handshake takes one flight more than TLS 1.3, a ticket saves it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use snapback_client::{Outcome, Transport};
use snapback_reference_server::{Switches, TlsVersions};
use support::Setup;
use support::course::RTT;

struct Counts {
    cold: usize,
    resumed: usize,
    warm: usize,
}

async fn count(switches: Switches, transport: Transport) -> (Counts, Setup) {
    let setup = Setup::new(switches, transport, RTT).await;
    setup.client.connect();
    let cold = setup.online().await;
    setup.settle().await;
    setup.cut();
    let resumed = setup.online().await;
    assert_eq!(resumed.outcome, Outcome::Resumed);
    setup.settle().await;
    setup.client.disconnect().await;
    setup.client.connect();
    let warm = setup.online().await;
    assert_eq!(warm.outcome, Outcome::Bound);
    let counts = Counts {
        cold: cold.timeline.round_trips(),
        resumed: resumed.timeline.round_trips(),
        warm: warm.timeline.round_trips(),
    };
    (counts, setup)
}

fn with(switches: Switches, tls_versions: TlsVersions, tls_tickets: bool) -> Switches {
    Switches {
        tls_versions,
        tls_tickets,
        early_data: None,
        ..switches
    }
}

/// Compares TLS 1.2 on this server, with and without tickets, with TLS 1.3 on the same server.
async fn compare(switches: fn() -> Switches, transport: Transport) {
    let (newer, _) = count(with(switches(), TlsVersions::Tls13, true), transport).await;
    let (older, setup) = count(with(switches(), TlsVersions::Tls12, true), transport).await;
    let records = setup.server.connections();
    let tls: Vec<_> = records
        .iter()
        .map(|record| record.tls.as_ref().map(|tls| (tls.version, tls.resumed)))
        .collect();
    assert_eq!(
        tls,
        [
            Some(("1.2", false)),
            Some(("1.2", true)),
            Some(("1.2", true))
        ],
        "{transport:?}"
    );
    assert_eq!(older.cold, newer.cold + 1, "{transport:?}: cold, full");
    assert_eq!(
        older.resumed, newer.resumed,
        "{transport:?}: resumed, ticket"
    );
    assert_eq!(older.warm, newer.warm, "{transport:?}: warm, ticket");
    let (bare, setup) = count(with(switches(), TlsVersions::Tls12, false), transport).await;
    assert!(
        setup
            .server
            .connections()
            .iter()
            .all(|record| record.tls.as_ref().is_some_and(|tls| !tls.resumed))
    );
    assert_eq!(bare.cold, newer.cold + 1, "{transport:?}: cold, no tickets");
    assert_eq!(
        bare.resumed,
        newer.resumed + 1,
        "{transport:?}: resumed, full"
    );
    assert_eq!(bare.warm, newer.warm + 1, "{transport:?}: warm, full");
}

#[tokio::test]
async fn sasl1_with_tls_1_2() {
    compare(Switches::stock_prosody, Transport::StartTls).await;
    compare(Switches::stock_prosody, Transport::DirectTls).await;
}

#[tokio::test]
async fn quickstart_with_tls_1_2() {
    compare(Switches::quickstart_2013, Transport::StartTls).await;
}

#[tokio::test]
async fn sasl2_with_tls_1_2() {
    fn sasl2() -> Switches {
        Switches {
            pipelining: false,
            unprompted_restart: false,
            sm_before_sasl: false,
            ..Switches::modern()
        }
    }
    compare(sasl2, Transport::StartTls).await;
    compare(sasl2, Transport::DirectTls).await;
}

#[tokio::test]
async fn everything_with_tls_1_2() {
    compare(Switches::modern, Transport::StartTls).await;
}
