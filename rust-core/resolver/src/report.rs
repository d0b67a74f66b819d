//! What was asked for a name, for a timeline.

use crate::LookupError;
use std::time::Duration;

/// What is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceTarget {
    /// The SRV records of a service.
    Service,
    /// The addresses of a host.
    Host,
}

/// A source of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The platform's resolver: `DnsResolver`, or `DNSServiceQueryRecord` and `DNSServiceGetAddrInfo`.
    Platform,
    /// The network's name servers over TLS, with the certificate of the named server.
    StrictTls,
    /// The network's name servers over TLS, with any certificate.
    OpportunisticTls,
    /// The network's name servers, or those of the system's configuration.
    Cleartext,
    /// `getaddrinfo`.
    SystemCall,
}

/// A query for a name: who was asked, for how long, and with which result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryReport {
    /// The name.
    pub name: String,
    /// What was asked for.
    pub target: SourceTarget,
    /// Who was asked.
    pub source: Source,
    /// How long the query took.
    pub took: Duration,
    /// Its result.
    pub outcome: QueryOutcome,
}

/// The result of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryOutcome {
    /// This many records; 0 if the name has none.
    Found(usize),
    /// The source has no usable answer.
    Failed(LookupError),
    /// No answer came while one was needed: another source was faster, or the time was over.
    Unanswered,
}
