//! The answers of the world, one JSON object each.

use serde::Serialize;
use snapback_reference_server as server;

/// The answer to a command.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Whether the command was executed.
    pub ok: bool,
    /// The error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Ids of the messages sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// Messages received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<Message>>,
    /// The traffic so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<Stats>,
}

impl Answer {
    pub(super) fn done() -> Self {
        Self {
            ok: true,
            ..Self::default()
        }
    }

    /// Returns an answer that reports an error.
    #[must_use]
    pub fn failed(why: String) -> Self {
        Self {
            error: Some(why),
            ..Self::default()
        }
    }
}

/// A message that romeo received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Its id, or empty.
    pub id: String,
    /// Its body, or empty.
    pub body: String,
}

/// The traffic so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// The link to the STARTTLS port.
    pub starttls: LinkStats,
    /// The link to the direct TLS port.
    pub direct: LinkStats,
    /// Each connection that reached the server, in order.
    pub connections: Vec<Connection>,
    /// Each existing session.
    pub sessions: Vec<Session>,
}

/// Totals of a link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LinkStats {
    /// Connections accepted.
    pub connections: u64,
    /// Of these, neither ended nor cut.
    pub live: usize,
    /// Bytes delivered to the server.
    pub to_server: u64,
    /// Bytes delivered to the client.
    pub to_client: u64,
}

/// A connection as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// Its number, from 1.
    pub id: u64,
    /// When it was accepted, in milliseconds of the server's clock.
    pub opened_ms: u64,
    /// `starttls` or `direct`.
    pub transport: &'static str,
    /// Groups of client reads with a server write in between, over its whole life.
    pub client_flights: usize,
    /// The account (local part), once known.
    pub account: Option<String>,
    /// The SASL mechanism that succeeded.
    pub mechanism: Option<String>,
    /// `bound` or `resumed`.
    pub outcome: Option<&'static str>,
    /// A TLS ticket was used.
    pub tls_resumed: bool,
    /// Early data was accepted.
    pub early_data: bool,
    /// It has ended, as far as the server knows.
    pub closed: bool,
}

/// A session as the server sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Session {
    /// Full JID.
    pub jid: String,
    /// A connection is attached.
    pub attached: bool,
    /// It can be resumed.
    pub resumable: bool,
    /// Stanzas received since SM was enabled.
    pub inbound: u32,
    /// Stanzas sent and not acknowledged.
    pub unacked: usize,
}

impl From<snapback_netsim::LinkStats> for LinkStats {
    fn from(stats: snapback_netsim::LinkStats) -> Self {
        Self {
            connections: stats.connections,
            live: stats.live,
            to_server: stats.to_server,
            to_client: stats.to_client,
        }
    }
}

impl From<server::ConnectionRecord> for Connection {
    fn from(record: server::ConnectionRecord) -> Self {
        Self {
            id: record.id,
            opened_ms: u64::try_from(record.opened_at.as_millis()).unwrap_or(u64::MAX),
            transport: match record.transport {
                server::Transport::StartTls => "starttls",
                server::Transport::DirectTls => "direct",
            },
            client_flights: record.client_flights,
            account: record.account,
            mechanism: record.mechanism,
            outcome: record.outcome.map(|outcome| match outcome {
                server::Outcome::Bound(_) => "bound",
                server::Outcome::Resumed(_) => "resumed",
            }),
            tls_resumed: record.tls.as_ref().is_some_and(|tls| tls.resumed),
            early_data: record.tls.as_ref().is_some_and(|tls| tls.early_data),
            closed: record.closed,
        }
    }
}

impl From<server::SessionSnapshot> for Session {
    fn from(session: server::SessionSnapshot) -> Self {
        Self {
            jid: session.jid,
            attached: session.connection.is_some(),
            resumable: session.sm_id.is_some(),
            inbound: session.inbound,
            unacked: session.unacked,
        }
    }
}
