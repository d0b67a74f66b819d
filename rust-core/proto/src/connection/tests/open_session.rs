//! I8, I18: where there is neither stream management nor an archive, what came to a connection that broke is lost, and only
//! the client can know that it may be.

use super::archive::{archive_error, gaps, reported};
use super::peer::{Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::{Command, Timer};
use crate::error::ConnectionError;
use crate::knowledge::Knowledge;

const GREETING: &str = "roster + disco + carbons + presence + archive";

/// A session of a server that knows neither.
fn bare(knowledge: Knowledge) -> Peer {
    with(knowledge, BIND, GREETING, "")
}

fn with(knowledge: Knowledge, offered: &str, greeting: &str, enabled: &str) -> Peer {
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
    let bind = peer.sends("bind");
    peer.serve(&bound(&bind));
    let flight = peer.sends(greeting);
    peer.serve(enabled);
    peer.is_online();
    peer.serve(&archive_error(&flight, "service-unavailable"));
    peer
}

#[test]
fn i8_each_broken_connection_of_a_bare_server_is_a_possible_gap() {
    let mut peer = bare(Knowledge::default());
    assert_eq!(gaps(&peer), 0, "nothing was lost before the first");
    for _ in 0..3 {
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
        assert_eq!(u32::from(knowledge.open_session), expected, "{enabled}");
        if expected == 1 {
            assert_eq!(gaps(&bare(knowledge)), 1, "{enabled}");
        }
    }
}
