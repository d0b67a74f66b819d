//! From a domain to endpoints: RFC 6120 section 3.2, XEP-0368.

use crate::search::{EarlyAddresses, Search};
use crate::srv::MAX_TARGETS;
use crate::{
    Addresses, Early, Endpoint, EndpointSource, Lookup, LookupError, Request, Resolution,
    ResolveError, Target, Transport, host,
};
use snapback_types::nat64::WELL_KNOWN_NAME;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// The timeout of one query. A recursive look-up over a slow mobile network takes a second; a server that has not
/// answered after two will not, and the app is waiting. A resolution is two queries in a row, so it ends within four.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// The port of RFC 6120 section 3.2.2. For direct TLS there is no such port: without SRV it is not assumed.
const FALLBACK_PORT: u16 = 5222;
/// The TTL for the system's look-up, which reports none; this is a usual one.
pub(crate) const UNKNOWN_TTL: Duration = Duration::from_secs(300);

/// Finds the endpoints of a domain. `random` returns uniform 32-bit numbers, for SRV weights.
///
/// An SRV query without an answer is treated as one without records (RFC 6120 section 3.2.1, step 8): some networks
/// block SRV and still resolve addresses. Its error is reported if the fallback fails, too. The target `.` for either
/// service excludes the fallback (RFC 6120 section 3.2.1, step 5; XEP-0368 section 5).
///
/// # Errors
/// [`ResolveError`] says which step led to no endpoint.
pub async fn resolve<L: Lookup>(
    request: &Request,
    lookup: &L,
    random: &mut (dyn FnMut() -> u32 + Send),
) -> Result<Resolution, ResolveError> {
    resolve_each(request, lookup, random, &mut |_| {}).await
}

/// The same, and calls `found` with the endpoints that are known, in their order, each time there are more: the hosts of
/// the first SRV answer are looked up while the other service is not yet answered, and the first family of a host counts.
///
/// # Errors
/// As for [`resolve`].
pub async fn resolve_each<L: Lookup>(
    request: &Request,
    lookup: &L,
    random: &mut (dyn FnMut() -> u32 + Send),
    found: &mut (dyn FnMut(Vec<Endpoint>) + Send),
) -> Result<Resolution, ResolveError> {
    let early = EarlyAddresses::default();
    let mut search = Search::new(lookup, &early);
    if !request.overrides.is_empty() {
        let targets = request.overrides.iter().take(MAX_TARGETS).cloned();
        search.targets(targets.collect(), EndpointSource::Override, UNKNOWN_TTL);
        return finish(search, found).await;
    }
    if let Some(ip) = address_literal(&request.domain) {
        let targets = vec![fallback(ip.to_string())];
        search.targets(targets, EndpointSource::Fallback, Duration::MAX);
        return finish(search, found).await;
    }
    let domain = host::from_ascii(&request.domain).ok_or(ResolveError::InvalidDomain)?;
    if host::is_onion(&domain) {
        return Err(ResolveError::OnionService);
    }
    search.services(&domain);
    while !search.is_over() {
        search.step().await;
        search.merge(request.preference, random);
        if !search.is_over() {
            search.report(found);
        }
    }
    if search.has_targets() {
        return search.resolution();
    }
    let failure = search.fallback()?;
    let targets = vec![fallback(domain)];
    search.targets(targets, EndpointSource::Fallback, UNKNOWN_TTL);
    let found = finish(search, found).await;
    found.map_err(|error| match (failure, error) {
        (Some(failure), _) => failure,
        (None, ResolveError::NoAddresses) => ResolveError::NoSuchDomain,
        (None, error) => error,
    })
}

/// Returns the AAAA records that show the prefixes of the network's translator (RFC 7050); none if it has none.
///
/// # Errors
/// If there is no answer: the network may have a translator.
pub async fn translator_records<L: Lookup>(lookup: &L) -> Result<Vec<Ipv6Addr>, LookupError> {
    let found = match within_timeout(lookup.addresses(WELL_KNOWN_NAME)).await {
        Ok(found) => found.addresses,
        Err(LookupError::NoSuchName) => Vec::new(),
        Err(error) => return Err(error),
    };
    let records = found.into_iter().filter_map(|address| match address {
        IpAddr::V6(record) => Some(record),
        IpAddr::V4(_) => None,
    });
    Ok(records.collect())
}

/// Waits for all look-ups.
async fn finish<L: Lookup>(
    mut search: Search<'_, L>,
    found: &mut (dyn FnMut(Vec<Endpoint>) + Send),
) -> Result<Resolution, ResolveError> {
    while !search.is_over() {
        search.step().await;
        if !search.is_over() {
            search.report(found);
        }
    }
    search.resolution()
}

fn address_literal(domain: &str) -> Option<IpAddr> {
    let bracketed = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']'));
    match bracketed {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => domain.parse().ok(),
    }
}

fn fallback(host: String) -> Target {
    Target {
        host,
        port: FALLBACK_PORT,
        transport: Transport::StartTls,
        priority: 0,
        weight: 0,
    }
}

pub(crate) async fn addresses<L: Lookup>(
    host: &str,
    lookup: &L,
    early: Early<'_>,
) -> Result<Addresses, LookupError> {
    if let Some(ip) = address_literal(host) {
        return Ok(Addresses {
            addresses: vec![ip],
            ttl: Some(Duration::MAX),
        });
    }
    let name = host::from_ascii(host).ok_or(LookupError::InvalidName)?;
    if host::is_onion(&name) {
        return Err(LookupError::OnionService);
    }
    within_timeout(lookup.addresses_early(&name, early)).await
}

pub(crate) async fn within_timeout<T>(
    query: impl Future<Output = Result<T, LookupError>>,
) -> Result<T, LookupError> {
    tokio::time::timeout(QUERY_TIMEOUT, query)
        .await
        .unwrap_or(Err(LookupError::NoAnswer(QUERY_TIMEOUT)))
}
