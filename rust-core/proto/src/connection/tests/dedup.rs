//! I2, XEP-0359: no message is delivered twice, however often and on whatever way it arrives.

use super::archive::*;
use super::peer::{Peer, Setup};
use super::scripts::*;
use super::texts::*;

fn online() -> Peer {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.events();
    peer.ops();
    peer
}

fn count(peer: &Peer) -> u32 {
    peer.knowledge().sm.unwrap().h
}

/// A server that takes a resent message a second time gives it a second id; its sender's id is the same.
#[test]
fn i2_a_message_that_its_sender_sent_again_comes_once_and_counts_twice() {
    let mut peer = online();
    let before = count(&peer);
    let stamp = "<delay xmlns='urn:xmpp:delay' stamp='2026-11-20T10:00:00Z'/></message>";
    let again = |archived| live("in1", archived).replace("</message>", stamp);
    peer.serve(&format!("{}{}", live("in1", "a1"), again("a2")));
    assert_eq!(reported(&mut peer), ["in1"]);
    assert_eq!(
        peer.ops(),
        [
            "Seen",
            "ArchiveCursor",
            "Inbound",
            "CountInbound",
            "CountInbound"
        ]
    );
    assert_eq!(count(&peer), before + 2);
    assert_eq!(peer.memory.inbound.len(), 1);
    // From another resource of theirs, too.
    peer.serve(&again("a3").replace("example.net/x", "example.net/y"));
    assert_eq!(reported(&mut peer), [""; 0]);
}

#[test]
fn i2_a_message_with_the_same_id_in_our_archive_comes_once() {
    let mut peer = online();
    let without_origin = |id: &str| {
        live(id, "a1").replace(
            &format!("<origin-id xmlns='urn:xmpp:sid:0' id='{id}'/>"),
            "",
        )
    };
    peer.serve(&format!(
        "{}{}",
        without_origin("in1"),
        without_origin("in1")
    ));
    assert_eq!(reported(&mut peer), ["in1"]);
}

#[test]
fn i2_ids_of_different_senders_are_different() {
    let mut peer = online();
    peer.serve(&live("in1", "a1"));
    peer.serve(&live("in1", "a2").replace("romeo@", "mallory@"));
    assert_eq!(reported(&mut peer), ["in1", "in1"]);
    // In a groupchat all occupants share the same account.
    let said = |nick: &str| {
        message("g1")
            .replace(
                "romeo@example.net/x",
                &format!("room@muc.example.net/{nick}"),
            )
            .replace("'chat'", "'groupchat'")
    };
    peer.serve(&format!("{}{}{}", said("a"), said("b"), said("a")));
    assert_eq!(reported(&mut peer), ["g1", "g1"]);
}

/// An error has the ids of what it answers, and each says something of its own.
#[test]
fn i2_errors_are_no_duplicates() {
    let mut peer = online();
    let error = message("m1").replace("'chat'", "'error'");
    peer.serve(&format!("{}{error}{error}", message("m1")));
    assert_eq!(reported(&mut peer), ["m1", "m1", "m1"]);
}

/// Prosody keeps what waits for an absent client and archives it, too.
#[test]
fn i2_what_the_archive_brought_is_not_taken_from_elsewhere() {
    let stamp = "<delay xmlns='urn:xmpp:delay' from='example.org' stamp='2026-11-20T10:00:00Z'/>";
    let kept = |id: &str, archived: &str| {
        live(id, archived).replace("</message>", &format!("{stamp}</message>"))
    };
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&format!(
        "{}{}{}",
        result(&flight, "a1", &message("in1")),
        result(&flight, "a2", &message("in2")),
        fin(&flight, true, "a2")
    ));
    peer.serve(&format!("{}{}", kept("in1", "a1"), kept("in2", "a2")));
    assert_eq!(reported(&mut peer), ["in1", "in2"]);
    assert_eq!(peer.knowledge().archive, after("a2"), "it does not go back");
    // The other way round.
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&format!("{}{}", kept("in1", "a1"), kept("in2", "a2")));
    peer.serve(&format!(
        "{}{}{}",
        result(&flight, "a1", &message("in1")),
        result(&flight, "a2", &message("in2")),
        fin(&flight, true, "a2")
    ));
    assert_eq!(reported(&mut peer), ["in1", "in2"]);
    assert_eq!(peer.knowledge().archive, after("a2"));
}

/// The process is killed between the commit and the app's acknowledgement, or after it: what was committed is known to the next
/// process.
#[test]
fn i2_what_was_committed_before_a_kill_is_known_after_it() {
    let mut peer = online();
    peer.serve(&live("in1", "a1"));
    let (mut next, flight) = bind(gone(settled(peer.knowledge())), "", GREETING2);
    assert!(flight.contains("<after>a1</after>"));
    next.serve(&format!("{}{}", fin(&flight, true, ""), live("in1", "a1")));
    assert_eq!(reported(&mut next), [""; 0]);
}

#[test]
fn i2_what_was_not_committed_is_not_known() {
    let mut peer = online();
    peer.auto_commit = false;
    peer.serve(&live("in1", "a1"));
    let (mut next, flight) = bind(gone(peer.knowledge()), "", GREETING2);
    next.serve(&format!(
        "{}{}",
        result(&flight, "a1", &message("in1")),
        fin(&flight, true, "a1")
    ));
    assert_eq!(reported(&mut next), ["in1"]);
}

#[test]
fn i2_a_carbon_of_what_came_is_a_double() {
    let mut peer = online();
    let carbon = format!(
        "<message from='{OWN}' to='{JID}'><received xmlns='urn:xmpp:carbons:2'>\
         <forwarded xmlns='urn:xmpp:forward:0'>{}</forwarded></received></message>",
        live("in1", "a1")
    );
    peer.serve(&format!("{carbon}{}", live("in1", "a1")));
    assert_eq!(reported(&mut peer), ["in1"]);
    assert_eq!(peer.knowledge().archive, after("a1"));
    // A forged one proves nothing.
    let forged = carbon
        .replacen(OWN, "mallory@example.net", 1)
        .replace("in1", "in2");
    let forged = forged.replace("'a1'", "'a2'");
    peer.serve(&format!("{forged}{}", live("in2", "a2")));
    assert_eq!(reported(&mut peer), ["in2"]);
}

/// What we send to ourselves is both.
#[test]
fn a_note_to_oneself_comes_back_once() {
    let mut peer = online();
    peer.say("note");
    peer.serve(&ack(GREETED2 + 1));
    peer.sends("message + r");
    let note = live("note", "a1").replace("romeo@example.net/x", JID);
    peer.serve(&format!("{note}{note}"));
    assert_eq!(reported(&mut peer), ["note"]);
}
