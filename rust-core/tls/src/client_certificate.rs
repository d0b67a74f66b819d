//! A certificate of the client, for SASL EXTERNAL (XEP-0178).

use std::fmt;
use std::sync::Arc;

use rustls::client::ResolvesClientCert;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::TlsError;

/// A certificate of the client, and its private key. `Debug` prints neither.
#[derive(Clone)]
pub struct ClientCertificate(Arc<CertifiedKey>);

impl ClientCertificate {
    /// Reads a certificate, with the certificates of its issuers after it, and its private key: PKCS #8, PKCS #1 or SEC 1.
    /// RSA, ECDSA (P-256, P-384) and Ed25519 are supported.
    ///
    /// # Errors
    ///
    /// Fails with [`TlsError::InvalidClientCertificate`] if there is no certificate or no key, or if the key is unsupported or
    /// belongs to another certificate.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        const INVALID: TlsError = TlsError::InvalidClientCertificate;
        let chain = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| INVALID)?;
        if chain.is_empty() {
            return Err(INVALID);
        }
        // Its buffer is wiped when it is dropped (rule T9).
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| INVALID)?;
        let key = CertifiedKey::from_der(chain, key, &ring::default_provider());
        key.map(|key| Self(Arc::new(key))).map_err(|_| INVALID)
    }

    pub(crate) fn into_resolver(self) -> Arc<dyn ResolvesClientCert> {
        Arc::new(SingleCertAndKey::from(self.0))
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientCertificate(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> (String, String) {
        let signed = rcgen::generate_simple_self_signed(["juliet".to_owned()]).unwrap();
        (signed.cert.pem(), signed.signing_key.serialize_pem())
    }

    #[test]
    fn t9_a_certificate_and_its_key_are_read_and_not_printed() {
        let (certificate, key) = signed();
        let read = ClientCertificate::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        assert_eq!(format!("{read:?}"), "ClientCertificate(..)");
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let (certificate, key) = signed();
        let (_, other) = signed();
        for (chain, key) in [
            (certificate.as_str(), other.as_str()),
            (certificate.as_str(), ""),
            ("", key.as_str()),
            (key.as_str(), certificate.as_str()),
        ] {
            let refused = ClientCertificate::from_pem(chain.as_bytes(), key.as_bytes());
            assert_eq!(refused.unwrap_err(), TlsError::InvalidClientCertificate);
        }
    }
}
