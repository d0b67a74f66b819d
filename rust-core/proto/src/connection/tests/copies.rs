//! XEP-0280, T7: a copy is taken out of its wrapper once, and judged before it is stored.

use super::archive::*;
use super::peer::{Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::Event;
use crate::knowledge::{Delivery, StanzaKind};
use crate::xep::carbons::Direction;

const MALLORY: &str = "mallory@example.net/x";

fn online() -> Peer {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.events();
    peer
}

fn wrapped(kind: &str, forwarded: &str) -> String {
    format!("<{kind} xmlns='urn:xmpp:carbons:2'>{forwarded}</{kind}>")
}

fn carbon(from: &str, kind: &str, message: &str) -> String {
    let inner = format!("<forwarded xmlns='urn:xmpp:forward:0'>{message}</forwarded>");
    format!(
        "<message from='{from}' to='{JID}'>{}</message>",
        wrapped(kind, &inner)
    )
}

fn stored(peer: &mut Peer) -> Vec<Delivery> {
    std::mem::take(&mut peer.memory.inbound)
}

fn faults(peer: &mut Peer) -> Vec<&'static str> {
    let events = peer.events().into_iter();
    let fault = |event| match event {
        Event::PeerFault(fault) => Some(fault),
        Event::Stanza(delivery) => panic!("{delivery:?}"),
        _ => None,
    };
    events.filter_map(fault).collect()
}

#[test]
fn t7_a_copy_is_stored_without_its_wrapper() {
    for (kind, direction) in [("received", Direction::Received), ("sent", Direction::Sent)] {
        let mut peer = online();
        peer.serve(&carbon(OWN, kind, &message("in1")));
        let stored = stored(&mut peer);
        let [delivery] = stored.as_slice() else {
            panic!("{stored:?}");
        };
        assert_eq!(delivery.carbon.as_ref().unwrap().direction, direction);
        assert_eq!(delivery.stanza.attr("id"), Some("in1"));
        assert_eq!(delivery.head.kind, StanzaKind::Chat);
    }
}

#[test]
fn t7_a_forged_carbon_is_counted_and_not_stored() {
    let nothing = "<forwarded xmlns='urn:xmpp:forward:0'/>";
    for forged in [
        carbon(MALLORY, "sent", &ours("m9", "kitchen")),
        carbon(MALLORY, "received", &message("in1")),
        carbon("example.org", "sent", &ours("m9", "kitchen")),
        format!(
            "<message from='{OWN}'>{}</message>",
            wrapped("sent", nothing)
        ),
    ] {
        let mut peer = online();
        let h = peer.knowledge().sm.unwrap().h;
        peer.serve(&forged);
        assert!(stored(&mut peer).is_empty(), "{forged}");
        assert_eq!(faults(&mut peer), ["forged carbon"], "{forged}");
        assert_eq!(peer.knowledge().sm.unwrap().h, h + 1, "{forged}");
    }
}

#[test]
fn t7_a_forged_carbon_in_the_archive_is_not_stored() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.events();
    let forged = carbon(MALLORY, "sent", &ours("m9", "kitchen")).replacen(
        "<message ",
        "<message xmlns='jabber:client' ",
        1,
    );
    peer.serve(&format!(
        "{}{}",
        result(&flight, "a1", &forged),
        fin(&flight, true, "a1")
    ));
    assert!(stored(&mut peer).is_empty());
    assert_eq!(faults(&mut peer), ["forged carbon"]);
    assert_eq!(peer.knowledge().archive, after("a1"));
}

/// An error for a message of ours repeats what it contained (RFC 6120 section 8.3.1).
#[test]
fn t7_an_error_that_repeats_a_carbon_is_an_error() {
    let mut peer = online();
    let error = carbon(MALLORY, "sent", &ours("m9", "kitchen")).replacen(
        "<message ",
        "<message type='error' id='m1' ",
        1,
    );
    peer.serve(&error);
    let stored = stored(&mut peer);
    let [delivery] = stored.as_slice() else {
        panic!("{stored:?}");
    };
    assert_eq!(delivery.carbon, None);
    assert_eq!(delivery.head.kind, StanzaKind::Error);
}
