//! A process may be killed between its very first bind and the commit after it. What came to that session is in the archive,
//! and the next process looks there.

use super::archive::{after, bind, gaps, live, message, ours, reported, result};
use super::peer::{Peer, Setup};
use super::scripts::*;
use super::setup::WALL;
use super::texts::*;
use crate::knowledge::{ArchiveCursor, Knowledge};

const DAY: i64 = 86_400;

fn since() -> Option<ArchiveCursor> {
    Some(ArchiveCursor::Since(WALL.plus_seconds(-DAY)))
}

/// The server has bound a session, and the process that would have stored its messages was gone.
fn killed_after_the_bind(setup: Setup, to_bind: fn(&mut Peer)) -> Knowledge {
    let mut peer = setup.start();
    to_bind(&mut peer);
    let knowledge = peer.knowledge();
    assert!(knowledge.sm.is_none());
    assert_eq!(knowledge.archive, since());
    knowledge
}

fn by_sasl2() -> Knowledge {
    killed_after_the_bind(Setup::direct(), |peer| {
        open_direct(peer);
        show(peer, &sasl2());
        peer.sends(AUTHENTICATE);
    })
}

#[test]
fn the_time_is_stored_before_a_first_bind_leaves() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    peer.sends("header");
    peer.auto_commit = false;
    peer.serve(&format!("{HEADER}{}", features(&sasl2())));
    peer.sends_nothing();
    peer.commit();
    assert_eq!(peer.knowledge().archive, since());
    assert!(peer.sends(AUTHENTICATE).contains("urn:xmpp:bind:0"));
}

#[test]
fn by_sasl1_too() {
    killed_after_the_bind(Setup::direct(), |peer| {
        open_direct(peer);
        show(peer, SASL1);
        let (success, _) = scram1(peer, AUTH, "", "response");
        peer.serve(&success);
        peer.sends("header");
        peer.auto_commit = false;
        peer.serve(&format!("{HEADER}{}", features(AUTHENTICATED)));
        peer.sends_nothing();
        while peer.has_to_commit() {
            peer.commit();
        }
        peer.sends("bind");
    });
}

#[test]
fn a_client_that_knows_the_archive_notes_no_time() {
    let (peer, _) = bind(gone(after_sasl2()), "", GREETING2);
    assert_eq!(peer.knowledge().archive, after("a0"));
    assert!(!peer.history.iter().any(|line| line.contains("Since")));
}

#[test]
fn the_next_process_reads_what_came_to_the_session_that_was_lost() {
    let mut peer = Setup::direct().knowing(by_sasl2()).start();
    let flight = cold_again(&mut peer);
    assert!(flight.contains("<max>100</max><before/>"), "{flight}");
    let old = result(&flight, "a6", &message("m0")).replace("2026-11-21", "2026-11-20");
    let page = result(&flight, "a7", &message("m1"));
    peer.serve(&format!("{old}{page}{}", fin(&flight, false, "a7")));
    assert_eq!(reported(&mut peer), ["m0", "m1"]);
    assert_eq!(peer.knowledge().archive, after("a7"));
    assert_eq!(gaps(&peer), 0);
}

/// Nothing was archived since: or the device's clock was ahead by more than a day when the time was noted.
#[test]
fn i18_if_nothing_came_since_that_may_be_a_gap() {
    let mut knowledge = by_sasl2();
    knowledge.archive = Some(ArchiveCursor::Since(WALL.plus_seconds(40_000_000)));
    let mut peer = Setup::direct().knowing(knowledge).start();
    let flight = cold_again(&mut peer);
    let newest = result(&flight, "a3", &message("m1"));
    peer.serve(&format!("{newest}{}", fin(&flight, false, "a3")));
    assert_eq!(reported(&mut peer), ["m1"]);
    assert_eq!(peer.knowledge().archive, after("a3"));
    assert_eq!(gaps(&peer), 1, "there may be more, further back");
}

/// An account that has never had a message misses none.
#[test]
fn an_archive_that_is_empty_has_lost_nothing() {
    let mut peer = Setup::direct().knowing(by_sasl2()).start();
    let flight = cold_again(&mut peer);
    peer.serve(&format!("{}{}", fin(&flight, true, ""), ack(GREETED2)));
    let newest = peer.sends("archive + r");
    assert!(newest.contains("<before/>"), "{newest}");
    peer.serve(&fin(&newest, true, ""));
    let page = peer.sends("archive");
    peer.serve(&fin(&page, true, ""));
    assert_eq!(peer.knowledge().archive, Some(ArchiveCursor::Start));
    assert_eq!(gaps(&peer), 0);
}

/// The first session is lost before its archive has said anything: what was sent in it may have arrived.
#[test]
fn i8_what_was_sent_in_a_first_session_waits_for_the_archive() {
    for learnt in [false, true] {
        let mut peer = Setup::direct().start();
        let flight = cold_again(&mut peer);
        peer.say("m1");
        peer.sends("message");
        if learnt {
            peer.serve(&fin(&flight, true, "a3"));
            peer.serve(&live("in1", "a5"));
        }
        let mut knowledge = peer.knowledge();
        knowledge.sm.as_mut().unwrap().alive_at.0 -= 601;
        let (mut peer, flight) = bind(knowledge, "", GREETING2);
        assert!(flight.contains("<before/>"), "{flight}");
        assert!(!flight.contains("<message"), "learnt: {learnt}");
        let page = result(&flight, "a4", &ours("m1", "balcony"));
        peer.serve(&format!("{page}{}", fin(&flight, true, "a4")));
        let sent = peer.sent.matches("id='m1'").count();
        assert_eq!(sent, 0, "it has arrived; learnt: {learnt}");
        assert!(
            peer.knowledge()
                .queue
                .iter()
                .all(|stanza| stanza.id != "m1")
        );
    }
}

/// The password is known again, the token is not.
fn cold_again(peer: &mut Peer) -> String {
    open_direct(peer);
    show(peer, &sasl2());
    let proof = scram2(peer, AUTHENTICATE, "");
    let inner = format!("{}{}", bound2(ENABLED), token());
    peer.serve(&success2(&proof, JID, &inner));
    peer.is_online();
    peer.sends(GREETING2)
}

#[test]
fn where_there_is_no_archive_the_time_is_forgotten() {
    let mut peer = Setup::direct().knowing(by_sasl2()).start();
    let flight = cold_again(&mut peer);
    let refused = |flight: &str| {
        let id = id_before(flight, "urn:xmpp:mam:2");
        format!(
            "<iq type='error' id='{id}'><error type='cancel'>\
             <service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
        )
    };
    peer.serve(&refused(&flight));
    assert_eq!(gaps(&peer), 1, "something may have come");
    let newest = peer.sends("archive");
    peer.serve(&refused(&newest));
    assert_eq!(peer.knowledge().archive, None);
}

#[test]
fn a_clock_from_before_its_time_is_no_panic() {
    let mut peer = Setup::direct().start();
    peer.now.wall.0 = 5;
    open_direct(&mut peer);
    show(&mut peer, &sasl2());
    peer.sends(AUTHENTICATE);
    let start = crate::time::UnixTime(0);
    assert_eq!(peer.knowledge().archive, Some(ArchiveCursor::Since(start)));
}
