//! Rule W1: a server that ends the stream over what a session begins with. What was unanswered is sent alone, then left out,
//! then tried again.

use std::time::Duration;

use super::archive::{bind, gaps, message, result};
use super::peer::{Peer, Setup};
use super::scripts::*;
use super::setup::WALL;
use super::texts::*;
use crate::connection::{Command, Event};
use crate::escalation::{Evidence, Request, Subject};
use crate::knowledge::Knowledge;

const ERROR: &str = "<stream:error><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";

fn away() -> Knowledge {
    gone(after_sasl2())
}

/// An account for which these have failed this often, by refusals.
fn failed(requests: &[(Request, u8)]) -> Knowledge {
    let mut knowledge = away();
    for (request, count) in requests {
        for _ in 0..*count {
            let subject = Subject::Request(*request);
            knowledge
                .failures
                .note(subject, Evidence::Refusal, true, WALL);
        }
    }
    knowledge
}

fn refusals(knowledge: &Knowledge) -> Vec<(Request, u8)> {
    let of = |request: Request| {
        let failure = knowledge.failures.get(Subject::Request(request))?;
        Some((request, failure.refusals))
    };
    Request::ALL.into_iter().filter_map(of).collect()
}

pub(super) fn disco(flight: &str) -> String {
    let id = id_before(flight, "http://jabber.org/protocol/disco#info");
    format!(
        "<iq type='result' id='{id}' from='example.org'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
    )
}

/// An end of a stream, and what the server does.
type End = (&'static str, fn(&mut Peer));

/// The ends of a stream that can be attributed to what the server was sent.
fn ends() -> [End; 3] {
    [
        ("error", |peer| peer.serve(ERROR)),
        ("close", |peer| peer.serve(CLOSE)),
        ("TLS", |peer| peer.close_tls()),
    ]
}

#[test]
fn w1_what_was_unanswered_is_sent_alone_and_the_guilty_one_is_left_out() {
    for (name, end) in ends() {
        let (mut peer, flight) = bind(away(), "", GREETING2);
        peer.serve(&roster(&flight));
        end(&mut peer);
        let rest = [Request::Disco, Request::Presence, Request::Archive];
        let knowledge = gone(peer.knowledge());
        assert_eq!(
            refusals(&knowledge),
            rest.map(|request| (request, 1)),
            "{name}"
        );
        // The roster has been answered, the others go one by one.
        let (mut peer, flight) = bind(knowledge, "", "roster + r");
        peer.serve(&format!("{}{}", roster(&flight), ack(1)));
        let flight = peer.sends("disco + r");
        peer.serve(&format!("{}{}", ack(2), disco(&flight)));
        peer.sends("presence + r");
        end(&mut peer);
        let knowledge = gone(peer.knowledge());
        let rest = [(Request::Presence, 2), (Request::Archive, 1)];
        assert_eq!(
            refusals(&knowledge),
            rest,
            "{name}: only the one that was alone"
        );
        let (mut peer, flight) = bind(knowledge, "", "roster + disco + r");
        peer.serve(&format!("{}{}{}", roster(&flight), disco(&flight), ack(2)));
        let flight = peer.sends("archive + r");
        peer.serve(&format!("{}{}", fin(&flight, true, ""), ack(3)));
        peer.sends_nothing();
        assert_eq!(refusals(&peer.knowledge()), [(Request::Presence, 2)]);
        // Tried again in the same session.
        peer.now.wall.0 += 241;
        peer.serve("<presence from='romeo@example.net/x'/>");
        // Messages of the time without it are in the archive only.
        let flight = peer.sends("presence + archive + r");
        peer.serve(&format!("{}{}", fin(&flight, true, ""), ack(5)));
        assert_eq!(refusals(&peer.knowledge()), []);
    }
}

#[test]
fn w1_a_resumed_session_does_not_repeat_what_failed() {
    let (mut peer, _) = bind(away(), "", GREETING2);
    peer.serve(ERROR);
    let all = [
        Request::Roster,
        Request::Disco,
        Request::Presence,
        Request::Archive,
    ];
    assert_eq!(refusals(&peer.knowledge()), all.map(|request| (request, 1)));
    // None of the four was counted.
    let mut peer = resumed_with(peer.knowledge(), 0);
    let flight = peer.sends("roster + r");
    peer.serve(&format!("{}{}", roster(&flight), ack(1)));
    peer.sends("disco + r");
    peer.serve(ERROR);
    let mut peer = resumed_with(peer.knowledge(), 1);
    peer.sends("presence + r");
    peer.serve(&ack(2));
    let flight = peer.sends("archive + r");
    peer.serve(&format!("{}{}", fin(&flight, true, ""), ack(3)));
    peer.sends_nothing();
    assert_eq!(refusals(&peer.knowledge()), [(Request::Disco, 2)]);
    assert!(peer.knowledge().queue.is_empty());
}

/// A new session after SASL1, up to its initial stanzas.
fn after_bind(failures: crate::escalation::Failures) -> Peer {
    let knowledge = Knowledge {
        failures,
        server: Default::default(),
        ..gone(after_sasl1())
    };
    let mut peer = Setup::direct().knowing(knowledge).start();
    open_direct(&mut peer);
    cold_sasl1(&mut peer, AUTHENTICATED);
    let flight = peer.sends("bind");
    peer.serve(&bound(&flight));
    peer.is_online();
    peer
}

#[test]
fn w1_enable_is_sent_alone_before_the_others_and_then_left_out() {
    let mut peer = after_bind(failed(&[(Request::Enable, 1)]).failures);
    peer.sends("enable");
    peer.serve(ERROR);
    assert_eq!(refusals(&peer.knowledge()), [(Request::Enable, 2)]);
    let mut peer = after_bind(peer.knowledge().failures);
    peer.sends("roster + disco + carbons + presence + archive");
    peer.say("m1");
    peer.sends("message + iq");
}

#[test]
fn w1_after_enable_alone_the_rest_is_counted_and_stored_with_the_session() {
    let mut peer = after_bind(failed(&[(Request::Enable, 1)]).failures);
    peer.sends("enable");
    peer.say("m1");
    peer.sends_nothing();
    peer.serve(ENABLED);
    let flight = peer.sends("roster + disco + carbons + presence + archive + message + r");
    assert_eq!(peer.knowledge().sm.unwrap().pending.len(), 4);
    peer.serve(&format!("{}{}", answers(&flight), ack(6)));
    assert_eq!(refusals(&peer.knowledge()), []);
    assert!(peer.knowledge().queue.is_empty());
}

/// W8: the answer to `<enable/>` has a deadline where it is sent alone, too.
#[test]
fn w8_enable_alone_is_awaited_until_the_acknowledgement_timer() {
    let mut peer = after_bind(failed(&[(Request::Enable, 1)]).failures);
    peer.sends("enable");
    peer.pass(Duration::from_secs(60));
    assert!(peer.closed.is_some());
}

/// Inside a bind request it is another way to ask.
#[test]
fn w1_enable_inside_bind_2_forgets_the_failure() {
    let (peer, _) = bind(failed(&[(Request::Enable, 1)]), "", GREETING2);
    assert_eq!(refusals(&peer.knowledge()), []);
}

#[test]
fn w1_a_client_state_that_ends_the_stream_is_left_out() {
    let mut peer = Setup::direct().start();
    cold_sasl2_direct(&mut peer);
    peer.command(Command::SetActive(false));
    peer.sends("client state");
    peer.serve(ERROR);
    assert_eq!(refusals(&peer.knowledge()), [(Request::ClientState, 1)]);
    let setup = Setup::starttls().knowing(peer.knowledge());
    let mut peer = setup.with(|setup| setup.active = false).start();
    open_starttls(&mut peer);
    finish_fast_resume(&mut peer, GREETED2);
    peer.serve("<presence from='romeo@example.net/x'/>");
    peer.sends("client state + r");
    peer.serve(ERROR);
    assert_eq!(refusals(&peer.knowledge()), [(Request::ClientState, 2)]);
    let setup = Setup::starttls().knowing(peer.knowledge());
    let mut peer = setup.with(|setup| setup.active = false).start();
    open_starttls(&mut peer);
    finish_fast_resume(&mut peer, GREETED2);
    peer.serve("<presence from='romeo@example.net/x'/>");
    peer.sends_nothing();
}

/// What is missed meanwhile is reported, although it can be read later.
#[test]
fn w1_an_archive_that_is_left_out_is_a_gap_until_it_is_read() {
    let (mut peer, flight) = bind(
        failed(&[(Request::Archive, 2)]),
        "",
        "roster + disco + presence + r",
    );
    peer.serve(&format!("{}{}{}", roster(&flight), disco(&flight), ack(3)));
    assert_eq!(gaps(&peer), 1);
    peer.sends_nothing();
    peer.now.wall.0 += 241;
    peer.serve(MESSAGE);
    let flight = peer.sends("archive + r");
    assert!(flight.contains("<after>a0</after>"));
    let page = result(&flight, "a1", &message("m1"));
    peer.serve(&format!("{page}{}{}", fin(&flight, true, "a1"), ack(4)));
    assert_eq!(peer.knowledge().archive, super::archive::after("a1"));
}

/// Network faults alone cost neither roster nor archive: they are delayed by minutes after five in a row, while sent alone.
#[test]
fn w1_broken_connections_delay_a_request_and_do_not_remove_it() {
    let mut knowledge = away();
    for count in 1..=5_u8 {
        let parts = if count < 4 { GREETING2 } else { "r" };
        let (mut peer, _) = bind(knowledge, "", if count < 4 { parts } else { "roster + r" });
        peer.now.wall.0 -= 200 - 20 * i64::from(count);
        peer.close_transport();
        knowledge = gone(peer.knowledge());
        let of = |request| knowledge.failures.get(Subject::Request(request));
        assert_eq!(of(Request::Roster).unwrap().silences, count);
        assert_eq!(of(Request::Disco).unwrap().silences, count.min(3));
    }
    let (mut peer, flight) = bind(knowledge, "", "disco + r");
    peer.serve(&format!("{}{}", disco(&flight), ack(1)));
    peer.sends("presence + r");
    peer.now.wall.0 += 400;
    peer.serve(&ack(2));
    let flight = peer.sends("roster + r");
    peer.serve(&format!("{}{}", roster(&flight), ack(3)));
    let flight = peer.sends("archive + r");
    peer.serve(&format!("{}{}", fin(&flight, true, ""), ack(4)));
    assert!(peer.knowledge().failures.is_empty());
}

#[test]
fn w1_a_path_that_changed_says_nothing_about_a_request() {
    let (mut peer, _) = bind(away(), "", GREETING2);
    peer.command(Command::PathChanged);
    peer.close_transport();
    assert!(peer.knowledge().failures.is_empty());
}

/// W8: a request that is not answered does not block those after it.
#[test]
fn w8_a_request_alone_without_an_answer_is_passed() {
    let knowledge = failed(&[(Request::Roster, 1), (Request::Presence, 1)]);
    let (mut peer, flight) = bind(knowledge, "", "disco + r");
    peer.serve(&format!("{}{}", disco(&flight), ack(1)));
    peer.sends("roster + r");
    peer.serve(&ack(2));
    peer.sends_nothing();
    peer.pass(Duration::from_secs(20));
    peer.sends("presence + r");
}

#[test]
fn w1_each_step_is_reported() {
    let (mut peer, flight) = bind(away(), "", GREETING2);
    peer.serve(&format!(
        "{}{}{}",
        disco(&flight),
        fin(&flight, true, ""),
        ack(GREETED2)
    ));
    peer.events();
    peer.serve(ERROR);
    let reported = peer.events();
    let is_step =
        |event: &&Event| matches!(event, Event::PeerFault(text) if text.contains("alone"));
    assert_eq!(reported.iter().filter(is_step).count(), 1, "{reported:?}");
}
