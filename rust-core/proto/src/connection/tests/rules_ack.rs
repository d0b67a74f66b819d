//! Rules I1, I3, I5, I7, I12, I14: acknowledgements in an established session.

use std::time::Duration;

use super::peer::{Peer, Setup};
use super::scripts::*;
use super::setup::WALL;
use super::texts::*;
use crate::connection::{Command, Event, Timer};
use crate::error::{ConnectionError, PeerError};

/// A SASL2 session; its initial stanzas are acknowledged, nothing is outstanding.
fn online() -> Peer {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.events();
    peer.ops();
    peer
}

#[test]
fn i1_i3_an_ack_waits_for_the_commit_that_it_counts() {
    let mut peer = online();
    peer.auto_commit = false;
    peer.serve(&format!("{MESSAGE}{REQUEST}"));
    peer.sends_nothing();
    assert_eq!(peer.events(), []);
    peer.commit();
    assert_eq!(peer.sends("a"), "<a xmlns='urn:xmpp:sm:3' h='4'/>");
    assert!(matches!(peer.events().as_slice(), [Event::Stanza(_)]));
    assert_eq!(peer.knowledge().sm.unwrap().h, 4);
}

#[test]
fn i1_nonzas_are_not_counted_and_every_stanza_is() {
    let mut peer = online();
    peer.serve("<x xmlns='urn:example'/> \n<presence from='romeo@example.net/x'/>");
    peer.serve(&format!("{MESSAGE}{}", ack(GREETED2)));
    peer.serve(REQUEST);
    assert_eq!(peer.sends("a"), "<a xmlns='urn:xmpp:sm:3' h='5'/>");
}

#[test]
fn i1_a_stanza_and_its_count_are_one_transaction() {
    let mut peer = online();
    peer.serve(MESSAGE);
    assert_eq!(peer.ops(), ["Inbound", "CountInbound"]);
    assert!(
        peer.history.iter().any(|entry| {
            entry.contains("Inbound(Delivery") && entry.contains("CountInbound(4)")
        })
    );
}

#[test]
fn i1_a_failed_commit_is_neither_delivered_nor_acknowledged() {
    let mut peer = online();
    peer.auto_commit = false;
    peer.serve(&format!("{MESSAGE}{REQUEST}"));
    peer.fail_commit();
    peer.sends_nothing();
    assert!(matches!(peer.events().as_slice(), [Event::Closed(Some(_))]));
    assert!(peer.memory.inbound.is_empty());
}

#[test]
fn i5_an_acknowledgement_removes_what_it_covers() {
    let mut peer = online();
    peer.say("m1");
    peer.say("m2");
    peer.sends("message + r + message");
    peer.events();
    peer.serve(&ack(GREETED2 + 1));
    let reported = format!("{:?}", peer.events());
    assert!(reported.contains("\"m1\", stage: Acked") && !reported.contains("m2"));
    peer.sends("r");
    let queue = peer.knowledge().queue;
    assert_eq!(queue.len(), 1);
    assert_eq!(peer.knowledge().sm.unwrap().base, GREETED2 + 1);
}

#[test]
fn i5_an_ack_that_is_too_high_ends_the_stream_and_the_session() {
    for h in [GREETED2 + 2, u32::MAX / 4, 0, 1, u32::MAX] {
        let mut peer = online();
        peer.say("m1");
        peer.sends("message + r");
        peer.serve(&ack(h));
        let sent = GREETED2 + 1;
        let error = PeerError::AckTooHigh { h, sent };
        peer.fails(ConnectionError::Peer(error));
        assert_eq!(
            peer.sends("stream error"),
            format!(
                "<stream:error><undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
                 <handled-count-too-high xmlns='urn:xmpp:sm:3' h='{h}' send-count='{sent}'/></stream:error></stream:stream>"
            )
        );
        assert_eq!(peer.knowledge().sm, None, "one clean login");
        let queue = peer.knowledge().queue;
        assert_eq!(queue.len(), 1, "the message is not lost");
        assert!(!queue[0].sent);
    }
}

#[test]
fn i5_an_ack_that_cannot_be_read_is_a_peer_error() {
    for h in ["", "h=''", "h='-1'", "h='4294967296'", "h='3.0'", "h='x'"] {
        let mut peer = online();
        peer.serve(&format!("<a xmlns='urn:xmpp:sm:3' {h}/>"));
        assert!(
            matches!(
                peer.closed,
                Some(Some(ConnectionError::Peer(PeerError::Malformed(_))))
            ),
            "{h}: {:?}",
            peer.closed
        );
    }
}

#[test]
fn i7_what_is_out_of_place_is_ignored_and_counted_as_a_fault() {
    let mut peer = Setup::direct().with_pipelined_bind().start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    let (success, _) = scram1(&mut peer, AUTH, "", "response");
    peer.serve(&success);
    show(&mut peer, BIND);
    let flight = peer.sends("bind + roster + disco + carbons + presence + archive");
    let bound = bound(&flight);
    peer.serve(&bound);
    peer.is_online();
    peer.events();
    for nonza in [REQUEST, &ack(1), &resumed(1), &sm_failed("")] {
        peer.serve(nonza);
        assert!(matches!(peer.events().as_slice(), [Event::PeerFault(_)]));
        peer.sends_nothing();
    }
    peer.is_online();
}

#[test]
fn i7_resumed_or_failed_in_a_running_session_is_a_fault() {
    let mut peer = online();
    for nonza in [resumed(1), sm_failed("h='1'")] {
        peer.serve(&nonza);
        assert!(matches!(peer.events().as_slice(), [Event::PeerFault(_)]));
    }
    peer.is_online();
}

#[test]
fn i7_a_second_enabled_is_an_error() {
    let mut peer = online();
    peer.serve(ENABLED);
    peer.fails(ConnectionError::Peer(PeerError::SecondEnabled));
}

#[test]
fn i12_one_request_is_outstanding_at_a_time() {
    let mut peer = online();
    for id in ["m1", "m2", "m3"] {
        peer.say(id);
    }
    peer.sends("message + r + message + message");
    peer.serve(&ack(GREETED2 + 1));
    peer.sends("r");
    peer.serve(&ack(GREETED2 + 3));
    peer.sends_nothing();
}

#[test]
fn i12_nothing_is_asked_when_nothing_is_outstanding() {
    let mut peer = online();
    peer.serve(MESSAGE);
    peer.serve(&ack(GREETED2));
    peer.sends_nothing();
}

#[test]
fn i12_a_probe_may_always_be_sent_and_its_deadline_holds() {
    let mut peer = online();
    let deadline = peer.now.mono + Duration::from_secs(5);
    peer.command(Command::Probe { deadline });
    peer.sends("r");
    assert_eq!(peer.deadline, Some(deadline));
    peer.pass(Duration::from_secs(4));
    assert!(peer.closed.is_none());
    peer.pass(Duration::from_secs(1));
    peer.fails(ConnectionError::Timeout(Timer::Probe));
}

#[test]
fn i12_an_answered_probe_stops_its_deadline() {
    let mut peer = online();
    let deadline = peer.now.mono + Duration::from_secs(5);
    peer.command(Command::Probe { deadline });
    peer.serve(&ack(GREETED2));
    peer.pass(Duration::from_secs(6));
    assert!(peer.closed.is_none());
    peer.sends("r");
}

/// A message and a probe have requested an acknowledgement, and the first request is answered.
fn half_answered() -> Peer {
    let mut peer = online();
    peer.say("m1");
    peer.sends("message + r");
    peer.pass(Duration::from_secs(1));
    let deadline = peer.now.mono + Duration::from_secs(5);
    peer.command(Command::Probe { deadline });
    peer.sends("r");
    peer.serve(&ack(GREETED2 + 1));
    peer.say("m2");
    peer.sends("message");
    peer
}

#[test]
fn i12_the_answer_to_a_probe_does_not_answer_a_later_request() {
    let mut peer = half_answered();
    peer.serve(&ack(GREETED2 + 1));
    peer.sends("r");
    peer.say("m3");
    peer.sends("message");
    peer.serve(&ack(GREETED2 + 2));
    peer.sends("r");
    peer.serve(&ack(GREETED2 + 3));
    peer.sends_nothing();
}

/// A server may answer several requests at once: nothing waits for the missing answer without end.
#[test]
fn w8_an_answer_that_does_not_come_after_another_one_is_requested_anew() {
    let mut peer = half_answered();
    peer.pass(Duration::from_secs(21));
    assert_eq!(peer.closed, None);
    // The settling query to the archive, too.
    peer.sends("archive + r");
    peer.serve(&ack(GREETED2 + 3));
    peer.pass(Duration::from_secs(21));
    assert_eq!(peer.closed, None);

    let mut peer = half_answered();
    peer.pass(Duration::from_secs(21));
    peer.sends("archive + r");
    peer.pass(Duration::from_secs(21));
    peer.fails(ConnectionError::Timeout(Timer::Ack));
}

/// An impatient app must not keep a dead connection alive.
#[test]
fn i12_a_second_probe_does_not_put_the_first_off() {
    let mut peer = online();
    for _ in 0..3 {
        let deadline = peer.now.mono + Duration::from_secs(5);
        peer.command(Command::Probe { deadline });
        peer.pass(Duration::from_secs(3));
    }
    peer.fails(ConnectionError::Timeout(Timer::Probe));
}

#[test]
fn silence_is_asked_about_and_then_given_up() {
    let mut peer = online();
    peer.pass(Duration::from_secs(241));
    peer.sends("r + archive");
    peer.pass(Duration::from_secs(20));
    peer.fails(ConnectionError::Timeout(Timer::Ack));
}

/// The answer is queued after a large roster on a slow path: closing the connection would make the server send all of it again,
/// each time.
#[test]
fn i16_an_answer_that_is_late_is_waited_for_while_bytes_come() {
    let mut peer = online();
    peer.say("m1");
    peer.serve("<message><body>");
    for _ in 0..7 {
        peer.pass(Duration::from_secs(15));
        assert_eq!(peer.closed, None);
        peer.serve("a long text ");
    }
    peer.serve("</body></message>");
    peer.serve(&ack(GREETED2 + 1));
    // The settling query to the archive.
    peer.serve(&ack(GREETED2 + 2));
    peer.pass(Duration::from_secs(100));
    assert_eq!(peer.closed, None);
}

#[test]
fn i16_a_server_that_talks_and_never_answers_is_not_waited_for_for_ever() {
    let mut peer = online();
    peer.say("m1");
    for _ in 0..9 {
        peer.pass(Duration::from_secs(15));
        if peer.closed.is_none() {
            peer.serve(" ");
        }
    }
    peer.fails(ConnectionError::Timeout(Timer::Ack));
}

#[test]
fn i14_a_clean_close_acknowledges_then_ends_and_clears() {
    let mut peer = online();
    peer.serve(MESSAGE);
    peer.say("m1");
    peer.ask("q1");
    peer.sends("message + r + iq");
    peer.events();
    peer.command(Command::Close);
    assert_eq!(
        peer.sends("r + a + close"),
        "<r xmlns='urn:xmpp:sm:3'/><a xmlns='urn:xmpp:sm:3' h='4'/></stream:stream>"
    );
    assert_eq!(peer.knowledge().sm, None);
    // The message is not acknowledged: unless it still is, it goes again next time. The request ended with its session.
    let queue = peer.knowledge().queue;
    assert_eq!(queue.len(), 1);
    assert_eq!((queue[0].id.as_str(), queue[0].sent), ("m1", false));
    let reported = format!("{:?}", peer.events());
    assert!(
        reported.contains("\"q1\", stage: Failed(SessionLost)"),
        "{reported}"
    );
    peer.serve(CLOSE);
    assert_eq!(peer.closed, Some(None));
}

/// The session lasts for hours, `max` is ten minutes: what matters is how long ago the connection was lost.
#[test]
fn i14_max_counts_from_the_loss_of_the_connection() {
    let mut peer = online();
    for (hours, lost) in [(1, false), (2, true)] {
        peer.now.wall = WALL.plus_seconds(hours * 3600);
        if lost {
            peer.close_transport();
        } else {
            peer.serve(MESSAGE);
        }
        let session = peer.knowledge().sm.unwrap();
        assert_eq!(session.alive_at, peer.now.wall, "lost: {lost}");
    }
}

#[test]
fn i14_a_busy_connection_does_not_write_for_every_read() {
    let mut peer = online();
    for second in 0..60 {
        peer.now.wall = WALL.plus_seconds(second);
        peer.serve(" ");
    }
    assert_eq!(peer.ops(), ["SmAlive"]);
}

/// The app sends and disconnects: the acknowledgement arrives after the client's stream close, and avoids a duplicate at the
/// recipient.
#[test]
fn i14_an_acknowledgement_after_our_stream_close_still_counts() {
    let mut peer = online();
    peer.say("m1");
    peer.ask("q1");
    peer.say("m2");
    peer.command(Command::Close);
    peer.sends("message + r + iq + message + r + a + close");
    peer.events();
    peer.serve(&ack(GREETED2 + 1));
    let left = peer.knowledge().queue;
    assert_eq!((left.len(), left[0].id.as_str()), (1, "m2"));
    peer.serve(&format!("{}{}", ack(GREETED2 + 3), ack(7_000)));
    let reported = format!("{:?}", peer.events());
    assert!(
        reported.contains("\"m1\", stage: Acked") && reported.contains("\"m2\", stage: Acked"),
        "{reported}"
    );
    assert!(!reported.contains("q1"), "{reported}");
    assert!(peer.knowledge().queue.is_empty());
    peer.serve(CLOSE);
    assert_eq!(peer.closed, Some(None));
}

#[test]
fn i14_a_server_that_does_not_answer_a_stream_close_is_not_waited_for() {
    let mut peer = online();
    peer.command(Command::Close);
    peer.sends("a + close");
    peer.pass(Duration::from_secs(2));
    assert_eq!(peer.closed, Some(None));
}

#[test]
fn i14_going_to_the_background_keeps_the_session() {
    let mut peer = online();
    peer.command(Command::SetActive(false));
    assert_eq!(
        peer.sends("client state"),
        "<inactive xmlns='urn:xmpp:csi:0'/>"
    );
    peer.command(Command::SetActive(false));
    peer.sends_nothing();
    assert!(peer.knowledge().sm.is_some());
}
