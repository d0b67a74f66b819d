//! Tests the link against the reference server without sockets: real TLS, virtual time, and control over every byte.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use snapback_engine::link::{Acceptance, Link, LinkConfig, LinkError, LinkInput, LinkOutput};
use snapback_proto::config::{Config, Policy};
use snapback_proto::connection::{Command, Event, Outcome, PersistFailure, Seq, Start};
use snapback_proto::error::{ConnectionError, LocalError};
use snapback_proto::jid::BareJid;
use snapback_proto::knowledge::OutboundKind;
use snapback_proto::ns;
use snapback_proto::plan::{Purpose, Transport};
use snapback_proto::sasl::ScramKeys;
use snapback_proto::secret::Secret;
use snapback_proto::time::{Instant, Now, UnixTime};
use snapback_proto::xml::Element;
use snapback_reference_server as server;
use snapback_store::{MemoryStore, ServerKey, Store};
use snapback_tls::{TlsContext, TlsVersions, Trust, danger};

/// The server, the store and the tickets, which outlive connections.
struct Bench {
    world: server::World,
    store: MemoryStore,
    tls: TlsContext,
    config: Arc<Config>,
    transport: Transport,
    seed: u8,
}

/// One connection between client and server.
struct Wire {
    link: Link,
    peer: server::Connection,
    key: ServerKey,
    chunk: usize,
    clock: Duration,
    writes: Vec<usize>,
    events: Vec<Event>,
    closed: Option<Option<LinkError>>,
    /// Whether commits are withheld.
    withhold: bool,
    withheld: Vec<Seq>,
}

impl Bench {
    fn new(switches: server::Switches, transport: Transport) -> Self {
        Self::with(switches, transport, Policy::default())
    }

    fn with(switches: server::Switches, transport: Transport, policy: Policy) -> Self {
        let mut world = server::World::new("localhost", switches, 7).unwrap();
        world.add_account("juliet", "r0m30");
        world.add_account("romeo", "jul13t");
        let roots = danger::Roots::from_pem(world.ca_pem().as_bytes()).unwrap();
        let account = BareJid::try_from("juliet@localhost").unwrap();
        let config = Config {
            password: Some(Secret::from("r0m30")),
            resource: "balcony".to_owned(),
            policy,
            ..Config::new(account, "d4565fa7-4d72-4749-b3d3-740edbf87770")
        };
        Self {
            world,
            store: MemoryStore::default(),
            tls: TlsContext::new(Trust::Roots(roots)).unwrap(),
            config: Arc::new(config),
            transport,
            seed: 0,
        }
    }

    fn connect(&mut self, chunk: usize) -> Wire {
        let key = ServerKey {
            host: "localhost".to_owned(),
            port: 5222,
            transport: self.transport,
        };
        let knowledge = self.store.load(&key).unwrap();
        self.seed += 1;
        let now = Now {
            mono: Instant::ZERO,
            wall: wall(),
        };
        let start = Start {
            config: Arc::clone(&self.config),
            transport: self.transport,
            knowledge,
            derived_keys: None,
            token_refused: false,
            fast_open: false,
            early_data_possible: self.config.policy.early_data,
            purpose: Purpose::Session,
            active: true,
            seed: [self.seed; 32],
        };
        let config = LinkConfig {
            start,
            tls: self.tls.clone(),
            versions: TlsVersions::default(),
            started: Instant::ZERO,
        };
        let transport = match self.transport {
            Transport::DirectTls => server::Transport::DirectTls,
            Transport::StartTls => server::Transport::StartTls,
        };
        let at = server_time(Duration::ZERO);
        Wire {
            link: Link::new(config, now),
            peer: server::Connection::new(&mut self.world, transport, at),
            key,
            chunk,
            clock: Duration::ZERO,
            writes: Vec::new(),
            events: Vec::new(),
            closed: None,
            withhold: false,
            withheld: Vec::new(),
        }
    }
}

impl Wire {
    fn now(&self) -> Now {
        Now {
            mono: Instant::from_epoch(self.clock),
            wall: wall(),
        }
    }

    fn input(&mut self, input: LinkInput<'_>, bench: &mut Bench) {
        let now = self.now();
        self.link.handle_input(input, now);
        self.settle(bench);
    }

    fn settle(&mut self, bench: &mut Bench) {
        loop {
            let now = self.now();
            match self.link.poll_output() {
                LinkOutput::Persist { seq, ops } => {
                    bench.store.apply(&self.key, &ops).unwrap();
                    if self.withhold {
                        self.withheld.push(seq);
                    } else {
                        self.link.handle_input(LinkInput::Committed(seq), now);
                    }
                }
                LinkOutput::Transmit(bytes) => {
                    self.writes.push(bytes.len());
                    self.deliver(&bytes, bench);
                }
                LinkOutput::VerifyCertificate(request) => {
                    let verdict = request.verify();
                    self.link.handle_input(
                        LinkInput::CertificateVerified(verdict.map(|()| Acceptance::Authority)),
                        now,
                    );
                }
                LinkOutput::DeriveKeys(id) => {
                    let password = bench.config.password.clone().unwrap();
                    let keys = ScramKeys::derive(&id, &password);
                    self.link
                        .handle_input(LinkInput::KeysDerived { id, keys }, now);
                }
                LinkOutput::Event(event) => self.events.push(event),
                LinkOutput::RequestToken { .. } => panic!("the account has a password"),
                LinkOutput::CloseTransport => {}
                LinkOutput::Closed(error) => self.closed = Some(error),
                LinkOutput::Timeout { .. } => return,
            }
        }
    }

    /// Delivers bytes to the server, in chunks.
    fn deliver(&mut self, bytes: &[u8], bench: &mut Bench) {
        self.clock += Duration::from_millis(1);
        for chunk in bytes.chunks(self.chunk) {
            self.peer
                .handle_bytes(&mut bench.world, chunk, server_time(self.clock));
        }
    }

    /// Exchanges bytes until neither side has more to send.
    fn run(&mut self, bench: &mut Bench) {
        for _ in 0..100 {
            let answer = self.peer.take_output(&mut bench.world).bytes;
            if answer.is_empty() {
                return;
            }
            self.clock += Duration::from_millis(1);
            for chunk in answer.chunks(self.chunk) {
                self.input(LinkInput::Received(chunk), bench);
            }
        }
        panic!("the exchange does not end");
    }

    fn log_in(&mut self, bench: &mut Bench) {
        self.input(LinkInput::Connected, bench);
        self.run(bench);
    }

    fn outcome(&self) -> Option<Outcome> {
        self.events.iter().find_map(|event| match event {
            Event::Online { outcome, .. } => Some(*outcome),
            _ => None,
        })
    }

    fn send(&mut self, id: &str, bench: &mut Bench) {
        let stanza = Element::new("message", ns::CLIENT)
            .with_attr("to", "romeo@localhost")
            .with_attr("id", id)
            .with_child(Element::new("body", ns::CLIENT).with_text("hi"));
        self.input(
            LinkInput::Command(Command::Send {
                stanza: stanza.into(),
                kind: OutboundKind::Message,
            }),
            bench,
        );
    }
}

fn wall() -> UnixTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixTime(i64::try_from(since.as_secs()).unwrap())
}

fn server_time(clock: Duration) -> server::Timestamp {
    Duration::from_secs(u64::try_from(wall().0).unwrap()) + clock
}

fn ids_received(bench: &mut Bench) -> Vec<String> {
    let messages = bench.world.messages_from("juliet");
    messages
        .into_iter()
        .filter_map(|message| message.id)
        .collect()
}

const WHOLE: usize = usize::MAX;

#[test]
fn a_flight_is_one_write() {
    for transport in [Transport::DirectTls, Transport::StartTls] {
        let mut bench = Bench::new(server::Switches::modern(), transport);
        for expected in [Outcome::Bound, Outcome::Resumed, Outcome::Resumed] {
            let mut wire = bench.connect(WHOLE);
            wire.input(LinkInput::Connected, &mut bench);
            while wire.outcome().is_none() {
                let before = wire.writes.len();
                let answer = wire.peer.take_output(&mut bench.world).bytes;
                assert!(
                    !answer.is_empty(),
                    "{transport:?} hangs in {}",
                    wire.link.state_name()
                );
                wire.input(LinkInput::Received(&answer), &mut bench);
                assert!(
                    wire.writes.len() <= before + 1,
                    "{transport:?}: more than one write for a flight"
                );
            }
            assert_eq!(wire.outcome(), Some(expected), "{transport:?}");
            wire.run(&mut bench);
        }
    }
}

#[test]
fn any_chunking_leads_to_the_same_sessions() {
    for chunk in [1, 3, 1000] {
        for transport in [Transport::DirectTls, Transport::StartTls] {
            let mut bench = Bench::with(
                // The combined flight must arrive as one read: `<pipelining/>` promises this about servers, not about
                // networks.
                server::Switches {
                    pipelining: chunk > 1,
                    ..server::Switches::modern()
                },
                transport,
                Policy {
                    early_data: true,
                    ..Policy::default()
                },
            );
            for expected in [Outcome::Bound, Outcome::Resumed] {
                let mut wire = bench.connect(chunk);
                wire.log_in(&mut bench);
                assert_eq!(
                    wire.outcome(),
                    Some(expected),
                    "{transport:?} in chunks of {chunk}"
                );
            }
        }
    }
}

#[test]
fn nothing_leaves_before_its_transaction_is_committed() {
    let mut bench = Bench::new(server::Switches::modern(), Transport::DirectTls);
    let mut wire = bench.connect(WHOLE);
    wire.log_in(&mut bench);
    wire.withhold = true;
    let (writes, events) = (wire.writes.len(), wire.events.len());
    wire.send("one", &mut bench);
    wire.send("two", &mut bench);
    assert_eq!(
        wire.writes.len(),
        writes,
        "bytes left before they were stored"
    );
    assert_eq!(
        wire.events.len(),
        events,
        "a stage was reported before it was stored"
    );
    assert!(ids_received(&mut bench).is_empty());

    let last = *wire.withheld.last().unwrap();
    wire.withhold = false;
    wire.input(LinkInput::Committed(last), &mut bench);
    assert_eq!(wire.writes.len(), writes + 1, "a group commit is one write");
    wire.run(&mut bench);
    assert_eq!(ids_received(&mut bench), ["one", "two"]);
}

#[test]
fn i3_an_ack_waits_for_the_stanza_that_it_counts() {
    let mut bench = Bench::new(server::Switches::modern(), Transport::DirectTls);
    let mut wire = bench.connect(WHOLE);
    wire.log_in(&mut bench);
    wire.withhold = true;
    let writes = wire.writes.len();
    bench.world.inject_message(
        "romeo@localhost/x",
        "juliet@localhost",
        "hi",
        server_time(wire.clock),
    );
    let at = server_time(wire.clock);
    wire.peer.handle_wakeup(&mut bench.world, at);
    let answer = wire.peer.take_output(&mut bench.world).bytes;
    wire.input(LinkInput::Received(&answer), &mut bench);
    assert_eq!(
        wire.writes.len(),
        writes,
        "the message and <r/> came, and <a/> left before the commit"
    );
    assert!(!wire.withheld.is_empty());
    let last = *wire.withheld.last().unwrap();
    wire.input(LinkInput::Committed(last), &mut bench);
    assert_eq!(wire.writes.len(), writes + 1);
    assert!(
        wire.events
            .iter()
            .any(|event| matches!(event, Event::Stanza(_)))
    );
}

#[test]
fn a_failed_commit_ends_the_connection_and_nothing_of_it_leaves() {
    let mut bench = Bench::new(server::Switches::modern(), Transport::DirectTls);
    let mut wire = bench.connect(WHOLE);
    wire.log_in(&mut bench);
    wire.withhold = true;
    wire.send("one", &mut bench);
    let failed = *wire.withheld.first().unwrap();
    wire.input(
        LinkInput::PersistFailed(failed, PersistFailure::Full),
        &mut bench,
    );
    let error = LinkError::Connection(ConnectionError::Local(LocalError::StorageFailed));
    assert_eq!(wire.closed, Some(Some(error)));
    assert!(ids_received(&mut bench).is_empty());
}

#[test]
fn i4_what_was_in_flight_at_a_cut_arrives_once_and_in_order() {
    let mut bench = Bench::new(server::Switches::modern(), Transport::DirectTls);
    let mut wire = bench.connect(WHOLE);
    wire.log_in(&mut bench);
    wire.send("one", &mut bench);
    wire.run(&mut bench);
    // The second message is written, and the path fails before it arrives.
    let at = server_time(wire.clock);
    wire.peer.handle_closed(&mut bench.world, at);
    wire.chunk = WHOLE;
    let stanza = Element::new("message", ns::CLIENT)
        .with_attr("to", "romeo@localhost")
        .with_attr("id", "two");
    let now = wire.now();
    wire.link.handle_input(
        LinkInput::Command(Command::Send {
            stanza: stanza.into(),
            kind: OutboundKind::Message,
        }),
        now,
    );
    while let LinkOutput::Persist { seq, ops } = wire.link.poll_output() {
        bench.store.apply(&wire.key, &ops).unwrap();
        wire.link.handle_input(LinkInput::Committed(seq), now);
    }
    let mut again = bench.connect(WHOLE);
    again.log_in(&mut bench);
    assert_eq!(again.outcome(), Some(Outcome::Resumed));
    again.send("three", &mut bench);
    again.run(&mut bench);
    assert_eq!(ids_received(&mut bench), ["one", "two", "three"]);
    assert_eq!(
        bench.store.queue_len().unwrap(),
        0,
        "everything is acknowledged"
    );
}

#[test]
fn a_connection_cut_at_any_byte_costs_no_session_and_no_stanza() {
    let total = {
        let mut bench = Bench::new(server::Switches::modern(), Transport::StartTls);
        let mut wire = bench.connect(1);
        wire.log_in(&mut bench);
        wire.writes.iter().sum::<usize>()
    };
    for cut in (0..total).step_by(97) {
        let mut bench = Bench::new(server::Switches::modern(), Transport::StartTls);
        bench.world.faults.next_connection = vec![server::Fault::Cut {
            direction: server::Direction::ToServer,
            layer: server::Layer::Wire,
            after: u64::try_from(cut).unwrap(),
        }];
        let mut wire = bench.connect(WHOLE);
        wire.send("early", &mut bench);
        wire.log_in(&mut bench);
        wire.input(LinkInput::TransportClosed, &mut bench);
        assert!(
            wire.closed.is_some(),
            "cut at {cut}: still waiting in {}",
            wire.link.state_name()
        );
        let at = server_time(wire.clock);
        wire.peer.handle_closed(&mut bench.world, at);

        let mut again = bench.connect(WHOLE);
        again.log_in(&mut bench);
        assert!(
            again.outcome().is_some(),
            "cut at {cut}: no session in {}",
            again.link.state_name()
        );
        let ids = ids_received(&mut bench);
        assert_eq!(ids, ["early"], "cut at {cut}");
    }
}

/// A later count, committed without the stanza of the failed transaction, would acknowledge that stanza to the server.
#[test]
fn i1_nothing_is_committed_after_a_failed_transaction() {
    let mut bench = Bench::new(server::Switches::modern(), Transport::DirectTls);
    let mut wire = bench.connect(WHOLE);
    wire.log_in(&mut bench);
    let now = wire.now();
    for id in ["one", "two"] {
        let stanza = Element::new("message", ns::CLIENT)
            .with_attr("to", "romeo@localhost")
            .with_attr("id", id);
        let kind = OutboundKind::Message;
        let stanza = stanza.into();
        let send = Command::Send { stanza, kind };
        wire.link.handle_input(LinkInput::Command(send), now);
    }
    let LinkOutput::Persist { seq, .. } = wire.link.poll_output() else {
        panic!("the first message is stored first");
    };
    wire.link
        .handle_input(LinkInput::PersistFailed(seq, PersistFailure::Full), now);
    loop {
        match wire.link.poll_output() {
            LinkOutput::Persist { .. } => panic!("committed after a failure"),
            LinkOutput::Timeout { .. } => break,
            _ => {}
        }
    }
}
