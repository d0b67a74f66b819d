//! The source of answers: the interface between the rules of this crate and anything that can look names up.

mod dns;
mod families;
mod fixed;
mod in_order;
mod resolv_conf;
mod system;

pub use dns::{Encryption, NameServerLookup, NameServers};
pub use families::{Family, both_families};
pub use fixed::StaticHosts;
pub use in_order::in_order;
pub use resolv_conf::ResolvConf;
pub use system::SystemHosts;

use crate::{LookupError, SrvAnswer};
use std::net::IpAddr;
use std::time::Duration;

/// Addresses of a host; none if it exists without any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    /// In the order in which the source gave them.
    pub addresses: Vec<IpAddr>,
    /// How long they are valid, if the source reports it.
    pub ttl: Option<Duration>,
}

/// A source of answers to the two queries. Names are passed as A-labels without a final dot.
///
/// A look-up need not bound its time: [`resolve`](crate::resolve) does.
pub trait Lookup: Send + Sync {
    /// Returns the SRV records under a name such as `_xmpps-client._tcp.example.org`.
    fn srv(&self, name: &str) -> impl Future<Output = Result<SrvAnswer, LookupError>> + Send;

    /// Returns the addresses of a host (A and AAAA records).
    fn addresses(&self, host: &str) -> impl Future<Output = Result<Addresses, LookupError>> + Send;

    /// The same, and calls `early` with the addresses of the family that answers first. The default implementation does
    /// not.
    fn addresses_early(
        &self,
        host: &str,
        early: Early<'_>,
    ) -> impl Future<Output = Result<Addresses, LookupError>> + Send {
        let _ = early;
        self.addresses(host)
    }
}

/// Takes the addresses that are known before all are.
pub type Early<'a> = &'a (dyn Fn(&Addresses) + Send + Sync);
