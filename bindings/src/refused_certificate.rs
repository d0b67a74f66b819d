//! Certificates that were refused.

use snapback_client as core;
use snapback_client::KeyHash;

use crate::ending::CertificateProblem;

/// A certificate that was refused.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct RefusedCertificate {
    /// Why it was refused.
    pub problem: CertificateProblem,
    /// The certificates in DER, the server's own first, as sent.
    pub chain: Vec<Vec<u8>>,
    /// SHA-256 of the public key (SubjectPublicKeyInfo) of the first: 32 bytes.
    pub key: Vec<u8>,
    /// Whether `trust_key` accepts the key.
    pub may_be_trusted: bool,
}

impl RefusedCertificate {
    pub(crate) fn new(
        problem: core::CertificateError,
        chain: &[Vec<u8>],
        key: KeyHash,
        may_be_trusted: bool,
    ) -> Self {
        Self {
            problem: problem.into(),
            chain: chain.to_vec(),
            key: key.to_vec(),
            may_be_trusted,
        }
    }
}
