//! The table of round trips as data, and how a row of it is measured: cold, resumed after a cut, and warm after a clean
//! end, by one client on one link.
#![allow(
    clippy::expect_used,
    reason = "test support: what cannot be set up must fail the test"
)]

use std::time::Duration;

use snapback_client::{Transport, proto::time::Instant};
use snapback_netsim::{Chunk, CutMode, Direction};
use snapback_reference_server::{Config, ReferenceServer, Switches, TlsVersions};

use crate::phone::{Endpoint, Phone, Session};
use crate::{Account, Credentials, Flavour, RunningServer, ServerConfig, start_or_skip};

/// A row of the table.
#[derive(Debug, Clone)]
pub struct Case {
    /// The name of the row.
    pub name: &'static str,
    /// The server.
    pub host: Host,
    /// How TLS begins.
    pub transport: Transport,
    /// Whether the app allows early data.
    pub early_data: bool,
    /// The flights that each kind of login may take.
    pub flights: Flights,
}

/// The flights of a row: at most this many cold, exactly this many otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Flights {
    /// Without stored facts.
    pub cold: usize,
    /// A new session of a client with stored facts.
    pub warm: usize,
    /// The interrupted session.
    pub resumed: usize,
}

/// The server of a row.
#[derive(Debug, Clone)]
pub enum Host {
    /// A real one.
    Real(ServerConfig),
    /// The reference server.
    Reference(Box<Switches>),
}

/// The server of a row, running.
#[derive(Debug)]
pub enum RunningHost {
    /// A real one.
    Real(Box<RunningServer>),
    /// The reference server.
    Reference(ReferenceServer),
}

/// One measurement of a row.
#[derive(Debug, Clone)]
pub struct Row {
    /// Without stored facts.
    pub cold: Login,
    /// A new session of a client with stored facts.
    pub warm: Login,
    /// The interrupted session.
    pub resumed: Login,
}

/// One login, with what the link saw of it.
#[derive(Debug, Clone)]
pub struct Login {
    /// The client's report.
    pub session: Session,
    /// Bytes sent and received in each flight.
    pub bytes: Vec<(usize, usize)>,
}

impl Login {
    /// Returns the flights, as the client counted them.
    #[must_use]
    pub fn flights(&self) -> usize {
        self.session.timeline.round_trips()
    }

    /// Returns the time from the first packet to the session, in round trips.
    #[must_use]
    pub fn wall(&self, rtt: Duration) -> f64 {
        let took = self.session.timeline.took().unwrap_or_default();
        took.as_secs_f64() / rtt.as_secs_f64()
    }

    fn of(session: Session, link: &[Chunk], rtt: Duration) -> Self {
        let bytes = bytes_by_flight(&session, link, rtt);
        Self { session, bytes }
    }
}

impl Row {
    /// Returns the logins by name, in the order of the table.
    #[must_use]
    pub fn logins(&self) -> [(&'static str, &Login); 3] {
        [
            ("cold", &self.cold),
            ("warm", &self.warm),
            ("resumed", &self.resumed),
        ]
    }
}

const fn flights(cold: usize, warm: usize, resumed: usize) -> Flights {
    Flights {
        cold,
        warm,
        resumed,
    }
}

/// Returns the rows on real servers.
#[must_use]
pub fn real_cases() -> Vec<Case> {
    use Transport::{DirectTls, StartTls};
    let on = |name, flavour, transport, flights| Case {
        name,
        host: Host::Real(ServerConfig::new(flavour)),
        transport,
        early_data: false,
        flights,
    };
    vec![
        on(
            "Prosody as packaged, STARTTLS",
            Flavour::ProsodyStock,
            StartTls,
            flights(8, 6, 6),
        ),
        on(
            "Prosody as packaged, direct TLS",
            Flavour::ProsodyStock,
            DirectTls,
            flights(7, 5, 5),
        ),
        on(
            "Prosody with SASL2, Bind 2 and FAST, STARTTLS",
            Flavour::ProsodyModern,
            StartTls,
            flights(6, 4, 4),
        ),
        on(
            "Prosody with SASL2, Bind 2 and FAST, direct TLS",
            Flavour::ProsodyModern,
            DirectTls,
            flights(5, 3, 3),
        ),
        on(
            "Prosody with mod_quickstart, SCRAM, STARTTLS",
            Flavour::ProsodyQuickstart,
            StartTls,
            flights(6, 4, 3),
        ),
        on(
            "Prosody with mod_quickstart, SCRAM, direct TLS",
            Flavour::ProsodyQuickstart,
            DirectTls,
            flights(5, 4, 3),
        ),
        on(
            "Prosody with mod_quickstart, SASL2, Bind 2 and FAST, STARTTLS",
            Flavour::ProsodyModernQuickstart,
            StartTls,
            flights(6, 3, 3),
        ),
        on(
            "ejabberd with FAST, STARTTLS",
            Flavour::Ejabberd,
            StartTls,
            flights(6, 4, 4),
        ),
        on(
            "ejabberd with FAST, direct TLS",
            Flavour::Ejabberd,
            DirectTls,
            flights(5, 3, 3),
        ),
    ]
}

/// Returns the rows on the reference server: what no packaged server supports yet, and TLS 1.2.
#[must_use]
pub fn reference_cases() -> Vec<Case> {
    use Transport::{DirectTls, StartTls};
    let without_early_data = |switches: Switches| Switches {
        early_data: None,
        ..switches
    };
    let tls12 = |tickets| Switches {
        tls_versions: TlsVersions::Tls12,
        tls_tickets: tickets,
        early_data: None,
        pipelining: false,
        unprompted_restart: false,
        sm_before_sasl: false,
        ..Switches::modern()
    };
    let on = |name, switches, transport, early_data, flights| Case {
        name,
        host: Host::Reference(Box::new(switches)),
        transport,
        early_data,
        flights,
    };
    vec![
        on(
            "XEP-0305 with SCRAM, STARTTLS",
            without_early_data(Switches::quickstart_2013()),
            StartTls,
            false,
            flights(5, 4, 3),
        ),
        on(
            "XEP-0305 with FAST, STARTTLS",
            without_early_data(Switches::modern()),
            StartTls,
            false,
            flights(5, 3, 3),
        ),
        on(
            "early data, direct TLS",
            Switches::modern(),
            DirectTls,
            true,
            flights(5, 2, 2),
        ),
        on(
            "early data, STARTTLS",
            Switches::modern(),
            StartTls,
            true,
            flights(5, 2, 2),
        ),
        on(
            "TLS 1.2 without tickets, FAST, direct TLS",
            tls12(false),
            DirectTls,
            false,
            flights(6, 4, 4),
        ),
        on(
            "TLS 1.2 with tickets, FAST, direct TLS",
            tls12(true),
            DirectTls,
            false,
            flights(6, 3, 3),
        ),
    ]
}

impl RunningHost {
    /// Starts the server of a row; `None` where it is not available.
    ///
    /// # Panics
    ///
    /// If it should have started.
    pub async fn start(host: &Host) -> Option<Self> {
        match host {
            Host::Real(config) => start_or_skip(*config).map(|server| Self::Real(Box::new(server))),
            Host::Reference(switches) => {
                let accounts = vec![
                    ("juliet".to_owned(), "r0m30".to_owned()),
                    ("romeo".to_owned(), "jul13t".to_owned()),
                ];
                let server = ReferenceServer::start(Config {
                    switches: switches.as_ref().clone(),
                    accounts,
                    ..Config::default()
                });
                Some(Self::Reference(
                    server.await.expect("the reference server starts"),
                ))
            }
        }
    }

    /// Returns its address.
    #[must_use]
    pub fn endpoint(&self, transport: Transport) -> Endpoint {
        match self {
            Self::Real(server) => Endpoint::of(server, transport),
            Self::Reference(server) => Endpoint {
                addr: match transport {
                    Transport::DirectTls => server.direct_addr(),
                    Transport::StartTls => server.starttls_addr(),
                },
                transport,
                ca_pem: server.ca_pem().to_owned(),
            },
        }
    }

    /// Returns Juliet's credentials.
    #[must_use]
    pub fn juliet(&self) -> Credentials {
        match self {
            Self::Real(server) => server.account(Account::Juliet).clone(),
            Self::Reference(_) => Credentials {
                jid: "juliet@localhost".to_owned(),
                password: "r0m30".to_owned(),
            },
        }
    }
}

/// Measures a row once, with a client that has no stored facts at first.
///
/// # Panics
///
/// If a login fails.
pub async fn measure(case: &Case, host: &RunningHost, rtt: Duration) -> Row {
    let endpoint = host.endpoint(case.transport);
    let account = host.juliet();
    let myself = account.jid.clone();
    let mut phone = Phone::open(&endpoint, &account, rtt, |config| {
        config.policy.early_data = case.early_data;
    })
    .await;
    phone.client.connect();
    let cold = phone.online().await;
    let cold = Login::of(cold, &phone.link.trace(), rtt);
    phone.settle(&myself).await;
    phone.link.cut(CutMode::ResetClient);
    let resumed = phone.online().await;
    let resumed = Login::of(resumed, &phone.link.trace(), rtt);
    phone.settle(&myself).await;
    phone.client.disconnect().await;
    phone.client.connect();
    let warm = phone.online().await;
    let warm = Login::of(warm, &phone.link.trace(), rtt);
    phone.client.disconnect().await;
    Row {
        cold,
        warm,
        resumed,
    }
}

/// Returns the bytes each way in each flight of the last connection on the link.
///
/// The client's clock and the link's differ by a constant; the first write of the connection, which opens the second
/// flight, is there on both. Flights begin at least a round trip apart, so a quarter of one separates them safely.
fn bytes_by_flight(session: &Session, link: &[Chunk], rtt: Duration) -> Vec<(usize, usize)> {
    let last = link.iter().map(|chunk| chunk.conn).max();
    let chunks: Vec<&Chunk> = link
        .iter()
        .filter(|chunk| Some(chunk.conn) == last)
        .collect();
    let first = chunks
        .iter()
        .filter(|chunk| chunk.direction == Direction::ToServer)
        .map(|chunk| chunk.at)
        .min();
    let starts: Vec<Instant> = session
        .timeline
        .flights
        .iter()
        .map(|flight| flight.started)
        .collect();
    let (Some(first), Some(anchor)) = (first, starts.get(1)) else {
        return vec![(0, 0); starts.len()];
    };
    let mut bytes = vec![(0, 0); starts.len()];
    for chunk in chunks {
        let seen = match chunk.direction {
            Direction::ToServer => chunk.at + rtt / 4,
            Direction::ToClient => chunk.delivered.checked_sub(rtt / 4).unwrap_or(chunk.at),
        };
        let since = seen.saturating_duration_since(first);
        let flight = starts
            .iter()
            .rposition(|start| start.since(*anchor) <= since && *start >= *anchor)
            .unwrap_or(1);
        if let Some((sent, received)) = bytes.get_mut(flight) {
            match chunk.direction {
                Direction::ToServer => *sent += chunk.len,
                Direction::ToClient => *received += chunk.len,
            }
        }
    }
    bytes
}
