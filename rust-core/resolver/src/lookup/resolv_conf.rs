//! The name servers in `resolv.conf(5)`. Everything else in the file concerns short names, which a JID's domain never
//! is.

use std::net::{IpAddr, SocketAddr};

/// The limit of the C library (MAXNS).
const MAX_NAME_SERVERS: usize = 3;
const DNS_PORT: u16 = 53;

/// The contents of a `resolv.conf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvConf {
    /// In the file's order.
    pub name_servers: Vec<SocketAddr>,
}

impl ResolvConf {
    /// Parses the text of the file. Lines that are not understood are skipped, as the C library does; so are addresses
    /// with a scope (`fe80::1%eth0`).
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let name_server = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let is_name_server = words.next() == Some("nameserver");
            let ip: IpAddr = words.next()?.parse().ok()?;
            is_name_server.then_some(SocketAddr::new(ip, DNS_PORT))
        };
        Self {
            name_servers: text
                .lines()
                .filter_map(name_server)
                .take(MAX_NAME_SERVERS)
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_name_servers_are_read() {
        let text = "# nameserver 9.9.9.9\nsearch example.org\n nameserver\t192.0.2.1 # first\nnameserver 2001:db8::1\r\n\
                    nameserver fe80::1%eth0\nnameserver\nnameserver x\noptions edns0\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
        let servers = ResolvConf::parse(text).name_servers;
        let expected = ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.3:53"];
        assert_eq!(servers, expected.map(|a| a.parse().unwrap()));
        assert_eq!(ResolvConf::parse("").name_servers, []);
    }
}
