//! An address or a target that accepts connections and leads to no login does not keep the client from one that does.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use snapback_client::resolver::StaticHosts;
use snapback_client::{
    Client, ClientConfig, ServerAddress, TcpDial, Timing, Transport, Trust, danger,
};
use snapback_reference_server::{
    Action, Config, Fault, Malformed, Point, ReferenceServer, Switches,
};
use support::course::{Course, follow, hasty};
use tokio::net::TcpListener;

const BOTH: [Transport; 2] = [Transport::DirectTls, Transport::StartTls];

async fn server(address: Ipv4Addr, switches: Switches) -> ReferenceServer {
    let config = Config {
        switches,
        accounts: vec![("juliet".to_owned(), "r0m30".to_owned())],
        ..Config::default()
    };
    ReferenceServer::start_at(address, config).await.unwrap()
}

fn addr(server: &ReferenceServer, transport: Transport) -> SocketAddr {
    match transport {
        Transport::DirectTls => server.direct_addr(),
        Transport::StartTls => server.starttls_addr(),
    }
}

/// Trusts both; the delays between attempts are short.
fn config(servers: &[&ReferenceServer]) -> ClientConfig {
    let mut config = ClientConfig::new("juliet@localhost", "r0m30").unwrap();
    let pem: String = servers.iter().map(|server| server.ca_pem()).collect();
    config.trust = Trust::Roots(danger::Roots::from_pem(pem.as_bytes()).unwrap());
    config.network.dial = Arc::new(TcpDial);
    hasty(&mut config);
    config.reconnect = Timing {
        relief_base: Duration::from_millis(20),
        relief_floor: Duration::from_millis(5),
        ..config.reconnect
    };
    config.timeouts.login = Duration::from_millis(500);
    config
}

async fn sessions(client: &Client, course: &mut Course, count: usize, what: &str) {
    let mut is_online = |course: &Course| course.online.len() >= count;
    follow(client, course, &mut is_online, what).await;
}

/// A target with a valid certificate that is no XMPP server: it speaks another protocol, stops answering after its
/// features, closes the connection, or is being shut down.
#[tokio::test]
async fn w1_a_first_target_that_fails_after_tls_is_set_back() {
    let silence = Action::Silence;
    let other = Action::Send(Malformed::StrayText);
    for action in [other, silence, Action::Reset, Action::SystemShutdown] {
        for transport in BOTH {
            let switches = Switches {
                unprompted_restart: false,
                ..Switches::modern()
            };
            let bad = server(Ipv4Addr::LOCALHOST, switches).await;
            let good = server(Ipv4Addr::LOCALHOST, Switches::modern()).await;
            let fault = Fault::At(Point::EncryptedFeatures, action.clone());
            bad.faults(|faults| faults.all = vec![fault]);
            let mut config = config(&[&bad, &good]);
            config.network.servers = [&bad, &good]
                .map(|server| ServerAddress::at(addr(server, transport), transport))
                .into();
            let client = Client::open(config).unwrap();
            client.connect();
            let what = format!("{action:?} {transport:?}");
            let mut course = Course::default();
            sessions(&client, &mut course, 1, &what).await;
            let tried = bad.connections().len();
            assert_eq!(tried, 1, "{what}: {}", course.log);
            // This does not rehabilitate it: the next connection does not begin there.
            good.cut_all();
            sessions(&client, &mut course, 2, &what).await;
            assert_eq!(bad.connections().len(), 1, "{what}: {}", course.log);
        }
    }
}

/// A server that accepted us and does not any more, while another one does.
#[tokio::test]
async fn w1_a_target_that_worked_once_is_set_back_the_second_time() {
    let first = server(Ipv4Addr::LOCALHOST, Switches::modern()).await;
    let second = server(Ipv4Addr::LOCALHOST, Switches::modern()).await;
    let mut config = config(&[&first, &second]);
    let transport = Transport::DirectTls;
    config.network.servers = [&first, &second]
        .map(|server| ServerAddress::at(addr(server, transport), transport))
        .into();
    let client = Client::open(config).unwrap();
    client.connect();
    let mut course = Course::default();
    sessions(&client, &mut course, 1, "the first").await;
    assert_eq!(second.connections().len(), 0);
    first.faults(|faults| faults.all = vec![Fault::At(Point::Login, Action::Silence)]);
    first.cut_all();
    sessions(&client, &mut course, 2, "the second").await;
    let tried = first.connections().len() - 1;
    assert!((2..=3).contains(&tried), "{tried}: {}", course.log);
}

/// Accepts connections and sends nothing, as a broken tunnel or a firewall does.
async fn black_hole(addr: SocketAddr) -> Option<Arc<AtomicUsize>> {
    let listener = TcpListener::bind(addr).await.ok()?;
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            held.push(socket);
        }
    });
    Some(count)
}

#[tokio::test]
async fn w1_one_address_that_swallows_everything_does_not_win_each_race() {
    let swallowing: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
    for ip in swallowing {
        for transport in BOTH {
            let good_ip = Ipv4Addr::new(127, 0, 0, 2);
            let good = server(good_ip, Switches::modern()).await;
            let port = addr(&good, transport).port();
            // There are machines without IPv6, or the port is taken.
            let Some(swallowed) = black_hole((ip, port).into()).await else {
                continue;
            };
            let mut config = config(&[&good]);
            config.network.hosts =
                Some(StaticHosts::new().with_host("xmpp.example.org", [ip, good_ip.into()]));
            config.network.servers = vec![ServerAddress {
                host: "xmpp.example.org".to_owned(),
                port,
                transport,
            }];
            let client = Client::open(config).unwrap();
            client.connect();
            let what = format!("{ip} {transport:?}");
            let mut course = Course::default();
            sessions(&client, &mut course, 1, &what).await;
            assert_eq!(swallowed.load(Ordering::SeqCst), 1, "{what}");
            good.cut_all();
            sessions(&client, &mut course, 2, &what).await;
            assert_eq!(swallowed.load(Ordering::SeqCst), 1, "{what}: known now");
        }
    }
}
