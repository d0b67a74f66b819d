//! What a connection is told.

use crate::sasl::{ChannelBindings, SaslError, ScramKeyId, ScramKeys, TlsVersion};
use crate::time::Instant;
use crate::xml::Element;

use snapback_types::transport::EarlyData;

use crate::connection::output::Seq;
use crate::knowledge::OutboundKind;

/// Something that happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// The transport is up.
    Connected,
    /// The TLS handshake that is about to start can carry early data, with this certificate hash for channel binding.
    EarlyDataReady {
        /// `tls-server-end-point` of the connection that the ticket comes from.
        end_point: Option<Vec<u8>>,
    },
    /// The TLS handshake is done and the certificate is good.
    TlsEstablished(TlsFacts),
    /// Bytes of the stream: cleartext before TLS, plaintext inside it.
    Received(&'a [u8]),
    /// The transport ended.
    TransportClosed,
    /// The server's certificate was refused, and with it the connection. The server did take part in the handshake, so
    /// nothing that was assumed about the way to it was wrong.
    CertificateRefused,
    /// The deadline of [`super::Output::Timeout`] has passed, perhaps.
    Timeout,
    /// The answer to [`super::Output::DeriveKeys`].
    KeysDerived {
        /// Which keys.
        id: ScramKeyId,
        /// The keys, or why there are none.
        keys: Result<ScramKeys, SaslError>,
    },
    /// The app wants something.
    Command(Command),
    /// A transaction is committed.
    Committed {
        /// Which.
        seq: Seq,
    },
    /// A transaction failed; nothing of it is stored.
    PersistFailed {
        /// Which.
        seq: Seq,
        /// Why.
        kind: PersistFailure,
    },
}

/// Why a transaction failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersistFailure {
    /// No space left.
    Full,
    /// The store is damaged or cannot be reached.
    Broken,
}

/// What is known of the TLS connection.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// The protocol version.
    pub version: TlsVersion,
    /// Channel bindings that it has.
    pub bindings: ChannelBindings,
    /// SHA-256 of the server's public key.
    pub key: [u8; 32],
    /// It resumes a ticket of a connection whose login was proven.
    pub resumes_proven: bool,
    /// What became of the early data.
    pub early_data: EarlyData,
}

/// What the app wants.
#[derive(Clone, Debug)]
pub enum Command {
    /// Send a stanza. It must carry an id.
    Send {
        /// The stanza.
        stanza: Element,
        /// What happens to it if the session ends first.
        kind: OutboundKind,
    },
    /// Find out whether the server still answers; the connection ends if it does not by then.
    Probe {
        /// Until when.
        deadline: Instant,
    },
    /// The network changed, or the device slept: what breaks from here on may be the path's fault and not the server's.
    PathChanged,
    /// The app moved to the foreground (`true`) or the background (XEP-0352).
    SetActive(bool),
    /// End the session and the stream cleanly (rule I14).
    Close,
}
