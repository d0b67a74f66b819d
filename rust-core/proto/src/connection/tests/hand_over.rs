//! I8: a session that several connections resume at nearly the same time may miss messages that its server delivered to none.

use std::time::Duration;

use super::archive::*;
use super::peer::{EXPORTER, Peer, Setup};
use super::scripts::*;
use super::setup::WALL;
use super::texts::*;
use crate::knowledge::{ArchiveCursor, ArchiveRecheck, Knowledge, PendingKind};

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
    again_at(knowledge, seconds, GREETED2)
}

/// The same, where the server has handled this number of stanzas.
fn again_at(knowledge: Knowledge, seconds: i64, h: u32) -> Peer {
    let mut peer = asking(knowledge, seconds);
    finish_fast_resume(&mut peer, h);
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

/// A process that is killed after it has sent `<resume/>` leaves that in the store.
#[test]
fn i8_a_resumption_is_stored_before_it_is_requested() {
    let mut peer = Setup::direct().knowing(interrupted()).start();
    peer.auto_commit = false;
    peer.connect();
    peer.sends("ClientHello");
    peer.tls();
    peer.sends("header");
    let stored = |peer: &Peer| peer.knowledge().sm.unwrap().hand_over;
    assert_eq!(stored(&peer), None);
    peer.commit();
    assert!(
        peer.sends("authenticate HT-SHA-256-EXPR")
            .contains("<resume")
    );
    assert_eq!(stored(&peer).unwrap().place, after("a0").unwrap());
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
    let last = next.sends("archive + r");
    next.serve(&(result(&last, "a2", &message("in2")) + &fin(&last, false, "a2")));
    let by_time = next.sends("archive");
    assert!(by_time.contains("<field var='start'>"), "{by_time}");
}

/// The message after which nothing was archived is in the last page: nothing is gone. Read by time, more messages could come than
/// are remembered. Those that the archive took meanwhile are read.
#[test]
fn i8_i21_an_empty_page_is_believed_where_the_last_page_has_its_place() {
    for newer in [false, true] {
        let mut first = again(interrupted(), 0);
        first.serve(&(live("in1", "a1") + &live("in2", "a2")));
        let settled = ArchiveRecheck::Settle(ArchiveCursor::After("a2".to_owned()));
        let knowledge = Knowledge {
            archive: after("a1"),
            archive_time: Some(WALL),
            archive_recheck: Some(settled),
            ..first.knowledge()
        };
        let mut next = again(knowledge, 1);
        let query = next.sends("archive + r");
        assert!(query.contains("<after>a2</after>"), "{query}");
        next.serve(&(fin(&query, true, "") + &ack(GREETED2 + 1)));
        let last = next.sends("archive + r");
        assert!(last.contains("<before/>"), "{last}");
        let mut page = result(&last, "a1", &message("in1")) + &result(&last, "a2", &message("in2"));
        let newest = if newer { "a3" } else { "a2" };
        if newer {
            page += &result(&last, "a3", &message("in3"));
        }
        next.serve(&(page + &fin(&last, false, newest)));
        next.sends("");
        assert_eq!(
            reported(&mut next),
            if newer { vec!["in3"] } else { vec![] }
        );
        assert_eq!(next.knowledge().archive, after(newest));
        assert_eq!(gaps(&next), 0);
    }
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
    assert!(flight.contains("<after>a2</after>"), "{flight}");
    third.serve(&(result(&flight, "a3", &message("in3")) + &fin(&flight, true, "a3")));
    third.serve(&ack(GREETED2));
    let query = third.sends("archive + r");
    assert!(query.contains("<after>a0</after>"), "{query}");
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

/// A session whose last hand-over lost `in2`. The page that was pending then was made before that, and is answered now.
fn answered_from_before() -> Peer {
    let mut second = again(again(interrupted(), 0).knowledge(), 1);
    let page = second.sends("archive + r");
    let mut third = again_at(second.knowledge(), 2, GREETED2 + 1);
    third.sends("");
    let answer = result(&page, "a1", &message("in1")) + &fin(&page, true, "a1");
    third.serve(&answer);
    assert_eq!(reported(&mut third), ["in1"]);
    third
}

#[test]
fn i21_a_page_from_before_a_hand_over_does_not_cover_it() {
    let mut peer = answered_from_before();
    gets_in2(&mut peer, "a0", GREETED2 + 2);
}

/// The archive is asked again, and has `in2`.
fn gets_in2(peer: &mut Peer, begin: &str, acked: u32) {
    let query = peer.sends("archive + r");
    assert!(
        query.contains(&format!("<after>{begin}</after>")),
        "{query}"
    );
    let page = [
        result(&query, "a1", &message("in1")),
        result(&query, "a2", &message("in2")),
        fin(&query, true, "a2"),
        ack(acked),
    ];
    peer.serve(&page.concat());
    assert_eq!(reported(peer), ["in2"]);
    let settle = Some(ArchiveRecheck::Settle(ArchiveCursor::After(
        "a2".to_owned(),
    )));
    assert_eq!(peer.knowledge().archive_recheck, settle);
    peer.serve(&live("in4", "a4"));
    assert_eq!(reported(peer), ["in4"]);
    assert_eq!(gaps(peer), 0);
}

/// Each connection breaks before the query that it has begun is answered.
#[test]
fn i21_hand_overs_in_a_row_do_not_read_the_archive_from_the_first_one_again() {
    let mut first = again(interrupted(), 0);
    for n in 1..=9 {
        first.serve(&live(&format!("in{n}"), &format!("a{n}")));
    }
    let mut second = again(first.knowledge(), 1);
    let query = second.sends("archive + r");
    assert!(query.contains("<after>a0</after>"), "{query}");
    // The newest message is known, and what the next hand-overs may lose is newer.
    second.serve(&live("in10", "a10"));
    let mut third = again_at(second.knowledge(), 2, GREETED2 + 1);
    third.sends("");
    let page = [
        result(&query, "a9", &message("in9")),
        result(&query, "a10", &message("in10")),
        fin(&query, true, "a10"),
    ];
    third.serve(&page.concat());
    let next = third.sends("archive + r");
    assert!(next.contains("<after>a9</after>"), "{next}");
    // Again, without a message in between.
    let mut fourth = again_at(third.knowledge(), 3, GREETED2 + 2);
    fourth.sends("");
    fourth.serve(&fin(&next, true, ""));
    let last = fourth.sends("archive + r");
    assert!(last.contains("<after>a10</after>"), "{last}");
}

/// It is resumed cleanly before that query is answered, or before the settling query.
#[test]
fn i21_what_a_hand_over_may_have_lost_is_asked_for_after_any_resumption() {
    let third = answered_from_before();
    // The pending query is sent again, but may have been answered before: another one follows, from what was known when the
    // first one was begun.
    let mut fourth = again_at(third.knowledge(), 62, GREETED2 + 1);
    let pending = fourth.sends("iq + r");
    fourth.serve(&(result(&pending, "a1", &message("in1")) + &fin(&pending, true, "a1")));
    fourth.serve(&ack(GREETED2 + 2));
    gets_in2(&mut fourth, "a1", GREETED2 + 3);
    let mut fifth = again_at(fourth.knowledge(), 122, GREETED2 + 3);
    fifth.sends_nothing();
    fifth.pass(Duration::from_secs(15));
    let settling = fifth.sends("archive + r");
    assert!(settling.contains("<after>a2</after>"), "{settling}");
    let late = [
        result(&settling, "a3", &message("in3")),
        result(&settling, "a4", &message("in4")),
        fin(&settling, true, "a4"),
    ];
    fifth.serve(&late.concat());
    assert_eq!(reported(&mut fifth), ["in3"]);
    let known = fifth.knowledge();
    assert_eq!((known.archive_recheck, known.archive), (None, after("a4")));
}

/// The process is killed right after the resumption, and the session is gone.
#[test]
fn i21_what_a_hand_over_may_have_lost_is_asked_for_in_the_next_session() {
    let mut peer = answered_from_before();
    gets_in2(&mut peer, "a0", GREETED2 + 2);
    let (_, flight) = bind(gone(peer.knowledge()), "", GREETING2);
    assert!(flight.contains("<after>a4</after>"), "{flight}");
    let third = answered_from_before();
    let (mut next, flight) = bind(gone(third.knowledge()), "", GREETING2);
    assert!(flight.contains("<after>a1</after>"), "{flight}");
    next.serve(&(result(&flight, "a5", &message("in5")) + &fin(&flight, true, "a5")));
    next.serve(&ack(GREETED2));
    assert_eq!(reported(&mut next), ["in5"]);
    gets_in2(&mut next, "a0", GREETED2 + 1);
}

/// The place was the beginning of an empty archive, and the oldest messages have expired since.
#[test]
fn i21_what_has_expired_before_it_was_asked_for_is_a_gap() {
    for (first, gap) in [(1, 0), (2, 1)] {
        let empty = Knowledge {
            archive: Some(ArchiveCursor::Start),
            ..interrupted()
        };
        let mut first_connection = again(empty, 0);
        first_connection.serve(&live("in1", "a1"));
        let mut next = again(first_connection.knowledge(), 1);
        let query = next.sends("archive + r");
        assert!(!query.contains("<after>"), "{query}");
        let page: String = (first..=3)
            .map(|n| result(&query, &format!("a{n}"), &message(&format!("in{n}"))))
            .collect();
        next.serve(&(page + &fin(&query, true, "a3")));
        assert_eq!(gaps(&next), gap, "from a{first} on");
        assert_eq!(next.knowledge().archive, after("a3"));
    }
}

#[test]
fn i21_an_archive_that_cannot_be_asked_after_a_hand_over_is_a_gap() {
    let mut peer = answered_from_before();
    let query = peer.sends("archive + r");
    peer.serve(&(archive_error(&query, "internal-server-error") + &ack(GREETED2 + 2)));
    assert_eq!(gaps(&peer), 1);
    assert_eq!(peer.knowledge().archive_recheck, None);
}
