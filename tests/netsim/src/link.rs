//! The link itself: its listening end, its controls, its records.

use crate::connection::{self, Connection, wait_until};
use crate::{ChargeHandshake, Chunk, CutMode, Direction, DownMode, LinkConfig, LinkStats};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// A relay between clients that dial [`Link::addr`] and one server. Dropping it cuts everything.
#[derive(Debug)]
pub struct Link {
    shared: Arc<Shared>,
    addr: SocketAddr,
    acceptor: JoinHandle<()>,
    orders: mpsc::Sender<(Order, oneshot::Sender<io::Result<()>>)>,
    swallowing: watch::Sender<bool>,
}

/// The maximum time in which a connection that the kernel has completed reaches the link. Only a link that goes down at
/// that moment takes that long.
const ACCEPT: Duration = Duration::from_millis(100);
/// How long a backlog must be idle to count as empty.
const QUIET: Duration = Duration::from_millis(1);

const BACKLOG: u32 = 1024;

#[derive(Debug)]
enum Order {
    Down(DownMode),
    Up,
}

impl Link {
    /// Opens a port on 127.0.0.1 whose connections lead to `upstream`.
    ///
    /// # Errors
    /// If no port could be opened.
    pub async fn start(config: LinkConfig, upstream: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared::new(&config, upstream));
        let (orders, inbox) = mpsc::channel(1);
        let acceptor = tokio::spawn(accept_all(Arc::clone(&shared), addr, listener, inbox));
        Ok(Self {
            shared,
            addr,
            acceptor,
            orders,
            swallowing: watch::Sender::new(false),
        })
    }

    /// Where clients connect.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Dials the link at the cost of one round trip, wherever the link charges it.
    ///
    /// # Errors
    /// As a connect fails: refused while the link is down.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let mut swallowing = self.swallowing.subscribe();
        // Cannot fail: the sender is in `self`.
        let _ = swallowing.wait_for(|s| !s).await;
        if self.shared.handshake == ChargeHandshake::InConnect {
            wait_until(Instant::now() + self.shared.rtt()).await;
        }
        let stream = TcpStream::connect(self.addr).await?;
        stream.set_nodelay(true)?;
        self.wait_until_accepted(stream.local_addr()?).await;
        Ok(stream)
    }

    /// The kernel connects before the link accepts; a cut in between would miss the connection.
    async fn wait_until_accepted(&self, client: SocketAddr) {
        let deadline = Instant::now() + ACCEPT;
        while Instant::now() < deadline && !self.shared.lock().unclaimed.remove(&client) {
            tokio::task::yield_now().await;
        }
    }

    /// Changes the length of the link, for what is not yet delivered too.
    pub fn set_rtt(&self, rtt: Duration) {
        self.shared.set_rtt(rtt);
    }

    /// Leads new connections elsewhere, as a captive portal does. Live ones stay where they are.
    pub fn set_upstream(&self, upstream: SocketAddr) {
        self.shared.lock().upstream = upstream;
    }

    /// Ends all live connections. The sockets are closed as soon as the runtime gets to it.
    pub fn cut(&self, mode: CutMode) {
        let ids: Vec<u64> = self.shared.lock().connections.keys().copied().collect();
        for id in ids {
            self.shared.cut_one(id, mode);
        }
    }

    /// Cuts, once, the connection that delivers the last of the next `bytes` bytes in this direction. Exactly that many are
    /// delivered, whatever the chunking. Replaces an earlier order that has not come due.
    pub fn cut_after(&self, direction: Direction, bytes: u64, mode: CutMode) {
        self.shared.lock().armed = Some(Armed {
            direction,
            left: bytes,
            mode,
        });
    }

    /// Resets the server's side of connections that were cut for the client only.
    pub fn drop_upstream(&self) {
        self.shared.drop_upstream(None);
    }

    /// Takes the link down for new connections; live ones go on (see [`Link::cut`]). In force on return.
    ///
    /// # Errors
    /// Never in practice; an `io::Error` if the link's task is gone.
    pub async fn down(&self, mode: DownMode) -> io::Result<()> {
        self.swallowing.send_replace(mode == DownMode::Blackhole);
        self.order(Order::Down(mode)).await
    }

    /// Takes new connections again, on the same address.
    ///
    /// # Errors
    /// If the port was taken by another process meanwhile.
    pub async fn up(&self) -> io::Result<()> {
        self.order(Order::Up).await?;
        self.swallowing.send_replace(false);
        Ok(())
    }

    async fn order(&self, order: Order) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        self.orders.send((order, done)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Totals so far.
    #[must_use]
    pub fn stats(&self) -> LinkStats {
        let books = self.shared.lock();
        LinkStats {
            live: books.connections.values().filter(|c| c.is_live()).count(),
            ..books.stats
        }
    }

    /// Everything delivered so far, in order of delivery.
    #[must_use]
    pub fn trace(&self) -> Vec<Chunk> {
        self.shared.lock().trace.clone()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.acceptor.abort();
        for connection in self.shared.lock().connections.values_mut() {
            connection.cut(CutMode::ResetBoth);
        }
    }
}

/// The listening end of the port. It keeps the port while it refuses, so that no other process gets it.
enum Port {
    Listening(TcpListener),
    /// Bound but not listening: the kernel refuses.
    Refusing(TcpSocket),
    /// Lost to another process while changing the state.
    Lost,
}

async fn accept_all(
    shared: Arc<Shared>,
    addr: SocketAddr,
    listener: TcpListener,
    mut inbox: mpsc::Receiver<(Order, oneshot::Sender<io::Result<()>>)>,
) {
    let mut port = Port::Listening(listener);
    let mut swallow = false;
    let mut swallowed = Vec::new();
    loop {
        let client = tokio::select! {
            biased;
            client = port.accept() => client,
            order = inbox.recv() => {
                let Some((order, done)) = order else { return };
                // A client that connected before the order is not subject to it.
                while let Ok(Ok(client)) = tokio::time::timeout(QUIET, port.accept()).await {
                    take(&shared, client, swallow, &mut swallowed);
                }
                swallow = matches!(order, Order::Down(DownMode::Blackhole));
                let (next, result) = match order {
                    Order::Down(DownMode::Refuse) => port.refuse(addr),
                    Order::Down(DownMode::Blackhole) | Order::Up => port.listen(addr),
                };
                port = next;
                // The caller may have stopped waiting: the order is carried out nevertheless.
                let _ = done.send(result);
                continue;
            }
        };
        match client {
            Ok(client) => take(&shared, client, swallow, &mut swallowed),
            // Out of descriptors, or the client gave up: neither ends the link.
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

fn take(shared: &Arc<Shared>, client: TcpStream, swallow: bool, swallowed: &mut Vec<TcpStream>) {
    if swallow {
        swallowed.push(client);
    } else {
        connection::start(shared, client);
    }
}

impl Port {
    async fn accept(&self) -> io::Result<TcpStream> {
        match self {
            Self::Listening(listener) => listener.accept().await.map(|(stream, _)| stream),
            Self::Refusing(_) | Self::Lost => std::future::pending().await,
        }
    }

    fn refuse(self, addr: SocketAddr) -> (Self, io::Result<()>) {
        if let Self::Refusing(_) = self {
            return (self, Ok(()));
        }
        drop(self);
        match bind(addr) {
            Ok(socket) => (Self::Refusing(socket), Ok(())),
            Err(e) => (Self::Lost, Err(e)),
        }
    }

    fn listen(self, addr: SocketAddr) -> (Self, io::Result<()>) {
        let socket = match self {
            Self::Listening(_) => return (self, Ok(())),
            Self::Refusing(socket) => Ok(socket),
            Self::Lost => bind(addr),
        };
        match socket.and_then(|s| s.listen(BACKLOG)) {
            Ok(listener) => (Self::Listening(listener), Ok(())),
            Err(e) => (Self::Lost, Err(e)),
        }
    }
}

fn bind(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Live connections still use the port.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    Ok(socket)
}

/// What the tasks of a link share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) handshake: ChargeHandshake,
    drop_upstream_after: Option<Duration>,
    rtt_nanos: AtomicU64,
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    /// Where new connections lead.
    upstream: SocketAddr,
    stats: LinkStats,
    trace: Vec<Chunk>,
    armed: Option<Armed>,
    connections: BTreeMap<u64, Connection>,
    /// Clients that were accepted and that [`Link::connect`] has not asked about.
    unclaimed: BTreeSet<SocketAddr>,
}

#[derive(Debug)]
struct Armed {
    direction: Direction,
    left: u64,
    mode: CutMode,
}

impl Shared {
    fn new(config: &LinkConfig, upstream: SocketAddr) -> Self {
        let shared = Self {
            handshake: config.handshake,
            drop_upstream_after: config.drop_upstream_after,
            rtt_nanos: AtomicU64::new(0),
            books: Mutex::new(Books {
                upstream,
                stats: LinkStats::default(),
                trace: Vec::new(),
                armed: None,
                connections: BTreeMap::new(),
                unclaimed: BTreeSet::new(),
            }),
        };
        shared.set_rtt(config.rtt);
        shared
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        // The records stay valid even if a task panicked while holding them.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn upstream(&self) -> SocketAddr {
        self.lock().upstream
    }

    pub(crate) fn rtt(&self) -> Duration {
        Duration::from_nanos(self.rtt_nanos.load(Ordering::Relaxed))
    }

    fn set_rtt(&self, rtt: Duration) {
        self.rtt_nanos.store(
            u64::try_from(rtt.as_nanos()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
    }

    pub(crate) fn register(&self, client: Option<SocketAddr>, connection: Connection) -> u64 {
        let mut books = self.lock();
        books.unclaimed.extend(client);
        let id = books.stats.connections;
        books.stats.connections += 1;
        books.connections.insert(id, connection);
        id
    }

    pub(crate) fn with(&self, id: u64, change: impl FnOnce(&mut Connection)) {
        if let Some(connection) = self.lock().connections.get_mut(&id) {
            change(connection);
        }
    }

    /// Records a delivery: returns how many of the bytes may pass, and what happens after them.
    pub(crate) fn deliver(
        &self,
        conn: u64,
        direction: Direction,
        at: Instant,
        len: usize,
    ) -> (usize, Option<CutMode>) {
        let mut books = self.lock();
        let (len, cut) = match &mut books.armed {
            Some(armed) if armed.direction == direction => {
                let allowed = usize::try_from(armed.left).unwrap_or(usize::MAX).min(len);
                armed.left -= allowed as u64;
                (allowed, (armed.left == 0).then_some(armed.mode))
            }
            _ => (len, None),
        };
        if cut.is_some() {
            books.armed = None;
        }
        match direction {
            Direction::ToServer => books.stats.to_server += len as u64,
            Direction::ToClient => books.stats.to_client += len as u64,
        }
        if len > 0 {
            books.trace.push(Chunk {
                conn,
                at,
                delivered: Instant::now(),
                direction,
                len,
            });
        }
        (len, cut)
    }

    pub(crate) fn end_delivered(&self, id: u64) {
        let mut books = self.lock();
        let over = books
            .connections
            .get_mut(&id)
            .is_some_and(Connection::end_delivered);
        if over {
            books.connections.remove(&id);
        }
    }

    pub(crate) fn cut_one(self: &Arc<Self>, id: u64, mode: CutMode) {
        let mut books = self.lock();
        let Some(connection) = books.connections.get_mut(&id) else {
            return;
        };
        if connection.cut(mode) {
            books.connections.remove(&id);
            return;
        }
        if let (CutMode::ResetClient, Some(after)) = (mode, self.drop_upstream_after) {
            let shared = Arc::clone(self);
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                shared.drop_upstream(Some(id));
            });
        }
    }

    /// For one connection, or for all.
    fn drop_upstream(&self, only: Option<u64>) {
        self.lock().connections.retain(|&id, connection| {
            let drop = connection.is_half_dead() && only.is_none_or(|only| only == id);
            if drop {
                connection.drop_upstream();
            }
            !drop
        });
    }
}
