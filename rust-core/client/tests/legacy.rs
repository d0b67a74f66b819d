//! Servers as of RFC 3920: the order of the login, and resources without Bind 2.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use snapback_client::proto::error::{Assumption, ConnectionError};
use snapback_client::{
    Client, ClientConfig, EndReason, Event, LinkError, ServerAddress, Stage, Transport, Trust,
    danger,
};
use snapback_reference_server::Switches;
use support::{LinkDial, Setup};

const RTT: Duration = Duration::from_millis(10);

fn is_pipelined_bind(reason: &EndReason) -> bool {
    matches!(
        reason,
        EndReason::Link(LinkError::Connection(ConnectionError::WrongAssumption(
            Assumption::PipelinedBind
        )))
    )
}

/// Sends a message until it is acknowledged. Returns how often something was sent too early, and the sender's JID.
async fn settle(setup: &Setup) -> (usize, String) {
    let id = setup
        .client
        .send_message("romeo@localhost", "settle")
        .await
        .unwrap();
    let (mut too_early, mut ours) = (0, String::new());
    loop {
        match setup.event(|_| true).await {
            Event::Online { jid, .. } => ours = jid,
            Event::Ended { reason, .. } => too_early += usize::from(is_pipelined_bind(&reason)),
            Event::Stage {
                id: acked,
                stage: Stage::Acked,
            } if acked == id => return (too_early, ours),
            _ => {}
        }
    }
}

/// jabberd2 ends the stream over anything sent before `<session/>` is answered. This is tried once, and remembered.
#[tokio::test]
async fn s2_a_server_that_wants_the_order_of_rfc_3921_is_logged_in_to() {
    for transport in [Transport::StartTls, Transport::DirectTls] {
        let setup = Setup::new(Switches::jabberd2(), transport, RTT).await;
        setup.client.connect();
        for expected in [0, 1, 0, 0] {
            assert_eq!(settle(&setup).await.0, expected);
            setup.client.disconnect().await;
            setup.client.connect();
        }
        setup.cut();
        assert_eq!(settle(&setup).await.0, 0);
    }
}

/// Where nothing is refused, the second login proves it and wastes no attempt.
#[tokio::test]
async fn s2_a_server_that_does_not_care_for_the_order_is_not_asked_twice() {
    let setup = Setup::new(Switches::rfc6120_2012(), Transport::StartTls, RTT).await;
    setup.client.connect();
    for _ in 0..3 {
        assert_eq!(settle(&setup).await.0, 0);
        setup.client.disconnect().await;
        setup.client.connect();
    }
}

/// Without Bind 2: two devices of an account are online at the same time.
#[tokio::test]
async fn w11_two_installations_do_not_end_each_other() {
    let setup = Setup::new(Switches::rfc6120_2012(), Transport::StartTls, RTT).await;
    setup.client.connect();
    let (_, first) = settle(&setup).await;
    let mut config = ClientConfig::new("juliet@localhost", "r0m30").unwrap();
    let roots = danger::Roots::from_pem(setup.server.ca_pem().as_bytes()).unwrap();
    config.trust = Trust::Roots(roots);
    config.network.servers = vec![ServerAddress::at(setup.link.addr(), Transport::StartTls)];
    config.network.dial = Arc::new(LinkDial(Arc::clone(&setup.link)));
    let tablet = Client::open(config).unwrap();
    tablet.connect();
    let second = loop {
        if let Some(Event::Online { jid, .. }) = tablet.next_event().await {
            break jid;
        }
    };
    assert_ne!(first, second);
    // The first one is still online.
    assert_eq!(settle(&setup).await, (0, String::new()));
}

/// An old session of our own that the server has not dropped holds the resource.
#[tokio::test]
async fn w11_a_resource_that_is_taken_is_answered_with_another_on_the_same_stream() {
    let switches = Switches {
        bind_conflict: true,
        sm: false,
        ..Switches::rfc6120_2012()
    };
    let setup = Setup::new(switches, Transport::StartTls, RTT).await;
    setup.client.connect();
    let (_, first) = settle(&setup).await;
    setup.cut();
    let (_, second) = settle(&setup).await;
    assert_ne!(first, second);
}
