//! What there is to connect to, before and after its host name became an address.

use std::net::SocketAddr;

/// How TLS starts on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TLS from the first byte (XEP-0368).
    DirectTls,
    /// TLS after `<starttls/>` (RFC 6120 section 5).
    StartTls,
}

/// Why an endpoint is in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The app or the server (see-other-host) named it.
    Override,
    /// An SRV record named it.
    Srv,
    /// There was no SRV record: the domain itself, port 5222.
    Fallback,
}

/// A host and port to be looked up, as an SRV record or an override names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// A host name with A-labels, or an address literal.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// How TLS starts there.
    pub transport: Transport,
    /// Lower is tried first (RFC 2782).
    pub priority: u16,
    /// The share among targets of equal priority (RFC 2782).
    pub weight: u16,
}

/// One address to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The name that led here. Never what the certificate is checked against: that is the JID's domain.
    pub host: String,
    /// Where to connect.
    pub addr: SocketAddr,
    /// How TLS starts there.
    pub transport: Transport,
    /// The priority of the target. A group of equal priority is raced before the next one begins (XEP-0495).
    pub priority: u16,
    /// Why it is in the list.
    pub source: Source,
}
