//! How a server was found: what was asked for its name, and what became of each address.

use snapback_client as core;
use snapback_client::proto::time::Instant;
pub use snapback_client::resolver::Source as NameSource;
use snapback_client::resolver::{QueryOutcome, SourceTarget};

use crate::convert::millis;

/// How a server was found, or why it was not.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct DialReport {
    /// The queries for names, in the order of their ends. None if all addresses were known.
    pub queries: Vec<NameQuery>,
    /// The addresses that were dialed, in this order.
    pub addresses: Vec<DialedAddress>,
}

/// A query for a name.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NameQuery {
    /// The name.
    pub name: String,
    /// The types of the records: `SRV`, or `A, AAAA`.
    pub records: String,
    /// Who was asked.
    pub source: NameSource,
    /// When it began, in milliseconds from the beginning of the dial.
    pub started_ms: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Its result.
    pub result: NameResult,
}

/// Who was asked for a name.
#[uniffi::remote(Enum)]
pub enum NameSource {
    /// The platform's resolver.
    Platform,
    /// A name server over TLS, with the certificate of the server that the user has named.
    StrictTls,
    /// A name server of the network over TLS, with any certificate.
    OpportunisticTls,
    /// A name server in cleartext.
    Cleartext,
    /// `getaddrinfo`.
    SystemCall,
}

/// The result of a query for a name.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum NameResult {
    /// There are this many records; 0 if the name has none.
    Found {
        /// The number of records.
        records: u32,
    },
    /// There is no usable answer.
    Failed {
        /// The error in English, safe to log.
        problem: String,
    },
    /// No answer came while one was needed: another source was faster, or the time was over.
    Unanswered,
}

/// An address that was dialed.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DialedAddress {
    /// The name of the host.
    pub host: String,
    /// The address and the port. If a proxy looks up the host, the host and the port.
    pub address: String,
    /// When it was dialed, in milliseconds from the beginning of the dial.
    pub started_ms: u64,
    /// How long it took until it was decided what becomes of it, in milliseconds.
    pub took_ms: Option<u64>,
    /// What became of it.
    pub fate: DialFate,
}

/// What became of an address.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum DialFate {
    /// It was still being dialed.
    Opening,
    /// It responded first, and is used.
    Used,
    /// It could not be connected to.
    Failed {
        /// The error in English, such as `connection refused`.
        problem: String,
    },
    /// Another address responded first.
    RaceLost,
    /// It did not respond in time.
    TimedOut,
    /// It was not needed any more: the attempt was over, or the network changed.
    NotNeeded,
}

impl From<core::DialReport> for DialReport {
    fn from(report: core::DialReport) -> Self {
        let start = started(&report);
        let since = |when: Instant| millis(when.since(start));
        let queries = report.queries.into_iter().map(|ended| {
            let (query, ended) = (ended.query, since(ended.ended));
            let took_ms = millis(query.took);
            NameQuery {
                name: query.name,
                records: match query.target {
                    SourceTarget::Service => "SRV".to_owned(),
                    SourceTarget::Host => "A, AAAA".to_owned(),
                },
                source: query.source,
                started_ms: ended.saturating_sub(took_ms),
                took_ms,
                result: query.outcome.into(),
            }
        });
        let addresses = report.addresses.into_iter().map(|dialed| DialedAddress {
            address: match dialed.address() {
                Some(address) => address.to_string(),
                None => format!("{}:{}", dialed.endpoint.host, dialed.endpoint.addr.port()),
            },
            host: dialed.endpoint.host,
            started_ms: since(dialed.started),
            took_ms: dialed
                .ended
                .map(|ended| millis(ended.since(dialed.started))),
            fate: dialed.fate.into(),
        });
        Self {
            queries: queries.collect(),
            addresses: addresses.collect(),
        }
    }
}

/// Returns when the first query or the first address began.
fn started(report: &core::DialReport) -> Instant {
    let queries = report.queries.iter().map(|ended| {
        let began = ended.ended.since_epoch().saturating_sub(ended.query.took);
        Instant::from_epoch(began)
    });
    let addresses = report.addresses.iter().map(|dialed| dialed.started);
    queries.chain(addresses).min().unwrap_or(Instant::ZERO)
}

impl From<QueryOutcome> for NameResult {
    fn from(outcome: QueryOutcome) -> Self {
        match outcome {
            QueryOutcome::Found(records) => Self::Found {
                records: u32::try_from(records).unwrap_or(u32::MAX),
            },
            QueryOutcome::Failed(error) => Self::Failed {
                problem: error.to_string(),
            },
            QueryOutcome::Unanswered => Self::Unanswered,
        }
    }
}

impl From<core::DialFate> for DialFate {
    fn from(fate: core::DialFate) -> Self {
        match fate {
            core::DialFate::Opening => Self::Opening,
            core::DialFate::Used => Self::Used,
            core::DialFate::Failed(failure) => Self::Failed {
                problem: failure.to_string(),
            },
            core::DialFate::Abandoned(core::Abandonment::RaceLost) => Self::RaceLost,
            core::DialFate::Abandoned(core::Abandonment::TimedOut) => Self::TimedOut,
            core::DialFate::Abandoned(_) => Self::NotNeeded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use snapback_client::resolver::{
        Endpoint, EndpointSource, LookupError, QueryReport, Transport,
    };

    fn at(millis: u64) -> Instant {
        Instant::from_epoch(Duration::from_millis(millis))
    }

    #[test]
    fn times_count_from_the_beginning_of_the_dial() {
        let failed = QueryOutcome::Failed(LookupError::ServerFailure);
        let query = QueryReport {
            name: "_xmpps-client._tcp.example.org".to_owned(),
            target: SourceTarget::Service,
            source: NameSource::Platform,
            took: Duration::from_millis(30),
            outcome: failed,
        };
        let endpoint = Endpoint {
            host: "xmpp.example.org".to_owned(),
            addr: "192.0.2.1:5223".parse().unwrap(),
            transport: Transport::DirectTls,
            priority: 0,
            source: EndpointSource::Srv,
        };
        let report = DialReport::from(core::DialReport {
            queries: vec![core::EndedQuery {
                query,
                ended: at(1050),
            }],
            addresses: vec![core::DialedAddress {
                endpoint,
                started: at(1060),
                ended: Some(at(1090)),
                fate: core::DialFate::Used,
            }],
        });
        let [query] = report.queries.as_slice() else {
            panic!("one query")
        };
        assert_eq!((query.started_ms, query.took_ms), (0, 30));
        let problem = LookupError::ServerFailure.to_string();
        assert_eq!(query.result, NameResult::Failed { problem });
        let [address] = report.addresses.as_slice() else {
            panic!("one address")
        };
        assert_eq!((address.started_ms, address.took_ms), (40, Some(30)));
        assert_eq!(address.address, "192.0.2.1:5223");
        assert_eq!(
            DialReport::from(core::DialReport::default()),
            DialReport::default()
        );
    }
}
