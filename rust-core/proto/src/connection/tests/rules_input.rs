//! Rules T6, T7, S8 and RFC 6120 8.2.3: what a session does with what it is sent.

use super::peer::{Mode, Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::connection::Event;
use crate::error::{ConnectionError, PeerError};
use crate::escalation::Subject;
use crate::stanza::{StanzaCondition, StanzaError};
use crate::xml::{Limit, Refusal, XmlError};

fn online_with(change: impl FnOnce(&mut Setup)) -> Peer {
    let mut peer = Setup::direct().with(change).start();
    cold_sasl2_direct(&mut peer);
    peer.events();
    peer.ops();
    peer
}

fn online() -> Peer {
    online_with(|_| {})
}

fn big(kind: &str) -> String {
    let body = "x".repeat(2000);
    format!(
        "<iq type='{kind}' id='big' from='romeo@example.net/x'><query xmlns='urn:example'>{body}</query></iq>"
    )
}

fn small_limits(setup: &mut Setup) {
    setup.config.limits.stanza = 1000;
}

#[test]
fn t6_a_stanza_that_is_too_big_is_counted_and_reported() {
    let mut peer = online_with(small_limits);
    let message = format!(
        "<message id='big' from='romeo@example.net/x'>{}</message>",
        "x".repeat(2000)
    );
    peer.serve(&message);
    let events = peer.events();
    let [Event::StanzaRefused(refused)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(
        (refused.name.as_str(), refused.reason),
        ("message", Refusal::OverLimit(Limit::Size))
    );
    peer.sends_nothing();
    peer.serve(REQUEST);
    assert_eq!(peer.sends("a"), "<a xmlns='urn:xmpp:sm:3' h='4'/>");
    assert_eq!(peer.knowledge().sm.unwrap().h, 4);
}

#[test]
fn t6_a_request_that_is_too_big_is_answered() {
    for kind in ["get", "set"] {
        let mut peer = online_with(small_limits);
        peer.serve(&big(kind));
        let answer = peer.sends("iq + r");
        assert!(answer.starts_with("<iq "), "{answer}");
        for part in [
            "type='error'",
            "id='big'",
            "to='romeo@example.net/x'",
            "<policy-violation ",
        ] {
            assert!(answer.contains(part), "{part} in {answer}");
        }
    }
    let mut peer = online_with(small_limits);
    peer.serve(&big("error"));
    peer.sends_nothing();
}

#[test]
fn t6_ill_formed_xml_closes_the_stream() {
    let table = [
        ("<!DOCTYPE x>", XmlError::Doctype, "restricted-xml"),
        ("<!-- x -->", XmlError::Comment, "restricted-xml"),
        (
            "<message id='&x;'/>",
            XmlError::UndeclaredEntity,
            "restricted-xml",
        ),
        (
            "<r xmlns='urn:xmpp:sm:3'><x:y/></r>",
            XmlError::UndeclaredPrefix,
            "bad-namespace-prefix",
        ),
        (
            "<message></iq>",
            XmlError::MismatchedEndTag,
            "not-well-formed",
        ),
        (
            "<x:message/>",
            XmlError::UndeclaredPrefix,
            "bad-namespace-prefix",
        ),
    ];
    for (text, error, condition) in table {
        let mut peer = online();
        peer.serve(text);
        peer.fails(ConnectionError::Peer(PeerError::Xml(error)));
        let words = peer.sends("stream error");
        assert!(
            words.contains(condition) && words.ends_with(CLOSE),
            "{words}"
        );
        assert!(peer.knowledge().sm.is_some(), "worth another try");
    }
}

const BAD: &str = "<body>x</body><y xmlns='v' p:a=''/>";

#[test]
fn t6_a_stanza_with_a_fault_of_its_sender_is_counted_reported_and_not_acted_on() {
    for (inner, reason) in [
        (BAD, Refusal::UndeclaredPrefix),
        ("<body>&#x1A;</body>", Refusal::ForbiddenCharacter),
        ("<body>&nbsp;</body>", Refusal::UndeclaredEntity),
        (
            "<a xmlns='http://www.w3.org/XML/1998/namespace'/>",
            Refusal::NamespaceMisuse,
        ),
        ("<a b='' b=''/>", Refusal::DuplicateAttribute),
    ] {
        let mut peer = online();
        peer.serve(&format!(
            "<message from='romeo@example.net/x'>{inner}</message>{MESSAGE}"
        ));
        let events = peer.events();
        let [Event::StanzaRefused(refused), Event::Stanza(_)] = events.as_slice() else {
            panic!("{events:?}");
        };
        assert_eq!(refused.reason, reason);
        peer.serve(REQUEST);
        assert_eq!(
            peer.sends("a"),
            "<a xmlns='urn:xmpp:sm:3' h='5'/>",
            "{inner}"
        );
        // Inside a carbon and a presence it is the same.
        for (open, close) in [
            (
                "<message from='juliet@example.org'><sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>",
                "</message></forwarded></sent></message>",
            ),
            ("<presence from='romeo@example.net/x'>", "</presence>"),
        ] {
            peer.serve(&format!("{open}{inner}{close}"));
            assert!(matches!(
                peer.events().as_slice(),
                [Event::StanzaRefused(_)]
            ));
        }
        assert_eq!(peer.knowledge().sm.unwrap().h, 7);
    }
}

#[test]
fn t6_a_request_with_a_fault_is_answered_with_an_error() {
    for payload in [
        "<ping xmlns='urn:xmpp:ping' p:a=''/>",
        "<query xmlns='jabber:iq:roster'>&#8;<item jid='a@b'/></query>",
    ] {
        let mut peer = online();
        peer.serve(&format!("<iq type='set' id='bad'>{payload}</iq>"));
        let answer = peer.sends("iq + r");
        assert!(
            answer.contains("type='error'") && answer.contains("<bad-request "),
            "{answer}"
        );
        assert!(answer.contains("id='bad'"), "{answer}");
        assert!(matches!(
            peer.events().as_slice(),
            [Event::StanzaRefused(_)]
        ));
        assert_eq!(peer.knowledge().sm.unwrap().h, 4);
    }
}

#[test]
fn t6_a_refused_answer_ends_its_request_with_an_error() {
    let big = format!("<a>{}</a>", "x".repeat(2000));
    for (kind, inner, condition) in [
        (
            "result",
            "<query xmlns='u' p:a=''/>",
            StanzaCondition::BadRequest,
        ),
        ("error", "<a>&#8;</a>", StanzaCondition::BadRequest),
        ("error", big.as_str(), StanzaCondition::PolicyViolation),
    ] {
        let mut peer = online_with(small_limits);
        peer.ask("q1");
        peer.serve(&format!(
            "<iq type='{kind}' id='q1' from='romeo@example.net/x'>{inner}</iq>"
        ));
        let events = peer.events();
        let answer = events.iter().find_map(|event| match event {
            Event::IqAnswer(iq) => Some(iq),
            _ => None,
        });
        let answer = answer.unwrap();
        assert_eq!(
            (answer.attr("id"), answer.attr("from")),
            (Some("q1"), Some("romeo@example.net/x"))
        );
        assert_eq!(StanzaError::of(answer).unwrap().condition, condition);
        assert!(matches!(events.last(), Some(Event::StanzaRefused(_))));
    }
}

#[test]
fn t6_a_refused_roster_is_no_roster() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    show(&mut peer, &sasl2());
    let proof = scram2(&mut peer, AUTHENTICATE, "");
    peer.serve(&success2(&proof, JID, &bound2(ENABLED)));
    let flight = peer.sends("roster + disco + presence + archive + r");
    let id = id_before(&flight, "jabber:iq:roster");
    peer.serve(&format!(
        "<iq type='result' id='{id}'><query xmlns='jabber:iq:roster' ver='v7'><item jid='a@b' name='&#x1A;'/></query></iq>"
    ));
    assert_eq!(peer.knowledge().roster_version, None);
    // The request is over: a second answer to it belongs to no request.
    peer.serve(&answers(&flight));
    assert_eq!(peer.knowledge().roster_version, None);
    assert_eq!(peer.closed, None);
}

#[test]
fn t6_a_nonza_that_is_too_big_does_not_count() {
    let mut peer = online_with(small_limits);
    peer.serve(&format!("<x xmlns='urn:example'>{}</x>", "x".repeat(2000)));
    peer.serve(REQUEST);
    assert_eq!(peer.sends("a"), "<a xmlns='urn:xmpp:sm:3' h='3'/>");
}

/// The counts of the session at which the input was not well-formed.
fn malformed(peer: &Peer) -> Vec<u32> {
    let knowledge = peer.knowledge();
    assert!(knowledge.sm.is_some());
    let counts = knowledge
        .failures
        .iter()
        .filter_map(|failure| match failure.subject {
            Subject::Input(h) => Some(h),
            _ => None,
        });
    counts.collect()
}

#[test]
fn t6_malformed_input_twice_at_the_same_place_drops_the_session() {
    let mut first = online();
    first.say("m1");
    first.ask("q1");
    first.sends("message + r + iq");
    first.serve("<message></iq>");
    assert_eq!(malformed(&first), [3]);
    let resume = |knowledge| {
        let mut peer = Setup::starttls().knowing(knowledge).start();
        open_starttls(&mut peer);
        finish_fast_resume(&mut peer, GREETED2);
        peer.sends("message + iq + r");
        peer
    };
    // After another stanza it is another place.
    let mut further = resume(first.knowledge());
    further.serve(&format!("{MESSAGE}<message></iq>"));
    assert_eq!(malformed(&further), [4]);
    let mut second = resume(first.knowledge());
    second.serve("<message></iq>");
    let knowledge = second.knowledge();
    assert_eq!(knowledge.sm, None);
    assert_eq!(knowledge.queue.len(), 1, "the message goes again");
    assert!(format!("{:?}", second.events()).contains("\"q1\", stage: Failed(SessionLost)"));
}

#[test]
fn t6_before_login_the_limit_is_small_and_fatal() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    let huge = features(&format!(
        "<x xmlns='urn:example'>{}</x>",
        "x".repeat(20_000)
    ));
    peer.serve(&format!("{HEADER}{huge}"));
    peer.fails(ConnectionError::Peer(PeerError::Xml(XmlError::OverLimit(
        Limit::Size,
    ))));
}

#[test]
fn t6_after_login_the_limit_is_that_of_stanzas() {
    let mut peer = online();
    let text = "x".repeat(100_000);
    peer.serve(&format!(
        "<message from='romeo@example.net/x'><body>{text}</body></message>"
    ));
    assert!(matches!(peer.events().as_slice(), [Event::Stanza(_)]));
}

#[test]
fn t7_a_roster_result_of_another_entity_is_not_ours() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    show(&mut peer, &sasl2());
    let proof = scram2(&mut peer, AUTHENTICATE, "");
    peer.serve(&success2(&proof, JID, &bound2(ENABLED)));
    let flight = peer.sends("roster + disco + presence + archive + r");
    let id = id_before(&flight, "jabber:iq:roster");
    let forged = format!(
        "<iq type='result' id='{id}' from='mallory@example.net/x'><query xmlns='jabber:iq:roster' ver='evil'/></iq>"
    );
    peer.serve(&forged);
    assert_eq!(peer.knowledge().roster_version, None);
    peer.serve(&answers(&flight));
    assert_eq!(peer.knowledge().roster_version.as_deref(), Some("v7"));
}

#[test]
fn t7_ids_differ_and_are_long() {
    let peer = online();
    let ids: Vec<&str> = peer
        .sent
        .split(" id='")
        .skip(1)
        .filter_map(|rest| rest.split_once('\'').map(|(id, _)| id))
        .filter(|id| id.len() != 36)
        .collect();
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert!(ids.len() >= 3 && distinct.len() == ids.len(), "{ids:?}");
    assert!(ids.iter().all(|id| id.len() >= 22));
}

fn push(from: &str, item: &str) -> String {
    format!(
        "<iq type='set' id='push1'{from}><query xmlns='jabber:iq:roster' ver='v8'>{item}</query></iq>"
    )
}

const ITEM: &str = "<item jid='nurse@example.org' subscription='both'/>";

#[test]
fn s8_a_push_commits_item_and_version_together_and_is_answered() {
    for from in ["", " from='juliet@example.org'"] {
        let mut peer = online();
        peer.serve(&push(from, ITEM));
        assert_eq!(peer.ops()[..2], ["PushRoster", "CountInbound"]);
        assert_eq!(peer.knowledge().roster_version.as_deref(), Some("v8"));
        let answer = peer.sends("iq + r");
        assert!(
            answer.starts_with("<iq type='result' id='push1'"),
            "{answer}"
        );
        assert_eq!(peer.events(), [Event::RosterChanged]);
    }
}

#[test]
fn s8_a_forged_push_is_refused_counted_and_not_applied() {
    for from in [
        " from='mallory@example.net'",
        " from='example.org'",
        " from='juliet@example.org.evil'",
    ] {
        let mut peer = online();
        peer.serve(&push(from, ITEM));
        assert_eq!(
            peer.knowledge().roster_version.as_deref(),
            Some("v7"),
            "{from}"
        );
        let answer = peer.sends("iq + r");
        assert!(answer.contains("type='error'"), "{answer}");
        assert!(matches!(peer.events().as_slice(), [Event::PeerFault(_)]));
        assert_eq!(peer.knowledge().sm.unwrap().h, 4, "it counts");
    }
}

#[test]
fn every_request_is_answered() {
    let table = [
        ("<ping xmlns='urn:xmpp:ping'/>", "type='result'"),
        (
            "<query xmlns='http://jabber.org/protocol/disco#info'/>",
            "http://jabber.org/protocol/caps",
        ),
        (
            "<query xmlns='urn:example:unknown'/>",
            "<service-unavailable ",
        ),
    ];
    for (payload, expected) in table {
        let mut peer = online();
        peer.serve(&format!(
            "<iq type='get' id='a1' from='romeo@example.net/x'>{payload}</iq>"
        ));
        let answer = peer.sends("iq + r");
        assert!(
            answer.contains(expected) && answer.contains("id='a1'"),
            "{answer}"
        );
    }
}

#[test]
fn i2_a_delivery_has_an_id_of_its_own() {
    let mut peer = online();
    peer.serve(&format!("{MESSAGE}{MESSAGE}"));
    let ids: std::collections::BTreeSet<_> = peer
        .memory
        .inbound
        .iter()
        .map(|delivery| delivery.id.clone())
        .collect();
    assert_eq!(ids.len(), 2);
}

#[test]
fn i10_a_conflict_is_not_retried() {
    let mut peer = online();
    peer.serve(
        "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
    );
    let Some(Some(error @ ConnectionError::Stream(_))) = &peer.closed else {
        panic!("{:?}", peer.closed);
    };
    assert!(!error.is_retryable());
}

#[test]
fn t9_no_secret_reaches_a_debug_text() {
    for script in SCRIPTS {
        let mut peer = Peer::new(&(script.setup)(), Mode::Whole);
        (script.run)(&mut peer);
        let text = format!("{:?} {:?}", peer.history, peer.connection());
        for secret in [super::proofs::PASSWORD, TOKEN] {
            assert!(!text.contains(secret), "{}", script.name);
        }
    }
}
