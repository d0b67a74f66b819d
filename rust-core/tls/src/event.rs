//! The events of a TLS connection, and the results of its handshake.

use std::fmt;

use crate::deferred::VerificationRequest;
use crate::{EarlyData, TlsVersion};

/// An event of the session.
#[derive(Debug)]
pub enum TlsEvent {
    /// This certificate has to be verified; the result goes to
    /// [`TlsSession::certificate_verified`](crate::TlsSession::certificate_verified).
    VerifyCertificate(VerificationRequest),
    /// The handshake is complete and the peer's identity is verified.
    Established(Established),
    /// Data from the peer.
    Plaintext(Vec<u8>),
    /// The peer sends no more data.
    CloseNotify,
}

/// The results of the handshake.
#[derive(Clone, PartialEq, Eq)]
pub struct Established {
    /// The protocol version.
    pub version: TlsVersion,
    /// Whether a ticket replaced the certificate.
    pub resumed: bool,
    /// The fate of early data. If rejected, none of it was read and it must be sent again.
    pub early_data: EarlyData,
    /// Channel binding tls-exporter (RFC 9266). It must not be logged.
    pub tls_exporter: Option<[u8; 32]>,
    /// Channel binding tls-server-end-point (RFC 5929), where defined.
    pub tls_server_end_point: Option<Vec<u8>>,
    /// SHA-256 of the public key (SubjectPublicKeyInfo) of the certificate.
    pub spki_sha256: [u8; 32],
    /// Whether the server selected the offered ALPN protocol. Servers that ignore ALPN are common, and legitimate.
    pub alpn_ok: bool,
    /// Name of the cipher suite, for the timeline.
    pub cipher_suite: &'static str,
    /// Name of the key exchange group, for the timeline; none in a resumed TLS 1.2 handshake.
    pub key_exchange: Option<&'static str>,
}

impl fmt::Debug for Established {
    /// Leaves out the channel bindings: the exporter is a secret of the connection.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Established")
            .field("version", &self.version)
            .field("resumed", &self.resumed)
            .field("early_data", &self.early_data)
            .field("alpn_ok", &self.alpn_ok)
            .field("cipher_suite", &self.cipher_suite)
            .field("key_exchange", &self.key_exchange)
            .finish_non_exhaustive()
    }
}
