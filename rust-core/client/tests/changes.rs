//! A server that changes between two connections. What is remembered is a hint (rule T2): a wrong one costs at most the
//! flights of a cold login and one wasted connection, never a stanza, and never a weaker login.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use snapback_client::proto::error::{ConnectionError, PeerError};
use snapback_client::{EndReason, LinkError, OfflineReason, Outcome, Transport};
use snapback_reference_server::{
    Action, Direction, FastFailure, Fault, Layer, Mechanism, Point, Switches, TlsVersions,
};
use support::Setup;
use support::course::{Course, RTT, hasty};

const BOTH: [Transport; 2] = [Transport::DirectTls, Transport::StartTls];

/// Returns the flights of a login without stored facts, on a server with these switches.
async fn cold(switches: Switches, transport: Transport) -> usize {
    let setup = Setup::hasty(switches, transport).await;
    setup.client.connect();
    setup.online().await.timeline.round_trips()
}

struct Night {
    course: Course,
    setup: Setup,
    cold: usize,
}

/// How the first session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evening {
    /// The network broke: there is a session to resume.
    Cut,
    /// The app closed the stream.
    StreamClosed,
}

/// A session on the first server, a change, and the next connection.
async fn night(
    before: Switches,
    change: fn(&mut Switches),
    transport: Transport,
    evening: Evening,
) -> Night {
    let mut after = before.clone();
    change(&mut after);
    let cold = cold(after, transport).await;
    let setup = Setup::with(before, transport, RTT, |config| {
        hasty(config);
        config.policy.early_data = true;
    })
    .await;
    setup.client.connect();
    setup.online().await;
    let mut ids = setup.send_some(2).await;
    let mut course = Course::default();
    setup
        .follow(&mut course, |course| course.has_acked(&ids), "evening")
        .await;
    if evening == Evening::StreamClosed {
        setup.client.disconnect().await;
    }
    setup.server.switches(change);
    if evening == Evening::Cut {
        setup.cut();
    }
    ids.extend(setup.send_some(2).await);
    if evening == Evening::StreamClosed {
        setup.client.connect();
    }
    let mut course = Course::default();
    setup
        .follow(
            &mut course,
            |course| !course.online.is_empty() && course.has_acked(&ids[2..]),
            "morning",
        )
        .await;
    setup.assert_delivered_once(&ids, &course.log);
    course.ends.remove(0);
    Night {
        course,
        setup,
        cold,
    }
}

impl Night {
    /// Asserts at most one wasted connection, and that the successful one takes no more flights than a cold login.
    fn costs_at_most_one_connection(&self, name: &str) {
        assert!(self.course.ends.len() <= 1, "{name}: {}", self.course.log);
        let connections = self.setup.connections().len();
        assert!(
            connections <= 3,
            "{name}: {connections} connections\n{}",
            self.course.log
        );
        // A cold login binds, and may do so without a request for the session; a returning client has to ask for its
        // session first, which may take a flight for the features and one for the request. A refused request may cost
        // the flight in which it was made.
        let more = match self.course.online[0] {
            Outcome::Resumed => 2,
            Outcome::Bound | Outcome::Unannounced => 1,
        };
        assert!(
            self.course.round_trips[0] <= self.cold + more,
            "{name}: {} flights, cold {}\n{}",
            self.course.round_trips[0],
            self.cold,
            self.course.log
        );
    }
}

fn early_off(switches: &mut Switches) {
    switches.early_data = None;
    switches.half_rtt = false;
}

fn quickstart() -> Switches {
    let mut switches = Switches::quickstart_2013();
    early_off(&mut switches);
    switches
}

fn modern_without_early_data() -> Switches {
    let mut switches = Switches::modern();
    early_off(&mut switches);
    switches
}

fn sasl2_only() -> Switches {
    Switches {
        pipelining: false,
        unprompted_restart: false,
        sm_before_sasl: false,
        ..modern_without_early_data()
    }
}

async fn every_way(name: &str, before: fn() -> Switches, change: fn(&mut Switches)) {
    for transport in BOTH {
        for evening in [Evening::Cut, Evening::StreamClosed] {
            let name = format!("{name}, {transport:?}, {evening:?}");
            let night = night(before(), change, transport, evening).await;
            night.costs_at_most_one_connection(&name);
        }
    }
}

#[tokio::test]
async fn sasl2_is_gone() {
    let change: fn(&mut Switches) = |switches| {
        switches.sasl2 = false;
        switches.bind2 = false;
        switches.fast.clear();
    };
    every_way("SASL2 off", sasl2_only, change).await;
    every_way("SASL2 off, modern", Switches::modern, change).await;
}

#[tokio::test]
async fn sasl1_is_gone() {
    every_way("SASL1 off", sasl2_only, |switches| switches.sasl1 = false).await;
}

#[tokio::test]
async fn sasl2_is_new() {
    every_way("SASL2 on", quickstart, |switches| {
        *switches = Switches::modern();
    })
    .await;
}

#[tokio::test]
async fn fast_is_gone() {
    every_way("FAST off", sasl2_only, |switches| switches.fast.clear()).await;
    every_way("FAST off, modern", Switches::modern, |switches| {
        switches.fast.clear();
    })
    .await;
    every_way("FAST off, closes", Switches::modern, |switches| {
        switches.fast.clear();
        switches.fast_failure = FastFailure::StreamClosed;
    })
    .await;
}

#[tokio::test]
async fn bind2_is_gone() {
    every_way("Bind 2 off", sasl2_only, |switches| switches.bind2 = false).await;
}

#[tokio::test]
async fn stream_management_is_gone() {
    for before in [sasl2_only, quickstart, Switches::modern] {
        every_way("SM off", before, |switches| switches.sm = false).await;
    }
}

#[tokio::test]
async fn resumption_is_gone() {
    for before in [sasl2_only, quickstart] {
        every_way("resume off", before, |switches| switches.sm_resume = false).await;
    }
}

#[tokio::test]
async fn pipelining_is_gone() {
    for before in [quickstart, modern_without_early_data, Switches::modern] {
        every_way("pipelining off", before, |switches| {
            switches.pipelining = false;
            switches.unprompted_restart = false;
        })
        .await;
    }
}

#[tokio::test]
async fn resume_before_sasl_is_withdrawn() {
    for before in [quickstart, modern_without_early_data, Switches::modern] {
        every_way("sm before SASL off", before, |switches| {
            switches.sm_before_sasl = false;
        })
        .await;
    }
}

#[tokio::test]
async fn early_data_is_refused() {
    every_way("early data off", Switches::modern, early_off).await;
}

#[tokio::test]
async fn tickets_are_gone() {
    every_way("tickets off", Switches::modern, |switches| {
        switches.tls_tickets = false;
    })
    .await;
}

#[tokio::test]
async fn tls_1_3_is_gone() {
    every_way("TLS 1.2", Switches::modern, |switches| {
        switches.tls_versions = TlsVersions::Tls12;
    })
    .await;
    fn end_point() -> Switches {
        Switches {
            tls_exporter: false,
            tls_server_end_point: true,
            ..quickstart()
        }
    }
    every_way("TLS 1.2", end_point, |switches| {
        switches.tls_versions = TlsVersions::Tls12;
    })
    .await;
}

/// A login that was chosen from an outdated offer fails like a wrong password does. The user is not asked for a
/// password: the offer is read again first, and the real cause (it is weaker, here) is reported.
#[tokio::test]
async fn t2_an_outdated_channel_binding_is_no_wrong_password() {
    let sasl2_without_tokens = Switches {
        fast: Vec::new(),
        config_version: false,
        ..Switches::modern()
    };
    for switches in [quickstart(), sasl2_without_tokens] {
        an_outdated_channel_binding(switches).await;
    }
}

async fn an_outdated_channel_binding(switches: Switches) {
    let setup = Setup::hasty(switches, Transport::DirectTls).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    setup.client.disconnect().await;
    setup.server.switches(|switches| {
        switches.tls_versions = TlsVersions::Tls12;
        switches.tls_server_end_point = true;
    });
    let mut course = Course::default();
    setup.client.connect();
    let halted = |course: &Course| course.halted == Some(OfflineReason::Refused);
    setup.follow(&mut course, halted, "halted").await;
    assert!(!course.offline.contains(&OfflineReason::NeedsCredentials));
    let reason = course.ends.last();
    assert!(
        matches!(
            reason,
            Some(EndReason::Link(LinkError::Connection(
                ConnectionError::Peer(PeerError::NoLogin(_))
            )))
        ),
        "{}",
        course.log
    );
}

#[tokio::test]
async fn tls_1_3_is_new() {
    fn old() -> Switches {
        Switches {
            tls_versions: TlsVersions::Tls12,
            ..Switches::modern()
        }
    }
    every_way("TLS 1.3", old, |switches| {
        switches.tls_versions = TlsVersions::Both;
    })
    .await;
}

#[tokio::test]
async fn tickets_were_forgotten() {
    for transport in BOTH {
        let setup = Setup::with(Switches::modern(), transport, RTT, |config| {
            hasty(config);
            config.policy.early_data = true;
        })
        .await;
        setup.client.connect();
        let cold = setup.online().await.timeline.round_trips();
        setup.settle().await;
        setup
            .server
            .world(|world| world.forget_tls_tickets())
            .unwrap();
        setup.cut();
        let back = setup.online().await;
        assert_eq!(back.outcome, Outcome::Resumed);
        assert!(back.timeline.round_trips() <= cold);
        assert_eq!(
            setup.connections().len(),
            2,
            "a forgotten ticket costs none"
        );
    }
}

/// S7: another `config-version` updates the cache on the same stream.
#[tokio::test]
async fn s7_the_configuration_changed() {
    every_way("config", sasl2_only, |switches| {
        switches.carbons = false;
        switches.csi = false;
        switches.scram_iterations = 5000;
    })
    .await;
    every_way("config, modern", Switches::modern, |switches| {
        switches.carbons = false;
        switches.limits = None;
        switches.scram_iterations = 5000;
    })
    .await;
}

/// S2: `<pipelining/>` is still there, but a combined flight kills the connection.
#[tokio::test]
async fn s2_pipelining_lies() {
    let setup = Setup::hasty(quickstart(), Transport::StartTls).await;
    setup.client.connect();
    setup.online().await;
    let mut ids = setup.send_some(1).await;
    let mut course = Course::default();
    setup
        .follow(&mut course, |course| course.has_acked(&ids), "evening")
        .await;
    // Header and <starttls/> pass, ClientHello does not.
    setup.next_connection(Fault::Cut {
        direction: Direction::ToServer,
        layer: Layer::Wire,
        after: 200,
    });
    setup.cut();
    ids.extend(setup.send_some(1).await);
    let mut course = Course::default();
    setup
        .follow(
            &mut course,
            |course| !course.online.is_empty() && course.has_acked(&ids[1..]),
            "morning",
        )
        .await;
    assert!(course.ends.len() <= 2, "{}", course.log);
    setup.assert_delivered_once(&ids, &course.log);
    setup.cut();
    setup
        .follow(&mut course, |course| course.online.len() == 2, "again")
        .await;
    assert!(
        !course.plans[1].combined_starttls,
        "it is remembered: {}",
        course.plans[1]
    );
}

/// T2: what is weaker than an earlier successful login is refused with a typed error.
#[tokio::test]
async fn t2_a_weaker_offer_is_refused() {
    let changes: [fn(&mut Switches); 2] = [
        |switches| switches.mechanisms = vec![Mechanism::Plain],
        |switches| {
            switches.mechanisms = vec![Mechanism::ScramSha1, Mechanism::Plain];
            switches.channel_binding_advertised = false;
            switches.tls_exporter = false;
            switches.tls_server_end_point = false;
        },
    ];
    for change in changes {
        for transport in BOTH {
            for before in [sasl2_only(), quickstart()] {
                let setup = Setup::hasty(before, transport).await;
                setup.client.connect();
                setup.online().await;
                let mut ids = setup.send_some(1).await;
                let mut course = Course::default();
                setup
                    .follow(&mut course, |course| course.has_acked(&ids), "evening")
                    .await;
                setup.client.disconnect().await;
                setup.server.switches(|switches| {
                    change(switches);
                    switches.fast.clear();
                });
                ids.extend(setup.send_some(1).await);
                setup.client.connect();
                let mut course = Course::default();
                setup
                    .follow(
                        &mut course,
                        |course| course.halted == Some(OfflineReason::Refused),
                        "halt",
                    )
                    .await;
                let last = course.ends.last();
                assert!(
                    matches!(
                        last,
                        Some(EndReason::Link(LinkError::Connection(
                            ConnectionError::Peer(PeerError::NoLogin(_))
                        )))
                    ),
                    "{last:?}\n{}",
                    course.log
                );
                assert!(course.online.is_empty());
                let weak = setup
                    .connections()
                    .iter()
                    .skip(1)
                    .any(|record| record.mechanism.is_some());
                assert!(!weak, "T2: nothing weaker succeeded");
                // The real server returns.
                setup
                    .server
                    .switches(|switches| *switches = Switches::modern());
                setup.client.connect();
                setup
                    .follow(&mut course, |course| course.has_acked(&ids[1..]), "noon")
                    .await;
                setup.assert_delivered_once(&ids, &course.log);
            }
        }
    }
}

/// A mechanism was removed, a stronger one stayed or was added.
#[tokio::test]
async fn another_mechanism() {
    every_way("SHA-256 gone", quickstart, |switches| {
        switches.mechanisms = vec![Mechanism::ScramSha1Plus, Mechanism::ScramSha256Plus];
    })
    .await;
    every_way("more", sasl2_only, |switches| {
        switches.mechanisms = Mechanism::PASSWORD.to_vec();
        switches.fast.clear();
    })
    .await;
}

/// The server is stopped during a session and returns as another version.
#[tokio::test]
async fn a_restart_into_another_version() {
    let setup = Setup::hasty(Switches::modern(), Transport::StartTls).await;
    setup.client.connect();
    setup.online().await;
    setup.settle().await;
    setup.next_connection(Fault::At(Point::EncryptedFeatures, Action::SystemShutdown));
    setup.server.switches(|switches| {
        *switches = Switches {
            mechanisms: Mechanism::PASSWORD.to_vec(),
            ..quickstart()
        };
    });
    setup.server.forget_sessions("juliet");
    let before = setup.server.messages_from("juliet").len();
    setup.cut();
    let ids = setup.send_some(2).await;
    let mut course = Course::default();
    setup
        .follow(&mut course, |course| course.has_acked(&ids), "back")
        .await;
    let received: Vec<_> = setup.server.messages_from("juliet").split_off(before);
    assert_eq!(received.len(), 2);
}
