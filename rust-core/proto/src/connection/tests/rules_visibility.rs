//! W9 and W10: who gets an answer, and how long it may be.

use std::sync::Arc;

use super::peer::{Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::{Command, Event};
use crate::error::ConnectionError;
use crate::knowledge::OutboundKind;
use crate::ns;
use crate::stream::features::{StreamFeatures, StreamLimits};
use crate::xml::Element;

fn online() -> Peer {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.events();
    peer.ops();
    peer
}

const PING: &str = "<ping xmlns='urn:xmpp:ping'/>";
const DISCO: &str = "<query xmlns='http://jabber.org/protocol/disco#info'/>";

fn get(id: &str, from: &str, payload: &str) -> String {
    format!("<iq type='get' id='{id}' from='{from}' to='{JID}'>{payload}</iq>")
}

fn is_refused(answer: &str) -> bool {
    answer.contains("type='error'") && answer.contains("<service-unavailable ")
}

/// What left since the last look, acknowledgement requests included.
fn left(peer: &mut Peer) -> String {
    peer.flight.drain(..).map(|(_, text)| text).collect()
}

fn show_to(peer: &mut Peer, to: Option<&str>, kind: Option<&str>) {
    let mut presence = Element::new("presence", ns::CLIENT);
    for (name, value) in [("to", to), ("type", kind)] {
        if let Some(value) = value {
            presence.set_attr(name, value);
        }
    }
    peer.command(Command::Send {
        stanza: presence.into(),
        kind: OutboundKind::SessionBound,
    });
}

#[test]
fn w10_who_does_not_see_us_is_reported_what_the_server_says_of_an_absent_resource() {
    for from in [
        "mallory@example.net/x",
        "mallory@example.net",
        "example.net",
        "romeo@example.net.evil/x",
        "romeo@example.org/x",
        "@",
        "",
    ] {
        for payload in [PING, DISCO, "<query xmlns='jabber:iq:version'/>"] {
            let mut peer = online();
            peer.serve(&get("a1", from, payload));
            let answer = left(&mut peer);
            assert!(is_refused(&answer), "{from} {answer}");
            assert_eq!(
                answer.matches("xmlns='").count(),
                2,
                "nothing else: {answer}"
            );
        }
    }
}

#[test]
fn w10_who_may_see_us_is_answered() {
    for from in [
        " from='romeo@example.net/x'",
        " from='Romeo@EXAMPLE.net/x'",
        " from='romeo@example.net'",
        " from='juliet@example.org/elsewhere'",
        " from='juliet@example.org'",
        " from='example.org'",
        "",
    ] {
        let mut peer = online();
        peer.serve(&format!("<iq type='get' id='a1'{from}>{PING}</iq>"));
        let answer = left(&mut peer);
        assert!(answer.contains("type='result'"), "{from}: {answer}");
    }
}

#[test]
fn w10_subscriptions_decide_as_the_roster_changes() {
    for (subscription, is_seen) in [
        ("none", false),
        ("to", false),
        ("from", true),
        ("both", true),
        ("remove", false),
    ] {
        let mut peer = online();
        peer.serve(&format!(
            "<iq type='set' id='p'><query xmlns='jabber:iq:roster'><item jid='Romeo@example.net' subscription='{subscription}'/></query></iq>"
        ));
        left(&mut peer);
        peer.serve(&ack(GREETED2 + 1));
        peer.serve(&get("a1", "romeo@example.net/x", PING));
        let answer = left(&mut peer);
        assert_eq!(
            answer.contains("type='result'"),
            is_seen,
            "{subscription}: {answer}"
        );
        assert!(peer.knowledge().watchers == Default::default() || is_seen);
    }
}

#[test]
fn w10_directed_presence_shows_us_until_it_is_taken_back() {
    let room = "room@chat.example.net/nurse";
    let mut peer = online();
    peer.serve(&get("a1", room, PING));
    assert!(is_refused(&left(&mut peer)));
    show_to(&mut peer, Some("Room@chat.example.net/juliet"), None);
    left(&mut peer);
    peer.serve(&get("a2", room, PING));
    assert!(left(&mut peer).contains("type='result'"));
    show_to(&mut peer, Some("mallory@example.net"), Some("subscribe"));
    peer.serve(&get("a3", "mallory@example.net/x", PING));
    assert!(is_refused(&left(&mut peer)), "a request shows nothing");
    show_to(
        &mut peer,
        Some("room@chat.example.net/juliet"),
        Some("unavailable"),
    );
    peer.serve(&get("a4", room, PING));
    assert!(is_refused(&left(&mut peer)));
    show_to(&mut peer, Some("nurse@example.net"), None);
    show_to(&mut peer, None, Some("unavailable"));
    peer.serve(&get("a5", "nurse@example.net/x", PING));
    assert!(is_refused(&left(&mut peer)));
}

#[test]
fn w10_a_refused_request_of_a_stranger_tells_nothing_either() {
    let mut peer = online();
    peer.serve(&get("a1", "mallory@example.net/x", "<q xmlns='u' p:a=''/>"));
    let answer = left(&mut peer);
    assert!(
        is_refused(&answer) && !answer.contains("bad-request"),
        "{answer}"
    );
}

#[test]
fn w10_an_iq_without_id_is_counted_and_not_answered() {
    for iq in [
        format!("<iq type='get' from='romeo@example.net/x'>{PING}</iq>"),
        format!("<iq type='set' from='mallory@example.net/x'>{DISCO}</iq>"),
        "<iq type='get'><a p:b=''/></iq>".to_owned(),
    ] {
        let mut peer = online();
        peer.serve(&iq);
        peer.sends_nothing();
        assert_eq!(peer.knowledge().sm.unwrap().h, 4);
        assert!(
            peer.events()
                .contains(&Event::PeerFault("request without an id"))
        );
    }
}

#[test]
fn w9_a_request_with_a_huge_id_is_counted_reported_and_not_answered() {
    for (id, payload) in [
        ("&apos;".repeat(43_665), PING),
        ("x".repeat(1025), PING),
        ("\"&lt;".repeat(600), DISCO),
        ("&amp;".repeat(2000), "<q xmlns='u' p:a=''/>"),
    ] {
        for from in [
            "romeo@example.net/x",
            "mallory@example.net/x",
            "example.org",
        ] {
            let mut peer = online();
            peer.serve(&get(&id, from, payload));
            peer.sends_nothing();
            assert_eq!(peer.knowledge().sm.unwrap().h, 4);
            let events = peer.events();
            assert!(
                events
                    .iter()
                    .any(|event| matches!(event, Event::PeerFault(_))),
                "{events:?}"
            );
        }
    }
    let mut peer = online();
    peer.serve(&get(&"&apos;".repeat(1024), "romeo@example.net/x", PING));
    assert!(
        left(&mut peer).contains("type='result'"),
        "1 KiB is answered"
    );
}

/// XEP-0478: the server says what it takes; what else is echoed counts as well.
#[test]
fn w9_no_answer_is_longer_than_what_the_server_takes() {
    for (max_bytes, from, answered) in [
        (None, format!("romeo@example.net/{}", "x".repeat(900)), true),
        (Some(300), "romeo@example.net/x".to_owned(), true),
        (
            Some(300),
            format!("romeo@example.net/{}", "x".repeat(300)),
            false,
        ),
    ] {
        let mut knowledge = after_sasl2();
        knowledge.server.authenticated = Some(Arc::new(StreamFeatures {
            limits: Some(StreamLimits {
                max_bytes,
                idle_seconds: None,
            }),
            ..StreamFeatures::default()
        }));
        let mut peer = Setup::starttls().knowing(knowledge).start();
        open_starttls(&mut peer);
        finish_fast_resume(&mut peer, GREETED2);
        peer.events();
        peer.serve(&get("a1", &from, PING));
        let is_reported = peer
            .events()
            .contains(&Event::PeerFault("request whose answer is too long"));
        assert_eq!(is_reported, !answered, "{from}");
    }
}

#[test]
fn w9_a_policy_violation_right_after_an_answer_is_about_the_answer() {
    const END: &str = "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    for (asked, expected) in [(true, true), (false, false)] {
        let mut peer = online();
        if asked {
            peer.serve(&get("a1", "romeo@example.net/x", PING));
            left(&mut peer);
        }
        peer.serve(END);
        let Some(Some(ConnectionError::Stream(error))) = &peer.closed else {
            panic!("{:?}", peer.closed);
        };
        assert_eq!(error.after_answer, expected);
    }
    let mut peer = online();
    peer.serve(&get("a1", "romeo@example.net/x", PING));
    left(&mut peer);
    peer.serve(&ack(GREETED2 + 1));
    peer.pass(std::time::Duration::from_secs(120));
    peer.serve(END);
    let Some(Some(ConnectionError::Stream(error))) = &peer.closed else {
        return;
    };
    assert!(!error.after_answer, "long before");
}
