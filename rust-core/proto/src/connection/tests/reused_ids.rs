//! I17: an id says only what the entity that assigned it promised. Senders use one twice; what they say with it is not lost.

use super::archive::*;
use super::peer::{Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::Event;
use crate::knowledge::{Delivery, SeenMessage, StableId};

const STAMP: &str =
    "<delay xmlns='urn:xmpp:delay' from='example.org' stamp='2026-11-20T10:00:00Z'/>";

fn online() -> Peer {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.events();
    peer.ops();
    peer
}

/// A message of Romeo's with this origin-id.
fn said(id: &str, text: &str) -> String {
    format!(
        "<message xmlns='jabber:client' from='romeo@example.net/x' to='{OWN}' type='chat' id='{id}'>\
         <body>{text}</body><origin-id xmlns='urn:xmpp:sid:0' id='{id}'/></message>"
    )
}

/// What a client without origin-ids sent from this account.
fn sent(id: &str, to: &str, text: &str) -> String {
    format!(
        "<message xmlns='jabber:client' from='{OWN}/kitchen' to='{to}' type='chat' id='{id}'>\
         <body>{text}</body></message>"
    )
}

fn with(message: &str, more: &str) -> String {
    message.replace("</message>", &format!("{more}</message>"))
}

fn archived(message: &str, id: &str) -> String {
    let id = format!("<stanza-id xmlns='urn:xmpp:sid:0' by='{OWN}' id='{id}'/>");
    with(message, &id)
}

fn carbon(kind: &str, message: &str) -> String {
    format!(
        "<message from='{OWN}' to='{JID}'><{kind} xmlns='urn:xmpp:carbons:2'>\
         <forwarded xmlns='urn:xmpp:forward:0'>{message}</forwarded></{kind}></message>"
    )
}

fn deliveries(peer: &mut Peer) -> Vec<Delivery> {
    let events = peer.events().into_iter();
    events
        .filter_map(|event| match event {
            Event::Stanza(delivery) => Some(delivery),
            _ => None,
        })
        .collect()
}

/// The texts that the app was given, and which of the deliveries each may repeat.
fn given(deliveries: &[Delivery]) -> Vec<(String, Option<usize>)> {
    let place = |id: &String| deliveries.iter().position(|other| other.id == *id);
    let text = |delivery: &Delivery| {
        let xml = delivery.stanza.to_xml();
        let body = xml.split("<body>").nth(1).unwrap();
        body.split("</body>").next().unwrap().to_owned()
    };
    let one = |delivery: &Delivery| {
        let earlier = delivery.possible_duplicate_of.as_ref();
        (
            text(delivery),
            earlier.map(|id| place(id).expect("one that was given")),
        )
    };
    deliveries.iter().map(one).collect()
}

fn reported(peer: &mut Peer) -> Vec<(String, Option<usize>)> {
    given(&deliveries(peer))
}

fn new(text: &str) -> (String, Option<usize>) {
    (text.to_owned(), None)
}

fn repeats(text: &str, earlier: usize) -> (String, Option<usize>) {
    (text.to_owned(), Some(earlier))
}

#[test]
fn i17_a_reused_origin_id_with_another_payload_is_delivered() {
    let mut peer = online();
    peer.serve(&format!(
        "{}{}{}",
        archived(&said("1", "one"), "a1"),
        archived(&said("1", "two"), "a2"),
        archived(&with(&said("1", "three"), STAMP), "a3")
    ));
    let expected = [new("one"), new("two"), repeats("three", 0)];
    assert_eq!(reported(&mut peer), expected);
    assert_eq!(peer.memory.inbound.len(), 3);
}

/// Two that came directly, each with an id of its own, are two: a sender may say the same again.
#[test]
fn i17_what_is_said_twice_is_delivered_twice() {
    let mut peer = online();
    peer.serve(&format!(
        "{}{}",
        archived(&said("1", "ok"), "a1"),
        archived(&said("1", "ok"), "a2")
    ));
    assert_eq!(reported(&mut peer), [new("ok"), new("ok")]);
}

/// ejabberd takes in twice what a client sends again over a resumed session, and archives both: no entity draws a random id twice.
#[test]
fn i17_what_a_server_took_in_twice_comes_once_if_its_id_is_random() {
    let mut peer = online();
    let id = "q4B0sHrx4IBAZrRxKaDVvw";
    peer.serve(&format!(
        "{}{}{}",
        archived(&said(id, "ok"), "a1"),
        archived(&said(id, "ok"), "a2"),
        archived(&said(id, "another"), "a3")
    ));
    assert_eq!(reported(&mut peer), [new("ok"), new("another")]);
}

/// Decision 0033: the sender lost its session, and the archive gives what it sends again a second id.
#[test]
fn i17_a_message_that_was_sent_again_comes_once() {
    let first = said("1", "ok");
    for again in [
        with(&first, STAMP),
        with(&first, STAMP).replace("<message ", "<message xml:lang='en' "),
        with(&first, STAMP).replace("romeo@example.net/x", "Romeo@EXAMPLE.net/y"),
        with(&first, STAMP).replace("<body>", "\n <body>"),
    ] {
        let mut peer = online();
        peer.serve(&format!(
            "{}{}",
            archived(&first, "a1"),
            archived(&again, "a2")
        ));
        assert_eq!(reported(&mut peer), [new("ok")], "{again}");
    }
    // The other way round, and where one of the two has no id in the archive.
    for (one, other) in [
        (archived(&with(&first, STAMP), "a1"), archived(&first, "a2")),
        (first.clone(), archived(&first, "a2")),
        (archived(&first, "a1"), first.clone()),
        (first.clone(), first.clone()),
    ] {
        let mut peer = online();
        peer.serve(&format!("{one}{other}"));
        assert_eq!(reported(&mut peer), [new("ok")], "{one} {other}");
    }
}

/// Decision 0033: not every server puts the archive's id into a carbon.
#[test]
fn i17_a_carbon_and_its_copy_in_the_archive_come_once() {
    for (kind, copied) in [
        ("received", said("1", "ok")),
        ("sent", sent("1", "romeo@example.net", "ok")),
    ] {
        let (mut peer, flight) = bind(away(), "", GREETING2);
        peer.serve(&format!(
            "{}{}{}",
            carbon(kind, &copied),
            result(
                &flight,
                "a1",
                &copied.replace("<message ", "<message xml:lang='de' ")
            ),
            fin(&flight, true, "a1")
        ));
        assert_eq!(reported(&mut peer), [new("ok")], "{kind}");
        assert_eq!(peer.knowledge().archive, after("a1"), "{kind}");
    }
}

/// A client that counts from the same number after each start.
#[test]
fn i17_reused_ids_of_our_other_clients_are_delivered() {
    let romeo = "romeo@example.net";
    let mut peer = online();
    peer.serve(&format!(
        "{}{}{}{}",
        carbon("sent", &archived(&sent("aab1a", romeo, "one"), "a1")),
        carbon("sent", &archived(&sent("aab1a", romeo, "two"), "a2")),
        carbon("sent", &sent("aab1a", romeo, "three")),
        carbon("sent", &archived(&sent("aab1a", romeo, "one"), "a1")),
    ));
    let expected = [new("one"), new("two"), repeats("three", 0)];
    assert_eq!(reported(&mut peer), expected);
}

#[test]
fn i17_reused_ids_in_the_archive_are_delivered() {
    let romeo = "Romeo@example.net/x";
    let (mut peer, flight) = bind(away(), "", GREETING2);
    let page = [
        ("a1", sent("aab1a", romeo, "one")),
        ("a2", sent("aab1a", romeo, "two")),
        ("a3", sent("aab1a", "nurse@example.net", "one")),
        ("a4", sent("aab1a", "romeo@EXAMPLE.net", "one")),
        ("a5", said("aab1a", "one")),
        ("a6", said("aab1a", "two")),
    ];
    let results = page.map(|(id, message)| result(&flight, id, &message));
    peer.serve(&format!("{}{}", results.concat(), fin(&flight, true, "a6")));
    let expected = [
        new("one"),
        repeats("two", 0),
        // To another recipient, it is another message.
        new("one"),
        // `a4` is what was sent a second time.
        new("one"),
        repeats("two", 3),
    ];
    assert_eq!(reported(&mut peer), expected);
    assert_eq!(peer.knowledge().archive, after("a6"));
}

/// Another client of the account may choose the id of a message of ours.
#[test]
fn i17_our_own_message_is_not_taken_for_that_of_another_client() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.say("m1");
    peer.serve(&ack(GREETED2 + 1));
    let (mut peer, flight) = bind(gone(peer.knowledge()), "", GREETING2);
    let romeo = "romeo@example.net";
    peer.serve(&format!(
        "{}{}{}",
        result(&flight, "a1", &sent("m1", romeo, "m1")),
        result(&flight, "a2", &sent("m1", romeo, "another")),
        fin(&flight, true, "a2")
    ));
    let deliveries = deliveries(&mut peer);
    let [delivery] = deliveries.as_slice() else {
        panic!("{deliveries:?}");
    };
    assert_eq!(delivery.possible_duplicate_of.as_deref(), Some("m1"));
}

/// I8: only what we said proves that it arrived.
#[test]
fn i17_i8_a_message_of_unknown_fate_did_not_arrive_because_its_id_did() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.say("m1");
    let mut knowledge = peer.knowledge();
    knowledge.sm.as_mut().unwrap().alive_at.0 -= 601;
    let (mut peer, flight) = bind(knowledge, "", GREETING2);
    peer.serve(&ack(GREETED2));
    peer.serve(&format!(
        "{}{}{}",
        result(&flight, "a1", &sent("m1", "romeo@example.net", "another")),
        result(&flight, "a2", &sent("m1", "nurse@example.net", "m1")),
        fin(&flight, true, "a2")
    ));
    assert_eq!(deliveries(&mut peer).len(), 2);
    let flight = peer.sends("message + r");
    assert!(flight.contains("<body>m1</body>"), "{flight}");
}

/// A kill in between: the next process knows as much.
#[test]
fn i17_what_may_be_repeated_is_known_after_a_kill() {
    let mut peer = online();
    peer.serve(&archived(&said("1", "one"), "a1"));
    let first = deliveries(&mut peer).remove(0).id;
    let (mut peer, flight) = bind(gone(peer.knowledge()), "", GREETING2);
    peer.serve(&format!(
        "{}{}{}",
        result(&flight, "a2", &said("1", "one")),
        result(&flight, "a3", &said("1", "two")),
        fin(&flight, true, "a3")
    ));
    let deliveries = deliveries(&mut peer);
    let [delivery] = deliveries.as_slice() else {
        panic!("{deliveries:?}");
    };
    assert_eq!(delivery.possible_duplicate_of, Some(first));
}

/// What schema 4 noted of our own messages still tells them; what it noted of others does not suppress anything.
#[test]
fn i17_what_an_older_store_noted_suppresses_only_our_own() {
    let id = "qj7bYRyEqNVo6tdT6XWwHg";
    let mut knowledge = away();
    let noted = |seen: &crate::knowledge::Seen, id| SeenMessage {
        tags: vec![seen.tag(StableId::Ours(id))],
        reference: None,
    };
    for id in [id, "aab1a"] {
        let message = noted(&knowledge.seen, id);
        knowledge.seen.insert(&message);
    }
    let (mut peer, flight) = bind(knowledge, "", GREETING2);
    let romeo = "romeo@example.net";
    peer.serve(&format!(
        "{}{}{}",
        result(&flight, "a1", &sent(id, romeo, "one")),
        result(&flight, "a2", &sent("aab1a", romeo, "two")),
        fin(&flight, true, "a2")
    ));
    assert_eq!(reported(&mut peer), [new("two")]);
}
