//! Where a server is: as it is named, as it was found, and as it is remembered.

use core::net::SocketAddr;

use crate::jid::BareJid;
use crate::time::UnixTime;
use crate::transport::Transport;

/// A server's address, known without the DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// Name or address to connect to. The certificate must be valid for the JID's domain all the same (rule T1).
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How TLS starts there.
    pub transport: Transport,
}

impl ServerAddress {
    /// The server at this socket address.
    pub fn at(addr: SocketAddr, transport: Transport) -> Self {
        Self {
            host: addr.ip().to_string(),
            port: addr.port(),
            transport,
        }
    }

    /// Returns the name as the DNS has it, with A-labels. What is no name stays what it is: looking it up says so.
    pub fn host_to_ascii(&self) -> String {
        if self.host.is_ascii() {
            return self.host.clone();
        }
        let name = self.host.parse::<BareJid>();
        name.map_or_else(|_| self.host.clone(), |name| name.domain_to_ascii())
    }

    /// Parses `host`, `host:port`, `[v6]` or `[v6]:port` (RFC 6120 4.9.3.19).
    pub fn parse(text: &str, transport: Transport) -> Self {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, port.parse().ok())
            }
            _ => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let default = match transport {
            Transport::DirectTls => 5223,
            Transport::StartTls => 5222,
        };
        Self {
            host: host.to_owned(),
            port: port.unwrap_or(default),
            transport,
        }
    }
}

/// One address to connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// The name that led here. Never what the certificate is checked against: that is the JID's domain.
    pub host: String,
    /// Where to connect.
    pub addr: SocketAddr,
    /// How TLS starts there.
    pub transport: Transport,
    /// The priority of its SRV record (RFC 2782). A group of equal priority is raced before the next one begins (XEP-0495).
    pub priority: u16,
    /// Why it is in the list.
    pub source: EndpointSource,
}

impl Endpoint {
    /// Returns whose facts a connection to it has.
    pub fn server_key(&self) -> ServerKey {
        ServerKey {
            host: self.host.clone(),
            port: self.addr.port(),
            transport: self.transport,
        }
    }

    /// Returns where a connection to it leads.
    pub fn address(&self) -> Address {
        Address {
            addr: self.addr,
            transport: self.transport,
        }
    }
}

/// Who named an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndpointSource {
    /// The app or the server (see-other-host).
    Override,
    /// An SRV record.
    Srv,
    /// Nobody: the domain itself, on the port of RFC 6120.
    Fallback,
}

/// Where a connection led to. Not the name: one of the addresses of a host may be a black hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The socket address.
    pub addr: SocketAddr,
    /// How TLS starts there.
    pub transport: Transport,
}

/// Where a domain's servers are, and for how long that is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownEndpoints {
    /// In the order in which to try them.
    pub endpoints: Vec<Endpoint>,
    /// When it was looked up.
    pub stored_at: UnixTime,
    /// Until when it is fresh.
    pub expires_at: UnixTime,
}

/// Whose facts: the endpoint as the resolver names it (a name, never an address: addresses come and go), its port, and
/// how TLS is reached there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerKey {
    /// The endpoint's name.
    pub host: String,
    /// The endpoint's port.
    pub port: u16,
    /// Direct TLS or STARTTLS: servers advertise different features on each.
    pub transport: Transport,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t8_see_other_host_names_a_host_or_a_host_and_a_port() {
        let table = [
            ("[2001:41D0:1:A49b::1]:9222", "2001:41D0:1:A49b::1", 9222),
            ("[2001:db8::1]", "2001:db8::1", 5222),
            ("im.example.org", "im.example.org", 5222),
            ("im.example.org:80", "im.example.org", 80),
        ];
        for (text, host, port) in table {
            let address = ServerAddress::parse(text, Transport::StartTls);
            assert_eq!((address.host.as_str(), address.port), (host, port));
        }
    }

    #[test]
    fn s10_facts_belong_to_a_name_and_set_backs_to_an_address() {
        let endpoint = Endpoint {
            host: "xmpp.example.org".to_owned(),
            addr: ([192, 0, 2, 1], 5223).into(),
            transport: Transport::DirectTls,
            priority: 7,
            source: EndpointSource::Srv,
        };
        let moved = Endpoint {
            addr: ([192, 0, 2, 2], 5223).into(),
            ..endpoint.clone()
        };
        assert_eq!(endpoint.server_key(), moved.server_key());
        assert_ne!(endpoint.address(), moved.address());
        let key = endpoint.server_key();
        assert_eq!((key.host.as_str(), key.port), ("xmpp.example.org", 5223));
    }
}
