//! What is between hickory's pool and its connections: answers are reduced to what was asked for.
//!
//! hickory's resolver follows aliases itself, and returns every record that a server sent. It expects aliases in their
//! order, takes an SRV record after an alias for another alias and queries its target up to eight times, and refuses an
//! answer over one record of another class. So aliases are followed here, and an answer is flattened before the resolver
//! reads it: the records at the end of the aliases, under the name that was asked for, or none.

use super::answer::{Chain, MAX_ALIASES};
use super::provider::{NO_EDNS, Provider, TOO_MANY_STRANGERS};
use hickory_resolver::config::ConnectionConfig;
use hickory_resolver::net::NetError;
use hickory_resolver::net::xfer::{DnsExchange, DnsHandle, DnsResponseStream, FirstAnswer};
use hickory_resolver::proto::op::{DnsRequest, DnsResponse, Message, Query, ResponseCode};
use hickory_resolver::proto::rr::{DNSClass, RData, Record, RecordType};
use hickory_resolver::{ConnectionProvider, PoolContext};
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Opens connections to one name server.
#[derive(Clone)]
pub(super) struct Connections {
    sockets: Provider,
    /// Whether the server was found not to support EDNS (RFC 6891 section 7).
    is_without_edns: Arc<AtomicBool>,
}

impl Connections {
    pub(super) fn new(sockets: Provider) -> Self {
        Self {
            sockets,
            is_without_edns: Arc::default(),
        }
    }
}

impl ConnectionProvider for Connections {
    type Conn = Connection;
    type FutureConn = Pin<Box<dyn Future<Output = Result<Connection, NetError>> + Send>>;
    type RuntimeProvider = Provider;

    fn new_connection(
        &self,
        ip: IpAddr,
        config: &ConnectionConfig,
        context: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        let opened = self.sockets.new_connection(ip, config, context)?;
        let this = self.clone();
        Ok(Box::pin(async move {
            let exchange = opened.await.inspect_err(|error| this.failed(error))?;
            Ok(Connection {
                exchange,
                opened_by: this,
            })
        }))
    }

    fn runtime_provider(&self) -> &Provider {
        &self.sockets
    }
}

impl Connections {
    fn failed(&self, error: &NetError) {
        if let NetError::Io(error) = error {
            self.sockets.failed(error.kind());
        }
    }
}

/// One connection.
#[derive(Clone)]
pub(super) struct Connection {
    exchange: DnsExchange<Provider>,
    opened_by: Connections,
}

impl DnsHandle for Connection {
    type Response = DnsResponseStream;
    type Runtime = Provider;

    fn send(&self, request: DnsRequest) -> DnsResponseStream {
        let this = self.clone();
        Box::pin(async move { this.ask(request).await }).into()
    }
}

impl Connection {
    /// Returns the answer to a query, following aliases; or an answer that the pool has to handle.
    async fn ask(&self, mut request: DnsRequest) -> Result<DnsResponse, NetError> {
        let [query] = request.queries.as_slice() else {
            return Err(NetError::Message("not one question"));
        };
        let query = query.clone();
        let mut chain = Chain::from(query.name.clone());
        for _ in 0..=MAX_ALIASES {
            let asked = Query::query(chain.end().clone(), query.query_type);
            let answer = self.exchange(&request).await?;
            let code = answer.metadata.response_code;
            let is_final = matches!(code, ResponseCode::NoError | ResponseCode::NXDomain);
            // A truncated answer is requested again, and a failure has no records.
            if answer.metadata.truncation || !is_final {
                return Ok(answer);
            }
            // Over TCP and TLS, hickory compares the id only.
            if answer.queries.as_slice() != [asked.clone()] {
                return Err(NetError::Message("the answer to another question"));
            }
            let mut answer = answer.into_message();
            answer.answers.retain(is_internet);
            let found = chain.follow(&answer.answers, query.query_type);
            let found = found.map_err(|_| NetError::Message("too many aliases"))?;
            let is_over = chain.end() == &asked.name || is_denied(&answer);
            if found.is_some() || is_over {
                return flattened(query, answer, found.unwrap_or_default(), chain.ttl());
            }
            let next = Query::query(chain.end().clone(), query.query_type);
            request = DnsRequest::from_query(next, *request.options());
        }
        Err(NetError::Message("too many aliases"))
    }

    /// Sends a query, and once more without EDNS to a server that does not support it.
    async fn exchange(&self, request: &DnsRequest) -> Result<DnsResponse, NetError> {
        let is_without_edns = &self.opened_by.is_without_edns;
        if !is_without_edns.load(Ordering::Relaxed) {
            let answer = self.send_once(request.clone()).await;
            if request.edns.is_none() || !is_refusal(&answer) {
                return answer;
            }
            is_without_edns.store(true, Ordering::Relaxed);
        }
        let mut options = *request.options();
        options.use_edns = false;
        let query = request.queries.first().cloned().unwrap_or_default();
        self.send_once(DnsRequest::from_query(query, options)).await
    }

    async fn send_once(&self, request: DnsRequest) -> Result<DnsResponse, NetError> {
        match self.exchange.send(request).first_answer().await {
            // The pool's way to say that the answer may be forged, and that TCP comes next.
            Err(NetError::Io(error)) if error.kind() == TOO_MANY_STRANGERS => {
                Err(NetError::QueryCaseMismatch)
            }
            answer => answer.inspect_err(|error| self.opened_by.failed(error)),
        }
    }
}

/// Returns whether the server seems not to support EDNS.
fn is_refusal(answer: &Result<DnsResponse, NetError>) -> bool {
    match answer {
        Ok(answer) => matches!(
            answer.metadata.response_code,
            ResponseCode::FormErr | ResponseCode::NotImp
        ),
        Err(NetError::Io(error)) => error.kind() == NO_EDNS,
        Err(_) => false,
    }
}

/// Returns the answer with nothing but what was asked for, under the name that was asked for.
fn flattened(
    query: Query,
    mut answer: Message,
    found: Vec<RData>,
    ttl: u32,
) -> Result<DnsResponse, NetError> {
    let record = |data| Record::from_rdata(query.name.clone(), ttl, data);
    answer.answers = found.into_iter().map(record).collect();
    answer
        .authorities
        .retain(|record| is_internet(record) && is_denial(record));
    answer.additionals.clear();
    answer.queries = vec![query];
    Ok(DnsResponse::from_message(answer)?)
}

fn is_internet(record: &Record) -> bool {
    record.dns_class == DNSClass::IN
}

fn is_denial(record: &Record) -> bool {
    record.record_type() == RecordType::SOA
}

/// Returns whether the last name does not exist, or has no such records.
pub(super) fn is_denied(answer: &Message) -> bool {
    answer.metadata.response_code == ResponseCode::NXDomain
        || answer.authorities.iter().any(is_denial)
}
