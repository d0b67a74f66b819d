//! The endpoints that an earlier process found (rule S10).

use snapback_types::endpoint::{Endpoint, EndpointSource, KnownEndpoints, ServerAddress};

/// Returns whether these endpoints can result from these servers or, if the list is empty, from the DNS. Another list
/// leads to other endpoints.
pub(super) fn is_of(known: &KnownEndpoints, servers: &[ServerAddress]) -> bool {
    let mut endpoints = known.endpoints.iter();
    if servers.is_empty() {
        return endpoints.all(|endpoint| endpoint.source != EndpointSource::Override);
    }
    let leads_to = |server: &ServerAddress, endpoint: &Endpoint| {
        server.host_to_ascii() == endpoint.host
            && server.port == endpoint.addr.port()
            && server.transport == endpoint.transport
    };
    let is_found = |server: &ServerAddress| {
        let mut endpoints = known.endpoints.iter();
        endpoints.any(|endpoint| leads_to(server, endpoint))
    };
    endpoints.all(|endpoint| servers.iter().any(|server| leads_to(server, endpoint)))
        && servers.iter().all(is_found)
}

#[cfg(test)]
mod tests {
    use snapback_types::time::UnixTime;
    use snapback_types::transport::Transport;

    use super::*;

    fn known(sources: &[(EndpointSource, u16)]) -> KnownEndpoints {
        let endpoints = sources.iter().map(|&(source, port)| Endpoint {
            host: "xmpp.example.org".to_owned(),
            addr: ([192, 0, 2, 1], port).into(),
            transport: Transport::DirectTls,
            priority: 7,
            source,
        });
        KnownEndpoints {
            endpoints: endpoints.collect(),
            stored_at: UnixTime(1_800_000_000),
            expires_at: UnixTime(1_800_000_300),
        }
    }

    fn servers(ports: &[u16]) -> Vec<ServerAddress> {
        let servers = ports.iter().map(|&port| ServerAddress {
            host: "xmpp.example.org".to_owned(),
            port,
            transport: Transport::DirectTls,
        });
        servers.collect()
    }

    #[test]
    fn s10_endpoints_found_under_another_configuration_are_not_used() {
        let by_srv = known(&[
            (EndpointSource::Srv, 5223),
            (EndpointSource::Fallback, 5222),
        ]);
        let given = known(&[(EndpointSource::Override, 1), (EndpointSource::Override, 2)]);
        let table: [(_, &[u16], _); 5] = [
            (&by_srv, &[], true),
            (&given, &[], false),
            (&given, &[1, 2], true),
            (&given, &[1], false),
            (&given, &[1, 2, 3], false),
        ];
        for (known, ports, expected) in table {
            assert_eq!(
                is_of(known, &servers(ports)),
                expected,
                "{known:?} {ports:?}"
            );
        }
    }

    #[test]
    fn s10_a_server_with_u_labels_is_found_again_by_its_a_labels() {
        let mut known = known(&[(EndpointSource::Override, 1)]);
        for endpoint in &mut known.endpoints {
            endpoint.host = "xn--bcher-kva.example".to_owned();
        }
        let mut servers = servers(&[1]);
        for server in &mut servers {
            server.host = "B\u{fc}cher.example".to_owned();
        }
        assert!(is_of(&known, &servers));
    }
}
