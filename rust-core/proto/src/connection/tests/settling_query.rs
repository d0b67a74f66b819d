//! What an archive took in the very moment of a bind was not delivered, and is not in the first page: a new session asks once more.

use std::time::Duration;

use super::archive::*;
use super::peer::Peer;
use super::scripts::*;
use super::texts::*;
use crate::connection::Command;

const DELAY: Duration = Duration::from_secs(15);

/// A new session that holds everything up to `a1`, as far as its archive knew.
fn caught_up() -> Peer {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&format!(
        "{}{}{}",
        ack(GREETED2),
        result(&flight, "a1", &message("in1")),
        fin(&flight, true, "a1")
    ));
    assert_eq!(reported(&mut peer), ["in1"]);
    peer.sends("");
    peer
}

#[test]
fn what_the_archive_took_after_the_first_page_comes_with_the_settling_query() {
    let mut peer = caught_up();
    peer.serve(&live("in3", "a3"));
    assert_eq!(reported(&mut peer), ["in3"]);
    peer.pass(DELAY);
    let look = peer.sends("archive + r");
    assert!(look.contains("<after>a1</after>"), "{look}");
    peer.serve(&format!(
        "{}{}{}{}",
        ack(GREETED2 + 1),
        result(&look, "a2", &message("in2")),
        result(&look, "a3", &message("in3")),
        fin(&look, true, "a3")
    ));
    assert_eq!(reported(&mut peer), ["in2"]);
    assert_eq!(peer.knowledge().archive, after("a3"));
    let owed = peer.knowledge().sm.unwrap().pending;
    assert!(owed.iter().all(|owed| !owed.id.starts_with("snapback-")));
    // Once.
    peer.pass(DELAY);
    peer.serve(&live("in4", "a4"));
    peer.sends_nothing();
    assert_eq!(peer.knowledge().archive, after("a4"));
}

/// The clock jumps: the settling query and the keepalive are due in the same moment, and each would ask for an answer.
#[test]
fn i12_two_reasons_to_ask_are_one_question() {
    let mut peer = caught_up();
    // Puts the keepalive after the other timer.
    peer.serve(&live("in3", "a3"));
    peer.pass(Duration::from_secs(3600));
    peer.sends("archive + r");
}

/// The app is in the background: the radio is not woken for it.
#[test]
fn in_the_background_it_rides_on_what_passes_anyhow() {
    let inactive = |peer: &mut Peer| {
        peer.command(Command::SetActive(false));
        peer.sends("client state");
    };
    let mut peer = caught_up();
    inactive(&mut peer);
    peer.pass(DELAY);
    peer.sends_nothing();
    peer.serve(&live("in3", "a3"));
    assert!(peer.sends("archive + r").contains("<after>a1</after>"));

    let mut peer = caught_up();
    inactive(&mut peer);
    peer.serve(&live("in3", "a3"));
    peer.sends_nothing();
    peer.pass(DELAY);
    peer.say("m1");
    peer.sends("message + r + archive");

    let mut peer = caught_up();
    inactive(&mut peer);
    peer.pass(DELAY);
    peer.command(Command::SetActive(true));
    peer.sends("client state + archive + r");

    let mut peer = caught_up();
    inactive(&mut peer);
    peer.pass(DELAY);
    peer.pass(Duration::from_secs(240));
    peer.sends("r + archive");
}

#[test]
fn i15_a_resumed_session_looks_no_second_time() {
    let mut peer = caught_up();
    peer.serve(&live("in3", "a3"));
    let mut next = resumed_from(&peer, GREETED2);
    next.pass(DELAY);
    next.serve(&live("in4", "a4"));
    next.sends_nothing();
    assert_eq!(next.knowledge().archive, after("a4"));
}

/// We held everything that the archive knew of.
#[test]
fn a_settling_query_in_vain_is_no_gap() {
    let refused = |look: &str| {
        let id = id_before(look, "urn:xmpp:mam:2");
        format!("{}<iq type='error' id='{id}'/>", ack(GREETED2 + 1))
    };
    let mut peer = caught_up();
    peer.pass(DELAY);
    let look = peer.sends("archive + r");
    peer.serve(&live("in3", "a3"));
    peer.serve(&refused(&look));
    peer.sends_nothing();
    assert_eq!((gaps(&peer), peer.knowledge().archive), (0, after("a3")));

    let mut peer = caught_up();
    peer.pass(DELAY);
    peer.sends("archive + r");
    peer.serve(&format!("{}{}", ack(GREETED2 + 1), live("in3", "a3")));
    peer.pass(Duration::from_secs(61));
    peer.sends("r");
    peer.serve(&ack(GREETED2 + 1));
    peer.sends_nothing();
    assert_eq!((gaps(&peer), peer.knowledge().archive), (0, after("a3")));
}
