//! From a domain to endpoints: RFC 6120 section 3.2, XEP-0368.

use crate::srv::MAX_TARGETS;
use crate::{
    Addresses, DIRECT_TLS_SERVICE, Endpoint, EndpointSource, Lookup, LookupError, Preference,
    Query, Request, Resolution, ResolveError, STARTTLS_SERVICE, SrvAnswer, Target, Transport, host,
    merge, order,
};
use std::future::poll_fn;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// The timeout of one query. A recursive look-up over a slow mobile network takes a second; a server that has not
/// answered after two will not, and the app is waiting. A resolution is two queries in a row, so it ends within four.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(2);
/// The maximum number of addresses of a host; each may become a connection attempt.
const MAX_ADDRESSES: usize = 16;
/// The port of RFC 6120 section 3.2.2. For direct TLS there is no such port: without SRV it is not assumed.
const FALLBACK_PORT: u16 = 5222;
/// The TTL for the system's look-up, which reports none; this is a usual one.
const UNKNOWN_TTL: Duration = Duration::from_secs(300);

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
    if !request.overrides.is_empty() {
        let targets = request
            .overrides
            .iter()
            .take(MAX_TARGETS)
            .cloned()
            .collect();
        return endpoints(targets, EndpointSource::Override, UNKNOWN_TTL, lookup).await;
    }
    if let Some(ip) = address_literal(&request.domain) {
        return endpoints(
            vec![fallback(ip.to_string())],
            EndpointSource::Fallback,
            Duration::MAX,
            lookup,
        )
        .await;
    }
    let domain = host::from_ascii(&request.domain).ok_or(ResolveError::InvalidDomain)?;
    match service(&domain, request.preference, lookup, random).await? {
        Service::At { targets, ttl } => endpoints(targets, EndpointSource::Srv, ttl, lookup).await,
        Service::Unknown { failure } => {
            let found = endpoints(
                vec![fallback(domain)],
                EndpointSource::Fallback,
                UNKNOWN_TTL,
                lookup,
            )
            .await;
            found.map_err(|error| match (failure, error) {
                (Some(failure), _) => failure,
                (None, ResolveError::NoAddresses) => ResolveError::NoSuchDomain,
                (None, error) => error,
            })
        }
    }
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

/// The SRV result for a domain.
enum Service {
    At {
        targets: Vec<Target>,
        ttl: Duration,
    },
    /// No records; perhaps because a query failed.
    Unknown {
        failure: Option<ResolveError>,
    },
}

async fn service<L: Lookup>(
    domain: &str,
    preference: Preference,
    lookup: &L,
    random: &mut (dyn FnMut() -> u32 + Send),
) -> Result<Service, ResolveError> {
    let direct_name = format!("{DIRECT_TLS_SERVICE}.{domain}");
    let starttls_name = format!("{STARTTLS_SERVICE}.{domain}");
    let (direct, starttls) = tokio::join!(
        within_timeout(lookup.srv(&direct_name)),
        within_timeout(lookup.srv(&starttls_name)),
    );
    let mut failure = None;
    let mut answer = |query, result: Result<SrvAnswer, LookupError>| match result {
        Ok(answer) => answer,
        Err(LookupError::NoSuchName) => SrvAnswer::Absent,
        Err(error) => {
            failure = Some(ResolveError::of_query(query, error));
            SrvAnswer::Absent
        }
    };
    let direct = answer(Query::DirectTlsSrv, direct);
    let starttls = answer(Query::StartTlsSrv, starttls);
    let targets = merge(&direct, &starttls, preference, random);
    if !targets.is_empty() {
        let ttl = [direct.ttl(), starttls.ttl()].into_iter().flatten().min();
        return Ok(Service::At {
            targets,
            ttl: ttl.unwrap_or(UNKNOWN_TTL),
        });
    }
    // XEP-0368 section 5: `.` for one service leaves the other's records, and shows that the domain uses SRV, so there
    // is no fallback to its addresses. If the other query failed, it may still have records.
    let is_not_offered = |answer: &SrvAnswer| matches!(answer, SrvAnswer::NotOffered { .. });
    if is_not_offered(&direct) || is_not_offered(&starttls) {
        return Err(failure.unwrap_or(ResolveError::NotOffered));
    }
    Ok(Service::Unknown { failure })
}

async fn endpoints<L: Lookup>(
    targets: Vec<Target>,
    source: EndpointSource,
    ttl: Duration,
    lookup: &L,
) -> Result<Resolution, ResolveError> {
    let mut hosts: Vec<&str> = targets.iter().map(|t| t.host.as_str()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    let answers = join_all(hosts.iter().map(|host| addresses(host, lookup))).await;
    let mut ttl = ttl;
    let mut found = Vec::new();
    let mut failure = None;
    for target in &targets {
        let answer = hosts
            .iter()
            .zip(&answers)
            .find(|(host, _)| **host == target.host);
        match answer.map(|(_, answer)| answer) {
            Some(Ok(answer)) => {
                if !answer.addresses.is_empty() {
                    ttl = ttl.min(answer.ttl.unwrap_or(UNKNOWN_TTL));
                }
                found.extend(
                    answer
                        .addresses
                        .iter()
                        .take(MAX_ADDRESSES)
                        .map(|&ip| Endpoint {
                            host: target.host.clone(),
                            addr: SocketAddr::new(ip, target.port),
                            transport: target.transport,
                            priority: target.priority,
                            source,
                        }),
                );
            }
            // Any other failure explains more than a name that does not exist.
            Some(Err(LookupError::NoSuchName)) | None => {}
            Some(Err(error)) => failure = failure.or(Some(*error)),
        }
    }
    match (found.is_empty(), failure) {
        (false, _) => Ok(Resolution {
            endpoints: order(found),
            ttl,
        }),
        (true, Some(error)) => Err(ResolveError::of_query(Query::Addresses, error)),
        (true, None) => Err(ResolveError::NoAddresses),
    }
}

async fn addresses<L: Lookup>(host: &str, lookup: &L) -> Result<Addresses, LookupError> {
    if let Some(ip) = address_literal(host) {
        return Ok(Addresses {
            addresses: vec![ip],
            ttl: Some(Duration::MAX),
        });
    }
    let name = host::from_ascii(host).ok_or(LookupError::InvalidName)?;
    within_timeout(lookup.addresses(&name)).await
}

async fn within_timeout<T>(
    query: impl Future<Output = Result<T, LookupError>>,
) -> Result<T, LookupError> {
    tokio::time::timeout(QUERY_TIMEOUT, query)
        .await
        .unwrap_or(Err(LookupError::NoAnswer(QUERY_TIMEOUT)))
}

/// Runs a few futures at once. Polling all of them on each wake is fast enough for sixteen.
async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = running.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, output) in running.iter_mut().zip(&mut done) {
            if output.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        if done.iter().all(Option::is_some) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    done.into_iter().flatten().collect()
}
