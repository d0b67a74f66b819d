//! Rule T9: the password and the tokens of FAST never show, neither in what is printed nor on the wire outside TLS.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::sync::{Arc, Mutex};

use snapback_client::proto::knowledge::{Knowledge, Op};
use snapback_client::{
    Client, ClientConfig, Delivery, MemoryStore, Roster, ServerAddress, Store, StoreError,
    Transport, Trust, danger,
};
use snapback_reference_server::{Fault, Switches};
use support::Setup;
use support::course::{Course, PASSWORD, RTT, follow, hasty};
use support::tap::{Tap, TapDial};

/// Long, so that it is nowhere by chance.
const LONG_PASSWORD: &str = "correct horse battery staple 4711";

/// A store that lets the test see what it was given, as text and in the clear.
struct Watched {
    inner: MemoryStore,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    tokens: Vec<String>,
    printed: String,
}

impl Store for Watched {
    fn load(&mut self, server: &snapback_store::ServerKey) -> Result<Knowledge, StoreError> {
        let knowledge = self.inner.load(server)?;
        self.seen.lock().unwrap().printed += &format!("{knowledge:?}\n");
        Ok(knowledge)
    }

    fn apply(&mut self, server: &snapback_store::ServerKey, ops: &[Op]) -> Result<(), StoreError> {
        let mut seen = self.seen.lock().unwrap();
        seen.printed += &format!("{ops:?}\n");
        for op in ops {
            if let Op::StoreFast(token) = op {
                seen.tokens.push(token.token.expose().clone());
            }
        }
        self.inner.apply(server, ops)
    }

    fn endpoints(
        &mut self,
        domain: &str,
    ) -> Result<Option<snapback_store::KnownEndpoints>, StoreError> {
        self.inner.endpoints(domain)
    }

    fn set_endpoints(
        &mut self,
        domain: &str,
        known: &snapback_store::KnownEndpoints,
    ) -> Result<(), StoreError> {
        self.inner.set_endpoints(domain, known)
    }

    fn roster(&mut self) -> Result<Roster, StoreError> {
        self.inner.roster()
    }

    fn undelivered(&mut self) -> Result<Vec<Delivery>, StoreError> {
        self.inner.undelivered()
    }

    fn enqueue(&mut self, stanza: snapback_store::NewStanza) -> Result<u64, StoreError> {
        self.inner.enqueue(stanza)
    }

    fn queue_len(&mut self) -> Result<usize, StoreError> {
        self.inner.queue_len()
    }

    fn queue_limit(&self) -> usize {
        self.inner.queue_limit()
    }

    fn installation(&mut self) -> Result<Option<String>, StoreError> {
        self.inner.installation()
    }

    fn set_installation(&mut self, id: &str) -> Result<(), StoreError> {
        self.inner.set_installation(id)
    }
}

fn assert_hidden(text: &str, secrets: &[String], where_: &str) {
    for secret in secrets {
        assert!(!text.contains(secret.as_str()), "T9: a secret in {where_}");
    }
}

#[tokio::test]
async fn t9_planted_secrets_show_nowhere() {
    for transport in [Transport::DirectTls, Transport::StartTls] {
        for early_data in [false, true] {
            scan(transport, early_data).await;
        }
    }
}

async fn scan(transport: Transport, early_data: bool) {
    // Another client's set-up serves as the server.
    let host = Setup::hasty(Switches::modern(), transport).await;
    host.server.add_account("juliet", LONG_PASSWORD);
    let tap = Tap::default();
    let upstream = match transport {
        Transport::DirectTls => host.server.direct_addr(),
        Transport::StartTls => host.server.starttls_addr(),
    };
    let seen = Arc::<Mutex<Seen>>::default();
    let mut config = ClientConfig::new("juliet@localhost", LONG_PASSWORD).unwrap();
    config.trust = Trust::Roots(danger::Roots::from_pem(host.server.ca_pem().as_bytes()).unwrap());
    config.network.servers = vec![ServerAddress::at(upstream, transport)];
    config.network.dial = Arc::new(TapDial {
        tap: tap.clone(),
        server: upstream,
    });
    config.store = Box::new(Watched {
        inner: MemoryStore::default(),
        seen: Arc::clone(&seen),
    });
    hasty(&mut config);
    config.policy.early_data = early_data;
    let mut printed = format!("{config:?} {:?}", config.policy);
    let client = Client::open(config).unwrap();
    printed += &format!("{client:?}");
    let mut course = Course::default();
    client.connect();
    let until = |sessions: usize| move |course: &Course| course.online.len() == sessions;
    follow(&client, &mut course, &mut until(1), "first").await;
    for (number, fault) in [
        Fault::WrongHtProof,
        Fault::WrongScramSignature,
        Fault::ForgetSmSession,
        Fault::ForgetFastTokens,
    ]
    .into_iter()
    .enumerate()
    {
        let id = client.send_message("romeo@localhost", "hi").await.unwrap();
        let acked = |course: &Course| course.acked.contains(&id);
        follow(&client, &mut course, &mut { acked }, "acked").await;
        host.server
            .faults(|faults| faults.next_connection = vec![fault]);
        host.server.cut_all();
        follow(&client, &mut course, &mut until(number + 2), "again").await;
    }
    client.disconnect().await;
    host.server.add_account("juliet", "changed by somebody");
    host.server.world(|world| {
        world.switches.fast.clear();
    });
    client.connect();
    let halted = |course: &Course| course.halted.is_some() && !course.ends.is_empty();
    follow(&client, &mut course, &mut { halted }, "a refused password").await;
    printed += &format!("{client:?}");

    let seen = seen.lock().unwrap();
    assert!(!seen.tokens.is_empty(), "there was a token");
    let mut secrets = seen.tokens.clone();
    secrets.push(LONG_PASSWORD.to_owned());
    assert_hidden(&course.log, &secrets, "events");
    assert_hidden(&printed, &secrets, "configuration and client");
    assert_hidden(&seen.printed, &secrets, "what the store is told");
    let bytes = format!("{:?}", LONG_PASSWORD.as_bytes());
    assert_hidden(&seen.printed, &[bytes], "bytes that the store is told");
    for secret in &secrets {
        assert!(!tap.has_seen(secret), "T9: a secret on the wire");
    }
    for secret in ["juliet", "<message", "<auth", "<presence", "<resume"] {
        assert!(!tap.has_seen(secret), "{secret} outside TLS");
    }
    assert!(!tap.streams().is_empty());
}

/// The tap itself works: in the clear it would be seen.
#[tokio::test]
async fn the_tap_sees_what_is_in_the_clear() {
    let host = Setup::with(Switches::modern(), Transport::StartTls, RTT, hasty).await;
    let tap = Tap::default();
    let (client, _link) = Setup::another(
        &host.server,
        "juliet@localhost",
        PASSWORD,
        Transport::StartTls,
        |config| {
            config.network.dial = Arc::new(TapDial {
                tap: tap.clone(),
                server: host.server.starttls_addr(),
            });
        },
    )
    .await;
    client.connect();
    let mut course = Course::default();
    let online = |course: &Course| !course.online.is_empty();
    follow(&client, &mut course, &mut { online }, "online").await;
    assert!(tap.has_seen("<starttls"));
    assert!(tap.has_seen("<proceed"));
}
