//! A connection that may only resume: it gets the interrupted session, or ends without having bound another one.

use std::sync::Arc;

use super::peer::{EXPORTER, Peer};
use super::scripts::*;
use super::setup::Setup;
use super::texts::*;
use crate::connection::Event;
use crate::connection::Stage;
use crate::error::{ConnectionError, NoSession, PeerError};
use crate::knowledge::Knowledge;
use crate::plan::Purpose;

fn background_sync(setup: Setup, knowledge: Knowledge) -> Peer {
    setup
        .knowing(knowledge)
        .with(|setup| setup.purpose = Purpose::ResumeOnly)
        .start()
}

/// It ended for this, with a stream close, and the session is stored as it was.
#[track_caller]
fn stops(peer: &mut Peer, why: NoSession, before: &Knowledge) {
    peer.fails(ConnectionError::NoSession(why));
    assert_eq!(peer.sends("close"), CLOSE);
    assert!(!peer.online && !peer.sent.contains("<bind"));
    let left = peer.knowledge().sm.unwrap();
    assert_eq!(left.id, before.sm.as_ref().unwrap().id);
}

#[test]
fn what_resumes_by_itself_resumes_on_a_background_sync() {
    let mut peer = background_sync(Setup::direct(), after_sasl1());
    warm_sasl1_resume(&mut peer);
    let mut peer = background_sync(Setup::starttls(), after_sasl2());
    warm_fast_resume(&mut peer);
    assert!(!peer.sent.contains("<bind"));
    let mut peer = background_sync(Setup::starttls(), after_pipelining());
    open_combined(&mut peer);
    peer.sends("header + resume");
    let shown = features(&format!("{SASL1}{SM}{PIPELINING}"));
    peer.serve(&format!("{HEADER}{shown}{}", resumed(LEARNT1)));
    peer.is_online();
}

#[test]
fn a_refusal_after_sasl1_ends_the_background_sync() {
    let before = after_sasl1();
    let mut peer = background_sync(Setup::direct(), before.clone());
    warm_sasl1_to_resume(&mut peer);
    let shown = features(AUTHENTICATED);
    peer.serve(&format!("{HEADER}{shown}{}", sm_failed("")));
    stops(&mut peer, NoSession::Forgotten, &before);
}

#[test]
fn a_refusal_inside_sasl2_ends_the_background_sync() {
    let before = after_sasl2();
    let mut peer = background_sync(Setup::direct(), before.clone());
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
    let success = success2(&proof, JID, &sm_failed(""));
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    assert!(peer.login_proven);
    stops(&mut peer, NoSession::Forgotten, &before);
}

#[test]
fn s3_a_refusal_before_sasl_is_asked_again_inside_and_ends_the_sync_there() {
    let before = after_pipelining();
    let mut peer = background_sync(Setup::starttls(), before.clone());
    open_combined(&mut peer);
    peer.sends("header + resume");
    let shown = features(&format!("{SASL1}{SM}{PIPELINING}"));
    peer.serve(&format!("{HEADER}{shown}{}", sm_failed("")));
    let (success, _) = scram1(&mut peer, AUTH, "", "response + header + resume");
    let restarted = format!("{success}{HEADER}{}", features(AUTHENTICATED));
    peer.serve(&format!("{restarted}{}", sm_failed("")));
    stops(&mut peer, NoSession::Forgotten, &before);
}

/// I8: what the server says that it has handled is acknowledged; the rest waits for a session.
#[test]
fn i8_what_was_handled_is_acknowledged_on_a_background_sync() {
    let mut peer = Setup::starttls().knowing(after_sasl2()).start();
    warm_fast_resume(&mut peer);
    peer.say("m1");
    peer.say("m2");
    let before = peer.knowledge();
    for h in ["h='5'", "h='5'", "h='99'"] {
        let knowledge = peer.knowledge();
        peer = background_sync(Setup::direct(), knowledge);
        open_direct(&mut peer);
        let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
        let success = success2(&proof, JID, &sm_failed(h));
        peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
        stops(&mut peer, NoSession::Forgotten, &before);
        let queue = peer.knowledge().queue;
        let left: Vec<&str> = queue.iter().map(|stanza| stanza.id.as_str()).collect();
        assert_eq!(left, ["m2"], "{h}");
    }
    let mut peer = Setup::direct().knowing(peer.knowledge()).start();
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
    let inner = format!("{}{}", sm_failed("h='6'"), bound2(ENABLED));
    let success = success2(&proof, JID, &inner);
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    let acked = Event::Stage {
        id: "m2".to_owned(),
        stage: Stage::Acked,
    };
    assert!(peer.events().contains(&acked), "the count goes on");
}

#[test]
fn without_a_session_nothing_is_sent() {
    let mut expired = after_sasl2();
    expired.sm.as_mut().unwrap().alive_at.0 -= 601;
    let table = [
        (gone(after_sasl2()), NoSession::NotStored),
        (expired, NoSession::Expired),
    ];
    for (knowledge, why) in table {
        let mut peer = background_sync(Setup::direct(), knowledge);
        peer.connect();
        peer.fails(ConnectionError::NoSession(why));
        peer.sends_nothing();
    }
}

#[test]
fn a_server_without_stream_management_ends_the_background_sync() {
    let before = after_sasl1();
    let mut forgotten = before.clone();
    forgotten.server.authenticated = None;
    let mut peer = background_sync(Setup::direct(), forgotten);
    open_direct(&mut peer);
    let shown = format!("{HEADER}{}", features(SASL1));
    let (success, _) = scram1(&mut peer, &format!("header + {AUTH}"), &shown, "response");
    peer.serve(&success);
    peer.sends("header");
    peer.serve(&format!("{HEADER}{}", features(BIND)));
    stops(&mut peer, NoSession::NotOffered, &before);
}

#[test]
fn an_unrequested_session_is_an_error() {
    let mut peer = background_sync(Setup::direct(), after_sasl2());
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
    let inner = format!("{}{}", sm_failed(""), bound2(ENABLED));
    let success = success2(&proof, JID, &inner);
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    peer.fails(ConnectionError::Peer(PeerError::Unexpected("bound")));
    assert!(peer.knowledge().sm.is_some());
}

/// The remembered features are of a time without stream management; the session is younger.
#[test]
fn features_without_stream_management_do_not_give_a_session_up() {
    let mut knowledge = after_sasl1();
    let authenticated = knowledge.server.authenticated.as_mut().unwrap();
    Arc::make_mut(authenticated).sm = false;
    let mut peer = Setup::direct().knowing(knowledge).start();
    open_direct(&mut peer);
    let shown = format!("{HEADER}{}", features(SASL1));
    let (success, _) = scram1(&mut peer, &format!("header + {AUTH}"), &shown, "response");
    peer.serve(&success);
    peer.sends("header");
    peer.serve(&format!("{HEADER}{}", features(AUTHENTICATED)));
    peer.sends("resume");
    peer.serve(&resumed(LEARNT1));
    peer.is_online();
}
