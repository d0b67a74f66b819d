//! XEP-0478: the client respects the limits that the server announces.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::time::Duration;

use snapback_client::proto::xml::XmlError;
use snapback_client::{
    Client, Element, EndReason, Failure, IqError, Limit, Outcome, SendError, Transport,
};
use snapback_netsim::CutMode;
use snapback_reference_server::{Limits, Switches};
use support::Setup;
use support::course::{Course, RTT, hasty};

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

/// The stanza was queued before the limit was known, or under another one.
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
            // A server that announces its limit only after the login may have to refuse one stanza.
            let mut ends = course.ends;
            ends.retain(|end| *end != EndReason::Dropped);
            assert!(ends.len() <= 1, "{what}: {}", course.log);
        }
    }
}

/// W2: what other phones would refuse is refused here, by name, whether or not there is a connection; and costs none.
#[tokio::test]
async fn w2_what_receivers_would_refuse_is_not_taken() {
    let setup = Setup::hasty(Switches::modern(), Transport::DirectTls).await;
    let nested = |depth: usize| {
        let inner = Element::new("a", "urn:example");
        (1..depth).fold(inner, |inner, _| {
            Element::new("a", "urn:example").with_child(inner)
        })
    };
    let wide = (0..9_000).fold(Element::new("a", "urn:example"), |all, _| {
        all.with_child(Element::new("b", "urn:example"))
    });
    let within = |name: &str, child: Element| {
        Element::new(name, "jabber:client")
            .with_attr("to", "romeo@localhost")
            .with_child(child)
    };
    for is_online in [false, true] {
        if is_online {
            setup.client.connect();
            setup.online().await;
        }
        for (child, limit) in [
            (nested(60), Limit::Depth),
            (nested(1_000), Limit::Depth),
            (wide.clone(), Limit::Nodes),
        ] {
            let refused = setup.client.send(within("message", child.clone())).await;
            assert_eq!(refused, Err(SendError::TooComplex(limit)));
            let request = within("iq", child).with_attr("type", "set");
            let refused = setup.client.iq(request, Duration::from_secs(5)).await;
            assert_eq!(refused, Err(IqError::TooComplex(limit)));
        }
        // A name cannot be escaped.
        let misnamed = Element::new("a><b", "urn:example");
        let refused = setup.client.send(within("message", misnamed.clone())).await;
        assert_eq!(refused, Err(SendError::NotXml(XmlError::BadName)));
        let request = within("iq", misnamed).with_attr("type", "set");
        let refused = setup.client.iq(request, Duration::from_secs(5)).await;
        assert_eq!(refused, Err(IqError::NotXml(XmlError::BadName)));
    }
    let deepest = within("message", nested(59));
    let ids = vec![setup.client.send(deepest).await.unwrap()];
    let mut course = Course::default();
    let acked = |course: &Course| course.has_acked(&ids);
    setup.follow(&mut course, acked, "the deepest").await;
    assert!(course.ends.is_empty(), "{}", course.log);
}

/// W9: the answer to a request may be long, for as long as the request is open: also on a connection that resumed the session
/// after the server had acknowledged the request.
#[tokio::test]
async fn w9_a_large_answer_is_taken_after_the_request_was_acknowledged_and_the_session_resumed() {
    let switches = Switches {
        early_data: None,
        ..Switches::modern()
    };
    let setup = Setup::with(switches, Transport::DirectTls, RTT, |config| {
        hasty(config);
        config.limits.stanza = 10_000;
    })
    .await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    // A contact that is online and does not answer.
    let (_silent, link) = setup.another_online("romeo@localhost", "jul13t").await;
    let jid = |name: &str| {
        let sessions = setup.server.sessions();
        let session = sessions.iter().find(|one| one.jid.starts_with(name));
        session.unwrap().jid.clone()
    };
    let (romeo, juliet) = (jid("romeo@"), jid("juliet@"));
    link.cut(CutMode::Blackhole);
    let request = Element::new("iq", "jabber:client")
        .with_attr("type", "get")
        .with_attr("to", &romeo)
        .with_attr("id", "asked")
        .with_child(Element::new("query", "urn:example"));
    let asked = setup.client.iq(request, Duration::from_secs(600));
    let answered = async {
        let mut course = Course::default();
        let taken = |course: &Course| course.acked.iter().any(|id| id == "asked");
        setup.follow(&mut course, taken, "taken").await;
        setup.link.cut(CutMode::ResetBoth);
        let mut course = Course::default();
        let resumed = |course: &Course| course.online == [Outcome::Resumed];
        setup.follow(&mut course, resumed, "resumed").await;
        let inside = format!("<query xmlns='urn:example'>{}</query>", "x".repeat(50_000));
        let answer = |id| {
            let addresses = (romeo.as_str(), juliet.as_str(), id);
            setup
                .server
                .world(|world| world.inject_answer(addresses, &inside));
        };
        // The first was not requested.
        answer("never-asked");
        answer("asked");
        let mut course = Course::default();
        let refused = |course: &Course| course.refused > 0;
        setup
            .follow(&mut course, refused, "what was not asked for")
            .await;
        course
    };
    let (answer, course) =
        tokio::time::timeout(support::TIMEOUT, async { tokio::join!(asked, answered) })
            .await
            .unwrap();
    let answer = answer.unwrap();
    assert_eq!(
        answer.child("query", "urn:example").unwrap().text().len(),
        50_000
    );
    assert_eq!(course.refused, 1, "{}", course.log);
}
