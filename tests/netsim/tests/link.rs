//! A link with an echo server at its far end.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the helpers of a test are tests"
)]

use snapback_netsim::{CutMode, Direction, DownMode, Link, LinkConfig, flights};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

const RTT: Duration = Duration::from_millis(60);
/// The timeout for what happens at once; long enough for a busy machine.
const SOON: Duration = Duration::from_secs(5);

/// How a connection of the server ended: what it had read, and the error if there was one.
type Ended = (Vec<u8>, Option<ErrorKind>);

async fn echo_server() -> (SocketAddr, mpsc::UnboundedReceiver<Ended>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (sender, ended) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            tokio::spawn(async move {
                let mut seen = Vec::new();
                let error = echo(stream, &mut seen).await.err().map(|e| e.kind());
                let _ = sender.send((seen, error));
            });
        }
    });
    (addr, ended)
}

async fn echo(mut stream: TcpStream, seen: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        seen.extend_from_slice(&buffer[..n]);
        stream.write_all(&buffer[..n]).await?;
    }
}

async fn link(config: LinkConfig) -> (Link, mpsc::UnboundedReceiver<Ended>) {
    let (server, ended) = echo_server().await;
    (Link::start(config, server).await.unwrap(), ended)
}

async fn ping(stream: &mut TcpStream, text: &[u8]) {
    stream.write_all(text).await.unwrap();
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, text);
}

#[track_caller]
fn assert_about(took: Duration, expected: Duration) {
    // Never early; late only by what a busy machine takes.
    assert!(took >= expected, "{took:?} is less than {expected:?}");
    assert!(
        took < expected + RTT * 3 / 4,
        "{took:?} is much more than {expected:?}"
    );
}

#[tokio::test]
async fn the_handshake_and_each_answer_cost_one_round_trip() {
    let (link, _ended) = link(LinkConfig::with_rtt(RTT)).await;
    let start = Instant::now();
    let mut stream = link.connect().await.unwrap();
    assert_about(start.elapsed(), RTT);
    for _ in 0..3 {
        let start = Instant::now();
        ping(&mut stream, b"hello").await;
        assert_about(start.elapsed(), RTT);
    }
    assert_eq!(flights(&link.trace()), 3);
    let stats = link.stats();
    assert_eq!(
        (
            stats.connections,
            stats.live,
            stats.to_server,
            stats.to_client
        ),
        (1, 1, 15, 15)
    );
}

#[tokio::test]
async fn a_foreign_client_pays_for_its_handshake_with_the_first_bytes() {
    let (link, _ended) = link(LinkConfig::with_rtt(RTT).for_foreign_clients()).await;
    let start = Instant::now();
    let mut stream = TcpStream::connect(link.addr()).await.unwrap();
    assert!(start.elapsed() < RTT);
    ping(&mut stream, b"first").await;
    assert_about(start.elapsed(), RTT * 2);
    let start = Instant::now();
    ping(&mut stream, b"second").await;
    assert_about(start.elapsed(), RTT);
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard_one_round_trip_after_the_handshake() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = Link::start(LinkConfig::with_rtt(RTT), listener.local_addr().unwrap())
        .await
        .unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"!").await.unwrap();
        std::future::pending::<()>().await;
    });
    let start = Instant::now();
    let mut stream = link.connect().await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'!');
    assert_about(start.elapsed(), RTT * 2);
}

#[tokio::test]
async fn the_length_of_the_link_can_change() {
    let (link, _ended) = link(LinkConfig::with_rtt(RTT)).await;
    let mut stream = link.connect().await.unwrap();
    link.set_rtt(RTT / 3);
    let start = Instant::now();
    ping(&mut stream, b"nearer").await;
    assert_about(start.elapsed(), RTT / 3);
}

#[tokio::test]
async fn ten_megabytes_arrive_whole_in_order_and_fast() {
    let (link, _ended) = link(LinkConfig::with_rtt(RTT)).await;
    let data: Vec<u8> = (0..10_000_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let stream = link.connect().await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let sent = data.clone();
    let start = Instant::now();
    tokio::spawn(async move {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
    });
    let mut received = Vec::new();
    timeout(SOON, read.read_to_end(&mut received))
        .await
        .unwrap()
        .unwrap();
    assert!(received == data);
    assert!(start.elapsed() >= RTT);
    assert_eq!(link.stats().live, 0);
}

#[tokio::test]
async fn a_cut_that_only_the_client_sees() {
    let (link, mut ended) = link(LinkConfig::with_rtt(RTT)).await;
    let mut stream = link.connect().await.unwrap();
    ping(&mut stream, b"before").await;
    link.cut(CutMode::ResetClient);
    let error = timeout(SOON, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(
        timeout(RTT * 2, ended.recv()).await.is_err(),
        "the server noticed"
    );
    // The client can come back while the server still holds the old connection.
    ping(&mut link.connect().await.unwrap(), b"again").await;
    link.drop_upstream();
    let (_, error) = timeout(SOON, ended.recv()).await.unwrap().unwrap();
    assert_eq!(error, Some(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn the_server_learns_of_a_client_cut_by_a_timer() {
    let (link, mut ended) = link(LinkConfig::with_rtt(RTT).drop_upstream_after(RTT)).await;
    let mut stream = link.connect().await.unwrap();
    ping(&mut stream, b"before").await;
    let start = Instant::now();
    link.cut(CutMode::ResetClient);
    let (_, error) = timeout(SOON, ended.recv()).await.unwrap().unwrap();
    assert_eq!(error, Some(ErrorKind::ConnectionReset));
    assert!(start.elapsed() >= RTT);
}

#[tokio::test]
async fn a_reset_of_both_sides() {
    let (link, mut ended) = link(LinkConfig::with_rtt(RTT)).await;
    let mut stream = link.connect().await.unwrap();
    ping(&mut stream, b"before").await;
    link.cut(CutMode::ResetBoth);
    let error = timeout(SOON, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let (_, error) = timeout(SOON, ended.recv()).await.unwrap().unwrap();
    assert_eq!(error, Some(ErrorKind::ConnectionReset));
    assert_eq!(link.stats().live, 0);
}

#[tokio::test]
async fn an_orderly_close_of_both_sides_loses_what_is_on_the_wire() {
    let (link, mut ended) = link(LinkConfig::with_rtt(RTT * 5)).await;
    let mut stream = link.connect().await.unwrap();
    ping(&mut stream, b"before").await;
    stream.write_all(b"lost").await.unwrap();
    // Long enough to reach the link, far from long enough to leave it.
    tokio::time::sleep(RTT / 2).await;
    link.cut(CutMode::CloseBoth);
    let error = timeout(SOON, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    assert_eq!(
        timeout(SOON, ended.recv()).await.unwrap().unwrap(),
        (b"before".to_vec(), None)
    );
}

#[tokio::test]
async fn a_blackhole_notifies_neither_end() {
    let (link, mut ended) = link(LinkConfig::with_rtt(RTT)).await;
    let mut stream = link.connect().await.unwrap();
    ping(&mut stream, b"before").await;
    link.cut(CutMode::Blackhole);
    stream.write_all(b"into the void").await.unwrap();
    assert!(timeout(RTT * 3, stream.read_u8()).await.is_err());
    assert!(ended.try_recv().is_err());
    assert_eq!(link.stats().live, 0);
    ping(&mut link.connect().await.unwrap(), b"a new one works").await;
}

#[tokio::test]
async fn a_cut_after_a_number_of_bytes_is_exact_and_happens_once() {
    let (link, mut ended) = link(LinkConfig::with_rtt(RTT)).await;
    let mut stream = link.connect().await.unwrap();
    link.cut_after(Direction::ToServer, 7, CutMode::ResetBoth);
    ping(&mut stream, b"abcd").await;
    stream.write_all(b"efghij").await.unwrap();
    assert!(timeout(SOON, stream.read_u8()).await.unwrap().is_err());
    assert_eq!(
        timeout(SOON, ended.recv()).await.unwrap().unwrap().0,
        b"abcdefg"
    );
    ping(&mut link.connect().await.unwrap(), b"longer than seven").await;
}

#[tokio::test]
async fn a_cut_after_bytes_to_the_client_is_exact() {
    let (link, _ended) = link(LinkConfig::with_rtt(RTT)).await;
    let mut stream = link.connect().await.unwrap();
    link.cut_after(Direction::ToClient, 3, CutMode::CloseBoth);
    stream.write_all(b"abcdef").await.unwrap();
    let mut received = Vec::new();
    timeout(SOON, stream.read_to_end(&mut received))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(received, b"abc");
}

#[tokio::test]
async fn down_refuses_new_connections_and_up_takes_them_again() {
    let (link, _ended) = link(LinkConfig::with_rtt(RTT)).await;
    let mut old = link.connect().await.unwrap();
    link.down(DownMode::Refuse).await.unwrap();
    assert_eq!(
        link.connect().await.unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
    ping(&mut old, b"the old one goes on").await;
    link.up().await.unwrap();
    ping(&mut link.connect().await.unwrap(), b"back").await;
}

#[tokio::test]
async fn down_can_swallow_new_connections() {
    let (link, _ended) = link(LinkConfig::with_rtt(RTT)).await;
    link.down(DownMode::Blackhole).await.unwrap();
    assert!(timeout(RTT * 3, link.connect()).await.is_err());
    let mut foreign = TcpStream::connect(link.addr()).await.unwrap();
    foreign.write_all(b"hello?").await.unwrap();
    assert!(timeout(RTT * 3, foreign.read_u8()).await.is_err());
    link.up().await.unwrap();
    ping(&mut link.connect().await.unwrap(), b"back").await;
}

#[tokio::test]
async fn a_server_that_is_not_there_resets_the_client() {
    let unused = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let link = Link::start(LinkConfig::with_rtt(RTT), unused)
        .await
        .unwrap();
    let mut stream = link.connect().await.unwrap();
    let error = timeout(SOON, stream.read_u8()).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn dropping_the_link_cuts_everything() {
    let (link, mut ended) = link(LinkConfig::with_rtt(RTT)).await;
    let mut stream = link.connect().await.unwrap();
    ping(&mut stream, b"before").await;
    drop(link);
    assert!(timeout(SOON, stream.read_u8()).await.unwrap().is_err());
    assert!(timeout(SOON, ended.recv()).await.unwrap().is_some());
}

#[tokio::test]
async fn new_connections_can_be_led_elsewhere() {
    let (link, _ended) = link(LinkConfig::with_rtt(RTT)).await;
    let mut old = link.connect().await.unwrap();
    ping(&mut old, b"here").await;
    let portal = TcpListener::bind("127.0.0.1:0").await.unwrap();
    link.set_upstream(portal.local_addr().unwrap());
    let new = link.connect().await.unwrap();
    timeout(SOON, portal.accept()).await.unwrap().unwrap();
    ping(&mut old, b"the old one stays").await;
    drop(new);
}
