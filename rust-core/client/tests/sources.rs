//! Which sources are asked for names, with a real name server.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

use snapback_client::resolver::{NameServers, PrivateDns, ResolveError, System, SystemHosts};
use snapback_client::{
    Client, ClientConfig, DialError, EndReason, Event, MemoryStore, Outcome, PlatformAnswer,
    PlatformRequest,
};
use snapback_reference_server::{ReferenceServer, Switches};
use support::disk::{self, outcome};
use support::dns::NameServer;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// Finds its server by this name server, as on this system.
fn on_system(system: System, server: &ReferenceServer, dns: &NameServer) -> ClientConfig {
    let mut config = disk::config(server, MemoryStore::default());
    config.network.servers = Vec::new();
    config.network.system = system;
    config.network.name_servers = NameServers::Given(vec![dns.addr]);
    config
}

/// Every thread for `getaddrinfo` hangs, as after networks without an answer: the name servers of the network are
/// queried meanwhile.
#[tokio::test]
async fn s11_threads_that_hang_delay_a_login_by_one_head_start() {
    static THREADS: Semaphore = Semaphore::const_new(1);
    let server = disk::server(Switches::modern()).await;
    let dns = NameServer::start(server.direct_addr().port()).await;
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Mutex::new(released);
    let hang = move |_: &str| {
        let _ = released.lock().unwrap().recv();
        Ok(Vec::new())
    };
    let mut config = on_system(System::Android7, &server, &dns);
    config.network.system_hosts = SystemHosts::asking(hang, &THREADS);
    let client = Client::open(config).unwrap();
    let start = Instant::now();
    client.connect();
    assert_eq!(outcome(&client).await, Outcome::Bound);
    assert!(start.elapsed() < Duration::from_secs(2));
    drop(release);
}

/// The name server speaks no TLS: with strict Private DNS it learns nothing, and otherwise it is the last that is asked.
#[tokio::test]
async fn private_dns_decides_whether_a_name_server_is_asked_in_cleartext() {
    let server = disk::server(Switches::modern()).await;
    let strict = || PrivateDns::Strict("dns.example.org".to_owned());
    for (system, private_dns, is_asked) in [
        (System::Android10, strict(), false),
        (System::Android10, PrivateDns::Opportunistic, true),
        (System::Android10, PrivateDns::Off, true),
        (System::Android9, strict(), false),
        (System::Android9, PrivateDns::Opportunistic, true),
        (System::Android7, strict(), true),
        (System::Apple, PrivateDns::Off, false),
    ] {
        let dns = NameServer::start(server.direct_addr().port()).await;
        let mut config = on_system(system, &server, &dns);
        config.network.ask_platform = true;
        let none = || std::io::Error::other("no such host");
        static THREADS: Semaphore = Semaphore::const_new(16);
        config.network.system_hosts = SystemHosts::asking(move |_| Err(none()), &THREADS);
        let client = Client::open(config).unwrap();
        client.set_private_dns(private_dns.clone());
        client.connect();
        let unable = async {
            while let Some(request) = client.next_platform_request().await {
                if let PlatformRequest::Query(asked) = request {
                    client.answer(asked.id, PlatformAnswer::Unable);
                }
            }
        };
        let end = async {
            loop {
                match client.next_event().await.unwrap() {
                    Event::Online { .. } => break true,
                    Event::Ended { .. } => break false,
                    _ => {}
                }
            }
        };
        tokio::select! {
            _ = end => {}
            () = unable => panic!("the client ended"),
        }
        assert_eq!(dns.queries() > 0, is_asked, "{system:?} {private_dns:?}");
    }
}

/// The platform takes the queries and never answers; the name server does, after the head start.
#[tokio::test]
async fn a_platform_that_is_slower_than_the_next_source_is_cancelled() {
    let server = disk::server(Switches::modern()).await;
    let dns = NameServer::start(server.direct_addr().port()).await;
    let mut config = on_system(System::Android10, &server, &dns);
    config.network.ask_platform = true;
    let client = Client::open(config).unwrap();
    client.connect();
    let mut taken = HashSet::new();
    let cancelled = async {
        loop {
            match client.next_platform_request().await.unwrap() {
                PlatformRequest::Query(asked) => assert!(taken.insert(asked.id)),
                PlatformRequest::Cancel(id) => {
                    assert!(taken.remove(&id));
                    if taken.is_empty() {
                        break;
                    }
                }
            }
        }
    };
    let (outcome, ()) = tokio::join!(outcome(&client), cancelled);
    assert_eq!(outcome, Outcome::Bound);
    assert!(dns.queries() > 0);
}

/// The platform is sure that there is no such name: no name server is asked, and no other name for the host.
#[tokio::test]
async fn a_denial_of_the_platform_is_the_answer() {
    let server = disk::server(Switches::modern()).await;
    let dns = NameServer::start(server.direct_addr().port()).await;
    let mut config = on_system(System::Android10, &server, &dns);
    config.network.ask_platform = true;
    let client = Client::open(config).unwrap();
    client.connect();
    let denial = async {
        while let Some(request) = client.next_platform_request().await {
            if let PlatformRequest::Query(asked) = request {
                client.answer(asked.id, PlatformAnswer::NoRecords);
            }
        }
    };
    let end = async {
        loop {
            if let Event::Ended { reason, .. } = client.next_event().await.unwrap() {
                break reason;
            }
        }
    };
    let reason = tokio::select! {
        reason = end => reason,
        () = denial => panic!("the client ended"),
    };
    let expected = EndReason::Dial(DialError::Resolve(ResolveError::NoSuchDomain));
    assert_eq!(reason, expected);
    assert_eq!(dns.queries(), 0);
}
