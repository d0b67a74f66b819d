//! What has no meaning later (XEP-0085) is sent at once or never, and counted like any other stanza (rule I6).

use super::peer::{Peer, Setup, said};
use super::scripts::*;
use super::texts::*;
use crate::connection::{Command, Event, Failure, Stage};
use crate::knowledge::{Knowledge, OutboundKind};
use crate::ns;
use crate::xml::Element;

fn typing(id: &str) -> Element {
    Element::new("message", ns::CLIENT)
        .with_attr("to", "romeo@example.net")
        .with_attr("id", id)
        .with_child(Element::new("composing", ns::CHAT_STATES))
}

fn send(peer: &mut Peer, id: &str) {
    let kind = OutboundKind::of(&typing(id));
    let stanza = typing(id).into();
    peer.command(Command::Send { stanza, kind });
}

fn resume(knowledge: Knowledge, h: u32) -> Peer {
    let mut peer = Setup::starttls().knowing(knowledge).start();
    open_starttls(&mut peer);
    finish_fast_resume(&mut peer, h);
    peer
}

/// The stanzas that failed, since the last look.
fn failed(peer: &mut Peer) -> Vec<(String, Failure)> {
    let reason = |event| match event {
        Event::Stage {
            id,
            stage: Stage::Failed(failure),
        } => Some((id, failure)),
        _ => None,
    };
    peer.events().into_iter().filter_map(reason).collect()
}

#[test]
fn a_chat_state_does_not_wait_for_a_session() {
    let mut peer = Setup::starttls().knowing(after_sasl2()).start();
    send(&mut peer, "t1");
    assert_eq!(failed(&mut peer), [("t1".to_owned(), Failure::NotOnline)]);
    assert!(!peer.ops().contains(&"Enqueue".to_owned()));
    peer.say("m1");
    open_starttls(&mut peer);
    finish_fast_resume(&mut peer, GREETED2);
    let flight = peer.sends("message + r");
    assert!(flight.contains("id='m1'") && !flight.contains("composing"));
}

#[test]
fn a_chat_state_is_not_sent_again_and_the_count_stays_right() {
    for (received, is_resent) in [(0, true), (1, true), (2, false)] {
        let mut peer = resume(after_sasl2(), GREETED2);
        send(&mut peer, "t1");
        peer.sends("message + r");
        peer.say("m1");
        peer.sends("message");
        peer.close_transport();
        let mut peer = resume(peer.knowledge(), GREETED2 + received);
        // The connection was lost at once after it was resumed: the archive is asked as well.
        let flight = peer.sends(match is_resent {
            true => "message + archive + r",
            false => "archive + r",
        });
        assert!(!flight.contains("composing"), "{flight}");
        assert_eq!(flight.contains("id='m1'"), is_resent);
        let expected: Vec<(String, Failure)> = (received == 0)
            .then(|| ("t1".to_owned(), Failure::NotOnline))
            .into_iter()
            .collect();
        assert_eq!(failed(&mut peer), expected, "{received}");
        // The server counts what it received, and what was sent after that.
        peer.serve(&ack(GREETED2 + received + u32::from(is_resent) + 1));
        assert!(peer.is_in_session(), "{:?}", peer.closed);
        assert!(peer.knowledge().queue.is_empty());
    }
}

#[test]
fn a_chat_state_ends_with_its_session() {
    let mut peer = resume(after_sasl2(), GREETED2);
    send(&mut peer, "t1");
    peer.sends("message + r");
    peer.close_transport();
    let mut peer = Setup::direct().knowing(peer.knowledge()).start();
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &super::peer::EXPORTER);
    let inner = format!("{}{}", sm_failed(""), bound2(ENABLED));
    let success = success2(&proof, JID, &inner);
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    assert!(peer.is_in_session());
    assert_eq!(failed(&mut peer), [("t1".to_owned(), Failure::SessionLost)]);
    let sent = peer.sent.clone();
    assert!(!sent.contains("composing"), "{sent}");
}

#[test]
fn only_a_chat_state_alone_has_no_meaning_later() {
    let with_text = said("m1", "hello").with_child(Element::new("composing", ns::CHAT_STATES));
    let unstored = said("m1", "hello").with_child(Element::new("no-store", ns::HINTS));
    for message in [with_text, unstored, Element::new("message", ns::CLIENT)] {
        assert_eq!(OutboundKind::of(&message), OutboundKind::Message);
    }
    assert_eq!(OutboundKind::of(&typing("t1")), OutboundKind::Ephemeral);
    let presence = Element::new("presence", ns::CLIENT);
    assert_eq!(OutboundKind::of(&presence), OutboundKind::SessionBound);
}
