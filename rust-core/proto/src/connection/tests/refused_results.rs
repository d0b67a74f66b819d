//! T6, I18 and XEP-0313: a refused result counts as a result of its page, whatever its place, and the page goes on after it.

use super::archive::*;
use super::peer::{Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::{Event, Stage};
use crate::knowledge::Knowledge;

/// What a contact may have had archived: too deep, too big, and unreadable in several ways.
fn refused_messages() -> Vec<String> {
    let open = "<message xmlns='jabber:client' from='mallory@example.net/x'>";
    let inner = [
        "<a>".repeat(66) + &"</a>".repeat(66),
        "x".repeat(300_000),
        "&#x1A;".to_owned(),
        "<y xmlns='v' p:a=''/>".to_owned(),
        "<a xmlns='http://www.w3.org/XML/1998/namespace'/>".to_owned(),
        "&nbsp;".to_owned(),
    ];
    let message = |inner: String| format!("{open}<body>{inner}</body></message>");
    inner.into_iter().map(message).collect()
}

/// A session in which `m1` was sent is gone; the archive has it after `a0`.
fn lost() -> Knowledge {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.say("m1");
    let mut knowledge = peer.knowledge();
    knowledge.sm.as_mut().unwrap().alive_at.0 -= 601;
    knowledge
}

fn refusals(peer: &Peer) -> usize {
    let refused = |entry: &&String| entry.starts_with("StanzaRefused");
    peer.history.iter().filter(refused).count()
}

#[test]
fn t6_a_refused_result_is_passed_in_any_place_of_its_page() {
    for refused in refused_messages() {
        for place in 0..3 {
            let (mut peer, flight) = bind(lost(), "", GREETING2);
            peer.serve(&ack(GREETED2));
            let mut messages = vec![ours("m1", "balcony"), message("in1")];
            messages.insert(place, refused.clone());
            let ids = ["a1", "a2", "a3"];
            for (id, message) in ids.iter().zip(&messages) {
                peer.serve(&result(&flight, id, message));
            }
            peer.serve(&fin(&flight, false, "a3"));
            let next = peer.sends("archive + r");
            assert!(next.contains("<after>a3</after>"), "{next}");
            peer.serve(&result(&next, "a4", &message("in2")));
            peer.serve(&fin(&next, true, "a4"));
            assert_eq!(reported(&mut peer), ["in1", "in2"]);
            assert_eq!(peer.knowledge().archive, after("a4"));
            assert_eq!((gaps(&peer), refusals(&peer)), (0, 1));
            assert!(
                peer.knowledge()
                    .queue
                    .iter()
                    .all(|stanza| stanza.id != "m1")
            );
            assert!(!peer.sent.contains("<message"), "m1 had arrived");
        }
    }
}

#[test]
fn t6_a_page_of_refused_results_is_passed() {
    for refused in refused_messages() {
        let (mut peer, flight) = bind(away(), "", GREETING2);
        peer.serve(&ack(GREETED2));
        for id in ["a1", "a2"] {
            peer.serve(&result(&flight, id, &refused));
        }
        peer.serve(&fin(&flight, false, "a2"));
        let next = peer.sends("archive + r");
        assert!(next.contains("<after>a2</after>"), "{next}");
        peer.serve(&result(&next, "a3", &refused));
        peer.serve(&fin(&next, true, "a3"));
        assert_eq!(peer.knowledge().archive, after("a3"));
        assert_eq!((gaps(&peer), refusals(&peer)), (0, 3));
    }
}

/// What stands in front of the fault may not say which result it was; then `<last/>` does.
#[test]
fn t6_where_a_refused_result_is_not_known_the_end_of_the_page_is() {
    for unknown in [
        format!("<message from='{OWN}' to='{JID}'>&#8;</message>"),
        format!("<message from='{OWN}'><p:result/></message>"),
        format!("<message><a/>{}</message>", "x".repeat(300_000)),
    ] {
        let (mut peer, flight) = bind(away(), "", GREETING2);
        peer.serve(&ack(GREETED2));
        peer.serve(&result(&flight, "a1", &message("in1")));
        peer.serve(&unknown);
        peer.serve(&fin(&flight, false, "a2"));
        let next = peer.sends("archive + r");
        assert!(next.contains("<after>a2</after>"), "{next}");
        peer.serve(&fin(&next, true, ""));
        assert_eq!(gaps(&peer), 0);
    }
}

#[test]
fn t6_a_result_without_a_message_is_passed() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&ack(GREETED2));
    peer.serve(&result(&flight, "a1", ""));
    peer.serve(&fin(&flight, false, "a1"));
    let next = peer.sends("archive + r");
    assert!(next.contains("<after>a1</after>"), "{next}");
    assert_eq!(gaps(&peer), 0);
}

/// T7: a stanza of another entity says nothing about our archive.
#[test]
fn t7_what_others_send_refused_is_no_result() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&ack(GREETED2));
    let query = id_before(&flight, "urn:xmpp:mam:2");
    for from in ["mallory@example.net/x", "juliet@example.org/balcony"] {
        peer.serve(&format!(
            "<message from='{from}'><result xmlns='urn:xmpp:mam:2' queryid='{query}' id='a9'>&#8;</result></message>"
        ));
    }
    peer.serve(&format!(
        "<message from='{OWN}'><result xmlns='urn:xmpp:mam:2' queryid='other' id='a9'>&#8;</result></message>"
    ));
    peer.serve(&result(&flight, "a1", &message("in1")));
    peer.serve(&fin(&flight, true, "a1"));
    assert_eq!(peer.knowledge().archive, after("a1"));
    assert_eq!(reported(&mut peer), ["in1"]);
}

/// A page whose end nothing explains still contradicts itself.
#[test]
fn i18_a_page_that_lost_a_message_is_a_gap() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&ack(GREETED2));
    peer.serve(&result(&flight, "a1", &message("in1")));
    peer.serve(&fin(&flight, false, "a2"));
    assert_eq!(gaps(&peer), 1);
}

/// A copy of our own message that cannot be read says by its start tag that the message has arrived: it is not sent twice.
#[test]
fn i8_a_refused_copy_of_our_own_message_has_arrived() {
    let own = ours("m1", "balcony");
    let nested = format!("{}{}", "<a>".repeat(70), "</a>".repeat(70));
    for fault in [
        "&#x1A;",
        "<y xmlns='v' p:a=''/>",
        &nested,
        &"x".repeat(300_000),
    ] {
        let copy = own.replace("</body>", &format!("</body>{fault}"));
        let (mut peer, flight) = bind(lost(), "", GREETING2);
        peer.serve(&ack(GREETED2));
        peer.serve(&result(&flight, "a1", &copy));
        let knowledge = peer.knowledge();
        assert!(knowledge.queue.iter().all(|stanza| stanza.id != "m1"));
        peer.serve(&fin(&flight, true, "a1"));
        assert!(!peer.sent.contains("<message"), "m1 was sent again");
        let acked =
            |event: &Event| matches!(event, Event::Stage { id, stage: Stage::Acked } if id == "m1");
        assert_eq!(peer.events().iter().filter(|event| acked(event)).count(), 1);
        assert_eq!((gaps(&peer), refusals(&peer)), (0, 1));
        // The result and the end of its page, each once.
        assert_eq!(peer.knowledge().sm.map(|session| session.h), Some(2));
    }
}

/// What only looks like it does not stop ours: it is sent again.
#[test]
fn i8_a_refused_result_that_is_not_ours_decides_nothing() {
    let own = ours("m1", "balcony").replace("</body>", "</body>&#x1A;");
    for (other, why) in [
        (own.replace("id='m1'", "id='m2'"), "another id"),
        (
            own.replace("romeo@example.net", "nurse@example.net"),
            "another recipient",
        ),
        (own.replace(OWN, "mallory@example.net"), "another sender"),
        (
            own.replace("<body>", "&#8;<body>")
                .replace("from=", "p:from="),
            "no sender that can be read",
        ),
    ] {
        let (mut peer, flight) = bind(lost(), "", GREETING2);
        peer.serve(&ack(GREETED2));
        peer.serve(&result(&flight, "a1", &other));
        peer.serve(&fin(&flight, true, "a1"));
        let again = peer.sends("message + r");
        assert!(again.contains("id='m1'"), "{why}");
    }
    // T7: nor does what another entity sends instead of the archive.
    let (mut peer, flight) = bind(lost(), "", GREETING2);
    peer.serve(&ack(GREETED2));
    let forged = result(&flight, "a1", &own).replacen(OWN, "mallory@example.net/x", 1);
    peer.serve(&forged);
    peer.serve(&fin(&flight, true, ""));
    assert!(peer.sends("message + r").contains("id='m1'"));
}
