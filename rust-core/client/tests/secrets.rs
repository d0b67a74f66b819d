//! Rule T9: the password and the FAST tokens never appear, neither in printed text nor on the wire outside TLS.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::sync::Arc;

use snapback_client::proto::knowledge::Op;
use snapback_client::{Client, ClientConfig, MemoryStore, ServerAddress, Transport, Trust, danger};
use snapback_reference_server::{Fault, Switches};
use support::Setup;
use support::course::{Course, PASSWORD, RTT, follow, hasty};
use support::tap::{Tap, TapDial};
use support::watched::Watch;

/// Long, so that it does not occur by chance.
const LONG_PASSWORD: &str = "correct horse battery staple 4711";

fn assert_hidden(text: &str, secrets: &[String], where_: &str) {
    for secret in secrets {
        assert!(!text.contains(secret.as_str()), "T9: a secret in {where_}");
    }
}

#[tokio::test]
async fn t9_planted_secrets_show_nowhere() {
    for transport in [Transport::DirectTls, Transport::StartTls] {
        for early_data in [false, true] {
            scan(transport, early_data).await;
        }
    }
}

async fn scan(transport: Transport, early_data: bool) {
    // Another client's set-up provides the server.
    let host = Setup::hasty(Switches::modern(), transport).await;
    host.server.add_account("juliet", LONG_PASSWORD);
    let tap = Tap::default();
    let upstream = match transport {
        Transport::DirectTls => host.server.direct_addr(),
        Transport::StartTls => host.server.starttls_addr(),
    };
    let (store, seen) = Watch::over(MemoryStore::default());
    let mut config = ClientConfig::new("juliet@localhost", LONG_PASSWORD).unwrap();
    config.trust = Trust::Roots(danger::Roots::from_pem(host.server.ca_pem().as_bytes()).unwrap());
    config.network.servers = vec![ServerAddress::at(upstream, transport)];
    config.network.dial = Arc::new(TapDial {
        tap: tap.clone(),
        server: upstream,
    });
    config.store = Box::new(store);
    hasty(&mut config);
    config.policy.early_data = early_data;
    let mut printed = format!("{config:?} {:?}", config.policy);
    let client = Client::open(config).unwrap();
    printed += &format!("{client:?}");
    let mut course = Course::default();
    client.connect();
    let until = |sessions: usize| move |course: &Course| course.online.len() == sessions;
    follow(&client, &mut course, &mut until(1), "first").await;
    for (number, fault) in [
        Fault::WrongHtProof,
        Fault::WrongScramSignature,
        Fault::ForgetSmSession,
        Fault::ForgetFastTokens,
    ]
    .into_iter()
    .enumerate()
    {
        let id = client.send_message("romeo@localhost", "hi").await.unwrap();
        let acked = |course: &Course| course.acked.contains(&id);
        follow(&client, &mut course, &mut { acked }, "acked").await;
        host.server
            .faults(|faults| faults.next_connection = vec![fault]);
        host.server.cut_all();
        follow(&client, &mut course, &mut until(number + 2), "again").await;
    }
    client.disconnect().await;
    host.server.add_account("juliet", "changed elsewhere");
    host.server.world(|world| {
        world.switches.fast.clear();
    });
    client.connect();
    let halted = |course: &Course| course.halted.is_some() && !course.ends.is_empty();
    follow(&client, &mut course, &mut { halted }, "a refused password").await;
    printed += &format!("{client:?}");

    let seen = seen.lock().unwrap();
    let tokens = seen
        .transactions
        .iter()
        .flatten()
        .filter_map(|op| match op {
            Op::StoreFast(token) => Some(token.token.expose().clone()),
            _ => None,
        });
    let mut secrets: Vec<String> = tokens.collect();
    assert!(!secrets.is_empty(), "there was a token");
    secrets.push(LONG_PASSWORD.to_owned());
    let stored = format!("{} {:?}", seen.loaded, seen.transactions);
    assert_hidden(&course.log, &secrets, "events");
    assert_hidden(&printed, &secrets, "configuration and client");
    assert_hidden(&stored, &secrets, "what the store receives");
    let bytes = format!("{:?}", LONG_PASSWORD.as_bytes());
    assert_hidden(&stored, &[bytes], "bytes that the store receives");
    for secret in &secrets {
        assert!(!tap.has_seen(secret), "T9: a secret on the wire");
    }
    for secret in ["juliet", "<message", "<auth", "<presence", "<resume"] {
        assert!(!tap.has_seen(secret), "{secret} outside TLS");
    }
    assert!(!tap.streams().is_empty());
}

/// The tap itself works: in the clear the secret would be seen.
#[tokio::test]
async fn the_tap_sees_what_is_in_the_clear() {
    let host = Setup::with(Switches::modern(), Transport::StartTls, RTT, hasty).await;
    let tap = Tap::default();
    let (client, _link) = Setup::another(
        &host.server,
        "juliet@localhost",
        PASSWORD,
        Transport::StartTls,
        |config| {
            config.network.dial = Arc::new(TapDial {
                tap: tap.clone(),
                server: host.server.starttls_addr(),
            });
        },
    )
    .await;
    client.connect();
    let mut course = Course::default();
    let online = |course: &Course| !course.online.is_empty();
    follow(&client, &mut course, &mut { online }, "online").await;
    assert!(tap.has_seen("<starttls"));
    assert!(tap.has_seen("<proceed"));
}
