//! The look-ups of one resolution: each starts as soon as what it needs is known, and what is found is there at once.

use crate::resolve::{UNKNOWN_TTL, addresses, within_timeout};
use crate::srv::MAX_TARGETS;
use crate::{
    Addresses, DIRECT_TLS_SERVICE, Endpoint, EndpointSource, Lookup, LookupError, Preference,
    Query, Resolution, ResolveError, STARTTLS_SERVICE, SrvAnswer, Target, merge, order,
};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

/// The maximum number of addresses of a host; each may become a connection attempt.
const MAX_ADDRESSES: usize = 16;

type Answer<T> = Result<T, LookupError>;
/// Addresses of one family of a host, while the other is waited for.
pub(crate) type EarlyAddresses = Mutex<Vec<(String, Addresses)>>;

/// What a look-up has found.
enum Found {
    Service(Query, Answer<SrvAnswer>),
    Host(String, Answer<Addresses>),
}

/// The look-ups in progress, and what they have found.
pub(crate) struct Search<'a, L> {
    lookup: &'a L,
    early: &'a EarlyAddresses,
    running: Vec<Pin<Box<dyn Future<Output = Found> + Send + 'a>>>,
    services: Vec<(Query, Answer<SrvAnswer>)>,
    hosts: BTreeMap<String, Option<Answer<Addresses>>>,
    targets: Vec<Target>,
    source: EndpointSource,
    ttl: Duration,
    reported: usize,
}

impl<'a, L: Lookup> Search<'a, L> {
    pub(crate) fn new(lookup: &'a L, early: &'a EarlyAddresses) -> Self {
        Self {
            lookup,
            early,
            running: Vec::new(),
            services: Vec::new(),
            hosts: BTreeMap::new(),
            targets: Vec::new(),
            source: EndpointSource::Srv,
            ttl: UNKNOWN_TTL,
            reported: 0,
        }
    }

    /// Looks up the hosts of these targets.
    pub(crate) fn targets(&mut self, targets: Vec<Target>, source: EndpointSource, ttl: Duration) {
        for target in &targets {
            if !self.hosts.contains_key(&target.host) {
                self.hosts.insert(target.host.clone(), None);
                let (lookup, early, host) = (self.lookup, self.early, target.host.clone());
                self.running.push(Box::pin(async move {
                    let found = |found: &Addresses| {
                        lock(early).push((host.clone(), found.clone()));
                    };
                    let answer = addresses(&host, lookup, &found).await;
                    Found::Host(host, answer)
                }));
            }
        }
        (self.targets, self.source, self.ttl) = (targets, source, ttl);
    }

    /// Looks up both services of a domain.
    pub(crate) fn services(&mut self, domain: &str) {
        for (query, service) in [
            (Query::DirectTlsSrv, DIRECT_TLS_SERVICE),
            (Query::StartTlsSrv, STARTTLS_SERVICE),
        ] {
            let (lookup, name) = (self.lookup, format!("{service}.{domain}"));
            self.running.push(Box::pin(async move {
                Found::Service(query, within_timeout(lookup.srv(&name)).await)
            }));
        }
    }

    /// Returns whether all look-ups have ended.
    pub(crate) fn is_over(&self) -> bool {
        self.running.is_empty()
    }

    /// Waits until something more is found.
    pub(crate) async fn step(&mut self) {
        let early = self.early;
        let found = poll_fn(|context| {
            for (index, one) in self.running.iter_mut().enumerate() {
                if let Poll::Ready(found) = one.as_mut().poll(context) {
                    drop(self.running.swap_remove(index));
                    return Poll::Ready(Some(found));
                }
            }
            match lock(early).is_empty() && !self.running.is_empty() {
                true => Poll::Pending,
                false => Poll::Ready(None),
            }
        });
        match found.await {
            Some(Found::Service(query, answer)) => self.services.push((query, answer)),
            Some(Found::Host(host, answer)) => {
                self.hosts.insert(host, Some(answer));
            }
            None => {}
        }
        for (host, found) in std::mem::take(&mut *lock(early)) {
            // The whole answer may have come meanwhile.
            if let Some(answer @ None) = self.hosts.get_mut(&host) {
                *answer = Some(Ok(found));
            }
        }
    }

    /// Orders the targets of the services that have been answered, and looks up their hosts.
    pub(crate) fn merge(
        &mut self,
        preference: Preference,
        random: &mut (dyn FnMut() -> u32 + Send),
    ) {
        let (direct, starttls) = (
            self.service(Query::DirectTlsSrv),
            self.service(Query::StartTlsSrv),
        );
        let ttl = [direct.ttl(), starttls.ttl()].into_iter().flatten().min();
        let targets = merge(&direct, &starttls, preference, random);
        self.targets(targets, EndpointSource::Srv, ttl.unwrap_or(UNKNOWN_TTL));
    }

    fn service(&self, query: Query) -> SrvAnswer {
        let mut answers = self.services.iter();
        match answers.find(|(other, _)| *other == query) {
            Some((_, Ok(answer))) => answer.clone(),
            Some((_, Err(_))) | None => SrvAnswer::Absent,
        }
    }

    /// Returns whether the domain itself may be the host, with the failure of a query if there is one.
    pub(crate) fn fallback(&self) -> Result<Option<ResolveError>, ResolveError> {
        let failed = |query| {
            let mut answers = self.services.iter().filter(move |(it, _)| *it == query);
            answers.find_map(|(_, answer)| match answer {
                Ok(_) | Err(LookupError::NoSuchName) => None,
                Err(error) => Some(ResolveError::of_query(query, *error)),
            })
        };
        let failure = failed(Query::StartTlsSrv).or_else(|| failed(Query::DirectTlsSrv));
        // XEP-0368 section 5: `.` for one service leaves the other's records, and shows that the domain uses SRV, so
        // there is no fallback to its addresses. If the other query failed, it may still have records.
        let is_not_offered = |(_, answer): &(Query, Answer<SrvAnswer>)| {
            matches!(answer, Ok(SrvAnswer::NotOffered { .. }))
        };
        if self.services.iter().any(is_not_offered) {
            return Err(failure.unwrap_or(ResolveError::NotOffered));
        }
        Ok(failure)
    }

    pub(crate) fn has_targets(&self) -> bool {
        !self.targets.is_empty()
    }

    /// Calls `found` if there are more endpoints than before.
    pub(crate) fn report(&mut self, found: &mut (dyn FnMut(Vec<Endpoint>) + Send)) {
        let endpoints = order(self.endpoints());
        if endpoints.len() > self.reported {
            self.reported = endpoints.len();
            found(endpoints);
        }
    }

    fn endpoints(&self) -> Vec<Endpoint> {
        let mut endpoints = Vec::new();
        for target in self.targets.iter().take(MAX_TARGETS) {
            if let Some(Some(Ok(found))) = self.hosts.get(&target.host) {
                let addresses = found.addresses.iter().take(MAX_ADDRESSES);
                endpoints.extend(addresses.map(|&ip| Endpoint {
                    host: target.host.clone(),
                    addr: SocketAddr::new(ip, target.port),
                    transport: target.transport,
                    priority: target.priority,
                    source: self.source,
                }));
            }
        }
        endpoints
    }

    /// Returns what was found, once all look-ups have ended.
    pub(crate) fn resolution(&self) -> Result<Resolution, ResolveError> {
        let endpoints = order(self.endpoints());
        let answers = || {
            let targets = self.targets.iter();
            targets.filter_map(|target| self.hosts.get(&target.host)?.as_ref())
        };
        if endpoints.is_empty() {
            // Any other failure explains more than a name that does not exist.
            let mut errors = answers().filter_map(|answer| answer.as_ref().err());
            let error = errors.find(|error| **error != LookupError::NoSuchName);
            return Err(match error {
                Some(error) => ResolveError::of_query(Query::Addresses, *error),
                None => ResolveError::NoAddresses,
            });
        }
        let found = answers().filter_map(|answer| answer.as_ref().ok());
        let ttls = found
            .filter(|found| !found.addresses.is_empty())
            .map(|found| found.ttl.unwrap_or(UNKNOWN_TTL));
        Ok(Resolution {
            endpoints,
            ttl: ttls.fold(self.ttl, Duration::min),
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
