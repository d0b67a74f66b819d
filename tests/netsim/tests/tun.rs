//! Links of real packets do what their profile says: measured by the sockets at their ends.
#![cfg(all(feature = "tun", target_os = "linux"))]
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a test"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use snapback_netsim::packets::tun::{SERVER, TunLink};
use snapback_netsim::packets::{CutKind, Loss, Profile, Way};

/// The timeout of all waits: anything that takes longer is broken.
const TIMEOUT: Duration = Duration::from_secs(60);

fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A server that sends everything back, for every connection.
fn echo(link: &TunLink) -> SocketAddr {
    let listener = link
        .server()
        .run(|| TcpListener::bind((SERVER, 0)))
        .expect("the namespace is there")
        .expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut reader = stream.try_clone().expect("it can be cloned");
                let mut writer = stream;
                let _ = std::io::copy(&mut reader, &mut writer);
            });
        }
    });
    address
}

fn connect(link: &TunLink, to: SocketAddr) -> TcpStream {
    let stream = link
        .client()
        .run(|| TcpStream::connect_timeout(&to, TIMEOUT))
        .expect("the namespace is there")
        .expect("the server answers");
    stream.set_nodelay(true).expect("it is a socket");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("it is a socket");
    stream
}

/// One byte there and back.
fn round_trip(stream: &mut TcpStream) -> std::io::Result<Duration> {
    let start = Instant::now();
    stream.write_all(&[1])?;
    stream.read_exact(&mut [0])?;
    Ok(start.elapsed())
}

/// Sends more than any buffer on the path holds, in both directions at once.
fn carries_much(stream: &mut TcpStream) {
    let mut writer = stream.try_clone().expect("it can be cloned");
    let sender = thread::spawn(move || writer.write_all(&[7; 50_000]));
    stream
        .read_exact(&mut [0; 50_000])
        .expect("it all comes back");
    sender.join().expect("no panic").expect("it was sent");
}

#[test]
fn a_round_trip_takes_what_the_profile_says() {
    let Some(link) = TunLink::start_or_skip(&Profile::plain(ms(100)), 1) else {
        return;
    };
    let server = echo(&link);
    let start = Instant::now();
    let mut stream = connect(&link, server);
    assert!(start.elapsed() >= ms(100), "the handshake is a round trip");
    let trips: Vec<Duration> = (0..10)
        .map(|_| round_trip(&mut stream).expect("it comes back"))
        .collect();
    let least = trips.iter().min().expect("there are ten");
    // The least of ten: a busy machine adds to some.
    assert!(*least >= ms(100) && *least < ms(120), "{trips:?}");
}

#[test]
fn jitter_adds_up_to_what_the_profile_says() {
    let mut profile = Profile::plain(ms(40));
    profile.down.jitter_ms = 60.0;
    let Some(link) = TunLink::start_or_skip(&profile, 2) else {
        return;
    };
    let server = echo(&link);
    let mut stream = connect(&link, server);
    let mut trips: Vec<Duration> = (0..40)
        .map(|_| round_trip(&mut stream).expect("it comes back"))
        .collect();
    trips.sort();
    assert!(trips[0] >= ms(40) && trips[0] < ms(60), "{trips:?}");
    // Evenly spread between 40 and 100 ms, half of them above 70; more on a busy machine.
    assert!(trips[20] >= ms(55) && trips[20] < ms(200), "{trips:?}");
}

#[test]
fn a_stream_runs_at_the_rate_of_the_profile() {
    let mut profile = Profile::plain(ms(20));
    profile.down.rate_kbit = 4000.0;
    profile.down.queue_bytes = 60_000;
    let Some(link) = TunLink::start_or_skip(&profile, 3) else {
        return;
    };
    let server = echo(&link);
    let mut stream = connect(&link, server);
    let payload = vec![7; 500_000];
    let mut writer = stream.try_clone().expect("it can be cloned");
    let start = Instant::now();
    let sender = thread::spawn(move || writer.write_all(&payload));
    let mut received = vec![0; 500_000];
    stream.read_exact(&mut received).expect("it all comes back");
    let took = start.elapsed();
    sender.join().expect("no panic").expect("it was sent");
    // 4 Mbit at 4 Mbit/s, and 3 % of headers; more where the queue overflows or the machine is busy.
    assert!(took >= ms(1000) && took < ms(10_000), "{took:?}");
}

#[test]
fn datagrams_are_lost_and_reordered_as_the_profile_says() {
    const COUNT: u16 = 3000;
    let mut profile = Profile::plain(ms(10));
    profile.up.loss = Loss {
        good: 0.0,
        bad: 0.5,
        good_to_bad: 0.05,
        bad_to_good: 0.2,
    };
    profile.up.reorder = 0.02;
    profile.up.reorder_ms = 30.0;
    let Some(link) = TunLink::start_or_skip(&profile, 4) else {
        return;
    };
    let socket = |end: &snapback_netsim::packets::tun::Namespace, address| {
        end.run(|| UdpSocket::bind((address, 0)))
            .expect("the namespace is there")
            .expect("a port is free")
    };
    let server = socket(link.server(), SERVER);
    let client = socket(link.client(), link.client_address());
    let to = server.local_addr().expect("it is bound");
    server
        .set_read_timeout(Some(ms(500)))
        .expect("it is a socket");
    let sender = thread::spawn(move || {
        for number in 0..COUNT {
            client
                .send_to(&number.to_be_bytes(), to)
                .expect("it is sent");
            if number % 50 == 0 {
                thread::sleep(ms(5)); // for the socket buffers, which are not what is measured
            }
        }
    });
    let (mut received, mut overtaken, mut newest) = (0_u64, 0_u64, 0);
    let mut buffer = [0; 2];
    while server.recv(&mut buffer).is_ok() {
        let number = u16::from_be_bytes(buffer);
        received += 1;
        overtaken += u64::from(number < newest);
        newest = newest.max(number);
    }
    sender.join().expect("no panic");
    let stats = link.stats().to_server;
    assert_eq!(stats.sent, u64::from(COUNT));
    assert_eq!(stats.delivered, received);
    assert_eq!(stats.reordered, overtaken);
    let lost = stats.lost as f64 / f64::from(COUNT);
    assert!((lost - profile.up.loss.mean()).abs() < 0.03, "{lost}");
    assert!(overtaken > 10, "{overtaken}");
}

#[test]
fn no_packet_is_longer_than_the_mtu_of_the_profile() {
    let mut profile = Profile::plain(ms(10));
    profile.mtu = 1280;
    let Some(link) = TunLink::start_or_skip(&profile, 5) else {
        return;
    };
    let server = echo(&link);
    let mut stream = connect(&link, server);
    carries_much(&mut stream);
    let stats = link.stats();
    assert_eq!(stats.to_server.too_long + stats.to_client.too_long, 0);
    assert!(stats.to_client.delivered >= 50_000 / 1240);
}

/// TCP survives a tunnel: what was lost is sent again.
#[test]
fn a_connection_outlives_a_way_that_swallows() {
    let Some(link) = TunLink::start_or_skip(&Profile::plain(ms(20)), 6) else {
        return;
    };
    let server = echo(&link);
    let mut stream = connect(&link, server);
    link.set_way(Way::Swallowing);
    stream.write_all(&[1]).expect("the kernel takes it");
    stream.set_read_timeout(Some(ms(500))).expect("a socket");
    assert!(stream.read_exact(&mut [0]).is_err(), "nothing gets through");
    link.set_way(Way::Open);
    stream.set_read_timeout(Some(TIMEOUT)).expect("a socket");
    stream.read_exact(&mut [0]).expect("it was sent again");
    assert!(link.stats().to_server.cut > 0);
}

/// Runs a cut with an existing connection, and returns whether that one still works after it.
fn survives(link: &TunLink, server: SocketAddr, kind: CutKind) -> bool {
    let mut before = connect(link, server);
    round_trip(&mut before).expect("it works");
    let cut = link.cut(kind).expect("it can be cut");
    link.mend(cut).expect("it can be mended");
    before.set_read_timeout(Some(ms(3000))).expect("a socket");
    let works = round_trip(&mut before).is_ok();
    round_trip(&mut connect(link, server)).expect("a new connection works");
    works
}

#[test]
fn each_cut_ends_the_connections_that_it_should() {
    let Some(link) = TunLink::start_or_skip(&Profile::plain(ms(20)), 7) else {
        return;
    };
    let server = echo(&link);
    let first = link.client_address();
    assert!(survives(&link, server, CutKind::Blackhole));
    assert!(survives(&link, server, CutKind::LinkDown));
    assert!(survives(&link, server, CutKind::CaptivePortal));
    assert_eq!(link.client_address(), first);
    assert!(!survives(&link, server, CutKind::LinkDownNewAddress));
    assert!(!survives(&link, server, CutKind::NewAddress));
    assert_ne!(link.client_address(), first);
    assert!(!survives(&link, server, CutKind::NatForgets));
}

#[test]
fn an_interface_that_is_down_is_no_way_to_the_server() {
    let Some(link) = TunLink::start_or_skip(&Profile::plain(ms(20)), 8) else {
        return;
    };
    let server = echo(&link);
    link.interface_down().expect("it can be taken down");
    let refused = link
        .client()
        .run(|| TcpStream::connect_timeout(&server, TIMEOUT))
        .expect("the namespace is there")
        .expect_err("there is no network");
    assert_eq!(refused.kind(), ErrorKind::NetworkUnreachable);
    link.interface_up().expect("it can be taken up");
    connect(&link, server);
}

#[test]
fn while_the_address_changes_the_old_one_goes_on_delivering() {
    let Some(link) = TunLink::start_or_skip(&Profile::plain(ms(20)), 9) else {
        return;
    };
    let server = echo(&link);
    let mut old = connect(&link, server);
    let cut = link.cut(CutKind::NewAddress).expect("it can be cut");
    round_trip(&mut old).expect("the old address works");
    let mut new = connect(&link, server);
    assert_ne!(
        old.local_addr().expect("bound").ip(),
        new.local_addr().expect("bound").ip()
    );
    link.mend(cut).expect("it can be mended");
    old.set_read_timeout(Some(ms(1000))).expect("a socket");
    assert!(round_trip(&mut old).is_err());
    round_trip(&mut new).expect("the new address works");
}

#[test]
fn a_captive_portal_redirects_http_and_answers_nothing_else() {
    let Some(link) = TunLink::start_or_skip(&Profile::plain(ms(20)), 10) else {
        return;
    };
    let server = echo(&link);
    let cut = link.cut(CutKind::CaptivePortal).expect("it can be cut");
    let mut http = connect(&link, (SERVER, 80).into());
    http.write_all(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")
        .expect("the portal reads");
    let mut answer = String::new();
    http.read_to_string(&mut answer)
        .expect("the portal answers");
    assert!(answer.starts_with("HTTP/1.1 302 "), "{answer}");
    let mut tls = connect(&link, server);
    tls.write_all(&[0x16, 3, 1, 0, 1, 1]).expect("it is read");
    tls.set_read_timeout(Some(ms(500))).expect("a socket");
    assert!(tls.read_exact(&mut [0]).is_err(), "no echo, no answer");
    link.mend(cut).expect("it can be mended");
    round_trip(&mut connect(&link, server)).expect("the server is back");
}

#[test]
fn no_namespace_remains() {
    let names = || {
        let listed = Command::new("ip").args(["netns", "list"]).output();
        String::from_utf8_lossy(&listed.expect("ip runs").stdout).into_owned()
    };
    let Some(link) = TunLink::start_or_skip(&Profile::plain(ms(20)), 11) else {
        return;
    };
    let ours = [link.client().name(), link.server().name()].map(str::to_owned);
    let is_listed = |all: &str, name: &str| {
        all.lines()
            .any(|line| line.split_whitespace().next() == Some(name))
    };
    assert!(ours.iter().all(|name| is_listed(&names(), name)));
    drop(link);
    let after = names();
    assert!(!ours.iter().any(|name| is_listed(&after, name)), "{after}");
}

#[test]
fn a_connection_learns_the_longest_packet_of_another_network() {
    let Some(link) = TunLink::start_or_skip(&Profile::plain(ms(10)), 12) else {
        return;
    };
    let server = echo(&link);
    let mut stream = connect(&link, server);
    round_trip(&mut stream).expect("it works");
    let mut narrow = Profile::plain(ms(10));
    narrow.mtu = 1280;
    link.set_profile(&narrow).expect("the link obeys");
    carries_much(&mut stream);
    let stats = link.stats();
    assert_eq!(stats.to_server.too_long + stats.to_client.too_long, 0);
}
