//! Verification: which certificates are refused and why; and what is read from a certificate.

use rcgen::{OtherNameValue, PublicKeyData as _, SanType};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use sha2::{Digest, Sha256, Sha384};

use super::*;
use crate::certificate::names::has_xmpp_name;
use crate::{CertificateError, MemoryTickets};

fn refusal(context: &TlsContext, server: &Server) -> CertificateError {
    let mut pair = Pair::new(context, server, params(TlsVersions::Default));
    match pair.run() {
        Err(TlsError::CertificateInvalid(error)) => {
            assert_eq!(pair.client.take_output(), b"");
            error
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn t1_refuses_wrong_name_expired_not_yet_valid_and_unknown_issuer() {
    let authority = Authority::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let context = TlsContext::new(authority.trust()).unwrap();
    let cases = [
        (
            authority.issue("other.example", |_| {}),
            CertificateError::NotValidForName,
        ),
        (
            authority.issue(DOMAIN, |params| {
                params.not_after = rcgen::date_time_ymd(2001, 1, 1);
            }),
            CertificateError::Expired,
        ),
        (
            authority.issue(DOMAIN, |params| {
                params.not_before = rcgen::date_time_ymd(2999, 1, 1);
                params.not_after = rcgen::date_time_ymd(3000, 1, 1);
            }),
            CertificateError::NotYetValid,
        ),
        (
            Authority::stranger().issue(DOMAIN, |_| {}),
            CertificateError::UnknownIssuer,
        ),
    ];
    for (server, expected) in cases {
        assert_eq!(refusal(&context, &server), expected);
    }
}

#[test]
fn t1_ip_addresses_are_verified_too() {
    let authority = Authority::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let context = TlsContext::new(authority.trust()).unwrap();
    let by_address = |address: &str| SessionParams {
        server_name: address.to_owned(),
        ..params(TlsVersions::Default)
    };
    let server = authority.issue("192.0.2.1", |_| {});
    Pair::connected(&context, &server, by_address("192.0.2.1"));
    let mut pair = Pair::new(&context, &server, by_address("192.0.2.2"));
    assert_eq!(
        pair.run(),
        Err(TlsError::CertificateInvalid(
            CertificateError::NotValidForName
        ))
    );
}

#[test]
fn t1_platform_trust_refuses_a_stranger() {
    let context = match TlsContext::new(Trust::Platform) {
        Ok(context) => context,
        // A system without trust anchors trusts no certificate, and reports that.
        Err(error) => {
            assert_eq!(error, TlsError::VerifierUnavailable);
            return;
        }
    };
    let stranger = Authority::stranger().issue(DOMAIN, |_| {});
    let key = KeyPair::generate().unwrap();
    let self_signed = CertificateParams::new([DOMAIN.to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let self_signed = Server::new(self_signed.der().clone(), &key);
    for server in [stranger, self_signed] {
        assert_eq!(refusal(&context, &server), CertificateError::UnknownIssuer);
    }
}

#[test]
fn t1_the_handshake_signature_is_checked_at_once() {
    // The right certificate, from a server without its key.
    let authority = Authority::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let context = TlsContext::new(authority.trust()).unwrap();
    let honest = authority.issue(DOMAIN, |_| {});
    let thief = authority.issue("thief.example", |_| {});
    let key = KeyPair::generate().unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let stolen = Arc::new(rustls::sign::CertifiedKey::new(
        vec![honest.certificate.clone()],
        provider
            .key_provider
            .load_private_key(PrivateKeyDer::from(PrivatePkcs8KeyDer::from(
                key.serialize_der(),
            )))
            .unwrap(),
    ));
    for version in [TlsVersions::Only13, TlsVersions::Only12] {
        let mut config = thief.config.clone();
        config.cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(Arc::clone(&stolen)));
        let mut pair = Pair::new(&context, &thief, params(version));
        pair.server = ServerConnection::new(Arc::new(config)).unwrap();
        assert_eq!(
            pair.run(),
            Err(TlsError::CertificateInvalid(CertificateError::BadSignature)),
            "{version:?}"
        );
        assert!(pair.request.is_none());
        assert!(pair.client.poll_event().is_none());
    }
}

#[test]
fn t3_end_point_follows_the_issuers_signature() {
    for (algorithm, hash) in [
        (
            &rcgen::PKCS_ECDSA_P256_SHA256,
            (|der: &[u8]| Some(Sha256::digest(der).to_vec())) as fn(&[u8]) -> Option<Vec<u8>>,
        ),
        (&rcgen::PKCS_ECDSA_P384_SHA384, |der| {
            Some(Sha384::digest(der).to_vec())
        }),
        (&rcgen::PKCS_ED25519, |_| None),
    ] {
        let authority = Authority::new(algorithm);
        let context = TlsContext::new(authority.trust()).unwrap();
        let server = authority.issue(DOMAIN, |_| {});
        for resumed in [false, true] {
            let pair = Pair::connected(&context, &server, params(TlsVersions::Default));
            assert_eq!(pair.established().resumed, resumed);
            assert_eq!(
                pair.established().tls_server_end_point,
                hash(&server.certificate)
            );
        }
    }
}

#[test]
fn roots_come_from_pem_too_and_must_be_certificates() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    assert!(danger::Roots::from_pem(certificate.pem().as_bytes()).is_ok());
    for bad in [
        "",
        "no pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        assert_eq!(
            danger::Roots::from_pem(bad.as_bytes()).map(drop),
            Err(TlsError::InvalidTrustAnchor)
        );
    }
}

/// Like the platform's verifier on Android before it is initialised.
#[derive(Debug)]
struct Panics;

impl ServerCertVerifier for Panics {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        panic!("not initialised");
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        panic!("not asked");
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        panic!("not asked");
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        panic!("not asked");
    }
}

#[test]
fn t10_a_panicking_verifier_is_a_typed_error() {
    let (_, server) = world();
    let context = TlsContext::with_judge(
        Arc::new(Panics),
        Arc::new(rustls::crypto::ring::default_provider()),
        Arc::new(MemoryTickets::default()),
    );
    let mut pair = Pair::new(&context, &server, params(TlsVersions::Default));
    assert_eq!(pair.run(), Err(TlsError::VerifierUnavailable));
    assert!(!TlsError::VerifierUnavailable.is_retryable());
    assert_eq!(pair.client.take_output(), b"");
}

#[test]
fn t1_the_verifier_refuses_when_no_session_is_listening() {
    let (context, server) = world();
    let verdict = context.verifier().verify_server_cert(
        &server.certificate,
        &[],
        &ServerName::try_from(DOMAIN).unwrap(),
        &[],
        UnixTime::now(),
    );
    assert!(verdict.is_err());
}

#[test]
fn requests_can_be_judged_elsewhere() {
    fn sendable<T: Send>() {}
    fn shareable<T: Send + Sync + Clone>() {}
    sendable::<VerificationRequest>();
    sendable::<TlsSession>();
    shareable::<TlsContext>();

    let (context, server) = world();
    let mut pair = Pair::new(&context, &server, params(TlsVersions::Default));
    pair.carry_to_server();
    pair.carry_to_client().unwrap();
    let request = pair.request.take().unwrap();
    let verdict = std::thread::spawn(move || request.verify()).join().unwrap();
    assert_eq!(verdict, Ok(()));
}

const XMPP_ADDR: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 8, 5];
const DNS_SRV: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 8, 7];

fn other_name(kind: &[u64], value: &str) -> SanType {
    SanType::OtherName((kind.to_vec(), OtherNameValue::Utf8String(value.to_owned())))
}

#[test]
fn t1_names_of_xmpp_alone_are_refused_with_an_error_that_says_so() {
    let authority = Authority::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let context = TlsContext::new(authority.trust()).unwrap();
    let table = [
        (other_name(&XMPP_ADDR, DOMAIN), true),
        (other_name(&XMPP_ADDR, "CHAT.example"), true),
        (other_name(&DNS_SRV, "_xmpp-client.chat.example"), true),
        (other_name(&DNS_SRV, "_XMPPS-client.Chat.Example"), true),
        (other_name(&XMPP_ADDR, "other.example"), false),
        (other_name(&XMPP_ADDR, "juliet@chat.example"), false),
        (other_name(&DNS_SRV, "_xmpp-server.chat.example"), false),
        (other_name(&DNS_SRV, "chat.example"), false),
        (other_name(&[1, 3, 6, 1], DOMAIN), false),
    ];
    for (name, is_ours) in table {
        let printed = format!("{name:?}");
        // A first name that is neither: the search goes on.
        let server = authority.issue("other.example", |params| {
            params.subject_alt_names.push(name);
        });
        let expected = match is_ours {
            true => CertificateError::XmppNameOnly,
            false => CertificateError::NotValidForName,
        };
        assert_eq!(refusal(&context, &server), expected, "{printed}");
    }
}

#[test]
fn t10_any_prefix_of_a_certificate_is_searched_for_names_without_a_panic() {
    let authority = Authority::new(&rcgen::PKCS_ECDSA_P256_SHA256);
    let server = authority.issue("other.example", |params| {
        let name = other_name(&XMPP_ADDR, DOMAIN);
        params.subject_alt_names.push(name);
    });
    let domain = ServerName::try_from(DOMAIN).unwrap();
    let whole = server.certificate.as_ref();
    assert!(has_xmpp_name(whole, &domain));
    for length in 0..whole.len() {
        has_xmpp_name(&whole[..length], &domain);
        let mut flipped = whole.to_vec();
        flipped[length] ^= 0x80;
        has_xmpp_name(&flipped, &domain);
    }
}

#[test]
fn t13_a_request_shows_the_chain_and_the_key() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([DOMAIN.to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let (context, _) = world();
    let server = Server::new(certificate.der().clone(), &key);
    let mut pair = Pair::new(&context, &server, params(TlsVersions::Default));
    pair.carry_to_server();
    pair.carry_to_client().unwrap();
    let presented = pair.request.as_ref().unwrap().presented().unwrap();
    assert_eq!(presented.chain, [certificate.der().to_vec()]);
    let spki: [u8; 32] = Sha256::digest(key.subject_public_key_info()).into();
    assert_eq!(presented.spki_sha256, spki);
    // Until the verdict nothing is sent, whatever it will be.
    assert_eq!(pair.client.take_output(), b"");
    // The app's trust in the key takes the place of the verifier's.
    pair.client.certificate_verified(Ok(())).unwrap();
    pair.poll();
    assert_eq!(pair.established().spki_sha256, spki);
}
