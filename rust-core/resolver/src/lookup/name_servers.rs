//! Queries to name servers, over UDP and, where an answer does not fit, TCP: RFC 1035, RFC 6891 (EDNS0), RFC 5452
//! (forged answers), RFC 7766 (TCP).
//!
//! A stub resolver and no more: it queries recursive servers, caches nothing, and supports SRV, A and AAAA. hickory
//! encodes and decodes names and records; which server is queried, when, and which answers are accepted is decided here
//! (`docs/decisions/0054`).

mod answer;
mod exchange;
mod handed_over;
mod message;
mod servers;

use super::resolv_conf::ResolvConf;
use super::{Addresses, Lookup};
use crate::{LookupError, SrvAnswer, host};
use answer::{Chain, Found};
use hickory_resolver::proto::rr::{Name, RecordType};
use message::{Data, Question};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

/// How long to wait for one address family once the other has answered. RFC 8305 waits 50 ms and then adds late
/// addresses to the running race; here all addresses form one list, so the wait is longer: DNS64 synthesises its AAAA
/// record only after a query for A.
const FAMILY_GRACE: Duration = Duration::from_millis(500);
/// The timeout of a whole query, with retransmissions, other servers and aliases. It is shorter than
/// [`QUERY_TIMEOUT`](crate::QUERY_TIMEOUT), so that the cause is still reported.
const QUERY_DEADLINE: Duration = Duration::from_millis(1800);
/// The path of the name server list on Unix hosts.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Which name servers to query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameServers {
    /// These, in this order. On phones the platform supplies them, and they change with the network.
    Given(Vec<SocketAddr>),
    /// Those of `/etc/resolv.conf`. Phones have no such file.
    System,
}

/// Queries name servers directly. It caches no answers and reads no hosts file, so nothing remains after a change of
/// network.
#[derive(Debug)]
pub struct NameServerLookup {
    servers: Vec<SocketAddr>,
}

impl NameServerLookup {
    /// Prepares queries to these servers; nothing is sent yet.
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
        Ok(Self { servers })
    }

    /// Returns the records under a name, following its aliases.
    async fn query(&self, name: &str, kind: RecordType) -> Result<Found, LookupError> {
        let mut chain = Chain::from(wire_name(name)?);
        let mut failure = LookupError::NoAnswer(QUERY_DEADLINE);
        let follow = async {
            loop {
                let question = Question {
                    name: chain.end().clone(),
                    kind,
                };
                let reply = servers::ask(&self.servers, &question, &mut failure).await?;
                if let Some(found) = chain.follow(reply, kind)? {
                    return Ok(found);
                }
            }
        };
        let found = tokio::time::timeout(QUERY_DEADLINE, follow).await;
        found.unwrap_or(Err(failure))
    }

    async fn family(&self, host: &str, kind: RecordType) -> Result<Addresses, LookupError> {
        let found = self.query(host, kind).await?;
        let addresses = found.records.into_iter().filter_map(|data| match data {
            Data::Address(address) => Some(address),
            Data::Alias(_) | Data::Service(_) => None,
        });
        Ok(Addresses {
            addresses: addresses.collect(),
            ttl: Some(found.ttl),
        })
    }
}

impl Lookup for NameServerLookup {
    async fn srv(&self, name: &str) -> Result<SrvAnswer, LookupError> {
        if Special::of(name).is_some() {
            return Ok(SrvAnswer::Absent);
        }
        let found = match self.query(name, RecordType::SRV).await {
            Err(LookupError::NoSuchName) => return Ok(SrvAnswer::Absent),
            found => found?,
        };
        found.services()
    }

    async fn addresses(&self, host: &str) -> Result<Addresses, LookupError> {
        match Special::of(host) {
            Some(Special::Localhost) => return Ok(loopback()),
            Some(Special::NoHost) => return Err(LookupError::NoSuchName),
            None => {}
        }
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
            // A failure of one family explains more than a missing record of the other.
            (Err(LookupError::NoSuchName), Err(error)) | (Err(error), Err(_)) => Err(error),
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
