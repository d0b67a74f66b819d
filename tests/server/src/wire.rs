//! The layer between the socket and the XML stream: cleartext, TLS, or pretended TLS.

use std::borrow::Cow;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection};

use crate::observe::TlsRecord;

/// How a connection starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// XML, then `<starttls/>`.
    StartTls,
    /// TLS from the first byte (XEP-0368).
    DirectTls,
}

/// TLS facts for runs without TLS: bytes stay plain, the stream counts as encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PretendTls {
    /// The value of `tls-exporter` on both sides.
    pub exporter: Vec<u8>,
    /// The value of `tls-server-end-point` on both sides.
    pub end_point: Vec<u8>,
    /// Whether a ticket was used.
    pub resumed: bool,
}

/// The bytes that the layer returned.
#[derive(Debug, Default)]
pub(crate) struct Plain<'w> {
    pub(crate) early: Cow<'w, [u8]>,
    pub(crate) bytes: Cow<'w, [u8]>,
    pub(crate) closed: bool,
}

/// The current layer.
#[derive(Debug)]
pub(crate) enum Wire {
    Clear,
    Tls(Box<ServerConnection>),
    Pretend(PretendTls),
}

impl Wire {
    pub(crate) fn tls(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        let mut connection = ServerConnection::new(config)?;
        // rustls would drop what exceeds 64 KiB at once.
        connection.set_buffer_limit(None);
        Ok(Self::Tls(Box::new(connection)))
    }

    pub(crate) fn is_secure(&self) -> bool {
        !matches!(self, Self::Clear)
    }

    /// Takes bytes from the socket. After a TLS failure an alert is still to be sent.
    pub(crate) fn read<'w>(&mut self, mut wire: &'w [u8]) -> Result<Plain<'w>, rustls::Error> {
        let mut plain = Plain::default();
        let Self::Tls(tls) = self else {
            plain.bytes = Cow::Borrowed(wire);
            return Ok(plain);
        };
        while !wire.is_empty() {
            let read = tls
                .read_tls(&mut wire)
                .map_err(|error| rustls::Error::General(error.to_string()))?;
            let state = tls.process_new_packets()?;
            if let Some(mut early) = tls.early_data() {
                // Reading from memory cannot fail; an empty buffer reads as nothing.
                let _ = early.read_to_end(plain.early.to_mut());
            }
            let available = state.plaintext_bytes_to_read();
            let bytes = plain.bytes.to_mut();
            let start = bytes.len();
            bytes.resize(start + available, 0);
            if let Some(target) = bytes.get_mut(start..) {
                tls.reader()
                    .read_exact(target)
                    .map_err(|error| rustls::Error::General(error.to_string()))?;
            }
            plain.closed |= state.peer_has_closed();
            if read == 0 {
                break;
            }
        }
        Ok(plain)
    }

    /// Encrypts plaintext for the client, and also flushes TLS's own output.
    pub(crate) fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Clear | Self::Pretend(_) => out.extend_from_slice(plain),
            Self::Tls(tls) => {
                // Without a limit on its buffer, writing to memory cannot fail.
                let _ = tls.writer().write_all(plain);
                while tls.wants_write() {
                    if tls.write_tls(out).is_err() {
                        break;
                    }
                }
            }
        }
    }

    pub(crate) fn close_notify(&mut self) {
        if let Self::Tls(tls) = self {
            tls.send_close_notify();
        }
    }

    /// Returns whether the server's flight after ClientHello has been produced.
    pub(crate) fn has_answered_hello(&self) -> bool {
        match self {
            Self::Clear => false,
            Self::Pretend(_) => true,
            Self::Tls(tls) => tls.protocol_version().is_some(),
        }
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.is_handshaking())
    }

    pub(crate) fn is_tls13(&self) -> bool {
        match self {
            Self::Clear => false,
            Self::Pretend(_) => true,
            Self::Tls(tls) => tls.protocol_version() == Some(ProtocolVersion::TLSv1_3),
        }
    }

    pub(crate) fn record(&mut self) -> Option<TlsRecord> {
        match self {
            Self::Clear => None,
            Self::Pretend(pretend) => Some(TlsRecord {
                version: "1.3",
                resumed: pretend.resumed,
                early_data: false,
                sni: None,
                alpn: None,
            }),
            Self::Tls(tls) => {
                let early_data = tls.early_data().is_some();
                let version = match tls.protocol_version()? {
                    ProtocolVersion::TLSv1_3 => "1.3",
                    _ => "1.2",
                };
                Some(TlsRecord {
                    version,
                    resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
                    early_data,
                    sni: tls.server_name().map(str::to_owned),
                    alpn: tls
                        .alpn_protocol()
                        .map(|alpn| String::from_utf8_lossy(alpn).into_owned()),
                })
            }
        }
    }

    /// Returns the client's certificate, which has been verified.
    pub(crate) fn client_certificate(&self) -> Option<&[u8]> {
        match self {
            Self::Tls(tls) => tls.peer_certificates()?.first().map(AsRef::as_ref),
            Self::Clear | Self::Pretend(_) => None,
        }
    }

    /// Returns the exporter of RFC 9266; only once the handshake is complete.
    pub(crate) fn exporter(&self) -> Option<Vec<u8>> {
        match self {
            Self::Clear => None,
            Self::Pretend(pretend) => Some(pretend.exporter.clone()),
            Self::Tls(tls) => tls
                .export_keying_material([0u8; 32], b"EXPORTER-Channel-Binding", Some(b""))
                .ok()
                .map(|key| key.to_vec()),
        }
    }
}
