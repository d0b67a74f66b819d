//! Rule I21: when the app is told that it has caught up.

use std::time::Duration;

use super::archive::*;
use super::peer::{Peer, Setup};
use super::scripts::*;
use super::setup::WALL;
use super::start_requests::disco;
use super::texts::*;
use crate::connection::{Command, Event};
use crate::escalation::{Evidence, Request, Subject};
use crate::knowledge::Knowledge;

/// The messages and `CaughtUp`, in order, since the last look.
fn order(peer: &mut Peer) -> Vec<String> {
    let name = |event: &Event| match event {
        Event::Stanza(delivery) => delivery.stanza.attr("id").map(str::to_owned),
        Event::CaughtUp => Some("caught up".to_owned()),
        Event::PossibleGap => Some("gap".to_owned()),
        _ => None,
    };
    peer.events().iter().filter_map(name).collect()
}

fn ask(peer: &mut Peer) {
    peer.command(Command::AskForQueued);
}

#[test]
fn i21_a_new_session_has_caught_up_with_the_last_page_of_the_archive() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    ask(&mut peer);
    peer.sends_nothing();
    // Stored while the account was offline, and sent after the presence (XEP-0160).
    peer.serve(&message("off1"));
    peer.serve(&(result(&flight, "a1", &message("in1")) + &fin(&flight, false, "a1")));
    let page = peer.sends("archive");
    assert_eq!(order(&mut peer), ["off1", "in1"]);
    peer.serve(&(result(&page, "a2", &message("in2")) + &fin(&page, true, "a2")));
    assert_eq!(order(&mut peer), ["in2", "caught up"]);
    // Once.
    peer.serve(&ack(GREETED2 + 1));
    peer.serve(&live("in3", "a3"));
    assert_eq!(order(&mut peer), ["in3"]);
}

#[test]
fn i21_an_archive_that_fails_is_a_gap_before_that() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&archive_error(&flight, "internal-server-error"));
    let end = peer.sends("archive");
    assert_eq!(order(&mut peer), ["gap"]);
    peer.serve(&(result(&end, "a1", &message("in1")) + &fin(&end, true, "a1")));
    assert_eq!(order(&mut peer), ["caught up"]);
}

#[test]
fn i21_a_resumed_session_has_caught_up_with_the_acknowledgement() {
    let mut peer = resumed_with(after_sasl2(), GREETED2);
    ask(&mut peer);
    peer.sends("r");
    peer.serve(&live("in1", "a1"));
    peer.serve(&live("in2", "a2"));
    assert_eq!(order(&mut peer), ["in1", "in2"]);
    peer.serve(&ack(GREETED2));
    assert_eq!(order(&mut peer), ["caught up"]);
    ask(&mut peer);
    peer.sends_nothing();
}

/// What is sent again requests an acknowledgement in any case.
#[test]
fn i21_one_request_serves_both() {
    let mut before = resumed_with(after_sasl2(), GREETED2);
    before.say("m1");
    before.sends("message + r");
    before.close_transport();
    let mut peer = resumed_with(settled(before.knowledge()), GREETED2);
    ask(&mut peer);
    peer.sends("message + archive + r");
}

/// Nothing requires the server to answer in a session that was only resumed: without a request it is not reported.
#[test]
fn i21_without_an_answer_nothing_is_claimed() {
    let mut peer = resumed_with(after_sasl2(), GREETED2);
    peer.serve(&live("in1", "a1"));
    peer.serve(REQUEST);
    peer.sends("a");
    assert_eq!(order(&mut peer), ["in1"]);
    peer.pass(Duration::from_secs(1));
    assert_eq!(order(&mut peer), [""; 0]);
}

/// The answer of the archive was queued with the messages of the interrupted session: some of them may follow it.
#[test]
fn i21_the_archives_answer_proves_nothing_in_a_resumed_session() {
    let (before, flight) = bind(away(), "", GREETING2);
    let mut peer = resumed_from(&before, GREETED2);
    ask(&mut peer);
    peer.sends("r");
    peer.serve(&(result(&flight, "a1", &message("in1")) + &fin(&flight, true, "a1")));
    peer.serve(&live("in2", "a2"));
    assert_eq!(order(&mut peer), ["in1", "in2"]);
    peer.serve(&ack(GREETED2));
    assert_eq!(order(&mut peer), ["caught up"]);
}

/// The presence makes the server send what it stored: it is sent alone, and what came before proves nothing.
#[test]
fn i21_a_presence_that_is_sent_later_is_waited_for() {
    let failures = |knowledge: &mut Knowledge| {
        let subject = Subject::Request(Request::Presence);
        let evidence = Evidence::Refusal;
        knowledge.failures.note(subject, evidence, true, WALL);
    };
    let mut known = away();
    failures(&mut known);
    let mut peer = Setup::direct().knowing(known).start();
    let flight = bind_as(&mut peer, "", "roster + disco + r");
    ask(&mut peer);
    let disco = disco(&flight);
    peer.serve(&(roster(&flight) + &disco + &ack(2)));
    assert_eq!(order(&mut peer), [""; 0]);
    peer.sends("presence + r");
    peer.serve(&(message("off1") + &ack(3)));
    let flight = peer.sends("archive + r");
    peer.serve(&(fin(&flight, true, "") + &ack(4)));
    assert_eq!(order(&mut peer), ["off1", "caught up"]);
}
