//! What a new process does not have to request, because the previous one stored it (rules S9, S10).
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::net::{Ipv4Addr, SocketAddr};

use snapback_client::proto::knowledge::Op;
use snapback_client::proto::time::UnixTime;
use snapback_client::resolver::NameServers;
use snapback_client::store::{Endpoint, EndpointSource, KnownEndpoints, ServerKey};
use snapback_client::{Client, ClientConfig, Outcome, ServerAddress, Store, Transport};
use snapback_reference_server::{ReferenceServer, Switches};
use support::course::Course;
use support::disk::{self, DOMAIN, Folder, outcome, settled};
use support::dns::NameServer;
use support::watched::Watch;

/// Finds its server by the DNS.
fn by_dns(server: &ReferenceServer, folder: &Folder, dns: &NameServer) -> ClientConfig {
    let mut config = disk::config(server, folder.store());
    config.network.servers = Vec::new();
    config.network.name_servers = NameServers::Given(vec![dns.addr]);
    config
}

/// Stores what an earlier process would have: this address, looked up at this time.
fn knowing(folder: &Folder, addr: SocketAddr, stored_at: UnixTime) {
    let known = KnownEndpoints {
        endpoints: vec![Endpoint {
            host: "localhost".to_owned(),
            addr,
            transport: Transport::DirectTls,
            priority: 1,
            source: EndpointSource::Srv,
        }],
        stored_at,
        expires_at: UnixTime(stored_at.0 + 3600),
    };
    folder.store().set_endpoints(DOMAIN, &known).unwrap();
}

fn now() -> UnixTime {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    UnixTime(since.unwrap().as_secs() as i64)
}

fn remembered(folder: &Folder) -> KnownEndpoints {
    folder.store().endpoints(DOMAIN).unwrap().unwrap()
}

#[tokio::test]
async fn s10_a_new_process_connects_without_asking_the_dns() {
    let server = disk::server(Switches::modern()).await;
    let dns = NameServer::start(server.direct_addr().port()).await;
    let folder = Folder::new();
    let client = Client::open(by_dns(&server, &folder, &dns)).unwrap();
    client.connect();
    settled(&client).await;
    assert!(dns.queries() >= 2, "one for each transport");
    client.suspend().await;
    drop(client);

    let asked = dns.queries();
    let client = Client::open(by_dns(&server, &folder, &dns)).unwrap();
    client.connect();
    let course = settled(&client).await;
    assert_eq!(course.online, [Outcome::Resumed]);
    assert_eq!(course.round_trips, [3]);
    assert_eq!(dns.queries(), asked, "S10");
}

#[tokio::test]
async fn s10_a_stale_answer_is_used_first_and_refreshed_after() {
    let server = disk::server(Switches::modern()).await;
    let dns = NameServer::start(server.direct_addr().port()).await;
    let folder = Folder::new();
    let expired = UnixTime(now().0 - 2 * 3600);
    knowing(&folder, server.direct_addr(), expired);
    let client = Client::open(by_dns(&server, &folder, &dns)).unwrap();
    client.connect();
    settled(&client).await;
    // The refresh may still be in progress.
    for _ in 0..600 {
        if dns.queries() >= 2 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    settle_again(&client).await;
    client.suspend().await;
    assert!(remembered(&folder).stored_at.0 > expired.0);
}

/// Does one more round trip, so that what was looked up meanwhile is stored.
async fn settle_again(client: &Client) {
    let id = client
        .send_message("romeo@example.org", "again")
        .await
        .unwrap();
    let mut course = Course::default();
    let acked = |course: &Course| course.acked.contains(&id);
    support::course::follow(client, &mut course, &mut { acked }, "acked").await;
}

#[tokio::test]
async fn s10_a_dead_address_is_replaced() {
    let server = disk::server(Switches::modern()).await;
    let dns = NameServer::start(server.direct_addr().port()).await;
    let folder = Folder::new();
    let dead = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = dead.local_addr().unwrap();
    drop(dead);
    knowing(&folder, addr, now());
    let client = Client::open(by_dns(&server, &folder, &dns)).unwrap();
    client.connect();
    settled(&client).await;
    client.suspend().await;
    let ports = remembered(&folder).endpoints;
    assert!(!ports.is_empty() && ports.iter().all(|one| one.addr.port() != addr.port()));
}

/// An address of our server may belong to another server later: that server answers, and with a valid TTL left it would
/// be tried for days.
#[tokio::test]
async fn s10_an_address_of_another_server_is_replaced() {
    let server = disk::server(Switches::modern()).await;
    let dns = NameServer::start(server.direct_addr().port()).await;
    let stranger = disk::server(Switches::modern()).await;
    let folder = Folder::new();
    knowing(&folder, stranger.direct_addr(), now());
    let client = Client::open(by_dns(&server, &folder, &dns)).unwrap();
    client.connect();
    let course = settled(&client).await;
    assert_eq!(course.ends.len(), 1, "T1: {:?}", course.ends);
    client.suspend().await;
    let port = server.direct_addr().port();
    let known = remembered(&folder).endpoints;
    assert!(known.iter().all(|one| one.addr.port() == port));
}

#[tokio::test]
async fn s10_without_an_answer_a_failed_address_is_tried_again() {
    let server = disk::server(Switches::modern()).await;
    let folder = Folder::new();
    // The address does not answer at first, and neither does the DNS.
    let silent = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let addr = silent.local_addr().unwrap();
    knowing(&folder, addr, now());
    let target = server.direct_addr();
    tokio::spawn(async move {
        let mut refused = 0;
        while let Ok((mut socket, _)) = silent.accept().await {
            if refused < 2 {
                refused += 1;
                continue;
            }
            tokio::spawn(async move {
                let mut onward = tokio::net::TcpStream::connect(target).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut socket, &mut onward).await;
            });
        }
    });
    let silent = std::net::UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let mut config = disk::config(&server, folder.store());
    config.network.servers = Vec::new();
    config.network.name_servers = NameServers::Given(vec![silent.local_addr().unwrap()]);
    let client = Client::open(config).unwrap();
    client.connect();
    assert_eq!(outcome(&client).await, Outcome::Bound);
}

#[tokio::test]
async fn s9_caps_that_are_known_save_the_question_at_another_endpoint() {
    for switches in [Switches::modern(), Switches::stock_prosody()] {
        let server = disk::server(switches).await;
        let folder = Folder::new();
        let direct = ServerAddress::at(server.direct_addr(), Transport::DirectTls);
        let starttls = ServerAddress::at(server.starttls_addr(), Transport::StartTls);
        assert_eq!(questions(&server, &folder, &direct).await, 1, "S9: cold");
        // First everything about the endpoint is removed; then another endpoint is used, about which nothing was
        // stored.
        let key = ServerKey {
            host: direct.host.clone(),
            port: direct.port,
            transport: direct.transport,
        };
        folder.store().apply(&key, &[Op::ForgetServer]).unwrap();
        for address in [direct, starttls] {
            let asked = questions(&server, &folder, &address).await;
            assert_eq!(asked, 0, "S9: {address:?}");
        }
    }
}

/// Returns how often a new session at this endpoint asks the server for its features.
async fn questions(server: &ReferenceServer, folder: &Folder, address: &ServerAddress) -> usize {
    let (store, seen) = Watch::over(folder.store());
    let mut config = disk::config(server, store);
    config.network.servers = vec![address.clone()];
    let client = Client::open(config).unwrap();
    client.connect();
    let course = settled(&client).await;
    assert_eq!(course.online, [Outcome::Bound]);
    client.disconnect().await;
    client.suspend().await;
    seen.lock().unwrap().requests("disco#info")
}
