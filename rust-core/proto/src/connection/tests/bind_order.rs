//! Rule S2: what follows a bind request waits for its answer, unless the server is known to take it earlier.

use std::sync::Arc;
use std::time::Duration;

use super::peer::{Peer, Setup};
use super::scripts::*;
use super::setup::WALL;
use super::texts::*;
use crate::connection::{Command, Event};
use crate::error::{Assumption, ConnectionError};
use crate::escalation::{Lasts, Subject};
use crate::knowledge::Knowledge;

/// What jabberd2 shows after SASL, and what it answers to a stanza that comes too early.
const LEGACY: &str = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
    <session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>";
const TOO_EARLY: &str = "<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
    <text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>stanza sent before session start</text></stream:error>";
const REST: &str = "roster + disco + carbons + presence + archive";

/// A first login on a server that requires `<session/>`, up to its request.
fn to_session(mut peer: Peer) -> (Peer, String) {
    open_direct(&mut peer);
    cold_sasl1(&mut peer, LEGACY);
    let flight = peer.sends("bind");
    peer.serve(&bound(&flight));
    peer.is_online();
    let flight = peer.sends("iq");
    (peer, flight)
}

/// A login of before went well in order.
fn known_in_order() -> Knowledge {
    gone(after_sasl1())
}

fn warm(knowledge: Knowledge, last: &str) -> (Peer, String) {
    let mut peer = Setup::direct().knowing(knowledge).start();
    open_direct(&mut peer);
    let shown = format!("{HEADER}{}", features(SASL1));
    let (success, _) = scram1(&mut peer, &format!("header + {AUTH}"), &shown, "response");
    peer.serve(&success);
    let flight = peer.sends(last);
    peer.serve(&format!("{HEADER}{}", features(AUTHENTICATED)));
    (peer, flight)
}

/// What is known of stanzas after a bind request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Learnt {
    Proven,
    /// They were not accepted; for good, or until the path is tried again.
    Off(Lasts),
}

fn learnt(peer: &Peer) -> Option<Learnt> {
    learnt_by(&peer.knowledge())
}

fn learnt_by(knowledge: &Knowledge) -> Option<Learnt> {
    let step = knowledge.failures.step(Subject::PipelinedBind, WALL);
    let is_proven = knowledge.server.bind_pipelining_proven;
    step.map(|step| Learnt::Off(step.lasts))
        .or(is_proven.then_some(Learnt::Proven))
}

#[test]
fn s2_a_first_login_sends_nothing_after_the_bind_request() {
    let mut peer = Setup::direct().start();
    cold_sasl1_direct(&mut peer);
    assert_eq!(learnt(&peer), None);
}

#[test]
fn s2_stanzas_of_the_app_wait_for_the_legacy_session() {
    let (mut peer, session) = to_session(Setup::direct().start());
    peer.say("m1");
    peer.ask("q1");
    peer.command(Command::SetActive(false));
    peer.command(Command::Probe {
        deadline: peer.now.mono + Duration::from_secs(60),
    });
    peer.sends_nothing();
    peer.serve(&session_started(&session));
    peer.sends(&format!("{REST} + message + iq + iq"));
}

/// What is said to `<session/>` does not matter, and neither does silence: not every server that requires it knows it.
#[test]
fn w8_the_legacy_session_is_not_waited_for_without_end() {
    for silent in [false, true] {
        let (mut peer, session) = to_session(Setup::direct().start());
        peer.say("m1");
        if silent {
            peer.pass(Duration::from_secs(21));
        } else {
            let id = id_before(&session, "urn:ietf:params:xml:ns:xmpp-session");
            peer.serve(&format!(
                "<iq type='error' id='{id}'><error type='cancel'>\
                 <feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
            ));
        }
        peer.sends(&format!("{REST} + message + iq"));
        assert!(peer.closed.is_none());
    }
}

/// The answer of another entity does not start the session.
#[test]
fn t7_the_legacy_session_is_answered_by_the_server_only() {
    let (mut peer, session) = to_session(Setup::direct().start());
    let forged = session_started(&session).replace("<iq ", "<iq from='romeo@example.net' ");
    peer.serve(&forged);
    peer.sends_nothing();
}

#[test]
fn s2_what_follows_the_bind_request_is_proven_by_its_answer() {
    let (mut peer, flight) = warm(known_in_order(), &format!("header + {GREETING}"));
    assert_eq!(learnt(&peer), None);
    answer_pipelined_bind(&mut peer, &flight);
    assert_eq!(learnt(&peer), Some(Learnt::Proven));
    // From then on a refusal is blamed on the remembered features.
    let (mut peer, flight) = warm(gone(peer.knowledge()), &format!("header + {GREETING}"));
    peer.serve(&bound(&flight));
    peer.serve(TOO_EARLY);
    peer.fails(ConnectionError::WrongAssumption(Assumption::Features));
    assert_eq!(learnt(&peer), None);
}

/// jabberd2: the bind request is answered, the rest ends the stream.
#[test]
fn s2_a_server_that_wants_the_order_is_asked_in_order_from_then_on() {
    for bound_first in [true, false] {
        let (mut peer, flight) = warm(known_in_order(), &format!("header + {GREETING}"));
        if bound_first {
            peer.serve(&bound(&flight));
            peer.say("m1");
        }
        peer.serve(TOO_EARLY);
        peer.fails(ConnectionError::WrongAssumption(Assumption::PipelinedBind));
        let mut knowledge = peer.knowledge();
        let off = Learnt::Off(Lasts::ForGood);
        assert_eq!(learnt_by(&knowledge), Some(off));
        // The message was not at fault.
        assert!(knowledge.queue.iter().all(|stanza| {
            let suspect = Subject::Stanza(stanza.seq);
            knowledge.failures.get(suspect).is_none()
        }));
        knowledge.queue.clear();
        let (mut peer, flight) = warm(knowledge, "header + bind");
        peer.serve(&bound(&flight));
        let flight = peer.sends(IN_ORDER);
        answer_rest(&mut peer, &flight);
        assert_eq!(learnt(&peer), Some(off));
        assert!(peer.knowledge().server.secured.is_some());
    }
}

/// Silence and a broken path may be the network's: the order is kept for a day.
#[test]
fn s2_a_path_that_breaks_after_the_bind_request_is_only_a_pause() {
    let (mut peer, flight) = warm(known_in_order(), &format!("header + {GREETING}"));
    peer.serve(&bound(&flight));
    peer.close_transport();
    peer.fails(ConnectionError::TransportClosed);
    assert_eq!(learnt(&peer), Some(Learnt::Off(Lasts::Seconds(86_400))));
    let mut knowledge = gone(peer.knowledge());
    warm(knowledge.clone(), "header + bind");
    let mut failure = *knowledge.failures.get(Subject::PipelinedBind).unwrap();
    failure.until = failure.until.plus_seconds(-86_400);
    knowledge.failures.insert(failure);
    warm(knowledge, &format!("header + {GREETING}"));
}

/// A server may refuse each request for itself: the session has begun without roster and carbons, and is no use.
#[test]
fn s2_requests_that_are_refused_for_coming_early_are_made_again_in_order() {
    for (condition, is_order) in [
        ("not-authorized", true),
        ("unexpected-request", true),
        ("service-unavailable", false),
    ] {
        let (mut peer, flight) = warm(known_in_order(), &format!("header + {GREETING}"));
        let id = id_before(&flight, "jabber:iq:roster");
        peer.serve(&bound(&flight));
        peer.serve(&format!(
            "<iq type='error' id='{id}'><error type='auth'>\
             <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        ));
        if is_order {
            peer.fails(ConnectionError::WrongAssumption(Assumption::PipelinedBind));
        } else {
            assert!(peer.closed.is_none());
        }
        let off = Learnt::Off(Lasts::ForGood);
        assert_eq!(learnt(&peer), is_order.then_some(off), "{condition}");
    }
}

/// XEP-0305 promises it: no first time is needed.
#[test]
fn s2_where_pipelining_was_seen_the_first_login_has_one_flight_less() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    show(
        &mut peer,
        &sasl2_with("").replace("<authentication", &format!("{PIPELINING}<authentication")),
    );
    let proof = scram2(&mut peer, AUTHENTICATE, "");
    peer.serve(&success2(&proof, "juliet@example.org", ""));
    peer.serve(&features(&format!("{AUTHENTICATED}{PIPELINING}")));
    let flight = peer.sends(GREETING);
    answer_pipelined_bind(&mut peer, &flight);
    assert_eq!(learnt(&peer), Some(Learnt::Proven));
}

/// A server may promise pipelining (XEP-0305) and want the order all the same, or want it from some day on; without stream
/// management nothing else is open after the answer to the bind request.
#[test]
fn s2_i19_a_promise_of_pipelining_that_is_not_kept_is_believed_once() {
    let shown = format!("{SASL1}{PIPELINING}");
    let bare = format!("{LEGACY}{PIPELINING}");
    for proven in [false, true] {
        let mut knowledge = gone(after_sasl1());
        knowledge.server.bind_pipelining_proven = proven;
        let server = &mut knowledge.server;
        Arc::make_mut(server.secured.as_mut().unwrap()).pipelining = true;
        let authenticated = Arc::make_mut(server.authenticated.as_mut().unwrap());
        (authenticated.sm, authenticated.session_required) = (false, true);
        for is_first in [true, false] {
            let mut peer = Setup::direct().knowing(knowledge).start();
            open_direct(&mut peer);
            let challenge = format!("{HEADER}{}", features(&shown));
            let after = if is_first {
                format!(" + iq + {REST}")
            } else {
                String::new()
            };
            let last = format!("response + header + bind{after}");
            let first = format!("header + {AUTH}");
            let (success, flight) = scram1(&mut peer, &first, &challenge, &last);
            peer.serve(&format!(
                "{success}{HEADER}{}{}",
                features(&bare),
                bound(&flight)
            ));
            if is_first {
                peer.serve(TOO_EARLY);
                peer.fails(ConnectionError::WrongAssumption(Assumption::PipelinedBind));
            } else {
                let session = peer.sends("iq");
                peer.serve(&session_started(&session));
                peer.sends(REST);
                assert!(peer.closed.is_none());
            }
            knowledge = peer.knowledge();
            let off = Learnt::Off(Lasts::ForGood);
            assert_eq!(learnt_by(&knowledge), Some(off));
        }
    }
}

/// I6: messages of the app are counted from `<enable/>` on, which leaves after the answer to `<session/>`.
#[test]
fn i6_what_waited_for_the_session_is_counted() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    cold_sasl1(&mut peer, &format!("{LEGACY}{SM}"));
    let flight = peer.sends("bind");
    peer.serve(&bound(&flight));
    let session = peer.sends("iq");
    peer.say("m1");
    peer.serve(&session_started(&session));
    peer.sends(&format!("{IN_ORDER} + message"));
    peer.serve(&format!("{ENABLED}{}", ack(GREETED1 + 1)));
    let acked = peer.events().into_iter().any(|event| {
        matches!(event, Event::Stage { id, stage: crate::connection::Stage::Acked } if id == "m1")
    });
    assert!(acked);
}
