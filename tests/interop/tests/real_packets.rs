//! Round trips on real packets: the planned number is the actual one, and what Nagle's algorithm adds at the server.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a test")]

use std::time::Duration;

use snapback_client::Transport;
use snapback_interop::flaky::{Login, Setting, logins};
use snapback_interop::measure::Host;
use snapback_interop::{Flavour, ServerConfig};
use snapback_netsim::packets::Profile;

/// Long, so that the load of the machine is a small part of the time.
const RTT: Duration = Duration::from_millis(300);

/// SASL2, Bind 2 and FAST over direct TLS, warm or resumed; with `mod_quickstart` over STARTTLS, too.
const PLANNED: f64 = 3.0;

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_login_takes_the_round_trips_that_were_planned() {
    let Some([warm, resumed]) = least(Flavour::ProsodyModern, Transport::DirectTls, false).await
    else {
        return;
    };
    for took in [warm, resumed] {
        assert!((PLANNED..PLANNED + 0.9).contains(&took), "{took}");
    }
}

/// Prosody's default: the answer waits until the TLS tickets before it are acknowledged.
#[tokio::test(flavor = "multi_thread")]
async fn nagle_at_the_server_adds_one() {
    let Some([warm, resumed]) = least(Flavour::ProsodyModern, Transport::DirectTls, true).await
    else {
        return;
    };
    for took in [warm, resumed] {
        assert!((PLANNED + 1.0..PLANNED + 1.9).contains(&took), "{took}");
    }
}

/// Without this function of `mod_quickstart`, it would be one more with direct TLS, and two more with STARTTLS.
#[tokio::test(flavor = "multi_thread")]
async fn mod_quickstart_turns_nagle_off_for_its_connections() {
    for transport in [Transport::StartTls, Transport::DirectTls] {
        let Some([warm, resumed]) = least(Flavour::ProsodyModernQuickstart, transport, true).await
        else {
            return;
        };
        for took in [warm, resumed] {
            assert!((PLANNED..PLANNED + 0.9).contains(&took), "{took}");
        }
    }
}

/// Returns the least time of a warm and of a resumed login of three, in round trips: the load of the machine adds to
/// some.
async fn least(flavour: Flavour, transport: Transport, nagle: bool) -> Option<[f64; 2]> {
    let host = Host::Real(ServerConfig {
        nagle,
        ..ServerConfig::new(flavour)
    });
    let setting = Setting {
        probe: Some(RTT * 2),
        ..Setting::new(host, transport, Profile::plain(RTT), 1)
    };
    let measured = logins(&setting, 3).await?;
    let least = |logins: &[Login]| {
        let least = logins.iter().map(|login| login.took).min();
        least.expect("there are three").as_secs_f64() / RTT.as_secs_f64()
    };
    let both = [least(&measured.warm), least(&measured.resumed)];
    println!("{flavour:?}, {transport:?}, Nagle {nagle}: warm and resumed {both:.2?} round trips");
    Some(both)
}
