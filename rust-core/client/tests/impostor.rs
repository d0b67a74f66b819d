//! Rule S3: a server with another key and a certificate mis-issued by a trusted authority learns neither the SM-ID nor
//! what is queued: it could take over the session at the real server, where the SM-ID is sufficient.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use snapback_client::proto::error::{ConnectionError, PeerError};
use snapback_client::{
    Client, ClientConfig, Dial, Dialing, EndReason, LinkError, Outcome, Policy, ServerAddress,
    Transport, Trust, danger,
};
use snapback_reference_server::{Config, ReferenceServer, Switches};
use support::course::{Course, PASSWORD, follow, hasty};

/// Connects to whichever server has the address at present.
#[derive(Clone)]
struct Hijacked(Arc<Mutex<SocketAddr>>);

impl Dial for Hijacked {
    fn dial(&self, _: SocketAddr) -> Dialing {
        let addr = *self.0.lock().unwrap();
        Box::pin(tokio::net::TcpStream::connect(addr))
    }
}

struct Stage {
    real: ReferenceServer,
    evil: ReferenceServer,
    client: Client,
    way: Hijacked,
    transport: Transport,
}

fn addr(server: &ReferenceServer, transport: Transport) -> SocketAddr {
    match transport {
        Transport::DirectTls => server.direct_addr(),
        Transport::StartTls => server.starttls_addr(),
    }
}

async fn server(switches: Switches, password: &str, seed: u64) -> ReferenceServer {
    let accounts = vec![("juliet".to_owned(), password.to_owned())];
    let config = Config {
        switches,
        accounts,
        seed,
        ..Config::default()
    };
    ReferenceServer::start(config).await.unwrap()
}

async fn stage(switches: Switches, transport: Transport, policy: Policy) -> Stage {
    let real = server(switches.clone(), PASSWORD, 1).await;
    // The impostor does not know the password.
    let evil = server(switches, "guess", 2).await;
    let way = Hijacked(Arc::new(Mutex::new(addr(&real, transport))));
    let mut config = ClientConfig::new("juliet@localhost", PASSWORD).unwrap();
    // Both authorities are trusted: the impostor's certificate is valid.
    let authorities = format!("{}\n{}", real.ca_pem(), evil.ca_pem());
    config.trust = Trust::Roots(danger::Roots::from_pem(authorities.as_bytes()).unwrap());
    config.network.servers = vec![ServerAddress::at(addr(&real, transport), transport)];
    config.network.dial = Arc::new(way.clone());
    config.policy = policy;
    hasty(&mut config);
    let client = Client::open(config).unwrap();
    Stage {
        real,
        evil,
        client,
        way,
        transport,
    }
}

impl Stage {
    fn lead_to(&self, server: &ReferenceServer) {
        *self.way.0.lock().unwrap() = addr(server, self.transport);
    }
}

async fn learns_nothing(switches: Switches, transport: Transport, policy: Policy) {
    let name = format!("{transport:?} {policy:?} sasl2 {}", switches.sasl2);
    let stage = stage(switches, transport, policy).await;
    let client = &stage.client;
    client.connect();
    let mut course = Course::default();
    let first = client.send_message("romeo@localhost", "one").await.unwrap();
    let acked = |course: &Course| course.acked.contains(&first);
    follow(client, &mut course, &mut { acked }, &name).await;
    let session = stage.real.sessions();
    let sm_id = session[0].sm_id.clone().unwrap();

    stage.lead_to(&stage.evil);
    stage.real.cut_all();
    let second = client
        .send_message("romeo@localhost", "secret")
        .await
        .unwrap();
    let mut course = Course::default();
    // First the cut, then the impostor's attempt.
    let met = |course: &Course| course.ends.len() >= 2;
    follow(client, &mut course, &mut { met }, &name).await;
    assert!(course.online.is_empty(), "{name}: {}", course.log);
    let evil = stage.evil.connections();
    assert!(!evil.is_empty());
    for record in &evil {
        assert!(
            record.tls.as_ref().is_some_and(|tls| !tls.resumed),
            "{name}: a full handshake with a valid certificate"
        );
        assert!(
            !record.previds.contains(&sm_id),
            "{name}: S3: the SM-ID was sent to an impostor: {:?}",
            record.elements()
        );
        assert!(record.outcome.is_none());
        for element in record.elements() {
            assert!(!matches!(element, "message" | "iq" | "presence"), "{name}");
        }
    }
    assert!(stage.evil.messages_from("juliet").is_empty());

    stage.lead_to(&stage.real);
    // If the refusal looked like a wrong password, the user has to confirm the next attempt.
    client.connect();
    let back = |course: &Course| course.acked.contains(&second);
    follow(client, &mut course, &mut { back }, &name).await;
    assert_eq!(course.online, [Outcome::Resumed], "{name}: {}", course.log);
}

fn no_early_data(switches: Switches) -> Switches {
    Switches {
        early_data: None,
        half_rtt: false,
        ..switches
    }
}

#[tokio::test]
async fn s3_an_impostor_learns_nothing_when_resume_before_sasl_is_remembered() {
    for transport in [Transport::DirectTls, Transport::StartTls] {
        learns_nothing(
            no_early_data(Switches::quickstart_2013()),
            transport,
            Policy::default(),
        )
        .await;
    }
}

#[tokio::test]
async fn s3_an_impostor_learns_nothing_from_sasl2() {
    for transport in [Transport::DirectTls, Transport::StartTls] {
        let switches = no_early_data(Switches::modern());
        learns_nothing(switches, transport, Policy::default()).await;
    }
}

/// The impostor accepts everything; only its proof is missing.
#[tokio::test]
async fn t4_an_impostor_that_says_success_is_left() {
    for switches in [
        no_early_data(Switches::modern()),
        no_early_data(Switches::quickstart_2013()),
    ] {
        let stage = stage(switches, Transport::DirectTls, Policy::default()).await;
        stage.evil.add_account("juliet", PASSWORD);
        stage.evil.faults(|faults| {
            faults.all = vec![snapback_reference_server::Fault::WrongScramSignature];
        });
        let client = &stage.client;
        stage.lead_to(&stage.evil);
        client.connect();
        let mut course = Course::default();
        let met = |course: &Course| !course.ends.is_empty();
        follow(client, &mut course, &mut { met }, "impostor").await;
        assert!(
            matches!(
                course.ends[0],
                EndReason::Link(LinkError::Connection(ConnectionError::Peer(
                    PeerError::Sasl(_)
                )))
            ),
            "{}",
            course.log
        );
        stage.lead_to(&stage.real);
        let back = |course: &Course| !course.online.is_empty();
        follow(client, &mut course, &mut { back }, "back").await;
        assert_eq!(course.online, [Outcome::Bound]);
    }
}
