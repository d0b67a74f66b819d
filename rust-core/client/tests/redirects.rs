//! T8: `see-other-host` is followed inside TLS, three times, and never in the clear.
#![allow(clippy::unwrap_used, reason = "a test that goes wrong should stop")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use snapback_client::{ServerAddress, TcpDial, Transport};
use snapback_reference_server::{Action, Fault, Point};
use support::course::{self, Course, PASSWORD};
use support::{Setup, plain};
use tokio::net::TcpListener;

#[tokio::test]
async fn t8_see_other_host_is_followed_three_times_after_tls() {
    let setup = Setup::hasty(plain(), Transport::DirectTls).await;
    let here = setup.link.addr().to_string();
    setup.server.faults(|faults| {
        faults.all = vec![Fault::At(Point::Login, Action::SeeOtherHost(here.clone()))];
    });
    setup.client.connect();
    tokio::time::sleep(Duration::from_millis(400)).await;
    let busy = setup.connections().len();
    assert!(busy <= 12, "{busy} connections in 400 ms: a busy loop");
    setup.server.faults(|faults| faults.all.clear());
    let ids = setup.send_some(1).await;
    let mut course = Course::default();
    setup
        .follow(&mut course, |course| course.has_acked(&ids), "back")
        .await;
    setup.assert_delivered_once(&ids, "see-other-host");
}

/// Counts connections, and closes each.
async fn trap() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let count = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            drop(socket);
        }
    });
    (addr, count)
}

async fn trapped(point: Point) -> usize {
    let (addr, count) = trap().await;
    let server = Setup::hasty(plain(), Transport::StartTls).await;
    server.next_connection(Fault::At(point, Action::SeeOtherHost(addr.to_string())));
    let upstream = server.server.starttls_addr();
    let (client, _link) = Setup::another(
        &server.server,
        "juliet@localhost",
        PASSWORD,
        Transport::StartTls,
        |config| {
            config.network.dial = Arc::new(TcpDial);
            config.network.servers = vec![ServerAddress::at(upstream, Transport::StartTls)];
        },
    )
    .await;
    client.connect();
    let mut course = Course::default();
    course::follow(
        &client,
        &mut course,
        &mut |course| !course.online.is_empty(),
        "back home",
    )
    .await;
    count.load(Ordering::SeqCst)
}

#[tokio::test]
async fn t8_see_other_host_counts_only_after_tls() {
    assert_eq!(trapped(Point::Login).await, 1, "after TLS it is followed");
    assert_eq!(
        trapped(Point::CleartextFeatures).await,
        0,
        "in the clear anyone can send it"
    );
}
