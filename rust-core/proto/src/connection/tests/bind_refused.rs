//! RFC 6120 7.7: which resource is asked for, and what follows a refusal.

use super::peer::{Peer, Setup};
use super::scripts::*;
use super::setup::WALL;
use super::texts::*;
use crate::error::{Assumption, ConnectionError, PeerError};
use crate::escalation::{Lasts, Subject};
use crate::peer_text::PeerText;
use crate::stanza::{ErrorType, StanzaCondition, StanzaError};

fn refusal(flight: &str, condition: &str) -> String {
    let id = id_before(flight, "urn:ietf:params:xml:ns:xmpp-bind");
    format!("<iq type='error' id='{id}'>{}</iq>", error_of(condition))
}

fn error_of(condition: &str) -> String {
    format!(
        "<error type='cancel'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>At most 10 devices.</text></error>"
    )
}

/// What the connection ends with: with the server's reason.
fn refused(condition: StanzaCondition) -> ConnectionError {
    ConnectionError::Peer(PeerError::BindRefused(StanzaError {
        text: PeerText::new("At most 10 devices."),
        ..StanzaError::new(ErrorType::Cancel, condition)
    }))
}

/// A login up to the bind flight.
fn asked(setup: Setup, flight: &str) -> (Peer, String) {
    let mut peer = setup.start();
    open_direct(&mut peer);
    cold_sasl1(&mut peer, AUTHENTICATED);
    let flight = peer.sends(flight);
    (peer, flight)
}

/// The resource that a bind request asks for.
fn wanted(flight: &str) -> Option<String> {
    flight
        .contains("<resource>")
        .then(|| text_of(flight, "resource"))
}

fn of_installation(id: &str) -> Option<String> {
    let setup = Setup::direct().with(|setup| setup.config.user_agent.id = id.to_owned());
    wanted(&asked(setup, "bind").1)
}

#[test]
fn w11_each_installation_has_a_resource_of_its_own_that_stays() {
    let phone = of_installation("d4565fa7-4d72-4749-b3d3-740edbf87770").unwrap();
    let tablet = of_installation("0f3b9d52-1c1e-4a8e-8e57-0a6f4a4a1c11").unwrap();
    assert_eq!(
        Some(&phone),
        of_installation("d4565fa7-4d72-4749-b3d3-740edbf87770").as_ref()
    );
    assert_ne!(phone, tablet);
    for resource in [phone, tablet] {
        let digits = resource.strip_prefix("balcony.").unwrap();
        assert!(digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(!"d4565fa7 0f3b9d52".contains(digits), "contacts see it");
    }
}

#[test]
fn w11_a_resource_that_is_taken_is_no_end() {
    let (mut peer, first) = asked(Setup::direct(), "bind");
    peer.serve(&refusal(&first, "conflict"));
    let second = peer.sends("bind");
    let (ours, other) = (wanted(&first).unwrap(), wanted(&second).unwrap());
    assert!(other != ours && other.starts_with("balcony."), "{other}");
    peer.serve(&refusal(&second, "conflict"));
    let third = peer.sends("bind");
    assert_eq!(wanted(&third), None);
    peer.serve(&bound(&third));
    peer.is_online();
    let flight = peer.sends(IN_ORDER);
    answer_rest(&mut peer, &flight);
}

#[test]
fn w1_a_resource_that_the_server_does_not_like_is_left_to_it() {
    for (condition, read) in [
        ("bad-request", StanzaCondition::BadRequest),
        ("not-acceptable", StanzaCondition::NotAcceptable),
        ("jid-malformed", StanzaCondition::JidMalformed),
    ] {
        let (mut peer, first) = asked(Setup::direct(), "bind");
        peer.serve(&refusal(&first, condition));
        let second = peer.sends("bind");
        assert_eq!(wanted(&second), None, "{condition}");
        peer.serve(&refusal(&second, condition));
        peer.fails(refused(read));
    }
}

#[test]
fn other_refusals_are_a_typed_error() {
    for (condition, read) in [
        ("not-allowed", StanzaCondition::NotAllowed),
        ("resource-constraint", StanzaCondition::ResourceConstraint),
        (
            "internal-server-error",
            StanzaCondition::InternalServerError,
        ),
    ] {
        let (mut peer, first) = asked(Setup::direct(), "bind");
        peer.serve(&refusal(&first, condition));
        peer.fails(refused(read));
    }
}

/// What rode after the refused request is refused as well, and asked for again after the next answer.
#[test]
fn w11_what_followed_a_refused_request_is_asked_for_again() {
    let (mut peer, first) = asked(Setup::direct().with_pipelined_bind(), GREETING);
    peer.serve(&refusal(&first, "conflict"));
    let roster = id_before(&first, "jabber:iq:roster");
    peer.serve(&format!(
        "{}<iq type='error' id='{roster}'><error type='auth'>\
         <not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
        sm_failed("")
    ));
    let second = peer.sends("bind");
    peer.say("m1");
    peer.serve(&bound(&second));
    peer.is_online();
    let flight = peer.sends(&format!("{IN_ORDER} + message"));
    peer.serve(&format!("{ENABLED}{}", answers(&flight)));
    let knowledge = peer.knowledge();
    assert!(knowledge.sm.is_some() && knowledge.roster_version.is_some());
    assert!(knowledge.server.bind_pipelining_proven && knowledge.failures.is_empty());
}

/// Or the server ends the stream over it: without a resource, a stanza is `not-authorized` (RFC 6120 7.1).
#[test]
fn w11_a_refused_request_whose_followers_end_the_stream_is_made_in_order_next_time() {
    let (mut peer, first) = asked(Setup::direct().with_pipelined_bind(), GREETING);
    peer.serve(&format!(
        "{}<stream:error><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
        refusal(&first, "conflict")
    ));
    peer.fails(ConnectionError::WrongAssumption(Assumption::PipelinedBind));
    let step = peer.knowledge().failures.step(Subject::PipelinedBind, WALL);
    assert_eq!(step.map(|step| step.lasts), Some(Lasts::ForGood));
}
