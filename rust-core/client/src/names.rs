//! Who is asked for a name: the sources of the system's row in the table (`docs/names.md`), in their order.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use snapback_resolver::{
    Addresses, Early, Family, Lookup, LookupError, NameServerLookup, PrivateDns, QUERY_TIMEOUT,
    QueryOutcome, QueryReport, SOURCE_HEAD_START, Source, SourceTarget, SrvAnswer, System,
    both_families, in_order,
};

use tokio::time::Instant;

use crate::config::Network;
use crate::name_servers::CurrentServers;
use crate::platform::Platform;

/// How long the system is waited for that knows the addresses of the named server.
const NAMED_SERVER_TIMEOUT: Duration = Duration::from_millis(300);
/// Stands for 853 where queries are encrypted.
const DNS_PORT: u16 = 53;

/// The sources of a look-up.
pub(crate) struct Names {
    pub(crate) network: Arc<Network>,
    pub(crate) name_servers: Arc<CurrentServers>,
    pub(crate) platform: Arc<Platform>,
    /// For the timeline.
    pub(crate) ended: QueryLog,
}

/// The queries that have ended, until they are taken. A look-up is bounded, and so are its queries.
#[derive(Debug, Default)]
pub(crate) struct QueryLog(Mutex<Vec<QueryReport>>);

impl QueryLog {
    pub(crate) fn take(&self) -> Vec<QueryReport> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<QueryReport>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A query in progress. It is logged when it ends, with an answer or without.
struct RunningQuery<'a> {
    log: &'a QueryLog,
    name: &'a str,
    target: SourceTarget,
    source: Source,
    began: Instant,
    outcome: QueryOutcome,
}

impl Drop for RunningQuery<'_> {
    fn drop(&mut self) {
        self.log.lock().push(QueryReport {
            name: self.name.to_owned(),
            target: self.target,
            source: self.source,
            took: self.began.elapsed(),
            outcome: self.outcome,
        });
    }
}

impl Names {
    fn sources(&self, target: SourceTarget) -> Vec<Source> {
        let private_dns = self.name_servers.private_dns();
        let mut sources = self.network.system.sources(&private_dns, target);
        if !self.network.ask_platform {
            sources.retain(|source| *source != Source::Platform);
        }
        sources
    }

    async fn first<T, F: Future<Output = Result<T, LookupError>>>(
        &self,
        name: &str,
        target: SourceTarget,
        count: fn(&T) -> usize,
        ask: impl Fn(Source) -> F,
    ) -> Result<T, LookupError> {
        let system = self.network.system;
        let sources = self.sources(target);
        let mut failure = LookupError::NoAnswer(QUERY_TIMEOUT);
        let ends = |error| system.is_final(target, error);
        let logged = |source| self.logged(name, target, source, count, ask(source));
        let answers = sources.into_iter().map(logged);
        in_order(answers, SOURCE_HEAD_START, ends, &mut failure).await
    }

    /// Logs the end of a query.
    async fn logged<T>(
        &self,
        name: &str,
        target: SourceTarget,
        source: Source,
        count: fn(&T) -> usize,
        answer: impl Future<Output = Result<T, LookupError>>,
    ) -> Result<T, LookupError> {
        let mut running = RunningQuery {
            log: &self.ended,
            name,
            target,
            source,
            began: Instant::now(),
            outcome: QueryOutcome::Unanswered,
        };
        let answer = answer.await;
        running.outcome = match &answer {
            Ok(found) => QueryOutcome::Found(count(found)),
            Err(LookupError::NoSuchName) => QueryOutcome::Found(0),
            Err(error) => QueryOutcome::Failed(*error),
        };
        answer
    }

    async fn srv_of(&self, source: Source, name: &str) -> Result<SrvAnswer, LookupError> {
        match source {
            Source::Platform => self.platform.srv(name).await,
            Source::SystemCall => self.network.system_hosts.srv(name).await,
            Source::StrictTls | Source::OpportunisticTls | Source::Cleartext => {
                self.name_servers(source).await?.srv(name).await
            }
        }
    }

    async fn addresses_of(
        &self,
        source: Source,
        host: &str,
        early: Early<'_>,
    ) -> Result<Addresses, LookupError> {
        match source {
            Source::Platform => {
                let family = |family: Family| self.platform.addresses(host, family);
                both_families(early, family).await
            }
            Source::SystemCall => self.network.system_hosts.addresses(host).await,
            Source::StrictTls | Source::OpportunisticTls | Source::Cleartext => {
                let name_servers = self.name_servers(source).await?;
                name_servers.addresses_early(host, early).await
            }
        }
    }

    async fn name_servers(&self, source: Source) -> Result<NameServerLookup, LookupError> {
        let mut servers = self.name_servers.addresses();
        if let (Source::StrictTls, PrivateDns::Strict(name)) =
            (source, self.name_servers.private_dns())
        {
            servers = Ok(self.named_servers(&name, servers.unwrap_or_default()).await);
        }
        let reads_hosts_file = self.network.system == System::Other;
        self.name_servers.lookup(source, servers?, reads_hosts_file)
    }

    /// Returns the addresses of the server that the user named, as the system knows them, and then those of the
    /// network, which may be the same server: none of them is queried unless its certificate has the name.
    async fn named_servers(&self, name: &str, of_the_network: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let named = self.network.system_hosts.addresses(name);
        let named = tokio::time::timeout(NAMED_SERVER_TIMEOUT, named).await;
        let named = named.map_or_else(|_| Vec::new(), |it| it.unwrap_or_default().addresses);
        let named = named.into_iter().map(|ip| SocketAddr::new(ip, DNS_PORT));
        named.chain(of_the_network).collect()
    }
}

impl Lookup for Names {
    async fn srv(&self, name: &str) -> Result<SrvAnswer, LookupError> {
        if let Some(fixed) = &self.network.hosts {
            return fixed.srv(name).await;
        }
        let ask = |source| self.srv_of(source, name);
        self.first(name, SourceTarget::Service, services, ask).await
    }

    async fn addresses(&self, host: &str) -> Result<Addresses, LookupError> {
        self.addresses_early(host, &|_| {}).await
    }

    async fn addresses_early(
        &self,
        host: &str,
        early: Early<'_>,
    ) -> Result<Addresses, LookupError> {
        if let Some(fixed) = &self.network.hosts {
            return fixed.addresses(host).await;
        }
        let ask = |source| self.addresses_of(source, host, early);
        let count = |found: &Addresses| found.addresses.len();
        self.first(host, SourceTarget::Host, count, ask).await
    }
}

fn services(answer: &SrvAnswer) -> usize {
    match answer {
        SrvAnswer::Absent | SrvAnswer::NotOffered { .. } => 0,
        SrvAnswer::Records { records, .. } => records.len(),
    }
}
