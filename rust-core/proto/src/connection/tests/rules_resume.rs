//! Rules I5, I7, I8, I11, I15 at the moment of a resumption, and S3: resumption before SASL.

use super::peer::{EXPORTER, Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::config::Timeouts;
use crate::connection::{Command, Timer};
use crate::error::{Assumption, ConnectionError, PeerError};
use crate::escalation::Subject;

/// A token login with a session to resume, answered by this `<success/>`.
fn answered(inner: &str) -> Peer {
    let mut peer = Setup::direct().knowing(after_sasl2()).start();
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
    let success = success2(&proof, JID, inner);
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    peer
}

#[test]
fn i7_a_wrong_previd_is_an_error_and_ends_the_session() {
    let mut peer = answered("<resumed xmlns='urn:xmpp:sm:3' previd='other' h='3'/>");
    peer.fails(ConnectionError::Peer(PeerError::WrongPrevid));
    assert!(!peer.online);
    assert_eq!(peer.knowledge().sm, None);
}

#[test]
fn i11_bound_and_resumed_together_is_an_error() {
    let mut peer = answered(&format!("{}{}", resumed(GREETED2), bound2(ENABLED)));
    peer.fails(ConnectionError::Peer(PeerError::BoundAndResumed));
    assert!(!peer.login_proven && !peer.online);
}

#[test]
fn i5_resumed_with_an_h_that_cannot_be_true_ends_the_session() {
    for h in [GREETED2 + 1, GREETED2 - 1, u32::MAX] {
        let mut peer = answered(&resumed(h));
        let sent = GREETED2;
        peer.fails(ConnectionError::Peer(PeerError::AckTooHigh { h, sent }));
        assert!(!peer.online);
        assert!(
            peer.sends("stream error")
                .contains("handled-count-too-high")
        );
        assert_eq!(peer.knowledge().sm, None);
    }
}

#[test]
fn i5_failed_with_an_h_that_cannot_be_true_ends_the_session() {
    let inner = format!("{}{}", sm_failed("h='99'"), bound2(ENABLED));
    let mut peer = answered(&inner);
    peer.fails(ConnectionError::Peer(PeerError::AckTooHigh {
        h: 99,
        sent: GREETED2,
    }));
    assert_eq!(peer.knowledge().sm, None);
}

#[test]
fn i5_resumed_without_h_is_a_peer_error() {
    let peer = answered("<resumed xmlns='urn:xmpp:sm:3' previd='sm-1'/>");
    assert!(matches!(
        peer.closed,
        Some(Some(ConnectionError::Peer(PeerError::Malformed(_))))
    ));
}

#[test]
fn i15_in_the_background_inactive_is_the_first_thing_after_resumed() {
    let mut peer = Setup::starttls()
        .knowing(after_sasl2())
        .with(|setup| setup.active = false)
        .start();
    peer.say("m1");
    open_starttls(&mut peer);
    finish_fast_resume(&mut peer, GREETED2);
    let flight = peer.sends("client state + message + r");
    assert!(flight.starts_with("<inactive xmlns='urn:xmpp:csi:0'/><message"));
}

/// Its facts were forgotten, and without Bind 2 the offer before the login does not speak of client states.
#[test]
fn i15_where_client_states_show_late_inactive_follows() {
    let mut knowledge = after_sasl2();
    knowledge.server = crate::knowledge::ServerFacts::default();
    for (shown, sent) in [(AUTHENTICATED, "client state"), (BIND, "")] {
        let mut peer = Setup::direct()
            .knowing(knowledge.clone())
            .with(|setup| setup.active = false)
            .start();
        open_direct(&mut peer);
        show(&mut peer, &sasl2_with(SM));
        let proof = scram2(&mut peer, AUTHENTICATE, "");
        peer.serve(&success2(&proof, JID, &resumed(GREETED2)));
        peer.is_online();
        peer.sends_nothing();
        peer.serve(&features(shown));
        peer.sends(sent);
        peer.serve(&features(shown));
        peer.sends_nothing();
    }
}

#[test]
fn i14_an_expired_session_is_not_asked_for_and_dropped() {
    let mut knowledge = after_sasl2();
    knowledge.sm.as_mut().unwrap().alive_at.0 -= 601;
    let mut peer = Setup::direct().knowing(knowledge).start();
    warm_fast_bind(&mut peer);
    assert!(!peer.sent.contains("<resume"));
    assert!(peer.ops().contains(&"SmDropped".to_owned()));
    assert!(peer.knowledge().sm.is_some(), "the new one");
}

#[test]
fn s3_resumption_before_sasl_wants_a_server_that_is_known() {
    let knowledge = after_pipelining();
    assert_eq!(knowledge.server.sm_before_sasl, Some(super::peer::KEY));
    let first = |change: fn(&mut Setup)| {
        let mut peer = Setup::starttls()
            .knowing(after_pipelining())
            .with(change)
            .start();
        open_combined(&mut peer);
        peer.sent.contains("<resume ")
    };
    assert!(first(|_| {}));
    assert!(!first(|setup| setup.facts.key = [6; 32]), "another key");
    assert!(first(|setup| {
        setup.facts.key = [6; 32];
        setup.facts.resumes_proven = true;
    }));
    assert!(!first(|setup| setup
        .config
        .policy
        .require_channel_binding = true));
}

/// An impostor with a mis-issued certificate learns neither the SM-ID nor the queue.
#[test]
fn s3_an_impostor_learns_nothing() {
    let mut peer = Setup::starttls()
        .knowing(after_pipelining())
        .with(|setup| setup.facts.key = [6; 32])
        .start();
    peer.say("secret-message");
    open_combined(&mut peer);
    peer.serve(&format!(
        "{HEADER}{}",
        features(&format!("{SASL1}{SM}{PIPELINING}"))
    ));
    peer.serve(&resumed(GREETED1));
    assert!(matches!(peer.closed, Some(Some(ConnectionError::Peer(_)))));
    assert!(!peer.sent.contains("sm-1") && !peer.sent.contains("secret-message"));
}

#[test]
fn s3_a_refusal_asks_again_inside_the_login() {
    let mut peer = Setup::starttls().knowing(after_pipelining()).start();
    open_combined(&mut peer);
    peer.sends("header + resume");
    let shown = features(&format!("{SASL1}{SM}{PIPELINING}"));
    peer.serve(&format!("{HEADER}{shown}{}", sm_failed("")));
    peer.sends(AUTH);
    assert!(peer.knowledge().sm.is_some());
}

#[test]
fn i8_a_refused_resume_after_sasl_binds_on_the_same_stream() {
    let mut peer = Setup::direct().knowing(after_sasl1()).start();
    peer.say("m1");
    warm_sasl1_to_resume(&mut peer);
    let shown = features(AUTHENTICATED);
    peer.serve(&format!("{HEADER}{shown}{}", sm_failed("h='6'")));
    let flight = peer.sends(GREETING);
    peer.serve(&bound(&flight));
    peer.sends("message");
    peer.command(Command::Close);
    peer.sends("close");
}

/// What was not asked for cannot be granted: the session had expired.
#[test]
fn i7_resumed_without_a_request_is_an_error() {
    let mut knowledge = after_sasl2();
    knowledge.sm.as_mut().unwrap().alive_at.0 -= 601;
    let mut peer = Setup::direct().knowing(knowledge).start();
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
    let success = success2(&proof, JID, &resumed(GREETED2));
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    peer.fails(ConnectionError::Peer(PeerError::WrongPrevid));
}

const TORN: &str =
    "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";

/// Prosody 13.0 reads a resumed session with the parser of the connection that was cut, which may stand inside a stanza.
#[test]
fn t6_a_server_that_cannot_read_on_after_resumed_gets_a_new_session() {
    let mut peer = Setup::starttls().knowing(after_sasl2()).start();
    peer.say("m1");
    warm_fast_resume(&mut peer);
    peer.serve(&format!("<a xmlns='urn:xmpp:sm:3' h='{GREETED2}'/>{TORN}"));
    peer.fails(ConnectionError::WrongAssumption(Assumption::Resumption));
    let knowledge = peer.knowledge();
    assert_eq!(knowledge.sm, None);
    let queued: Vec<&str> = knowledge.queue.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(queued, ["m1"], "it goes out with the next session");
}

#[test]
fn t6_once_it_has_acknowledged_something_a_stream_error_is_what_it_says() {
    let mut peer = Setup::starttls().knowing(after_sasl2()).start();
    peer.say("m1");
    warm_fast_resume(&mut peer);
    peer.serve(&format!("<a xmlns='urn:xmpp:sm:3' h='{}'/>", GREETED2 + 1));
    peer.serve(TORN);
    assert!(matches!(
        peer.closed,
        Some(Some(ConnectionError::Stream(_)))
    ));
    assert!(peer.knowledge().sm.is_some());
}

/// I19: a path that died looks the same, so one is not enough.
#[test]
fn t6_a_server_that_acknowledges_nothing_after_resumed_is_asked_again() {
    let mut peer = Setup::starttls().knowing(after_sasl2()).start();
    peer.say("m1");
    warm_fast_resume(&mut peer);
    peer.pass(Timeouts::default().ack);
    assert!(matches!(
        peer.closed,
        Some(Some(ConnectionError::Timeout(Timer::Ack)))
    ));
    let knowledge = peer.knowledge();
    assert!(knowledge.sm.is_some());
    let failures = knowledge.failures.iter();
    let failures: Vec<_> = failures.map(|f| (f.subject, f.silences)).collect();
    assert_eq!(
        failures,
        [(Subject::Resume, 1), (Subject::ResumedSession, 1)]
    );
}

/// The process may be killed between any two transactions. A session that was stored without its initial stanzas would be
/// resumed without presence, and the roster would not be requested any more.
#[test]
fn i15_a_session_is_never_stored_without_its_greeting() {
    let mut setup = Setup::direct().knowing(after_sasl2());
    setup.knowledge.sm = None;
    let mut peer = setup.start();
    open_direct(&mut peer);
    let proof = fast(&mut peer, FAST_LOGIN, &EXPORTER);
    peer.auto_commit = false;
    let success = success2(&proof, JID, &bound2(ENABLED));
    peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
    let mut is_stored = false;
    while peer.has_to_commit() {
        peer.commit();
        let knowledge = peer.knowledge();
        let Some(session) = knowledge.sm else {
            continue;
        };
        is_stored = true;
        let sent: Vec<&str> = knowledge.queue.iter().map(|s| s.xml.as_str()).collect();
        for part in ["<presence", "jabber:iq:roster"] {
            assert!(
                sent.iter().any(|xml| xml.contains(part)),
                "{part}: {sent:?}"
            );
        }
        assert!(!session.pending.is_empty());
    }
    assert!(is_stored);
}
