//! XEP-0478: what the server takes is not exceeded, and what does not fit holds up nothing.

use std::sync::Arc;
use std::time::Duration;

use super::peer::{Peer, Setup, queued, said};
use super::scripts::*;
use super::texts::*;
use crate::connection::{Event, Failure, Stage};
use crate::knowledge::{Knowledge, OutboundKind, OutboundStanza};
use crate::stream::features::{StreamFeatures, StreamLimits};

fn limited(max_bytes: Option<u64>, idle_seconds: Option<u32>) -> Knowledge {
    let mut knowledge = after_sasl2();
    let limits = StreamLimits {
        max_bytes,
        idle_seconds,
    };
    knowledge.server.authenticated = Some(Arc::new(StreamFeatures {
        limits: Some(limits),
        ..StreamFeatures::default()
    }));
    knowledge
}

fn queue(knowledge: &mut Knowledge, id: &str, bytes: usize, sent: bool, unknown: bool) -> String {
    let rest = said(id, "x").to_xml().len() - 1;
    let message = said(id, &"x".repeat(bytes - rest));
    let xml = message.to_xml();
    assert_eq!(xml.len(), bytes);
    knowledge.queue.push(OutboundStanza {
        sent,
        unknown,
        ..queued(knowledge.next_seq, OutboundKind::Message, message)
    });
    knowledge.next_seq += 1;
    xml
}

fn resume(knowledge: Knowledge) -> Peer {
    let mut peer = Setup::starttls().knowing(knowledge).start();
    open_starttls(&mut peer);
    finish_fast_resume(&mut peer, GREETED2);
    peer
}

fn failed(peer: &mut Peer) -> Vec<(String, usize, usize)> {
    let too_big = |event| match event {
        Event::Stage {
            id,
            stage: Stage::Failed(Failure::TooBig { size, limit }),
        } => Some((id, size, limit)),
        _ => None,
    };
    peer.events().into_iter().filter_map(too_big).collect()
}

#[test]
fn what_is_queued_and_too_big_for_this_server_fails_and_holds_up_nothing() {
    for sent in [true, false] {
        let mut knowledge = limited(Some(300), None);
        for (id, bytes) in [("m1", 100), ("m2", 301), ("m3", 300), ("m4", 4_061)] {
            queue(&mut knowledge, id, bytes, sent, false);
        }
        let mut peer = resume(knowledge);
        let flight = peer.sends("message + message + r");
        assert!(flight.contains("id='m1'") && flight.contains("id='m3'"));
        let expected = [("m2".to_owned(), 301, 300), ("m4".to_owned(), 4_061, 300)];
        assert_eq!(failed(&mut peer), expected, "sent before: {sent}");
        assert_eq!(peer.connection().max_bytes(), Some(300));
        peer.serve(&ack(GREETED2 + 2));
        assert!(peer.knowledge().queue.is_empty());
        assert!(peer.is_in_session());
    }
}

#[test]
fn a_delay_stamp_that_does_not_fit_is_left_out() {
    for (limit, is_stamped) in [(210, false), (400, true)] {
        let mut knowledge = limited(Some(limit), None);
        queue(&mut knowledge, "m1", 200, false, true);
        let mut peer = resume(knowledge);
        let flight = peer.sends("message + r");
        assert_eq!(flight.contains("urn:xmpp:delay"), is_stamped, "{limit}");
    }
}

/// Zero would forbid everything; it is no limit. What is said before the login holds before it only.
#[test]
fn limits_that_say_nothing_about_stanzas() {
    let mut early = after_sasl2();
    let shown = early.server.secured.clone().unwrap_or_default();
    early.server.secured = Some(Arc::new(StreamFeatures {
        limits: Some(StreamLimits {
            max_bytes: Some(300),
            idle_seconds: None,
        }),
        ..shown.as_ref().clone()
    }));
    for mut knowledge in [limited(Some(0), None), limited(None, Some(60)), early] {
        let server = knowledge.server.clone();
        queue(&mut knowledge, "m1", 5_000, false, false);
        let mut peer = resume(knowledge);
        peer.sends("message + r");
        assert_eq!(peer.connection().max_bytes(), None, "{server:?}");
    }
}

#[test]
fn we_speak_before_the_server_takes_us_for_idle() {
    let mut peer = resume(limited(None, Some(40)));
    peer.sends("");
    // The server talks, and we do not: that is idle.
    for _ in 0..2 {
        peer.pass(Duration::from_secs(14));
        peer.serve(MESSAGE);
        peer.sends_nothing();
    }
    peer.pass(Duration::from_secs(2));
    peer.sends("r");
    peer.serve(&ack(GREETED2));
    peer.pass(Duration::from_secs(29));
    peer.sends_nothing();
    peer.pass(Duration::from_secs(1));
    peer.sends("r");
}

#[test]
fn a_server_that_is_never_content_is_not_talked_to_without_a_pause() {
    for idle in [0, 1, 10] {
        let mut peer = resume(limited(None, Some(idle)));
        peer.sends("");
        let mut asked = 0;
        for _ in 0..60 {
            peer.pass(Duration::from_secs(1));
            let before = peer.sent.matches("<r ").count();
            if before > asked {
                asked = before;
                peer.serve(&ack(GREETED2));
            }
        }
        assert!((5..=6).contains(&asked), "{idle}: {asked}");
    }
}
