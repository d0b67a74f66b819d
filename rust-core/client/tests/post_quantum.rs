//! A post-quantum key exchange (X25519MLKEM768): bytes, and never a flight.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::time::Duration;

use snapback_client::{PostQuantum, Transport};
use snapback_reference_server::{Switches, TlsVersions};
use support::{Session, Setup};

const RTT: Duration = Duration::from_millis(20);

/// The key shares of ML-KEM-768 (FIPS 203 table 3): client's and server's.
const SHARES: [u64; 2] = [1184, 1088];

/// A cold login, a resumption with a ticket, and a new session with one.
async fn logins(switches: &Switches, post_quantum: PostQuantum) -> [Session; 3] {
    let setup = Setup::with(switches.clone(), Transport::DirectTls, RTT, |config| {
        config.policy.post_quantum = post_quantum;
        config.policy.early_data = true;
    })
    .await;
    setup.three_logins().await
}

fn groups(logins: &[Session; 3]) -> [Option<&str>; 3] {
    logins.each_ref().map(|login| {
        let tls = login.timeline.tls.as_ref();
        tls.and_then(|tls| tls.key_exchange)
    })
}

fn bytes(login: &Session) -> [u64; 2] {
    [login.timeline.bytes_sent, login.timeline.bytes_received]
}

fn switches(post_quantum: bool, early_data: bool) -> Switches {
    let modern = Switches::modern();
    Switches {
        post_quantum,
        early_data: modern.early_data.filter(|_| early_data),
        ..modern
    }
}

#[tokio::test]
async fn a_login_takes_no_more_flights_and_its_key_shares_in_bytes() {
    for early_data in [false, true] {
        let switches = switches(true, early_data);
        let off = logins(&switches, PostQuantum::Off).await;
        let on = logins(&switches, PostQuantum::Prefer).await;
        assert_eq!(groups(&off), [Some("X25519"); 3]);
        assert_eq!(groups(&on), [Some("X25519MLKEM768"); 3]);
        for (off, on) in off.iter().zip(&on) {
            let flights = [off, on].map(|login| login.timeline.round_trips());
            assert_eq!(flights[0], flights[1], "early data: {early_data}");
            let (less, more) = (bytes(off), bytes(on));
            for ((less, more), share) in less.iter().zip(more).zip(SHARES) {
                println!("early data: {early_data}, {less} and {more} bytes");
                // ClientHello has a key share of either kind; ids and stamps differ in length.
                let cost = more.saturating_sub(*less);
                assert!(cost.abs_diff(share) < 128, "{cost} bytes");
            }
        }
    }
}

/// ClientHello holds a share of X25519 as well. Later logins leave the unused one out.
#[tokio::test]
async fn a_server_without_it_needs_no_further_flight() {
    let without = switches(false, false);
    let off = logins(&without, PostQuantum::Off).await;
    let on = logins(&without, PostQuantum::Prefer).await;
    assert_eq!(groups(&on), [Some("X25519"); 3]);
    for (off, on) in off.iter().zip(&on) {
        let flights = [off, on].map(|login| login.timeline.round_trips());
        assert_eq!(flights[0], flights[1]);
    }
    let [[first, _], [second, _]] = [&off[1], &on[1]].map(bytes);
    assert!(second.abs_diff(first) < 128, "{first} and {second} bytes");
}

#[tokio::test]
async fn tls_1_2_has_no_such_group() {
    let old = Switches {
        tls_versions: TlsVersions::Tls12,
        ..switches(true, false)
    };
    let on = logins(&old, PostQuantum::Prefer).await;
    assert_eq!(groups(&on)[0], Some("X25519"));
}
