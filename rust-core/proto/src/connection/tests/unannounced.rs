//! I23: a background sync that may bind. Its session reads the archive and nothing else, and the app's own login completes it.

use super::archive::*;
use super::peer::{EXPORTER, Peer};
use super::scripts::*;
use super::setup::Setup;
use super::texts::*;
use crate::connection::{Command, Event, Outcome, Stage};
use crate::knowledge::{Greeting, Knowledge, Op, OutboundKind};
use crate::plan::Purpose;

/// What follows the bind of a background sync.
const QUIET: &str = "archive + r";

fn sync(knowledge: Knowledge) -> Peer {
    Setup::direct()
        .knowing(knowledge)
        .with(|setup| setup.purpose = Purpose::CatchUp)
        .start()
}

fn expired(mut knowledge: Knowledge) -> Knowledge {
    knowledge.sm.as_mut().unwrap().alive_at.0 -= 601;
    knowledge
}

/// The stored session is refused, and another one bound in its place, on the same stream.
fn bound_instead(peer: &mut Peer) -> String {
    open_direct(peer);
    let proof = fast(peer, FAST_LOGIN, &EXPORTER);
    let inner = format!("{}{}", sm_failed(""), bound2(ENABLED));
    let success = success2(&proof, JID, &inner);
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    peer.is_online();
    peer.sends(QUIET)
}

/// A background sync that has bound a session and caught up.
fn after_sync() -> Knowledge {
    let mut peer = sync(after_sasl2());
    let flight = bound_instead(&mut peer);
    peer.serve(&(fin(&flight, true, "") + &ack(1)));
    peer.knowledge()
}

fn outcomes(peer: &mut Peer) -> Vec<Outcome> {
    let outcome = |event| match event {
        Event::Online { outcome, .. } => Some(outcome),
        _ => None,
    };
    peer.events().into_iter().filter_map(outcome).collect()
}

/// The session is resumed by a connection with this purpose; what follows.
fn resumed_for(purpose: Purpose, knowledge: Knowledge, h: u32, parts: &str) -> (Peer, String) {
    let mut peer = Setup::direct()
        .knowing(knowledge)
        .with(|setup| setup.purpose = purpose)
        .start();
    open_direct(&mut peer);
    finish_fast_resume(&mut peer, h);
    let flight = peer.sends(parts);
    (peer, flight)
}

#[test]
fn i23_a_session_that_can_be_resumed_is_resumed() {
    let mut peer = Setup::starttls()
        .knowing(after_sasl2())
        .with(|setup| setup.purpose = Purpose::CatchUp)
        .start();
    warm_fast_resume(&mut peer);
    assert_eq!(peer.knowledge().sm.unwrap().greeting, Greeting::Sent);
}

#[test]
fn i23_a_refused_session_is_replaced_on_the_same_stream_and_only_the_archive_is_read() {
    let mut peer = sync(after_sasl2());
    let flight = bound_instead(&mut peer);
    assert_eq!(outcomes(&mut peer), [Outcome::Unannounced]);
    peer.serve(&result(&flight, "a1", &message("in1")));
    peer.serve(&(fin(&flight, true, "a1") + &ack(1)));
    assert!(peer.events().contains(&Event::CaughtUp));
    assert_eq!(peer.knowledge().sm.unwrap().greeting, Greeting::Owed);
    assert!(!peer.sent.contains("<presence") && !peer.sent.contains("jabber:iq:roster"));
    assert!(!peer.sent.contains("urn:xmpp:carbons:2"));
}

#[test]
fn i23_an_expired_session_is_not_asked_for() {
    let mut peer = sync(expired(after_sasl2()));
    let flight = bind_as(&mut peer, "", QUIET);
    assert!(!peer.sent.contains("<resume"));
    peer.serve(&(fin(&flight, true, "") + &ack(1)));
    assert!(peer.events().contains(&Event::CaughtUp));
}

#[test]
fn i23_with_sasl1_the_bind_follows_the_refusal_on_the_same_stream() {
    let mut peer = sync(after_sasl1());
    warm_sasl1_to_resume(&mut peer);
    peer.serve(&format!(
        "{HEADER}{}{}",
        features(AUTHENTICATED),
        sm_failed("")
    ));
    let flight = peer.sends("bind + enable + archive");
    peer.serve(&(bound(&flight) + ENABLED + &fin(&flight, true, "")));
    assert_eq!(outcomes(&mut peer), [Outcome::Unannounced]);
    assert!(!peer.sent.contains("<presence"));
    assert_eq!(peer.knowledge().sm.unwrap().greeting, Greeting::Owed);
}

#[test]
fn i23_the_login_of_the_app_completes_the_session() {
    let knowledge = settled(after_sync());
    let parts = "roster + disco + carbons + presence + archive + r";
    let (mut peer, flight) = resumed_for(Purpose::Session, knowledge, 1, parts);
    assert_eq!(outcomes(&mut peer), [Outcome::Bound]);
    assert_eq!(peer.knowledge().sm.unwrap().greeting, Greeting::Sent);
    peer.serve(&format!("{}{}", answers(&flight), ack(6)));
    // It is begun: nothing of it is sent again. The archive is asked because of two hand-overs within seconds.
    let (mut peer, _) = resumed_for(Purpose::Session, peer.knowledge(), 6, "archive + r");
    assert_eq!(outcomes(&mut peer), [Outcome::Resumed]);
}

/// The process may be killed at any time: until the transaction is committed, the stanzas are not sent, and stay owed.
#[test]
fn i23_what_was_owed_is_stored_together_with_its_stanzas() {
    let mut peer = Setup::direct().knowing(settled(after_sync())).start();
    open_direct(&mut peer);
    finish_fast_resume(&mut peer, 1);
    let is_greeting = |op: &Op| matches!(op, Op::SmGreeting(Greeting::Sent));
    let transactions = peer.transactions().iter();
    let greetings: Vec<_> = transactions
        .filter(|ops| ops.iter().any(is_greeting))
        .collect();
    let [ops] = greetings.as_slice() else {
        panic!("{greetings:?}");
    };
    let queued = ops.iter().filter(|op| matches!(op, Op::Enqueue(_)));
    assert_eq!(queued.count(), 5);
    // The server has received none of them.
    let knowledge = peer.knowledge();
    let again = "iq + iq + iq + presence + iq + r";
    let (peer, _) = resumed_for(Purpose::Session, knowledge, 1, again);
    assert_eq!(peer.sent.matches("<presence").count(), 1);
}

#[test]
fn i23_another_background_sync_reads_the_archive_again() {
    for purpose in [Purpose::CatchUp, Purpose::ResumeOnly] {
        let (mut peer, flight) = resumed_for(purpose, settled(after_sync()), 1, QUIET);
        assert_eq!(outcomes(&mut peer), [Outcome::Unannounced]);
        peer.serve(&result(&flight, "a1", &message("in1")));
        peer.serve(&(fin(&flight, true, "a1") + &ack(2)));
        assert!(peer.events().contains(&Event::CaughtUp));
        assert_eq!(peer.knowledge().archive, after("a1"));
        assert_eq!(peer.knowledge().sm.unwrap().greeting, Greeting::Owed);
    }
}

/// The messages before it were for the account, and the session has no presence.
#[test]
fn i23_what_comes_live_does_not_move_the_place_in_the_archive() {
    let mut peer = sync(after_sasl2());
    let flight = bound_instead(&mut peer);
    peer.serve(&live("in2", "a2"));
    peer.serve(&(fin(&flight, true, "") + &ack(1)));
    peer.serve(&live("in4", "a4"));
    assert_eq!(peer.knowledge().archive, after("a0"));
}

#[test]
fn i23_what_the_app_sends_and_what_is_of_unknown_fate_waits_for_the_app() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.say("m1");
    peer.say("m2");
    let mut peer = sync(settled(peer.knowledge()));
    let flight = bound_instead(&mut peer);
    peer.serve(&result(&flight, "a1", &ours("m1", "balcony")));
    peer.serve(&(fin(&flight, true, "a1") + &ack(1)));
    peer.say("m3");
    peer.sends_nothing();
    let queue = peer.knowledge().queue;
    let waiting: Vec<&str> = queue.iter().map(|stanza| stanza.id.as_str()).collect();
    assert_eq!(waiting, ["m2", "m3"]);
    let parts = "roster + disco + carbons + presence + archive + r";
    let (mut peer, flight) = resumed_for(Purpose::Session, settled(peer.knowledge()), 1, parts);
    peer.serve(&result(&flight, "a1", &ours("m1", "balcony")));
    peer.serve(&(fin(&flight, true, "a1") + &ack(6)));
    let sent = peer.sends("message + message + r");
    assert!(sent.contains("id='m2'") && sent.contains("id='m3'"));
}

#[test]
fn i23_a_chat_state_is_sent_at_once_or_never() {
    let mut peer = sync(after_sasl2());
    bound_instead(&mut peer);
    peer.events();
    peer.command(Command::Send {
        stanza: super::peer::said("c1", "typing").into(),
        kind: OutboundKind::Ephemeral,
    });
    peer.sends_nothing();
    let failed = |event: &Event| {
        matches!(
            event,
            Event::Stage {
                stage: Stage::Failed(_),
                ..
            }
        )
    };
    assert!(peer.events().iter().any(failed));
}

/// W1: the archive has failed, and is queried alone; without presence even so.
#[test]
fn i23_a_part_that_is_sent_alone_brings_no_presence_along() {
    use crate::escalation::{Evidence, Request, Subject};
    let mut knowledge = settled(after_sync());
    for request in [Request::Archive, Request::Presence, Request::Roster] {
        let at = super::setup::WALL;
        let subject = Subject::Request(request);
        knowledge
            .failures
            .note(subject, Evidence::Refusal, true, at);
    }
    let (peer, _) = resumed_for(Purpose::CatchUp, knowledge, 1, "archive + r");
    assert!(!peer.sent.contains("<presence"));
}
