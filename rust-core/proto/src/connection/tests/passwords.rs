//! Rules T5 and W12: keys are used only with the password that they were made from.

use super::peer::{EXPORTER, Peer, Setup};
use super::proofs::{PASSWORD, SALT, Scram, keys};
use super::scripts::*;
use super::texts::*;
use crate::error::ConnectionError;
use crate::knowledge::Knowledge;
use crate::peer_text::PeerText;
use crate::sasl::{Preparation, SaslCondition, SaslRefusal, ScramKeyId, ScramKeys};
use crate::secret::Secret;

/// The keys of an older password are stored.
fn with_old_keys() -> Setup {
    let mut known = gone(after_sasl1());
    let (id, _) = known.scram_keys.clone().unwrap();
    let old = ScramKeys::derive(&id, &Secret::from("another one")).unwrap();
    known.scram_keys = Some((id, old));
    Setup::direct().knowing(known)
}

/// Up to the response, with features that are remembered.
fn respond(peer: &mut Peer, scram: impl FnOnce(&mut Scram) -> String) -> (Scram, String) {
    open_direct(peer);
    let flight = peer.sends(&format!("header + {AUTH}"));
    let mut exchange = Scram::new(&text_of(&flight, "auth"));
    let challenge = sasl1("challenge", &scram(&mut exchange));
    peer.serve(&format!("{HEADER}{}{challenge}", features(SASL1)));
    let flight = peer.sends("response");
    (exchange, text_of(&flight, "response"))
}

#[test]
fn w12_stored_keys_of_another_password_are_not_used() {
    let mut peer = with_old_keys().start();
    let (scram, response) = respond(&mut peer, Scram::challenge);
    let proof = scram.verify(&response, &EXPORTER);
    assert!(proof.is_some(), "the given password is used");
    peer.serve(&sasl1("success", &proof.unwrap()));
    let (id, stored) = peer.knowledge().scram_keys.unwrap();
    let right = keys(&id, Some(&Secret::from(PASSWORD))).unwrap();
    assert_eq!(stored, right);
}

/// They are expected while the server is on the way, and asked for once.
#[test]
fn t5_the_keys_of_the_last_login_are_derived_before_the_server_asks() {
    let mut peer = Setup::direct().knowing(gone(after_sasl1())).start();
    open_direct(&mut peer);
    assert_eq!(peer.derivations, 1);
    let flight = peer.sends(&format!("header + {AUTH}"));
    let mut scram = Scram::new(&text_of(&flight, "auth"));
    let challenge = sasl1("challenge", &scram.challenge());
    peer.serve(&format!("{HEADER}{}{challenge}", features(SASL1)));
    peer.sends("response");
    assert_eq!(peer.derivations, 1);
}

/// The server has another salt by now: what was expected is of no use.
#[test]
fn w12_keys_that_are_not_asked_for_any_more_are_left() {
    let mut known = gone(after_sasl1());
    let (id, stored) = known.scram_keys.clone().unwrap();
    let other = ScramKeyId {
        salt: [SALT, b"!"].concat(),
        ..id
    };
    known.scram_keys = Some((other, stored));
    let mut peer = Setup::direct().knowing(known).start();
    let (scram, response) = respond(&mut peer, Scram::challenge);
    assert_eq!(peer.derivations, 2);
    assert!(scram.verify(&response, &EXPORTER).is_some());
}

/// Without a password there are only the keys: once refused, they are not tried again.
#[test]
fn w12_keys_that_are_refused_are_dropped() {
    for word in ["failure", "success"] {
        let mut peer = with_old_keys()
            .with(|setup| setup.config.password = None)
            .start();
        let (scram, response) = respond(&mut peer, Scram::challenge);
        assert!(scram.verify(&response, &EXPORTER).is_none());
        let data = match word {
            "failure" => "<not-authorized/><text>Two tries left.</text>".to_owned(),
            _ => base64_of("e=invalid-proof"),
        };
        peer.serve(&sasl1(word, &data));
        peer.fails(ConnectionError::Sasl(SaslRefusal {
            condition: SaslCondition::NotAuthorized,
            text: (word == "failure")
                .then(|| PeerText::new("Two tries left."))
                .flatten(),
        }));
        assert!(peer.knowledge().scram_keys.is_none());
    }
}

/// What is said before the proof, or about the server's own trouble, says nothing about the keys.
#[test]
fn w12_other_refusals_drop_no_keys() {
    let mut early = Setup::direct().knowing(gone(after_sasl1())).start();
    open_direct(&mut early);
    early.sends(&format!("header + {AUTH}"));
    let refused = sasl1("failure", "<not-authorized/>");
    early.serve(&format!("{HEADER}{}{refused}", features(SASL1)));
    assert!(early.closed.is_some() && early.knowledge().scram_keys.is_some());
    let mut late = Setup::direct().knowing(gone(after_sasl1())).start();
    respond(&mut late, Scram::challenge);
    late.serve(&sasl1("failure", "<temporary-auth-failure/>"));
    assert!(late.closed.is_some() && late.knowledge().scram_keys.is_some());
}

/// The last character is a full-width zero: SASLprep makes it that of the server's password.
const TYPED: &str = "r0m30myr0m3\u{ff10}";

fn typed(password: &str) -> Setup {
    Setup::direct().with(|setup| setup.config.password = Some(Secret::from(password)))
}

/// One exchange of SASL1 up to the response; the server's proof, if the password is right.
#[track_caller]
fn attempt(peer: &mut Peer) -> Option<String> {
    let flight = peer.sends(AUTH);
    let mut scram = Scram::new(&text_of(&flight, "auth"));
    peer.serve(&sasl1("challenge", &scram.challenge()));
    let response = text_of(&peer.sends("response"), "response");
    scram.verify(&response, &EXPORTER)
}

fn refuse(peer: &mut Peer) {
    peer.serve(&sasl1("failure", "<not-authorized/>"));
}

#[track_caller]
fn is_refused(peer: &mut Peer) {
    peer.fails(ConnectionError::Sasl(SaslCondition::NotAuthorized.into()));
}

#[test]
fn w7_a_password_is_tried_once_more_as_sasl_prep_prepares_it() {
    let mut peer = typed(TYPED).start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    assert_eq!(attempt(&mut peer), None);
    refuse(&mut peer);
    let proof = attempt(&mut peer).expect("the right password");
    peer.serve(&sasl1("success", &proof));
    let (id, keys) = peer.knowledge().scram_keys.unwrap();
    assert_eq!(id.preparation, Preparation::SaslPrep);
    // What worked is remembered.
    let known = Knowledge {
        scram_keys: Some((id, keys)),
        ..Knowledge::default()
    };
    let mut next = typed(TYPED).knowing(known).start();
    open_direct(&mut next);
    show(&mut next, SASL1);
    assert!(attempt(&mut next).is_some());
}

#[test]
fn w7_with_sasl2_too() {
    let mut peer = typed(TYPED).start();
    open_direct(&mut peer);
    show(&mut peer, &sasl2());
    assert_eq!(scram2(&mut peer, AUTHENTICATE, ""), "");
    peer.serve(&failure2("not-authorized", ""));
    let proof = scram2(&mut peer, AUTHENTICATE, "");
    peer.serve(&success2(&proof, JID, &bound2(ENABLED)));
    peer.is_online();
}

/// A wrong password costs one attempt, or two if its forms differ. A server that ends the stream instead has refused it, too.
#[test]
fn w7_a_wrong_password_is_tried_at_most_twice() {
    let mut peer = typed("wrong").start();
    open_direct(&mut peer);
    show(&mut peer, SASL1);
    attempt(&mut peer);
    refuse(&mut peer);
    is_refused(&mut peer);
    for end in [sasl1("failure", "<not-authorized/>"), CLOSE.to_owned()] {
        let mut peer = typed("wron\u{ff47}").start();
        open_direct(&mut peer);
        show(&mut peer, SASL1);
        attempt(&mut peer);
        refuse(&mut peer);
        attempt(&mut peer);
        peer.serve(&end);
        is_refused(&mut peer);
    }
}
