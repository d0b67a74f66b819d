//! Rule W1: an archived message at which the stream has to be closed. The page is requested once more in halves; then the archive
//! is continued after that message, and a gap is reported.

use super::archive::{after, away, bind, gaps, live, message, reported, result};
use super::scripts::*;
use super::texts::*;
use crate::escalation::Subject;
use crate::knowledge::Knowledge;

/// A result that hides where it ends.
fn broken(flight: &str, archived: &str) -> String {
    let whole = result(flight, archived, &message("bad"));
    whole.replace("<body>", "<body><!-- -->")
}

fn refusals(knowledge: &Knowledge) -> u8 {
    let failure = knowledge.failures.get(Subject::ArchivePage);
    failure.map_or(0, |failure| failure.refusals)
}

#[test]
fn w1_an_unreadable_message_is_passed_at_the_third_attempt() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    assert!(flight.contains("<max>100</max>"));
    let page = |flight: &str| {
        format!(
            "{}{}",
            result(flight, "a1", &message("m1")),
            broken(flight, "a2")
        )
    };
    peer.serve(&page(&flight));
    assert_eq!(reported(&mut peer), ["m1"]);
    assert_eq!((refusals(&peer.knowledge()), gaps(&peer)), (1, 0));
    // Half of the page, from the same place.
    let (mut peer, flight) = bind(gone(peer.knowledge()), "", GREETING2);
    assert!(flight.contains("<max>50</max>") && flight.contains("<after>a0</after>"));
    peer.serve(&page(&flight));
    assert_eq!(reported(&mut peer), [""; 0]);
    assert_eq!((refusals(&peer.knowledge()), gaps(&peer)), (2, 1));
    // What stands after it is read.
    let (mut peer, flight) = bind(gone(peer.knowledge()), "", GREETING2);
    assert!(flight.contains("<after>a2</after>"), "{flight}");
    peer.serve(&format!(
        "{}{}",
        result(&flight, "a3", &message("m3")),
        fin(&flight, true, "a3")
    ));
    assert_eq!(reported(&mut peer), ["m3"]);
    assert_eq!(peer.knowledge().archive, after("a3"));
    assert_eq!((refusals(&peer.knowledge()), gaps(&peer)), (0, 0));
    // Pages are whole again.
    let (_, flight) = bind(gone(peer.knowledge()), "", GREETING2);
    assert!(flight.contains("<max>100</max>"));
}

/// The server sends it again in the resumed session: the next one begins after it.
#[test]
fn w1_an_unreadable_message_in_a_resumed_session_is_passed_in_the_next() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&format!(
        "{}{}{}",
        roster(&flight),
        ack(GREETED2),
        broken(&flight, "a2")
    ));
    let mut peer = resumed_from(&peer, GREETED2);
    peer.serve(&broken(&flight, "a2"));
    assert_eq!(
        peer.knowledge().sm,
        None,
        "the same input would end it again"
    );
    assert_eq!((refusals(&peer.knowledge()), gaps(&peer)), (2, 1));
    let (_, flight) = bind(peer.knowledge(), "", GREETING2);
    assert!(flight.contains("<after>a2</after>"));
}

/// Where its id cannot be read, either, the archive is continued from its end.
#[test]
fn w1_a_message_without_a_readable_id_is_a_gap_up_to_the_end() {
    let mut knowledge = away();
    for count in 1..=2 {
        let (mut peer, _) = bind(knowledge, "", GREETING2);
        peer.serve(
            "<message from='juliet@example.org'><result xmlns='urn:xmpp:mam:2' id='<'/></message>",
        );
        assert_eq!(
            (refusals(&peer.knowledge()), gaps(&peer)),
            (count, usize::from(count == 2))
        );
        knowledge = gone(peer.knowledge());
    }
    let (_, flight) = bind(knowledge, "", GREETING2);
    assert!(flight.contains("<before/>"));
}

/// A live message is no part of a page.
#[test]
fn w1_a_live_message_that_is_malformed_says_nothing_about_the_page() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&answers(&flight));
    peer.serve(&live("m1", "a1").replace("<body>", "<body><!-- -->"));
    assert_eq!(refusals(&peer.knowledge()), 0);
    let (mut peer, _) = bind(away(), "", GREETING2);
    peer.serve(&live("m1", "a1").replace("<origin-id", "<!-- --><origin-id"));
    assert_eq!(refusals(&peer.knowledge()), 0);
}
