//! What the platform knows about networks and names, and the core does not.

use snapback_client as core;
pub use snapback_client::resolver::SrvRecord;

/// A question to the platform's resolver: the SRV records of a name. Answer within two seconds, with
/// [`CoreClient::answer_srv`](crate::CoreClient::answer_srv), or the name servers are asked instead.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SrvQuery {
    /// To answer with.
    pub id: u64,
    /// Such as `_xmpps-client._tcp.example.org`.
    pub name: String,
}

/// One SRV record (RFC 2782).
#[uniffi::remote(Record)]
pub struct SrvRecord {
    /// Lower is tried first.
    pub priority: u16,
    /// The share among records of equal priority.
    pub weight: u16,
    /// The port at the target.
    pub port: u16,
    /// The host, or `.`.
    pub target: String,
}

/// The network as the platform sees it now.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NetworkState {
    /// Whether there is one that leads to the internet.
    pub available: bool,
    /// Its name servers, as IP addresses. Those that are none are left out; an empty list leaves what was there.
    pub name_servers: Vec<String>,
}

impl From<core::PlatformRequest> for SrvQuery {
    fn from(request: core::PlatformRequest) -> Self {
        match request {
            core::PlatformRequest::Srv { id, name } => Self { id: id.0, name },
        }
    }
}
