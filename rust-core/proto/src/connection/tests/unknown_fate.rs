//! I8: messages whose delivery is unknown wait for the archive's result; I4: no stanza overtakes them. Also: stanzas that a
//! server cannot process.

use super::archive::*;
use super::peer::{Peer, Setup, queued, said};
use super::scripts::*;
use super::setup::WALL;
use super::texts::*;
use crate::connection::{Event, Failure, Stage, Timer};
use crate::error::ConnectionError;
use crate::escalation::{Evidence, Subject};
use crate::knowledge::{Knowledge, OutboundKind, OutboundStanza};
use crate::stream::error::StreamCondition;
use crate::xml::parse_stanza;

/// A session in which these were sent is gone.
fn lost(ids: &[&str]) -> Knowledge {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    for id in ids {
        peer.say(id);
    }
    expire(peer.knowledge())
}

fn expire(mut knowledge: Knowledge) -> Knowledge {
    knowledge.sm.as_mut().unwrap().alive_at.0 -= 601;
    knowledge
}

fn stages(peer: &mut Peer) -> Vec<(String, Stage)> {
    let events = peer.events().into_iter();
    let stage = |event| match event {
        Event::Stage { id, stage } => Some((id, stage)),
        _ => None,
    };
    events.filter_map(stage).collect()
}

fn ids(flight: &str) -> Vec<&str> {
    let messages = flight.split("<message ").skip(1);
    messages
        .filter_map(|text| text.split("id='").nth(1)?.split('\'').next())
        .collect()
}

#[test]
fn i8_the_archive_decides_which_messages_go_again() {
    let (mut peer, flight) = bind(lost(&["m1", "m2", "m3"]), "", GREETING2);
    assert_eq!(gaps(&peer), 0);
    peer.serve(&ack(GREETED2));
    peer.say("m4");
    peer.sends_nothing();
    peer.events();
    peer.serve(&result(&flight, "a1", &ours("m1", "balcony")));
    assert_eq!(stages(&mut peer), [("m1".to_owned(), Stage::Acked)]);
    peer.serve(&result(&flight, "a2", &ours("m3", "balcony")));
    peer.sends_nothing();
    peer.serve(&fin(&flight, true, "a2"));
    let resent = peer.sends("message + message + r");
    assert_eq!(ids(&resent), ["m2", "m4"]);
    assert_eq!(resent.matches("<delay xmlns='urn:xmpp:delay'").count(), 1);
    let (m2, _) = resent.split_once("id='m4'").unwrap();
    assert!(m2.contains("<delay"), "the one that went before");
    peer.serve(&ack(GREETED2 + 2));
    assert!(peer.knowledge().queue.is_empty());
    assert_eq!(reported(&mut peer), [""; 0]);
    assert_eq!(gaps(&peer), 0);
}

#[test]
fn i8_all_found_none_sent() {
    let (mut peer, flight) = bind(lost(&["m1", "m2"]), "", GREETING2);
    peer.serve(&ack(GREETED2));
    peer.say("m3");
    peer.serve(&result(&flight, "a1", &ours("m1", "balcony")));
    peer.sends_nothing();
    // Nothing is undecided any more: m3 does not wait for the end of the page.
    peer.serve(&result(&flight, "a2", &ours("m2", "balcony")));
    assert_eq!(ids(&peer.sends("message + r")), ["m3"]);
}

/// The first message that came after ours was sent has moved the cursor past it.
#[test]
fn i8_a_message_is_looked_for_after_the_place_where_it_was_sent() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.say("m1");
    peer.serve(&live("in1", "a2"));
    let knowledge = settled(expire(peer.knowledge()));
    assert_eq!(knowledge.archive, after("a2"));
    let (mut peer, flight) = bind(knowledge.clone(), "", GREETING2);
    assert!(flight.contains("<after>a0</after>"));
    peer.serve(&format!(
        "{}{}{}",
        result(&flight, "a1", &ours("m1", "balcony")),
        result(&flight, "a2", &message("in1")),
        fin(&flight, true, "a2")
    ));
    assert_eq!(reported(&mut peer), [""; 0]);
    assert!(
        peer.knowledge()
            .queue
            .iter()
            .all(|stanza| stanza.id != "m1")
    );
    assert_eq!(peer.knowledge().archive, after("a2"));
    // If the archive has forgotten that place, what it still has is read from the oldest message on.
    let (mut peer, flight) = bind(knowledge, "", GREETING2);
    peer.serve(&ack(GREETED2));
    let id = id_before(&flight, "urn:xmpp:mam:2");
    peer.serve(&format!(
        "<iq type='error' id='{id}'><error type='cancel'>\
         <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    ));
    let next = peer.sends("archive + r");
    assert!(
        !next.contains("<after>") && !next.contains("<before"),
        "{next}"
    );
    peer.serve(&format!(
        "{}{}",
        result(&next, "a2", &message("in1")),
        fin(&next, true, "a2")
    ));
    assert_eq!(ids(&peer.sends("message")), ["m1"]);
    assert_eq!(gaps(&peer), 0);
}

#[test]
fn i8_messages_wait_at_most_the_timeout_for_the_archive() {
    let (mut peer, flight) = bind(lost(&["m1"]), "", GREETING2);
    peer.serve(&ack(GREETED2));
    peer.say("m2");
    peer.sends_nothing();
    peer.pass(crate::config::CatchUp::default().timeout);
    // The server is there, and it is the archive that says nothing.
    peer.sends("r");
    peer.serve(&ack(GREETED2));
    assert_eq!(ids(&peer.sends("message + message + r")), ["m1", "m2"]);
    assert_eq!(gaps(&peer), 0);
    // It comes late, and is still good for what is inbound.
    peer.serve(&format!(
        "{}{}{}",
        result(&flight, "a1", &ours("m1", "balcony")),
        result(&flight, "a2", &message("in1")),
        fin(&flight, true, "a2")
    ));
    assert_eq!(reported(&mut peer), ["in1"]);
    assert_eq!(gaps(&peer), 0);
}

/// The path failed immediately after the query: the messages must not be sent in this session, since a connection that resumes
/// it would send them again without a query.
#[test]
fn i8_the_silence_of_the_path_is_not_the_archives() {
    let timeout = crate::config::CatchUp::default().timeout;
    let (mut peer, flight) = bind(lost(&["m1"]), "", GREETING2);
    peer.say("m2");
    peer.pass(timeout);
    peer.sends_nothing();
    peer.pass(timeout);
    assert_eq!(
        peer.closed,
        Some(Some(ConnectionError::Timeout(Timer::Ack)))
    );
    // The resumed session brings the answer.
    let mut next = resumed_from(&peer, GREETED2);
    next.sends_nothing();
    next.serve(&format!(
        "{}{}",
        result(&flight, "a1", &ours("m1", "balcony")),
        fin(&flight, true, "a1")
    ));
    assert_eq!(ids(&next.sends("message + r")), ["m2"]);
}

/// It died a little later: what was heard before that says nothing, either.
#[test]
fn i8_a_path_that_fell_silent_is_asked_before_the_archive_is_given_up() {
    let (mut peer, flight) = bind(lost(&["m1"]), "", GREETING2);
    peer.serve(&ack(GREETED2 - 1));
    peer.sends("r");
    peer.pass(crate::config::CatchUp::default().timeout);
    peer.sends_nothing();
    peer.pass(crate::config::Timeouts::default().ack);
    assert_eq!(
        peer.closed,
        Some(Some(ConnectionError::Timeout(Timer::Ack)))
    );
    // Neither the question nor its answer arrived: it is asked again, and waited for.
    let mut next = resumed_from(&peer, GREETED2 - 1);
    let again = next.sends("iq + r");
    assert_eq!(
        id_before(&again, "urn:xmpp:mam:2"),
        id_before(&flight, "urn:xmpp:mam:2")
    );
    next.serve(&fin(&flight, true, ""));
    assert_eq!(ids(&next.sends("message")), ["m1"]);
}

/// A process that was suspended finds its timers expired and the answer not yet read.
#[test]
fn i8_an_answer_that_waited_to_be_read_is_not_late() {
    let mut setup = Setup::direct().knowing(lost(&["m1"]));
    setup.config.timeouts.keepalive = None;
    let mut peer = setup.start();
    let flight = bind_as(&mut peer, "", GREETING2);
    peer.serve(&ack(GREETED2));
    peer.pass(crate::config::CatchUp::default().timeout * 100);
    peer.sends("r");
    peer.serve(&format!(
        "{}{}{}",
        result(&flight, "a1", &ours("m1", "balcony")),
        fin(&flight, true, "a1"),
        ack(GREETED2)
    ));
    peer.sends_nothing();
    assert_eq!(gaps(&peer), 0);
}

#[test]
fn i8_without_an_archive_they_go_again_at_once() {
    let knowledge = lost(&["m1"]);
    let unarchived = Knowledge {
        archive: None,
        ..knowledge.clone()
    };
    let parts = "roster + disco + presence + archive + message + r";
    let (mut peer, flight) = bind(unarchived, "", parts);
    peer.serve(&archive_error(&flight, "service-unavailable"));
    assert_eq!((ids(&flight), gaps(&peer)), (vec!["m1"], 1));
    // The same if the archive fails.
    let (mut peer, flight) = bind(knowledge, "", GREETING2);
    peer.serve(&ack(GREETED2));
    let id = id_before(&flight, "urn:xmpp:mam:2");
    peer.serve(&format!("<iq type='error' id='{id}'/>"));
    peer.sends("archive + message + r");
    assert_eq!(gaps(&peer), 1);
}

#[test]
fn i8_what_no_archive_keeps_does_not_wait_for_one() {
    let mut knowledge = lost(&["m1", "m2"]);
    for stanza in &mut knowledge.queue {
        if stanza.id == "m1" {
            let receipt = said("m1", "").without_children(|_| true);
            *stanza = OutboundStanza {
                unknown: stanza.unknown,
                sent: stanza.sent,
                sent_after: stanza.sent_after.clone(),
                ..queued(stanza.seq, OutboundKind::Message, receipt)
            };
        }
    }
    let parts = "roster + disco + presence + archive + message + r";
    let (mut peer, flight) = bind(knowledge, "", parts);
    assert_eq!(ids(&flight), ["m1"]);
    peer.serve(&format!("{}{}", ack(GREETED2 + 1), fin(&flight, true, "")));
    assert_eq!(ids(&peer.sends("message + r")), ["m2"]);
}

/// The stamp does not depend on what this process remembers.
#[test]
fn i8_a_kill_before_it_is_sent_again_keeps_the_stamp() {
    let knowledge = lost(&["m1"]);
    let (peer, _) = bind(knowledge, "", GREETING2);
    // Killed while the archive was being asked; that session expires, too.
    let (mut peer, flight) = bind(expire(peer.knowledge()), "", GREETING2);
    assert!(flight.contains("<after>a0</after>"));
    peer.serve(&format!("{}{}", ack(GREETED2), fin(&flight, true, "")));
    let resent = peer.sends("message + r");
    assert!(resent.contains("<delay"));
    // Resumed, it is sent as it was.
    let mut next = resumed_from(&peer, GREETED2);
    assert!(next.sends("message + r").contains("<delay"));
}

#[test]
fn i8_a_session_that_is_resumed_meanwhile_still_asks_first() {
    let (peer, flight) = bind(lost(&["m1"]), "", GREETING2);
    let mut next = resumed_from(&peer, GREETED2);
    next.sends_nothing();
    next.serve(&format!(
        "{}{}",
        result(&flight, "a1", &ours("m1", "balcony")),
        fin(&flight, true, "a1")
    ));
    assert_eq!(stages(&mut next), [("m1".to_owned(), Stage::Acked)]);
    next.sends_nothing();
}

// -- stream errors attributed to one stanza

const ERROR: &str =
    "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";

/// A new session whose archive has nothing; what it then sends.
fn next_session(knowledge: Knowledge, parts: &str) -> Peer {
    let (mut peer, flight) = bind(knowledge, "", GREETING2);
    peer.serve(&format!("{}{}", ack(GREETED2), answers(&flight)));
    peer.sends(parts);
    peer
}

/// The messages of the app, each with the number of stream errors that are attributed to it.
fn app_queue(knowledge: &Knowledge) -> Vec<(&str, u8)> {
    let is_apps = |stanza: &&OutboundStanza| stanza.id.starts_with('m');
    let refusals = |stanza: &OutboundStanza| {
        let failure = knowledge.failures.get(Subject::Stanza(stanza.seq));
        failure.map_or(0, |failure| failure.refusals)
    };
    let queue = knowledge.queue.iter().filter(is_apps);
    queue.map(|s| (s.id.as_str(), refusals(s))).collect()
}

/// Streams ended with an error because of these messages.
fn suspect(knowledge: &mut Knowledge, times: u8, is_it: impl Fn(&OutboundStanza) -> bool) {
    for stanza in knowledge.queue.iter().filter(|stanza| is_it(stanza)) {
        for _ in 0..times {
            let subject = Subject::Stanza(stanza.seq);
            let failures = &mut knowledge.failures;
            failures.note(subject, Evidence::Refusal, true, WALL);
        }
    }
}

#[test]
fn a_stanza_that_ends_the_stream_each_time_is_given_up_and_the_rest_goes_on() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.say("m1");
    peer.say("m2");
    peer.sends("message + r + message");
    peer.serve(ERROR);
    let knowledge = expire(peer.knowledge());
    assert_eq!(app_queue(&knowledge), [("m1", 1), ("m2", 0)]);
    // A suspect goes alone.
    let mut peer = next_session(knowledge, "message + r");
    peer.say("m3");
    peer.serve(ERROR);
    let knowledge = expire(peer.knowledge());
    assert_eq!(app_queue(&knowledge), [("m1", 2), ("m2", 0), ("m3", 0)]);
    let mut peer = next_session(knowledge, "message + r");
    peer.events();
    peer.serve(ERROR);
    let failed = Stage::Failed(Failure::StreamEnded(StreamCondition::PolicyViolation));
    assert_eq!(stages(&mut peer), [("m1".to_owned(), failed)]);
    let knowledge = peer.knowledge();
    assert_eq!(knowledge.sm, None, "the server's count refers to it");
    assert_eq!(app_queue(&knowledge), [("m2", 0), ("m3", 0)]);
    next_session(knowledge, "message + message + r");
}

#[test]
fn an_innocent_suspect_is_acknowledged_and_the_next_one_is_found() {
    let mut knowledge = lost(&["m1", "m2"]);
    suspect(&mut knowledge, 1, |stanza| stanza.id == "m1");
    let mut peer = next_session(knowledge, "message + r");
    peer.serve(&ack(GREETED2 + 1));
    assert_eq!(ids(&peer.sends("message + r")), ["m2"]);
    peer.serve(ERROR);
    assert_eq!(app_queue(&peer.knowledge()), [("m2", 1)]);
}

#[test]
fn cuts_and_restarts_are_not_attributed_to_a_stanza() {
    for end in [
        "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
        "",
    ] {
        let mut peer = Setup::direct().start();
        cold_sasl2_direct(&mut peer);
        peer.say("m1");
        peer.sends("message + r");
        peer.serve(end);
        if end.is_empty() {
            peer.close_transport();
        }
        assert!(peer.closed.is_some());
        assert_eq!(app_queue(&peer.knowledge()), [("m1", 0)]);
    }
}

/// No network can cause these ends: a message after which the server closes three times fails, and those after it are sent.
#[test]
fn w1_an_end_without_a_word_is_attributed_to_the_first_stanza() {
    let close = |peer: &mut Peer| peer.serve(CLOSE);
    let close_tls = |peer: &mut Peer| peer.close_tls();
    for end in [close as fn(&mut Peer), close_tls as fn(&mut Peer)] {
        let mut peer = Setup::direct().start();
        cold_sasl2_direct(&mut peer);
        peer.say("m1");
        peer.say("m2");
        peer.sends("message + r + message");
        end(&mut peer);
        for refusals in 1..3 {
            let knowledge = expire(peer.knowledge());
            assert_eq!(app_queue(&knowledge), [("m1", refusals), ("m2", 0)]);
            peer = next_session(knowledge, "message + r");
            peer.events();
            end(&mut peer);
        }
        let failed = Stage::Failed(Failure::StreamEnded(StreamCondition::UndefinedCondition));
        assert_eq!(stages(&mut peer), [("m1".to_owned(), failed)]);
        assert_eq!(app_queue(&peer.knowledge()), [("m2", 0)]);
        next_session(peer.knowledge(), "message + r");
    }
}

/// Without an end that only the server can cause, it takes six in a row over a minute, the last one after the session was given
/// up; a network that changed meanwhile, and a stream that ended before the message was reached, do not count.
#[test]
fn w1_broken_connections_are_attributed_to_a_stanza_only_after_a_minute() {
    let silences = |knowledge: &Knowledge| {
        let stanza = knowledge.queue.iter().find(|stanza| stanza.id == "m1");
        let failure = stanza.and_then(|s| knowledge.failures.get(Subject::Stanza(s.seq)));
        failure.map_or(0, |failure| failure.silences)
    };
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.say("m1");
    peer.say("m2");
    peer.sends("message + r + message");
    peer.command(crate::connection::Command::PathChanged);
    peer.close_transport();
    assert_eq!(silences(&peer.knowledge()), 0, "the network changed");
    for count in 1..=6 {
        let parts = match count {
            1..4 => "message + message + r",
            _ => "message + r",
        };
        let knowledge = peer.knowledge();
        let is_given_up = knowledge.sm.is_none();
        assert_eq!(is_given_up, count == 6);
        let knowledge = match is_given_up {
            true => knowledge,
            false => expire(knowledge),
        };
        peer = next_session(knowledge, parts);
        peer.now.wall.0 += 15 * i64::from(count);
        peer.events();
        peer.close_transport();
        if count < 6 {
            assert_eq!(stages(&mut peer), [], "the message is kept");
            assert_eq!(silences(&peer.knowledge()), count);
        }
    }
    let failed = Stage::Failed(Failure::StreamEnded(StreamCondition::UndefinedCondition));
    assert_eq!(stages(&mut peer), [("m1".to_owned(), failed)]);
}

/// When the server rejects the initial stanzas, the error is not attributed to the app's stanzas after them.
#[test]
fn a_suspect_after_something_else_is_not_blamed_again() {
    let mut knowledge = after_sasl2();
    let mut peer = Setup::direct().knowing(gone(knowledge.clone())).start();
    warm_fast_bind(&mut peer);
    peer.say("m1");
    knowledge = peer.knowledge();
    suspect(&mut knowledge, 2, |stanza| stanza.id == "m1");
    let (mut peer, _) = bind(expire(knowledge), "", GREETING2);
    peer.serve(ERROR);
    assert_eq!(app_queue(&peer.knowledge()), [("m1", 2)]);
}

/// A dropped session ends the app's requests, and the app is informed, whichever side dropped it.
#[test]
fn i8_requests_fail_by_name_when_the_resumption_is_not_understood() {
    let torn = "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
    let mut peer = Setup::starttls().knowing(after_sasl2()).start();
    peer.ask("q1");
    warm_fast_resume(&mut peer);
    peer.events();
    peer.serve(torn);
    let failed = Stage::Failed(Failure::SessionLost);
    assert_eq!(stages(&mut peer), [("q1".to_owned(), failed)]);
    assert_eq!(peer.knowledge().sm, None);
}

/// The tag of a body may have attributes: what an archive stores is decided by the elements, and not by their text.
#[test]
fn i8_a_body_in_a_language_waits_for_the_archive_too() {
    let mut knowledge = lost(&["m0"]);
    let message = "<message id='m1'><body xml:lang='de'>m1</body></message>";
    let message = parse_stanza(message).unwrap();
    for stanza in &mut knowledge.queue {
        *stanza = OutboundStanza {
            sent: stanza.sent,
            sent_after: stanza.sent_after.clone(),
            ..queued(stanza.seq, stanza.kind, message.clone())
        };
    }
    let (mut peer, flight) = bind(knowledge, "", GREETING2);
    peer.serve(&ack(GREETED2));
    peer.sends_nothing();
    peer.serve(&fin(&flight, true, ""));
    assert_eq!(ids(&peer.sends("message + r")), ["m1"]);
}

/// XEP-0203: a time inside a forwarded message is not the time of this one; and a message without children can be stamped.
#[test]
fn i8_a_message_that_is_sent_again_says_when_whatever_it_contains() {
    let delay = "<delay xmlns='urn:xmpp:delay' stamp='2026-11-20T10:00:00Z'/>";
    let forwarded = format!("<forwarded xmlns='urn:xmpp:forward:0'>{delay}</forwarded>");
    for (content, stamps) in [("", 1), (forwarded.as_str(), 2), (delay, 1)] {
        let mut knowledge = lost(&[]);
        let message = parse_stanza(&format!("<message id='m1'>{content}</message>")).unwrap();
        let seq = knowledge.next_seq;
        knowledge.queue.push(OutboundStanza {
            unknown: true,
            ..queued(seq, OutboundKind::Message, message)
        });
        knowledge.next_seq += 1;
        let parts = "roster + disco + presence + archive + message + r";
        let (_, sent) = bind(knowledge, "", parts);
        assert_eq!(
            sent.matches("<delay xmlns='urn:xmpp:delay'").count(),
            stamps,
            "{sent}"
        );
    }
}
