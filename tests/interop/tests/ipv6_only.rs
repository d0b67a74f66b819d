//! A network with IPv6 only, as a network namespace: IPv4 addresses are reached through the network's translator (RFC 7050, RFC
//! 8305 section 7.1), whether the app, a name server without DNS64, or the server names them.
#![cfg(target_os = "linux")]
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use snapback_client::resolver::{NameServers, System};
use snapback_client::{
    Client, ClientConfig, DialError, EndReason, Event, ServerAddress, Transport, Trust, danger,
};
use snapback_netsim::packets::tun::{Namespace, NamespaceRuntime, TunError};
use snapback_reference_server::{Config, ReferenceServer, Switches};
use tokio::net::UdpSocket;

const DOMAIN: &str = "example.org";
const HOST: &str = "xmpp.example.org";
const PASSWORD: &str = "r0m30";
/// The server's address, as the rest of the world knows it.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const TIMEOUT: Duration = Duration::from_secs(30);

/// The translator, with a prefix of this length, delivers packets for [`PUBLIC`] here.
fn translated(prefix: &str) -> Ipv6Addr {
    match prefix {
        "/96" => "2001:db8:64::198.51.100.7".parse().unwrap(),
        "/48" => "2001:db8:122:c633:64:700::".parse().unwrap(),
        _ => panic!("{prefix}"),
    }
}

/// The record of `ipv4only.arpa` with the same prefix.
fn well_known(prefix: &str) -> Ipv6Addr {
    match prefix {
        "/96" => "2001:db8:64::192.0.0.170".parse().unwrap(),
        "/48" => "2001:db8:122:c000:0:aa00::".parse().unwrap(),
        _ => panic!("{prefix}"),
    }
}

/// What the name server of the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dns {
    /// Makes AAAA records for hosts that have none (RFC 6147).
    Dns64,
    /// Has A records only, and the record of `ipv4only.arpa`.
    AOnly,
    /// Has A records only.
    NoTranslator,
}

struct World {
    _namespace: Namespace,
    runtime: NamespaceRuntime,
}

/// Returns `None` where this machine has no network namespaces.
fn world(prefix: &str) -> Option<World> {
    let namespace = match Namespace::create() {
        Ok(namespace) => namespace,
        Err(TunError::Unavailable(what)) => {
            println!("skipped: no {what}");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    namespace.add_ipv6(translated(prefix)).unwrap();
    let runtime = namespace.runtime().unwrap();
    Some(World {
        _namespace: namespace,
        runtime,
    })
}

async fn server(prefix: &str) -> ReferenceServer {
    ReferenceServer::start_at(
        translated(prefix),
        Config {
            domain: DOMAIN.to_owned(),
            switches: Switches::modern(),
            accounts: vec![("juliet".to_owned(), PASSWORD.to_owned())],
            ..Config::default()
        },
    )
    .await
    .unwrap()
}

/// Serves the records until the runtime ends. Returns the address of the name server.
async fn name_server(dns: Dns, prefix: &'static str, port: u16) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let answer = answer(&buffer[..length], dns, prefix, port);
            socket.send_to(&answer, from).await.unwrap();
        }
    });
    address
}

fn encoded(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}

/// RFC 1035 section 4.1. What follows the question (EDNS) is dropped.
fn answer(query: &[u8], dns: Dns, prefix: &str, port: u16) -> Vec<u8> {
    const A: u16 = 1;
    const AAAA: u16 = 28;
    const SRV: u16 = 33;
    let end = 12 + query[12..].iter().position(|byte| *byte == 0).unwrap() + 1;
    let name = query[12..end].to_ascii_lowercase();
    let kind = u16::from_be_bytes([query[end], query[end + 1]]);
    let of_host = name == encoded(HOST);
    let of_well_known = name == encoded("ipv4only.arpa");
    let data = match kind {
        SRV if name == encoded("_xmpps-client._tcp.example.org") => {
            let mut data = vec![0, 1, 0, 1];
            data.extend(port.to_be_bytes());
            data.extend(encoded(HOST));
            Some(data)
        }
        A if of_host => Some(PUBLIC.octets().to_vec()),
        A if of_well_known => Some(vec![192, 0, 0, 170]),
        AAAA if of_host && dns == Dns::Dns64 => Some(translated(prefix).octets().to_vec()),
        AAAA if of_well_known && dns != Dns::NoTranslator => {
            Some(well_known(prefix).octets().to_vec())
        }
        _ => None,
    };
    let exists = data.is_some() || of_host || of_well_known;
    let mut out = query[..2].to_vec();
    let code = if exists { 0 } else { 3 };
    out.extend([
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::from(data.is_some()),
        0,
        0,
        0,
        0,
    ]);
    out.extend(&query[12..end + 4]);
    if let Some(data) = data {
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 1, 44]);
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    out
}

fn client(server: &ReferenceServer, name_server: SocketAddr, literal: bool) -> Client {
    let mut config = ClientConfig::new("juliet@example.org", PASSWORD).unwrap();
    config.trust = Trust::Roots(danger::Roots::from_pem(server.ca_pem().as_bytes()).unwrap());
    config.network.name_servers = NameServers::Given(vec![name_server]);
    config.network.system = System::Other;
    if literal {
        let address = SocketAddr::new(PUBLIC.into(), server.direct_addr().port());
        config.network.servers = vec![ServerAddress::at(address, Transport::DirectTls)];
    }
    Client::open(config).unwrap()
}

async fn first_end_or_session(client: &Client) -> Result<(), EndReason> {
    let wait = async {
        loop {
            match client.next_event().await {
                Some(Event::Online { .. }) => return Ok(()),
                Some(Event::Ended { reason, .. }) => return Err(reason),
                Some(_) => {}
                None => panic!("the client ended"),
            }
        }
    };
    tokio::time::timeout(TIMEOUT, wait)
        .await
        .expect("an end or a session")
}

/// Runs this in the namespace.
async fn outcome(
    world: &World,
    dns: Dns,
    prefix: &'static str,
    literal: bool,
) -> Result<(), EndReason> {
    let task = world.runtime.handle().spawn(async move {
        let server = server(prefix).await;
        let port = server.direct_addr().port();
        let name_server = name_server(dns, prefix, port).await;
        let client = client(&server, name_server, literal);
        client.connect();
        first_end_or_session(&client).await
    });
    task.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv4_addresses_are_reached_through_the_translator() {
    for prefix in ["/96", "/48"] {
        let Some(world) = world(prefix) else { return };
        for dns in [Dns::Dns64, Dns::AOnly] {
            for literal in [false, true] {
                let outcome = outcome(&world, dns, prefix, literal).await;
                assert_eq!(outcome, Ok(()), "{dns:?} {prefix} literal: {literal}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_translator_the_failure_is_that_of_the_network() {
    let Some(world) = world("/96") else { return };
    for literal in [false, true] {
        let outcome = outcome(&world, Dns::NoTranslator, "/96", literal).await;
        let failure = DialError::Connect(vec![ErrorKind::NetworkUnreachable]);
        assert_eq!(outcome, Err(EndReason::Dial(failure)), "literal: {literal}");
    }
}
