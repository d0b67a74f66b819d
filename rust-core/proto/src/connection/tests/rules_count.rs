//! Rules I4, I6, I13, I16: which stanzas are counted, by which side, and from when.

use super::peer::{Peer, Setup, queued, said};
use super::scripts::*;
use super::texts::*;
use crate::escalation::Subject;
use crate::knowledge::{Knowledge, OutboundKind, OutboundStanza};

const EDGE: u32 = u32::MAX - 2; // 2^32 - 3

fn stanza(seq: u64, id: &str, sent: bool) -> OutboundStanza {
    OutboundStanza {
        sent,
        ..queued(seq, OutboundKind::Message, said(id, id))
    }
}

fn at_the_edge() -> Knowledge {
    let mut knowledge = after_sasl2();
    let session = knowledge.sm.as_mut().unwrap();
    session.h = EDGE;
    session.base = EDGE;
    let first = knowledge.next_seq;
    for (n, id) in ["m1", "m2", "m3", "m4"].into_iter().enumerate() {
        knowledge.queue.push(stanza(first + n as u64, id, true));
    }
    knowledge.next_seq = first + 4;
    knowledge
}

fn resume(knowledge: Knowledge, h: u32) -> Peer {
    let mut peer = Setup::starttls().knowing(knowledge).start();
    open_starttls(&mut peer);
    finish_fast_resume(&mut peer, h);
    peer
}

#[test]
fn i16_counters_wrap_in_both_directions() {
    let mut peer = resume(at_the_edge(), u32::MAX);
    assert!(peer.sent.contains(&format!("h='{EDGE}' previd='sm-1'")));
    let resent = peer.sends("message + message + r");
    assert!(resent.contains("id='m3'") && resent.contains("id='m4'"));
    for _ in 0..5 {
        peer.serve(MESSAGE);
    }
    peer.serve(REQUEST);
    assert_eq!(peer.sends("a"), "<a xmlns='urn:xmpp:sm:3' h='2'/>");
    peer.say("m5");
    peer.sends("message");
    peer.serve(&ack(0));
    peer.sends("r");
    assert_eq!(peer.knowledge().queue.len(), 2);
    peer.serve(&ack(2));
    peer.sends_nothing();
    let knowledge = peer.knowledge();
    assert!(knowledge.queue.is_empty());
    let session = knowledge.sm.unwrap();
    assert_eq!((session.h, session.base), (2, 2));
}

#[test]
fn i3_resumed_does_not_touch_the_inbound_count() {
    let mut peer = resume(after_sasl2(), GREETED2);
    peer.serve(&format!("{MESSAGE}{REQUEST}"));
    assert_eq!(peer.sends("a"), "<a xmlns='urn:xmpp:sm:3' h='4'/>");
}

#[test]
fn i6_outbound_counts_from_enable_and_inbound_from_enabled() {
    let mut peer = Setup::direct().with_pipelined_bind().start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    let (success, _) = scram1(&mut peer, AUTH, "", "response");
    peer.serve(&success);
    show(&mut peer, AUTHENTICATED);
    let flight = peer.sends(GREETING);
    // A stanza that overtakes <enabled/> is not counted.
    peer.serve(&format!(
        "{}{MESSAGE}{ENABLED}{MESSAGE}{REQUEST}",
        bound(&flight)
    ));
    let sent = peer.sends("r + a");
    assert!(sent.ends_with("<a xmlns='urn:xmpp:sm:3' h='1'/>"));
    // The initial stanzas after <enable/> count, the bind request before it does not.
    peer.serve(&ack(GREETED1));
    assert!(peer.closed.is_none());
    peer.sends_nothing();
}

#[test]
fn i6_what_was_sent_since_enable_is_stored_with_the_session() {
    let mut peer = Setup::direct().with_pipelined_bind().start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    let (success, _) = scram1(&mut peer, AUTH, "", "response");
    peer.serve(&success);
    show(&mut peer, AUTHENTICATED);
    let flight = peer.sends(GREETING);
    peer.say("early");
    peer.serve(&bound(&flight));
    peer.sends("message");
    peer.serve(ENABLED);
    let knowledge = peer.knowledge();
    assert_eq!(knowledge.queue.len(), GREETED1 as usize + 1);
    assert!(knowledge.queue.iter().all(|stanza| stanza.sent));
    assert_eq!(knowledge.sm.unwrap().pending.len(), 4);
    // Killed here, the next connection knows what the server may have seen.
    let mut next = resume_sasl1(peer.knowledge(), GREETED1);
    assert!(next.sends("message + r").contains("id='early'"));
}

fn resume_sasl1(knowledge: Knowledge, h: u32) -> Peer {
    let mut peer = Setup::direct().knowing(knowledge).start();
    warm_sasl1_to_resume(&mut peer);
    let shown = features(AUTHENTICATED);
    peer.serve(&format!("{HEADER}{shown}{}", resumed(h)));
    peer.is_online();
    peer
}

#[test]
fn i4_unacknowledged_first_then_new_ones_in_order() {
    let mut knowledge = after_sasl2();
    let first = knowledge.next_seq;
    knowledge.queue = vec![
        stanza(first, "old1", true),
        stanza(first + 1, "old2", true),
        stanza(first + 2, "waiting", false),
    ];
    knowledge.next_seq = first + 3;
    let mut peer = Setup::starttls()
        .knowing(knowledge)
        .with(|setup| setup.active = false)
        .start();
    peer.say("before");
    open_starttls(&mut peer);
    peer.say("during");
    finish_fast_resume(&mut peer, GREETED2);
    let flight = peer.sends("client state + message + message + message + message + message + r");
    let places: Vec<usize> = ["<inactive", "old1", "old2", "waiting", "before", "during"]
        .iter()
        .map(|id| flight.find(id).unwrap())
        .collect();
    assert!(places.is_sorted(), "{flight}");
    assert!(!flight.contains("urn:xmpp:delay"), "resent as they were");
    peer.serve(&ack(GREETED2 + 5));
    assert!(peer.knowledge().queue.is_empty());
}

#[test]
fn i4_sends_made_during_a_login_wait_for_its_decision() {
    let mut peer = Setup::direct().with_pipelined_bind().start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    peer.say("m1");
    let (success, _) = scram1(&mut peer, AUTH, "", "response");
    peer.serve(&success);
    show(&mut peer, AUTHENTICATED);
    let flight = peer.sends(GREETING);
    assert!(!flight.contains("m1"));
    let bound = bound(&flight);
    peer.serve(&bound);
    assert!(peer.sends("message").contains("id='m1'"));
}

#[test]
fn a_stanza_is_queued_durably_before_its_first_byte_leaves() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.events();
    peer.auto_commit = false;
    peer.say("m1");
    // The request for an acknowledgement must not overtake the stanza either.
    peer.sends_nothing();
    assert_eq!(peer.events(), []);
    peer.commit();
    peer.sends("message + r");
    let reported = format!("{:?}", peer.events());
    assert!(reported.find("Queued").unwrap() < reported.find("Sent").unwrap());
}

#[test]
fn i13_count_and_queue_change_in_one_transaction() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.say("m1");
    peer.sends("message + r");
    peer.history.clear();
    peer.serve(&ack(GREETED2 + 1));
    let base = GREETED2 + 1;
    assert!(peer.history[0].starts_with(&format!("[Acked {{ base: Some({base}), seqs: [")));
}

#[test]
fn i16_the_queue_drains_once_faults_stop() {
    let mut knowledge = at_the_edge();
    knowledge.archive = None;
    for number in 0..5 {
        let mut peer = resume(knowledge.clone(), EDGE);
        // After the third time the first one is sent alone (W1).
        peer.sends(if number < 3 {
            "message + message + message + message + r"
        } else {
            "message + r"
        });
        peer.close_transport();
        knowledge = peer.knowledge();
    }
    let mut peer = resume(knowledge, EDGE);
    peer.sends("message + r");
    peer.serve(&ack(EDGE.wrapping_add(1)));
    peer.sends("message + message + message + r");
    peer.serve(&ack(EDGE.wrapping_add(4)));
    let knowledge = peer.knowledge();
    assert!(knowledge.queue.is_empty());
    assert_eq!(knowledge.failures.get(Subject::Stanza(0)), None);
}

/// Without stream management it is not known what has arrived: messages are sent again, requests fail.
#[test]
fn i8_without_stream_management_messages_go_again_and_requests_do_not() {
    let mut knowledge = gone(after_sasl1());
    let first = knowledge.next_seq;
    let request = OutboundStanza {
        sent: true,
        ..queued(
            first,
            OutboundKind::SessionBound,
            crate::stanza::iq("get", "q1", None),
        )
    };
    knowledge.queue = vec![request, stanza(first + 1, "m1", true)];
    knowledge.next_seq = first + 2;
    let mut peer = Setup::starttls().knowing(knowledge).start();
    open_starttls(&mut peer);
    let shown = format!("{HEADER}{}", features(SASL1));
    let (success, _) = scram1(&mut peer, &format!("header + {AUTH}"), &shown, "response");
    peer.serve(&success);
    let flight = peer.sends(&format!("header + {GREETING}"));
    peer.serve(&format!(
        "{HEADER}{}{}",
        features(AUTHENTICATED),
        bound(&flight)
    ));
    let resent = peer.sends("message");
    assert!(resent.contains("id='m1'") && resent.contains("<delay "));
    assert!(format!("{:?}", peer.events()).contains("\"q1\", stage: Failed(SessionLost)"));
}
