//! What channel binding and pinning need from a certificate: tls-server-end-point (RFC 5929 section 4) and the hash of
//! its public key.

use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::{CertificateError, TlsError};

pub(crate) mod names;

/// The peer's identity, from its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PeerIdentity {
    pub(crate) end_point: Option<Vec<u8>>,
    pub(crate) spki_sha256: [u8; 32],
}

impl PeerIdentity {
    pub(crate) fn of(leaf: &CertificateDer<'_>) -> Result<Self, TlsError> {
        let parsed = ParsedCertificate::try_from(leaf)
            .map_err(|_| TlsError::CertificateInvalid(CertificateError::BadEncoding))?;
        Ok(Self {
            end_point: end_point(leaf),
            spki_sha256: Sha256::digest(parsed.subject_public_key_info()).into(),
        })
    }
}

/// Returns tls-server-end-point: the certificate, hashed as its own signature is, but never with MD5 or SHA-1.
/// Undefined for signature algorithms without one such hash, like Ed25519.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    Some(match signature_hash(certificate)? {
        Hash::Sha224 => Sha224::digest(certificate).to_vec(),
        Hash::Sha256 => Sha256::digest(certificate).to_vec(),
        Hash::Sha384 => Sha384::digest(certificate).to_vec(),
        Hash::Sha512 => Sha512::digest(certificate).to_vec(),
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hash {
    Sha224,
    /// Replaces MD5 and SHA-1, too.
    Sha256,
    Sha384,
    Sha512,
}

const SEQUENCE: u8 = 0x30;
const OID: u8 = 0x06;
const CONTEXT_0: u8 = 0xa0;

/// Returns the hash in `Certificate.signatureAlgorithm` (RFC 5280 section 4.1.1.2).
fn signature_hash(certificate: &[u8]) -> Option<Hash> {
    let mut outer = certificate;
    let mut body = take(&mut outer, SEQUENCE)?;
    take(&mut body, SEQUENCE)?; // tbsCertificate
    let mut algorithm = take(&mut body, SEQUENCE)?;
    let oid = take(&mut algorithm, OID)?;
    match oid {
        // RSASSA-PSS names its hash in its parameters (RFC 4055).
        RSASSA_PSS => pss_hash(algorithm),
        _ => SIGNATURES
            .iter()
            .find_map(|(known, hash)| (*known == oid).then_some(*hash)),
    }
}

fn pss_hash(mut parameters: &[u8]) -> Option<Hash> {
    let mut parameters = take(&mut parameters, SEQUENCE)?;
    if parameters.first() != Some(&CONTEXT_0) {
        return Some(Hash::Sha256); // the default is SHA-1
    }
    let mut tagged = take(&mut parameters, CONTEXT_0)?;
    let mut algorithm = take(&mut tagged, SEQUENCE)?;
    let oid = take(&mut algorithm, OID)?;
    HASHES
        .iter()
        .find_map(|(known, hash)| (*known == oid).then_some(*hash))
}

// 1.2.840.113549.1.1.n (PKCS #1), 1.2.840.10045.4.n (ECDSA)
const RSASSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
const SIGNATURES: &[(&[u8], Hash)] = &[
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 4], Hash::Sha256), // MD5
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], Hash::Sha256), // SHA-1
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 14],
        Hash::Sha224,
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11],
        Hash::Sha256,
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12],
        Hash::Sha384,
    ),
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13],
        Hash::Sha512,
    ),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1], Hash::Sha256), // SHA-1
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 1], Hash::Sha224),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2], Hash::Sha256),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3], Hash::Sha384),
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4], Hash::Sha512),
];
// 1.3.14.3.2.26 (SHA-1), 2.16.840.1.101.3.4.2.n
const HASHES: &[(&[u8], Hash)] = &[
    (&[0x2b, 14, 3, 2, 26], Hash::Sha256),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 4], Hash::Sha224),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], Hash::Sha256),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2], Hash::Sha384),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], Hash::Sha512),
];

/// Removes one DER value with this tag from the front and returns its contents.
fn take<'a>(input: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let mut after = *input;
    let (found, contents) = take_any(&mut after)?;
    if found != tag {
        return None;
    }
    *input = after;
    Some(contents)
}

/// Removes one DER value from the front and returns its tag and its contents.
fn take_any<'a>(input: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&[tag, first], mut rest) = input.split_first_chunk::<2>()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        // Certificates are below 64 KiB in TLS 1.2 and in rustls; four bytes are enough.
        let width = usize::from(first & 0x7f);
        if width == 0 || width > 4 {
            return None;
        }
        let (bytes, after) = rest.split_at_checked(width)?;
        rest = after;
        bytes.iter().try_fold(0_usize, |sum, byte| {
            sum.checked_mul(256)?.checked_add(usize::from(*byte))
        })?
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    *input = rest;
    Some((tag, contents))
}

#[cfg(test)]
mod tests;
