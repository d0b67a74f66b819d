//! Rules W1 and I5: a server that counts stanzas differently in each new session. The third time stream management is not
//! requested any more.

use super::archive::{away, bind};
use super::peer::Peer;
use super::scripts::*;
use super::texts::*;
use crate::connection::Event;
use crate::escalation::Subject;
use crate::knowledge::Knowledge;

const WITHOUT: &str = "roster + disco + presence + archive";

/// A session that ends because of a count that is one too high.
fn counted_wrongly(knowledge: Knowledge) -> Peer {
    let (mut peer, flight) = bind(knowledge, "", GREETING2);
    peer.serve(&format!("{}{}", answers(&flight), ack(GREETED2 + 1)));
    peer
}

fn failures(knowledge: &Knowledge) -> u8 {
    let failure = knowledge.failures.get(Subject::StreamManagement);
    failure.map_or(0, |failure| failure.refusals)
}

#[test]
fn w1_after_three_sessions_stream_management_is_not_requested() {
    let mut knowledge = away();
    for count in 1..=3 {
        let mut peer = counted_wrongly(knowledge);
        knowledge = peer.knowledge();
        assert_eq!(failures(&knowledge), count);
        let events = peer.events();
        let is_told = |event: &Event| matches!(event, Event::PeerFault(text) if text.contains("stream management"));
        assert_eq!(events.iter().any(is_told), count == 3, "{events:?}");
    }
    let (mut peer, _) = bind_without(knowledge.clone());
    peer.say("m1");
    peer.sends("message + iq");
    assert!(!peer.sent.contains("urn:xmpp:sm:3"), "{}", peer.sent);
    // Tried again after a day.
    let failure = knowledge.failures.get(Subject::StreamManagement).unwrap();
    let later = failure.until.plus_seconds(86_400);
    use crate::escalation::Remedy;
    assert!(!(knowledge.failures).gives_up(
        Subject::StreamManagement,
        Remedy::NoStreamManagement,
        later
    ));
}

/// A session without stream management, although the server offers it.
fn bind_without(knowledge: Knowledge) -> (Peer, String) {
    use super::peer::{EXPORTER, Setup};
    let mut peer = Setup::direct().knowing(knowledge).start();
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
    let success = success2(&proof, JID, &bound2(""));
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    let flight = peer.sends(WITHOUT);
    (peer, flight)
}

#[test]
fn w1_two_exact_counts_in_a_session_forget() {
    let peer = counted_wrongly(away());
    let (mut peer, flight) = bind(peer.knowledge(), "", GREETING2);
    peer.serve(&format!("{}{}", answers(&flight), ack(GREETED2)));
    assert_eq!(
        failures(&peer.knowledge()),
        1,
        "once may be a server that had not processed all"
    );
    peer.say("m1");
    peer.sends("message + r");
    peer.serve(&ack(GREETED2 + 1));
    assert_eq!(failures(&peer.knowledge()), 0);
}

/// A server that counts one too many is right as long as it has not processed the last stanza.
#[test]
fn w1_counts_that_are_right_by_chance_do_not_forget() {
    let mut knowledge = away();
    for count in 1..=3 {
        let (mut peer, flight) = bind(knowledge, "", GREETING2);
        peer.serve(&format!("{}{}", answers(&flight), ack(GREETED2)));
        peer.serve(&ack(GREETED2 + 1));
        knowledge = peer.knowledge();
        assert_eq!(failures(&knowledge), count);
    }
}
