//! RFC 6120 section 8.3.2: an archive that asks to wait is queried once more in the same session, after a moment.

use std::time::Duration;

use super::archive::{after, archive_error, away, bind, gaps, live, message, reported, result};
use super::scripts::*;
use super::texts::*;

const MOMENT: Duration = Duration::from_secs(2);

fn busy(flight: &str) -> String {
    archive_error(flight, "resource-constraint").replace("type='cancel'", "type='wait'")
}

#[test]
fn w1_an_archive_that_is_busy_is_queried_again_after_a_moment() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&(ack(GREETED2) + &busy(&flight)));
    peer.sends_nothing();
    assert_eq!(gaps(&peer), 0);
    peer.pass(MOMENT);
    let again = peer.sends("archive + r");
    peer.serve(&result(&again, "a1", &message("in1")));
    peer.serve(&(fin(&again, true, "a1") + &ack(GREETED2 + 1)));
    assert_eq!(reported(&mut peer), ["in1"]);
    assert_eq!((gaps(&peer), peer.knowledge().archive), (0, after("a1")));
}

#[test]
fn w1_an_archive_that_stays_busy_is_a_gap() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&(ack(GREETED2) + &busy(&flight)));
    peer.pass(MOMENT);
    let again = peer.sends("archive + r");
    peer.serve(&(ack(GREETED2 + 1) + &busy(&again)));
    assert_eq!(gaps(&peer), 1);
    assert!(peer.sends("archive + r").contains("<before/>"));
}

#[test]
fn i8_what_comes_live_meanwhile_does_not_move_the_place() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&(ack(GREETED2) + &busy(&flight) + &live("in2", "a2")));
    assert_eq!(peer.knowledge().archive, after("a0"));
    peer.pass(MOMENT);
    let again = peer.sends("archive + r");
    peer.serve(&result(&again, "a1", &message("in1")));
    peer.serve(&fin(&again, true, "a1"));
    assert_eq!(reported(&mut peer), ["in2", "in1"]);
    assert_eq!(peer.knowledge().archive, after("a2"));
}
