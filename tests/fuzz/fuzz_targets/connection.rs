//! One whole connection with a hostile server, network, store and clock: no sequence of inputs makes it panic, hang or
//! violate its calling contract. The input is a script; see `run`.
#![no_main]

use std::sync::Arc;
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use snapback_proto::config::{Config, Identity, Policy, Timeouts, UserAgent};
use snapback_proto::connection::{
    Command, Connection, EarlyData, Event, Input, Output, PersistFailure, Seq, Start, TlsFacts,
};
use snapback_proto::jid::BareJid;
use snapback_proto::knowledge::{Greeting, Knowledge, Op, OutboundKind, OutboundStanza, SmSession};
use snapback_proto::plan::{Purpose, Transport};
use snapback_proto::sasl::{ChannelBindings, Method, SaslError, ScramKeyId, TlsVersion};
use snapback_proto::secret::Secret;
use snapback_proto::time::{Instant, Now, UnixTime};
use snapback_proto::xml::{Element, Limits};

/// The maximum number of outputs of one input.
const MAX_OUTPUTS: usize = 10_000;

/// Phrases of servers, so that the fuzzer need not find them byte by byte. PLAIN is allowed: it needs no proof.
const PHRASES: &[&str] = &[
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0' id='x' from='example.org'>",
    "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>",
    "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms></stream:features>",
    "<stream:features><authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism><inline><bind xmlns='urn:xmpp:bind:0'><inline><feature var='urn:xmpp:sm:3'/></inline></bind><sm xmlns='urn:xmpp:sm:3'/><fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism></fast></inline></authentication><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
    "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
    "<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/><ver xmlns='urn:xmpp:features:rosterver'/><csi xmlns='urn:xmpp:csi:0'/></stream:features>",
    "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>juliet@example.org/x</authorization-identifier><bound xmlns='urn:xmpp:bind:0'><enabled xmlns='urn:xmpp:sm:3' id='y' resume='true'/></bound></success>",
    "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>juliet@example.org/x</authorization-identifier><resumed xmlns='urn:xmpp:sm:3' previd='sm' h='4294967295'/></success>",
    "<enabled xmlns='urn:xmpp:sm:3' id='z' resume='true' max='60'/>",
    "<resumed xmlns='urn:xmpp:sm:3' previd='sm' h='0'/>",
    "<failed xmlns='urn:xmpp:sm:3' h='4294967295'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>",
    "<r xmlns='urn:xmpp:sm:3'/>",
    "<a xmlns='urn:xmpp:sm:3' h='1'/>",
    "<a xmlns='urn:xmpp:sm:3' h='4294967295'/>",
    "<message from='romeo@example.net' id='m'><body>hi</body></message>",
    "<presence from='romeo@example.net'/>",
    "<iq type='get' id='p' from='example.org'><ping xmlns='urn:xmpp:ping'/></iq>",
    "<iq type='set' id='r'><query xmlns='jabber:iq:roster' ver='2'><item jid='nurse@example.org' subscription='both'/></query></iq>",
    "<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>cj14LHM9eCxpPTQwOTY=</challenge>",
    "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><invalid-mechanism/></failure>",
    "<failure xmlns='urn:xmpp:sasl:2'><not-authorized xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></failure>",
    "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>evil.example</see-other-host></stream:error>",
    "</stream:stream>",
    "<!-- -->",
];

fuzz_target!(|input: &[u8]| {
    if let Some((&start, script)) = input.split_first() {
        Driver::new(start).run(script);
    }
});

struct Driver {
    connection: Connection,
    now: Now,
    last_seq: Option<Seq>,
    uncommitted: Vec<Seq>,
    committed: Option<Seq>,
    keys: Option<ScramKeyId>,
    deadline: Option<Instant>,
    closed: bool,
    transport_closed: bool,
    id: u64,
    /// Bind requests that were sent, whose ids the server would repeat.
    bind_id: Option<String>,
}

impl Driver {
    fn new(start: u8) -> Self {
        let now = Now {
            mono: Instant::ZERO,
            wall: UnixTime(1_795_000_000),
        };
        let transport = if start & 1 == 0 {
            Transport::DirectTls
        } else {
            Transport::StartTls
        };
        let start = Start {
            config: Arc::new(config(start & 2 != 0)),
            transport,
            knowledge: knowledge(start & 4 != 0),
            derived_keys: None,
            token_refused: false,
            fast_open: false,
            early_data_possible: start & 8 != 0,
            purpose: match (start & 16 != 0, start & 64 != 0) {
                (true, _) => Purpose::LogOut,
                (_, true) => Purpose::ResumeOnly,
                _ => Purpose::Session,
            },
            active: start & 32 != 0,
            seed: [7; 32],
        };
        Self {
            connection: Connection::new(start, now),
            now,
            last_seq: None,
            uncommitted: Vec::new(),
            committed: None,
            keys: None,
            deadline: None,
            closed: false,
            transport_closed: false,
            id: 0,
            bind_id: None,
        }
    }

    /// Each step is an opcode, sometimes with operands.
    fn run(&mut self, script: &[u8]) {
        let mut script = script.iter().copied();
        while let Some(opcode) = script.next() {
            match opcode % 16 {
                0 => self.input(Input::Connected),
                1 => self.input(Input::TlsEstablished(facts(script.next().unwrap_or(0)))),
                2 => self.input(Input::TransportClosed),
                3 => self.pass_time(script.next().unwrap_or(0)),
                4 => self.commit(),
                5 => self.fail_commit(),
                6 => self.derived(),
                7 => self.command(script.next().unwrap_or(0)),
                8 => {
                    let end_point = script.next().filter(|byte| *byte > 0);
                    let end_point = end_point.map(|byte| vec![byte; 32]);
                    self.input(Input::EarlyDataReady { end_point });
                }
                9 | 10 => {
                    let length = usize::from(script.next().unwrap_or(0));
                    let bytes: Vec<u8> = script.by_ref().take(length).collect();
                    self.input(Input::Received(&bytes));
                }
                11 => self.bound(),
                12 => {
                    let index = usize::from(script.next().unwrap_or(0));
                    let phrase = PHRASES[index % PHRASES.len()].as_bytes();
                    let chunk = usize::from(script.next().unwrap_or(0)).max(1);
                    for bytes in phrase.chunks(chunk) {
                        self.input(Input::Received(bytes));
                    }
                }
                13 => self.input(Input::CertificateRefused),
                _ => {
                    let index = usize::from(opcode / 16) + 16 * usize::from(opcode % 2);
                    let phrase = PHRASES[index % PHRASES.len()];
                    self.input(Input::Received(phrase.as_bytes()));
                }
            }
        }
    }

    fn input(&mut self, input: Input<'_>) {
        self.connection.handle_input(input, self.now);
        for _ in 0..MAX_OUTPUTS {
            match self.connection.poll_output() {
                Output::Timeout { when, why } => {
                    assert_eq!(when.is_some(), why.is_some());
                    assert!(!self.closed || when.is_none(), "a deadline after the end");
                    self.deadline = when;
                    assert_eq!(self.connection.is_closed(), self.closed, "one `Closed`");
                    return;
                }
                output => self.output(output),
            }
        }
        panic!("its outputs do not end");
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Persist { seq, ops } => {
                assert!(self.last_seq < Some(seq), "numbers rise");
                self.last_seq = Some(seq);
                self.uncommitted.push(seq);
                for op in ops {
                    if let Op::Enqueue(stanza) = op {
                        assert!(!stanza.xml.is_empty());
                    }
                }
            }
            Output::Transmit { after, bytes, .. } => {
                assert!(
                    after <= self.last_seq,
                    "waits for a request that was never sent"
                );
                assert!(!self.transport_closed, "writes after the end");
                let text = String::from_utf8(bytes.to_vec()).expect("we write UTF-8");
                if let Some((_, rest)) = text.split_once("<iq type='set' id='") {
                    self.bind_id = rest.split('\'').next().map(str::to_owned);
                }
            }
            Output::Event { after, event } => {
                assert!(after <= self.last_seq);
                assert!(!self.closed, "events after the end");
                self.closed = matches!(event, Event::Closed(_));
            }
            Output::CloseTransport => {
                assert!(!self.transport_closed, "closes twice");
                self.transport_closed = true;
            }
            Output::DeriveKeys(id) => self.keys = Some(id),
            Output::ClientHello
            | Output::TlsFollows { .. }
            | Output::Understood(_)
            | Output::LoginProven
            | Output::Escalated(_)
            | Output::RequestToken { .. }
            | Output::Timeout { .. } => {}
        }
    }

    fn pass_time(&mut self, amount: u8) {
        let mono = match (amount, self.deadline) {
            (0, Some(deadline)) => deadline.max(self.now.mono),
            _ => self.now.mono + Duration::from_millis(u64::from(amount) * 100),
        };
        self.now.mono = mono;
        self.input(Input::Timeout);
    }

    fn commit(&mut self) {
        if self.uncommitted.is_empty() {
            return;
        }
        let seq = self.uncommitted.remove(0);
        self.committed = Some(seq);
        self.input(Input::Committed { seq });
    }

    fn fail_commit(&mut self) {
        if self.uncommitted.is_empty() {
            return;
        }
        let seq = self.uncommitted.remove(0);
        let kind = PersistFailure::Full;
        self.input(Input::PersistFailed { seq, kind });
    }

    fn derived(&mut self) {
        if let Some(id) = self.keys.take() {
            let keys = Err(SaslError::BadCredentialText);
            self.input(Input::KeysDerived { id, keys });
        }
    }

    fn command(&mut self, which: u8) {
        self.id += 1;
        let id = format!("s{}", self.id);
        let stanza = |name: &str| Element::new(name, "jabber:client").with_attr("id", id.as_str());
        let command = match which % 6 {
            0 => Command::Send {
                stanza: stanza("message").into(),
                kind: OutboundKind::Message,
            },
            1 => Command::Send {
                stanza: stanza("iq").with_attr("type", "get").into(),
                kind: OutboundKind::SessionBound,
            },
            2 => Command::Probe {
                deadline: self.now.mono + Duration::from_secs(3),
            },
            3 => Command::SetActive(which < 128),
            4 => Command::Send {
                stanza: stanza("presence").into(),
                kind: OutboundKind::SessionBound,
            },
            _ => Command::Close,
        };
        self.input(Input::Command(command));
    }

    fn bound(&mut self) {
        let Some(id) = self.bind_id.take() else {
            return;
        };
        let answer = format!(
            "<iq type='result' id='{id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@example.org/x</jid></bind></iq>"
        );
        self.input(Input::Received(answer.as_bytes()));
    }
}

fn config(allow_plain: bool) -> Config {
    Config {
        account: BareJid::try_from("juliet@example.org").expect("a JID"),
        password: Some(Secret::from("secret")),
        method: Method::Password,
        resource: "x".to_owned(),
        user_agent: UserAgent {
            id: "4b2c6f5e-0a1d-4d3e-9c7b-1f2e3d4c5b6a".to_owned(),
            software: None,
            device: None,
        },
        policy: Policy {
            allow_plain,
            early_data: true,
            ..Policy::default()
        },
        timeouts: Timeouts::default(),
        limits: Limits {
            before_login: 4096,
            stanza: 2048,
            iq_result: 4096,
            depth: 8,
            attributes: 6,
            namespaces: 6,
            ..Limits::default()
        },
        carbons: true,
        presence: true,
        roster: true,
        catch_up: snapback_proto::config::CatchUp::default(),
        identity: Identity {
            name: "x".to_owned(),
            kind: "phone".to_owned(),
            node: "https://example.org/".to_owned(),
            features: Vec::new(),
            requests: Vec::new(),
        },
    }
}

/// Returns counters close to where they wrap.
fn knowledge(has_session: bool) -> Knowledge {
    if !has_session {
        return Knowledge::default();
    }
    let queue = (0..3).map(|seq| {
        let message = Element::new("message", "jabber:client").with_attr("id", format!("q{seq}"));
        let queued_at = UnixTime(1_794_000_000);
        OutboundStanza {
            sent: seq < 2,
            unknown: seq == 2,
            ..OutboundStanza::new(seq, OutboundKind::Message, message.into(), queued_at)
        }
    });
    Knowledge {
        sm: Some(SmSession {
            id: "sm".to_owned(),
            jid: "juliet@example.org/x".to_owned(),
            h: u32::MAX - 1,
            base: u32::MAX - 1,
            max: None,
            location: None,
            alive_at: UnixTime(1_794_999_990),
            pending: Vec::new(),
            hand_over: None,
            greeting: Greeting::default(),
        }),
        queue: queue.collect(),
        next_seq: 3,
        ..Knowledge::default()
    }
}

fn facts(byte: u8) -> TlsFacts {
    TlsFacts {
        version: if byte & 1 == 0 {
            TlsVersion::Tls13
        } else {
            TlsVersion::Tls12
        },
        bindings: ChannelBindings {
            tls_exporter: (byte & 2 == 0).then(|| vec![1; 32]),
            tls_server_end_point: (byte & 4 == 0).then(|| vec![2; 32]),
        },
        key: [byte & 8; 32],
        by_authority: byte & 32 != 0,
        resumes_proven: byte & 16 != 0,
        early_data: match byte >> 6 {
            0 => EarlyData::NotSent,
            1 => EarlyData::Accepted,
            _ => EarlyData::Rejected,
        },
    }
}
