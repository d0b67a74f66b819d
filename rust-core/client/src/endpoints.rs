//! What the resolver has found, as the store remembers it: the next process connects without asking (rule S10).

use snapback_engine::engine::ServerAddress;
use snapback_proto::plan;
use snapback_proto::time::UnixTime;
use snapback_resolver::{Endpoint, Source, StoredAnswer, Transport};
use snapback_store::{EndpointSource, KnownEndpoint, KnownEndpoints};

use crate::config::Network;

/// Whether an answer is worth more than another look at the configuration.
pub(crate) fn is_remembered(network: &Network) -> bool {
    network.hosts.is_none()
}

/// What is remembered, unless this configuration would not have found it: another list of servers leads elsewhere.
pub(crate) fn recall(known: &KnownEndpoints, network: &Network) -> Option<StoredAnswer> {
    let mut endpoints = known.endpoints.iter();
    let is_ours = if !is_remembered(network) {
        false
    } else if network.servers.is_empty() {
        endpoints.all(|endpoint| endpoint.source != EndpointSource::Override)
    } else {
        let leads_to = |server: &ServerAddress, endpoint: &KnownEndpoint| {
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
    is_ours.then(|| StoredAnswer {
        endpoints: known.endpoints.iter().map(endpoint).collect(),
        stored_at: seconds(known.stored_at),
        expires_at: seconds(known.expires_at),
    })
}

pub(crate) fn remember(answer: &StoredAnswer) -> KnownEndpoints {
    KnownEndpoints {
        endpoints: answer.endpoints.iter().map(known).collect(),
        stored_at: time(answer.stored_at),
        expires_at: time(answer.expires_at),
    }
}

fn endpoint(known: &KnownEndpoint) -> Endpoint {
    Endpoint {
        host: known.host.clone(),
        addr: known.addr,
        transport: match known.transport {
            plan::Transport::DirectTls => Transport::DirectTls,
            plan::Transport::StartTls => Transport::StartTls,
        },
        priority: known.priority,
        source: match known.source {
            EndpointSource::Override => Source::Override,
            EndpointSource::Srv => Source::Srv,
            EndpointSource::Fallback => Source::Fallback,
        },
    }
}

fn known(endpoint: &Endpoint) -> KnownEndpoint {
    KnownEndpoint {
        host: endpoint.host.clone(),
        addr: endpoint.addr,
        transport: match endpoint.transport {
            Transport::DirectTls => plan::Transport::DirectTls,
            Transport::StartTls => plan::Transport::StartTls,
        },
        priority: endpoint.priority,
        source: match endpoint.source {
            Source::Override => EndpointSource::Override,
            Source::Srv => EndpointSource::Srv,
            Source::Fallback => EndpointSource::Fallback,
        },
    }
}

fn seconds(time: UnixTime) -> u64 {
    u64::try_from(time.0).unwrap_or(0)
}

fn time(seconds: u64) -> UnixTime {
    UnixTime(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(sources: &[(Source, u16)]) -> StoredAnswer {
        let endpoints = sources.iter().map(|&(source, port)| Endpoint {
            host: "xmpp.example.org".to_owned(),
            addr: ([192, 0, 2, 1], port).into(),
            transport: Transport::DirectTls,
            priority: 7,
            source,
        });
        StoredAnswer {
            endpoints: endpoints.collect(),
            stored_at: 1_800_000_000,
            expires_at: 1_800_000_300,
        }
    }

    fn network(ports: &[u16]) -> Network {
        let servers = ports.iter().map(|&port| ServerAddress {
            host: "xmpp.example.org".to_owned(),
            port,
            transport: plan::Transport::DirectTls,
        });
        Network {
            servers: servers.collect(),
            ..Network::default()
        }
    }

    #[test]
    fn s10_an_answer_comes_back_as_it_was() {
        let all = answer(&[(Source::Srv, 5223), (Source::Fallback, 5222)]);
        assert_eq!(recall(&remember(&all), &network(&[])), Some(all));
    }

    #[test]
    fn s10_a_server_with_u_labels_is_found_again_by_its_a_labels() {
        let mut answer = answer(&[(Source::Override, 1)]);
        for endpoint in &mut answer.endpoints {
            endpoint.host = "xn--bcher-kva.example".to_owned();
        }
        let mut network = network(&[1]);
        for server in &mut network.servers {
            server.host = "B\u{fc}cher.example".to_owned();
        }
        assert!(recall(&remember(&answer), &network).is_some());
    }

    #[test]
    fn s10_what_another_configuration_found_is_not_used() {
        let by_srv = remember(&answer(&[(Source::Srv, 5223)]));
        let given = remember(&answer(&[(Source::Override, 1), (Source::Override, 2)]));
        let table = [
            (&by_srv, network(&[]), true),
            (&given, network(&[]), false),
            (&given, network(&[1, 2]), true),
            (&given, network(&[1]), false),
            (&given, network(&[1, 2, 3]), false),
        ];
        for (known, network, expected) in table {
            let is_used = recall(known, &network).is_some();
            assert_eq!(is_used, expected, "{known:?} for {network:?}");
        }
    }
}
