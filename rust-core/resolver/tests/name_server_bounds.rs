//! What hostile name servers can cost: datagrams, bytes, memory and time of a resolution. A program of its own, since
//! its memory is measured.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of a test are tests"
)]

use hickory_resolver::proto::op::{Message, OpCode};
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use snapback_resolver::{Encryption, NameServerLookup, Request, ResolveError, resolve};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const MAX_DATAGRAMS: usize = 136;
const MAX_MEMORY: usize = 11 << 20;
/// Two queries in a row, and what a busy machine takes.
const MAX_TIME: Duration = Duration::from_secs(5);

type Counter = Arc<AtomicUsize>;

/// Returns the highest amount of memory that this process has had, in bytes.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes: usize = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kilobytes << 10
}

/// Forgets that amount: the next one is that of what follows.
fn forget_memory() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// Starts a server: `udp` answers a datagram, `tcp` has a connection.
async fn server<F: Future<Output = ()> + Send + 'static>(
    udp: impl Fn(Message) -> Option<Vec<u8>> + Send + 'static,
    tcp: impl Fn(TcpStream) -> F + Send + 'static,
) -> (SocketAddr, Counter) {
    for _ in 0..100 {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let addr = socket.local_addr().unwrap();
        let Ok(listener) = TcpListener::bind(addr).await else {
            continue;
        };
        let datagrams = Counter::default();
        let count = Arc::clone(&datagrams);
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                count.fetch_add(1, Ordering::SeqCst);
                let query = Message::from_vec(&buffer[..length]).unwrap();
                if let Some(answer) = udp(query) {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tcp(stream));
            }
        });
        return (addr, datagrams);
    }
    panic!("no port is free for both");
}

fn reply(query: &Message) -> Message {
    let mut reply = Message::response(query.metadata.id, OpCode::Query);
    reply.add_query(query.queries[0].clone());
    reply
}

fn truncated(query: Message) -> Option<Vec<u8>> {
    let mut reply = reply(&query);
    reply.metadata.truncation = true;
    Some(reply.to_vec().unwrap())
}

/// Returns sixteen different targets for a service, and `None` for everything else.
fn many_targets(query: &Message) -> Option<Message> {
    let question = &query.queries[0];
    let mut reply = reply(query);
    for number in 0..16 {
        let direct = question.name.to_ascii().starts_with("_xmpps");
        let target = Name::from_ascii(format!("host{number}.{direct}.example.")).unwrap();
        let srv = RData::SRV(SRV::new(number, 0, 5222, target));
        reply.add_answer(Record::from_rdata(question.name.clone(), 60, srv));
    }
    (question.query_type == RecordType::SRV).then_some(reply)
}

async fn measured(servers: &[SocketAddr]) -> Result<usize, ResolveError> {
    let lookup = NameServerLookup::new(servers, &Encryption::None);
    forget_memory();
    let before = memory();
    let start = Instant::now();
    let found = resolve(&Request::new("example.org"), &lookup, &mut || 0).await;
    // The kernel counts pages in batches: without any use, the second value can be the lower one.
    let (taken, used) = (start.elapsed(), memory().saturating_sub(before));
    assert!(taken < MAX_TIME, "{taken:?}");
    assert!(used < MAX_MEMORY, "{used} bytes");
    found.map(|found| found.endpoints.len())
}

async fn read_query(stream: &mut TcpStream) -> Option<Message> {
    let length = stream.read_u16().await.ok()?;
    let mut query = vec![0; length.into()];
    stream.read_exact(&mut query).await.ok()?;
    Message::from_vec(&query).ok()
}

/// One test after the other, for the memory is that of the process.
#[tokio::test]
async fn a_resolution_is_bounded_whatever_the_name_servers_do() {
    silent_hosts().await;
    silence().await;
    assert!(large_answers(100).await.is_ok_and(|found| found <= 16 * 16));
    // A connection delivers a few such answers at most.
    assert!(large_answers(4000).await.is_err());
    endless_bytes().await;
}

async fn silent_hosts() {
    let mut servers = Vec::new();
    let mut counters = Vec::new();
    for _ in 0..6 {
        let udp = |query| Some(many_targets(&query)?.to_vec().unwrap());
        let (addr, datagrams) = server(udp, |_| async {}).await;
        servers.push(addr);
        counters.push(datagrams);
    }
    assert!(measured(&servers).await.is_err());
    let sent: usize = counters.iter().map(|it| it.load(Ordering::SeqCst)).sum();
    assert!((2..=MAX_DATAGRAMS).contains(&sent), "{sent}");
}

async fn silence() {
    let (addr, datagrams) = server(|_| None, |_| async {}).await;
    let error = measured(&[addr; 6]).await.unwrap_err();
    assert!(matches!(error, ResolveError::NoAnswer { .. }), "{error}");
    assert!(datagrams.load(Ordering::SeqCst) <= MAX_DATAGRAMS);
}

/// A thousand services, and for each host this number of addresses; four thousand fill a message.
async fn large_answers(addresses: usize) -> Result<usize, ResolveError> {
    let (addr, _) = server(truncated, move |mut stream| async move {
        while let Some(query) = read_query(&mut stream).await {
            let question = query.queries[0].clone();
            let mut answer = reply(&query);
            let data: Vec<RData> = match question.query_type {
                RecordType::SRV => (0..1000).map(thousandth).collect(),
                RecordType::A => vec![RData::A(A::new(10, 0, 0, 1)); addresses],
                _ => Vec::new(),
            };
            let record = |data| Record::from_rdata(question.name.clone(), 60, data);
            answer.add_answers(data.into_iter().map(record));
            let answer = answer.to_vec().unwrap();
            let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
            let _ = stream
                .write_all(&[&length, answer.as_slice()].concat())
                .await;
        }
    })
    .await;
    measured(&[addr]).await
}

fn thousandth(number: u16) -> RData {
    let target = Name::from_ascii(format!("h{number}.example.")).unwrap();
    RData::SRV(SRV::new(number, 0, 5222, target))
}

async fn endless_bytes() {
    let (addr, _) = server(truncated, |mut stream| async move {
        let _ = read_query(&mut stream).await;
        let junk = vec![0; 4096];
        while stream.write_all(&junk).await.is_ok() {}
    })
    .await;
    let error = measured(&[addr]).await.unwrap_err();
    assert!(matches!(error, ResolveError::Malformed { .. }), "{error}");
}
