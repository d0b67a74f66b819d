//! The name servers in `resolv.conf(5)`. Everything else in the file concerns short names, which a JID's domain never
//! is.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};

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
    /// Parses the text of the file. Lines that are not understood are skipped, as the C library does. `scope` returns
    /// the index of the interface with this name, for addresses such as `fe80::1%eth0`.
    #[must_use]
    pub fn parse(text: &str, scope: impl Fn(&str) -> Option<u32>) -> Self {
        let name_server = |line: &str| {
            let mut words = line.split_ascii_whitespace();
            let is_name_server = words.next() == Some("nameserver");
            let server = server(words.next()?, &scope)?;
            is_name_server.then_some(server)
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

fn server(text: &str, scope: impl Fn(&str) -> Option<u32>) -> Option<SocketAddr> {
    let Some((ip, zone)) = text.split_once('%') else {
        return Some(SocketAddr::new(text.parse::<IpAddr>().ok()?, DNS_PORT));
    };
    let ip: Ipv6Addr = ip.parse().ok()?;
    let scope = zone.parse().ok().or_else(|| scope(zone))?;
    Some(SocketAddrV6::new(ip, DNS_PORT, 0, scope).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_name_servers_are_read() {
        let text = "# nameserver 9.9.9.9\nsearch example.org\n nameserver\t192.0.2.1 # first\nnameserver 2001:db8::1\r\n\
                    nameserver\nnameserver x\noptions edns0\nnameserver 192.0.2.3\nnameserver 192.0.2.4\n";
        let servers = ResolvConf::parse(text, |_| None).name_servers;
        let expected = ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.3:53"];
        assert_eq!(servers, expected.map(|a| a.parse().unwrap()));
        assert_eq!(ResolvConf::parse("", |_| None).name_servers, []);
    }

    #[test]
    fn a_link_local_server_keeps_its_scope() {
        let text = "nameserver fe80::1%eth0\nnameserver fe80::2%7\nnameserver fe80::3%gone\nnameserver 192.0.2.1%eth0\n";
        let servers = ResolvConf::parse(text, |zone| (zone == "eth0").then_some(4)).name_servers;
        let expected = ["[fe80::1%4]:53", "[fe80::2%7]:53"];
        assert_eq!(servers, expected.map(|a| a.parse().unwrap()));
    }
}
