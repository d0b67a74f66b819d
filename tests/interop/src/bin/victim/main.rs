//! A whole client in a process of its own, made to be killed: see `snapback_interop::kills`.
//!
//! `victim DIARY STORE ACCOUNT PASSWORD PEER ADDRESS direct|starttls CA`; then, on standard input, orders, one a line:
//! `send N`, `die MOMENT N` (at the N-th such moment from now), `leave`. The end of the input ends it, too.
#![allow(
    clippy::print_stderr,
    clippy::expect_used,
    clippy::panic,
    reason = "test support: what goes wrong must end the process, loudly"
)]

mod orders;
mod store;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use orders::{Death, Moment, Order};
use snapback_client::{
    Client, ClientConfig, Delivery, Event, FileVault, Outcome, ServerAddress, SqliteStore, Stage,
    Transport, Trust, danger,
};
use snapback_interop::kills::diary::{Diary, Entry, Reading};
use snapback_interop::kills::fate::FATE;
use snapback_store::testing::Intercepted;
use store::Doom;
use tokio::sync::mpsc;

/// The arguments of the process.
struct Setup {
    diary: String,
    store: String,
    account: String,
    password: String,
    peer: String,
    address: String,
    transport: Transport,
    ca: String,
}

/// The state that both halves of the app share.
struct App {
    client: Client,
    diary: Diary,
    death: Death,
    peer: String,
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    let setup = Setup::from_arguments();
    let mut before = Reading::default();
    let written = before.update(Path::new(&setup.diary));
    let next = next_number(written.expect("the diary is read"));
    let diary = Diary::open(Path::new(&setup.diary)).expect("the diary opens");
    let (orders, to_send) = mpsc::unbounded_channel();
    let death = Death::default();
    orders::listen(orders, death.clone());

    write(&diary, &Entry::Started);
    let client = Client::open(config(&setup, &diary)).expect("the client opens");
    client.connect();
    let app = Arc::new(App {
        client,
        diary,
        death,
        peer: setup.peer,
    });
    tokio::spawn(Arc::clone(&app).send(next, to_send));
    app.receive().await;
}

impl Setup {
    fn from_arguments() -> Self {
        let mut arguments = std::env::args().skip(1);
        let mut next = || arguments.next().expect("one more argument");
        Self {
            diary: next(),
            store: next(),
            account: next(),
            password: next(),
            peer: next(),
            address: next(),
            transport: match next().as_str() {
                "direct" => Transport::DirectTls,
                "starttls" => Transport::StartTls,
                other => panic!("no transport: {other}"),
            },
            ca: next(),
        }
    }
}

fn config(setup: &Setup, diary: &Diary) -> ClientConfig {
    let folder = Path::new(&setup.store);
    std::fs::create_dir_all(folder).expect("the folder is made");
    let vault = FileVault::new(folder.join("keys")).expect("the vault opens");
    let (store, report) = SqliteStore::open(folder.join("account.db"), &setup.account, vault)
        .expect("the store opens");
    if !report.is_clean() {
        write(diary, &Entry::Note(format!("store {report:?}")));
    }
    let mut config =
        ClientConfig::new(&setup.account, &setup.password).expect("the account is a JID");
    let pem = std::fs::read(&setup.ca).expect("the authority is read");
    config.trust =
        Trust::Roots(danger::Roots::from_pem(&pem).expect("the authority is a certificate"));
    let address = setup.address.parse().expect("an address");
    config.network.servers = vec![ServerAddress::at(address, setup.transport)];
    let fate = std::env::var(FATE).ok();
    let fate = fate.map(|fate| fate.parse().expect("a fate"));
    config.store = Box::new(Intercepted::new(store, Doom::new(fate)));
    // A test's link is restored at once, and only the test is affected by many attempts.
    config.reconnect.base = Duration::from_millis(50);
    config.reconnect.floor = Duration::from_millis(5);
    config.reconnect.cap = Duration::from_millis(500);
    config.reconnect.relief_base = Duration::from_millis(200);
    config.reconnect.relief_floor = Duration::from_millis(50);
    config.reconnect.stable = Duration::ZERO;
    config.reconnect.window = Duration::ZERO;
    config
}

impl App {
    /// Passes numbered messages to the client, as ordered.
    async fn send(self: Arc<Self>, next: u64, mut orders: mpsc::UnboundedReceiver<Order>) {
        let mut numbers = next..;
        while let Some(order) = orders.recv().await {
            let count = match order {
                Order::Send(count) => count,
                Order::Leave => {
                    self.client.disconnect().await;
                    std::process::exit(0);
                }
            };
            for number in numbers.by_ref().take(count) {
                self.send_one(number).await;
            }
        }
    }

    async fn send_one(&self, number: u64) {
        self.write(&Entry::Attempting(number));
        self.death.at(Moment::Attempting);
        let body = number.to_string();
        match self.client.send_message(&self.peer, &body).await {
            Ok(id) => self.write(&Entry::Queued { number, id }),
            Err(error) => self.write(&Entry::Note(format!("not taken: {number}, {error}"))),
        }
        self.death.at(Moment::Queued);
    }

    async fn receive(&self) {
        while let Some(event) = self.client.next_event().await {
            match event {
                Event::Online { outcome, plan, .. } => {
                    let resumed = outcome == Outcome::Resumed;
                    self.write(&Entry::Online { resumed });
                    self.write(&Entry::Note(plan.to_string()));
                    self.death.at(Moment::Online);
                }
                // After an earlier session of this client was given up, the server may still deliver to that one. The new
                // session then receives a carbon copy (XEP-0280, section 7), and nothing else.
                Event::Message { delivery } | Event::Carbon { delivery, .. } => {
                    self.take(&delivery)
                }
                Event::Presence { delivery } => self.client.confirm(&delivery.id),
                Event::Ended { reason, .. } => {
                    self.write(&Entry::Note(format!("ended: {reason:?}")))
                }
                Event::PossibleGap => self.write(&Entry::Note("possible gap".to_owned())),
                Event::PeerFault(fault) => self.write(&Entry::Note(format!("fault: {fault}"))),
                Event::Stage {
                    id,
                    stage: Stage::Acked,
                } => self.write(&Entry::Acked(id)),
                Event::Stage { id, stage } => {
                    self.write(&Entry::Note(format!("{stage:?} {id}")));
                }
                _ => {}
            }
        }
        self.write(&Entry::Note("the client ended".to_owned()));
    }

    /// Writes the delivery to the diary, then confirms it: what is not in the diary is delivered again.
    fn take(&self, delivery: &Delivery) {
        let stanza = &delivery.stanza;
        let id = stanza.attr("id").unwrap_or("?").to_owned();
        let body = stanza.children().find(|child| child.name() == "body");
        let number = body.and_then(|body| body.text().parse().ok());
        let is_from_peer = stanza
            .attr("from")
            .is_some_and(|from| from.starts_with(&self.peer));
        match number {
            Some(number) if is_from_peer && stanza.attr("type") == Some("chat") => {
                self.write(&Entry::Delivered {
                    delivery: delivery.id.clone(),
                    id,
                    number,
                });
                self.write(&Entry::Note(format!("stanza {}", stanza.to_xml())));
                self.death.at(Moment::Delivered);
                self.client.confirm(&delivery.id);
                self.write(&Entry::Confirmed(delivery.id.clone()));
                self.death.at(Moment::Confirmed);
            }
            _ => {
                self.write(&Entry::Note(format!("another: {}", stanza.to_xml())));
                self.client.confirm(&delivery.id);
            }
        }
    }

    fn write(&self, entry: &Entry) {
        write(&self.diary, entry);
    }
}

fn write(diary: &Diary, entry: &Entry) {
    diary.write(entry).expect("the diary takes it");
}

/// Returns the next number. A number is never used twice, whether or not the client accepted its message.
fn next_number(before: &[Entry]) -> u64 {
    let used = before.iter().filter_map(|entry| match entry {
        Entry::Attempting(number) => Some(*number),
        _ => None,
    });
    used.max().map_or(0, |last| last + 1)
}
