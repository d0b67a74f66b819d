//! The flight recorder: what connections did, and how good they were.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::time::Duration;

use snapback_client::{Event, Outcome, Transport, attempts};
use snapback_reference_server::Switches;
use support::Setup;

#[tokio::test]
async fn sessions_and_failed_attempts_are_recorded() {
    let setup = Setup::hasty(Switches::modern(), Transport::DirectTls).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    // Nothing listens there.
    setup.link.set_upstream(([127, 0, 0, 1], 1).into());
    setup.cut();
    let is_end = |event: &Event| matches!(event, Event::Ended { .. });
    // Of the session, and of an attempt in vain.
    setup.event(is_end).await;
    setup.event(is_end).await;
    setup.link.set_upstream(setup.server.direct_addr());
    setup.client.network_changed(true);
    setup.online().await;

    let recorded = setup.client.recent_attempts();
    let numbers: Vec<u64> = recorded.iter().map(|attempt| attempt.number).collect();
    assert_eq!(numbers, (1..=recorded.len() as u64).collect::<Vec<_>>());
    let (first, failed, last) = (&recorded[0], &recorded[1], recorded.last().unwrap());
    assert_eq!(first.outcome, Some(Outcome::Bound));
    assert!(first.ended.is_some() && first.lasted.is_some());
    assert_eq!((failed.outcome, failed.lasted), (None, None));
    assert!(failed.ended.is_some());
    assert_eq!(last.outcome, Some(Outcome::Resumed));
    assert_eq!((&last.ended, last.lasted), (&None, None));
    assert!(last.timeline.is_some());

    let quality = setup.client.connection_quality();
    assert_eq!((quality.bound, quality.resumed), (1, 1));
    assert_eq!(quality.attempts, recorded.len() as u64);
    let login = quality.login.unwrap();
    assert!(login.p50 > Duration::ZERO && login.p50 <= login.p99);
    assert!(quality.time_to_online.unwrap().p99 >= login.p50);
    assert!(quality.round_trip.is_some());

    let exported = attempts::to_json_lines(&recorded);
    assert!(exported.contains("\"outcome\":\"resumed\""), "{exported}");
    for secret in ["juliet", "r0m30"] {
        assert!(!exported.contains(secret), "{exported}");
    }
}
