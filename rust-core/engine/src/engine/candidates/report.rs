//! How a transport was found: which names were looked up where, and what became of each address.

use core::net::SocketAddr;

use snapback_proto::time::Instant;
use snapback_resolver::QueryReport;
use snapback_types::endpoint::Endpoint;

use super::{Abandonment, CandidateId, ConnectFailure, unresolved};

/// The maximum number of queries, and of addresses, that a report has. Two services and sixteen hosts have fewer, and so
/// does a race within its time.
const MAX_ENTRIES: usize = 128;

/// How a transport was found, or why none was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DialReport {
    /// The queries for names that ended before the transport was open, in the order of their ends. None if all
    /// addresses were known.
    pub queries: Vec<EndedQuery>,
    /// The addresses that were dialed, in this order.
    pub addresses: Vec<DialedAddress>,
}

/// A query for a name that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedQuery {
    /// The query, and its result.
    pub query: QueryReport,
    /// When the result was reported.
    pub ended: Instant,
}

/// An address that was dialed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DialedAddress {
    /// The host and the record that the address comes from; [`DialedAddress::address`] has the address.
    pub endpoint: Endpoint,
    /// When its transport began to be opened.
    pub started: Instant,
    /// When it was decided what becomes of it.
    pub ended: Option<Instant>,
    /// What became of it.
    pub fate: DialFate,
}

impl DialedAddress {
    /// Returns the address; `None` if a proxy looks up the host.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        let name = unresolved::name(&self.endpoint);
        name.is_none().then_some(self.endpoint.addr)
    }
}

/// What became of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialFate {
    /// Its transport is being opened.
    Opening,
    /// Its transport was open first, and is used.
    Used,
    /// Its transport could not be opened.
    Failed(ConnectFailure),
    /// It was abandoned.
    Abandoned(Abandonment),
}

impl DialReport {
    pub(super) fn queried(&mut self, queries: &[QueryReport], now: Instant) {
        let room = MAX_ENTRIES.saturating_sub(self.queries.len());
        let queries = queries.iter().take(room).cloned();
        let ended = |query| EndedQuery { query, ended: now };
        self.queries.extend(queries.map(ended));
    }

    pub(super) fn raced(&mut self, dialed: DialLog) {
        let room = MAX_ENTRIES.saturating_sub(self.addresses.len());
        let addresses = dialed.0.into_iter().take(room);
        self.addresses.extend(addresses.map(|(_, address)| address));
    }
}

/// The addresses of a race.
#[derive(Debug, Default)]
pub(super) struct DialLog(Vec<(CandidateId, DialedAddress)>);

impl DialLog {
    pub(super) fn started(&mut self, candidate: CandidateId, endpoint: &Endpoint, now: Instant) {
        let address = DialedAddress {
            endpoint: endpoint.clone(),
            started: now,
            ended: None,
            fate: DialFate::Opening,
        };
        self.0.push((candidate, address));
    }

    pub(super) fn ended(&mut self, candidate: CandidateId, fate: DialFate, now: Instant) {
        let mut dialed = self.0.iter_mut();
        if let Some((_, address)) = dialed.find(|(other, _)| *other == candidate) {
            address.fate = fate;
            address.ended = Some(now);
        }
    }
}
