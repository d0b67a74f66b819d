//! The sockets that hickory uses: one name server, its scope, and bounds on what it can make this process send, receive
//! and examine.
//!
//! An off-path attacker who forges an answer has to guess the port, the id and the question (RFC 5452). hickory draws
//! the first two and compares all three; the socket is connected here, so that the system drops datagrams from other
//! senders and reports a port without a listener. hickory examines forged answers without end, and gives up over one
//! that is no answer: here they are dropped, and after [`MAX_STRANGERS`] of them the query fails on this socket.

use hickory_resolver::net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_resolver::net::runtime::{
    DnsUdpSocket, RuntimeProvider, TokioHandle, TokioRuntimeProvider, TokioTime,
};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::Instant;

/// The maximum number of datagrams that a socket receives. One is the answer; two or three may be stray; guessing an id
/// needs thousands.
const MAX_STRANGERS: u32 = 32;
/// The maximum number of bytes that a connection delivers: four of the largest messages, or more usual ones than a client
/// requests in a day.
const MAX_CONNECTION_BYTES: usize = 256 * 1024;
/// The maximum number of datagrams that are sent within [`WINDOW`], to all servers: four for each of the queries for
/// sixteen hosts and two services.
const MAX_DATAGRAMS: u32 = 136;
/// The longest time of a resolution.
const WINDOW: Duration = Duration::from_secs(4);
/// The length of a message without a question.
const HEADER: usize = 12;
/// The bits of the third byte of a message: response, and the kind of query (RFC 1035 section 4.1.1).
const RESPONSE_AND_OPCODE: u8 = 0xf8;
const RESPONSE: u8 = 0x80;

/// The error of a socket that received too many datagrams: ids are being guessed. Such a query is sent over TCP, where
/// more has to be guessed.
pub(super) const TOO_MANY_STRANGERS: ErrorKind = ErrorKind::InvalidData;
/// The error of a server that answered with "format error" or "not implemented" and did not repeat the question
/// (RFC 6891 section 7): it does not support EDNS. hickory would wait for an answer with a question.
pub(super) const NO_EDNS: ErrorKind = ErrorKind::Unsupported;

/// Counts the datagrams that are sent, to all servers of a look-up.
#[derive(Debug, Default)]
pub(super) struct Budget(Mutex<Option<(Instant, u32)>>);

impl Budget {
    /// Fails if no datagram may be sent now.
    fn check(&self) -> io::Result<()> {
        let mut spent = lock(&self.0);
        match *spent {
            Some((since, _)) if since.elapsed() >= WINDOW => *spent = None,
            Some((_, count)) if count >= MAX_DATAGRAMS => {
                return Err(ErrorKind::QuotaExceeded.into());
            }
            _ => {}
        }
        Ok(())
    }

    fn spend(&self) {
        let mut spent = lock(&self.0);
        let (since, count) = spent.unwrap_or_else(|| (Instant::now(), 0));
        *spent = Some((since, count + 1));
    }
}

/// Opens sockets to one name server.
#[derive(Clone)]
pub(super) struct Provider {
    tokio: TokioRuntimeProvider,
    /// hickory knows addresses without their scope; this one has it.
    server: SocketAddr,
    budget: Arc<Budget>,
    /// The last error of a socket. hickory's pool does not return it.
    error: Arc<Mutex<Option<ErrorKind>>>,
}

impl Provider {
    pub(super) fn new(server: SocketAddr, budget: Arc<Budget>) -> Self {
        Self {
            tokio: TokioRuntimeProvider::new(),
            server,
            budget,
            error: Arc::default(),
        }
    }

    /// Returns the last error of a socket.
    pub(super) fn error(&self) -> Option<ErrorKind> {
        *lock(&self.error)
    }

    /// Keeps an error.
    pub(super) fn failed(&self, kind: ErrorKind) {
        *lock(&self.error) = Some(kind);
    }
}

impl RuntimeProvider for Provider {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = Udp;
    type Tcp = AsyncIoTokioAsStd<Tcp>;

    fn create_handle(&self) -> Self::Handle {
        self.tokio.create_handle()
    }

    fn connect_tcp(
        &self,
        _server: SocketAddr,
        _local: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        let server = self.server;
        Box::pin(async move {
            let timeout = timeout.unwrap_or(WINDOW);
            let socket = tokio::time::timeout(timeout, TcpStream::connect(server)).await;
            let socket = socket.map_err(|_| ErrorKind::TimedOut)??;
            socket.set_nodelay(true)?;
            Ok(AsyncIoTokioAsStd(Tcp {
                socket,
                left: MAX_CONNECTION_BYTES,
            }))
        })
    }

    fn bind_udp(
        &self,
        local: SocketAddr,
        _server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Udp>>>> {
        let (server, budget) = (self.server, Arc::clone(&self.budget));
        Box::pin(async move {
            let any = match server {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            let socket = UdpSocket::bind(SocketAddr::new(any, local.port())).await?;
            socket.connect(server).await?;
            Ok(Udp {
                socket,
                server,
                budget,
                id: AtomicU32::new(u32::MAX),
                received: AtomicU32::new(0),
            })
        })
    }
}

/// A connected socket.
pub(super) struct Udp {
    socket: UdpSocket,
    server: SocketAddr,
    budget: Arc<Budget>,
    /// The id of the query that was sent, which fits 16 bits once there is one.
    id: AtomicU32,
    received: AtomicU32,
}

impl Udp {
    /// Returns whether a datagram may be the answer: hickory examines its question and records.
    fn is_answer(&self, datagram: &[u8]) -> io::Result<bool> {
        if self.received.fetch_add(1, Ordering::Relaxed) >= MAX_STRANGERS {
            return Err(TOO_MANY_STRANGERS.into());
        }
        let Some(&[id_high, id_low, flags, code, _, questions, ..]) =
            datagram.first_chunk::<HEADER>()
        else {
            return Ok(false);
        };
        let id = u32::from(u16::from_be_bytes([id_high, id_low]));
        if id != self.id.load(Ordering::Relaxed) || flags & RESPONSE_AND_OPCODE != RESPONSE {
            return Ok(false);
        }
        let is_refusal = matches!(code & 0x0f, 1 | 4);
        if questions == 0 && is_refusal {
            return Err(NO_EDNS.into());
        }
        Ok(true)
    }
}

impl DnsUdpSocket for Udp {
    type Time = TokioTime;

    fn poll_recv_from(
        &self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        let mut buffer = ReadBuf::new(buffer);
        loop {
            buffer.clear();
            ready!(self.socket.poll_recv(context, &mut buffer))?;
            if self.is_answer(buffer.filled())? {
                return Poll::Ready(Ok((buffer.filled().len(), self.server)));
            }
        }
    }

    fn poll_send_to(
        &self,
        context: &mut Context<'_>,
        datagram: &[u8],
        _server: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        self.budget.check()?;
        let sent = ready!(self.socket.poll_send(context, datagram))?;
        self.budget.spend();
        if let Some(id) = datagram.first_chunk() {
            let id = u16::from_be_bytes(*id);
            self.id.store(id.into(), Ordering::Relaxed);
        }
        Poll::Ready(Ok(sent))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that ends after a number of bytes; hickory then opens the next one.
#[derive(Debug)]
pub(super) struct Tcp {
    socket: TcpStream,
    left: usize,
}

impl AsyncRead for Tcp {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(context, buffer))?;
        let read = buffer.filled().len().saturating_sub(before);
        self.left = match self.left.checked_sub(read) {
            Some(left) => left,
            None => return Poll::Ready(Err(ErrorKind::ConnectionReset.into())),
        };
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
