//! Rule S9 for the server's own caps (XEP-0115 sections 5.4 and 6.3).

use super::peer::Setup;
use super::scripts::*;
use super::texts::*;
use crate::connection::Event;
use crate::knowledge::{Knowledge, KnownCaps};
use crate::xep::caps::Caps;

const NODE: &str = "https://example.org/server";
/// Of an answer without identities that has the feature `urn:xmpp:mam:2`, by XEP-0115 section 5.1: SHA-1 of
/// `urn:xmpp:mam:2<`.
const VER: &str = "EY7JOUImdu2aXnklzb/FKYawMdg=";
/// Without the question.
const KNOWING: &str = "bind + enable + roster + carbons + presence + archive";

fn caps(ver: &str) -> String {
    format!("<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='{NODE}' ver='{ver}'/>")
}

/// A login at a server that shows these caps after it.
fn greeting(setup: Setup, ver: &str, greeting: &str) -> (super::peer::Peer, String) {
    let mut peer = setup.with_pipelined_bind().start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    let (success, _) = scram1(&mut peer, AUTH, "", "response");
    peer.serve(&success);
    show(&mut peer, &format!("{AUTHENTICATED}{}", caps(ver)));
    let flight = peer.sends(greeting);
    (peer, flight)
}

/// What is known after a server with these caps was asked and said so, with this node.
fn learnt(ver: &str, node: &str, more: &str) -> Vec<KnownCaps> {
    let (mut peer, flight) = greeting(Setup::direct(), ver, GREETING);
    peer.serve(&bound(&flight));
    peer.serve(ENABLED);
    let id = id_before(&flight, "http://jabber.org/protocol/disco#info");
    peer.serve(&format!(
        "<iq type='result' id='{id}' from='example.org' to='{JID}'>\
         <query xmlns='http://jabber.org/protocol/disco#info'{node}>\
         <feature var='urn:xmpp:mam:2'/>{more}</query></iq>"
    ));
    let reported = peer.events().into_iter();
    let reported = reported.filter(|event| matches!(event, Event::ServerFeatures(_)));
    assert_eq!(reported.count(), 1);
    peer.knowledge().caps
}

#[test]
fn s9_an_answer_that_matches_is_known_of_everybody() {
    let known = learnt(VER, "", "");
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].only, None);
    assert_eq!(*known[0].features, ["urn:xmpp:mam:2".to_owned()]);
}

#[test]
fn s9_an_answer_that_does_not_match_is_known_of_its_jid_if_it_names_the_caps() {
    let named = format!(" node='{NODE}#another'");
    let known = learnt("another", &named, "");
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].only.as_deref(), Some("example.org"));
    assert_eq!(learnt("another", "", ""), []);
}

#[test]
fn s9_an_ill_formed_answer_is_not_kept() {
    let separator = "<feature var='a&lt;b'/>";
    let named = format!(" node='{NODE}#{VER}'");
    assert_eq!(learnt(VER, &named, separator), []);
}

#[test]
fn s9_an_answer_of_any_size_is_reported_and_only_a_sensible_one_is_kept() {
    let features = (0..3000).map(|number| format!("<feature var='urn:example:feature:{number}'/>"));
    let named = format!(" node='{NODE}#{VER}'");
    assert_eq!(learnt(VER, &named, &features.collect::<String>()), []);
}

#[test]
fn s9_known_caps_save_the_question_whatever_endpoint_shows_them() {
    for only in [None, Some("example.org".to_owned())] {
        let knowledge = Knowledge {
            caps: vec![KnownCaps {
                hash: "sha-1".to_owned(),
                ver: VER.to_owned(),
                only,
                features: ["urn:xmpp:ping".to_owned()].into(),
            }],
            ..Knowledge::default()
        };
        let (mut peer, flight) = greeting(Setup::direct().knowing(knowledge), VER, KNOWING);
        peer.serve(&bound(&flight));
        let reported = Event::ServerFeatures(vec!["urn:xmpp:ping".to_owned()]);
        assert!(peer.events().contains(&reported));
    }
}

#[test]
fn s9_what_is_known_of_another_jid_or_hash_is_not_believed() {
    let shown = Caps {
        hash: "sha-1".to_owned(),
        node: NODE.to_owned(),
        ver: VER.to_owned(),
    };
    let known = |hash: &str, only: Option<&str>| KnownCaps {
        hash: hash.to_owned(),
        ver: VER.to_owned(),
        only: only.map(str::to_owned),
        features: [].into(),
    };
    assert!(known("sha-1", None).answers(&shown, "example.org"));
    assert!(known("sha-1", Some("example.org")).answers(&shown, "example.org"));
    assert!(!known("sha-1", Some("example.net")).answers(&shown, "example.org"));
    assert!(!known("sha-256", None).answers(&shown, "example.org"));
}
