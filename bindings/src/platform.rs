//! Information about networks and names that the platform provides to the core.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use snapback_client as core;
pub use snapback_client::RecordType;
pub use snapback_client::resolver::SrvRecord;
use snapback_client::resolver::System;

/// The port of DNS (RFC 1035 section 4.2).
const DNS_PORT: u16 = 53;
/// The API levels of the Android versions whose resolvers differ.
const ANDROID_9: u32 = 28;
const ANDROID_10: u32 = 29;

/// The system that the client runs on. It decides which sources are asked for names, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum NameSystem {
    /// Android. The app answers queries from Android 10 on, and reports the name servers and Private DNS of each network.
    Android {
        /// The API level: `Build.VERSION.SDK_INT`.
        api_level: u32,
    },
    /// Apple's systems. The app answers queries.
    Apple,
    /// Any other, with name servers of its own configuration.
    Other,
}

/// A query to the platform's resolver, for records of one type. The app answers within two seconds with
/// [`CoreClient::answer_dns`](crate::CoreClient::answer_dns); the next source may be queried before.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DnsQuery {
    /// The identifier of the query, for the answer.
    pub id: u64,
    /// The name, such as `_xmpps-client._tcp.example.org`.
    pub name: String,
    /// The type of the records.
    pub records: RecordType,
}

/// The type of DNS records.
#[uniffi::remote(Enum)]
pub enum RecordType {
    /// Services (RFC 2782).
    Srv,
    /// IPv6 addresses.
    Aaaa,
    /// IPv4 addresses.
    A,
}

/// A request to the platform's resolver.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum DnsRequest {
    /// This query is to be answered.
    Query {
        /// The query.
        query: DnsQuery,
    },
    /// The answer to this query is not needed any more.
    Cancel {
        /// The identifier of the query.
        id: u64,
    },
}

/// The answer of the platform's resolver to a query.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum DnsAnswer {
    /// SRV records. An empty list means the same as [`DnsAnswer::NoRecords`].
    Srv {
        /// The records.
        records: Vec<SrvRecord>,
        /// Their TTL, in seconds. If missing, they are valid for five minutes.
        ttl: Option<u32>,
    },
    /// Addresses of the requested family. An empty list means the same as [`DnsAnswer::NoRecords`].
    Addresses {
        /// The addresses, as text.
        addresses: Vec<String>,
        /// Their TTL, in seconds. If missing, they are valid for five minutes.
        ttl: Option<u32>,
    },
    /// The name does not exist, or has no records of this type: no other source is queried.
    NoRecords,
    /// A complete DNS message (RFC 1035 section 4). If it cannot be used, the next source is queried.
    Message {
        /// The message as received.
        message: Vec<u8>,
    },
    /// The platform cannot answer: the next source is queried.
    Unable,
}

/// One SRV record (RFC 2782).
#[uniffi::remote(Record)]
pub struct SrvRecord {
    /// The priority. Records with a lower value are tried first.
    pub priority: u16,
    /// The relative weight among records of equal priority.
    pub weight: u16,
    /// The port on the target.
    pub port: u16,
    /// The target host, or `.` if the service is not offered.
    pub target: String,
}

/// The current state of the network, as reported by the platform.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NetworkState {
    /// Whether there is a network with access to the internet.
    pub available: bool,
    /// Its name servers, as IP addresses; a link-local one with the index of its interface, such as `fe80::1%3`. Invalid
    /// addresses are ignored; without a valid one, the previous name servers stay in place.
    pub name_servers: Vec<String>,
    /// Android's Private DNS on this network. If missing, it is off.
    #[uniffi(default = None)]
    pub private_dns: Option<PrivateDns>,
}

/// Android's Private DNS: how queries to the name servers of a network are encrypted (RFC 7858).
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum PrivateDns {
    /// By TLS with any certificate and, where a name server does not support TLS, not at all.
    Opportunistic,
    /// By TLS to the server of this name, which the user has set. No other server is queried.
    Strict {
        /// The name that the server's certificate must have.
        host: String,
    },
}

/// Returns the socket address of a name server, with the DNS port unless another is given.
pub(crate) fn name_server(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, DNS_PORT));
    }
    if let Some((address, scope)) = text.split_once('%') {
        let (address, scope) = (address.parse().ok(), scope.parse().ok());
        if let (Some(address), Some(scope)) = (address, scope) {
            return Some(SocketAddrV6::new(address, DNS_PORT, 0, scope).into());
        }
    }
    text.parse().ok()
}

impl NetworkState {
    /// Returns the valid name servers.
    pub(crate) fn name_servers(&self) -> Vec<SocketAddr> {
        let servers = self.name_servers.iter();
        servers.filter_map(|text| name_server(text)).collect()
    }
}

impl NameSystem {
    /// Returns whether the app answers queries for names.
    pub(crate) fn answers(self) -> bool {
        matches!(self.into(), System::Android10 | System::Apple)
    }
}

impl From<NameSystem> for System {
    fn from(system: NameSystem) -> Self {
        match system {
            NameSystem::Android {
                api_level: ANDROID_10..,
            } => Self::Android10,
            NameSystem::Android {
                api_level: ANDROID_9,
            } => Self::Android9,
            NameSystem::Android { .. } => Self::Android7,
            NameSystem::Apple => Self::Apple,
            NameSystem::Other => Self::Other,
        }
    }
}

impl From<PrivateDns> for core::resolver::PrivateDns {
    fn from(private_dns: PrivateDns) -> Self {
        match private_dns {
            PrivateDns::Opportunistic => Self::Opportunistic,
            PrivateDns::Strict { host } => Self::Strict(host),
        }
    }
}

impl From<core::PlatformRequest> for DnsRequest {
    fn from(request: core::PlatformRequest) -> Self {
        match request {
            core::PlatformRequest::Query(query) => Self::Query {
                query: DnsQuery {
                    id: query.id.0,
                    name: query.name,
                    records: query.records,
                },
            },
            core::PlatformRequest::Cancel(id) => Self::Cancel { id: id.0 },
        }
    }
}

impl From<DnsAnswer> for core::PlatformAnswer {
    fn from(answer: DnsAnswer) -> Self {
        let duration = |ttl: Option<u32>| ttl.map(|ttl| Duration::from_secs(ttl.into()));
        match answer {
            DnsAnswer::Srv { records, ttl } => Self::Srv {
                records,
                ttl: duration(ttl),
            },
            DnsAnswer::Addresses { addresses, ttl } => {
                let is_empty = addresses.is_empty();
                let addresses = addresses.iter().filter_map(|text| text.parse().ok());
                let addresses: Vec<IpAddr> = addresses.collect();
                match addresses.is_empty() && !is_empty {
                    true => Self::Unable,
                    false => Self::Addresses {
                        addresses,
                        ttl: duration(ttl),
                    },
                }
            }
            DnsAnswer::NoRecords => Self::NoRecords,
            DnsAnswer::Message { message } => Self::Message(message),
            DnsAnswer::Unable => Self::Unable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_addresses_with_or_without_port_and_scope() {
        let given = |text| name_server(text).map(|server| server.to_string());
        for (text, server) in [
            ("192.0.2.1", Some("192.0.2.1:53")),
            ("2001:db8::1", Some("[2001:db8::1]:53")),
            ("192.0.2.2:5353", Some("192.0.2.2:5353")),
            ("fe80::1%3", Some("[fe80::1%3]:53")),
            ("[fe80::1%3]:5353", Some("[fe80::1%3]:5353")),
            ("fe80::1%wlan0", None),
            ("192.0.2.1%3", None),
            ("dns.example.org", None),
            ("", None),
        ] {
            assert_eq!(given(text).as_deref(), server, "{text}");
        }
    }

    #[test]
    fn an_invalid_name_server_does_not_hide_a_valid_one() {
        let network = NetworkState {
            available: true,
            name_servers: ["fe80::1%wlan0", "192.0.2.1"].map(str::to_owned).to_vec(),
            private_dns: None,
        };
        assert_eq!(network.name_servers(), ["192.0.2.1:53".parse().unwrap()]);
    }

    #[test]
    fn the_version_of_android_decides_which_sources_there_are() {
        for (api_level, system) in [
            (0, System::Android7),
            (24, System::Android7),
            (27, System::Android7),
            (28, System::Android9),
            (29, System::Android10),
            (u32::MAX, System::Android10),
        ] {
            assert_eq!(System::from(NameSystem::Android { api_level }), system);
        }
    }

    #[test]
    fn addresses_that_cannot_be_read_are_not_the_same_as_none() {
        let answer = |texts: &[&str]| {
            let addresses = texts.iter().map(|text| (*text).to_owned()).collect();
            core::PlatformAnswer::from(DnsAnswer::Addresses {
                addresses,
                ttl: Some(60),
            })
        };
        let read = |addresses| core::PlatformAnswer::Addresses {
            addresses,
            ttl: Some(Duration::from_secs(60)),
        };
        let address: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(answer(&["x", "192.0.2.1"]), read(vec![address]));
        assert_eq!(answer(&[]), read(vec![]));
        assert_eq!(answer(&["x"]), core::PlatformAnswer::Unable);
    }
}
