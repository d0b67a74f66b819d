//! Errors of TLS, and which side caused them. All texts are safe to log.

use std::fmt;

use rustls::Error as RustlsError;

/// Why a session failed or a call was refused.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum TlsError {
    /// The peer's certificate was checked and refused.
    CertificateInvalid(CertificateError),
    /// The certificate could not be checked: the platform's verifier is missing, uninitialised or has no trust anchors.
    VerifierUnavailable,
    /// The handshake ended without a verified certificate and without a ticket that identifies the peer. Refused.
    CertificateUnchecked,
    /// The peer violated the protocol.
    PeerMisbehaved(rustls::PeerMisbehaved),
    /// The peer does not support a required feature.
    PeerIncompatible(rustls::PeerIncompatible),
    /// The peer sent something that is not TLS.
    InvalidMessage(rustls::InvalidMessage),
    /// The peer sent a message that is not allowed in this state.
    UnexpectedMessage,
    /// The peer sent a record or a handshake message over the size limit.
    Oversized,
    /// The peer sent more than is buffered while its certificate is being checked.
    TooMuchBeforeVerdict,
    /// The peer sent no certificate.
    NoCertificate,
    /// A record failed authentication.
    Decrypt,
    /// The peer ended the session with this alert.
    AlertReceived(Alert),
    /// The transport ended without `close_notify`: the end of the data cannot be trusted.
    Truncated,
    /// The session was closed by us.
    Closed,
    /// The name is neither a DNS name in A-label form nor an IP address.
    InvalidServerName,
    /// A given trust anchor is not a certificate.
    InvalidTrustAnchor,
    /// A given client certificate cannot be used: it is none, or its key is missing, unsupported or another one's.
    InvalidClientCertificate,
    /// The system clock or its random source failed.
    SystemUnavailable,
    /// A method was called in the wrong order.
    ApiMisuse(ApiMisuse),
    /// The TLS library reported an error that a client session should never have.
    Library,
}

impl TlsError {
    /// Returns whether the same attempt may succeed later without a change of settings.
    ///
    /// Most certificate errors are retryable, and so is a peer without a required feature: an intercepting hotspot,
    /// with its certificate or its old TLS, causes the same errors, and phones leave hotspots.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::CertificateInvalid(CertificateError::Revoked) => false,
            Self::CertificateInvalid(_)
            | Self::PeerMisbehaved(_)
            | Self::PeerIncompatible(_)
            | Self::InvalidMessage(_)
            | Self::UnexpectedMessage
            | Self::Oversized
            | Self::TooMuchBeforeVerdict
            | Self::NoCertificate
            | Self::Decrypt
            | Self::AlertReceived(_)
            | Self::Truncated
            | Self::SystemUnavailable => true,
            Self::VerifierUnavailable
            | Self::CertificateUnchecked
            | Self::Closed
            | Self::InvalidServerName
            | Self::InvalidTrustAnchor
            | Self::InvalidClientCertificate
            | Self::ApiMisuse(_)
            | Self::Library => false,
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CertificateInvalid(e) => write!(f, "certificate refused: {e}"),
            Self::VerifierUnavailable => f.write_str("no certificate verifier available"),
            Self::CertificateUnchecked => {
                f.write_str("handshake ended with the certificate unchecked")
            }
            Self::PeerMisbehaved(e) => write!(f, "peer misbehaved: {e:?}"),
            Self::PeerIncompatible(e) => write!(f, "peer incompatible: {e:?}"),
            Self::InvalidMessage(e) => write!(f, "invalid TLS message: {e:?}"),
            Self::UnexpectedMessage => f.write_str("unexpected TLS message"),
            Self::Oversized => f.write_str("oversized TLS message"),
            Self::TooMuchBeforeVerdict => {
                f.write_str("too much data before the certificate was judged")
            }
            Self::NoCertificate => f.write_str("peer showed no certificate"),
            Self::Decrypt => f.write_str("TLS record failed authentication"),
            Self::AlertReceived(alert) => write!(f, "peer sent alert {alert}"),
            Self::Truncated => f.write_str("connection ended without close_notify"),
            Self::Closed => f.write_str("session closed"),
            Self::InvalidServerName => f.write_str("invalid server name"),
            Self::InvalidTrustAnchor => f.write_str("invalid trust anchor"),
            Self::InvalidClientCertificate => f.write_str("invalid client certificate or key"),
            Self::SystemUnavailable => f.write_str("system clock or random source unavailable"),
            Self::ApiMisuse(e) => write!(f, "API misuse: {e}"),
            Self::Library => f.write_str("unexpected error of the TLS library"),
        }
    }
}

impl std::error::Error for TlsError {}

impl From<RustlsError> for TlsError {
    fn from(error: RustlsError) -> Self {
        match error {
            RustlsError::InvalidCertificate(e) => Self::CertificateInvalid(e.into()),
            RustlsError::NoCertificatesPresented => Self::NoCertificate,
            RustlsError::PeerMisbehaved(e) => Self::PeerMisbehaved(e),
            RustlsError::PeerIncompatible(e) => Self::PeerIncompatible(e),
            RustlsError::InvalidMessage(e) => Self::InvalidMessage(e),
            RustlsError::InappropriateMessage { .. }
            | RustlsError::InappropriateHandshakeMessage { .. } => Self::UnexpectedMessage,
            RustlsError::PeerSentOversizedRecord => Self::Oversized,
            RustlsError::DecryptError => Self::Decrypt,
            RustlsError::AlertReceived(alert) => Self::AlertReceived(Alert(alert.into())),
            RustlsError::FailedToGetCurrentTime | RustlsError::FailedToGetRandomBytes => {
                Self::SystemUnavailable
            }
            RustlsError::UnsupportedNameType => Self::InvalidServerName,
            _ => Self::Library,
        }
    }
}

impl From<CertificateError> for TlsError {
    fn from(error: CertificateError) -> Self {
        match error {
            CertificateError::VerifierUnavailable => Self::VerifierUnavailable,
            other => Self::CertificateInvalid(other),
        }
    }
}

impl From<ApiMisuse> for TlsError {
    fn from(misuse: ApiMisuse) -> Self {
        Self::ApiMisuse(misuse)
    }
}

/// Why a certificate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// After its validity period.
    Expired,
    /// Before its validity period; often the phone's clock is wrong.
    NotYetValid,
    /// Issued for other names.
    NotValidForName,
    /// It names the domain, but only by SRVName (RFC 4985) or xmppAddr (RFC 6120 section 13.7.1.4). Only DNS names are
    /// checked: a certificate authority of the web issues no others.
    XmppNameOnly,
    /// It has none of the keys that the user or the app demands (rule T13).
    KeyNotAllowed,
    /// No path to a trust anchor.
    UnknownIssuer,
    /// Revoked by its issuer.
    Revoked,
    /// Revocation could not be checked, and the verifier requires it.
    RevocationUnknown,
    /// Not a well-formed certificate.
    BadEncoding,
    /// A signature in the path or in the handshake is wrong.
    BadSignature,
    /// The verifier itself failed: it panicked, was never initialised, or has no trust store.
    VerifierUnavailable,
    /// Refused for another reason (key usage, unsupported algorithm, constraints).
    Other,
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "expired",
            Self::NotYetValid => "not yet valid",
            Self::NotValidForName => "not valid for this name",
            Self::XmppNameOnly => "names the domain by SRVName or xmppAddr only",
            Self::KeyNotAllowed => "without a key that is demanded",
            Self::UnknownIssuer => "unknown issuer",
            Self::Revoked => "revoked",
            Self::RevocationUnknown => "revocation status unknown",
            Self::BadEncoding => "malformed",
            Self::BadSignature => "bad signature",
            Self::VerifierUnavailable => "verifier unavailable",
            Self::Other => "refused by the verifier",
        })
    }
}

impl std::error::Error for CertificateError {}

impl From<rustls::CertificateError> for CertificateError {
    fn from(error: rustls::CertificateError) -> Self {
        use rustls::CertificateError as Rustls;
        match error {
            Rustls::Expired | Rustls::ExpiredContext { .. } => Self::Expired,
            Rustls::NotValidYet | Rustls::NotValidYetContext { .. } => Self::NotYetValid,
            Rustls::NotValidForName | Rustls::NotValidForNameContext { .. } => {
                Self::NotValidForName
            }
            Rustls::UnknownIssuer => Self::UnknownIssuer,
            Rustls::Revoked => Self::Revoked,
            Rustls::UnknownRevocationStatus
            | Rustls::ExpiredRevocationList
            | Rustls::ExpiredRevocationListContext { .. }
            | Rustls::InvalidOcspResponse => Self::RevocationUnknown,
            Rustls::BadEncoding => Self::BadEncoding,
            Rustls::BadSignature => Self::BadSignature,
            _ => Self::Other,
        }
    }
}

/// An alert from the peer, by its number in the IANA registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert(pub u8);

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match rustls::AlertDescription::from(self.0).as_str() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A call in the wrong order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ApiMisuse {
    /// Plaintext was written before `Established`.
    WriteBeforeEstablished,
    /// Plaintext was written after `close`.
    WriteAfterClose,
    /// A verification result was passed that was not requested.
    VerdictNotAwaited,
}

impl fmt::Display for ApiMisuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WriteBeforeEstablished => "write before the session was established",
            Self::WriteAfterClose => "write after close",
            Self::VerdictNotAwaited => "a certificate verdict that was not requested",
        })
    }
}
