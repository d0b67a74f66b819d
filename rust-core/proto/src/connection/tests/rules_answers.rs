//! Rules I12 and I20: the answers to requests of other entities are limited in number and in rate.

use std::time::Duration;

use super::peer::{Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::Event;

fn online() -> Peer {
    let mut peer = Setup::starttls().knowing(after_sasl2()).start();
    open_starttls(&mut peer);
    finish_fast_resume(&mut peer, GREETED2);
    peer.sent.clear();
    peer.events();
    peer
}

fn ping(from: &str) -> String {
    format!("<iq type='get' id='1' from='{from}'><ping xmlns='urn:xmpp:ping'/></iq>")
}

fn answers(peer: &Peer) -> usize {
    peer.sent.matches("<iq ").count()
}

fn faults(peer: &mut Peer) -> usize {
    let events = peer.events().into_iter();
    events
        .filter(|event| matches!(event, Event::PeerFault(_)))
        .count()
}

#[test]
fn i20_strangers_are_answered_at_a_rate_and_reported_once() {
    let mut peer = online();
    for n in 0..1_000_u32 {
        peer.serve(&ping("eve@example.net/x"));
        // The server takes them all.
        peer.serve(&ack(GREETED2 + u32::try_from(answers(&peer)).unwrap()));
        assert!(peer.knowledge().queue.len() <= 1, "{n}");
    }
    assert_eq!((answers(&peer), faults(&mut peer)), (100, 1));
    peer.pass(Duration::from_secs(1));
    for _ in 0..1_000 {
        peer.serve(&ping("mallory@example.com/y"));
    }
    assert_eq!((answers(&peer), faults(&mut peer)), (110, 0));
}

#[test]
fn i20_without_acknowledgements_few_answers_are_kept_for_others_and_more_for_our_server() {
    let mut peer = online();
    for _ in 0..50 {
        for _ in 0..100 {
            peer.serve(&ping("eve@example.net/x"));
        }
        peer.now.mono = peer.now.mono + Duration::from_secs(10);
    }
    assert_eq!((answers(&peer), peer.knowledge().queue.len()), (128, 128));
    for _ in 0..5_000 {
        peer.serve(&ping("example.org"));
    }
    assert_eq!(answers(&peer), 1024);
    assert!(peer.is_in_session());
    // The app's stanzas go all the same, and acknowledged answers make room.
    peer.say("m1");
    assert!(peer.sent.contains("id='m1'"));
    peer.serve(&ack(GREETED2 + 1_000));
    peer.serve(&ping("eve@example.net/x"));
    assert_eq!(answers(&peer), 1025);
}

#[test]
fn i20_answers_are_bounded_in_bytes() {
    let mut peer = online();
    let id = "x".repeat(100_000);
    for _ in 0..1_000 {
        peer.serve(&format!(
            "<iq type='get' id='{id}' from='example.org'><ping xmlns='urn:xmpp:ping'/></iq>"
        ));
    }
    assert!(peer.sent.len() < 512 * 1024, "{}", peer.sent.len());
}

#[test]
fn limit_of_an_id_that_is_echoed_is_exact() {
    let mut peer = online();
    let ask = |peer: &mut Peer, size: usize| {
        let id = "x".repeat(size);
        peer.serve(&format!(
            "<iq type='get' id='{id}' from='example.org'><ping xmlns='urn:xmpp:ping'/></iq>"
        ));
    };
    ask(&mut peer, 1_024);
    assert_eq!((answers(&peer), faults(&mut peer)), (1, 0));
    ask(&mut peer, 1_025);
    assert_eq!((answers(&peer), faults(&mut peer)), (1, 1));
    assert!(peer.is_in_session());
}
