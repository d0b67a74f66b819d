//! Rule T9: no secret of a login remains in memory after it was written or read. The test searches all memory of this
//! process. It is therefore a program of its own with one test, and the texts that it searches for are only in memory
//! that was never written to: constants.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that goes wrong should stop"
)]
#![allow(
    clippy::disallowed_types,
    reason = "the memory of this process is read as a file"
)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use snapback_proto::config::{Config, Policy};
use snapback_proto::connection::{Connection, EarlyData, Input, Output, Start, TlsFacts};
use snapback_proto::jid::BareJid;
use snapback_proto::knowledge::{Knowledge, Op};
use snapback_proto::plan::{Purpose, Transport};
use snapback_proto::sasl::{ChannelBindings, TlsVersion};
use snapback_proto::secret::Secret;
use snapback_proto::time::{Instant, Now, UnixTime};
use zeroize::Zeroizing;

const PASSWORD: &str = "the password, long enough that growing a buffer moves it: 0123456789012345678901234567890123456789";
/// The end of `NUL juliet NUL password` in base64.
const PLAIN: &str = "NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OQ==";
const TOKEN: &str = "a-token-that-is-nowhere-else-0123456789-0123456789";
const CONTROL: &str = "planted, and found as long as it is not wiped";

const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
     from='example.org' id='s' version='1.0'>";
const SASL1: &str = "<stream:features><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
     <mechanism>PLAIN</mechanism></mechanisms></stream:features>";
const SASL2: &str = "<stream:features><authentication xmlns='urn:xmpp:sasl:2'><mechanism>PLAIN</mechanism>\
     <inline><bind xmlns='urn:xmpp:bind:0'/><fast xmlns='urn:xmpp:fast:0'><mechanism>HT-SHA-256-EXPR</mechanism></fast>\
     </inline></authentication></stream:features>";

/// Returns whether a text is in writable memory.
fn is_found(needle: &str) -> bool {
    let memory = File::open("/proc/self/mem").unwrap();
    // Only its end: the allocator overwrites the beginning of freed memory.
    let needle = &needle.as_bytes()[needle.len() - 24..];
    for line in fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let mut words = line.split(' ');
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        let bound = |text| u64::from_str_radix(text, 16).unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let (from, to) = (bound(from), bound(to));
        if !rights.starts_with("rw") || to - from > 1 << 30 {
            continue;
        }
        let mut bytes = Zeroizing::new(vec![0; usize::try_from(to - from).unwrap()]);
        let length = memory.read_at(&mut bytes, from).unwrap_or(0);
        let mut windows = bytes[..length].windows(needle.len());
        if windows.any(|window| window == needle) {
            return true;
        }
    }
    false
}

fn connection(password: &str) -> Connection {
    let account = BareJid::try_from("juliet@example.org").unwrap();
    let config = Config {
        password: Some(Secret::from(password)),
        policy: Policy {
            allow_plain: true,
            ..Policy::default()
        },
        ..Config::new(account, "d4565fa7-4d72-4749-b3d3-740edbf87770")
    };
    let start = Start {
        config: Arc::new(config),
        transport: Transport::DirectTls,
        knowledge: Knowledge::default(),
        token_refused: false,
        fast_open: false,
        early_data_possible: false,
        purpose: Purpose::Session,
        active: true,
        seed: [42; 32],
        derived_keys: None,
    };
    Connection::new(start, NOW)
}

const NOW: Now = Now {
    mono: Instant::ZERO,
    wall: UnixTime(1_795_305_600),
};

/// Returns what is written, and whether a token was stored.
fn input(connection: &mut Connection, input: Input<'_>) -> (String, bool) {
    connection.handle_input(input, NOW);
    let (mut written, mut token) = (String::new(), false);
    loop {
        match connection.poll_output() {
            Output::Timeout { .. } => return (written, token),
            // Only the element's name is used: a copy of the bytes would be found.
            Output::Transmit { bytes, .. } => {
                let text = std::str::from_utf8(&bytes).unwrap();
                let name = text.split([' ', '>']).next().unwrap();
                written.push_str(name);
            }
            Output::Persist { ops, .. } => {
                token |= ops.iter().any(|op| matches!(op, Op::StoreFast(_)));
            }
            _ => {}
        }
    }
}

fn log_in(features: &str) -> Connection {
    let mut connection = connection(PASSWORD);
    input(&mut connection, Input::Connected);
    let facts = TlsFacts {
        version: TlsVersion::Tls13,
        bindings: ChannelBindings {
            tls_exporter: Some(vec![7; 32]),
            tls_server_end_point: None,
        },
        key: [5; 32],
        by_authority: true,
        resumes_proven: false,
        early_data: EarlyData::NotSent,
    };
    input(&mut connection, Input::TlsEstablished(facts));
    input(&mut connection, Input::Received(HEADER.as_bytes()));
    let (written, _) = input(&mut connection, Input::Received(features.as_bytes()));
    assert!(written.starts_with("<auth"), "{written}");
    connection
}

#[test]
fn t9_a_login_leaves_neither_password_nor_token_in_memory() {
    let control = CONTROL.to_owned();
    assert!(is_found(CONTROL), "the search finds what is there");
    drop(Secret::new(control));
    assert!(!is_found(CONTROL), "the search finds only what is there");

    let first = log_in(SASL1);
    assert!(!is_found(PLAIN), "PLAIN's text after `<auth/>`");
    let mut second = log_in(SASL2);
    assert!(!is_found(PLAIN), "PLAIN's text after `<authenticate/>`");

    let success = format!(
        "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>juliet@example.org/x</authorization-identifier>\
         <bound xmlns='urn:xmpp:bind:0'/><token xmlns='urn:xmpp:fast:0' expiry='2030-01-01T00:00:00Z' token='{TOKEN}'/>\
         </success>"
    );
    let success = Zeroizing::new(success.into_bytes());
    let (_, stored) = input(&mut second, Input::Received(&success));
    assert!(stored, "the token arrived");
    drop(success);
    drop((first, second));
    assert!(!is_found(TOKEN), "the token after its login");
    assert!(!is_found(PASSWORD), "the password after its connections");
}
