//! Queries to name servers by hickory's resolver: over UDP and, where an answer does not fit, TCP, with EDNS
//! (RFC 6891), or over TLS (RFC 7858).
//!
//! hickory encodes, sends, retransmits, matches and decodes. Which servers it queries, the bounds around it, and which
//! records of an answer count are decided here (`docs/decisions/0100`).

mod answer;
mod connection;
mod handed_over;
mod provider;
mod records;
mod server;

use super::in_order::in_order;
use super::resolv_conf::ResolvConf;
use super::{Addresses, Early, Family, Lookup, both_families};
use crate::{LookupError, SrvAnswer, host};
use hickory_resolver::Hosts;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use provider::Budget;
use records::Records;
use rustls::client::danger::ServerCertVerifier;
use server::Server;
use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

/// The timeout of a whole query, with retransmissions, other servers and aliases. It is shorter than
/// [`QUERY_TIMEOUT`](crate::QUERY_TIMEOUT), so that the cause is still reported.
const QUERY_DEADLINE: Duration = Duration::from_millis(1800);
/// How long to wait for a server before the next one is queried as well. Querying two at once would save these
/// milliseconds where the first is unreachable; but where only the first has the names of its network (a VPN, a
/// company), chance would decide which answer is used.
const STAGGER: Duration = Duration::from_millis(200);
/// More than any network has.
const MAX_SERVERS: usize = 6;
/// The path of the name server list on Unix hosts.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// The stack of a thread that verifies a certificate, in bytes: a verifier of a platform runs on it.
const STACK_SIZE: usize = 512 * 1024;

/// Queries whose certificate is verified run on threads of their own, since a platform's verifier may block: at most
/// this many in the process.
static VERIFYING: Semaphore = Semaphore::const_new(8);

/// Which name servers to query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameServers {
    /// These, in this order. On phones the platform supplies them, and they change with the network.
    Given(Vec<SocketAddr>),
    /// Those of `/etc/resolv.conf`. Phones have no such file.
    System,
}

impl NameServers {
    /// Returns their addresses now.
    ///
    /// # Errors
    /// [`LookupError::NoNameServers`] if there are none, [`LookupError::Network`] if the system's file cannot be read.
    pub fn addresses(&self) -> Result<Vec<SocketAddr>, LookupError> {
        let servers = match self {
            Self::Given(servers) => servers.clone(),
            Self::System => {
                let text = fs::read_to_string(RESOLV_CONF)
                    .map_err(|error| LookupError::Network(error.kind()))?;
                ResolvConf::parse(&text, interface).name_servers
            }
        };
        if servers.is_empty() {
            return Err(LookupError::NoNameServers);
        }
        Ok(servers)
    }
}

/// Returns the index of a network interface. Only Linux lists them as files.
fn interface(name: &str) -> Option<u32> {
    let is_plain = !name.contains(['/', '.']);
    let text = fs::read_to_string(format!("/sys/class/net/{name}/ifindex"));
    text.ok().filter(|_| is_plain)?.trim().parse().ok()
}

/// How queries to a name server are encrypted.
#[derive(Clone)]
pub enum Encryption {
    /// Not at all.
    None,
    /// TLS without verification of the certificate: only a passive observer learns nothing (RFC 7858 section 4.1).
    Opportunistic,
    /// TLS, with a certificate for this name (RFC 8310).
    Strict {
        /// The name that the certificate must carry.
        name: Arc<str>,
        /// Verifies the certificate. It may block: queries run on threads of their own.
        verifier: Arc<dyn ServerCertVerifier>,
    },
}

impl fmt::Debug for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Opportunistic => "Opportunistic",
            Self::Strict { .. } => "Strict",
        })
    }
}

/// Queries name servers. Negative answers are kept for at most 30 seconds, and connections stay open for the next
/// query; after a change of network, create a new one.
#[derive(Clone)]
pub struct NameServerLookup {
    servers: Arc<[Server]>,
    encryption: Encryption,
    /// The hosts file, where it is read.
    hosts: Arc<Hosts>,
}

impl fmt::Debug for NameServerLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NameServerLookup")
            .field("encryption", &self.encryption)
            .finish_non_exhaustive()
    }
}

impl NameServerLookup {
    /// Prepares queries to these servers; nothing is sent yet. The port 53 stands for 853 where queries are encrypted.
    #[must_use]
    pub fn new(servers: &[SocketAddr], encryption: &Encryption) -> Self {
        let budget = Arc::new(Budget::default());
        let server = |address: &SocketAddr| Server::new(*address, encryption, Arc::clone(&budget));
        Self {
            servers: servers.iter().take(MAX_SERVERS).map(server).collect(),
            encryption: encryption.clone(),
            hosts: Arc::default(),
        }
    }

    /// Reads the system's hosts file now, whose addresses replace those of the name servers.
    #[must_use]
    pub fn with_hosts_file(mut self) -> Self {
        self.hosts = Arc::new(Hosts::from_system().unwrap_or_default());
        self
    }

    /// Returns the addresses in the hosts file.
    fn in_hosts_file(&self, host: &str) -> Result<Option<Addresses>, LookupError> {
        let name = wire_name(host)?;
        let of_kind = |kind| {
            self.hosts
                .lookup_static_host(&Query::query(name.clone(), kind))
        };
        let found = [RecordType::AAAA, RecordType::A].map(of_kind);
        let records = found.iter().flatten().flat_map(|found| found.answers());
        let addresses: Vec<IpAddr> = records.filter_map(|it| it.data.ip_addr()).collect();
        let found = (!addresses.is_empty()).then_some(addresses);
        Ok(found.map(|addresses| Addresses {
            addresses,
            ttl: None,
        }))
    }

    /// Returns the records under a name, following its aliases.
    async fn query(&self, name: &str, kind: RecordType) -> Result<Records, LookupError> {
        let name = wire_name(name)?;
        match self.encryption {
            Encryption::None | Encryption::Opportunistic => self.ask(name, kind).await,
            Encryption::Strict { .. } => self.ask_on_a_thread(name, kind).await,
        }
    }

    async fn ask(&self, name: Name, kind: RecordType) -> Result<Records, LookupError> {
        let mut failure = match self.servers.len() {
            0 => LookupError::NoNameServers,
            _ => LookupError::NoAnswer(QUERY_DEADLINE),
        };
        let servers = self.servers.iter().map(|it| it.query(name.clone(), kind));
        let ends = |error| error == LookupError::NoSuchName;
        let found = in_order(servers, STAGGER, ends, &mut failure);
        let found = tokio::time::timeout(QUERY_DEADLINE, found).await;
        found.unwrap_or(Err(failure))
    }

    /// The same, where a blocking verifier delays nothing else.
    async fn ask_on_a_thread(&self, name: Name, kind: RecordType) -> Result<Records, LookupError> {
        let broken = |_| LookupError::Network(io::ErrorKind::Other);
        let permit = VERIFYING.acquire().await.map_err(broken)?;
        let (sender, answer) = oneshot::channel();
        let (this, runtime) = (self.clone(), Handle::current());
        thread::Builder::new()
            .name("snapback-dns".to_owned())
            .stack_size(STACK_SIZE)
            .spawn(move || {
                let _permit = permit;
                // The caller may have given up.
                let _ = sender.send(runtime.block_on(this.ask(name, kind)));
            })
            .map_err(|error| LookupError::Network(error.kind()))?;
        answer
            .await
            .map_err(|_| LookupError::Network(io::ErrorKind::Other))?
    }

    async fn family(&self, host: &str, family: Family) -> Result<Addresses, LookupError> {
        let found = self.query(host, family.record_type()).await?;
        Ok(found.addresses())
    }
}

impl Lookup for NameServerLookup {
    async fn srv(&self, name: &str) -> Result<SrvAnswer, LookupError> {
        if Special::of(name).is_some() {
            return Ok(SrvAnswer::Absent);
        }
        match self.query(name, RecordType::SRV).await {
            Err(LookupError::NoSuchName) => Ok(SrvAnswer::Absent),
            found => found?.services(),
        }
    }

    async fn addresses(&self, host: &str) -> Result<Addresses, LookupError> {
        self.addresses_early(host, &|_| {}).await
    }

    async fn addresses_early(
        &self,
        host: &str,
        early: Early<'_>,
    ) -> Result<Addresses, LookupError> {
        match Special::of(host) {
            Some(Special::Localhost) => Ok(loopback()),
            Some(Special::NoHost) => Err(LookupError::NoSuchName),
            None => match self.in_hosts_file(host)? {
                Some(found) => Ok(found),
                None => both_families(early, |family| self.family(host, family)).await,
            },
        }
    }
}

impl Family {
    fn record_type(self) -> RecordType {
        match self {
            Self::V6 => RecordType::AAAA,
            Self::V4 => RecordType::A,
        }
    }
}

/// Encodes label by label: hickory treats text as possible IDNA, whose tables are not needed here.
fn wire_name(name: &str) -> Result<Name, LookupError> {
    let host = host::from_ascii(name).ok_or(LookupError::InvalidName)?;
    let append = |name: Name, label: &str| name.append_label(label.as_bytes());
    // Fully qualified: no search domains.
    let name = host.split('.').try_fold(Name::root(), append);
    name.map_err(|_| LookupError::InvalidName)
}

/// Names for which no name server is queried (RFC 6761, RFC 7686).
enum Special {
    /// This machine.
    Localhost,
    /// A name that is not in the DNS; a query would only reveal it to others.
    NoHost,
}

impl Special {
    fn of(name: &str) -> Option<Self> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let top = name.rsplit('.').next().unwrap_or(name);
        if top.eq_ignore_ascii_case("localhost") {
            Some(Self::Localhost)
        } else if ["onion", "invalid"]
            .iter()
            .any(|it| top.eq_ignore_ascii_case(it))
        {
            Some(Self::NoHost)
        } else {
            None
        }
    }
}

fn loopback() -> Addresses {
    Addresses {
        addresses: vec![
            IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V4(Ipv4Addr::LOCALHOST),
        ],
        ttl: None,
    }
}
