//! What the DNS said about a domain, as it is remembered (rule S10).

use std::net::SocketAddr;

use snapback_proto::plan::Transport;
use snapback_proto::time::UnixTime;

/// Where a domain's servers are, and for how long that is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownEndpoints {
    /// In the order in which to try them.
    pub endpoints: Vec<KnownEndpoint>,
    /// When it was looked up.
    pub stored_at: UnixTime,
    /// Until when it is fresh.
    pub expires_at: UnixTime,
}

/// One address to connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownEndpoint {
    /// The name that led here.
    pub host: String,
    /// Where to connect.
    pub addr: SocketAddr,
    /// How TLS starts there.
    pub transport: Transport,
    /// The priority of its SRV record (RFC 2782).
    pub priority: u16,
    /// Who named it.
    pub source: EndpointSource,
}

/// Who named an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointSource {
    /// The app or the server.
    Override,
    /// An SRV record.
    Srv,
    /// Nobody: the domain itself, on the port of RFC 6120.
    Fallback,
}
