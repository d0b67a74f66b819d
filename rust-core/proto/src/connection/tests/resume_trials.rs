//! Rule I19: `<resume/>` that gets an invalid answer, no answer, or the end of the stream. A method that failed twice is not
//! tried a third time, and the network alone never costs a session.

use std::time::Duration;

use super::peer::{EXPORTER, Peer};
use super::scripts::*;
use super::setup::Setup;
use super::texts::*;
use crate::connection::{Command, Event};
use crate::escalation::{Remedy, Subject};
use crate::knowledge::Knowledge;
use crate::plan::Purpose;

const ALONE: &str = "authenticate HT-SHA-256-EXPR";
const ERROR: &str = "<stream:error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
const SHUTDOWN: &str =
    "<stream:error><system-shutdown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";

/// What no server should say: inside `<success/>`, in place of `<resumed/>`.
fn odd_elements() -> Vec<String> {
    let resumed = |attributes: &str| format!("<resumed xmlns='urn:xmpp:sm:3' {attributes}/>");
    vec![
        sm_failed("h='-1'"),
        sm_failed("h=''"),
        sm_failed("h='4294967296'"),
        resumed("h='6'"),
        resumed("previd='sm-1'"),
        resumed("previd='sm-1' h='0x6'"),
        resumed("previd='sm-1' h=' 6'"),
    ]
}

/// What no server should send in place of any answer, or after `<resumed/>`.
fn odd_words() -> Vec<String> {
    vec![
        MESSAGE.to_owned(),
        "<iq type='result' id='x'/>".to_owned(),
        ERROR.to_owned(),
        ERROR.replace("internal-server-error", "made-up"),
        CLOSE.to_owned(),
        "<resumption xmlns='urn:xmpp:sm:3'/>".to_owned(),
        "<message><body></message>".to_owned(),
    ]
}

/// A FAST login that asks for the session inside, up to the server's answer.
fn inline(knowledge: Knowledge) -> (Peer, String) {
    let mut peer = Setup::direct().knowing(knowledge).start();
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
    assert!(peer.sent.contains("<resume "), "{}", peer.sent);
    peer.serve(&format!("{HEADER}{}", features(&sasl2())));
    (peer, proof)
}

/// A login after which `<resume/>` is sent in a flight of its own.
fn alone(knowledge: Knowledge) -> Peer {
    let is_warm = knowledge.server.secured.is_some();
    let mut peer = Setup::direct().knowing(knowledge).start();
    open_direct(&mut peer);
    let (proof, shown) = if is_warm {
        let proof = fast(&mut peer, &format!("header + {ALONE}"), &EXPORTER);
        (proof, format!("{HEADER}{}", features(&sasl2())))
    } else {
        show(&mut peer, &sasl2());
        (fast(&mut peer, ALONE, &EXPORTER), String::new())
    };
    assert!(!peer.sent.contains("<resume"), "it goes alone");
    let success = success2(&proof, "juliet@example.org", "");
    peer.serve(&format!("{shown}{success}{}", features(AUTHENTICATED)));
    peer.sends("resume");
    peer
}

#[track_caller]
fn ended(peer: &Peer) -> Knowledge {
    assert!(matches!(peer.closed, Some(Some(_))), "{:?}", peer.closed);
    peer.knowledge()
}

/// What is known of the attempts to resume the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Trials {
    wrong: u8,
    silent: u8,
    is_alone: bool,
    is_over: bool,
}

fn trials(knowledge: &Knowledge) -> Trials {
    assert!(knowledge.sm.is_some());
    let failures = &knowledge.failures;
    let Some(failure) = failures.get(Subject::Resume) else {
        return Trials::default();
    };
    let gives_up = |remedy| failures.gives_up(Subject::Resume, remedy, failure.until);
    Trials {
        wrong: failure.refusals,
        silent: failure.silences,
        is_alone: gives_up(Remedy::ResumeAlone),
        is_over: gives_up(Remedy::NewSession),
    }
}

fn is_reported(peer: &mut Peer) -> bool {
    let events = peer.events();
    events
        .iter()
        .any(|event| matches!(event, Event::PeerFault(_)))
}

/// The session is not requested any more: a new one is bound, and possibly missed messages are fetched or reported.
#[track_caller]
fn binds_anew(knowledge: Knowledge) {
    let mut knowledge = knowledge;
    knowledge.archive = None;
    let is_warm = knowledge.server.secured.is_some();
    let mut peer = Setup::direct().knowing(knowledge).start();
    open_direct(&mut peer);
    let (proof, shown) = if is_warm {
        let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
        (proof, format!("{HEADER}{}", features(&sasl2())))
    } else {
        show(&mut peer, &sasl2());
        (fast(&mut peer, ALONE, &EXPORTER), String::new())
    };
    assert!(!peer.sent.contains("<resume"), "{}", peer.sent);
    peer.serve(&format!(
        "{shown}{}",
        success2(&proof, JID, &bound2(ENABLED))
    ));
    peer.is_online();
    let ops = peer.ops();
    for op in ["PossibleGap", "SmDropped"] {
        assert!(ops.contains(&op.to_owned()), "I8: {op} in {ops:?}");
    }
    assert_eq!(trials(&peer.knowledge()), Trials::default());
}

#[test]
fn i19_a_wrong_answer_is_asked_for_again_alone_and_then_the_session_is_lost() {
    let inside = odd_elements().into_iter().map(|odd| (odd, true));
    let instead = odd_words().into_iter().map(|odd| (odd, false));
    for (odd, is_inside) in inside.chain(instead) {
        let (mut peer, proof) = inline(after_sasl2());
        if is_inside {
            peer.serve(&success2(&proof, JID, &odd));
        } else {
            peer.serve(&odd);
        }
        let knowledge = ended(&peer);
        assert!(is_reported(&mut peer), "{odd}");
        assert!(trials(&knowledge).is_alone && !trials(&knowledge).is_over);
        assert!(knowledge.fast.is_some(), "the token is not to blame: {odd}");
        let mut peer = alone(knowledge);
        peer.serve(&odd);
        let knowledge = ended(&peer);
        assert!(
            is_reported(&mut peer) && trials(&knowledge).is_over,
            "{odd}"
        );
        binds_anew(knowledge);
    }
}

#[test]
fn i19_an_end_right_after_resumed_is_a_wrong_answer() {
    for odd in [ERROR, CLOSE] {
        let (mut peer, proof) = inline(after_sasl2());
        peer.serve(&success2(&proof, JID, &resumed(GREETED2)));
        peer.is_online();
        peer.pass(Duration::from_millis(300));
        peer.serve(odd);
        let knowledge = ended(&peer);
        let mut peer = alone(knowledge);
        peer.serve(&resumed(GREETED2));
        peer.is_online();
        peer.serve(odd);
        binds_anew(ended(&peer));
    }
}

#[test]
fn i19_asked_alone_and_answered_properly_the_session_goes_on() {
    let (mut peer, proof) = inline(after_sasl2());
    peer.serve(&success2(&proof, JID, &sm_failed("h='-1'")));
    let mut peer = alone(ended(&peer));
    peer.serve(&resumed(GREETED2));
    peer.is_online();
    assert_eq!(trials(&peer.knowledge()).wrong, 1, "not proven yet");
    peer.say("m1");
    peer.serve(&ack(GREETED2 + 2));
    assert_eq!(trials(&peer.knowledge()), Trials::default());
    // So does one that lasts, with nothing to acknowledge.
    let without_archive = Knowledge {
        archive: None,
        ..peer.knowledge()
    };
    let (mut peer, proof) = inline(without_archive);
    peer.serve(&success2(&proof, JID, &sm_failed("h=''")));
    let mut peer = alone(ended(&peer));
    peer.serve(&resumed(GREETED2 + 2));
    peer.pass(Duration::from_secs(6));
    peer.serve(MESSAGE);
    assert_eq!(trials(&peer.knowledge()), Trials::default());
}

#[test]
fn i19_a_proper_refusal_is_no_wrong_answer() {
    let (mut peer, proof) = inline(after_sasl2());
    peer.serve(&success2(
        &proof,
        JID,
        &format!("{}{}", sm_failed("h='4'"), bound2(ENABLED)),
    ));
    peer.is_online();
    peer.serve(ERROR);
    assert_eq!(trials(&ended(&peer)), Trials::default());
}

#[test]
fn i19_before_sasl_a_wrong_answer_moves_the_request_after_the_login() {
    let mut peer = Setup::starttls().knowing(after_pipelining()).start();
    open_combined(&mut peer);
    peer.sends("header + resume");
    let shown = features(&format!("{SASL1}{SM}{PIPELINING}"));
    peer.serve(&format!("{HEADER}{shown}{}", sm_failed("h='-1'")));
    let knowledge = ended(&peer);
    assert!(trials(&knowledge).is_alone);
    let mut peer = Setup::starttls().knowing(knowledge).start();
    open_combined(&mut peer);
    let shown = format!("{HEADER}{}", features(&format!("{SASL1}{SM}{PIPELINING}")));
    let first = format!("header + {AUTH}");
    let (success, _) = scram1(&mut peer, &first, &shown, "response");
    peer.serve(&success);
    peer.sends("header");
    peer.serve(&format!("{HEADER}{}", features(AUTHENTICATED)));
    peer.sends("resume");
    peer.serve(&resumed(LEARNT1));
    peer.is_online();
}

/// One silence after the other, as the path allows: what is left of the session.
fn silences(count: i64, pause: i64, end: fn(&mut Peer)) -> Knowledge {
    // With one, a session that is resumed again queries it, and an acknowledgement is due.
    let mut knowledge = Knowledge {
        archive: None,
        ..after_sasl2()
    };
    for number in 0..count {
        let wall = super::setup::WALL.0 + number * pause;
        if trials(&knowledge).is_over {
            break;
        }
        knowledge.sm.as_mut().unwrap().max = None;
        let mut peer = if trials(&knowledge).is_alone {
            alone(knowledge)
        } else {
            inline(knowledge).0
        };
        peer.now.wall.0 = wall;
        end(&mut peer);
        knowledge = ended(&peer);
    }
    knowledge
}

fn breaks(peer: &mut Peer) {
    peer.close_transport();
}

fn falls_silent(peer: &mut Peer) {
    peer.pass(Duration::from_secs(30));
}

fn shuts_down(peer: &mut Peer) {
    peer.serve(SHUTDOWN);
}

/// A session that is resumed, with a stanza for which an acknowledgement is due.
fn resumes(knowledge: Knowledge, h: u32) -> Peer {
    let mut peer = if trials(&knowledge).is_alone {
        let mut peer = alone(knowledge);
        peer.serve(&resumed(h));
        peer
    } else {
        let (mut peer, proof) = inline(knowledge);
        peer.serve(&success2(&proof, JID, &resumed(h)));
        peer
    };
    peer.is_online();
    peer.say("m1");
    peer
}

/// A session that is resumed, and of which the server then acknowledges nothing.
fn not_served(knowledge: Knowledge, h: u32) -> Knowledge {
    let mut peer = resumes(knowledge, h);
    peer.pass(Duration::from_secs(20));
    ended(&peer)
}

#[test]
fn i19_a_session_that_is_resumed_three_times_and_not_served_is_given_up() {
    let mut knowledge = after_sasl2();
    for _ in 0..3 {
        assert!(!knowledge.failures.gives_up_session(super::setup::WALL));
        knowledge = not_served(knowledge, GREETED2);
    }
    let is_over = trials(&knowledge).is_over;
    assert!(!is_over, "it is the other subject that has failed");
    binds_anew(knowledge);
}

#[test]
fn i19_a_session_that_is_served_between_two_silences_is_not_given_up() {
    let mut knowledge = after_sasl2();
    let mut h = GREETED2;
    for _ in 0..3 {
        knowledge = not_served(not_served(knowledge, h), h);
        let mut peer = resumes(knowledge, h);
        h += 1;
        peer.serve(&ack(h));
        peer.close_transport();
        knowledge = ended(&peer);
        assert_eq!(knowledge.failures.get(Subject::ResumedSession), None);
    }
}

#[test]
fn i19_a_resumed_session_on_a_path_that_breaks_is_not_given_up() {
    let mut knowledge = after_sasl2();
    for _ in 0..4 {
        let mut peer = resumes(knowledge, GREETED2);
        peer.pass(Duration::from_secs(1));
        peer.close_transport();
        knowledge = ended(&peer);
        knowledge.failures.succeeded(Subject::Resume);
    }
    assert_eq!(knowledge.failures.get(Subject::ResumedSession), None);
}

#[test]
fn i19_five_silences_over_a_minute_cost_the_session() {
    for end in [breaks, falls_silent, shuts_down] {
        assert!(!trials(&silences(4, 30, end)).is_over);
        assert!(!trials(&silences(5, 10, end)).is_over);
        let knowledge = silences(5, 30, end);
        assert!(trials(&knowledge).is_over, "{:?}", trials(&knowledge));
        binds_anew(knowledge);
    }
}

#[test]
fn i19_a_resumption_that_lasted_ends_the_row_of_silences() {
    // Nothing was received after `<resumed/>` because nothing was due, and then the path failed.
    let after = |seconds: u64, says: bool| {
        let mut peer = alone(silences(4, 30, breaks));
        peer.serve(&resumed(GREETED2));
        peer.is_online();
        if says {
            peer.say("m1");
        }
        peer.pass(Duration::from_secs(seconds));
        peer.close_transport();
        trials(&ended(&peer))
    };
    for seconds in [1, 6, 96] {
        assert_eq!(after(seconds, false), Trials::default(), "{seconds}");
    }
    // The device's clock was set back since, so that the minute begins anew.
    assert_eq!(after(0, false).silent, 4, "shortly after it");
    assert_eq!(after(6, true).silent, 4, "an answer was due");
}

#[test]
fn i19_a_network_that_changes_or_a_server_that_shows_nothing_costs_nothing() {
    let mut knowledge = after_sasl2();
    for number in 0..30 {
        // Nothing of the server's was read.
        let mut peer = Setup::direct().knowing(knowledge).start();
        open_direct(&mut peer);
        peer.now.wall.0 += number * 30;
        peer.close_transport();
        // The network changed, or the device was asleep when the deadline passed.
        let (mut peer, _) = inline(ended(&peer));
        peer.command(Command::PathChanged);
        peer.pass(Duration::from_secs(30));
        let (mut peer, _) = inline(ended(&peer));
        peer.pass(Duration::from_secs(60));
        // Changed after `<resumed/>`.
        let (mut peer, proof) = inline(ended(&peer));
        peer.serve(&success2(&proof, JID, &resumed(GREETED2)));
        let deadline = peer.now.mono + Duration::from_secs(1);
        peer.command(Command::Probe { deadline });
        peer.close_transport();
        knowledge = ended(&peer);
        assert_eq!(trials(&knowledge), Trials::default());
    }
}

#[test]
fn i19_a_background_sync_does_not_ask_for_a_session_that_is_given_up() {
    let knowledge = silences(5, 30, breaks);
    let mut peer = Setup::direct()
        .knowing(knowledge)
        .with(|setup| setup.purpose = Purpose::ResumeOnly)
        .start();
    peer.connect();
    assert!(matches!(peer.closed, Some(Some(_))) && peer.sent.is_empty());
}

#[test]
fn t4_who_has_not_proved_itself_never_ends_a_session() {
    let mut knowledge = after_sasl2();
    for _ in 0..10 {
        let mut peer = Setup::direct().knowing(knowledge).start();
        open_direct(&mut peer);
        peer.serve(&format!("{HEADER}{}{ERROR}", features(&sasl2())));
        knowledge = ended(&peer);
        assert!(!trials(&knowledge).is_over);
    }
}
