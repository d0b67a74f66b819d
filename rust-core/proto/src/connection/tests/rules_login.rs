//! Rules T2, T4, T5: nothing is trusted or stored before the server is authenticated, and nothing weaker is accepted.

use super::peer::{EXPORTER, Peer, Setup};
use super::proofs::{ITERATIONS, Scram};
use super::scripts::*;
use super::setup::WALL;
use super::texts::*;
use crate::error::{ConnectionError, PeerError};
use crate::escalation::{Remedy, Subject};
use crate::sasl::{NoMechanism, SaslError};

/// Nothing may have been stored, reported or trusted. An unanswered `<resume/>` may be recorded: it is sent after the login the
/// next time, and a session is never given up for it (I19).
#[track_caller]
fn learnt_nothing(peer: &mut Peer) {
    assert!(!peer.login_proven && !peer.online);
    let ops = peer.ops();
    assert!(
        ops.iter()
            .all(|op| ["SmHandOver", "Failure"].contains(&op.as_str())),
        "{ops:?}"
    );
    let step = peer.knowledge().failures.step(Subject::Resume, WALL);
    assert!(step.is_none_or(|step| step.gives_up == Remedy::ResumeAlone));
}

#[track_caller]
fn to_response(peer: &mut Peer) -> Scram {
    open_direct(peer);
    show(peer, SASL1);
    let flight = peer.sends(AUTH);
    let mut scram = Scram::new(&text_of(&flight, "auth"));
    peer.serve(&sasl1("challenge", &scram.challenge()));
    peer.sends("response");
    scram
}

#[test]
fn t4_a_stanza_before_login_aborts() {
    let stanzas = [
        MESSAGE,
        "<iq type='get' id='x'><ping xmlns='urn:xmpp:ping'/></iq>",
    ];
    for stanza in stanzas {
        let mut peer = Setup::direct().start();
        open_direct(&mut peer);
        peer.serve(&format!("{HEADER}{stanza}"));
        peer.fails(ConnectionError::Peer(PeerError::StanzaBeforeLogin));
        learnt_nothing(&mut peer);

        let mut peer = Setup::direct().start();
        to_response(&mut peer);
        peer.serve(stanza);
        peer.fails(ConnectionError::Peer(PeerError::StanzaBeforeLogin));
        learnt_nothing(&mut peer);

        let mut peer = Setup::direct().knowing(after_sasl2()).start();
        open_direct(&mut peer);
        peer.serve(&format!("{HEADER}{}{stanza}", features(&sasl2())));
        peer.fails(ConnectionError::Peer(PeerError::StanzaBeforeLogin));
        learnt_nothing(&mut peer);

        let mut peer = Setup::starttls().knowing(after_pipelining()).start();
        open_combined(&mut peer);
        peer.serve(&format!("{HEADER}{stanza}"));
        peer.fails(ConnectionError::Peer(PeerError::StanzaBeforeLogin));
        learnt_nothing(&mut peer);
    }
}

#[test]
fn t4_a_wrong_signature_aborts_and_nothing_is_kept() {
    for signature in ["v=AAAA", "v=", "", "x"] {
        let mut peer = Setup::direct().start();
        to_response(&mut peer);
        peer.serve(&sasl1("success", &base64_of(signature)));
        assert!(
            matches!(
                peer.closed,
                Some(Some(ConnectionError::Peer(PeerError::Sasl(_))))
            ),
            "{:?}",
            peer.closed
        );
        learnt_nothing(&mut peer);
    }
}

#[test]
fn t4_success_without_a_proof_aborts() {
    for early in [true, false] {
        let mut peer = Setup::direct().start();
        open_direct(&mut peer);
        show(&mut peer, &sasl2());
        let flight = peer.sends(AUTHENTICATE);
        assert_eq!(
            peer.ops(),
            ["ArchiveCursor", "OpenSessions"],
            "the time, by our clock"
        );
        if !early {
            let mut scram = Scram::new(&text_of(&flight, "initial-response"));
            peer.serve(&challenge2(&scram.challenge()));
            peer.sends("response");
        }
        peer.serve(&success2("", JID, &bound2(ENABLED)));
        assert!(matches!(peer.closed, Some(Some(ConnectionError::Peer(_)))));
        learnt_nothing(&mut peer);
    }
}

#[test]
fn t4_the_proof_of_another_password_is_wrong() {
    let mut peer = Setup::direct()
        .with(|setup| setup.config.password = Some("another".into()))
        .start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    let flight = peer.sends(AUTH);
    let mut scram = Scram::new(&text_of(&flight, "auth"));
    peer.serve(&sasl1("challenge", &scram.challenge()));
    let flight = peer.sends("response");
    // This server does check our proof.
    assert_eq!(scram.verify(&text_of(&flight, "response"), &EXPORTER), None);
}

#[test]
fn t4_a_wrong_token_proof_aborts_and_nothing_is_kept() {
    for proof in ["", "AAAA"] {
        let mut peer = Setup::direct().knowing(after_sasl2()).start();
        open_direct(&mut peer);
        peer.sends(FAST_LOGIN);
        let success = success2(proof, JID, &resumed(GREETED2));
        peer.serve(&format!("{HEADER}{}{success}", features(&sasl2())));
        peer.fails(ConnectionError::Peer(PeerError::Sasl(
            SaslError::WrongResponderProof,
        )));
        learnt_nothing(&mut peer);
    }
}

#[test]
fn t4_a_token_bound_to_another_channel_proves_nothing() {
    let mut peer = Setup::direct().knowing(after_sasl2()).start();
    open_direct(&mut peer);
    let relayed = fast(&mut peer, FAST_LOGIN, &[1; 32]);
    assert_eq!(relayed, "", "the relay's own channel does not match");
}

#[test]
fn t4_features_are_kept_only_once_the_login_is_proven() {
    let mut peer = Setup::direct().start();
    let scram = to_response(&mut peer);
    learnt_nothing(&mut peer);
    drop(scram);
    let mut peer = Setup::direct().start();
    cold_sasl1_direct(&mut peer);
    assert!(peer.login_proven);
    let learnt = [
        "LearnSecured",
        "LearnSmBeforeSasl",
        "StoreScramKeys",
        "RaiseFloor",
    ];
    assert_eq!(peer.ops()[..4], learnt);
}

#[test]
fn t2_a_weaker_offer_is_refused() {
    // The floor is SCRAM-SHA-256-PLUS with tls-exporter.
    let knowledge = after_sasl2();
    assert!(knowledge.floor.is_some());
    let offers = [SASL1.to_owned(), SASL1.replace("SCRAM-SHA-256", "PLAIN")];
    for offer in offers {
        let mut knowledge = knowledge.clone();
        knowledge.server = Default::default();
        knowledge.fast = None;
        let mut peer = Setup::direct()
            .knowing(knowledge)
            .with(|setup| setup.config.policy.allow_plain = true)
            .start();
        open_direct(&mut peer);
        show(&mut peer, &offer);
        peer.fails(ConnectionError::Peer(PeerError::NoLogin(
            NoMechanism::BelowFloor,
        )));
        learnt_nothing(&mut peer);
        assert!(!peer.sent.contains("<auth"));
    }
}

#[test]
fn t2_a_fall_back_does_not_go_below_the_floor() {
    let mut peer = Setup::direct().knowing(after_sasl2()).start();
    open_direct(&mut peer);
    peer.sends(FAST_LOGIN);
    let refused = failure2("not-authorized", "");
    peer.serve(&format!("{HEADER}{}{refused}", features(SASL1)));
    assert!(matches!(
        peer.closed,
        Some(Some(
            ConnectionError::Peer(PeerError::NoLogin(NoMechanism::BelowFloor))
                | ConnectionError::WrongAssumption(_)
        ))
    ));
    assert!(!peer.sent.contains("<auth "));
}

#[test]
fn t2_plain_is_not_sent_unless_allowed() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    show(&mut peer, &SASL1.replace("SCRAM-SHA-256", "PLAIN"));
    peer.fails(ConnectionError::Peer(PeerError::NoLogin(
        NoMechanism::OnlyPlain,
    )));
    assert!(!peer.sent.contains("<auth"));
}

#[test]
fn t5_iterations_have_a_floor_and_a_ceiling() {
    for (iterations, error) in [
        (ITERATIONS - 1, SaslError::TooFewIterations(ITERATIONS - 1)),
        (1, SaslError::TooFewIterations(1)),
        (600_001, SaslError::TooManyIterations),
        (u32::MAX, SaslError::TooManyIterations),
    ] {
        let mut peer = Setup::direct().start();
        open_direct(&mut peer);
        show(&mut peer, SASL1);
        let flight = peer.sends(AUTH);
        let mut scram = Scram::new(&text_of(&flight, "auth"));
        let challenge = scram.challenge_with(iterations, "");
        peer.serve(&sasl1("challenge", &challenge));
        peer.fails(ConnectionError::Peer(PeerError::Sasl(error)));
        assert!(!peer.sent.contains("<response"));
    }
}

#[test]
fn t3_a_tampered_offer_is_noticed() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    let flight = peer.sends(AUTH);
    let mut scram = Scram::new(&text_of(&flight, "auth"));
    // XEP-0474: the hash of other lists than those that came.
    let challenge = scram.challenge_with(ITERATIONS, ",h=AAAA");
    peer.serve(&sasl1("challenge", &challenge));
    peer.fails(ConnectionError::Peer(PeerError::Sasl(
        SaslError::OfferTampered,
    )));
}

#[test]
fn t4_a_login_that_never_ends_times_out() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    peer.pass(std::time::Duration::from_secs(29));
    assert!(peer.closed.is_none());
    peer.pass(std::time::Duration::from_secs(1));
    peer.fails(ConnectionError::Timeout(crate::connection::Timer::Login));
}

/// Even what we decide by ourselves waits: a login that fails must leave everything as it was.
#[test]
fn t4_an_expired_session_is_dropped_only_after_the_proof() {
    let mut knowledge = after_pipelining();
    knowledge.sm.as_mut().unwrap().alive_at.0 -= 601;
    let mut peer = Setup::starttls().knowing(knowledge).start();
    open_combined(&mut peer);
    let shown = format!("{HEADER}{}", features(&format!("{SASL1}{SM}{PIPELINING}")));
    let last = format!("response + header + {GREETING}");
    scram1(&mut peer, &format!("header + {AUTH}"), &shown, &last);
    learnt_nothing(&mut peer);
}
