//! The connection without sockets: driven byte by byte, in virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that goes wrong should stop"
)]

mod support;

use std::io::{Read as _, Write as _};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use support::{Client, HEADER};

use snapback_reference_server::{
    Closing, Connection, PretendTls, Switches, Timestamp, Transport, World,
};

const START: Timestamp = Duration::from_secs(1_800_000_000);

fn world(switches: Switches) -> World {
    let mut world = World::new("localhost", switches, 7).unwrap();
    world.add_account("juliet", "secret");
    world.add_account("romeo", "pass");
    world
}

fn pretend() -> PretendTls {
    PretendTls {
        exporter: vec![1; 32],
        end_point: vec![2; 32],
        resumed: false,
    }
}

fn session_xml(user: &str) -> [String; 2] {
    let plain = STANDARD.encode(format!(
        "\0{user}\0{}",
        if user == "juliet" { "secret" } else { "pass" }
    ));
    [
        format!(
            "{HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
        ),
        format!(
            "{HEADER}<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq><presence/><enable xmlns='urn:xmpp:sm:3' resume='true'/>"
        ),
    ]
}

/// Returns everything that the connection sends in answer to this, fed in chunks.
fn feed(
    connection: &mut Connection,
    world: &mut World,
    text: &[u8],
    chunk: usize,
    now: Timestamp,
) -> Vec<u8> {
    let mut out = Vec::new();
    for bytes in text.chunks(chunk) {
        connection.handle_bytes(world, bytes, now);
        out.extend(connection.take_output(world).bytes);
    }
    out
}

#[test]
fn byte_by_byte_says_the_same_as_all_at_once() {
    let mut transcripts = Vec::new();
    for chunk in [1, 2, 7, 100_000] {
        let mut world = world(Switches::stock_prosody());
        let mut connection =
            Connection::pretending(&mut world, Transport::StartTls, pretend(), START);
        let mut all = Vec::new();
        let starttls = format!("{HEADER}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        all.extend(feed(
            &mut connection,
            &mut world,
            starttls.as_bytes(),
            chunk,
            START,
        ));
        for part in session_xml("juliet") {
            all.extend(feed(
                &mut connection,
                &mut world,
                part.as_bytes(),
                chunk,
                START,
            ));
        }
        transcripts.push(String::from_utf8(all).unwrap());
    }
    assert!(transcripts[0].contains("<enabled"), "{}", transcripts[0]);
    for transcript in &transcripts[1..] {
        assert_eq!(transcript, &transcripts[0]);
    }
}

#[test]
fn real_tls_byte_by_byte() {
    let mut world = world(Switches::modern());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(world.ca_der().into()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(
        rustls::crypto::ring::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_root_certificates(roots)
    .with_no_client_auth();
    let mut tls = Client::new_tls(&config.into());
    let mut connection = Connection::new(&mut world, Transport::DirectTls, START);
    let [login, session] = session_xml("juliet");
    tls.writer().write_all(login.as_bytes()).unwrap();
    let mut seen = String::new();
    let mut bound = false;
    for _ in 0..20 {
        let mut flight = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut flight).unwrap();
        }
        let answer = feed(&mut connection, &mut world, &flight, 1, START);
        for byte in answer {
            tls.read_tls(&mut &[byte][..]).unwrap();
            let state = tls.process_new_packets().unwrap();
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            tls.reader().read_exact(&mut plain).unwrap();
            seen.push_str(std::str::from_utf8(&plain).unwrap());
        }
        if seen.contains("<success") && !bound {
            bound = true;
            tls.writer().write_all(session.as_bytes()).unwrap();
        }
        if seen.contains("<enabled") {
            return;
        }
    }
    panic!("never enabled: {seen}");
}

#[test]
fn two_clients_and_an_expiry_in_virtual_time() {
    let mut world = world(Switches::stock_prosody());
    let login = |world: &mut World, user: &str| {
        let mut connection = Connection::pretending(world, Transport::DirectTls, pretend(), START);
        for part in session_xml(user) {
            feed(&mut connection, world, part.as_bytes(), 1000, START);
        }
        connection
    };
    let mut juliet = login(&mut world, "juliet");
    let mut romeo = login(&mut world, "romeo");
    world.take_dirty();
    feed(
        &mut juliet,
        &mut world,
        support::message("romeo@localhost", "hi").as_bytes(),
        1000,
        START,
    );
    assert!(world.take_dirty().contains(&romeo.id()));
    romeo.handle_wakeup(&mut world, START);
    let output = romeo.take_output(&mut world);
    assert!(
        String::from_utf8(output.bytes)
            .unwrap()
            .contains("<body>hi</body>")
    );

    romeo.handle_closed(&mut world, START);
    assert_eq!(world.sessions().len(), 2);
    let deadline = world.next_deadline().unwrap();
    assert_eq!(deadline, START + Duration::from_secs(600));
    world.handle_timeout(deadline);
    assert_eq!(world.sessions().len(), 1);
}

#[test]
fn a_client_that_never_logs_in_is_sent_away() {
    let mut world = world(Switches::modern());
    let mut connection = Connection::pretending(&mut world, Transport::StartTls, pretend(), START);
    let deadline = connection.next_deadline(&world).unwrap();
    connection.handle_timeout(&mut world, deadline);
    let output = connection.take_output(&mut world);
    assert!(
        String::from_utf8(output.bytes)
            .unwrap()
            .contains("<connection-timeout")
    );
    assert_eq!(output.closing, Some(Closing::Finish));
    assert_eq!(connection.next_deadline(&world), None);
}

/// A small generator, so that a failure names its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

#[test]
fn t6_damaged_input_never_panics_and_never_hangs() {
    let mut world = world(Switches::modern());
    let [login, session] = session_xml("juliet");
    let sasl2 = "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AGp1bGlldABzZWNyZXQ=</initial-response><user-agent id='x'/><resume xmlns='urn:xmpp:sm:3' previd='a' h='1'/><bind xmlns='urn:xmpp:bind:0'><enable xmlns='urn:xmpp:sm:3'/></bind><request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/></authenticate>";
    let stanzas = "<message to='romeo@localhost'><body>x</body></message><iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data'><field var='start'><value>2026-01-01T00:00:00Z</value></field></x><set xmlns='http://jabber.org/protocol/rsm'><max>1</max><before/></set></query></iq><a xmlns='urn:xmpp:sm:3' h='0'/><r xmlns='urn:xmpp:sm:3'/><presence/></stream:stream>";
    let texts = [
        format!("{login}{session}{stanzas}"),
        format!("{}{sasl2}{stanzas}", support::HEADER_FROM),
    ];
    for seed in 1..=2000u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut bytes = texts[dice.roll(2)].clone().into_bytes();
        for _ in 0..dice.roll(4) {
            let at = dice.roll(bytes.len());
            match dice.roll(3) {
                0 => bytes[at] = u8::try_from(dice.roll(256)).unwrap(),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"<>&'=/ x"[dice.roll(8)]),
            }
        }
        let mut connection =
            Connection::pretending(&mut world, Transport::DirectTls, pretend(), START);
        let chunk = 1 + dice.roll(bytes.len());
        feed(&mut connection, &mut world, &bytes, chunk, START);
        connection.handle_closed(&mut world, START);
    }
    world.handle_timeout(START + Duration::from_secs(10_000));
    assert!(world.sessions().is_empty());
}
