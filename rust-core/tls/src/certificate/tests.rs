//! The expected hashes were computed with `openssl dgst` over the fixtures.

use super::*;
use snapback_types::hex;

const RSA_SHA256: &[u8] = include_bytes!("fixtures/rsa_sha256.der");
const RSA_SHA512: &[u8] = include_bytes!("fixtures/rsa_sha512.der");
const RSA_SHA1: &[u8] = include_bytes!("fixtures/rsa_sha1.der");
const RSA_PSS_SHA384: &[u8] = include_bytes!("fixtures/rsa_pss_sha384.der");

fn end_point_hex(certificate: &[u8]) -> String {
    hex::encode(&end_point(certificate).expect("defined"))
}

#[test]
fn t3_end_point_uses_the_hash_of_the_signature() {
    assert_eq!(
        end_point_hex(RSA_SHA256),
        "a7550d0bd85342852c74229ee2e8274a775ee547b8dba2477380d92949ec9ac9"
    );
    assert_eq!(
        end_point_hex(RSA_SHA512),
        "60e97a2672d0b2117657a73b9c10010283b45540d82443253477fcea11dbba42\
         4be6cfe2247b33f4aa1c02c4c20bef1c2c13ea1abb50366e284fe35b54c43242"
    );
    assert_eq!(
        end_point_hex(RSA_PSS_SHA384),
        "2744f3f330fc7270bd18b7444a3bbe0175811e7683a014b6606b90d08cb4388e\
         ba544ed2331c51e0dc157092c1eaee0d"
    );
}

#[test]
fn t3_end_point_replaces_sha1_by_sha256() {
    assert_eq!(
        end_point_hex(RSA_SHA1),
        "9956852f41806793ef5ebfdfcb598ffea76d647e0996dd2158803beb5a0dd225"
    );
}

#[test]
fn s3_public_key_hash_covers_the_whole_key_info() {
    let identity = PeerIdentity::of(&CertificateDer::from(RSA_SHA256)).expect("parses");
    assert_eq!(
        hex::encode(&identity.spki_sha256),
        "f1243a08ae78dc6d7ed4562b5c5cdfa54280db9f36ab6a61760bf60c6a48d8f6"
    );
}

#[test]
fn damaged_certificates_have_no_end_point_and_do_no_harm() {
    for length in 0..RSA_SHA256.len() {
        assert_eq!(end_point(&RSA_SHA256[..length]), None);
    }
    for header in [
        &[0x30, 0x80][..],
        &[0x30, 0x85, 1, 1, 1, 1, 1],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert_eq!(end_point(header), None);
    }
    assert_eq!(
        PeerIdentity::of(&CertificateDer::from(&RSA_SHA256[..100])),
        Err(TlsError::CertificateInvalid(CertificateError::BadEncoding))
    );
}
