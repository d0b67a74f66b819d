//! One name server, queried by hickory's resolver.
//!
//! Each server has a resolver of its own: in a pool of hickory's, a server that fails (SERVFAIL, REFUSED) ends the query
//! although the next one could answer it, and one that is silent takes the whole time.

use super::connection::Connections;
use super::provider::{Budget, Provider};
use super::records::Records;
use super::{Encryption, QUERY_DEADLINE};
use crate::LookupError;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Resolver, TlsConfig};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The size that fits every path without fragments (DNS flag day 2020).
const UDP_PAYLOAD: u16 = 1232;
/// The maximum number of queries at once on a connection; others wait for a while.
const MAX_ACTIVE: usize = 8;
/// The maximum number of negative answers that are kept: two services and sixteen hosts, twice.
const CACHE_SIZE: u64 = 64;
/// How long a negative answer is kept at most. Networks that are not ready yet deny what exists.
const MAX_NEGATIVE_TTL: Duration = Duration::from_secs(30);
/// RFC 7858 section 3.1.
const TLS_PORT: u16 = 853;
const DNS_PORT: u16 = 53;

/// A name server.
pub(super) struct Server {
    sockets: Provider,
    /// `None` if TLS cannot be set up.
    resolver: Option<Resolver<Connections>>,
}

impl Server {
    pub(super) fn new(address: SocketAddr, encryption: &Encryption, budget: Arc<Budget>) -> Self {
        let address = encryption.address(address);
        let sockets = Provider::new(address, budget);
        let server = NameServerConfig::new(address.ip(), true, encryption.connections(address));
        let config = ResolverConfig::from_name_servers(vec![server]);
        let connections = Connections::new(sockets.clone());
        let resolver = encryption.tls().and_then(|tls| {
            Resolver::builder_with_config(config, connections)
                .with_options(options())
                .with_tls_config(tls)
                .build()
        });
        Self {
            sockets,
            resolver: resolver.ok(),
        }
    }

    /// Returns the records under a name, following its aliases.
    pub(super) async fn query(&self, name: Name, kind: RecordType) -> Result<Records, LookupError> {
        let Some(resolver) = &self.resolver else {
            return Err(LookupError::Network(ErrorKind::Unsupported));
        };
        let found = resolver.lookup(name.clone(), kind).await;
        let found = found.map_err(|error| self.error(error))?;
        // What was found is kept by the caller, who asks again when it is in doubt.
        resolver.clear_lookup_cache(name, kind);
        let ttl = found.answers().iter().map(|record| record.ttl).min();
        Ok(Records {
            data: found.answers().iter().map(|it| it.data.clone()).collect(),
            ttl: Duration::from_secs(ttl.unwrap_or_default().into()),
        })
    }

    fn error(&self, error: NetError) -> LookupError {
        match error {
            NetError::Dns(DnsError::NoRecordsFound(_)) => LookupError::NoSuchName,
            NetError::Dns(_) => LookupError::ServerFailure,
            NetError::Timeout => LookupError::NoAnswer(QUERY_DEADLINE),
            NetError::Io(error) => network(error.kind()),
            // The pool does not tell why there is none.
            NetError::NoConnections => {
                network(self.sockets.error().unwrap_or(ErrorKind::NotConnected))
            }
            NetError::Busy => network(ErrorKind::ResourceBusy),
            _ => LookupError::Malformed,
        }
    }
}

fn network(kind: ErrorKind) -> LookupError {
    match kind {
        ErrorKind::TimedOut => LookupError::NoAnswer(QUERY_DEADLINE),
        kind => LookupError::Network(kind),
    }
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    // One start: late answers to the first datagram count, and a second server is asked meanwhile.
    options.timeout = QUERY_DEADLINE;
    options.attempts = 0;
    options.edns0 = true;
    options.edns_payload_len = UDP_PAYLOAD;
    options.cache_size = CACHE_SIZE;
    options.negative_max_ttl = Some(MAX_NEGATIVE_TTL);
    options.max_active_requests = MAX_ACTIVE;
    options.use_hosts_file = ResolveHosts::Never;
    options
}

impl Encryption {
    fn address(&self, mut server: SocketAddr) -> SocketAddr {
        if !matches!(self, Self::None) && server.port() == DNS_PORT {
            server.set_port(TLS_PORT);
        }
        server
    }

    fn connections(&self, server: SocketAddr) -> Vec<ConnectionConfig> {
        let mut connections = match self {
            Self::None => vec![ConnectionConfig::udp(), ConnectionConfig::tcp()],
            Self::Opportunistic => vec![ConnectionConfig::tls(server.ip().to_string().into())],
            Self::Strict { name, .. } => vec![ConnectionConfig::tls(Arc::clone(name))],
        };
        for connection in &mut connections {
            connection.port = server.port();
        }
        connections
    }

    fn tls(&self) -> Result<rustls::ClientConfig, NetError> {
        let mut tls = TlsConfig::new()?;
        match self {
            Self::None => {}
            Self::Opportunistic => tls.insecure_skip_verify(),
            Self::Strict { verifier, .. } => {
                let verifier = Arc::clone(verifier);
                tls.config.dangerous().set_certificate_verifier(verifier);
            }
        }
        Ok(tls.config)
    }
}
