//! The order of addresses: RFC 8305 section 4.

use crate::Endpoint;

/// Alternates between IPv6 and IPv4 within each target, IPv6 first; the order of targets stays.
///
/// Addresses of one target are those that follow each other with the same host, port and transport. Within a family the
/// resolver's order is kept (RFC 6724 needs the routing table, which only a system look-up can use). A repeated address
/// keeps its first place.
#[must_use]
pub fn order(endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
    let mut ordered: Vec<Endpoint> = Vec::with_capacity(endpoints.len());
    for target in endpoints.chunk_by(is_same_target) {
        let mut v6 = target.iter().filter(|e| e.addr.is_ipv6());
        let mut v4 = target.iter().filter(|e| e.addr.is_ipv4());
        for _ in 0..target.len() {
            for endpoint in [v6.next(), v4.next()].into_iter().flatten() {
                if !ordered
                    .iter()
                    .any(|o| o.addr == endpoint.addr && o.transport == endpoint.transport)
                {
                    ordered.push(endpoint.clone());
                }
            }
        }
    }
    ordered
}

fn is_same_target(a: &Endpoint, b: &Endpoint) -> bool {
    (&a.host, a.addr.port(), a.transport) == (&b.host, b.addr.port(), b.transport)
}
