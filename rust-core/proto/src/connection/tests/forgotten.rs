//! W5: an archive that no longer has the cursor's message has newer ones; none of them is skipped.

use std::time::Duration;

use super::archive::*;
use super::peer::{Peer, Setup};
use super::scripts::*;
use super::setup::WALL;
use super::texts::*;
use crate::knowledge::{ArchiveCursor, Knowledge, PendingKind};
use crate::time::UnixTime;

const DAY: i64 = 86_400;

/// The stamp of each result of these scripts, and of the last message when the first session began.
const STAMPED: UnixTime = UnixTime(1_795_255_200);

fn expired(flight: &str) -> String {
    archive_error(flight, "item-not-found")
}

/// A page with these messages of the archive, and its end.
fn page(flight: &str, numbers: std::ops::RangeInclusive<u32>, complete: bool) -> String {
    let last = format!("a{}", numbers.end());
    let results: String = numbers
        .map(|number| {
            result(
                flight,
                &format!("a{number}"),
                &message(&format!("in{number}")),
            )
        })
        .collect();
    format!("{results}{}", fin(flight, complete, &last))
}

fn names(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers
        .into_iter()
        .map(|number| format!("in{number}"))
        .collect()
}

fn timeless() -> Knowledge {
    Knowledge {
        archive_time: None,
        ..away()
    }
}

#[test]
fn w5_a_forgotten_cursor_is_asked_for_by_its_time() {
    let knowledge = away();
    let time = knowledge.archive_time;
    assert_eq!(time, Some(STAMPED), "as the server says");
    let (mut peer, flight) = bind(knowledge, "", GREETING2);
    assert!(flight.contains("<after>a0</after>"));
    peer.serve(&expired(&flight));
    let asked = peer.sends("archive");
    assert!(
        asked.contains("<value>2026-11-21T09:00:00Z</value>"),
        "{asked}"
    );
    assert!(!asked.contains("<after>") && !asked.contains("<before"));
    peer.serve(&page(&asked, 5..=6, false));
    let next = peer.sends("archive");
    assert!(next.contains("<after>a6</after>"), "{next}");
    peer.serve(&page(&next, 7..=7, true));
    assert_eq!(reported(&mut peer), names(5..=7));
    assert_eq!(peer.knowledge().archive, after("a7"));
    assert_eq!(gaps(&peer), 1, "what was after it may be gone as well");
}

/// Messages that were read before are among them, and are not delivered again.
#[test]
fn w5_what_is_held_is_not_reported_again() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.serve(&live("in4", "a4"));
    let (mut peer, flight) = bind(gone(settled(peer.knowledge())), "", GREETING2);
    peer.serve(&expired(&flight));
    let asked = peer.sends("archive");
    peer.serve(&live("in6", "a6"));
    peer.serve(&page(&asked, 4..=6, true));
    assert_eq!(reported(&mut peer), ["in6", "in5"]);
    assert_eq!(peer.knowledge().archive, after("a6"));
    assert_eq!(gaps(&peer), 0, "the cursor's message is there after all");
}

/// All has expired, and nothing came: the place to go on from is the end.
#[test]
fn w5_a_forgotten_cursor_does_not_stay_the_cursor() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&expired(&flight));
    let asked = peer.sends("archive");
    peer.serve(&fin(&asked, true, ""));
    let end = peer.sends("archive");
    assert!(end.contains("<before/>"), "{end}");
    peer.serve(&fin(&end, true, ""));
    let asked = peer.sends("archive");
    peer.serve(&fin(&asked, true, ""));
    assert_eq!(peer.knowledge().archive, Some(ArchiveCursor::Start));
    assert_eq!(gaps(&peer), 1);
}

fn away_for(days: i64) -> Knowledge {
    Knowledge {
        archive_time: Some(WALL.plus_seconds(-days * DAY)),
        ..away()
    }
}

/// After an empty page the last page is requested: it has this message, and others are older.
fn asks_for_last_page(peer: &mut Peer, id: &str, name: &str) {
    let last = peer.sends("archive");
    assert!(last.contains("<max>100</max><before/>"), "{last}");
    let answer = result(&last, id, &message(name)) + &fin(&last, false, id);
    peer.serve(&answer);
}

/// Prosody 13.0 on files: its archive keeps a week, and answers that nothing follows a message that is gone.
#[test]
fn w5_an_empty_page_after_days_is_not_believed() {
    // Ahead of the device's clock, if that was set back.
    for days in [1, 8, 400, -400] {
        let (mut peer, flight) = bind(away_for(days), "", GREETING2);
        assert!(flight.contains("<after>a0</after>"), "{flight}");
        peer.serve(&live("in9", "a9"));
        peer.serve(&fin(&flight, true, ""));
        asks_for_last_page(&mut peer, "a9", "in9");
        let asked = peer.sends("archive");
        assert!(asked.contains("var='start'"), "{asked}");
        peer.serve(&page(&asked, 5..=6, false));
        let next = peer.sends("archive");
        assert!(next.contains("<after>a6</after>"), "{next}");
        peer.serve(&page(&next, 7..=9, true));
        assert_eq!(reported(&mut peer), names([9, 5, 6, 7, 8]), "{days} days");
        assert_eq!(peer.knowledge().archive, after("a9"));
        // What the archive shows is from after that time, but for the last case.
        assert_eq!(gaps(&peer), usize::from(days > 0), "{days} days");
    }
}

/// A client that was connected today queries once, and so does one that has been informed that nothing was archived since.
#[test]
fn w5_an_empty_page_is_doubted_once_and_only_after_a_day() {
    let (mut peer, flight) = bind(away_for(0), "", GREETING2);
    peer.serve(&fin(&flight, true, ""));
    peer.sends("");
    assert_eq!(peer.knowledge().archive, after("a0"));

    let (mut peer, flight) = bind(away_for(8), "", GREETING2);
    peer.serve(&fin(&flight, true, ""));
    asks_for_last_page(&mut peer, "a0", "in0");
    peer.sends("");
    assert_eq!(peer.knowledge().archive, after("a0"));
    assert_eq!(gaps(&peer), 0, "it is still there, and so is all after it");
}

/// A page of which something came, readable or not, knows its place.
#[test]
fn w5_a_page_that_is_not_empty_is_believed_after_days() {
    let (mut peer, flight) = bind(away_for(8), "", GREETING2);
    peer.serve(&page(&flight, 5..=5, false));
    let next = peer.sends("archive");
    peer.serve(&fin(&next, true, ""));
    peer.sends("");
    assert_eq!(reported(&mut peer), names([5]));
    assert_eq!(peer.knowledge().archive, after("a5"));
}

/// An older store has no time.
#[test]
fn w5_without_a_time_the_archive_is_read_back() {
    let (mut peer, flight) = bind(timeless(), "", GREETING2);
    peer.serve(&expired(&flight));
    let last = peer.sends("archive");
    assert!(last.contains("<max>100</max><before/>"), "{last}");
    peer.serve(&page(&last, 7..=8, false));
    assert_eq!(peer.knowledge().archive, after("a0"), "the way is not done");
    let next = peer.sends("archive");
    assert!(next.contains("<before>a7</before>"), "{next}");
    peer.serve(&live("in9", "a9"));
    peer.serve(&page(&next, 5..=6, true));
    assert_eq!(reported(&mut peer), names([7, 8, 9, 5, 6]));
    assert_eq!(peer.knowledge().archive, after("a9"));
    assert_eq!(peer.knowledge().archive_time, Some(STAMPED));
    assert_eq!(gaps(&peer), 1);
}

/// Nor has one of which nothing but a message that could not be read was ever seen.
#[test]
fn w5_without_a_time_an_empty_page_is_not_believed() {
    let (mut peer, flight) = bind(timeless(), "", GREETING2);
    peer.serve(&fin(&flight, true, ""));
    asks_for_last_page(&mut peer, "a6", "in6");
    let last = peer.sends("archive");
    assert!(last.contains("<max>100</max><before/>"), "{last}");
    peer.serve(&page(&last, 5..=6, true));
    assert_eq!(reported(&mut peer), names([6, 5]));
    assert_eq!(peer.knowledge().archive_time, Some(STAMPED));
    assert_eq!(gaps(&peer), 1, "what was before it may be gone as well");
}

/// A server may not know the form, or refuse it.
#[test]
fn w5_where_the_time_is_refused_the_archive_is_read_back_to_it() {
    let knowledge = Knowledge {
        // The results of this script are older than that.
        archive_time: Some(WALL),
        ..away()
    };
    let (mut peer, flight) = bind(knowledge, "", GREETING2);
    peer.serve(&expired(&flight));
    let by_time = peer.sends("archive");
    peer.serve(&archive_error(&by_time, "feature-not-implemented"));
    let last = peer.sends("archive");
    assert!(last.contains("<before/>"), "{last}");
    peer.serve(&page(&last, 7..=8, false));
    peer.sends("");
    assert_eq!(reported(&mut peer), names(7..=8));
    assert_eq!(peer.knowledge().archive, after("a8"));
    assert_eq!(gaps(&peer), 0);
}

/// The process is killed during the backward query: the next session does not assume that it was completed.
#[test]
fn w5_paging_backwards_that_was_interrupted_begins_anew() {
    let (mut peer, flight) = bind(timeless(), "", GREETING2);
    peer.serve(&expired(&flight));
    let last = peer.sends("archive");
    peer.serve(&page(&last, 7..=8, false));
    let knowledge = peer.knowledge();
    let owed = &knowledge.sm.as_ref().unwrap().pending;
    assert!(
        owed.iter()
            .any(|owed| owed.kind == PendingKind::ArchiveBack)
    );
    let (mut peer, flight) = bind(gone(knowledge), "", GREETING2);
    peer.serve(&expired(&flight));
    let last = peer.sends("archive");
    peer.serve(&page(&last, 7..=8, false));
    let next = peer.sends("archive");
    peer.serve(&page(&next, 5..=6, true));
    assert_eq!(reported(&mut peer), names(5..=6));
    assert_eq!(peer.knowledge().archive, after("a8"));
    assert_eq!(gaps(&peer), 1);
}

#[test]
fn w5_i15_a_resumed_session_reads_back_from_the_end_again() {
    let (mut peer, flight) = bind(timeless(), "", GREETING2);
    peer.serve(&expired(&flight));
    let last = peer.sends("archive");
    peer.serve(&result(&last, "a7", &message("in7")));
    let mut next = resumed_from(&peer, GREETED2);
    next.serve(&format!(
        "{}{}",
        result(&last, "a8", &message("in8")),
        fin(&last, false, "a8")
    ));
    let again = next.sends("iq + r + archive");
    // After the old question, which is sent again.
    let (_, again) = again.split_once("<r ").unwrap();
    assert!(again.contains("<before/>"), "{again}");
    next.serve(&page(again, 6..=8, true));
    assert_eq!(reported(&mut next), names([8, 6]));
    assert_eq!(next.knowledge().archive, after("a8"));
}

/// Too much stands in it, or nothing that could be gone on from.
#[test]
fn w5_paging_backwards_without_end_is_a_gap() {
    let mut setup = Setup::direct().knowing(timeless());
    setup.config.catch_up.pages = 2;
    let mut peer = setup.start();
    let flight = bind_as(&mut peer, "", GREETING2);
    peer.serve(&expired(&flight));
    let last = peer.sends("archive");
    peer.serve(&page(&last, 7..=8, false));
    let next = peer.sends("archive");
    assert_eq!(gaps(&peer), 0);
    peer.serve(&page(&next, 5..=6, false));
    assert_eq!(gaps(&peer), 1);
    assert_eq!(reported(&mut peer), names([7, 8, 5, 6]));
}

/// Prosody keeps an id that a sender forged in the account's name in archived messages, and adds its own after it.
#[test]
fn w5_a_forged_id_beside_the_servers_own_changes_nothing() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.events();
    let forged = |id: &str| {
        let forged = format!("<stanza-id xmlns='urn:xmpp:sid:0' by='{OWN}' id='forged'/><body>");
        let origin = format!("<origin-id xmlns='urn:xmpp:sid:0' id='{id}'/>");
        message(id).replace("<body>", &forged).replace(&origin, "")
    };
    let own = format!("<stanza-id xmlns='urn:xmpp:sid:0' by='{OWN}' id='a1'/></message>");
    let live = forged("in1").replace("</message>", &own);
    peer.serve(&live);
    assert_eq!(peer.knowledge().archive, after("a1"));
    let (mut next, flight) = bind(gone(peer.knowledge()), "", GREETING2);
    next.serve(&format!(
        "{}{}{}",
        result(&flight, "a1", &forged("in1")),
        result(&flight, "a2", &forged("in2")),
        fin(&flight, true, "a2")
    ));
    assert_eq!(
        (reported(&mut peer), reported(&mut next)),
        (names([1]), names([2]))
    );
}

/// The time of the cursor is a stamp of the server's, whatever the device's clock says (a year ahead, or behind).
#[test]
fn w5_i21_the_time_of_the_cursor_is_never_the_devices() {
    for jump in [40_000_000, -40_000_000] {
        let mut peer: Peer = Setup::direct().start();
        peer.now.wall = WALL.plus_seconds(jump);
        cold_sasl2_direct(&mut peer);
        peer.serve(&live("in1", "a1"));
        assert_eq!(peer.knowledge().archive_time, Some(STAMPED));
        let (mut peer, flight) = bind(gone(peer.knowledge()), "", GREETING2);
        peer.serve(&page(&flight, 2..=2, true));
        assert_eq!(peer.knowledge().archive_time, Some(STAMPED));
    }
}

/// A message is sent after one that the archive removes, and arrives. It is not sent again.
#[test]
fn w5_i8_what_was_sent_after_a_forgotten_message_is_looked_for() {
    let (mut peer, flight) = sent_after_a_forgotten_message(|_| ());
    peer.serve(&expired(&flight));
    finds_the_sent_message(&mut peer);
}

/// The same, where the archive answers with an empty page instead, and the time of the cursor is new: after the place where the
/// message was sent lies at least the cursor's message.
#[test]
fn w5_i8_an_empty_page_after_an_older_place_than_the_cursor_is_not_believed() {
    let (mut peer, flight) = sent_after_a_forgotten_message(|knowledge| {
        knowledge.archive_time = Some(WALL);
    });
    peer.serve(&fin(&flight, true, ""));
    asks_for_last_page(&mut peer, "a6", "in6");
    finds_the_sent_message(&mut peer);
}

/// Returns a new session after one that was lost with a message of unknown delivery, and its first flight: the archive is queried
/// from the position where the message was sent.
fn sent_after_a_forgotten_message(change: fn(&mut Knowledge)) -> (Peer, String) {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&fin(&flight, true, ""));
    peer.say("m1");
    peer.sends("message");
    peer.serve(&live("in1", "a5"));
    let mut knowledge = settled(peer.knowledge());
    change(&mut knowledge);
    knowledge.sm.as_mut().unwrap().alive_at.0 -= 601;
    let (peer, flight) = bind(knowledge, "", GREETING2);
    assert!(flight.contains("<after>a0</after>"), "{flight}");
    (peer, flight)
}

/// Queries the archive from its oldest message on, and finds there what was sent.
fn finds_the_sent_message(peer: &mut Peer) {
    let all = peer.sends("archive");
    assert!(
        !all.contains("<after>") && !all.contains("var='start'"),
        "{all}"
    );
    peer.serve(&result(&all, "a4", &ours("m1", "balcony")));
    peer.serve(&page(&all, 5..=6, true));
    assert_eq!(peer.sent.matches("id='m1'").count(), 0, "it has arrived");
    assert_eq!(reported(peer), ["in6"]);
    assert_eq!(gaps(peer), 0, "a5 is there, and so is all after it");
}

/// A message was sent when the archive was empty: what is read from its beginning on need not be all that came since.
#[test]
fn w5_i18_an_archive_that_is_read_from_its_beginning_may_have_forgotten() {
    for (first, gap) in [(5, 0), (7, 1)] {
        let knowledge = Knowledge {
            archive: Some(ArchiveCursor::Start),
            archive_time: Some(UnixTime(0)),
            ..away()
        };
        let (mut peer, flight) = bind(knowledge, "", GREETING2);
        peer.serve(&fin(&flight, true, ""));
        peer.say("m1");
        peer.sends("message");
        peer.serve(&live("in5", "a5"));
        let mut knowledge = settled(peer.knowledge());
        knowledge.sm.as_mut().unwrap().alive_at.0 -= 601;
        let (mut peer, flight) = bind(knowledge, "", GREETING2);
        assert!(!flight.contains("<after>"), "{flight}");
        peer.serve(&page(&flight, first..=7, true));
        assert_eq!(gaps(&peer), gap, "from a{first} on");
    }
}

/// Sessions that are only resumed learn no stamp, and the time of the cursor grows old: the archive is asked for the newest message,
/// once a day.
#[test]
fn w5_i21_a_resumed_session_learns_the_time_of_its_cursor() {
    let mut peer: Peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    let knowledge = Knowledge {
        archive_time: Some(WALL.plus_seconds(-8 * DAY)),
        ..peer.knowledge()
    };
    let mut next = resumed_with(knowledge, GREETED2);
    next.serve(&live("in1", "a1"));
    next.pass(Duration::from_secs(15));
    let look = next.sends("archive + r");
    assert!(look.contains("<after>a0</after>"), "{look}");
    next.serve(&format!(
        "{}{}",
        ack(GREETED2 + 1),
        page(&look, 1..=1, true)
    ));
    assert_eq!(next.knowledge().archive_time, Some(STAMPED));
    assert_eq!(reported(&mut next), names([1]));
    next.serve(&live("in2", "a2"));
    next.pass(Duration::from_secs(15));
    next.sends_nothing();
}
