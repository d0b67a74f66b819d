//! What to connect to, before its host name is resolved.

use snapback_types::transport::Transport;

/// A host and port to be looked up, from an SRV record or an override.
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
