//! Certificate verification as a step of its own, outside the handshake (rules T1, T11).
//!
//! rustls calls its verifier in the middle of the handshake and resumes only with the same verifier `Arc`, so there is
//! one [`DeferredVerifier`] per trust configuration. It checks the handshake's signatures at once, but only records the
//! certificate chain: in a slot of the calling thread that [`capture`] opened around the call into rustls, which is
//! synchronous. The session takes the record and requests the verification. Called outside of a `capture`, the verifier
//! refuses.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::certificate::{PeerIdentity, names};
use crate::{CertificateError, KeyHash};

/// The certificate chain of the peer, as recorded inside the handshake.
struct Chain {
    end_entity: CertificateDer<'static>,
    intermediates: Vec<CertificateDer<'static>>,
    server_name: ServerName<'static>,
    ocsp_response: Vec<u8>,
    now: UnixTime,
}

enum Slot {
    /// No session is running on this thread.
    Shut,
    /// A session is inside rustls.
    Open,
    /// The handshake reached the certificate.
    Noted(Box<VerificationRequest>),
}

thread_local! {
    static SLOT: RefCell<Slot> = const { RefCell::new(Slot::Shut) };
}

/// Runs `f`, a call into rustls, and returns the certificate that was recorded during it, if any.
pub(crate) fn capture<T>(f: impl FnOnce() -> T) -> (T, Option<Box<VerificationRequest>>) {
    SLOT.replace(Slot::Open);
    let value = f();
    let noted = match SLOT.replace(Slot::Shut) {
        Slot::Noted(request) => Some(request),
        Slot::Open | Slot::Shut => None,
    };
    (value, noted)
}

/// The one verifier that rustls calls. It never accepts a certificate finally: the session verifies it later.
#[derive(Debug)]
pub(crate) struct DeferredVerifier {
    judge: Arc<dyn ServerCertVerifier>,
    provider: Arc<CryptoProvider>,
}

impl DeferredVerifier {
    pub(crate) fn new(judge: Arc<dyn ServerCertVerifier>, provider: Arc<CryptoProvider>) -> Self {
        Self { judge, provider }
    }
}

impl ServerCertVerifier for DeferredVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let request = VerificationRequest {
            judge: Arc::clone(&self.judge),
            chain: Chain {
                end_entity: end_entity.clone().into_owned(),
                intermediates: intermediates
                    .iter()
                    .map(|c| c.clone().into_owned())
                    .collect(),
                server_name: server_name.to_owned(),
                ocsp_response: ocsp_response.to_vec(),
                now,
            },
        };
        SLOT.with_borrow_mut(|slot| match slot {
            Slot::Open => {
                *slot = Slot::Noted(Box::new(request));
                Ok(ServerCertVerified::assertion())
            }
            // No caller would request the verification, or there would be two certificates for one result.
            Slot::Shut | Slot::Noted(_) => Err(Error::InvalidCertificate(
                rustls::CertificateError::ApplicationVerificationFailure,
            )),
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// A certificate that waits for its verification. Move it to a thread that may block, call [`verify`](Self::verify)
/// there, and pass the result to [`TlsSession::certificate_verified`](crate::TlsSession::certificate_verified).
pub struct VerificationRequest {
    judge: Arc<dyn ServerCertVerifier>,
    chain: Chain,
}

/// The certificates that a server showed, for an app that asks its user about them.
#[derive(Clone, PartialEq, Eq)]
pub struct Presented {
    /// The certificates in DER, the server's own first, as sent: their order and their relation are not checked.
    pub chain: Vec<Vec<u8>>,
    /// SHA-256 of the public key (SubjectPublicKeyInfo) of the first.
    pub spki_sha256: KeyHash,
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("certificates", &self.chain.len())
            .finish_non_exhaustive()
    }
}

impl VerificationRequest {
    /// Returns the certificates; `None` if the first one is malformed, which no verifier accepts.
    #[must_use]
    pub fn presented(&self) -> Option<Presented> {
        let identity = PeerIdentity::of(&self.chain.end_entity).ok()?;
        let chain = std::iter::once(&self.chain.end_entity).chain(&self.chain.intermediates);
        Some(Presented {
            chain: chain.map(|one| one.to_vec()).collect(),
            spki_sha256: identity.spki_sha256,
        })
    }

    /// Verifies the certificate against the trust configuration. May block, for JNI or for the network.
    ///
    /// # Errors
    /// Why the certificate is not trusted; [`CertificateError::VerifierUnavailable`] if it could not be checked, which
    /// includes a verifier that panics (the platform's does so on Android when it was not initialised).
    pub fn verify(self) -> Result<(), CertificateError> {
        let Self { judge, chain } = self;
        // `self` is consumed: no state survives a panic half-changed.
        let verdict = catch_unwind(AssertUnwindSafe(|| {
            judge.verify_server_cert(
                &chain.end_entity,
                &chain.intermediates,
                &chain.server_name,
                &chain.ocsp_response,
                chain.now,
            )
        }));
        match verdict {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(Error::InvalidCertificate(e))) => Err(match e.into() {
                CertificateError::NotValidForName
                    if names::has_xmpp_name(&chain.end_entity, &chain.server_name) =>
                {
                    CertificateError::XmppNameOnly
                }
                error => error,
            }),
            Ok(Err(Error::General(_))) | Err(_) => Err(CertificateError::VerifierUnavailable),
            Ok(Err(_)) => Err(CertificateError::Other),
        }
    }
}

impl fmt::Debug for VerificationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationRequest")
            .field("intermediates", &self.chain.intermediates.len())
            .finish_non_exhaustive()
    }
}
