//! I8: a session that several connections resume at nearly the same time may miss messages that its server delivered to none.

use std::time::Duration;

use super::archive::*;
use super::peer::{EXPORTER, Peer, Setup};
use super::scripts::*;
use super::setup::WALL;
use super::texts::*;
use crate::knowledge::{Knowledge, PendingKind};

/// A session that was read up to `a0` and broke.
fn interrupted() -> Knowledge {
    Knowledge {
        archive: after("a0"),
        ..after_sasl2()
    }
}

/// A connection that is about to send `<resume/>`, this number of seconds after the first one.
fn asking(knowledge: Knowledge, seconds: i64) -> Peer {
    let mut peer = Setup::starttls().knowing(knowledge).start();
    peer.now.wall = peer.now.wall.plus_seconds(seconds);
    open_starttls(&mut peer);
    peer
}

/// A connection that has sent `<resume/>`, and gets no answer.
fn unanswered(knowledge: Knowledge, seconds: i64) -> Knowledge {
    let mut peer = asking(knowledge, seconds);
    assert!(peer.sends(FAST_LOGIN).contains("<resume"));
    peer.knowledge()
}

/// The session, resumed this number of seconds after the first connection began.
fn again(knowledge: Knowledge, seconds: i64) -> Peer {
    let mut peer = asking(knowledge, seconds);
    finish_fast_resume(&mut peer, GREETED2);
    peer
}

/// What the app gets, if the server lost `in1` and delivered `in2`.
fn gets_what_was_lost(peer: &mut Peer) {
    let query = peer.sends("archive + r");
    assert!(query.contains("<after>a0</after>"), "{query}");
    let page = [
        result(&query, "a1", &message("in1")),
        result(&query, "a2", &message("in2")),
        fin(&query, true, "a2"),
        ack(GREETED2 + 1),
    ];
    peer.serve(&page.concat());
    assert_eq!(reported(peer), ["in1"]);
    assert_eq!(peer.knowledge().archive, after("a2"));
    assert_eq!(gaps(peer), 0);
    // The server may have been about to archive another one.
    peer.pass(Duration::from_secs(15));
    let settling = peer.sends("archive + r");
    assert!(settling.contains("<after>a2</after>"), "{settling}");
}

#[test]
fn i8_a_session_resumed_twice_shortly_is_checked_against_the_archive() {
    let mut first = again(interrupted(), 0);
    first.sends_nothing();
    first.serve(&live("in2", "a2"));
    assert_eq!(first.knowledge().archive, after("a2"));
    let mut next = again(first.knowledge(), 1);
    gets_what_was_lost(&mut next);
}

/// The archive has removed the message to which the cursor was moved back, and answers with an empty page.
#[test]
fn i8_an_empty_page_after_a_hand_over_is_not_believed() {
    let mut first = again(
        Knowledge {
            archive_time: Some(WALL),
            ..interrupted()
        },
        0,
    );
    first.serve(&live("in2", "a2"));
    let mut next = again(first.knowledge(), 1);
    let query = next.sends("archive + r");
    assert!(query.contains("<after>a0</after>"), "{query}");
    next.serve(&(fin(&query, true, "") + &ack(GREETED2 + 1)));
    let by_time = next.sends("archive + r");
    assert!(by_time.contains("<field var='start'>"), "{by_time}");
}

/// Its login may be processed after the next one.
#[test]
fn i8_a_resumption_that_was_never_answered_may_have_happened() {
    let first = unanswered(interrupted(), 0);
    let mut next = again(first, 3_600);
    next.serve(&live("in2", "a2"));
    let query = next.sends("archive + r");
    assert!(query.contains("<after>a0</after>"), "{query}");
    next.serve(&format!(
        "{}{}",
        result(&query, "a1", &message("in1")),
        fin(&query, true, "a1")
    ));
    assert_eq!(reported(&mut next), ["in2", "in1"]);
    assert_eq!(next.knowledge().archive, after("a2"));
}

/// The process is killed before the page arrives.
#[test]
fn i8_what_was_lost_at_a_hand_over_is_still_asked_for_in_another_process() {
    let first = unanswered(interrupted(), 0);
    let mut next = again(first, 0);
    next.sends("archive + r");
    let stored = next.knowledge();
    let pending = &stored.sm.as_ref().unwrap().pending;
    assert!(
        pending
            .iter()
            .any(|asked| asked.kind == PendingKind::ArchivePage)
    );
    let (mut bound, flight) = bind(gone(stored), "", GREETING2);
    assert!(flight.contains("<after>a0</after>"), "{flight}");
    bound.serve(&fin(&flight, true, ""));
    assert_eq!(gaps(&bound), 0);
}

#[test]
fn i8_a_session_lost_after_an_unanswered_resumption_is_read_from_before_it() {
    let mut first = again(interrupted(), 0);
    first.serve(&live("in2", "a2"));
    let second = unanswered(first.knowledge(), 1);
    let mut third = asking(second, 2);
    let proof = fast(&mut third, FAST_LOGIN, &EXPORTER);
    let inner = format!("{}{}", sm_failed("h='4'"), bound2(ENABLED));
    let success = success2(&proof, JID, &inner);
    third.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    let flight = third.sends(GREETING2);
    assert!(flight.contains("<after>a0</after>"), "{flight}");
}

#[test]
fn i8_a_clean_hand_over_asks_nothing() {
    let mut first = again(interrupted(), 0);
    first.serve(&live("in2", "a2"));
    let mut next = again(first.knowledge(), 10);
    next.sends_nothing();
    assert_eq!(next.knowledge().archive, after("a2"));
}

/// There is nothing to ask.
#[test]
fn i8_without_an_archive_a_hand_over_asks_nothing() {
    let unknown = Knowledge {
        archive: None,
        ..interrupted()
    };
    let first = unanswered(unknown, 0);
    let mut next = again(first, 0);
    next.sends_nothing();
}
