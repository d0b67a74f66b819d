//! Requests of other entities that the app answers (RFC 6120 section 8.2.3; decision 0123).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::time::Duration;

use snapback_client::proto::stanza::{ErrorType, StanzaCondition, StanzaError};
use snapback_client::{Client, Element, InboundRequest, IqError, Outcome, RespondError, Transport};
use snapback_reference_server::Switches;
use support::course::{RTT, hasty};
use support::{Setup, TIMEOUT};

const VERSION: &str = "jabber:iq:version";
const DISCO: &str = "http://jabber.org/protocol/disco#info";
const SOON: Duration = Duration::from_secs(5);

async fn online(answer: Duration) -> (Setup, Client) {
    let switches = Switches {
        early_data: None,
        ..Switches::modern()
    };
    let setup = Setup::with(switches, Transport::DirectTls, RTT, |config| {
        hasty(config);
        config.timeouts.answer = answer;
        config.identity.requests = vec![VERSION.to_owned()];
    })
    .await;
    setup
        .server
        .world(|world| world.befriend("juliet", "romeo"));
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    let (romeo, link) = setup.another_online("romeo@localhost", "jul13t").await;
    // The link exists until the test ends.
    std::mem::forget(link);
    (setup, romeo)
}

fn juliet(setup: &Setup) -> String {
    let sessions = setup.server.sessions();
    let session = sessions
        .iter()
        .find(|session| session.jid.starts_with("juliet@"));
    session.unwrap().jid.clone()
}

fn get(setup: &Setup, namespace: &str) -> Element {
    Element::new("iq", "jabber:client")
        .with_attr("type", "get")
        .with_attr("to", juliet(setup))
        .with_child(Element::new("query", namespace))
}

async fn next(setup: &Setup) -> InboundRequest {
    let next = tokio::time::timeout(TIMEOUT, setup.client.next_request());
    next.await.unwrap().unwrap()
}

fn version() -> Element {
    let name = Element::new("name", VERSION).with_text("Balcony & <Co>");
    Element::new("query", VERSION).with_child(name)
}

#[track_caller]
fn condition(answer: Result<Element, IqError>) -> StanzaCondition {
    match answer {
        Err(IqError::Refused(error)) => error.condition,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn w10_the_app_answers_what_it_handles_and_advertises_it() {
    let (setup, romeo) = online(SOON).await;
    let (answer, ()) = tokio::join!(romeo.iq(get(&setup, VERSION), SOON), async {
        let request = next(&setup).await;
        assert!(request.from().unwrap().starts_with("romeo@localhost/"));
        assert!(!request.is_set());
        assert!(request.payload().unwrap().is("query", VERSION));
        assert_eq!(request.respond(Some(version())).await, Ok(()));
    });
    let answer = answer.unwrap();
    assert_eq!(answer.child("query", VERSION), Some(&version()));
    let info = romeo.iq(get(&setup, DISCO), SOON).await.unwrap();
    let features: Vec<_> = info.child("query", DISCO).unwrap().children().collect();
    let has = |name: &str| {
        features
            .iter()
            .any(|feature| feature.attr("var") == Some(name))
    };
    assert!(has(VERSION) && has("urn:xmpp:ping"));
    let other = romeo.iq(get(&setup, "jabber:iq:last"), SOON).await;
    assert_eq!(condition(other), StanzaCondition::ServiceUnavailable);
}

#[tokio::test]
async fn w10_a_stranger_does_not_reach_the_app() {
    let (setup, _romeo) = online(SOON).await;
    setup.server.add_account("mallory", "m");
    let (mallory, _link) = setup.another_online("mallory@localhost", "m").await;
    let answer = mallory.iq(get(&setup, VERSION), SOON).await;
    assert_eq!(condition(answer), StanzaCondition::ServiceUnavailable);
    let nothing = tokio::time::timeout(Duration::from_millis(50), setup.client.next_request());
    assert!(nothing.await.is_err());
}

#[tokio::test]
async fn an_app_refuses_with_its_own_error_or_by_dropping_the_request() {
    let (setup, romeo) = online(SOON).await;
    let (answer, ()) = tokio::join!(romeo.iq(get(&setup, VERSION), SOON), async {
        let error = StanzaError::new(ErrorType::Auth, StanzaCondition::Forbidden);
        assert_eq!(next(&setup).await.refuse(error).await, Ok(()));
    });
    assert_eq!(condition(answer), StanzaCondition::Forbidden);
    let (answer, ()) = tokio::join!(romeo.iq(get(&setup, VERSION), SOON), async {
        drop(next(&setup).await);
    });
    assert_eq!(condition(answer), StanzaCondition::ServiceUnavailable);
}

#[tokio::test]
async fn w9_an_answer_that_cannot_be_sent_is_an_error_for_both_sides() {
    let (setup, romeo) = online(SOON).await;
    let large = Element::new("query", VERSION).with_text("x".repeat(300_000));
    let (answer, ()) = tokio::join!(romeo.iq(get(&setup, VERSION), SOON), async {
        let outcome = next(&setup).await.respond(Some(large)).await;
        assert!(
            matches!(outcome, Err(RespondError::Unsendable(_))),
            "{outcome:?}"
        );
    });
    assert_eq!(condition(answer), StanzaCondition::InternalServerError);
    let no_xml = Element::new("a b", VERSION);
    let (answer, ()) = tokio::join!(romeo.iq(get(&setup, VERSION), SOON), async {
        let outcome = next(&setup).await.respond(Some(no_xml)).await;
        assert!(
            matches!(outcome, Err(RespondError::Unsendable(_))),
            "{outcome:?}"
        );
    });
    assert_eq!(condition(answer), StanzaCondition::InternalServerError);
}

#[tokio::test]
async fn i20_a_request_that_the_app_does_not_answer_in_time_gets_an_error() {
    let (setup, romeo) = online(Duration::from_millis(200)).await;
    let answer = romeo.iq(get(&setup, VERSION), SOON).await;
    assert_eq!(condition(answer), StanzaCondition::ResourceConstraint);
    let request = next(&setup).await;
    let late = request.respond(Some(version())).await;
    assert_eq!(late, Err(RespondError::Expired));
}

#[tokio::test]
async fn i4_an_answer_that_is_given_without_a_connection_is_sent_when_the_session_is_resumed() {
    let (setup, romeo) = online(SOON).await;
    let (answer, ()) = tokio::join!(romeo.iq(get(&setup, VERSION), TIMEOUT), async {
        let request = next(&setup).await;
        setup.client.suspend().await;
        assert_eq!(request.respond(Some(version())).await, Ok(()));
        setup.client.resume();
        assert_eq!(setup.online().await.outcome, Outcome::Resumed);
    });
    let answer = answer.unwrap();
    assert_eq!(answer.child("query", VERSION), Some(&version()));
}

#[tokio::test]
async fn an_answer_belongs_to_its_session() {
    let (setup, _romeo) = online(SOON).await;
    let to = juliet(&setup);
    let from = ("romeo@localhost/x", to.as_str(), "a1");
    let inside = format!("<query xmlns='{VERSION}'/>");
    setup.server.inject_stanza("iq", from, &inside);
    let request = next(&setup).await;
    setup.lose_session().await;
    setup.client.resume();
    assert_eq!(setup.online().await.outcome, Outcome::Bound);
    let late = request.respond(Some(version())).await;
    assert_eq!(late, Err(RespondError::Expired));
}
