//! What the resolver has found, as the store remembers it: the next process connects without asking (rule S10).

use snapback_types::endpoint::{Endpoint, EndpointSource, KnownEndpoints, ServerAddress};

use crate::config::Network;

/// Whether an answer is worth more than another look at the configuration.
pub(crate) fn is_remembered(network: &Network) -> bool {
    network.hosts.is_none()
}

/// What is remembered, unless this configuration would not have found it: another list of servers leads elsewhere.
pub(crate) fn recall(known: KnownEndpoints, network: &Network) -> Option<KnownEndpoints> {
    let mut endpoints = known.endpoints.iter();
    let is_ours = if !is_remembered(network) {
        false
    } else if network.servers.is_empty() {
        endpoints.all(|endpoint| endpoint.source != EndpointSource::Override)
    } else {
        let leads_to = |server: &ServerAddress, endpoint: &Endpoint| {
            server.host_to_ascii() == endpoint.host
                && server.port == endpoint.addr.port()
                && server.transport == endpoint.transport
        };
        let servers = &network.servers;
        endpoints.all(|endpoint| servers.iter().any(|server| leads_to(server, endpoint)))
            && servers.iter().all(|server| {
                let mut endpoints = known.endpoints.iter();
                endpoints.any(|endpoint| leads_to(server, endpoint))
            })
    };
    is_ours.then_some(known)
}

#[cfg(test)]
mod tests {
    use snapback_types::time::UnixTime;
    use snapback_types::transport::Transport;

    use super::*;

    fn answer(sources: &[(EndpointSource, u16)]) -> KnownEndpoints {
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

    fn network(ports: &[u16]) -> Network {
        let servers = ports.iter().map(|&port| ServerAddress {
            host: "xmpp.example.org".to_owned(),
            port,
            transport: Transport::DirectTls,
        });
        Network {
            servers: servers.collect(),
            ..Network::default()
        }
    }

    #[test]
    fn s10_an_answer_comes_back_as_it_was() {
        let all = answer(&[
            (EndpointSource::Srv, 5223),
            (EndpointSource::Fallback, 5222),
        ]);
        assert_eq!(recall(all.clone(), &network(&[])), Some(all));
    }

    #[test]
    fn s10_a_server_with_u_labels_is_found_again_by_its_a_labels() {
        let mut answer = answer(&[(EndpointSource::Override, 1)]);
        for endpoint in &mut answer.endpoints {
            endpoint.host = "xn--bcher-kva.example".to_owned();
        }
        let mut network = network(&[1]);
        for server in &mut network.servers {
            server.host = "B\u{fc}cher.example".to_owned();
        }
        assert!(recall(answer, &network).is_some());
    }

    #[test]
    fn s10_what_another_configuration_found_is_not_used() {
        let by_srv = answer(&[(EndpointSource::Srv, 5223)]);
        let given = answer(&[(EndpointSource::Override, 1), (EndpointSource::Override, 2)]);
        let table = [
            (&by_srv, network(&[]), true),
            (&given, network(&[]), false),
            (&given, network(&[1, 2]), true),
            (&given, network(&[1]), false),
            (&given, network(&[1, 2, 3]), false),
        ];
        for (known, network, expected) in table {
            let is_used = recall(known.clone(), &network).is_some();
            assert_eq!(is_used, expected, "{known:?} for {network:?}");
        }
    }
}
