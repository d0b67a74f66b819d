//! I8, I18: where there is neither stream management nor an archive, what came to a connection that broke is lost, and only
//! the client can know that it may be.

use super::archive::{archive_error, gaps, message, reported};
use super::peer::{Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::{Command, Event, Timer};
use crate::error::ConnectionError;
use crate::knowledge::Knowledge;

const GREETING: &str = "roster + disco + carbons + presence + archive";

/// A session of a server that knows neither.
fn bare(knowledge: Knowledge) -> Peer {
    with(knowledge, BIND, GREETING, "")
}

fn with(knowledge: Knowledge, offered: &str, greeting: &str, enabled: &str) -> Peer {
    let mut peer = asking(knowledge, offered);
    let bind = peer.sends("bind");
    peer.serve(&bound(&bind));
    greeted(&mut peer, greeting, enabled);
    peer
}

/// A login that has requested a resource.
fn asking(knowledge: Knowledge, offered: &str) -> Peer {
    let setup = Setup::direct().knowing(Knowledge {
        // A cold login each time: what it costs is tested elsewhere.
        server: Default::default(),
        scram_keys: None,
        ..knowledge
    });
    let mut peer = setup.start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    let (success, _) = scram1(&mut peer, AUTH, "", "response");
    peer.serve(&success);
    show(&mut peer, offered);
    peer
}

/// Sends the initial stanzas, and learns that there is no archive.
fn greeted(peer: &mut Peer, greeting: &str, enabled: &str) {
    let flight = peer.sends(greeting);
    peer.serve(enabled);
    peer.is_online();
    peer.serve(&archive_error(&flight, "service-unavailable"));
}

/// A session of a bare server under the resource that was requested.
fn bare_own(knowledge: Knowledge) -> Peer {
    let mut peer = asking(knowledge, BIND);
    let bind = peer.sends("bind");
    let own = text_of(&bind, "resource");
    peer.serve(&bound(&bind).replace("balcony", &own));
    greeted(&mut peer, GREETING, "");
    peer
}

/// A session of a bare server that refuses a resource in use.
fn bare_beside(knowledge: Knowledge) -> Peer {
    let mut peer = asking(knowledge, BIND);
    let bind = peer.sends("bind");
    let id = id_before(&bind, "urn:ietf:params:xml:ns:xmpp-bind");
    peer.serve(&format!(
        "<iq type='error' id='{id}'><error type='modify'>\
         <conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    ));
    let bind = peer.sends("bind");
    peer.serve(&bound(&bind));
    greeted(&mut peer, GREETING, "");
    peer
}

/// Closes the session in order; returns what is stored then.
fn closed(mut peer: Peer) -> Knowledge {
    peer.command(Command::Close);
    peer.serve(CLOSE);
    assert_eq!(peer.closed, Some(None));
    peer.knowledge()
}

fn broken(mut peer: Peer) -> Knowledge {
    peer.close_transport();
    peer.knowledge()
}

#[test]
fn i8_each_broken_connection_of_a_bare_server_is_a_possible_gap() {
    let mut peer = bare(Knowledge::default());
    assert_eq!(gaps(&peer), 0, "nothing was lost before the first");
    for _ in 0..3 {
        // Long after the initial stanzas.
        peer.now.mono = peer.now.mono + std::time::Duration::from_secs(90);
        peer.close_transport();
        peer = bare(peer.knowledge());
        assert_eq!(gaps(&peer), 1);
    }
    assert_eq!(reported(&mut peer), [""; 0]);
}

/// Nothing says that the connection broke: the next process finds what was stored.
#[test]
fn i8_a_kill_while_online_is_a_possible_gap() {
    let peer = bare(Knowledge::default());
    let knowledge = peer.knowledge();
    assert!(knowledge.queue.is_empty(), "{:?}", knowledge.queue);
    drop(peer);
    let peer = bare(knowledge);
    assert_eq!(gaps(&peer), 1);
}

#[test]
fn i8_a_connection_that_falls_silent_is_a_possible_gap() {
    let mut peer = bare(Knowledge::default());
    peer.command(Command::Probe {
        deadline: peer.now.mono + std::time::Duration::from_secs(5),
    });
    peer.sends("iq");
    peer.pass(std::time::Duration::from_secs(5));
    assert!(matches!(
        peer.closed,
        Some(Some(ConnectionError::Timeout(Timer::Probe | Timer::Ack)))
    ));
    assert_eq!(gaps(&bare(peer.knowledge())), 1);
}

#[test]
fn i8_an_end_that_the_app_wanted_is_no_gap() {
    let mut peer = bare(Knowledge::default());
    peer.command(Command::Close);
    peer.serve(CLOSE);
    assert_eq!(peer.closed, Some(None));
    let peer = bare(peer.knowledge());
    assert_eq!(gaps(&peer), 0);
}

/// The path was dead already: what the server sent into it is lost, whatever we wanted.
#[test]
fn i8_an_end_that_the_server_did_not_hear_of_is_a_possible_gap() {
    let mut peer = bare(Knowledge::default());
    peer.command(Command::Close);
    peer.pass(std::time::Duration::from_secs(2));
    assert_eq!(peer.closed, Some(None));
    assert_eq!(gaps(&bare(peer.knowledge())), 1);
}

/// RFC 6120 section 4.4: the server may send until it closes its stream. Without its close, something may not have arrived.
#[test]
fn i8_an_end_without_the_servers_close_is_a_possible_gap() {
    let mut peer = bare(Knowledge::default());
    peer.command(Command::Close);
    peer.close_transport();
    assert_eq!(peer.closed, Some(None));
    assert_eq!(gaps(&bare(peer.knowledge())), 1);
}

#[test]
fn i18_what_the_server_sends_before_its_close_is_delivered() {
    let offered = format!("{BIND}{SM}");
    let with_sm = "enable + roster + disco + carbons + presence + archive";
    let sessions = [
        bare(Knowledge::default()),
        with(Knowledge::default(), &offered, with_sm, ENABLED),
    ];
    for mut peer in sessions {
        peer.command(Command::Close);
        peer.events();
        peer.serve(&format!("{}{}", message("in1"), message("in2")));
        peer.serve(&format!("{}{CLOSE}", message("in3")));
        assert_eq!(reported(&mut peer), ["in1", "in2", "in3"]);
        assert_eq!(peer.closed, Some(None));
        assert_eq!(gaps(&bare(peer.knowledge())), 0);
    }
}

/// Answers are received, but nothing follows the end of the stream.
#[test]
fn i18_after_the_clients_close_answers_are_processed_and_none_is_sent() {
    let mut peer = bare(Knowledge::default());
    peer.say("m1");
    let ping = peer.sends("message + iq");
    peer.ask("q1");
    peer.sends("iq");
    peer.command(Command::Close);
    peer.sends("close");
    peer.ops();
    let id = id_before(&ping, "urn:xmpp:ping");
    peer.serve(&format!(
        "<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>\
         <iq type='result' id='{id}' from='example.org'/>\
         <iq type='set' id='r1'><query xmlns='jabber:iq:roster' ver='v9'>\
         <item jid='nurse@example.net' subscription='both'/></query></iq>\
         <iq type='result' id='q1' from='example.org'/>"
    ));
    assert_eq!(peer.knowledge().roster_version.as_deref(), Some("v9"));
    assert!(peer.knowledge().queue.is_empty(), "the message has arrived");
    let is_answer =
        |event: &Event| matches!(event, Event::IqAnswer(iq) if iq.attr("id") == Some("q1"));
    assert!(peer.events().iter().any(is_answer));
    peer.sends_nothing();
    peer.serve(CLOSE);
    assert_eq!(peer.closed, Some(None));
    peer.sends_nothing();
}

/// A session that was lost in silence may still be open on the server, whatever became of later ones.
#[test]
fn i8_an_earlier_session_that_may_be_open_is_a_possible_gap_each_time() {
    let mut knowledge = broken(bare(Knowledge::default()));
    for _ in 0..3 {
        let peer = bare(knowledge);
        assert_eq!(gaps(&peer), 1);
        knowledge = closed(peer);
    }
}

/// A login after a session that was lost, up to the initial stanzas of the next one.
fn greeting_after_a_loss() -> (Peer, String) {
    let mut peer = asking(broken(bare(Knowledge::default())), BIND);
    let bind = peer.sends("bind");
    peer.serve(&bound(&bind));
    let flight = peer.sends(GREETING);
    peer.is_online();
    assert!(peer.ops().contains(&"PossibleGap".to_owned()));
    (peer, flight)
}

/// Until then the server may give messages to the earlier session.
#[test]
fn i18_a_gap_is_reported_once_the_server_has_processed_the_presence() {
    let (mut peer, flight) = greeting_after_a_loss();
    assert_eq!(gaps(&peer), 0);
    peer.serve(&archive_error(&flight, "service-unavailable"));
    assert_eq!(gaps(&peer), 1);

    let (mut peer, _) = greeting_after_a_loss();
    peer.pass(crate::config::CatchUp::default().timeout);
    assert_eq!(gaps(&peer), 0);
    let ping = peer.sends("iq");
    let id = id_before(&ping, "urn:xmpp:ping");
    peer.serve(&format!("<iq type='result' id='{id}' from='example.org'/>"));
    assert_eq!(gaps(&peer), 1, "the archive does not answer");

    let (mut peer, _) = greeting_after_a_loss();
    peer.command(Command::Close);
    assert_eq!(gaps(&peer), 1, "the session ends before the answer");
}

/// RFC 6120 section 7.7.2.2: there is one session under a resource.
#[test]
fn i8_a_session_under_the_same_resource_ends_the_earlier_one() {
    let peer = bare_own(broken(bare_own(Knowledge::default())));
    assert_eq!(gaps(&peer), 1);
    let peer = bare_own(closed(peer));
    assert_eq!(gaps(&peer), 0);
    // The server refuses a resource in use: the earlier session is open, until its resource can be had again.
    let peer = bare_beside(broken(peer));
    assert_eq!(gaps(&peer), 1);
    let peer = bare_beside(closed(peer));
    assert_eq!(gaps(&peer), 1);
    let peer = bare_own(closed(peer));
    assert_eq!(gaps(&peer), 1);
    let peer = bare_own(closed(peer));
    assert_eq!(gaps(&peer), 0);
}

/// A session that can be resumed ends no other one.
#[test]
fn i8_stream_management_does_not_end_an_earlier_session() {
    let knowledge = broken(bare(Knowledge::default()));
    let offered = format!("{BIND}{SM}");
    let greeting = "enable + roster + disco + carbons + presence + archive";
    let peer = with(knowledge, &offered, greeting, ENABLED);
    assert_eq!(gaps(&peer), 1);
    let peer = bare(closed(peer));
    assert_eq!(gaps(&peer), 1);
}

/// Stream management without resumption counts, and keeps nothing.
#[test]
fn i8_a_session_that_cannot_be_resumed_is_as_bare() {
    let offered = format!("{BIND}{SM}");
    let greeting = "enable + roster + disco + carbons + presence + archive";
    for (enabled, expected) in [
        ("<enabled xmlns='urn:xmpp:sm:3'/>", 1),
        ("<failed xmlns='urn:xmpp:sm:3'/>", 1),
        // It can be resumed: until it is lost, nothing is.
        (ENABLED, 0),
    ] {
        let mut peer = with(Knowledge::default(), &offered, greeting, enabled);
        peer.close_transport();
        let knowledge = peer.knowledge();
        assert_eq!(
            u32::from(knowledge.open_sessions.any()),
            expected,
            "{enabled}"
        );
        if expected == 1 {
            assert_eq!(gaps(&bare(knowledge)), 1, "{enabled}");
        }
    }
}
