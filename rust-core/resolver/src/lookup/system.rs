//! The system's own look-up of hosts (`getaddrinfo`): sees VPNs, private DNS, NAT64 and the hosts file.

use super::{Addresses, Lookup};
use crate::{LookupError, SrvAnswer};
use std::io;

/// Addresses from the system. It has no portable call for SRV, so it knows of no SRV record: put it into a
/// [`Split`](super::Split).
///
/// The call blocks a thread of the runtime's blocking pool and cannot be cancelled; one that is given up goes on there.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemHosts;

impl Lookup for SystemHosts {
    async fn srv(&self, _name: &str) -> Result<SrvAnswer, LookupError> {
        Ok(SrvAnswer::Absent)
    }

    async fn addresses(&self, host: &str) -> Result<Addresses, LookupError> {
        match tokio::net::lookup_host((host, 0)).await {
            Ok(found) => Ok(Addresses {
                addresses: found.map(|a| a.ip()).collect(),
                ttl: None,
            }),
            // getaddrinfo's own codes do not survive std's io::Error: "no such host" and "no answer" both arrive as
            // an uncategorised error, and the former is far more frequent.
            Err(e) if e.raw_os_error().is_none() && e.kind() != io::ErrorKind::InvalidInput => {
                Err(LookupError::NoSuchName)
            }
            Err(e) => Err(LookupError::Network(e.kind())),
        }
    }
}
