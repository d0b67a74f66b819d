//! Finding the server: the platform's answers, dead addresses, cached names.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code: what goes wrong should stop the test"
)]

mod support;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use snapback_client::resolver::{
    LookupError, NameServers, QueryOutcome, Source, SrvRecord, System, SystemHosts,
};
use snapback_client::{
    Client, ConnectFailure, Dial, DialError, DialFate, Dialing, EndReason, Event, Outcome,
    PlatformAnswer, PlatformRequest, RecordType, ServerAddress, TcpDial, Transport,
};
use snapback_reference_server::Switches;
use support::Setup;
use tokio::sync::{Semaphore, mpsc};

const RTT: Duration = Duration::from_millis(2);

/// Returns a loopback port on which nothing listens.
fn dead() -> SocketAddr {
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.local_addr().unwrap()
}

/// Answers the platform's queries without end, and returns what was asked for, when it is dropped.
async fn answer(client: &Client, answer: impl Fn(&str, RecordType) -> PlatformAnswer) {
    while let Some(request) = client.next_platform_request().await {
        if let PlatformRequest::Query(asked) = request {
            client.answer(asked.id, answer(&asked.name, asked.records));
        }
    }
}

/// Direct TLS is on this port of the host `xmpp.example.org`.
fn records(name: &str, records: RecordType, port: u16) -> PlatformAnswer {
    match records {
        RecordType::Srv if name.starts_with("_xmpps-client.") => {
            let record = SrvRecord {
                priority: 1,
                weight: 1,
                port,
                target: "xmpp.example.org".to_owned(),
            };
            PlatformAnswer::Srv {
                records: vec![record],
                ttl: Some(Duration::from_secs(60)),
            }
        }
        RecordType::A => PlatformAnswer::Addresses {
            addresses: vec![Ipv4Addr::LOCALHOST.into()],
            ttl: None,
        },
        RecordType::Srv | RecordType::Aaaa => PlatformAnswer::NoRecords,
    }
}

/// The domain is `localhost`, and the platform resolves it.
async fn by_platform() -> Setup {
    on_system(System::Android10, SystemHosts::default()).await
}

async fn on_system(system: System, hosts: SystemHosts) -> Setup {
    Setup::with(Switches::modern(), Transport::DirectTls, RTT, |config| {
        config.network.servers = Vec::new();
        config.network.system = system;
        config.network.ask_platform = true;
        config.network.name_servers = NameServers::Given(vec![dead()]);
        config.network.system_hosts = hosts;
        config.network.dial = Arc::new(TcpDial);
    })
    .await
}

/// Waits for the session, while the platform answers.
async fn online(
    setup: &Setup,
    platform: impl Fn(&str, RecordType) -> PlatformAnswer,
) -> (Transport, Vec<(String, RecordType)>) {
    let asked = Mutex::new(Vec::new());
    setup.client.connect();
    let answers = answer(&setup.client, |name, records| {
        asked.lock().unwrap().push((name.to_owned(), records));
        platform(name, records)
    });
    let session = tokio::select! {
        session = setup.online() => session,
        () = answers => panic!("the client ended"),
    };
    (session.plan.transport, asked.into_inner().unwrap())
}

#[tokio::test]
async fn s10_the_platform_says_where_and_how() {
    for system in [System::Android10, System::Apple] {
        let setup = on_system(system, SystemHosts::default()).await;
        let port = setup.link.addr().port();
        let (transport, mut asked) = online(&setup, |name, kind| records(name, kind, port)).await;
        asked.sort_by_key(|(name, kind)| (name.clone(), format!("{kind:?}")));
        let asked: Vec<(&str, RecordType)> = asked.iter().map(|it| (it.0.as_str(), it.1)).collect();
        assert_eq!(
            asked,
            [
                ("_xmpp-client._tcp.localhost", RecordType::Srv),
                ("_xmpps-client._tcp.localhost", RecordType::Srv),
                ("xmpp.example.org", RecordType::A),
                ("xmpp.example.org", RecordType::Aaaa),
            ]
        );
        assert_eq!(transport, Transport::DirectTls);
    }
}

/// A host that the platform cannot look up is looked up by `getaddrinfo`; on Android 10 it is not.
#[tokio::test]
async fn s10_the_next_source_is_asked_when_the_platform_cannot_answer() {
    static THREADS: Semaphore = Semaphore::const_new(2);
    let hosts = || SystemHosts::asking(|_| Ok(vec![Ipv4Addr::LOCALHOST.into()]), &THREADS);
    let only_services = |port| {
        move |name: &str, kind| match kind {
            RecordType::Srv => records(name, kind, port),
            _ => PlatformAnswer::Unable,
        }
    };
    let setup = on_system(System::Apple, hosts()).await;
    let port = setup.link.addr().port();
    let (transport, _) = online(&setup, only_services(port)).await;
    assert_eq!(transport, Transport::DirectTls);

    let setup = on_system(System::Android10, hosts()).await;
    setup.client.connect();
    let platform = only_services(setup.link.addr().port());
    let event = tokio::select! {
        event = setup.event(|event| matches!(event, Event::Ended { .. })) => event,
        () = answer(&setup.client, platform) => panic!("the client ended"),
    };
    let Event::Ended { reason, .. } = event else {
        unreachable!("asked for above")
    };
    assert!(matches!(reason, EndReason::Dial(_)), "{reason:?}");
}

/// Android returns complete DNS messages.
#[tokio::test]
async fn s10_the_platforms_word_may_be_a_message_of_the_dns() {
    let setup = by_platform().await;
    let port = setup.link.addr().port();
    let (transport, _) = online(&setup, |name, kind| match kind {
        RecordType::Srv => PlatformAnswer::Message(dns_message(name, port)),
        _ => records(name, kind, port),
    })
    .await;
    assert_eq!(transport, Transport::DirectTls);
}

/// A look-up that gets no answer, as through a lost network, ends with that network; meanwhile the store and the app's
/// calls continue.
#[tokio::test]
async fn s11_a_look_up_that_hangs_is_abandoned_when_the_network_changes() {
    static THREADS: Semaphore = Semaphore::const_new(2);
    let (begun, mut begins) = mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (asked, released) = (AtomicU32::new(0), Mutex::new(released));
    let hosts = SystemHosts::asking(
        move |host| {
            begun.send(host.to_owned()).unwrap();
            if asked.fetch_add(1, Ordering::Relaxed) == 0 {
                // Until the test ends.
                let _ = released.lock().unwrap().recv();
            }
            Ok(vec![Ipv4Addr::LOCALHOST.into()])
        },
        &THREADS,
    );
    let setup = Setup::with(Switches::modern(), Transport::DirectTls, RTT, |config| {
        config.network.servers[0].host = "xmpp.example.org".to_owned();
        config.network.dial = Arc::new(TcpDial);
        config.network.system_hosts = hosts;
    })
    .await;
    setup.client.connect();
    assert_eq!(begins.recv().await.unwrap(), "xmpp.example.org");
    let sent = setup.client.send_message("romeo@localhost", "hi").await;
    assert!(sent.is_ok(), "stored while the look-up hangs");
    setup.client.network_changed(true);
    let session = setup.online().await;
    assert_eq!(session.plan.transport, Transport::DirectTls);
    assert_eq!(begins.recv().await.unwrap(), "xmpp.example.org");
    drop(release);
}

/// Returns one record for direct TLS, and no such name for STARTTLS.
fn dns_message(name: &str, port: u16) -> Vec<u8> {
    let is_direct = name.starts_with("_xmpps-client.");
    let labels = |name: &str| {
        let labels = name.split('.');
        let mut bytes: Vec<u8> = labels
            .flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat())
            .collect();
        bytes.push(0);
        bytes
    };
    let (code, answers) = if is_direct { (0, 1) } else { (3, 0) };
    let mut message = vec![0xca, 0xfe, 0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0];
    message.extend(labels(name));
    message.extend([0, 33, 0, 1]);
    if is_direct {
        let target = labels("xmpp.example.org");
        let length = u8::try_from(target.len() + 6).unwrap();
        message.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, length]);
        message.extend([0, 5, 0, 0]);
        message.extend(port.to_be_bytes());
        message.extend(target);
    }
    message
}

/// The timeline names who was asked, with which result, and each address.
#[tokio::test]
async fn the_report_of_a_dial_says_who_answered_and_what_became_of_each_address() {
    let setup = by_platform().await;
    let port = setup.link.addr().port();
    setup.client.connect();
    let platform = |name: &str, kind| match kind {
        RecordType::Srv if name.starts_with("_xmpp-client.") => PlatformAnswer::Unable,
        _ => records(name, kind, port),
    };
    let event = tokio::select! {
        event = setup.event(|event| matches!(event, Event::Online { .. })) => event,
        () = answer(&setup.client, platform) => panic!("the client ended"),
    };
    let Event::Online { dial, .. } = event else {
        unreachable!("asked for above")
    };
    let queries: Vec<(&str, Source, QueryOutcome)> = dial
        .queries
        .iter()
        .map(|it| (it.query.name.as_str(), it.query.source, it.query.outcome))
        .collect();
    let failed = QueryOutcome::Failed(LookupError::ServerFailure);
    for expected in [
        (
            "_xmpps-client._tcp.localhost",
            Source::Platform,
            QueryOutcome::Found(1),
        ),
        ("_xmpp-client._tcp.localhost", Source::Platform, failed),
    ] {
        assert!(queries.contains(&expected), "{queries:?}");
    }
    let addresses: Vec<(&str, DialFate)> = dial
        .addresses
        .iter()
        .map(|it| (it.endpoint.host.as_str(), it.fate))
        .collect();
    assert_eq!(addresses, [("xmpp.example.org", DialFate::Used)]);
}

#[tokio::test]
async fn s10_a_known_address_is_used_without_asking_again() {
    let setup = by_platform().await;
    let port = setup.link.addr().port();
    online(&setup, |name, kind| records(name, kind, port)).await;
    setup.settle().await;
    setup.cut();
    // The platform does not answer now; a second request would have to wait for its timeout.
    let again = setup.online().await;
    assert_eq!(again.outcome, Outcome::Resumed);
    assert_eq!(again.timeline.round_trips(), 3);
}

#[tokio::test]
async fn s10_a_dead_address_does_not_keep_a_live_one_waiting() {
    let mut live = None;
    let setup = Setup::with(Switches::modern(), Transport::DirectTls, RTT, |config| {
        live = config.network.servers.first().cloned();
        config
            .network
            .servers
            .insert(0, ServerAddress::at(dead(), Transport::DirectTls));
        config.network.dial = Arc::new(TcpDial);
    })
    .await;
    setup.client.connect();
    let session = setup.online().await;
    assert_eq!(session.outcome, Outcome::Bound);
}

#[tokio::test]
async fn no_address_at_all_is_a_typed_error_and_tried_again() {
    let setup = Setup::with(Switches::modern(), Transport::DirectTls, RTT, |config| {
        config.network.servers = vec![ServerAddress::at(dead(), Transport::DirectTls)];
        config.network.dial = Arc::new(TcpDial);
    })
    .await;
    fails_twice_with(&setup, ErrorKind::ConnectionRefused).await;
}

/// Connects; two attempts end, each because its only address failed in this way.
async fn fails_twice_with(setup: &Setup, kind: ErrorKind) {
    setup.client.connect();
    for _ in 0..2 {
        let event = setup
            .event(|event| matches!(event, Event::Ended { .. }))
            .await;
        let Event::Ended { reason, dial, .. } = event else {
            unreachable!("asked for above")
        };
        assert_eq!(reason, EndReason::Dial(DialError::Connect(vec![kind])));
        // Once as a known address, and once more after it was looked up again.
        let failed = DialFate::Failed(ConnectFailure::Network(kind));
        let mut fates = dial.addresses.iter().map(|dialed| dialed.fate);
        assert!(!dial.addresses.is_empty() && fates.all(|fate| fate == failed));
    }
}

/// A faulty dialer of the app.
struct Faulty;

impl Dial for Faulty {
    fn dial(&self, _: SocketAddr) -> Dialing {
        panic!("the app's own fault")
    }
}

#[tokio::test]
async fn t10_a_dialer_that_panics_has_failed_and_takes_nothing_along() {
    let setup = Setup::with(Switches::modern(), Transport::DirectTls, RTT, |config| {
        config.network.dial = Arc::new(Faulty);
    })
    .await;
    fails_twice_with(&setup, ErrorKind::Other).await;
}

#[tokio::test]
async fn s10_a_port_that_accepts_and_does_not_speak_tls_is_passed_over() {
    let silent = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let port = silent.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = silent.accept().await {
            drop(socket);
        }
    });
    let setup = Setup::with(Switches::modern(), Transport::DirectTls, RTT, |config| {
        config
            .network
            .servers
            .insert(0, ServerAddress::at(port, Transport::DirectTls));
        config.network.dial = Arc::new(TcpDial);
    })
    .await;
    setup.client.connect();
    assert_eq!(setup.online().await.outcome, Outcome::Bound);
}
