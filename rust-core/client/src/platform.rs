//! Queries that the platform answers through its own resolver, which knows private DNS and VPNs.
//!
//! They have a queue of their own, apart from the app's events, so that an app that is slow to take its events never
//! delays its own reconnect. Which sources are queried while the platform is silent is a table (`docs/names.md`).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use snapback_resolver::{Addresses, Family, LookupError, QUERY_TIMEOUT, SrvAnswer, SrvRecord};
use tokio::sync::{mpsc, oneshot};

/// The lifetime of answers that come without a TTL. Five minutes: long enough to save a phone repeated look-ups, short
/// enough to notice a move within the day.
const PLATFORM_TTL: Duration = Duration::from_secs(300);
/// The maximum number of addresses that the platform may answer with.
const MAX_ADDRESSES: usize = 256;

/// The number of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// The type of the requested records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordType {
    /// Services (RFC 2782).
    Srv,
    /// IPv6 addresses.
    Aaaa,
    /// IPv4 addresses.
    A,
}

/// A query to the platform's resolver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformRequest {
    /// The id for the answer.
    pub id: RequestId,
    /// Such as `_xmpps-client._tcp.example.org`.
    pub name: String,
    /// The type of the records.
    pub records: RecordType,
}

/// The platform's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformAnswer {
    /// The services; none if the name has none. They are valid for five minutes.
    Srv(Vec<SrvRecord>),
    /// The addresses of the requested family; none if the host has none. They are valid for five minutes.
    Addresses(Vec<IpAddr>),
    /// The complete DNS message as received (RFC 1035 section 4). If it cannot be used, the next source is queried.
    Message(Vec<u8>),
    /// The platform cannot answer; the next source is queried.
    Unable,
}

/// Requests to the platform, and its answers.
#[derive(Debug)]
pub(crate) struct Platform {
    next: Mutex<u64>,
    waiting: Mutex<HashMap<RequestId, oneshot::Sender<PlatformAnswer>>>,
    requests: mpsc::UnboundedSender<PlatformRequest>,
}

impl Platform {
    pub(crate) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<PlatformRequest>) {
        let (requests, receiver) = mpsc::unbounded_channel();
        let platform = Self {
            next: Mutex::new(0),
            waiting: Mutex::default(),
            requests,
        };
        (Arc::new(platform), receiver)
    }

    pub(crate) fn answer(&self, id: RequestId, answer: PlatformAnswer) {
        if let Some(reply) = lock(&self.waiting).remove(&id) {
            let _ = reply.send(answer);
        }
    }

    /// Returns the services under a name.
    pub(crate) async fn srv(&self, name: &str) -> Result<SrvAnswer, LookupError> {
        match self.ask(name, RecordType::Srv).await? {
            PlatformAnswer::Srv(records) => SrvAnswer::from_records(records, PLATFORM_TTL),
            PlatformAnswer::Message(bytes) => SrvAnswer::from_message(name, &bytes),
            PlatformAnswer::Addresses(_) | PlatformAnswer::Unable => Err(UNABLE),
        }
    }

    /// Returns the addresses of a host in one family.
    pub(crate) async fn addresses(
        &self,
        host: &str,
        family: Family,
    ) -> Result<Addresses, LookupError> {
        let (records, is_of_family): (_, fn(&IpAddr) -> bool) = match family {
            Family::V6 => (RecordType::Aaaa, IpAddr::is_ipv6),
            Family::V4 => (RecordType::A, IpAddr::is_ipv4),
        };
        match self.ask(host, records).await? {
            PlatformAnswer::Addresses(mut addresses) => {
                addresses.retain(is_of_family);
                addresses.truncate(MAX_ADDRESSES);
                if addresses.is_empty() {
                    return Err(LookupError::NoSuchName);
                }
                Ok(Addresses {
                    addresses,
                    ttl: Some(PLATFORM_TTL),
                })
            }
            PlatformAnswer::Message(bytes) => Addresses::from_message(host, family, &bytes),
            PlatformAnswer::Srv(_) | PlatformAnswer::Unable => Err(UNABLE),
        }
    }

    async fn ask(&self, name: &str, records: RecordType) -> Result<PlatformAnswer, LookupError> {
        let id = {
            let mut next = lock(&self.next);
            *next = next.wrapping_add(1);
            RequestId(*next)
        };
        let (reply, answer) = oneshot::channel();
        lock(&self.waiting).insert(id, reply);
        let pending = Pending { platform: self, id };
        let request = PlatformRequest {
            id,
            name: name.to_owned(),
            records,
        };
        self.requests.send(request).map_err(|_| UNABLE)?;
        let answer = tokio::time::timeout(QUERY_TIMEOUT, answer).await;
        drop(pending);
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(UNABLE),
            Err(_) => Err(LookupError::NoAnswer(QUERY_TIMEOUT)),
        }
    }
}

/// The platform has no answer, and no reason for it.
const UNABLE: LookupError = LookupError::ServerFailure;

/// A request whose answer is waited for. Another source may be faster.
struct Pending<'a> {
    platform: &'a Platform,
    id: RequestId,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        lock(&self.platform.waiting).remove(&self.id);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
