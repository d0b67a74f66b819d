//! Rule S1: TLS always, and nothing of the cleartext stream outlives it.

use super::peer::{Peer, Setup};
use super::scripts::*;
use super::texts::*;
use crate::error::{ConnectionError, PeerError};

const FIRST: &str = "header + starttls";

#[track_caller]
fn nothing_more_in_the_clear(peer: &mut Peer) {
    peer.sends_nothing();
    assert!(matches!(peer.closed, Some(Some(_))));
    assert!(!peer.sent.contains("juliet"), "{}", peer.sent);
    assert_eq!(peer.ops(), [""; 0]);
}

#[test]
fn s1_a_server_without_starttls_is_left() {
    for offered in [SASL1, "", &sasl2()] {
        let mut peer = Setup::starttls().start();
        peer.connect();
        peer.sends(FIRST);
        peer.serve(&format!("{HEADER}{}", features(offered)));
        peer.fails(ConnectionError::Peer(PeerError::StartTlsNotOffered));
        nothing_more_in_the_clear(&mut peer);
    }
}

#[test]
fn s1_a_server_that_refuses_starttls_is_left() {
    let mut peer = Setup::starttls().start();
    peer.connect();
    peer.sends(FIRST);
    let refusal = "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>";
    peer.serve(&format!("{HEADER}{}{refusal}", features(STARTTLS)));
    peer.fails(ConnectionError::Peer(PeerError::StartTlsRefused));
    nothing_more_in_the_clear(&mut peer);
}

#[test]
fn s1_nothing_but_proceed_is_taken_before_tls() {
    let success = sasl1("success", "");
    for element in [MESSAGE, &success, &bound2(ENABLED), &resumed(0), REQUEST] {
        let mut peer = Setup::starttls().start();
        peer.connect();
        peer.sends(FIRST);
        peer.serve(&format!("{HEADER}{}{element}", features(STARTTLS)));
        nothing_more_in_the_clear(&mut peer);
    }
}

#[test]
fn s1_bytes_injected_after_proceed_belong_to_tls() {
    let mut peer = Setup::starttls().start();
    peer.connect();
    peer.sends(FIRST);
    let injected = format!(
        "{HEADER}{}",
        features(&SASL1.replace("SCRAM-SHA-256", "PLAIN"))
    );
    peer.serve(&format!(
        "{HEADER}{}{PROCEED}{injected}",
        features(STARTTLS)
    ));
    peer.sends("ClientHello");
    assert_eq!(peer.unread, injected.as_bytes());
    peer.tls();
    peer.sends("header");
    assert_eq!(peer.state(), "ExpectFeatures");
}

#[test]
fn s1_cleartext_features_are_forgotten() {
    let mut peer = Setup::starttls().start();
    peer.connect();
    peer.sends(FIRST);
    let offered = features(&format!("{STARTTLS}{SASL1}{PIPELINING}{SM}"));
    peer.serve(&format!("{HEADER}{offered}{PROCEED}"));
    peer.sends("ClientHello");
    peer.tls();
    // The encrypted stream says nothing yet: its features are waited for.
    peer.sends("header");
    peer.serve(&format!("{HEADER}{}", features(SASL1)));
    let (success, _) = scram1(&mut peer, AUTH, "", "response");
    peer.serve(&success);
    let secured = peer.knowledge().server.secured.unwrap();
    assert!(!secured.starttls && !secured.pipelining);
}

#[test]
fn s1_half_an_element_does_not_reach_over_the_handshake() {
    let mut peer = Setup::starttls().start();
    peer.connect();
    peer.sends(FIRST);
    peer.serve(&format!(
        "{HEADER}{}{PROCEED}<stream:feat",
        features(STARTTLS)
    ));
    peer.sends("ClientHello");
    assert_eq!(peer.unread, b"<stream:feat");
    peer.tls();
    peer.sends("header");
    peer.serve(&format!("{HEADER}{}", features(SASL1)));
    peer.sends(AUTH);
}

#[test]
fn a_header_of_another_domain_or_version_is_refused() {
    let other = HEADER.replace("example.org", "example.net");
    let old = HEADER.replace("version='1.0'>", "version='0.9'>");
    let none = HEADER.replace(" version='1.0'>", ">");
    for (header, error, said) in [
        (other, PeerError::WrongDomain, "invalid-from"),
        (old, PeerError::UnsupportedVersion, "unsupported-version"),
        (none, PeerError::UnsupportedVersion, "unsupported-version"),
    ] {
        let mut peer = Setup::direct().start();
        open_direct(&mut peer);
        peer.sends("header");
        peer.serve(&header);
        peer.fails(ConnectionError::Peer(error));
        assert!(peer.sends("stream error").contains(said));
    }
}
