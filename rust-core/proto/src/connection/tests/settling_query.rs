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

/// Each resumption starts the delay again: it is measured on one connection, whatever happens to the clock.
#[test]
fn i21_the_settling_query_outlives_resumptions() {
    let mut peer = caught_up();
    peer.serve(&live("in3", "a3"));
    let mut known = resumed_from(&peer, GREETED2).knowledge();
    // That was a while ago.
    known.sm.as_mut().unwrap().hand_over = None;
    let mut next = resumed_with(known, GREETED2);
    next.sends_nothing();
    next.serve(&live("in4", "a4"));
    next.pass(DELAY);
    let look = next.sends("archive + r");
    assert!(look.contains("<after>a1</after>"), "{look}");
    next.serve(&format!(
        "{}{}{}{}",
        ack(GREETED2 + 1),
        result(&look, "a2", &message("in2")),
        result(&look, "a4", &message("in4")),
        fin(&look, true, "a4")
    ));
    assert_eq!(reported(&mut next), ["in4", "in2"]);
    assert_eq!(next.knowledge().archive, after("a4"));
    // Once.
    let mut known = next.knowledge();
    known.sm.as_mut().unwrap().hand_over = None;
    let mut last = resumed_with(known, GREETED2 + 1);
    last.pass(DELAY);
    last.serve(&live("in5", "a5"));
    last.sends_nothing();
}

/// The session is lost before the settling query.
#[test]
fn i21_the_settling_query_outlives_the_session() {
    let mut peer = caught_up();
    peer.serve(&live("in3", "a3"));
    let (mut next, flight) = bind(gone(peer.knowledge()), "", GREETING2);
    assert!(flight.contains("<after>a3</after>"), "{flight}");
    next.serve(&format!(
        "{}{}{}",
        ack(GREETED2),
        result(&flight, "a4", &message("in4")),
        fin(&flight, true, "a4")
    ));
    next.pass(DELAY);
    let look = next.sends("archive + r");
    assert!(look.contains("<after>a1</after>"), "{look}");
    next.serve(&format!(
        "{}{}{}",
        result(&look, "a2", &message("in2")),
        result(&look, "a4", &message("in4")),
        fin(&look, true, "a4")
    ));
    assert_eq!(reported(&mut next), ["in4", "in2"]);
    let known = next.knowledge();
    assert_eq!((known.archive_recheck, known.archive), (None, after("a4")));
}

/// It was asked for, and nothing else would bring it.
#[test]
fn i21_results_of_a_query_that_was_given_up_are_messages() {
    let mut peer = caught_up();
    peer.pass(DELAY);
    let look = peer.sends("archive + r");
    peer.serve(&format!("{}{}", ack(GREETED2 + 1), live("in3", "a3")));
    peer.pass(Duration::from_secs(61));
    peer.sends("r");
    peer.serve(&ack(GREETED2 + 1));
    peer.events();
    let late = [
        result(&look, "a2", &message("in2")),
        result(&look, "a3", &message("in3")),
        fin(&look, true, "a3"),
        result(&look, "a4", &message("unasked")),
    ];
    peer.serve(&late.concat());
    assert_eq!(reported(&mut peer), ["in2"]);
    assert_eq!(peer.knowledge().archive, after("a3"));
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
