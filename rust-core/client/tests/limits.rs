//! XEP-0478: the limits that the server shows are kept to.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::time::Duration;

use snapback_client::{Client, Element, EndReason, Failure, IqError, SendError, Transport};
use snapback_reference_server::{Limits, Switches};
use support::Setup;
use support::course::Course;

fn with(max_bytes: u32) -> Switches {
    Switches {
        early_data: None,
        limits: Some(Limits {
            max_bytes,
            idle_seconds: None,
        }),
        ..Switches::modern()
    }
}

async fn send(client: &Client, length: usize) -> Result<String, SendError> {
    client
        .send_message("romeo@localhost", &"x".repeat(length))
        .await
}

#[tokio::test]
async fn a_stanza_that_the_server_does_not_take_is_refused_at_once() {
    for sasl2 in [true, false] {
        let switches = Switches {
            sasl2,
            ..with(1_000)
        };
        let setup = Setup::hasty(switches, Transport::DirectTls).await;
        setup.client.connect();
        setup.online().await;
        setup.settle().await;
        let refused = send(&setup.client, 4_061).await;
        assert!(
            matches!(
                refused,
                Err(SendError::TooBig {
                    size: 4_061..,
                    limit: 1_000
                })
            ),
            "{refused:?}"
        );
        let payload = Element::new("query", "urn:example").with_text("x".repeat(1_000));
        let request = Element::new("iq", "jabber:client")
            .with_attr("type", "get")
            .with_child(payload);
        let refused = setup.client.iq(request, Duration::from_secs(5)).await;
        assert_eq!(refused, Err(IqError::TooBig));
        let ids = setup.send_some(3).await;
        let mut course = Course::default();
        let acked = |course: &Course| course.has_acked(&ids);
        setup.follow(&mut course, acked, "the small ones").await;
        assert!(course.ends.is_empty(), "{}", course.log);
    }
}

/// It was queued when nobody knew, or when the limit was another one.
#[tokio::test]
async fn what_is_queued_and_too_big_fails_by_name_and_the_rest_arrives() {
    for was_online in [true, false] {
        for sasl2 in [true, false] {
            let before = if was_online { 262_144 } else { 1_500 };
            let switches = Switches {
                sasl2,
                ..with(before)
            };
            let setup = Setup::hasty(switches, Transport::DirectTls).await;
            if was_online {
                setup.client.connect();
                setup.online().await;
                setup.settle().await;
                setup.client.suspend().await;
                let limits = with(1_500).limits;
                setup.server.switches(|switches| switches.limits = limits);
            }
            let mut ids = setup.send_some(2).await;
            let big = send(&setup.client, 4_061).await.unwrap();
            ids.extend(setup.send_some(2).await);
            setup.client.connect();
            let mut course = Course::default();
            let done = |course: &Course| course.has_acked(&ids) && !course.failed.is_empty();
            let what = format!("online before: {was_online}, SASL2: {sasl2}");
            setup.follow(&mut course, done, &what).await;
            let (id, why) = &course.failed[0];
            assert_eq!(
                (id, course.failed.len()),
                (&big, 1),
                "{what} {}",
                course.log
            );
            assert!(
                matches!(
                    why,
                    Failure::TooBig {
                        size: 4_061..,
                        limit: 1_500
                    }
                ),
                "{what}: {why:?}"
            );
            // A server that shows its limit behind the login only may have to say it once.
            let mut ends = course.ends;
            ends.retain(|end| *end != EndReason::Dropped);
            assert!(ends.len() <= 1, "{what}: {}", course.log);
        }
    }
}
