//! Nothing lost, nothing duplicated, on real servers: whatever happens to the connection, the session or the server.
#![allow(
    clippy::print_stdout,
    clippy::expect_used,
    clippy::panic,
    reason = "a test"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use snapback_client::proto::knowledge::Op;
use snapback_client::store::ServerKey;
use snapback_client::{ClientConfig, FileVault, Outcome, SqliteStore, Store as _, Transport};
use snapback_interop::phone::{Endpoint, Log, Phone};
use snapback_interop::{Account, Flavour, RunningServer, ServerConfig, start_or_skip};
use snapback_netsim::{CutMode, DownMode};

/// Short: these tests wait for answers, not for the link.
const RTT: Duration = Duration::from_millis(20);
/// Long enough that nothing arrives before the cut.
const LONG: Duration = Duration::from_secs(60);
const JULIET: &str = "juliet@snapback.test";
const ROMEO: &str = "romeo@snapback.test";

/// How many messages go each way in a burst.
const BURST: usize = 30;

/// A module of tests for a server.
macro_rules! on_server {
    ($server:ident, $flavour:expr, [$($scenario:ident),* $(,)?]) => {
        mod $server {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $scenario() {
                    on($flavour, async |server, transport| {
                        super::$scenario(server, transport).await;
                    })
                    .await;
                }
            )*
        }
    };
}

on_server!(
    prosody_as_packaged,
    Flavour::ProsodyStock,
    [
        a_cut_loses_nothing_and_duplicates_nothing,
        a_cut_while_the_server_works_loses_nothing,
        a_new_session_sends_what_waited,
        a_new_session_gets_what_waited,
        a_lost_session_leaves_nothing_to_chance,
        a_forgotten_session_is_replaced_by_a_new_one,
        a_server_that_restarts_finds_its_clients_again,
    ]
);

on_server!(
    prosody_with_sasl2,
    Flavour::ProsodyModern,
    [
        a_cut_loses_nothing_and_duplicates_nothing,
        a_cut_while_the_server_works_loses_nothing,
        a_new_session_sends_what_waited,
        a_new_session_gets_what_waited,
        a_lost_session_leaves_nothing_to_chance,
        a_forgotten_session_is_replaced_by_a_new_one,
        a_server_that_restarts_finds_its_clients_again,
    ]
);

on_server!(
    ejabberd,
    Flavour::Ejabberd,
    [
        a_cut_loses_nothing_and_duplicates_nothing,
        a_cut_while_the_server_works_loses_nothing,
        a_new_session_sends_what_waited,
        // XEP-0386: it drops what waited, and leaves it to the archive (XEP-0313).
        a_new_session_gets_what_waited,
        a_lost_session_leaves_nothing_to_chance,
        a_forgotten_session_is_replaced_by_a_new_one,
        a_server_that_restarts_finds_its_clients_again,
    ]
);

/// Runs it over STARTTLS, then over direct TLS, on one server.
async fn on(flavour: Flavour, scenario: impl AsyncFn(&mut RunningServer, Transport)) {
    let config = ServerConfig {
        resume_window_s: 60,
        ..ServerConfig::new(flavour)
    };
    let Some(mut server) = start_or_skip(config) else {
        return;
    };
    for transport in [Transport::StartTls, Transport::DirectTls] {
        scenario(&mut server, transport).await;
    }
}

struct Pair {
    juliet: Phone,
    romeo: Phone,
    /// Ids of what each sent, in order.
    from_juliet: Vec<String>,
    from_romeo: Vec<String>,
}

impl Pair {
    async fn online(server: &RunningServer, transport: Transport) -> Self {
        Self::online_with(server, transport, |_| {}).await
    }

    /// `change` modifies Juliet's configuration.
    async fn online_with(
        server: &RunningServer,
        transport: Transport,
        change: impl FnOnce(&mut ClientConfig),
    ) -> Self {
        let endpoint = Endpoint::of(server, transport);
        let juliet = server.account(Account::Juliet);
        let romeo = server.account(Account::Romeo);
        let mut juliet = Phone::open(&endpoint, juliet, RTT, change).await;
        let mut romeo = Phone::open(&endpoint, romeo, RTT, |_| {}).await;
        for phone in [&mut juliet, &mut romeo] {
            phone.client.connect();
            assert_eq!(phone.available().await.outcome, Outcome::Bound);
        }
        let mut pair = Self {
            juliet,
            romeo,
            from_juliet: Vec::new(),
            from_romeo: Vec::new(),
        };
        pair.burst(1).await;
        pair.arrived().await;
        pair
    }

    /// Queues this many messages each way.
    async fn burst(&mut self, messages: usize) {
        for _ in 0..messages {
            self.from_juliet
                .push(self.juliet.send(ROMEO, "to Romeo").await);
            self.from_romeo
                .push(self.romeo.send(JULIET, "to Juliet").await);
        }
    }

    /// Waits until everything has arrived and is acknowledged.
    async fn all_there(&mut self) {
        for (phone, sent, expected) in [
            (&mut self.juliet, &self.from_juliet, &self.from_romeo),
            (&mut self.romeo, &self.from_romeo, &self.from_juliet),
        ] {
            let all = |log: &Log| {
                expected
                    .iter()
                    .all(|id| log.messages.iter().any(|message| message.id == *id))
                    && sent.iter().all(|id| log.acked.contains(id))
            };
            phone
                .until("all messages, and acknowledgements of all", all)
                .await;
        }
    }

    /// The same, and asserts that each message arrived once, and in order.
    async fn arrived(&mut self) {
        self.all_there().await;
        for (phone, expected) in [
            (&self.juliet, &self.from_romeo),
            (&self.romeo, &self.from_juliet),
        ] {
            let received: Vec<&String> = phone.log.messages.iter().map(|m| &m.id).collect();
            let expected: Vec<&String> = expected.iter().collect();
            if received != expected {
                panic!("{}", difference(&phone.log, &expected));
            }
            let deliveries: BTreeSet<&String> =
                phone.log.messages.iter().map(|m| &m.delivery).collect();
            assert_eq!(
                deliveries.len(),
                received.len(),
                "each delivery has its own id"
            );
            assert!(phone.log.failed.is_empty());
            assert_eq!(phone.log.violations(), [""; 0]);
        }
    }

    async fn leave(self) {
        self.juliet.client.disconnect().await;
        self.romeo.client.disconnect().await;
    }
}

/// Describes the messages out of order or duplicated, by the number in which they were sent, with their ids in the
/// archive.
fn difference(log: &Log, sent: &[&String]) -> String {
    let number = |id: &String| sent.iter().position(|sent| *sent == id);
    let received: Vec<String> = log
        .messages
        .iter()
        .map(|message| match number(&message.id) {
            Some(number) => format!("{number} ({})", message.archived),
            None => format!("? ({})", message.archived),
        })
        .collect();
    format!(
        "of {} messages came, not each once and in order: {}",
        sent.len(),
        received.join(", ")
    )
}

/// Both are cut abruptly with messages in transit in both directions, repeatedly; only the clients notice. What was in
/// transit is lost and sent again, in order and before what was queued meanwhile.
async fn a_cut_loses_nothing_and_duplicates_nothing(
    server: &mut RunningServer,
    transport: Transport,
) {
    let mut pair = Pair::online(server, transport).await;
    for _ in 0..3 {
        for phone in [&pair.juliet, &pair.romeo] {
            phone.link.set_rtt(LONG);
        }
        pair.burst(BURST).await;
        for phone in [&pair.juliet, &pair.romeo] {
            phone.link.cut(CutMode::ResetClient);
            phone.link.set_rtt(RTT);
        }
        pair.burst(BURST).await;
        assert_eq!(pair.juliet.online().await.outcome, Outcome::Resumed);
        assert_eq!(pair.romeo.online().await.outcome, Outcome::Resumed);
        pair.arrived().await;
    }
    pair.leave().await;
}

/// The cuts come while the server is handling the messages.
///
/// ejabberd accepts messages that the old connection brought last a second time (they have two ids in the archive), and
/// may deliver them out of order. Prosody may read the resumed session with a parser that is inside a stanza, and the
/// client needs a new session; then the archive says what arrived. In both cases the app sees no duplicate.
async fn a_cut_while_the_server_works_loses_nothing(
    server: &mut RunningServer,
    transport: Transport,
) {
    let mut pair = Pair::online(server, transport).await;
    for _ in 0..3 {
        pair.burst(BURST).await;
        // Some messages are in transit now, at different positions for the two.
        tokio::time::sleep(RTT * 3 / 4).await;
        pair.juliet.link.cut(CutMode::ResetClient);
        pair.burst(BURST).await;
        pair.romeo.link.cut(CutMode::ResetClient);
        pair.burst(BURST).await;
        pair.juliet.online().await;
        pair.romeo.online().await;
        pair.all_there().await;
    }
    // Any duplicate has arrived before these.
    pair.burst(1).await;
    pair.all_there().await;
    for (phone, sent) in [
        (&pair.juliet, &pair.from_romeo),
        (&pair.romeo, &pair.from_juliet),
    ] {
        let deliveries = phone.log.messages.len();
        let gaps = phone.log.possible_gaps;
        println!(
            "{} messages, {deliveries} deliveries, {gaps} gaps reported",
            sent.len()
        );
        assert_eq!(deliveries, sent.len(), "each once: {}", phone.log);
        assert!(phone.log.failed.is_empty(), "{}", phone.log);
    }
    pair.leave().await;
}

/// Juliet's session is lost while messages of both sides are in transit: hers may have arrived without an
/// acknowledgement; his wait for a session that is not resumed. The archive says which of hers arrived, and has his.
async fn a_lost_session_leaves_nothing_to_chance(server: &mut RunningServer, transport: Transport) {
    let folder = Folder::new();
    let mut pair = Pair::online_with(server, transport, |config| {
        config.store = Box::new(folder.store());
    })
    .await;
    let gaps = pair.juliet.log.possible_gaps;
    pair.burst(BURST).await;
    // Some are at the server now, and their acknowledgements have not arrived.
    tokio::time::sleep(RTT * 3 / 4).await;
    pair.juliet
        .link
        .down(DownMode::Blackhole)
        .await
        .expect("the link obeys");
    pair.juliet.link.cut(CutMode::ResetClient);
    pair.burst(BURST).await;
    let sent = pair.from_romeo.clone();
    let all_sent = |log: &Log| sent.iter().all(|id| log.acked.contains(id));
    pair.romeo.until("acknowledgements", all_sent).await;
    pair.juliet.client.suspend().await;
    folder.forget_session();
    pair.juliet.link.up().await.expect("the link obeys");
    pair.juliet.client.resume();
    assert_eq!(pair.juliet.online().await.outcome, Outcome::Bound);
    pair.all_there().await;
    pair.burst(1).await;
    pair.all_there().await;
    for (phone, sent) in [
        (&pair.juliet, &pair.from_romeo),
        (&pair.romeo, &pair.from_juliet),
    ] {
        let deliveries = phone.log.messages.len();
        assert_eq!(deliveries, sent.len(), "each once: {}", phone.log);
        assert!(phone.log.failed.is_empty(), "{}", phone.log);
    }
    assert_eq!(pair.juliet.log.possible_gaps, gaps, "{}", pair.juliet.log);
    pair.leave().await;
}

/// The folder of Juliet's store; removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("snapback-reliability-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn store(&self) -> SqliteStore {
        let vault = FileVault::new(self.0.join("keys")).expect("a folder for the keys");
        let (store, report) =
            SqliteStore::open(self.0.join("juliet.db"), JULIET, vault).expect("the store opens");
        assert!(report.is_clean(), "{report:?}");
        store
    }

    /// Removes the session from the store, and nothing else. The client must be suspended.
    fn forget_session(&self) {
        let nowhere = ServerKey {
            host: String::new(),
            port: 0,
            transport: Transport::DirectTls,
        };
        let mut store = self.store();
        store
            .apply(&nowhere, &[Op::SmDropped])
            .expect("it is stored");
        store.close().expect("the store closes");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left for the system.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What is queued while offline is sent with the next session.
async fn a_new_session_sends_what_waited(server: &mut RunningServer, transport: Transport) {
    let mut pair = Pair::online(server, transport).await;
    pair.juliet.client.disconnect().await;
    for _ in 0..BURST {
        let id = pair.juliet.send(ROMEO, "queued").await;
        pair.from_juliet.push(id);
    }
    pair.juliet.client.connect();
    assert_eq!(pair.juliet.online().await.outcome, Outcome::Bound);
    pair.arrived().await;
    pair.leave().await;
}

/// What arrived for an offline account is delivered with the next session.
async fn a_new_session_gets_what_waited(server: &mut RunningServer, transport: Transport) {
    let mut pair = Pair::online(server, transport).await;
    pair.juliet.client.disconnect().await;
    for _ in 0..BURST {
        let id = pair.romeo.send(JULIET, "for later").await;
        pair.from_romeo.push(id);
    }
    let sent = pair.from_romeo.clone();
    let has_all = |log: &Log| sent.iter().all(|id| log.acked.contains(id));
    pair.romeo.until("acknowledgements", has_all).await;
    let gaps = pair.juliet.log.possible_gaps;
    pair.juliet.client.connect();
    assert_eq!(pair.juliet.online().await.outcome, Outcome::Bound);
    pair.arrived().await;
    assert_eq!(pair.juliet.log.possible_gaps, gaps, "all of it is there");
    pair.leave().await;
}

/// The server restarted while the client had no network: the session is lost, what was queued is not.
async fn a_forgotten_session_is_replaced_by_a_new_one(
    server: &mut RunningServer,
    transport: Transport,
) {
    let mut pair = Pair::online(server, transport).await;
    pair.juliet
        .link
        .down(DownMode::Blackhole)
        .await
        .expect("the link obeys");
    pair.juliet.link.cut(CutMode::ResetClient);
    for _ in 0..BURST {
        pair.from_juliet
            .push(pair.juliet.send(ROMEO, "queued").await);
    }
    tokio::task::block_in_place(|| server.restart()).expect("the server restarts");
    // A message for Romeo while he is offline is tested elsewhere: see `a_new_session_gets_what_waited`.
    pair.romeo.online().await;
    pair.juliet.link.up().await.expect("the link obeys");
    assert_eq!(pair.juliet.online().await.outcome, Outcome::Bound);
    pair.arrived().await;
    pair.leave().await;
}

/// The server closes its streams and restarts; both clients reconnect by themselves.
async fn a_server_that_restarts_finds_its_clients_again(
    server: &mut RunningServer,
    transport: Transport,
) {
    let mut pair = Pair::online(server, transport).await;
    tokio::task::block_in_place(|| server.restart()).expect("the server restarts");
    pair.juliet.online().await;
    pair.romeo.online().await;
    pair.burst(BURST).await;
    pair.arrived().await;
    println!("Juliet's connections ended: {:?}", pair.juliet.log.ended);
    pair.leave().await;
}
