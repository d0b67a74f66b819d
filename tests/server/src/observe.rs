//! What a test can observe: each connection's reads, elements, flights and TLS facts.

use std::borrow::Cow;

use crate::time::Timestamp;
use crate::wire::Transport;
use crate::xml::Name;

/// The maximum number of reads kept of one connection; later ones only count.
const MAX_READS: usize = 10_000;

/// The record of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRecord {
    /// Its number, from 1.
    pub id: u64,
    /// STARTTLS or direct TLS.
    pub transport: Transport,
    /// When it was accepted.
    pub opened_at: Timestamp,
    /// Each read from the socket.
    pub reads: Vec<Read>,
    /// Batches that the server wrote.
    pub writes: usize,
    /// Groups of client reads with a server write in between: the client's flights.
    pub client_flights: usize,
    /// `from` of each stream header of the client, in order.
    pub header_from: Vec<Option<String>>,
    /// TLS, once its parameters are negotiated.
    pub tls: Option<TlsRecord>,
    /// The account (local part), once known for certain.
    pub account: Option<String>,
    /// The SASL mechanism that succeeded.
    pub mechanism: Option<String>,
    /// How the login ended, if it ended.
    pub outcome: Option<Outcome>,
    /// SM-IDs that the client asked to resume, on any element: an SM-ID is the key to a session.
    pub previds: Vec<String>,
    /// The stream error that the server sent, if any.
    pub stream_error: Option<String>,
    /// The stream error that the client sent, if any.
    pub client_error: Option<String>,
    /// Whether the connection has ended.
    pub closed: bool,
    /// Whether a login was answered with a wrong proof, or with none.
    pub false_proof: bool,
    pub(crate) wrote_since_read: bool,
}

/// One read from the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The time.
    pub at: Timestamp,
    /// Bytes on the wire.
    pub bytes: usize,
    /// Elements completed by it, by local name (`stream`, `starttls`, `auth`, ..), in order.
    pub elements: Vec<Cow<'static, str>>,
    /// Elements of it that were TLS early data.
    pub early_elements: usize,
}

/// Facts of a TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsRecord {
    /// `1.2` or `1.3`.
    pub version: &'static str,
    /// Whether a ticket was used.
    pub resumed: bool,
    /// Whether early data was accepted.
    pub early_data: bool,
    /// Server name indication.
    pub sni: Option<String>,
    /// The negotiated protocol.
    pub alpn: Option<String>,
}

/// How a login ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new session, with this full JID.
    Bound(String),
    /// An old session, with this full JID.
    Resumed(String),
}

/// A message that the server received from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedMessage {
    /// The sender's full JID.
    pub from: String,
    /// The addressee as written.
    pub to: String,
    /// The stanza's id.
    pub id: Option<String>,
    /// The body, if there is one.
    pub body: Option<String>,
    /// The connection that carried it.
    pub connection: u64,
}

impl ConnectionRecord {
    pub(crate) fn new(id: u64, transport: Transport, opened_at: Timestamp) -> Self {
        Self {
            id,
            transport,
            opened_at,
            reads: Vec::new(),
            writes: 0,
            client_flights: 0,
            header_from: Vec::new(),
            tls: None,
            account: None,
            mechanism: None,
            false_proof: false,
            outcome: None,
            previds: Vec::new(),
            stream_error: None,
            client_error: None,
            closed: false,
            wrote_since_read: true,
        }
    }

    /// Returns all elements received, in order.
    pub fn elements(&self) -> Vec<&str> {
        self.reads
            .iter()
            .flat_map(|read| read.elements.iter().map(|name| &**name))
            .collect()
    }

    pub(crate) fn read(&mut self, at: Timestamp, bytes: usize) {
        if self.wrote_since_read {
            self.client_flights += 1;
            self.wrote_since_read = false;
        }
        if self.reads.len() < MAX_READS {
            self.reads.push(Read {
                at,
                bytes,
                elements: Vec::new(),
                early_elements: 0,
            });
        }
    }

    pub(crate) fn element(&mut self, name: Name, early: bool) {
        let full = self.reads.len() >= MAX_READS;
        if let Some(read) = self.reads.last_mut().filter(|_| !full) {
            read.elements.push(name);
            read.early_elements += usize::from(early);
        }
    }

    pub(crate) fn wrote(&mut self) {
        self.writes += 1;
        self.wrote_since_read = true;
    }
}
