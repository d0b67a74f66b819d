//! Rules I12, I16 and T7 where there is no stream management: a ping is used instead of `<r/>`. Also: which probes are sent to
//! a server that is still enabling it.

use std::time::Duration;

use super::peer::{Peer, Setup, queued, said};
use super::scripts::*;
use super::texts::*;
use crate::connection::{Command, Timer};
use crate::error::ConnectionError;
use crate::escalation::{Evidence, Subject};
use crate::knowledge::OutboundKind;

#[track_caller]
fn bound_with(change: impl FnOnce(&mut Setup), authenticated: &str, greeting: &str) -> Peer {
    let mut peer = Setup::direct().with_pipelined_bind().with(change).start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    let (success, _) = scram1(&mut peer, AUTH, "", "response");
    peer.serve(&success);
    show(&mut peer, authenticated);
    let flight = peer.sends(greeting);
    peer.serve(&bound(&flight));
    peer.is_online();
    peer.events();
    peer
}

fn without_sm() -> Peer {
    bound_with(
        |_| {},
        BIND,
        "bind + roster + disco + carbons + presence + archive",
    )
}

#[test]
fn i16_without_stream_management_a_ping_drains_the_queue() {
    let mut peer = without_sm();
    peer.say("m1");
    let flight = peer.sends("message + iq");
    peer.say("m2");
    peer.sends("message");
    let id = id_before(&flight, "urn:xmpp:ping");
    peer.serve(&format!("<iq type='result' id='{id}' from='example.org'/>"));
    let reported = format!("{:?}", peer.events());
    assert!(reported.contains("\"m1\", stage: Acked"), "{reported}");
    assert!(!reported.contains("\"m2\", stage: Acked"), "{reported}");
    peer.sends("iq");
    assert_eq!(peer.knowledge().queue.len(), 1);
}

/// A server that does not support ping answers with an error, which proves as much.
#[test]
fn i16_a_refused_ping_is_an_answer() {
    let mut peer = without_sm();
    peer.say("m1");
    let flight = peer.sends("message + iq");
    let id = id_before(&flight, "urn:xmpp:ping");
    peer.serve(&format!("<iq type='error' id='{id}' from='example.org'/>"));
    assert!(peer.knowledge().queue.is_empty());
}

#[test]
fn t7_another_entitys_answer_to_our_ping_proves_nothing() {
    let mut peer = without_sm();
    peer.say("m1");
    let flight = peer.sends("message + iq");
    let id = id_before(&flight, "urn:xmpp:ping");
    peer.serve(&format!(
        "<iq type='result' id='{id}' from='mallory@example.net/x'/>"
    ));
    assert_eq!(peer.knowledge().queue.len(), 1);
}

#[test]
fn i12_a_ping_that_is_not_answered_ends_the_connection() {
    let mut peer = without_sm();
    let deadline = peer.now.mono + Duration::from_secs(5);
    peer.command(Command::Probe { deadline });
    peer.sends("iq");
    peer.pass(Duration::from_secs(5));
    peer.fails(ConnectionError::Timeout(Timer::Probe));
}

/// No request can be sent yet, but the answer that is due also shows that the server is responsive.
#[test]
fn i12_a_probe_while_stream_management_is_being_enabled_is_answered_by_enabled() {
    let quiet = |setup: &mut Setup| {
        setup.config.roster = false;
        setup.config.carbons = false;
        setup.config.presence = false;
    };
    let mut peer = bound_with(quiet, AUTHENTICATED, "bind + enable + disco + archive");
    let deadline = peer.now.mono + Duration::from_secs(5);
    peer.command(Command::Probe { deadline });
    peer.serve(ENABLED);
    peer.sends("r");
    peer.serve(&ack(1));
    peer.pass(Duration::from_secs(6));
    assert_eq!(peer.closed, None);
}

#[test]
fn enable_that_fails_leaves_a_session_with_pings() {
    let mut peer = bound_with(|_| {}, AUTHENTICATED, GREETING);
    peer.serve(&sm_failed(""));
    peer.is_online();
    peer.say("m1");
    peer.sends("message + iq");
    assert_eq!(peer.knowledge().sm, None);
}

/// The path fails between `<bound/>` and `<enabled/>`: no request can be sent, and the failure must still be detected.
#[test]
fn i16_an_enable_that_is_never_answered_ends_the_connection() {
    let quiet = |setup: &mut Setup| setup.config.timeouts.keepalive = None;
    let mut peer = bound_with(quiet, AUTHENTICATED, GREETING);
    peer.say("m1");
    peer.pass(Duration::from_secs(20));
    peer.fails(ConnectionError::Timeout(Timer::Ack));
}

#[test]
fn i12_a_probe_while_enabling_outlives_the_refusal_of_enable() {
    let mut peer = bound_with(|_| {}, AUTHENTICATED, GREETING);
    let deadline = peer.now.mono + Duration::from_secs(5);
    peer.command(Command::Probe { deadline });
    peer.serve(&sm_failed(""));
    let flight = peer.sends("iq");
    let id = id_before(&flight, "urn:xmpp:ping");
    peer.serve(&format!("<iq type='result' id='{id}'/>"));
    peer.pass(Duration::from_secs(6));
    assert_eq!(peer.closed, None);
}

/// A suspect is sent alone, after everything unacknowledged; without stream management the initial stanzas would never be
/// acknowledged.
#[test]
fn w8_a_suspect_does_not_wait_for_what_is_never_acknowledged() {
    let suspect = |setup: &mut Setup| {
        for (seq, id) in [(0, "m1"), (1, "m2")] {
            let stanza = queued(seq, OutboundKind::Message, said(id, "hello"));
            setup.knowledge.queue.push(stanza);
        }
        setup.knowledge.next_seq = 2;
        let failures = &mut setup.knowledge.failures;
        failures.note(
            Subject::Stanza(0),
            Evidence::Refusal,
            true,
            super::setup::WALL,
        );
    };
    let mut peer = bound_with(suspect, AUTHENTICATED, GREETING);
    peer.serve(&sm_failed(""));
    for id in ["m1", "m2"] {
        let flight = peer.sends("message + iq");
        assert!(flight.contains(&format!("<message id='{id}' ")), "{flight}");
        let ping = id_before(&flight, "urn:xmpp:ping");
        peer.serve(&format!("<iq type='result' id='{ping}'/>"));
    }
    assert!(peer.knowledge().queue.is_empty());
}
