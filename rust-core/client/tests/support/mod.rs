//! A client, a link and the reference server, for tests.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "test code: each file uses its own part, and a failure should stop the test"
)]

pub mod course;
pub mod disk;
pub mod dns;
pub mod tap;
pub mod watched;

use std::sync::Arc;
use std::time::Duration;

use snapback_client::{
    Client, ClientConfig, Dial, Event, Outcome, Plan, ServerAddress, Timeline, Transport, Trust,
    danger,
};
use snapback_netsim::{CutMode, Link, LinkConfig};
use snapback_reference_server::{Config, ReferenceServer, Switches};

/// The timeout of all waits: anything that takes longer is broken.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(60);

/// Features without the optimisations of XEP-0305, so that each step has a flight of its own.
pub fn plain() -> Switches {
    Switches {
        early_data: None,
        pipelining: false,
        unprompted_restart: false,
        sm_before_sasl: false,
        ..Switches::modern()
    }
}

pub struct Setup {
    pub server: ReferenceServer,
    pub link: Arc<Link>,
    pub client: Client,
}

/// Makes the server drop the session, once it has noticed that its client is gone.
pub async fn forget_session(server: &ReferenceServer) {
    let wait = async {
        while server.sessions().iter().any(|it| it.connection.is_some()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(TIMEOUT, wait)
        .await
        .expect("a server that notices");
    server.forget_sessions("juliet");
}

pub struct LinkDial(pub Arc<Link>);

impl Dial for LinkDial {
    fn dial(&self, _: std::net::SocketAddr) -> snapback_client::Dialing {
        let link = Arc::clone(&self.0);
        Box::pin(async move { link.connect().await })
    }
}

pub struct Session {
    pub outcome: Outcome,
    pub plan: Plan,
    pub timeline: Timeline,
}

impl Setup {
    pub async fn new(switches: Switches, transport: Transport, rtt: Duration) -> Self {
        Self::with(switches, transport, rtt, |_| {}).await
    }

    pub async fn with(
        switches: Switches,
        transport: Transport,
        rtt: Duration,
        change: impl FnOnce(&mut ClientConfig),
    ) -> Self {
        let accounts = vec![
            ("juliet".to_owned(), "r0m30".to_owned()),
            ("romeo".to_owned(), "jul13t".to_owned()),
        ];
        let server = ReferenceServer::start(Config {
            switches,
            accounts,
            ..Config::default()
        })
        .await
        .unwrap();
        let upstream = match transport {
            Transport::DirectTls => server.direct_addr(),
            Transport::StartTls => server.starttls_addr(),
        };
        let link = Arc::new(
            Link::start(LinkConfig::with_rtt(rtt), upstream)
                .await
                .unwrap(),
        );
        let mut config = ClientConfig::new("juliet@localhost", "r0m30").unwrap();
        config.trust = Trust::Roots(danger::Roots::from_pem(server.ca_pem().as_bytes()).unwrap());
        config.network.servers = vec![ServerAddress::at(link.addr(), transport)];
        config.network.dial = Arc::new(LinkDial(Arc::clone(&link)));
        change(&mut config);
        let client = Client::open(config).unwrap();
        Self {
            server,
            link,
            client,
        }
    }

    /// Waits for the next session.
    pub async fn online(&self) -> Session {
        let wait = async {
            while let Some(event) = self.client.next_event().await {
                if let Event::Ended { reason, .. } = &event {
                    println!("ended: {reason:?}");
                }
                if let Event::Online {
                    outcome,
                    plan,
                    timeline,
                    ..
                } = event
                {
                    return Session {
                        outcome,
                        plan,
                        timeline,
                    };
                }
            }
            panic!("the client ended");
        };
        tokio::time::timeout(TIMEOUT, wait)
            .await
            .expect("a session")
    }

    /// A cold login, a resumption after a cut, and a new session after a clean end.
    pub async fn three_logins(&self) -> [Session; 3] {
        self.client.connect();
        let cold = self.online().await;
        self.settle().await;
        self.cut();
        let resumed = self.online().await;
        self.settle().await;
        self.client.disconnect().await;
        self.client.connect();
        [cold, resumed, self.online().await]
    }

    pub async fn event(&self, mut is_it: impl FnMut(&Event) -> bool) -> Event {
        let wait = async {
            while let Some(event) = self.client.next_event().await {
                if is_it(&event) {
                    return event;
                }
            }
            panic!("the client ended");
        };
        tokio::time::timeout(TIMEOUT, wait)
            .await
            .expect("the event")
    }

    /// Cuts the connection so that only the client notices at first, as on a phone.
    pub fn cut(&self) {
        self.link.cut(CutMode::ResetClient);
    }

    /// Waits until everything that was sent is acknowledged, so that what was learned is stored.
    pub async fn settle(&self) {
        let id = self
            .client
            .send_message("romeo@localhost", "settle")
            .await
            .unwrap();
        self.event(|event| {
            matches!(event, Event::Stage { id: acked, stage: snapback_client::Stage::Acked } if *acked == id)
        })
        .await;
    }
}
