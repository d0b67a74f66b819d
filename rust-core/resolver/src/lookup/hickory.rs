//! Queries over UDP, and TCP where an answer is truncated, by hickory.

use super::resolv_conf::ResolvConf;
use super::{Addresses, Lookup};
use crate::{LookupError, SrvAnswer, SrvRecord};
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::lookup::Lookup as Found;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

/// A datagram may be lost: it is sent again within the two seconds of a query, and a recursive server that was too slow
/// the first time has the answer by then.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(600);
const RETRIES: usize = 2;
/// How long one address family may be late once the other has answered. RFC 8305 waits 50 ms and then takes late addresses into
/// the running race; ours is one list, so it waits longer: DNS64 makes its AAAA record only after asking for A.
const FAMILY_GRACE: Duration = Duration::from_millis(500);
/// Where Unix hosts keep their name servers.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameServers {
    /// These. On phones the platform knows them, and they change with the network.
    Given(Vec<SocketAddr>),
    /// Those of `/etc/resolv.conf`. Phones have no such file.
    System,
}

/// Asks name servers directly. It keeps no answers and reads no hosts file, so a change of network leaves nothing behind.
pub struct HickoryLookup {
    resolver: TokioResolver,
}

impl HickoryLookup {
    /// Prepares to ask these servers; nothing is sent yet.
    ///
    /// # Errors
    /// [`LookupError::NoNameServers`] if there are none, [`LookupError::Network`] if the system's file cannot be read.
    pub fn new(servers: NameServers) -> Result<Self, LookupError> {
        let servers = match servers {
            NameServers::Given(servers) => servers,
            NameServers::System => {
                let text = std::fs::read_to_string(RESOLV_CONF)
                    .map_err(|e| LookupError::Network(e.kind()))?;
                ResolvConf::parse(&text).name_servers
            }
        };
        if servers.is_empty() {
            return Err(LookupError::NoNameServers);
        }
        let config =
            ResolverConfig::from_name_servers(servers.into_iter().map(name_server).collect());
        let resolver = Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options())
            .build()
            .map_err(|e| classify(&e))?;
        Ok(Self { resolver })
    }

    async fn query(&self, name: &str, kind: RecordType) -> Result<Found, LookupError> {
        let mut name = Name::from_ascii(name).map_err(|_| LookupError::InvalidName)?;
        // Fully qualified: no search domains.
        name.set_fqdn(true);
        self.resolver
            .lookup(name, kind)
            .await
            .map_err(|e| classify(&e))
    }

    async fn family(&self, host: &str, kind: RecordType) -> Result<Addresses, LookupError> {
        let found = self.query(host, kind).await?;
        let addresses = found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::A(a) => Some(IpAddr::V4(a.0)),
                RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
                _ => None,
            });
        Ok(Addresses {
            addresses: addresses.collect(),
            ttl: shortest_ttl(&found),
        })
    }
}

impl Lookup for HickoryLookup {
    async fn srv(&self, name: &str) -> Result<SrvAnswer, LookupError> {
        let found = match self.query(name, RecordType::SRV).await {
            Err(LookupError::NoSuchName) => return Ok(SrvAnswer::Absent),
            found => found?,
        };
        let records = found
            .answers()
            .iter()
            .filter_map(|record| match &record.data {
                RData::SRV(srv) => Some(SrvRecord {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    target: srv.target.to_ascii(),
                }),
                _ => None,
            });
        SrvAnswer::from_records(records.collect(), shortest_ttl(&found).unwrap_or_default())
    }

    async fn addresses(&self, host: &str) -> Result<Addresses, LookupError> {
        let mut v6 = pin!(self.family(host, RecordType::AAAA));
        let mut v4 = pin!(self.family(host, RecordType::A));
        let (v6, v4) = tokio::select! {
            first = &mut v6 => { let second = after(&first, v4).await; (first, second) }
            first = &mut v4 => { let second = after(&first, v6).await; (second, first) }
        };
        match (v6, v4) {
            (Ok(mut both), Ok(v4)) => {
                both.addresses.extend(v4.addresses);
                both.ttl = [both.ttl, v4.ttl].into_iter().flatten().min();
                Ok(both)
            }
            (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
            // That there is no record of one family explains less than a failure of the other.
            (Err(LookupError::NoSuchName), Err(error)) | (Err(error), Err(_)) => Err(error),
        }
    }
}

impl fmt::Debug for HickoryLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HickoryLookup").finish_non_exhaustive()
    }
}

/// Waits for the second family: briefly if the first has addresses already.
async fn after(
    first: &Result<Addresses, LookupError>,
    second: impl Future<Output = Result<Addresses, LookupError>>,
) -> Result<Addresses, LookupError> {
    if first.is_err() {
        return second.await;
    }
    let late = Err(LookupError::NoAnswer(FAMILY_GRACE));
    tokio::time::timeout(FAMILY_GRACE, second)
        .await
        .unwrap_or(late)
}

fn name_server(addr: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = addr.port();
        connection
    });
    NameServerConfig::new(addr.ip(), true, connections.into())
}

fn options() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = ATTEMPT_TIMEOUT;
    options.attempts = RETRIES;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options
}

fn shortest_ttl(found: &Found) -> Option<Duration> {
    found
        .answers()
        .iter()
        .map(|record| Duration::from_secs(record.ttl.into()))
        .min()
}

fn classify(error: &NetError) -> LookupError {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(_)) => LookupError::NoSuchName,
        NetError::Dns(_) => LookupError::ServerFailure,
        NetError::Timeout => LookupError::NoAnswer(ATTEMPT_TIMEOUT * (RETRIES as u32 + 1)),
        NetError::Io(e) => LookupError::Network(e.kind()),
        NetError::NoConnections => LookupError::Network(std::io::ErrorKind::NotConnected),
        _ => LookupError::Malformed,
    }
}
