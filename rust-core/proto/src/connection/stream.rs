//! The state of the XML stream: the reader of its bytes, its TLS connection, and what the server advertised on it.

use std::sync::Arc;

use crate::connection::env::Env;
use crate::connection::input::TlsFacts;
use crate::error::{ConnectionError, PeerError};
use crate::jid;
use crate::protocol_message::ProtocolMessage;
use crate::stream::features::StreamFeatures;
use crate::xml::{Limits, StreamHeader, StreamReader};

/// The stream of a connection, across all its restarts.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) reader: StreamReader,
    /// The TLS connection, once it is established.
    pub(super) tls: Option<TlsFacts>,
    /// The server's header has been received since the last restart.
    pub(super) header_seen: bool,
    /// The features that the server advertised since the last restart.
    pub(super) features: Option<Arc<StreamFeatures>>,
    /// The server has closed the TLS connection.
    pub(super) tls_closed: bool,
    /// The login is proven: features from here on are those of the session's stream.
    pub(super) authenticated: bool,
}

impl Stream {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            reader: StreamReader::new(limits),
            tls: None,
            tls_closed: false,
            header_seen: false,
            features: None,
            authenticated: false,
        }
    }

    /// S1: inside TLS everything restarts: the XML parser is new, and what was learnt before is dropped.
    pub(super) fn secured(&mut self, facts: TlsFacts, limits: Limits) {
        *self = Self {
            tls: Some(facts),
            ..Self::new(limits)
        };
    }

    /// Prepares the reader for a new document.
    pub(super) fn restart(&mut self) {
        self.reader.restart();
        self.header_seen = false;
        self.features = None;
    }

    /// Processes the server's header (RFC 6120 4.7).
    pub(super) fn accept_header(
        &mut self,
        header: &StreamHeader,
        env: &mut Env,
    ) -> Result<(), ConnectionError> {
        env.understood(ProtocolMessage::Header);
        self.header_seen = true;
        let is_version_1 = header
            .version
            .as_deref()
            .and_then(|version| version.split('.').next())
            .and_then(|major| major.parse::<u32>().ok())
            .is_some_and(|major| major >= 1);
        if !is_version_1 {
            return Err(ConnectionError::Peer(PeerError::UnsupportedVersion));
        }
        if header
            .from
            .as_deref()
            .is_some_and(|from| !jid::is_same(from, env.domain()))
        {
            return Err(ConnectionError::Peer(PeerError::WrongDomain));
        }
        Ok(())
    }
}
