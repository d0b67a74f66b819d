//! The system's own look-up of hosts (`getaddrinfo`), which supports VPNs, private DNS, NAT64 and the hosts file.

use super::{Addresses, Lookup};
use crate::{LookupError, SrvAnswer};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// The maximum number of concurrent look-ups in this process, including those that no caller waits for any more.
/// `getaddrinfo` cannot be cancelled, and without an answer it takes half a minute or longer; 16 is enough for the
/// hosts of a domain on two networks, and their stacks are address space rather than memory.
const MAX_THREADS: usize = 16;
/// The stack of one such thread, in bytes. `getaddrinfo` and the modules that it loads need less than half of it.
const STACK_SIZE: usize = 512 * 1024;

static THREADS: Semaphore = Semaphore::const_new(MAX_THREADS);

type Answer = Result<Addresses, LookupError>;
type Ask = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Addresses from the system. There is no portable system call for SRV, so it returns no SRV records.
///
/// The call blocks and cannot be cancelled. Each runs on a thread of its own, never in the runtime's blocking pool:
/// names without an answer delay nothing else. Clones share their look-ups:
///
/// - a caller that asks for a host that is being looked up waits for the same answer, so a retry costs no second
///   thread;
/// - after [`network_changed`](Self::network_changed) no caller waits for a look-up that is still running: the next
///   caller starts a new one, over the new network;
/// - at most 16 threads run in the process. While there are that many, a look-up waits for one to end, which
///   [`resolve`](crate::resolve) bounds by [`QUERY_TIMEOUT`](crate::QUERY_TIMEOUT).
#[derive(Clone)]
pub struct SystemHosts(Arc<Inner>);

struct Inner {
    ask: Box<Ask>,
    threads: &'static Semaphore,
    running: Mutex<Running>,
}

/// The look-ups in progress.
#[derive(Default)]
struct Running {
    /// The number of the current network: a look-up belongs to the network in which it began.
    network: u64,
    hosts: HashMap<String, watch::Receiver<Option<Answer>>>,
}

impl SystemHosts {
    /// Uses this function, which may block, instead of `getaddrinfo`; on at most as many threads at once as the
    /// semaphore has permits.
    pub fn asking(
        ask: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
        threads: &'static Semaphore,
    ) -> Self {
        Self(Arc::new(Inner {
            ask: Box::new(ask),
            threads,
            running: Mutex::default(),
        }))
    }

    /// Reports that the network changed: look-ups in progress get no answer, or one that was valid before.
    pub fn network_changed(&self) {
        let mut running = self.0.running();
        running.network = running.network.wrapping_add(1);
        running.hosts.clear();
    }
}

impl Default for SystemHosts {
    fn default() -> Self {
        Self::asking(getaddrinfo, &THREADS)
    }
}

impl fmt::Debug for SystemHosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemHosts").finish_non_exhaustive()
    }
}

impl Lookup for SystemHosts {
    async fn srv(&self, _name: &str) -> Result<SrvAnswer, LookupError> {
        Ok(SrvAnswer::Absent)
    }

    async fn addresses(&self, host: &str) -> Answer {
        let running = self.0.running().hosts.get(host).cloned();
        let mut answer = match running {
            Some(running) => running,
            None => {
                let permit = self.0.threads.acquire().await;
                let permit = permit.map_err(|_| LookupError::Network(io::ErrorKind::Other))?;
                self.0.begin(host, permit)?
            }
        };
        let answered = answer.wait_for(Option::is_some).await;
        // The thread ended without an answer: it panicked.
        let answer = answered.ok().and_then(|answer| answer.clone());
        answer.unwrap_or(Err(LookupError::Network(io::ErrorKind::Other)))
    }
}

impl Inner {
    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a look-up, unless another caller has started it.
    fn begin(
        self: &Arc<Self>,
        host: &str,
        permit: SemaphorePermit<'static>,
    ) -> Result<watch::Receiver<Option<Answer>>, LookupError> {
        let mut running = self.running();
        if let Some(answer) = running.hosts.get(host) {
            return Ok(answer.clone());
        }
        let (sender, answer) = watch::channel(None);
        let thread = LookupThread {
            inner: Arc::clone(self),
            host: host.to_owned(),
            network: running.network,
            _permit: permit,
        };
        running.hosts.insert(host.to_owned(), answer.clone());
        // Where no thread is available, the look-up removes itself.
        drop(running);
        thread::Builder::new()
            .name("snapback-dns".to_owned())
            .stack_size(STACK_SIZE)
            .spawn(move || {
                let answer = thread.ask();
                // A caller from now on starts a new look-up; the waiting ones are informed.
                drop(thread);
                sender.send_replace(Some(answer));
            })
            .map_err(|error| LookupError::Network(error.kind()))?;
        Ok(answer)
    }
}

/// What a thread holds until it ends, even if it panics.
struct LookupThread {
    inner: Arc<Inner>,
    host: String,
    network: u64,
    _permit: SemaphorePermit<'static>,
}

impl LookupThread {
    fn ask(&self) -> Answer {
        match (self.inner.ask)(&self.host) {
            Ok(addresses) => Ok(Addresses {
                addresses,
                ttl: None,
            }),
            // getaddrinfo's own codes do not survive std's io::Error: "no such host" and "no answer" both arrive as
            // an uncategorised error, and the former is far more frequent.
            Err(e) if e.raw_os_error().is_none() && e.kind() != io::ErrorKind::InvalidInput => {
                Err(LookupError::NoSuchName)
            }
            Err(e) => Err(LookupError::Network(e.kind())),
        }
    }
}

impl Drop for LookupThread {
    fn drop(&mut self) {
        let mut running = self.inner.running();
        if running.network == self.network {
            running.hosts.remove(&self.host);
        }
    }
}

fn getaddrinfo(host: &str) -> io::Result<Vec<IpAddr>> {
    let found = (host, 0).to_socket_addrs()?;
    Ok(found.map(|address| address.ip()).collect())
}
