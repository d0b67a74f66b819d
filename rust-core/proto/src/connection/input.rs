//! The inputs of a connection.

use crate::sasl::{ChannelBindings, CredentialError, SaslError, ScramKeyId, ScramKeys, TlsVersion};
use crate::secret::Secret;
use crate::time::Instant;

use snapback_types::transport::EarlyData;

use crate::connection::output::Seq;
use crate::knowledge::{OutboundKind, PushRegistration, WrittenStanza};

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
    /// The TLS handshake is complete and the certificate is valid.
    TlsEstablished(TlsFacts),
    /// Bytes of the stream: cleartext before TLS, plaintext inside it.
    Received(&'a [u8]),
    /// The transport ended.
    TransportClosed,
    /// The server closed the TLS connection (`close_notify`): unlike the end of the transport, no network can cause this.
    TlsClosed,
    /// The server's certificate was refused, and with it the connection. The server did take part in the handshake, so no
    /// assumption about the path to it was wrong.
    CertificateRefused,
    /// The deadline of [`super::Output::Timeout`] may have passed.
    Timeout,
    /// The answer to [`super::Output::DeriveKeys`].
    KeysDerived {
        /// Which keys.
        id: ScramKeyId,
        /// The keys, or the reason why there are none.
        keys: Result<ScramKeys, SaslError>,
    },
    /// The answer to [`super::Output::RequestToken`].
    TokenProvided(Result<Secret<String>, CredentialError>),
    /// A command of the app.
    Command(Command),
    /// A transaction is committed.
    Committed {
        /// Which transaction.
        seq: Seq,
    },
    /// A transaction failed; nothing of it is stored.
    PersistFailed {
        /// Which transaction.
        seq: Seq,
        /// Why it failed.
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
    /// An authority has issued the certificate, and it was verified in this handshake.
    pub by_authority: bool,
    /// It resumes a ticket of a connection whose login was proven.
    pub resumes_proven: bool,
    /// Whether the server accepted the early data.
    pub early_data: EarlyData,
}

/// A command of the app.
#[derive(Clone, Debug)]
pub enum Command {
    /// Send a stanza. It must carry an id.
    Send {
        /// The stanza.
        stanza: WrittenStanza,
        /// What happens to it if the session ends before it is acknowledged.
        kind: OutboundKind,
    },
    /// Send the app's answer to a request of another entity ([`super::Event::Request`]). Without a session it is dropped.
    Answer(WrittenStanza),
    /// Send a liveness probe; the connection ends if there is no response by the deadline.
    Probe {
        /// The deadline.
        deadline: Instant,
    },
    /// Request an answer, if nothing that was sent brings one: what the server held when the connection began comes before it
    /// ([`Event::CaughtUp`](super::Event::CaughtUp)).
    AskForQueued,
    /// The network changed, or the device slept: a failure from now on may be the path's fault and not the server's.
    PathChanged,
    /// The push notifications that the app wants have changed. The change is stored already.
    PushChanged(Option<PushRegistration>),
    /// The app moved to the foreground (`true`) or the background (XEP-0352).
    SetActive(bool),
    /// End the session and the stream cleanly (rule I14).
    Close,
}
