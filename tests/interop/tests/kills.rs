//! Nothing lost, nothing duplicated, although the process is killed: real processes, real kills, at any moment.
//!
//! `SNAPBACK_KILLS` says how often each run kills (25), `SNAPBACK_KILL_SEED` when it does (the clock's choice, printed).
#![allow(clippy::expect_used, clippy::print_stdout, reason = "a test")]

use std::path::PathBuf;
use std::time::SystemTime;

use snapback_client::Transport;
use snapback_interop::kills::each_change::{EachChange, Life};
use snapback_interop::kills::fate::{Fate, When};
use snapback_interop::kills::judge::Excuse;
use snapback_interop::kills::run::{Killed, Plan, run};
use snapback_interop::phone::Endpoint;
use snapback_interop::{Account, Credentials, Flavour, ServerConfig, start_or_skip};
use snapback_reference_server::{Config, ReferenceServer, Switches};

const KILLS: u32 = 25;

/// More changes than a life here has.
const MAX_CHANGES: u64 = 1000;

fn from_environment<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().ok().expect("a number"))
}

async fn kill(
    name: &str,
    endpoint: Endpoint,
    accounts: [Credentials; 2],
    killed: Killed,
    excuse: Excuse,
) {
    let clock = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let plan = Plan {
        name,
        program: PathBuf::from(env!("CARGO_BIN_EXE_victim")),
        endpoint,
        accounts,
        killed,
        excuse,
        kills: from_environment("SNAPBACK_KILLS").unwrap_or(KILLS),
        seed: from_environment("SNAPBACK_KILL_SEED").unwrap_or(clock.as_secs()),
    };
    run(plan).await.check();
}

async fn on_reference(name: &str, switches: Switches, transport: Transport, killed: Killed) {
    let accounts = ["juliet", "romeo"].map(|user| Credentials {
        jid: format!("{user}@localhost"),
        password: format!("{user}'s"),
    });
    let config = Config {
        switches,
        accounts: ["juliet", "romeo"]
            .map(|user| (user.to_owned(), format!("{user}'s")))
            .to_vec(),
        ..Config::default()
    };
    let server = ReferenceServer::start(config).await.expect("it starts");
    let endpoint = Endpoint {
        addr: match transport {
            Transport::DirectTls => server.direct_addr(),
            Transport::StartTls => server.starttls_addr(),
        },
        transport,
        ca_pem: server.ca_pem(),
    };
    kill(name, endpoint, accounts, killed, Excuse::Order).await;
}

async fn on_real(name: &str, flavour: Flavour, transport: Transport, killed: Killed) {
    let Some(server) = start_or_skip(ServerConfig::new(flavour)) else {
        return;
    };
    let accounts = [Account::Juliet, Account::Romeo].map(|who| server.account(who).clone());
    let endpoint = Endpoint::of(&server, transport);
    kill(name, endpoint, accounts, killed, Excuse::Order).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_server_both_are_killed() {
    let switches = Switches::modern();
    on_reference("reference", switches, Transport::DirectTls, Killed::Both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_server_as_of_2012_one_is_killed() {
    let switches = Switches::rfc6120_2012();
    on_reference(
        "reference-2012",
        switches,
        Transport::StartTls,
        Killed::First,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_as_packaged_both_are_killed() {
    let flavour = Flavour::ProsodyStock;
    on_real("prosody", flavour, Transport::StartTls, Killed::Both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_with_sasl2_both_are_killed() {
    let flavour = Flavour::ProsodyModern;
    on_real("prosody-sasl2", flavour, Transport::DirectTls, Killed::Both).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_with_sasl2_one_is_killed() {
    let flavour = Flavour::ProsodyModern;
    on_real(
        "prosody-sasl2-one",
        flavour,
        Transport::DirectTls,
        Killed::First,
    )
    .await;
}

/// A process is killed before or after a given change of its store; for each of them, until one survives all.
async fn at_each_change(life: Life) {
    let server = ReferenceServer::start(Config::default());
    let server = server.await.expect("it starts");
    let each = EachChange {
        program: PathBuf::from(env!("CARGO_BIN_EXE_victim")),
        server: &server,
        life,
    };
    for when in [When::Before, When::After] {
        let mut deaths = 0;
        for change in 1..=MAX_CHANGES {
            let fate = Fate { when, change };
            let outcome = each.dies(fate).await;
            outcome.check(fate, life);
            if !outcome.died {
                break;
            }
            deaths += 1;
        }
        println!("{life:?} life, {when:?}: {deaths} deaths");
        // The number of changes depends on what is read at once.
        assert!((3..MAX_CHANGES).contains(&deaths), "{deaths} deaths");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn i13_a_kill_at_any_change_of_the_first_life_loses_nothing() {
    at_each_change(Life::First).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i13_a_kill_at_any_change_of_a_resuming_life_loses_nothing() {
    at_each_change(Life::Resuming).await;
}
