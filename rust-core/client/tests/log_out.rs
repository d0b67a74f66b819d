//! Logging out revokes the token (rule S5).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::time::Duration;

use snapback_client::{Login, Outcome, Transport};
use snapback_reference_server::Switches;
use support::Setup;

const RTT: Duration = Duration::from_millis(2);

#[tokio::test]
async fn s5_the_token_is_worth_nothing_after_a_log_out() {
    let setup = Setup::new(Switches::modern(), Transport::DirectTls, RTT).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    setup.client.log_out().await;

    let records = setup.server.connections();
    let last = records.last().unwrap();
    assert_eq!(
        records.len(),
        2,
        "one connection for the session, one to revoke the token"
    );
    assert!(
        last.mechanism.as_deref().unwrap().starts_with("HT-SHA-256"),
        "{:?}",
        last.mechanism
    );
    assert_eq!(
        setup.server.sessions().len(),
        0,
        "neither of them left a session"
    );

    setup.client.connect();
    let again = setup.online().await;
    assert_eq!(again.outcome, Outcome::Bound);
    assert!(
        matches!(again.plan.login, Login::Sasl2(_)),
        "{}",
        again.plan
    );
}

#[tokio::test]
async fn s5_without_a_network_the_log_out_ends_all_the_same() {
    let setup = Setup::new(Switches::modern(), Transport::DirectTls, RTT).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    setup.client.disconnect().await;
    setup
        .link
        .down(snapback_netsim::DownMode::Refuse)
        .await
        .unwrap();
    setup.client.log_out().await;
    setup.link.up().await.unwrap();
    setup.client.connect();
    let again = setup.online().await;
    assert!(
        matches!(again.plan.login, Login::Sasl2(_)),
        "{}",
        again.plan
    );
}

/// The platform reports no network, or the app is suspended: there is nothing to wait for.
#[tokio::test]
async fn s5_while_no_attempt_can_be_made_the_log_out_does_not_wait_for_one() {
    for asleep in [false, true] {
        let setup = Setup::new(Switches::modern(), Transport::DirectTls, RTT).await;
        setup.client.connect();
        setup.online().await;
        setup.settle().await;
        setup.client.suspend().await;
        setup.client.network_changed(false);
        if !asleep {
            setup.client.resume();
        }
        let limit = Duration::from_secs(5);
        tokio::time::timeout(limit, setup.client.log_out())
            .await
            .unwrap();
        setup.client.network_changed(true);
        setup.client.resume();
        setup.client.connect();
        let again = setup.online().await;
        assert_eq!(
            again.outcome,
            Outcome::Bound,
            "the session is forgotten, too"
        );
        assert!(
            matches!(again.plan.login, Login::Sasl2(_)),
            "{}",
            again.plan
        );
    }
}
