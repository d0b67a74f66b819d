//! Endpoints whose names a proxy resolves: nothing is looked up on this device.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use snapback_types::endpoint::{Endpoint, EndpointSource, ServerAddress};
use snapback_types::transport::Transport;

use super::{Candidates, Names};

impl Candidates {
    /// Returns the endpoints of these servers, if names are not looked up here.
    pub(super) fn unresolved(&self, servers: &[ServerAddress]) -> Option<Vec<Endpoint>> {
        match self.names {
            Names::Remote => Some(
                (0..)
                    .zip(servers)
                    .map(|(number, server)| endpoint(number, server))
                    .collect(),
            ),
            Names::Local | Names::LocalForProxy => None,
        }
    }

    /// Returns those of the account's own servers. Without a configured server, the account's domain on the ports of XEP-0368
    /// and of RFC 6120, in this order: there are no SRV records to ask for.
    pub(super) fn unresolved_own(&self) -> Option<Vec<Endpoint>> {
        if !self.servers.is_empty() {
            return self.unresolved(&self.servers);
        }
        let ports = [(5223, Transport::DirectTls), (5222, Transport::StartTls)];
        let servers = ports.map(|(port, transport)| ServerAddress {
            host: self.domain.clone(),
            port,
            transport,
        });
        let mut endpoints = self.unresolved(&servers)?;
        for (priority, endpoint) in (0..).zip(&mut endpoints) {
            endpoint.priority = priority;
            endpoint.source = EndpointSource::Fallback;
        }
        Some(endpoints)
    }
}

/// Returns the name of an endpoint that a proxy has to resolve; `None` if the endpoint has an address.
pub(super) fn name(endpoint: &Endpoint) -> Option<String> {
    is_placeholder(endpoint.addr.ip()).then(|| endpoint.host.clone())
}

fn endpoint(number: u16, server: &ServerAddress) -> Endpoint {
    let host = server.host_to_ascii();
    let address = host.parse().unwrap_or_else(|_| placeholder(number));
    Endpoint {
        addr: SocketAddr::new(address, server.port),
        host,
        transport: server.transport,
        priority: 0,
        source: EndpointSource::Override,
    }
}

/// An address that stands for a name: of the prefix that routers discard (RFC 6666), and another one for each name.
fn placeholder(number: u16) -> IpAddr {
    Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, number).into()
}

fn is_placeholder(address: IpAddr) -> bool {
    match address {
        IpAddr::V6(address) => matches!(address.segments(), [0x100, 0, 0, 0, ..]),
        IpAddr::V4(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_is_told_from_an_address() {
        for number in [0, 1, u16::MAX] {
            assert!(is_placeholder(placeholder(number)));
        }
        for address in ["192.0.2.1", "::1", "100:0:0:1::", "2001:db8::1"] {
            assert!(!is_placeholder(address.parse().unwrap()), "{address}");
        }
    }
}
