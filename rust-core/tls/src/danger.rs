//! Custom trust anchors instead of the platform's. **For tests and private networks.**
//!
//! The holder of such a root's key can impersonate every server to this app, and the platform's revocation and
//! certificate transparency checks do not apply.

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::TlsError;

/// A set of trust anchors that replaces the platform's.
#[derive(Clone, Debug)]
pub struct Roots {
    store: RootCertStore,
}

impl Roots {
    /// Trusts these certificates, each in DER.
    ///
    /// # Errors
    /// [`TlsError::InvalidTrustAnchor`] if there is none, or one is not a certificate.
    pub fn from_der<'a>(
        certificates: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        for der in certificates {
            store
                .add(CertificateDer::from(der.to_vec()))
                .map_err(|_| TlsError::InvalidTrustAnchor)?;
        }
        if store.is_empty() {
            return Err(TlsError::InvalidTrustAnchor);
        }
        Ok(Self { store })
    }

    /// Trusts every certificate of a PEM file.
    ///
    /// # Errors
    /// [`TlsError::InvalidTrustAnchor`] if there is none, or one is not a certificate.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TlsError> {
        let certificates = CertificateDer::pem_slice_iter(pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| TlsError::InvalidTrustAnchor)?;
        Self::from_der(certificates.iter().map(AsRef::as_ref))
    }

    pub(crate) fn into_store(self) -> RootCertStore {
        self.store
    }
}
