//! Requests that only the platform can answer: SRV records through its own resolver, which supports private DNS and
//! VPNs.
//!
//! Requests have a queue of their own, apart from the app's events, so that an app that is slow to take its events
//! never delays its own reconnect. If the platform does not answer within two seconds, the name servers are asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use snapback_resolver::{Addresses, Lookup, LookupError, QUERY_TIMEOUT, SrvAnswer, SrvRecord};
use tokio::sync::{mpsc, oneshot};

/// The lifetime of records that come without a TTL. Five minutes: long enough to save a phone repeated look-ups, short
/// enough to notice a move within the day.
const PLATFORM_TTL: Duration = Duration::from_secs(300);

/// The number of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// A request to the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformRequest {
    /// The SRV records of this name.
    Srv {
        /// The id for the answer.
        id: RequestId,
        /// Such as `_xmpps-client._tcp.example.org`.
        name: String,
    },
}

/// The platform's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformAnswer {
    /// The records; none if the name has none. They are valid for five minutes.
    Srv(Vec<SrvRecord>),
    /// The complete DNS message as received (RFC 1035 section 4). If it cannot be used, the name servers are asked
    /// instead.
    Message(Vec<u8>),
    /// The platform cannot answer; the name servers are asked instead.
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

    async fn ask(&self, name: &str) -> Option<Result<SrvAnswer, LookupError>> {
        let id = {
            let mut next = lock(&self.next);
            *next = next.wrapping_add(1);
            RequestId(*next)
        };
        let (reply, answer) = oneshot::channel();
        lock(&self.waiting).insert(id, reply);
        let asked = self.requests.send(PlatformRequest::Srv {
            id,
            name: name.to_owned(),
        });
        let answer = match asked {
            Ok(()) => tokio::time::timeout(QUERY_TIMEOUT, answer).await,
            Err(_) => return None,
        };
        lock(&self.waiting).remove(&id);
        match answer {
            Ok(Ok(PlatformAnswer::Srv(records))) => {
                Some(SrvAnswer::from_records(records, PLATFORM_TTL))
            }
            Ok(Ok(PlatformAnswer::Message(bytes))) => {
                SrvAnswer::from_message(name, &bytes).ok().map(Ok)
            }
            _ => None,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks the platform first, and the inner resolver if the platform cannot answer.
pub(crate) struct PlatformFirst<L> {
    pub(crate) platform: Option<Arc<Platform>>,
    pub(crate) fallback: L,
}

impl<L: Lookup> Lookup for PlatformFirst<L> {
    async fn srv(&self, name: &str) -> Result<SrvAnswer, LookupError> {
        if let Some(platform) = &self.platform
            && let Some(answer) = platform.ask(name).await
        {
            return answer;
        }
        self.fallback.srv(name).await
    }

    async fn addresses(&self, host: &str) -> Result<Addresses, LookupError> {
        self.fallback.addresses(host).await
    }
}
