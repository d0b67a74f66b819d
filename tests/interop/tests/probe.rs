//! `snapback probe` on real servers: the advice is what each of them lacks, and an advice that is followed disappears.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use snapback_cli::probe::{Account, Names, Report, Settings, Verdict, probe};
use snapback_client::resolver::{SrvAnswer, SrvRecord, StaticHosts};
use snapback_client::{BareJid, Trust, danger};
use snapback_interop::{Account as Who, Credentials, DOMAIN, Flavour, ServerConfig, start_or_skip};
use snapback_reference_server::{Config, ReferenceServer, Switches};

const HOST: &str = "xmpp.snapback.test";
const TTL: Duration = Duration::from_secs(60);

/// As a server is packaged: Prosody holds answers and accepts no tickets; sessions are kept for five minutes.
fn as_packaged(flavour: Flavour) -> ServerConfig {
    ServerConfig {
        nagle: true,
        ..ServerConfig::new(flavour)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_as_packaged_lacks_three_round_trips() {
    let Some(report) = probed(as_packaged(Flavour::ProsodyStock)).await else {
        return;
    };
    assert_eq!(
        advice(&report),
        [
            ("nagle", 1),
            ("tls-tickets", 0),
            ("sasl2", 1),
            ("fast", 1),
            ("pipelining", 1),
            ("early-data", 0),
            ("ipv6", 0),
            ("session-time", 0),
        ]
    );
    assert_eq!(report.verdict(), Verdict::Improvable);
    // Over STARTTLS and with direct TLS, with an answer that is held.
    assert_eq!(logins(&report), [(6, 6), (7, 7)]);
    let account = report.account.as_ref().expect("it was logged in");
    assert_eq!(account.pipelined_bind, Some(true));
}

/// The lines of the advice above, as `ServerConfig` writes them.
#[tokio::test(flavor = "multi_thread")]
async fn prosody_with_what_was_advised_lacks_none() {
    let followed = ServerConfig {
        nagle: false,
        tickets: true,
        resume_window_s: 600,
        ..ServerConfig::new(Flavour::ProsodyModern)
    };
    let Some(report) = probed(followed).await else {
        return;
    };
    let left = [("pipelining", 1), ("early-data", 0), ("ipv6", 0)];
    assert_eq!(advice(&report), left);
    assert_eq!(report.verdict(), Verdict::Good);
    assert_eq!(logins(&report), [(3, 3), (4, 4)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_with_its_modules_alone_still_holds_its_answers() {
    let Some(report) = probed(as_packaged(Flavour::ProsodyModern)).await else {
        return;
    };
    let ids: Vec<&str> = report.advice.iter().map(|it| it.id).collect();
    assert!(
        ids.contains(&"nagle") && ids.contains(&"tls-tickets"),
        "{ids:?}"
    );
    assert!(!ids.contains(&"sasl2") && !ids.contains(&"fast"), "{ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ejabberd_lacks_none_that_it_has_a_setting_for() {
    let Some(report) = probed(as_packaged(Flavour::Ejabberd)).await else {
        return;
    };
    assert_eq!(
        advice(&report),
        [
            ("tls-tickets", 0),
            ("pipelining", 1),
            ("early-data", 0),
            ("limits", 0),
            ("ipv6", 0),
            ("session-time", 0),
        ]
    );
    assert_eq!(report.verdict(), Verdict::Good);
    let text = report.text();
    assert!(text.ends_with("no setting saves a round trip\n"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_server_is_told_of_tls_1_3() {
    let Some(report) = probed(as_packaged(Flavour::Prosody012Tls12)).await else {
        return;
    };
    let advice = advice(&report);
    assert!(advice.contains(&("tls-1.3", 1)), "{advice:?}");
    assert!(advice.contains(&("sasl2", 1)), "{advice:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_mod_quickstart_nothing_is_left_to_pipeline() {
    let Some(report) = probed(as_packaged(Flavour::ProsodyQuickstart)).await else {
        return;
    };
    let ids: Vec<&str> = report.advice.iter().map(|it| it.id).collect();
    // The module does not hold answers, and a login with SASL2 alone would not be shorter.
    for id in ["pipelining", "nagle", "sasl2"] {
        assert!(!ids.contains(&id), "{ids:?}");
    }
    assert!(ids.contains(&"fast"), "{ids:?}");
    assert_eq!(logins(&report), [(4, 3), (4, 3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_stream_management_is_told_of_it() {
    let Some(server) = start_or_skip(as_packaged(Flavour::Jabberd2)) else {
        return;
    };
    let mut settings = settings(DOMAIN, server.ca_pem());
    settings.names = names(DOMAIN, server.direct_addr(), server.starttls_addr());
    let Credentials { jid, password } = server.account(Who::Juliet);
    settings.account = Some(account(jid, password));
    let report = probe(&settings).await;
    let ids: Vec<&str> = report.advice.iter().map(|it| it.id).collect();
    for id in ["sasl2", "stream-management", "archive", "bind-pipelining"] {
        assert!(ids.contains(&id), "{ids:?}");
    }
    let account = report.account.expect("it was logged in");
    assert_eq!((account.error, account.resumed), (None, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_everything_lacks_nothing() {
    let accounts = vec![("juliet".to_owned(), "r0m30".to_owned())];
    let config = Config {
        switches: Switches::modern(),
        accounts,
        ..Config::default()
    };
    let server = ReferenceServer::start(config).await.expect("it starts");
    let mut settings = settings("localhost", &server.ca_pem());
    settings.names = names("localhost", server.direct_addr(), server.starttls_addr());
    settings.account = Some(account("juliet@localhost", "r0m30"));
    let report = probe(&settings).await;
    let lacks: Vec<_> = report.advice.iter().filter(|it| it.saves > 0).collect();
    assert!(lacks.is_empty(), "{lacks:#?}");
    assert_eq!(report.verdict(), Verdict::Good);
    assert!(
        report.endpoints[0]
            .second
            .is_some_and(|it| it.early_data > 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_told_from_what_cannot_be_reached() {
    let Some(server) = start_or_skip(ServerConfig::new(Flavour::ProsodyModern)) else {
        return;
    };
    let names = names(DOMAIN, server.direct_addr(), server.starttls_addr());
    let mut settings = settings(DOMAIN, server.ca_pem());
    settings.names = names.clone();
    settings.account = Some(account("juliet@snapback.test", "wrong"));
    let report = probe(&settings).await;
    assert_eq!(report.verdict(), Verdict::Unusable);
    let login = report.account.expect("it was tried");
    assert!(login.refused && login.logins.is_empty(), "{login:?}");

    // The authorities of the system have not issued this certificate: no login is tried.
    settings.trust = Trust::Platform;
    let report = probe(&settings).await;
    assert_eq!(report.verdict(), Verdict::Unreachable);
    assert_eq!(report.account, None);
}

/// Starts a server and probes it with an account; `None` where it is not available.
async fn probed(config: ServerConfig) -> Option<Report> {
    let server = start_or_skip(config)?;
    let mut settings = settings(DOMAIN, server.ca_pem());
    settings.names = names(DOMAIN, server.direct_addr(), server.starttls_addr());
    let Credentials { jid, password } = server.account(Who::Juliet);
    settings.account = Some(account(jid, password));
    let report = probe(&settings).await;
    let login = report.account.as_ref().expect("an endpoint can be used");
    assert_eq!(login.error, None, "{report:#?}");
    assert_eq!(login.resumed, Some(true), "{report:#?}");
    let kinds: Vec<_> = login
        .logins
        .iter()
        .map(|it| (it.kind, it.outcome))
        .collect();
    assert_eq!(
        kinds,
        [("cold", "bound"), ("resumed", "resumed"), ("warm", "bound")]
    );
    // What the client counted is what was said without it; an answer that is held is no wait of the client's.
    let held = report.advice.iter().any(|it| it.id == "nagle");
    let said = report.endpoints[0].login.expect("it can be logged in");
    assert_eq!(
        login.logins[1].round_trips + usize::from(held),
        said.resumed
    );
    assert_eq!(login.logins[2].round_trips + usize::from(held), said.new);
    Some(report)
}

fn settings(domain: &str, ca: &str) -> Settings {
    let mut settings = Settings::new(domain).expect("a domain");
    let roots = danger::Roots::from_pem(ca.as_bytes()).expect("an authority");
    settings.trust = Trust::Roots(roots);
    settings
}

fn account(jid: &str, password: &str) -> Account {
    Account {
        jid: BareJid::try_from(jid).expect("an address"),
        password: password.into(),
        allow_plain: false,
    }
}

/// Both services, direct TLS first.
fn names(domain: &str, direct: SocketAddr, starttls: SocketAddr) -> Names {
    let answer = |priority, port| {
        Ok(SrvAnswer::Records {
            records: vec![SrvRecord {
                priority,
                weight: 0,
                port,
                target: HOST.to_owned(),
            }],
            ttl: TTL,
        })
    };
    let hosts = StaticHosts::new()
        .with_srv(
            &format!("_xmpps-client._tcp.{domain}"),
            answer(0, direct.port()),
        )
        .with_srv(
            &format!("_xmpp-client._tcp.{domain}"),
            answer(10, starttls.port()),
        )
        .with_host(HOST, [IpAddr::from([127, 0, 0, 1])]);
    Names::Given(hosts)
}

fn advice(report: &Report) -> Vec<(&'static str, usize)> {
    report.advice.iter().map(|it| (it.id, it.saves)).collect()
}

/// The round trips of each endpoint: of a new session, and of one that is resumed.
fn logins(report: &Report) -> Vec<(usize, usize)> {
    let logins = report.endpoints.iter().filter_map(|it| it.login);
    logins.map(|it| (it.new, it.resumed)).collect()
}
