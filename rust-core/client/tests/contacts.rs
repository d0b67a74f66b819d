//! What a contact can send: none of it may keep the phone offline, hide what is archived, or end the stream (rules T6,
//! W2, W9, W10).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::time::Duration;

use snapback_client::{Outcome, Transport};
use snapback_reference_server::Switches;
use support::Setup;
use support::course::{Course, RTT, hasty};

const ROMEO: &str = "romeo@localhost/x";
const JULIET: &str = "juliet@localhost";

/// Returns messages that servers relay, and that no XML parser accepts or that exceed a limit.
fn refused_messages() -> Vec<String> {
    vec![
        "<y xmlns='v' p:a=''/>".to_owned(),
        "<a xmlns='http://www.w3.org/XML/1998/namespace'/>".to_owned(),
        "<x xmlns='v'>&#x1A;</x>".to_owned(),
        "<x xmlns='v'>&nbsp;</x>".to_owned(),
        "<x xmlns='v' a='' a=''/>".to_owned(),
        "<a>".repeat(70) + &"</a>".repeat(70),
        format!("<x xmlns='v'>{}</x>", "x".repeat(300_000)),
    ]
}

fn switches() -> Switches {
    Switches {
        early_data: None,
        ..Switches::modern()
    }
}

async fn online(course: &mut Course) -> Setup {
    let setup = Setup::with(switches(), Transport::DirectTls, RTT, |config| {
        hasty(config);
        config.catch_up.page = 2;
        config.catch_up.timeout = Duration::from_secs(5);
    })
    .await;
    setup.client.connect();
    let is_online = |course: &Course| !course.online.is_empty();
    setup.follow(course, is_online, "online").await;
    let id = setup.client.send_message("romeo@localhost", "settle").await;
    let id = id.unwrap();
    let settled = |course: &Course| course.acked.contains(&id);
    setup.follow(course, settled, "settled").await;
    setup.server.inject_message(ROMEO, JULIET, "hello");
    let greeted = |course: &Course| course.bodies().iter().any(|body| body == "hello");
    setup.follow(course, greeted, "greeted").await;
    course.gaps = 0;
    setup
}

fn has<'a>(body: &'a str) -> impl Fn(&Course) -> bool + 'a {
    move |course| course.bodies().iter().any(|other| other == body)
}

#[tokio::test]
async fn t6_what_a_contact_sends_does_not_end_the_stream() {
    let mut course = Course::default();
    let setup = online(&mut course).await;
    let messages = refused_messages();
    for inside in &messages {
        setup
            .server
            .inject_stanza("message", (ROMEO, JULIET, "m"), inside);
    }
    setup.server.inject_message(ROMEO, JULIET, "after");
    setup.follow(&mut course, has("after"), "after").await;
    assert_eq!(course.refused, messages.len());
    assert_eq!(course.online.len(), 1, "{}", course.log);
    assert!(course.ends.is_empty(), "{}", course.log);
}

#[tokio::test]
async fn w2_what_a_contact_sends_hides_nothing_of_the_archive() {
    let mut course = Course::default();
    let setup = online(&mut course).await;
    for inside in refused_messages() {
        setup.client.disconnect().await;
        for place in 0..5 {
            let body = format!("meanwhile {place}");
            setup.server.inject_message(ROMEO, JULIET, &body);
            setup
                .server
                .inject_stanza("message", (ROMEO, JULIET, "m"), &inside);
            setup
                .server
                .inject_stanza("message", (ROMEO, JULIET, "m"), &inside);
        }
        setup.server.inject_message(ROMEO, JULIET, "last");
        course.messages.clear();
        setup.client.connect();
        setup.follow(&mut course, has("last"), "last").await;
        let bodies = course.bodies();
        for place in 0..5 {
            let body = format!("meanwhile {place}");
            assert_eq!(
                bodies.iter().filter(|other| **other == body).count(),
                1,
                "{bodies:?}"
            );
        }
        assert_eq!(course.gaps, 0, "{}", course.log);
    }
    assert!(
        course
            .online
            .iter()
            .all(|outcome| *outcome == Outcome::Bound)
    );
    let sent = setup.server.messages_from("juliet");
    assert_eq!(sent.len(), 1, "nothing of ours was sent twice");
}

#[tokio::test]
async fn w9_a_request_with_a_huge_id_does_not_keep_the_phone_out() {
    let mut course = Course::default();
    let setup = online(&mut course).await;
    let to = setup.server.sessions()[0].jid.clone();
    for (id, inside) in [
        ("'".repeat(43_665), "<ping xmlns='urn:xmpp:ping'/>"),
        (
            "&".repeat(43_665),
            "<query xmlns='http://jabber.org/protocol/disco#info'/>",
        ),
        ("x".repeat(200_000), "<q xmlns='u' p:a=''/>"),
    ] {
        setup.server.inject_stanza("iq", (ROMEO, &to, &id), inside);
    }
    setup.server.inject_message(ROMEO, JULIET, "after");
    setup.follow(&mut course, has("after"), "after").await;
    assert_eq!(course.peer_faults.len(), 3, "{:?}", course.peer_faults);
    assert!(course.ends.is_empty(), "{}", course.log);
}
