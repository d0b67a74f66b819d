//! The effect of each fault.

mod support;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use support::*;

use snapback_reference_server::{
    Action, CertificateFault, Direction, Fault, Layer, Malformed, Point, ReferenceServer, Switches,
};

fn quiet() -> Switches {
    Switches {
        unprompted_restart: false,
        sm_request_every: None,
        ..Switches::modern()
    }
}

fn with_fault(fault: Fault) -> ReferenceServer {
    let server = server(quiet());
    server.faults(|faults| faults.all.push(fault));
    server
}

fn direct(server: &ReferenceServer) -> Client {
    Client::direct(server, &tls_config(server))
}

/// Reads the content of `<success/>` or of its `<additional-data/>`, and returns whether it contains a proof.
fn sasl2_scram(client: &mut Client, inline: &str) -> (Scram, String) {
    let mut scram = Scram::new("SCRAM-SHA-1", "juliet", "secret");
    client.send(&format!(
        "{HEADER_FROM}<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1'><initial-response>{}</initial-response>{USER_AGENT}{inline}</authenticate>",
        scram.first()
    ));
    let challenge = client.until("</challenge>");
    let response = scram.last(content(&challenge, "challenge"));
    client.send(&format!(
        "<response xmlns='urn:xmpp:sasl:2'>{response}</response>"
    ));
    let success = client.until("</success>");
    (scram, success)
}

#[test]
fn t4_wrong_or_missing_scram_proof() {
    let server = with_fault(Fault::WrongScramSignature);
    let (scram, success) = sasl2_scram(&mut direct(&server), "");
    assert!(!scram.proves(content(&success, "additional-data")));
    server.faults(|faults| faults.all = vec![Fault::SuccessWithoutProof]);
    let (_, success) = sasl2_scram(&mut direct(&server), "");
    assert!(!success.contains("additional-data"));
}

#[test]
fn t4_wrong_token_proof_and_forgotten_tokens() {
    let server = server(quiet());
    let (_, success) = sasl2_scram(
        &mut direct(&server),
        "<request-token xmlns='urn:xmpp:fast:0' mechanism='HT-SHA-256-NONE'/>",
    );
    let token = attribute(&success, "token", "token");
    let (initial, proof) = ht("juliet", &token, b"");
    let login = format!(
        "{HEADER_FROM}<authenticate xmlns='urn:xmpp:sasl:2' mechanism='HT-SHA-256-NONE'><initial-response>{initial}</initial-response>{USER_AGENT}<fast xmlns='urn:xmpp:fast:0'/></authenticate>"
    );
    server.faults(|faults| {
        faults
            .accounts
            .insert("juliet".into(), vec![Fault::WrongHtProof]);
    });
    let mut client = direct(&server);
    client.send(&login);
    let success = client.until("</success>");
    assert_ne!(content(&success, "additional-data"), proof);
    server.faults(|faults| faults.next_connection.push(Fault::ForgetFastTokens));
    let mut client = direct(&server);
    client.send(&login);
    assert!(client.until("</failure>").contains("<not-authorized"));
}

#[test]
fn t4_a_stanza_before_login() {
    let server = with_fault(Fault::StanzaBeforeLogin);
    let mut client = direct(&server);
    client.send(&format!(
        "{HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{}</auth>",
        STANDARD.encode("\0juliet\0secret")
    ));
    let seen = client.until("<success");
    assert!(seen.contains("<message"), "{seen}");
}

#[test]
fn i5_wrong_h_in_acks() {
    for (fault, expected) in [
        (Fault::AckHTooHigh, "h='1001'"),
        (Fault::AckHBackward, "h='4294966297'"),
    ] {
        let server = with_fault(fault);
        let mut client = session(&server, "juliet", "secret", "x");
        enable(&mut client);
        client.send("<presence/><r xmlns='urn:xmpp:sm:3'/>");
        client.until("<a ");
        let a = client.until("/>");
        assert!(a.contains(expected), "{a}");
    }
    let server = with_fault(Fault::AckWithoutH);
    let mut client = session(&server, "juliet", "secret", "x");
    enable(&mut client);
    client.send("<r xmlns='urn:xmpp:sm:3'/>");
    client.until("<a xmlns='urn:xmpp:sm:3'/>");
}

#[test]
fn i5_i7_wrong_resumed() {
    for (fault, expected) in [
        (Fault::ResumedHTooHigh, "h='1000'"),
        (Fault::ResumedHBackward, "h='4294966296'"),
        (Fault::ResumedWrongPrevid, "previd='another-session'"),
        (Fault::ForgetSmSession, "<item-not-found"),
        (Fault::BoundAndResumed, "<bound"),
    ] {
        let server = server(quiet());
        let mut old = session(&server, "juliet", "secret", "x");
        let id = enable(&mut old);
        server.faults(|faults| faults.next_connection.push(fault));
        let mut new = direct(&server);
        let (_, success) = sasl2_scram(
            &mut new,
            &format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>"),
        );
        assert!(success.contains(expected), "{success}");
    }
}

#[test]
fn i7_i11_enabled_twice_and_resumed_beside_bound() {
    let server = with_fault(Fault::SecondEnabled);
    let mut client = session(&server, "juliet", "secret", "x");
    enable(&mut client);
    client.until("<enabled");
    server.faults(|faults| faults.all = vec![Fault::BoundAndResumed]);
    let (_, success) = sasl2_scram(&mut direct(&server), "<bind xmlns='urn:xmpp:bind:0'/>");
    assert!(
        success.contains("<bound") && success.contains("<resumed"),
        "{success}"
    );
}

#[test]
fn s1_starttls_refused_or_missing() {
    let server = with_fault(Fault::RefuseStarttls);
    let mut client = Client::tcp(server.starttls_addr());
    client.send(&format!(
        "{HEADER}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    ));
    assert!(
        client
            .rest()
            .ends_with("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>")
    );
    server.faults(|faults| faults.all = vec![Fault::DropStarttlsFeature]);
    let mut client = Client::tcp(server.starttls_addr());
    client.send(HEADER);
    assert!(!client.until("</stream:features>").contains("starttls"));
}

#[test]
fn t1_wrong_certificates() {
    let server = server(quiet());
    let config = tls_config(&server);
    for (fault, expected) in [
        (CertificateFault::OtherName, "NotValidForName"),
        (CertificateFault::UnknownAuthority, "UnknownIssuer"),
        (CertificateFault::Expired, "xpired"),
    ] {
        server.faults(|faults| faults.next_connection.push(Fault::Certificate(fault)));
        let mut client = Client::tcp(server.direct_addr());
        let error = client.handshake(&config).unwrap_err();
        let squeezed = error.replace(' ', "").to_lowercase();
        assert!(
            squeezed.contains(&expected.to_lowercase()) || squeezed.contains("notvalidfor"),
            "{fault:?}: {error}"
        );
    }
    Client::tcp(server.direct_addr())
        .handshake(&config)
        .unwrap();
}

#[test]
fn cuts_after_a_number_of_bytes_in_each_direction_and_layer() {
    let server = server(quiet());
    let cut = |direction, layer, after| Fault::Cut {
        direction,
        layer,
        after,
    };
    server.faults(|faults| {
        faults.next_connection = vec![cut(Direction::ToClient, Layer::Plaintext, 30)];
    });
    let mut client = direct(&server);
    client.send(HEADER);
    assert_eq!(client.rest().len(), 30);
    server.faults(|faults| {
        faults.next_connection = vec![cut(Direction::ToClient, Layer::Wire, 100)];
    });
    assert!(
        Client::tcp(server.direct_addr())
            .handshake(&tls_config(&server))
            .is_err()
    );
    server.faults(|faults| {
        faults.next_connection = vec![cut(Direction::ToServer, Layer::Plaintext, 40)];
    });
    let mut client = direct(&server);
    client.send(HEADER);
    assert_eq!(client.rest(), "");
    server.faults(|faults| {
        faults.next_connection = vec![cut(Direction::ToServer, Layer::Wire, 10)];
    });
    let mut client = Client::tcp(server.starttls_addr());
    client.send(HEADER);
    assert_eq!(client.rest(), "");
}

#[test]
fn an_end_without_close_notify() {
    for (fault, notified) in [(None, true), (Some(Fault::CloseWithoutNotify), false)] {
        let server = server(quiet());
        server.faults(|faults| faults.all.extend(fault));
        let mut client = session(&server, "juliet", "secret", "x");
        client.send("</stream:stream>");
        client.rest();
        let state = client.tls.as_mut().unwrap().process_new_packets().unwrap();
        assert_eq!(state.peer_has_closed(), notified);
    }
}

#[test]
fn a_delayed_answer() {
    let server = with_fault(Fault::DelayAnswer {
        element: "iq".into(),
        by: Duration::from_millis(200),
    });
    let mut client = direct(&server);
    scram_login(&mut client, Scram::new("SCRAM-SHA-1", "juliet", "secret"));
    let start = Instant::now();
    bind(&mut client, "x");
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn malformed_xml_at_every_point() {
    for (point, malformed) in [
        (Point::CleartextFeatures, Malformed::Doctype),
        (Point::EncryptedFeatures, Malformed::MismatchedTag),
        (Point::Login, Malformed::Comment),
        (Point::Online, Malformed::StrayText),
        (Point::FirstStanza, Malformed::UndeclaredEntity),
    ] {
        let server = with_fault(Fault::At(point, Action::Send(malformed)));
        let mark = std::str::from_utf8(malformed.bytes()).unwrap();
        let mut client = Client::tcp(server.starttls_addr());
        client.send(HEADER);
        if point == Point::CleartextFeatures {
            client.until(mark);
            continue;
        }
        let mut client = direct(&server);
        client.send(&format!("{HEADER_FROM}<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>{}</initial-response>{USER_AGENT}<bind xmlns='urn:xmpp:bind:0'/></authenticate><presence/>", STANDARD.encode("\0juliet\0secret")));
        client.until(mark);
    }
}

#[test]
fn stream_errors_resets_and_silence_on_demand() {
    let server = server(quiet());
    let next = |action| {
        server.faults(|faults| {
            faults.next_connection = vec![Fault::At(Point::EncryptedFeatures, action)]
        });
        let mut client = direct(&server);
        client.send(HEADER);
        client
    };
    let rest = next(Action::SeeOtherHost("other.example:5222".into())).rest();
    assert!(rest.contains("<see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>other.example:5222</see-other-host>"), "{rest}");
    assert!(
        next(Action::SystemShutdown)
            .rest()
            .contains("<system-shutdown")
    );
    assert!(!next(Action::Reset).rest().contains("</stream:stream>"));
    let mut silent = next(Action::Silence);
    silent.until("</stream:features>");
    silent.send("<message/>");
    assert_eq!(silent.rest(), "");
}

#[test]
fn i2_duplicate_delivery() {
    let server = with_fault(Fault::DuplicateDelivery);
    let mut client = session(&server, "juliet", "secret", "x");
    server.inject_message("romeo@localhost/x", "juliet@localhost", "twice");
    client.until("<body>twice</body>");
    client.until("<body>twice</body>");
}
