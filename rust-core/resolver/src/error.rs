//! Errors between a domain and its addresses. Their text names the kind of query, never the name that was looked up.

use std::fmt;
use std::io;
use std::time::Duration;

/// Why one query had no usable answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LookupError {
    /// The name does not exist (NXDOMAIN).
    NoSuchName,
    /// No answer within this time.
    NoAnswer(Duration),
    /// The answer violates the DNS protocol, or contains nothing usable.
    Malformed,
    /// The name server answered with an error.
    ServerFailure,
    /// No name server is known.
    NoNameServers,
    /// The name in the query is not a host name.
    InvalidName,
    /// The name is that of an onion service, which no resolver is asked for (RFC 7686).
    OnionService,
    /// The query could not be sent, or its answer could not be received.
    Network(io::ErrorKind),
}

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchName => f.write_str("the name does not exist"),
            Self::NoAnswer(waited) => write!(f, "no answer within {} ms", waited.as_millis()),
            Self::Malformed => f.write_str("the answer is malformed"),
            Self::ServerFailure => f.write_str("the name server failed"),
            Self::NoNameServers => f.write_str("no name server is known"),
            Self::InvalidName => f.write_str("not a host name"),
            Self::OnionService => f.write_str("an onion service needs a proxy that knows its name"),
            Self::Network(kind) => write!(f, "network: {kind}"),
        }
    }
}

impl std::error::Error for LookupError {}

/// The kind of query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// SRV, `_xmpps-client._tcp`.
    DirectTlsSrv,
    /// SRV, `_xmpp-client._tcp`.
    StartTlsSrv,
    /// A and AAAA of a target.
    Addresses,
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DirectTlsSrv => "the SRV query for direct TLS",
            Self::StartTlsSrv => "the SRV query for STARTTLS",
            Self::Addresses => "the address query",
        })
    }
}

/// Why a domain led to no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResolveError {
    /// The domain is neither a host name nor an address.
    InvalidDomain,
    /// The domain declares that it offers no XMPP to clients (SRV target `.`).
    NotOffered,
    /// Neither SRV records nor the domain itself exist.
    NoSuchDomain,
    /// None of the targets has an address.
    NoAddresses,
    /// The name is that of an onion service, which no resolver is asked for (RFC 7686): it needs a proxy with remote names.
    OnionService,
    /// No name server is known.
    NoNameServers,
    /// No answer within this time.
    NoAnswer {
        /// The query.
        query: Query,
        /// How long the resolver waited.
        waited: Duration,
    },
    /// The answer violates the DNS protocol, or contains nothing usable.
    Malformed {
        /// The query.
        query: Query,
    },
    /// The name server answered with an error.
    ServerFailure {
        /// The query.
        query: Query,
    },
    /// The query could not be sent, or its answer could not be received.
    Network {
        /// The query.
        query: Query,
        /// The error of the system.
        kind: io::ErrorKind,
    },
}

impl ResolveError {
    /// Returns whether a later attempt, on this network or another one, can succeed without any action of the user.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::InvalidDomain | Self::NotOffered | Self::OnionService => false,
            // A captive portal or a half-configured network answers like this, too.
            Self::NoSuchDomain | Self::NoAddresses | Self::NoNameServers => true,
            Self::NoAnswer { .. }
            | Self::Malformed { .. }
            | Self::ServerFailure { .. }
            | Self::Network { .. } => true,
        }
    }

    #[cfg(feature = "lookups")]
    pub(crate) fn of_query(query: Query, error: LookupError) -> Self {
        match error {
            LookupError::NoSuchName => Self::NoAddresses,
            LookupError::OnionService => Self::OnionService,
            LookupError::NoAnswer(waited) => Self::NoAnswer { query, waited },
            LookupError::Malformed | LookupError::InvalidName => Self::Malformed { query },
            LookupError::ServerFailure => Self::ServerFailure { query },
            LookupError::NoNameServers => Self::NoNameServers,
            LookupError::Network(kind) => Self::Network { query, kind },
        }
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidDomain => f.write_str("not a domain"),
            Self::NotOffered => f.write_str("the domain offers no XMPP to clients"),
            Self::NoSuchDomain => f.write_str("the domain does not exist"),
            Self::NoAddresses => f.write_str("no target has an address"),
            Self::OnionService => LookupError::OnionService.fmt(f),
            Self::NoNameServers => LookupError::NoNameServers.fmt(f),
            Self::NoAnswer { query, waited } => {
                write!(f, "{query}: {}", LookupError::NoAnswer(*waited))
            }
            Self::Malformed { query } => write!(f, "{query}: {}", LookupError::Malformed),
            Self::ServerFailure { query } => write!(f, "{query}: {}", LookupError::ServerFailure),
            Self::Network { query, kind } => write!(f, "{query}: {}", LookupError::Network(*kind)),
        }
    }
}

impl std::error::Error for ResolveError {}
