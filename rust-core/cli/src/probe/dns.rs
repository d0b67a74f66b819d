//! What the DNS says about a domain.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use snapback_client::ServerAddress;
use snapback_client::resolver::{
    Addresses, DIRECT_TLS_SERVICE, Early, Encryption, Endpoint, Lookup, LookupError,
    NameServerLookup, NameServers, Preference, Request, ResolveError, STARTTLS_SERVICE, SrvAnswer,
    StaticHosts, SystemHosts, Target, resolve,
};

use super::report::{Dns, Record, Service, name};

/// Who is asked.
#[derive(Clone, Debug, Default)]
pub enum Names {
    /// The name servers of the system and, for hosts, the system itself.
    #[default]
    System,
    /// Answers that are known in advance, for tests.
    Given(StaticHosts),
}

/// Asks for both services, and for the addresses of their hosts. Returns the endpoints in the order of a client that
/// prefers direct TLS at equal priority.
pub(super) async fn look_up(domain: &str, names: &Names) -> (Dns, Vec<Endpoint>) {
    let began = Instant::now();
    let recorder = Recorder::new(names);
    let request = Request {
        preference: Preference::DirectTlsFirst,
        ..Request::new(domain)
    };
    let found = resolve(&request, &recorder, &mut draw()).await;
    let (endpoints, error) = match found {
        Ok(resolution) => (resolution.endpoints, None),
        Err(error) => (Vec::new(), Some(error.to_string())),
    };
    let mut dns = recorder.take();
    dns.ipv6 = endpoints.iter().filter(|it| it.addr.is_ipv6()).count();
    dns.ipv4 = endpoints.len() - dns.ipv6;
    dns.error = error;
    dns.took = began.elapsed();
    (dns, endpoints)
}

/// Asks for the addresses of the server that was given.
///
/// # Errors
/// Why there are none.
pub(super) async fn look_up_server(
    server: &ServerAddress,
    names: &Names,
) -> Result<Vec<Endpoint>, ResolveError> {
    let request = Request {
        overrides: vec![Target {
            host: server.host_to_ascii(),
            port: server.port,
            transport: server.transport,
            priority: 0,
            weight: 0,
        }],
        ..Request::new(server.host_to_ascii())
    };
    let found = resolve(&request, &Recorder::new(names), &mut draw()).await;
    found.map(|it| it.endpoints)
}

/// Returns a source of numbers for weights. A report should not change from run to run, so the draw is always the
/// lowest.
fn draw() -> impl FnMut() -> u32 + Send {
    || 0
}

/// Remembers the SRV answers that pass.
struct Recorder {
    source: Source,
    answers: Arc<Mutex<Dns>>,
}

enum Source {
    System {
        name_servers: Result<NameServerLookup, LookupError>,
        hosts: SystemHosts,
    },
    Given(StaticHosts),
}

impl Recorder {
    fn new(names: &Names) -> Self {
        let source = match names {
            Names::Given(hosts) => Source::Given(hosts.clone()),
            Names::System => Source::System {
                name_servers: NameServers::System.addresses().map(|servers| {
                    NameServerLookup::new(&servers, &Encryption::None).with_hosts_file()
                }),
                hosts: SystemHosts::default(),
            },
        };
        Self {
            source,
            answers: Arc::default(),
        }
    }

    fn take(&self) -> Dns {
        std::mem::take(&mut *self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn record(&self, asked: &str, answer: &Result<SrvAnswer, LookupError>) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.starts_with(DIRECT_TLS_SERVICE) {
            answers.direct_tls = service(answer);
        } else if asked.starts_with(STARTTLS_SERVICE) {
            answers.starttls = service(answer);
        }
    }
}

fn service(answer: &Result<SrvAnswer, LookupError>) -> Service {
    match answer {
        Ok(SrvAnswer::Absent) => Service::Absent,
        Ok(SrvAnswer::NotOffered { .. }) => Service::NotOffered,
        Ok(SrvAnswer::Records { records, .. }) => Service::Records {
            records: records
                .iter()
                .map(|record| Record {
                    priority: record.priority,
                    weight: record.weight,
                    port: record.port,
                    target: name(&record.target),
                })
                .collect(),
        },
        Err(error) => Service::Failed {
            error: error.to_string(),
        },
    }
}

impl Lookup for Recorder {
    async fn srv(&self, asked: &str) -> Result<SrvAnswer, LookupError> {
        let answer = match &self.source {
            Source::Given(hosts) => hosts.srv(asked).await,
            Source::System { name_servers, .. } => match name_servers {
                Ok(servers) => servers.srv(asked).await,
                Err(error) => Err(*error),
            },
        };
        self.record(asked, &answer);
        answer
    }

    async fn addresses(&self, host: &str) -> Result<Addresses, LookupError> {
        self.addresses_early(host, &|_| {}).await
    }

    async fn addresses_early(
        &self,
        host: &str,
        early: Early<'_>,
    ) -> Result<Addresses, LookupError> {
        match &self.source {
            Source::Given(hosts) => hosts.addresses(host).await,
            Source::System {
                name_servers: Ok(servers),
                hosts,
            } => match servers.addresses_early(host, early).await {
                Ok(found) => Ok(found),
                Err(_) => hosts.addresses(host).await,
            },
            Source::System { hosts, .. } => hosts.addresses(host).await,
        }
    }
}
