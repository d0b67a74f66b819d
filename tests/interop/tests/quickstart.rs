//! `mod_quickstart` on Prosody: what it accepts, and what it refuses safely. `round_trips.rs` counts the flights.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test"
)]

mod raw;

use std::io::Write as _;
use std::time::Duration;

use raw::{STARTTLS, Secure, connect, header, is_closed, read_until, resume};
use snapback_interop::{Account, Flavour, RunningServer, ServerConfig, start_or_skip};

const JULIET: &str = "juliet@snapback.test";
const ROMEO: &str = "romeo@snapback.test";
const REFUSED: &str = "<item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>";
const SASL_OFFER: &str = "</stream:features>";

fn server() -> Option<RunningServer> {
    start_or_skip(ServerConfig::new(Flavour::ProsodyQuickstart))
}

/// Opens a direct TLS stream, sends the header and reads the features.
fn stream(server: &RunningServer, from: &str) -> Secure {
    let mut stream = Secure::direct(server);
    stream.say(&header(from)).hear(SASL_OFFER);
    stream
}

/// Returns a session of Juliet's without a connection.
fn sleeping_session(server: &RunningServer) -> String {
    let mut stream = stream(server, JULIET);
    let id = stream.log_in(server, Account::Juliet);
    stream.vanish();
    id
}

#[test]
fn the_starttls_flight_may_come_in_any_pieces() {
    let Some(server) = server() else { return };
    let long = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'></starttls>";
    let prefixed = "<t:starttls xmlns:t='urn:ietf:params:xml:ns:xmpp-tls'></t:starttls\n>";
    for starttls in [STARTTLS, long, prefixed] {
        for piece in [1, 2, 7, 50, 250, 4096] {
            println!("{starttls} in pieces of {piece}");
            let mut stream = Secure::starttls(&server, &header(""), starttls, piece);
            let features = stream.say(&header(JULIET)).hear(SASL_OFFER);
            assert!(
                features.contains("<pipelining xmlns='urn:xmpp:features:pipelining'/>"),
                "{features}"
            );
        }
    }
}

#[test]
fn garbage_after_starttls_ends_that_connection_and_nothing_else() {
    let Some(server) = server() else { return };
    let resume = resume("x", "h='0'");
    for garbage in [
        "<",
        "garbage",
        "\u{16}\u{3}\u{1}",
        &resume,
        &header(JULIET),
        &"x".repeat(20_000),
    ] {
        let mut clear = connect(server.starttls_addr());
        // The server may reset before it has read all of it.
        let _ = clear.write_all(format!("{}{STARTTLS}{garbage}", header("")).as_bytes());
        let _ = clear.shutdown(std::net::Shutdown::Write);
        let answer = read_until(&mut clear, &["\u{0}never"]);
        let (_, after) = answer.split_once("<proceed").expect("TLS may begin");
        assert!(
            !after.contains("<failed") && !after.contains("<stream:"),
            "{after}"
        );
    }
    assert!(!sleeping_session(&server).is_empty(), "it works as before");
}

#[test]
fn a_cleartext_stream_that_is_long_before_starttls_is_read_as_without_the_module() {
    let Some(server) = server() else { return };
    let padded = format!("{}{}", header(""), " ".repeat(10_000));
    let mut clear = connect(server.starttls_addr());
    clear.write_all(padded.as_bytes()).expect("it is sent");
    read_until(&mut clear, &[SASL_OFFER]);
    clear.write_all(STARTTLS.as_bytes()).expect("it is sent");
    let answer = read_until(
        &mut clear,
        &["<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
    );
    assert!(answer.contains("<proceed"), "{answer}");
}

#[test]
fn a_session_is_resumed_right_after_tls_and_what_follows_it_is_handled() {
    let Some(server) = server() else { return };
    let id = sleeping_session(&server);
    assert!(
        id.len() >= 22,
        "128 bits take 22 characters of base64: {id}"
    );
    assert_ne!(id, sleeping_session(&server));
    let mut stream = Secure::direct(&server);
    let message = format!("<message to='{JULIET}' type='chat' id='m'><body>hi</body></message>");
    let request = "<r xmlns='urn:xmpp:sm:3'/>";
    stream.say(&format!(
        "{}{}{message}{request}",
        header(JULIET),
        resume(&id, "h='0'")
    ));
    let resumed = stream.hear_tag("<a ");
    assert_eq!(raw::attribute(&resumed, "<a", "h"), "1");
    assert!(resumed.contains(&format!("previd='{id}'")), "{resumed}");
}

#[test]
fn a_stanza_cut_in_the_middle_does_not_spoil_the_resumed_stream() {
    let Some(server) = server() else { return };
    let mut stream = stream(&server, JULIET);
    let id = stream.log_in(&server, Account::Juliet);
    // Both in one write: once the first is answered, the half has been read.
    stream.say("<r xmlns='urn:xmpp:sm:3'/><message to='juliet@snapback.test'><body>half of");
    stream.hear_tag("<a ");
    stream.vanish();
    let mut again = Secure::direct(&server);
    again.say(&format!("{}{}", header(JULIET), resume(&id, "h='0'")));
    again.hear("<resumed");
    for number in 1..4 {
        again.say(
            "<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq><r xmlns='urn:xmpp:sm:3'/>",
        );
        let answer = again.hear_tag("<a ");
        assert_eq!(raw::attribute(&answer, "<a", "h"), number.to_string());
    }
}

#[test]
fn a_resumption_without_tls_is_refused() {
    let Some(server) = server() else { return };
    let id = sleeping_session(&server);
    let mut clear = connect(server.starttls_addr());
    let flight = format!("{}{}", header(JULIET), resume(&id, "h='0'"));
    clear.write_all(flight.as_bytes()).expect("it is sent");
    let answer = read_until(&mut clear, &["</failed>"]);
    assert!(
        answer.contains("<failed") && !answer.contains("<resumed"),
        "{answer}"
    );
    assert!(
        !answer.contains("urn:xmpp:sm:3'><optional"),
        "not offered: {answer}"
    );
}

#[test]
fn a_wrong_resumption_is_refused_and_the_login_goes_on() {
    let Some(server) = server() else { return };
    let id = sleeping_session(&server);
    let other = "x".repeat(36);
    for (what, from, previd, h) in [
        ("unknown id", JULIET, other.as_str(), "h='0'"),
        ("empty id", JULIET, "", "h='0'"),
        ("another user", ROMEO, &id, "h='0'"),
        ("an unknown user", "", &id, "h='0'"),
        ("another host", "juliet@example.org", &id, "h='0'"),
        ("no h", JULIET, &id, ""),
        ("a negative h", JULIET, &id, "h='-1'"),
        ("no number", JULIET, &id, "h='0x1'"),
        ("an h too high", JULIET, &id, "h='7'"),
        ("an h beyond all", JULIET, &id, "h='99999999999999999999'"),
    ] {
        let mut stream = stream(&server, from);
        let failed = stream.say(&resume(previd, h)).hear(REFUSED);
        assert!(
            failed.contains("<failed xmlns='urn:xmpp:sm:3'>"),
            "{what}: {failed}"
        );
        stream.authenticate(&server, Account::Romeo);
    }
    // None of these has ended Juliet's session.
    stream(&server, JULIET)
        .say(&resume(&id, "h='0'"))
        .hear("<resumed");
}

#[test]
fn a_stream_has_one_attempt() {
    let Some(server) = server() else { return };
    let id = sleeping_session(&server);
    let mut stream = stream(&server, JULIET);
    stream.say(&resume("guess", "h='0'")).hear(REFUSED);
    stream.say(&resume(&id, "h='0'")).hear(REFUSED);
    stream.authenticate(&server, Account::Juliet);
}

#[test]
fn refusals_per_address_and_minute_are_limited() {
    let Some(server) = server() else { return };
    let id = sleeping_session(&server);
    for _ in 0..31 {
        stream(&server, JULIET)
            .say(&resume("guess", "h='0'"))
            .hear(REFUSED);
    }
    let mut stream = stream(&server, JULIET);
    stream.say(&resume(&id, "h='0'")).hear(REFUSED);
    stream.authenticate(&server, Account::Juliet);
}

#[test]
fn a_disabled_or_deleted_account_is_not_resumed() {
    let Some(server) = server() else { return };
    let refused = |id: &str| {
        let mut stream = stream(&server, JULIET);
        stream.say(&resume(id, "h='0'")).hear(REFUSED);
    };
    let id = sleeping_session(&server);
    for command in ["disable", "enable"] {
        let command = ["shell", "user", command, JULIET];
        server.prosodyctl(&command).expect("the operator may");
        refused(&id);
    }
    let id = sleeping_session(&server);
    let command = ["shell", "user", "delete", JULIET];
    server.prosodyctl(&command).expect("the operator may");
    refused(&id);
}

#[test]
fn an_expired_session_is_refused_and_the_login_goes_on() {
    let config = ServerConfig {
        resume_window_s: 1,
        ..ServerConfig::new(Flavour::ProsodyQuickstart)
    };
    let Some(server) = start_or_skip(config) else {
        return;
    };
    let id = sleeping_session(&server);
    // A request would keep it alive.
    std::thread::sleep(Duration::from_secs(4));
    let mut stream = stream(&server, JULIET);
    stream.say(&resume(&id, "h='0'")).hear(REFUSED);
    stream.authenticate(&server, Account::Juliet);
}

#[test]
fn malformed_xml_on_a_resumed_stream_closes_it() {
    let Some(server) = server() else { return };
    let id = sleeping_session(&server);
    let mut stream = stream(&server, JULIET);
    stream.say(&resume(&id, "h='0'")).hear("<resumed");
    stream.say("<message></presence>");
    assert!(stream.is_closed());
    assert!(is_closed(&mut connect_and_hang_up(&server)));
}

fn connect_and_hang_up(server: &RunningServer) -> std::net::TcpStream {
    let stream = connect(server.starttls_addr());
    stream
        .shutdown(std::net::Shutdown::Write)
        .expect("it is shut down");
    stream
}
