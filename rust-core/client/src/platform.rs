//! Queries that the platform answers through its own resolver, which knows private DNS and VPNs.
//!
//! They have a queue of their own, apart from the app's events, so that an app that is slow to take its events never
//! delays its own reconnect. Which sources are queried while the platform is silent is a table (`docs/names.md`).

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use snapback_resolver::{Addresses, Family, LookupError, QUERY_TIMEOUT, SrvAnswer, SrvRecord};
use tokio::sync::{Notify, oneshot};

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

/// A query to the platform's resolver, for records of one type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsQuery {
    /// The id for the answer.
    pub id: RequestId,
    /// Such as `_xmpps-client._tcp.example.org`.
    pub name: String,
    /// The type of the records.
    pub records: RecordType,
}

/// A request to the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformRequest {
    /// This query is to be answered, within two seconds.
    Query(DnsQuery),
    /// The answer to this query is not needed any more: another source was faster, or the network changed. What runs
    /// for it is to be cancelled.
    Cancel(RequestId),
}

/// The platform's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformAnswer {
    /// The services.
    Srv {
        /// The records. An empty list means [`Self::NoRecords`].
        records: Vec<SrvRecord>,
        /// How long they are valid. Default five minutes.
        ttl: Option<Duration>,
    },
    /// The addresses of the requested family.
    Addresses {
        /// The addresses. An empty list means [`Self::NoRecords`].
        addresses: Vec<IpAddr>,
        /// How long they are valid. Default five minutes.
        ttl: Option<Duration>,
    },
    /// The name does not exist, or has no records of this type. No other source is queried.
    NoRecords,
    /// The complete DNS message as received (RFC 1035 section 4). If it cannot be used, the next source is queried.
    Message(Vec<u8>),
    /// The platform cannot answer; the next source is queried.
    Unable,
}

/// Requests to the platform, and its answers.
#[derive(Debug, Default)]
pub(crate) struct Platform {
    state: Mutex<State>,
    requested: Notify,
}

/// At most one request for each query is queued: a query that ends before the platform took it leaves the queue, and
/// only one that it took is cancelled.
#[derive(Debug, Default)]
struct State {
    last_id: u64,
    queue: VecDeque<PlatformRequest>,
    waiting: HashMap<RequestId, oneshot::Sender<PlatformAnswer>>,
    is_closed: bool,
}

impl Platform {
    /// Waits for the next request; `None` once the client has ended.
    pub(crate) async fn next(&self) -> Option<PlatformRequest> {
        loop {
            let requested = self.requested.notified();
            {
                let mut state = self.lock();
                if let Some(request) = state.queue.pop_front() {
                    return Some(request);
                }
                if state.is_closed {
                    return None;
                }
            }
            requested.await;
        }
    }

    pub(crate) fn answer(&self, id: RequestId, answer: PlatformAnswer) {
        let reply = self.lock().waiting.remove(&id);
        if let Some(reply) = reply {
            let _ = reply.send(answer);
        }
    }

    /// Ends the requests: the client has ended.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.requested.notify_waiters();
    }

    /// Returns the services under a name.
    pub(crate) async fn srv(&self, name: &str) -> Result<SrvAnswer, LookupError> {
        match self.ask(name, RecordType::Srv).await? {
            PlatformAnswer::Srv { records, ttl } => {
                SrvAnswer::from_records(records, ttl.unwrap_or(PLATFORM_TTL))
            }
            PlatformAnswer::NoRecords => Ok(SrvAnswer::Absent),
            PlatformAnswer::Message(bytes) => SrvAnswer::from_message(name, &bytes),
            PlatformAnswer::Addresses { .. } => Err(LookupError::Malformed),
            PlatformAnswer::Unable => Err(UNABLE),
        }
    }

    /// Returns the addresses of a host in one family.
    pub(crate) async fn addresses(
        &self,
        host: &str,
        family: Family,
    ) -> Result<Addresses, LookupError> {
        let records = match family {
            Family::V6 => RecordType::Aaaa,
            Family::V4 => RecordType::A,
        };
        match self.ask(host, records).await? {
            PlatformAnswer::Addresses { addresses, ttl } => of_family(addresses, family, ttl),
            PlatformAnswer::NoRecords => Err(LookupError::NoSuchName),
            PlatformAnswer::Message(bytes) => Addresses::from_message(host, family, &bytes),
            PlatformAnswer::Srv { .. } => Err(LookupError::Malformed),
            PlatformAnswer::Unable => Err(UNABLE),
        }
    }

    async fn ask(&self, name: &str, records: RecordType) -> Result<PlatformAnswer, LookupError> {
        let (reply, answer) = oneshot::channel();
        let pending = self.begin(name, records, reply);
        let answer = tokio::time::timeout(QUERY_TIMEOUT, answer).await;
        drop(pending);
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(UNABLE),
            Err(_) => Err(LookupError::NoAnswer(QUERY_TIMEOUT)),
        }
    }

    fn begin(
        &self,
        name: &str,
        records: RecordType,
        reply: oneshot::Sender<PlatformAnswer>,
    ) -> Pending<'_> {
        let mut state = self.lock();
        state.last_id = state.last_id.wrapping_add(1);
        let id = RequestId(state.last_id);
        state.waiting.insert(id, reply);
        let name = name.to_owned();
        let query = DnsQuery { id, name, records };
        state.queue.push_back(PlatformRequest::Query(query));
        drop(state);
        self.requested.notify_one();
        Pending { platform: self, id }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The platform has no answer, and no reason for it.
const UNABLE: LookupError = LookupError::ServerFailure;

fn of_family(
    mut addresses: Vec<IpAddr>,
    family: Family,
    ttl: Option<Duration>,
) -> Result<Addresses, LookupError> {
    if addresses.is_empty() {
        return Err(LookupError::NoSuchName);
    }
    addresses.retain(|it| it.is_ipv6() == (family == Family::V6));
    addresses.truncate(MAX_ADDRESSES);
    if addresses.is_empty() {
        return Err(LookupError::Malformed);
    }
    Ok(Addresses {
        addresses,
        ttl: Some(ttl.unwrap_or(PLATFORM_TTL)),
    })
}

/// A query whose answer is waited for. Another source may be faster.
struct Pending<'a> {
    platform: &'a Platform,
    id: RequestId,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let mut state = self.platform.lock();
        if state.waiting.remove(&self.id).is_none() {
            // Answered.
            return;
        }
        let queued = state.queue.len();
        state.queue.retain(|request| match request {
            PlatformRequest::Query(query) => query.id != self.id,
            PlatformRequest::Cancel(_) => true,
        });
        if state.queue.len() == queued {
            state.queue.push_back(PlatformRequest::Cancel(self.id));
            drop(state);
            self.platform.requested.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const NAME: &str = "xmpp.example.org";
    const TTL: Duration = Duration::from_secs(60);

    /// Returns the answer to a query for IPv4 addresses.
    async fn answered(answer: PlatformAnswer) -> Result<Addresses, LookupError> {
        let platform = Platform::default();
        let reply = async {
            match platform.next().await {
                Some(PlatformRequest::Query(query)) => platform.answer(query.id, answer),
                other => panic!("{other:?}"),
            }
        };
        let (found, ()) = tokio::join!(platform.addresses(NAME, Family::V4), reply);
        found
    }

    fn addresses(addresses: &[IpAddr], ttl: Option<Duration>) -> PlatformAnswer {
        let addresses = addresses.to_vec();
        PlatformAnswer::Addresses { addresses, ttl }
    }

    #[tokio::test]
    async fn no_records_is_not_the_same_as_no_answer() {
        let v4 = IpAddr::from(Ipv4Addr::LOCALHOST);
        let v6 = IpAddr::from(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
        let found = |ttl| {
            Ok(Addresses {
                addresses: vec![v4],
                ttl: Some(ttl),
            })
        };
        let none = Err(LookupError::NoSuchName);
        for (answer, expected) in [
            (addresses(&[v4], Some(TTL)), found(TTL)),
            (addresses(&[v6, v4], None), found(PLATFORM_TTL)),
            (addresses(&[v6], None), Err(LookupError::Malformed)),
            (addresses(&[], None), none.clone()),
            (PlatformAnswer::NoRecords, none),
            (PlatformAnswer::Unable, Err(UNABLE)),
            (
                PlatformAnswer::Message(vec![1]),
                Err(LookupError::Malformed),
            ),
        ] {
            assert_eq!(answered(answer.clone()).await, expected, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn a_query_that_was_taken_is_cancelled_and_another_one_leaves_the_queue() {
        let platform = Platform::default();
        let taken = platform.begin(NAME, RecordType::A, oneshot::channel().0);
        let id = taken.id;
        let request = platform.next().await;
        assert!(matches!(request, Some(PlatformRequest::Query(it)) if it.id == id));
        drop(platform.begin(NAME, RecordType::Aaaa, oneshot::channel().0));
        assert!(platform.lock().queue.is_empty());
        drop(taken);
        assert_eq!(platform.next().await, Some(PlatformRequest::Cancel(id)));
        platform.answer(id, PlatformAnswer::NoRecords);
        platform.close();
        assert_eq!(platform.next().await, None);
        assert!(platform.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn a_platform_that_is_silent_is_left_after_the_timeout() {
        let platform = Platform::default();
        let silent = Err(LookupError::NoAnswer(QUERY_TIMEOUT));
        assert_eq!(platform.srv(NAME).await, silent);
        let state = platform.lock();
        assert!(state.queue.is_empty() && state.waiting.is_empty());
    }
}
