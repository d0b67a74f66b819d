//! S13: TCP Fast Open (RFC 7413) on real packets: the SYN carries the first flight, and with it the login.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a test")]

use std::time::Duration;

use snapback_client::Transport;
use snapback_interop::flaky::{
    Backend, Cell, RoundTrips, Setting, logins, resumptions_without_syn_data,
};
use snapback_interop::measure::Host;
use snapback_netsim::packets::Profile;
use snapback_reference_server::Switches;

const RTT: Duration = Duration::from_millis(100);

/// The reference server with everything, or without early data.
fn reference(early_data: bool) -> Host {
    match early_data {
        true => Host::Reference(Box::new(Switches::modern())),
        false => Backend::Reference.host(),
    }
}

async fn measured(host: Host, transport: Transport, early_data: bool) -> Option<RoundTrips> {
    let setting = Setting {
        early_data,
        fast_open: true,
        probe: Some(RTT * 2),
        ..Setting::new(host, transport, Profile::plain(RTT), 1)
    };
    logins(&setting, 3).await
}

/// Fails unless warm and resumed logins take this many flights, and no more time.
fn takes(name: &str, measured: &RoundTrips, flights: usize) {
    for (kind, logins) in [("warm", &measured.warm), ("resumed", &measured.resumed)] {
        let cell = Cell::of(logins, RTT).expect("there were logins");
        println!(
            "{name}, {kind}: {} flights, {:.2} round trips",
            cell.flights, cell.wall
        );
        assert_eq!(cell.flights, flights, "{name}, {kind}");
        let shown = logins.iter().all(|login| login.fast_open);
        assert!(shown, "{name}, {kind}: the timeline does not show it");
        // Less than without Fast Open. The machine may be busy.
        let most = flights as f64 + 0.95;
        assert!(cell.wall < most, "{name}, {kind}: {:.2}", cell.wall);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s13_direct_tls_takes_two_round_trips_and_one_with_early_data() {
    for (early_data, flights) in [(false, 2), (true, 1)] {
        let host = reference(early_data);
        let Some(measured) = measured(host, Transport::DirectTls, early_data).await else {
            return;
        };
        takes("direct TLS", &measured, flights);
    }
}

/// Header, `<starttls/>` and ClientHello travel in the SYN (XEP-0305).
#[tokio::test(flavor = "multi_thread")]
async fn s13_starttls_takes_two_round_trips_and_one_with_early_data() {
    for (early_data, flights) in [(false, 2), (true, 1)] {
        let host = reference(early_data);
        let Some(measured) = measured(host, Transport::StartTls, early_data).await else {
            return;
        };
        takes("STARTTLS", &measured, flights);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s13_ejabberd_takes_two_round_trips() {
    let host = Backend::Ejabberd.host();
    let Some(measured) = measured(host, Transport::DirectTls, false).await else {
        return;
    };
    takes("ejabberd", &measured, 2);
}

/// A network that drops SYNs with data costs one wait, and is remembered. The kernel sends the SYN again without data after a
/// second; without a measured round trip, nothing is given up earlier.
#[tokio::test(flavor = "multi_thread")]
async fn s13_a_network_without_fast_open_costs_one_wait() {
    let setting = Setting {
        fast_open: true,
        probe: Some(RTT * 2),
        ..Setting::new(
            reference(true),
            Transport::DirectTls,
            Profile::plain(RTT),
            1,
        )
    };
    let Some([first, second]) = resumptions_without_syn_data(&setting).await else {
        return;
    };
    println!("first {first:?}, second {second:?}");
    let syn_timeout = Duration::from_secs(1);
    let login = RTT * 3;
    // The old connection's probe comes first.
    assert!(first >= syn_timeout, "{first:?}");
    assert!(first < RTT * 2 + syn_timeout + login + RTT * 2, "{first:?}");
    assert!(second < login + RTT * 2, "{second:?}");
}
