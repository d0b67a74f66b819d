//! The address of a server: as named, as resolved, and as remembered.

use core::net::SocketAddr;

use crate::jid::BareJid;
use crate::time::UnixTime;
use crate::transport::Transport;

/// The address of a server, used without the DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// Name or address to connect to. The certificate must be valid for the JID's domain even then (rule T1).
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How TLS starts there.
    pub transport: Transport,
}

impl ServerAddress {
    /// Returns the server at this socket address.
    pub fn at(addr: SocketAddr, transport: Transport) -> Self {
        Self {
            host: addr.ip().to_string(),
            port: addr.port(),
            transport,
        }
    }

    /// Returns the name as used in the DNS, with A-labels. A text that is not a name stays unchanged: its look-up
    /// reports the error.
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
    /// The name that was resolved. The certificate is never checked against it, but against the JID's domain.
    pub host: String,
    /// The address to connect to.
    pub addr: SocketAddr,
    /// How TLS starts there.
    pub transport: Transport,
    /// The priority of its SRV record (RFC 2782). A group of equal priority is raced before the next one begins (XEP-0495).
    pub priority: u16,
    /// The origin of the endpoint.
    pub source: EndpointSource,
}

impl Endpoint {
    /// Returns the key of the facts for a connection to it.
    pub fn server_key(&self) -> ServerKey {
        ServerKey {
            host: self.host.clone(),
            port: self.addr.port(),
            transport: self.transport,
        }
    }

    /// Returns the address of a connection to it.
    pub fn address(&self) -> Address {
        Address {
            addr: self.addr,
            transport: self.transport,
        }
    }
}

/// The origin of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndpointSource {
    /// The app or the server (see-other-host).
    Override,
    /// An SRV record.
    Srv,
    /// The domain itself, on the port of RFC 6120: nothing else named an endpoint.
    Fallback,
}

/// The address of a connection. Not the name: one of the addresses of a host may be a black hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The socket address.
    pub addr: SocketAddr,
    /// How TLS starts there.
    pub transport: Transport,
}

/// The endpoints of a domain, and how long they are valid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownEndpoints {
    /// In the order in which they are tried.
    pub endpoints: Vec<Endpoint>,
    /// When it was looked up.
    pub stored_at: UnixTime,
    /// When it expires.
    pub expires_at: UnixTime,
}

/// The key of server facts: the endpoint as the resolver names it (a name, never an address, since addresses change),
/// its port, and how TLS starts there.
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
