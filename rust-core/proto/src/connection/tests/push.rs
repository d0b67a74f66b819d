//! XEP-0357: push notifications are enabled in each session that wants them.

use super::archive::{away, bind};
use super::peer::{Peer, Setup};
use super::scripts::*;
use super::setup::WALL;
use super::start_requests::disco;
use super::texts::*;
use crate::connection::{Command, Event};
use crate::escalation::{Evidence, Request, Subject};
use crate::knowledge::{Knowledge, Push, PushChange, PushRegistration, PushTarget};

const GREETING_WITH_PUSH: &str = "roster + disco + presence + archive + push + r";
/// The same, counted.
const GREETED_WITH_PUSH: u32 = GREETED2 + 1;

fn target(node: &str) -> PushTarget {
    PushTarget {
        service: "push.example.net".to_owned(),
        node: Some(node.to_owned()),
    }
}

fn registration(node: &str) -> PushRegistration {
    PushRegistration {
        target: target(node),
        options: vec![("secret".to_owned(), "planted".to_owned())],
    }
}

fn wanting(node: &str, mut knowledge: Knowledge) -> Knowledge {
    let wanted = PushChange::Wanted(Some(registration(node)));
    knowledge.push.apply(&wanted);
    knowledge
}

fn change(peer: &mut Peer, wanted: Option<PushRegistration>) {
    // The engine has stored it before.
    peer.store(crate::knowledge::Op::Push(PushChange::Wanted(
        wanted.clone(),
    )));
    peer.command(Command::PushChanged(wanted));
}

fn answer(flight: &str, name: &str, content: &str) -> String {
    let id = id_before(flight, &format!("<{name} xmlns='urn:xmpp:push:0'"));
    assert!(!id.is_empty(), "{name} in {flight}");
    let kind = if content.is_empty() {
        "result"
    } else {
        "error"
    };
    format!("<iq type='{kind}' id='{id}'>{content}</iq>")
}

fn refusal(flight: &str, name: &str) -> String {
    let error = "<error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    answer(flight, name, error)
}

fn told(peer: &mut Peer) -> Vec<&'static str> {
    let name = |event: &Event| match event {
        Event::PushEnabled => Some("enabled"),
        Event::PushRefused(_) => Some("refused"),
        _ => None,
    };
    peer.events().iter().filter_map(name).collect()
}

#[test]
fn i22_each_new_session_enables_it_in_its_first_flight() {
    let mut knowledge = wanting("n1", away());
    for _ in 0..2 {
        let (mut peer, flight) = bind(knowledge, "", GREETING_WITH_PUSH);
        assert!(flight.contains("<value>planted</value>"), "{flight}");
        peer.serve(&answer(&flight, "enable", ""));
        assert_eq!(told(&mut peer), ["enabled"]);
        assert!(peer.knowledge().push.is_told);
        knowledge = gone(peer.knowledge());
    }
}

#[test]
fn i22_a_resumed_session_has_it() {
    let (peer, flight) = bind(wanting("n1", away()), "", GREETING_WITH_PUSH);
    // Nothing of the greeting was counted: it is sent again, and nothing twice.
    let knowledge = peer.knowledge();
    let mut again = resumed_with(knowledge, 0);
    let flight_again = again.sends("iq + iq + presence + iq + iq + r");
    assert_eq!(
        flight_again
            .matches("<enable xmlns='urn:xmpp:push:0'")
            .count(),
        1
    );
    again.serve(&answer(&flight, "enable", ""));
    assert_eq!(told(&mut again), ["enabled"]);
    // All of it was counted.
    let mut again = resumed_with(settled(again.knowledge()), GREETED_WITH_PUSH);
    assert!(!again.sent.contains("urn:xmpp:push:0"));
    again.serve(&answer(&flight, "enable", ""));
    assert_eq!(told(&mut again), [""; 0], "it was answered before");
}

#[test]
fn i22_what_was_changed_without_a_connection_is_told_after_the_resumption() {
    let (mut peer, flight) = bind(wanting("n1", away()), "", GREETING_WITH_PUSH);
    // The entropy of a test repeats itself: no other request may be open.
    let answers = [roster(&flight), disco(&flight), fin(&flight, true, "")];
    peer.serve(&(answers.concat() + &answer(&flight, "enable", "")));
    let mut knowledge = peer.knowledge();
    knowledge
        .push
        .apply(&PushChange::Wanted(Some(registration("n2"))));
    let mut peer = resumed_with(settled(knowledge), GREETED_WITH_PUSH);
    let flight = peer.sends("no push + push + r");
    assert!(flight.contains("node='n1'") && flight.contains("node='n2'"));
    peer.serve(&answer(&flight, "disable", ""));
    peer.serve(&answer(&flight, "enable", ""));
    assert_eq!(told(&mut peer), ["enabled"]);
    let expected = Push {
        wanted: Some(registration("n2")),
        withdrawn: Vec::new(),
        is_told: true,
    };
    assert_eq!(peer.knowledge().push, expected);
}

#[test]
fn i22_a_change_while_online_is_told_at_once_and_disabled_until_that_is_confirmed() {
    let (mut peer, _) = bind(away(), "", GREETING2);
    change(&mut peer, Some(registration("n1")));
    let flight = peer.sends("push");
    peer.serve(&refusal(&flight, "enable"));
    assert_eq!(told(&mut peer), ["refused"]);
    change(&mut peer, Some(registration("n1")));
    peer.sends_nothing();
    change(&mut peer, None);
    let flight = peer.sends("no push");
    assert_eq!(peer.knowledge().push.withdrawn, [target("n1")]);
    // The session ends before the answer: the next one repeats it.
    let (mut peer, greeting) = bind(
        gone(peer.knowledge()),
        "",
        "roster + disco + presence + archive + no push + r",
    );
    peer.serve(&refusal(&greeting, "disable"));
    assert_eq!(peer.knowledge().push.withdrawn, []);
    assert_ne!(flight, greeting);
    let (_, _) = bind(gone(peer.knowledge()), "", GREETING2);
}

/// The change reaches a session whose initial stanzas have left, and which is not bound yet.
#[test]
fn i22_a_change_during_the_login_is_not_lost() {
    let setup = Setup::starttls().knowing(wanting("n1", gone(after_pipelining())));
    let mut peer = setup.start();
    open_combined(&mut peer);
    let shown = format!("{HEADER}{}", features(&format!("{SASL1}{SM}{PIPELINING}")));
    let last = format!("response + header + {GREETING} + push");
    let (success, flight) = scram1(&mut peer, &format!("header + {AUTH}"), &shown, &last);
    change(&mut peer, Some(registration("n2")));
    peer.sends_nothing();
    peer.serve(&format!(
        "{success}{HEADER}{}{}",
        features(AUTHENTICATED),
        bound(&flight)
    ));
    peer.is_online();
    let flight = peer.sends("no push + push");
    assert!(flight.contains("node='n1'") && flight.contains("node='n2'"));
}

#[test]
fn w1_a_server_that_ends_the_stream_over_it_is_asked_without_it() {
    let mut knowledge = wanting("n1", away());
    for _ in 0..2 {
        let subject = Subject::Request(Request::Push);
        let failures = &mut knowledge.failures;
        failures.note(subject, Evidence::Refusal, true, WALL);
    }
    let (mut peer, flight) = bind(knowledge, "", GREETING2);
    assert!(!peer.knowledge().push.is_told);
    peer.serve(&format!("{}{}", roster(&flight), disco(&flight)));
    peer.serve(&format!("{}{}", fin(&flight, true, ""), ack(GREETED2)));
    peer.sends_nothing();
}
