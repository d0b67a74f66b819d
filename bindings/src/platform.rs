//! Information about networks and names that the platform provides to the core.

use snapback_client as core;
pub use snapback_client::resolver::SrvRecord;

/// A query to the platform's resolver for the SRV records of a name. The app answers within two seconds with
/// [`CoreClient::answer_srv`](crate::CoreClient::answer_srv); otherwise the name servers are queried instead.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct SrvQuery {
    /// The identifier of the query, for the answer.
    pub id: u64,
    /// The name, such as `_xmpps-client._tcp.example.org`.
    pub name: String,
}

/// One SRV record (RFC 2782).
#[uniffi::remote(Record)]
pub struct SrvRecord {
    /// The priority. Records with a lower value are tried first.
    pub priority: u16,
    /// The relative weight among records of equal priority.
    pub weight: u16,
    /// The port on the target.
    pub port: u16,
    /// The target host, or `.` if the service is not offered.
    pub target: String,
}

/// The current state of the network, as reported by the platform.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NetworkState {
    /// Whether there is a network with access to the internet.
    pub available: bool,
    /// Its name servers, as IP addresses. Invalid addresses are ignored; an empty list leaves the previous name servers
    /// in place.
    pub name_servers: Vec<String>,
}

impl From<core::PlatformRequest> for SrvQuery {
    fn from(request: core::PlatformRequest) -> Self {
        Self {
            id: request.id.0,
            name: request.name,
        }
    }
}
