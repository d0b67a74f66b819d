//! Channel binding where the server does not say to what (XEP-0440 is missing): ejabberd before 24.02, Prosody over TLS 1.2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::peer::{EXPORTER, Peer, Setup};
use super::proofs::Scram;
use super::scripts::*;
use super::texts::*;
use crate::error::{ConnectionError, PeerError};
use crate::sasl::{ChannelBindingType, Floor, Hash, Mechanism, NoMechanism};

const PLUS: &str = "auth SCRAM-SHA-256-PLUS";

/// Mechanisms with `-PLUS`, and no list of types.
fn without_types() -> String {
    let plus = "<mechanism>SCRAM-SHA-256</mechanism><mechanism>SCRAM-SHA-256-PLUS</mechanism>";
    SASL1.replace("<mechanism>SCRAM-SHA-256</mechanism>", plus)
}

/// A login of before was bound to the exporter.
fn bound_before() -> Setup {
    Setup::direct().with(|setup| {
        setup.knowledge.floor = Some(Floor {
            mechanism: Mechanism::Scram {
                hash: Hash::Sha256,
                plus: true,
            },
            channel_binding: Some(ChannelBindingType::TlsExporter),
        });
    })
}

/// The client's first message.
fn first_message(peer: &mut Peer, auth: &str) -> (Scram, String) {
    let flight = peer.sends(auth);
    let initial = text_of(&flight, "auth");
    let bytes = STANDARD.decode(&initial);
    let text = String::from_utf8(bytes.unwrap()).unwrap();
    (Scram::new(&initial), text)
}

#[test]
fn t3_no_type_is_guessed_on_a_first_login() {
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    show(&mut peer, &without_types());
    let (mut scram, first) = first_message(&mut peer, AUTH);
    assert!(first.starts_with("n,,n=juliet,"), "{first}");
    peer.serve(&sasl1("challenge", &scram.challenge()));
    let flight = peer.sends("response");
    let proof = scram.verify(&text_of(&flight, "response"), &[]);
    peer.serve(&sasl1("success", &proof.unwrap()));
    assert!(peer.login_proven);
    let floor = peer.knowledge().floor.unwrap();
    assert_eq!(floor.channel_binding, None);
}

#[test]
fn t3_what_was_proven_before_is_bound_to_again() {
    let mut peer = bound_before().start();
    open_direct(&mut peer);
    show(&mut peer, &without_types());
    let (mut scram, first) = first_message(&mut peer, PLUS);
    assert!(first.starts_with("p=tls-exporter,,"), "{first}");
    peer.serve(&sasl1("challenge", &scram.challenge()));
    let flight = peer.sends("response");
    let proof = scram.verify(&text_of(&flight, "response"), &EXPORTER);
    assert!(proof.is_some());
}

/// The server was configured anew and cannot bind to that any more. The password is not to blame, and a person decides.
#[test]
fn t2_a_proven_type_that_is_refused_is_reported_as_the_floor() {
    for condition in ["malformed-request", "invalid-mechanism"] {
        let mut peer = bound_before().start();
        open_direct(&mut peer);
        show(&mut peer, &without_types());
        peer.sends(PLUS);
        peer.serve(&sasl1("failure", &format!("<{condition}/>")));
        peer.fails(ConnectionError::Peer(PeerError::NoLogin(
            NoMechanism::BelowFloor,
        )));
    }
}

/// TLS 1.2 without extended master secret has no exporter: the floor holds, and nothing weaker is sent.
#[test]
fn t2_the_floor_holds_where_this_connection_cannot_bind() {
    let mut peer = bound_before()
        .with(|setup| setup.facts.bindings.tls_exporter = None)
        .start();
    open_direct(&mut peer);
    show(&mut peer, &without_types());
    peer.fails(ConnectionError::Peer(PeerError::NoLogin(
        NoMechanism::BelowFloor,
    )));
    assert!(!peer.sent.contains("<auth"));
}

/// XEP-0440, rule 4, is about SASL2: beside it, the older profile takes the login, unbound.
#[test]
fn t3_sasl2_without_types_gives_way_to_sasl1() {
    let offered = format!(
        "{}<authentication xmlns='urn:xmpp:sasl:2'><mechanism>SCRAM-SHA-256</mechanism>\
         <mechanism>SCRAM-SHA-256-PLUS</mechanism></authentication>",
        without_types()
    );
    let mut peer = Setup::direct().start();
    open_direct(&mut peer);
    show(&mut peer, &offered);
    let (_, first) = first_message(&mut peer, AUTH);
    assert!(first.starts_with("n,,"), "{first}");
}

/// Bound as before, with a weaker hash or type: a server that does not confirm that gets no proof of ours.
#[test]
fn t2_a_weaker_bound_login_that_is_not_confirmed_is_below_the_floor() {
    let mut knowledge = after_sasl2();
    knowledge.server = Default::default();
    knowledge.fast = None;
    let offers = [
        (sasl2().replace("SHA-256", "SHA-1"), "SHA-1"),
        (sasl2().replace("tls-exporter", "tls-unique"), "SHA-256"),
    ];
    for (offer, hash) in offers {
        let mut peer = Setup::direct().knowing(knowledge.clone()).start();
        open_direct(&mut peer);
        show(&mut peer, &offer);
        let flight = peer.sends(&format!("authenticate SCRAM-{hash}-PLUS"));
        let mut scram = Scram::new(&text_of(&flight, "initial-response"));
        peer.serve(&challenge2(&scram.challenge()));
        peer.fails(ConnectionError::Peer(PeerError::NoLogin(
            NoMechanism::BelowFloor,
        )));
        assert!(!peer.sent.contains("<response"));
    }
}

/// XEP-0474 section 7: the operator has changed the hash. Whether it was the operator, only the signed list says.
#[test]
fn t2_another_hash_is_accepted_if_the_list_is_confirmed() {
    for confirmed in [true, false] {
        let mut peer = Setup::direct()
            .with(|setup| {
                setup.knowledge.floor = Some(Floor {
                    mechanism: Mechanism::Scram {
                        hash: Hash::Sha512,
                        plus: false,
                    },
                    channel_binding: None,
                });
            })
            .start();
        open_direct(&mut peer);
        show(&mut peer, SASL1);
        let (mut scram, _) = first_message(&mut peer, AUTH);
        let more = if confirmed {
            let hash = Hash::Sha256.digest(b"SCRAM-SHA-256");
            format!(",h={}", STANDARD.encode(hash))
        } else {
            String::new()
        };
        peer.serve(&sasl1("challenge", &scram.challenge_with(4096, &more)));
        if !confirmed {
            peer.fails(ConnectionError::Peer(PeerError::NoLogin(
                NoMechanism::BelowFloor,
            )));
            assert!(!peer.sent.contains("<response"));
            continue;
        }
        let flight = peer.sends("response");
        let proof = scram.verify(&text_of(&flight, "response"), &[]);
        peer.serve(&sasl1("success", &proof.unwrap()));
        // The next such login has to be confirmed as well.
        let Mechanism::Scram { hash, .. } = peer.knowledge().floor.unwrap().mechanism else {
            panic!("SCRAM");
        };
        assert_eq!(hash, Hash::Sha512);
    }
}
