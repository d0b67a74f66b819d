//! Published vectors, and what a hostile server may try.

use super::Preparation;
use super::*;
use crate::sasl::{ChannelBindingType, Profile, ScramMessage, ScramServerError};
use crate::secret::Secret;

/// One exchange, as it stands in a specification.
struct Vector {
    hash: Hash,
    user: &'static str,
    nonce: &'static str,
    gs2: Gs2,
    offer: Offer,
    client_first: &'static str,
    server_first: &'static str,
    client_final: &'static str,
    server_final: &'static str,
}

impl Vector {
    fn start(&self) -> ExpectServerFirst {
        ExpectServerFirst::new(
            self.hash,
            self.user,
            self.nonce,
            self.gs2.clone(),
            &self.offer,
            TlsVersion::Tls13,
        )
    }

    fn keys(&self) -> ScramKeys {
        let id = self
            .start()
            .server_first(self.server_first.as_bytes())
            .unwrap()
            .key_id()
            .clone();
        ScramKeys::derive(&id, &Secret::from("pencil")).unwrap()
    }

    fn respond(&self) -> (Vec<u8>, ExpectServerFinal) {
        self.start()
            .server_first(self.server_first.as_bytes())
            .unwrap()
            .respond(&self.keys())
    }

    fn check(&self) {
        assert_eq!(text(&self.start().initial_response()), self.client_first);
        let (client_final, state) = self.respond();
        assert_eq!(text(&client_final), self.client_final);
        assert_eq!(
            state.server_final(self.server_final.as_bytes()),
            Ok(Proven(()))
        );
    }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|&name| name.to_owned()).collect()
}

fn bare_offer() -> Offer {
    Offer {
        profile: Profile::Sasl1,
        mechanisms: names(&["SCRAM-SHA-1"]),
        channel_bindings: None,
    }
}

/// RFC 5802, section 5.
fn rfc_5802() -> Vector {
    Vector {
        hash: Hash::Sha1,
        user: "user",
        nonce: "fyko+d2lbbFgONRv9qkxdawL",
        gs2: Gs2::Unsupported,
        offer: bare_offer(),
        client_first: "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        server_first: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        client_final: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        server_final: "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    }
}

/// RFC 7677, section 3.
fn rfc_7677() -> Vector {
    Vector {
        hash: Hash::Sha256,
        nonce: "rOprNGfwEbeRWgbNEkqO",
        client_first: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        server_first: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        client_final: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                       p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        server_final: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
        ..rfc_5802()
    }
}

/// The exchange of RFC 7677 with SHA-512, computed with python3 hashlib and hmac.
fn sha_512() -> Vector {
    Vector {
        hash: Hash::Sha512,
        client_final: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                       p=gMGXRcevScNtxZ6/8lQYpGtnsNAc3mGcmNomv+xnoOMw+3R2xNJdMNnzMlTN8PPC6wdp6dybEmDYXYTxwnYPJQ==",
        server_final: "v=ZQnYEgWQMFmmsM8aQMF0nDDCy/AgCzkwk8CmMZYcMg0vSVlKDanekLtifDSeVGT4+5ZxXnJq199RVG2rR7N7Zw==",
        ..rfc_7677()
    }
}

/// The exchange of RFC 7677 with -PLUS and a name to escape, computed with python3 hashlib and hmac.
fn plus() -> Vector {
    Vector {
        user: "us=er,x",
        gs2: Gs2::Bound(ChannelBindingType::TlsServerEndPoint, (0..32).collect()),
        client_first: "p=tls-server-end-point,,n=us=3Der=2Cx,r=rOprNGfwEbeRWgbNEkqO",
        client_final: "c=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,\
                       r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                       p=UHUGF/hBeQoEsLcSdlKSRluPLh3KHDe5cbcXYlKb/KM=",
        server_final: "v=27Ab/UGGnGJOdXhF4cG9Idr2px/1fXVM+mK8hYPbiPg=",
        ..rfc_7677()
    }
}

/// The whole exchange of XEP-0515's example: -PLUS, the hash of XEP-0474, the TLS version.
fn xep_0515() -> Vector {
    Vector {
        hash: Hash::Sha1,
        user: "user",
        nonce: "12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6",
        gs2: Gs2::Bound(
            ChannelBindingType::TlsExporter,
            b"THIS IS FAKE CB DATA".to_vec(),
        ),
        offer: Offer {
            profile: Profile::Sasl2,
            mechanisms: names(&["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"]),
            channel_bindings: Some(names(&["tls-server-end-point", "tls-exporter"])),
        },
        client_first: "p=tls-exporter,,n=user,r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6",
        server_first: "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,\
                       s=QSXCR+Q6sek8bf92,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08=,t=0304",
        client_final: "c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,\
                       r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,\
                       p=KHUfN8dSy1K95crT4D5y1ItLJfs=",
        server_final: "v=3w34ZIMVRkx2f2Ozb3/ecRPVdv4=",
    }
}

/// XEP-0474's example. Its client adds an attribute `x=` of its own, which we do not send, so the proofs are those
/// that python3 computed without it (with it, the same script yields the XEP's).
fn xep_0474() -> Vector {
    Vector {
        server_first: "r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,\
                       s=QSXCR+Q6sek8bf92,i=4096,h=G6k/rBLDqgOhRRaCuuatSDFkJ08=",
        client_final: "c=cD10bHMtZXhwb3J0ZXIsLFRISVMgSVMgRkFLRSBDQiBEQVRB,\
                       r=12C4CD5C-E38E-4A98-8F6D-15C38F51CCC6a09117a6-ac50-4f2f-93f1-93799c2bddf6,\
                       p=NWgTsQJvWgbXKxbqd3P4BNurjkU=",
        server_final: "v=EMsYR2n9LecK8qm5xR19xuvM1jw=",
        ..xep_0515()
    }
}

#[test]
fn t3_vectors() {
    for vector in [
        rfc_5802(),
        rfc_7677(),
        sha_512(),
        plus(),
        xep_0474(),
        xep_0515(),
    ] {
        vector.check();
    }
}

#[test]
fn t3_a_tampered_offer_or_tls_version_is_noticed() {
    let mut stripped = xep_0515();
    stripped.offer.channel_bindings = Some(names(&["tls-server-end-point"]));
    let refused = stripped
        .start()
        .server_first(stripped.server_first.as_bytes());
    assert_eq!(refused.err(), Some(SaslError::OfferTampered));

    let vector = xep_0515();
    let on_tls_1_2 = ExpectServerFirst::new(
        vector.hash,
        vector.user,
        vector.nonce,
        vector.gs2.clone(),
        &vector.offer,
        TlsVersion::Tls12,
    );
    let refused = on_tls_1_2.server_first(vector.server_first.as_bytes());
    assert_eq!(refused.err(), Some(SaslError::TlsVersionTampered));
}

#[test]
fn t3_nothing_in_common_needs_the_hash() {
    let on_parole = Vector {
        gs2: Gs2::NothingInCommon,
        ..xep_0515()
    };
    assert!(on_parole.start().initial_response().starts_with(b"n,,"));
    assert!(
        on_parole
            .start()
            .server_first(on_parole.server_first.as_bytes())
            .is_ok()
    );
    let unconfirmed = Vector {
        gs2: Gs2::NothingInCommon,
        ..rfc_5802()
    };
    let refused = unconfirmed
        .start()
        .server_first(unconfirmed.server_first.as_bytes());
    assert_eq!(refused.err(), Some(SaslError::OfferUnconfirmed));
}

/// Feeds a server-first-message to the exchange of RFC 5802; what starts with `r=` continues with our nonce.
fn first(rest: &str) -> Result<u32, SaslError> {
    let message = rest.replace("OURS", "fyko+d2lbbFgONRv9qkxdawL");
    rfc_5802()
        .start()
        .server_first(message.as_bytes())
        .map(|state| state.key_id().iterations)
}

const MALFORMED_FIRST: SaslError = SaslError::Malformed(ScramMessage::ServerFirst);

#[test]
fn t3_server_first_grammar() {
    let table = [
        ("r=OURSx,s=QUJD,i=4096", Ok(4096)),
        // Unknown optional attributes are tolerated, `m=` is not, wherever it stands.
        ("r=OURSx,s=QUJD,i=4096,z=any=thing,d=\u{e9}", Ok(4096)),
        (
            "m=x,r=OURSx,s=QUJD,i=4096",
            Err(SaslError::MandatoryExtension),
        ),
        (
            "r=OURSx,s=QUJD,i=4096,m=x",
            Err(SaslError::MandatoryExtension),
        ),
        (
            "e=unknown-user",
            Err(SaslError::Server(ScramServerError::UnknownUser)),
        ),
        ("r=OURS,s=QUJD,i=4096", Err(SaslError::ForeignNonce)),
        ("r=OUR,s=QUJD,i=4096", Err(SaslError::ForeignNonce)),
        ("r=xOURSx,s=QUJD,i=4096", Err(SaslError::ForeignNonce)),
        ("r=OURS\u{e9},s=QUJD,i=4096", Err(MALFORMED_FIRST)),
        ("r=OURS x,s=QUJD,i=4096", Err(MALFORMED_FIRST)),
        ("", Err(MALFORMED_FIRST)),
        ("r=OURSx", Err(MALFORMED_FIRST)),
        ("r=OURSx,s=QUJD", Err(MALFORMED_FIRST)),
        ("r=OURSx,i=4096,s=QUJD", Err(MALFORMED_FIRST)),
        ("s=QUJD,r=OURSx,i=4096", Err(MALFORMED_FIRST)),
        ("r=OURSx,s=,i=4096", Err(MALFORMED_FIRST)),
        ("r=OURSx,s=QUJ,i=4096", Err(MALFORMED_FIRST)),
        ("r=OURSx,s=QUI,i=4096", Err(MALFORMED_FIRST)),
        ("r=OURSx,s=QUJD,i=4096,", Err(MALFORMED_FIRST)),
        ("r=OURSx,s=QUJD,i=4096,zz=1", Err(MALFORMED_FIRST)),
        ("r=OURSx,s=QUJD,i=4096,1=1", Err(MALFORMED_FIRST)),
        ("r=OURSx,s=QUJD,i=4096,z=", Err(MALFORMED_FIRST)),
        ("r=OURSx,s=QUJD,i=4096,z=a\0b", Err(MALFORMED_FIRST)),
        // Nothing twice: two values of one attribute leave open which one counts.
        ("r=OURSx,s=QUJD,i=4096,i=5000", Err(MALFORMED_FIRST)),
        ("r=OURSx,s=QUJD,i=4096,z=1,z=2", Err(MALFORMED_FIRST)),
    ];
    for (message, expected) in table {
        assert_eq!(first(message), expected, "{message}");
    }
    let not_utf8 = rfc_5802().start().server_first(b"r=\xff,s=QUJD,i=4096");
    assert_eq!(not_utf8.err(), Some(MALFORMED_FIRST));
}

#[test]
fn t5_iterations_are_bounded() {
    let table = [
        ("4096", Ok(4096)),
        ("600000", Ok(600_000)),
        ("4095", Err(SaslError::TooFewIterations(4095))),
        ("1", Err(SaslError::TooFewIterations(1))),
        ("600001", Err(SaslError::TooManyIterations)),
        ("4294967296", Err(SaslError::TooManyIterations)),
        (
            "99999999999999999999999999",
            Err(SaslError::TooManyIterations),
        ),
        ("0", Err(MALFORMED_FIRST)),
        ("04096", Err(MALFORMED_FIRST)),
        ("+4096", Err(MALFORMED_FIRST)),
        ("-1", Err(MALFORMED_FIRST)),
        ("4096 ", Err(MALFORMED_FIRST)),
        ("0x1000", Err(MALFORMED_FIRST)),
    ];
    for (count, expected) in table {
        assert_eq!(
            first(&format!("r=OURSx,s=QUJD,i={count}")),
            expected,
            "{count}"
        );
    }
}

#[test]
fn t4_server_final_grammar() {
    const MALFORMED: SaslError = SaslError::Malformed(ScramMessage::ServerFinal);
    let table = [
        ("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", Ok(Proven(()))),
        ("v=rmF9pqV8S7suAoZWja4dJRkFsKQ=,z=tolerated", Ok(Proven(()))),
        (
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=,m=x",
            Err(SaslError::MandatoryExtension),
        ),
        (
            "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=,e=other-error",
            Err(MALFORMED),
        ),
        ("v=AAAA,v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", Err(MALFORMED)),
        ("z=1,v=rmF9pqV8S7suAoZWja4dJRkFsKQ=", Err(MALFORMED)),
        ("v=", Err(MALFORMED)),
        ("", Err(MALFORMED)),
        ("v=AAAA", Err(SaslError::WrongServerSignature)),
        (
            "e=invalid-proof",
            Err(SaslError::Server(ScramServerError::InvalidProof)),
        ),
        (
            "e=something-new",
            Err(SaslError::Server(ScramServerError::Other)),
        ),
    ];
    for (message, expected) in table {
        let (_, state) = rfc_5802().respond();
        assert_eq!(
            state.server_final(message.as_bytes()),
            expected,
            "{message}"
        );
    }
}

/// Every single byte replaced by every other: no tampered message may end in a proven server.
#[test]
fn t4_no_tampered_message_is_accepted() {
    for vector in [rfc_5802(), xep_0515()] {
        let keys = vector.keys();
        for (at, &genuine) in vector.server_first.as_bytes().iter().enumerate() {
            for byte in (0..=u8::MAX).filter(|&byte| byte != genuine) {
                let mut tampered = vector.server_first.as_bytes().to_vec();
                tampered[at] = byte;
                // The victim's keys are used even where salt and count were changed: the worst case.
                let Ok(state) = vector.start().server_first(&tampered) else {
                    continue;
                };
                let (_, state) = state.respond(&keys);
                assert!(
                    state.server_final(vector.server_final.as_bytes()).is_err(),
                    "{at} {byte}"
                );
            }
        }
        let (_, state) = vector.respond();
        for (at, &genuine) in vector.server_final.as_bytes().iter().enumerate() {
            for byte in (0..=u8::MAX).filter(|&byte| byte != genuine) {
                let mut tampered = vector.server_final.as_bytes().to_vec();
                tampered[at] = byte;
                assert!(
                    state.clone().server_final(&tampered).is_err(),
                    "{at} {byte}"
                );
            }
        }
    }
}

#[test]
fn t4_truncated_messages_are_refused() {
    let vector = rfc_5802();
    let (_, state) = vector.respond();
    for len in 0..vector.server_final.len() {
        assert!(
            state
                .clone()
                .server_final(&vector.server_final.as_bytes()[..len])
                .is_err(),
            "{len}"
        );
    }
}

#[test]
fn t5_keys_are_cached_without_the_password() {
    let vector = rfc_7677();
    let keys = vector.keys();
    let restored = ScramKeys::restore(
        vector.hash,
        keys.client_key().clone(),
        keys.server_key().clone(),
    )
    .unwrap();
    assert_eq!(restored, keys);
    let (client_final, _) = vector
        .start()
        .server_first(vector.server_first.as_bytes())
        .unwrap()
        .respond(&restored);
    assert_eq!(text(&client_final), vector.client_final);

    let empty = || Secret::new(Vec::new());
    assert_eq!(
        ScramKeys::restore(vector.hash, empty(), empty()),
        Err(SaslError::BadStoredKeys)
    );
    assert_ne!(sha_512().keys(), keys);
}

fn derive(password: &str) -> Result<ScramKeys, SaslError> {
    let id = ScramKeyId {
        hash: Hash::Sha1,
        user: "user".to_owned(),
        salt: vec![1; 8],
        iterations: 4096,
        preparation: Preparation::default(),
    };
    ScramKeys::derive(&id, &Secret::from(password))
}

#[test]
fn passwords_are_prepared_as_opaque_strings() {
    // Composed and decomposed spellings, and the kinds of space, are one password; case and compatibility are kept.
    assert_eq!(derive("caf\u{e9}"), derive("cafe\u{301}"));
    assert_eq!(derive("a\u{a0}b"), derive("a b"));
    assert_ne!(derive("Pencil"), derive("pencil"));
    assert!(derive("\u{1f412} correct horse").is_ok());
    for refused in ["", "bell\u{7}", "nul\0"] {
        assert_eq!(
            derive(refused),
            Err(SaslError::PasswordNotAllowed),
            "{refused:?}"
        );
    }
}

#[test]
fn t9_nothing_secret_is_printed() {
    let vector = rfc_5802();
    let (_, state) = vector.respond();
    assert_eq!(format!("{state:?}"), "ExpectServerFinal { .. }");
    assert_eq!(
        format!("{:?}", vector.keys()),
        "ScramKeys { client_key: Secret(..), server_key: Secret(..) }"
    );
}
