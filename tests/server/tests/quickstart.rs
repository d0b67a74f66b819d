//! XEP-0305: combined flights, unprompted restart, resume before SASL; and servers without it.

mod support;

use base64::Engine as _;
use support::*;

use snapback_reference_server::{Outcome, Switches};

#[test]
fn s2_starttls_scram_and_bind_in_three_flights() {
    let server = server(Switches::quickstart_2013());
    let config = tls_config(&server);
    let mut client = combined_starttls(&server, &config);
    let clear = client.clear_until("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    assert!(
        clear.contains("<pipelining xmlns='urn:xmpp:features:pipelining'/>"),
        "{clear}"
    );
    let features = client.until("</stream:features>");
    assert!(
        features.contains("SCRAM-SHA-1"),
        "unprompted, in the first TLS flight: {features}"
    );

    let mut scram = Scram::new("SCRAM-SHA-1", "juliet", "secret");
    client.queue(
        format!(
            "{HEADER_FROM}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>{}</auth>",
            scram.first()
        )
        .as_bytes(),
    );
    client.flush();
    let challenge = client.until("</challenge>");
    assert!(
        !challenge.contains("<stream:stream"),
        "no second header: {challenge}"
    );
    let response = scram.last(content(&challenge, "challenge"));
    client.send(&format!(
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{response}</response>{HEADER_FROM}<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq><enable xmlns='urn:xmpp:sm:3' resume='true'/>"
    ));
    let answer = client.until("<enabled");
    assert!(scram.proves(content(&answer, "success")), "{answer}");
    assert!(answer.contains("<jid>juliet@localhost/x</jid>"), "{answer}");
    let record = server.connections().pop().unwrap();
    assert_eq!(record.client_flights, 3, "{record:#?}");
    assert_eq!(record.writes, 3, "{record:#?}");
}

#[test]
fn unprompted_features_only_for_clients_that_pipeline() {
    let server = server(Switches {
        unprompted_only_if_pipelined: true,
        ..Switches::modern()
    });
    let config = tls_config(&server);
    let mut client = combined_starttls(&server, &config);
    client.clear_until("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    client.until("</stream:features>");
    let mut client = Client::starttls(&server, &config);
    client.send(HEADER_FROM);
    let features = client.until("</stream:features>");
    assert!(
        features.contains("to='juliet@localhost'"),
        "an answer: {features}"
    );
}

#[test]
fn s3_resume_before_sasl_in_two_flights() {
    let server = server(Switches::quickstart_2013());
    let config = tls_config(&server);
    let mut old = session(&server, "juliet", "secret", "balcony");
    let id = enable(&mut old);
    server.cut_all();
    old.rest();
    server.inject_message("romeo@localhost/x", "juliet@localhost", "meanwhile");
    let mut client = combined_starttls(&server, &config);
    client.clear_until("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    let features = client.until("</stream:features>");
    assert!(
        features.contains("<sm xmlns='urn:xmpp:sm:3'/>"),
        "{features}"
    );
    client.queue(
        format!("{HEADER_FROM}<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>").as_bytes(),
    );
    client.flush();
    client.until("<resumed");
    client.until("<body>meanwhile</body>");
    let record = server.connections().pop().unwrap();
    assert_eq!(record.client_flights, 2, "{record:#?}");
    assert_eq!(
        record.outcome,
        Some(Outcome::Resumed("juliet@localhost/balcony".into()))
    );
}

#[test]
fn s3_elsewhere_resume_before_sasl_fails_and_the_stream_lives() {
    let server = server(Switches::stock_prosody());
    let mut old = session(&server, "juliet", "secret", "balcony");
    let id = enable(&mut old);
    let mut client = Client::direct(&server, &tls_config(&server));
    client.send(&format!(
        "{HEADER}<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='0'/>"
    ));
    client.until("<item-not-found");
    let plain = base64::engine::general_purpose::STANDARD.encode("\0juliet\0secret");
    client.send(&format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
    ));
    client.until("<success");
}

#[test]
fn s2_without_pipelining_a_client_hello_after_starttls_kills_the_connection() {
    let server = server(Switches::stock_prosody());
    let mut client = combined_starttls(&server, &tls_config(&server));
    client.tls = None;
    assert!(client.rest().contains("<not-well-formed"));
}

#[test]
fn s2_without_pipelining_a_restart_after_the_response_fails() {
    for (declaration, condition) in [
        ("<?xml version='1.0'?>", "<restricted-xml"),
        ("", "<bad-format"),
    ] {
        let server = server(Switches::stock_prosody());
        let mut client = Client::direct(&server, &tls_config(&server));
        let mut scram = Scram::new("SCRAM-SHA-1", "juliet", "secret");
        client.send(&format!(
            "{HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>{}</auth>",
            scram.first()
        ));
        let challenge = client.until("</challenge>");
        let response = scram.last(content(&challenge, "challenge"));
        client.send(&format!("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{response}</response>{declaration}{HEADER}<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"));
        client.until("<success");
        if declaration.is_empty() {
            client.send("<presence/>");
        }
        let rest = client.rest();
        assert!(
            rest.contains(condition) || rest.contains("<not-well-formed"),
            "{rest}"
        );
        assert!(!rest.contains("<jid>"), "{rest}");
    }
}

#[test]
fn s2_what_is_harmless_everywhere() {
    let server = server(Switches::stock_prosody());
    let config = tls_config(&server);
    let mut client = Client::tcp(server.starttls_addr());
    client.send(&format!(
        "{HEADER}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
    ));
    client.until("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    client.handshake(&config).unwrap();
    let plain = base64::engine::general_purpose::STANDARD.encode("\0juliet\0secret");
    client.send(&format!(
        "{HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
    ));
    client.until("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    client.send(&format!("{HEADER}<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq><enable xmlns='urn:xmpp:sm:3' resume='true'/><iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq><presence/>"));
    client.until("<enabled");
    client.until("jabber:iq:roster");
    client.until("<presence");
}

#[test]
fn features_change_overnight() {
    let server = server(Switches::quickstart_2013());
    let config = tls_config(&server);
    server.switches(|switches| *switches = Switches::stock_prosody());
    let mut client = Client::starttls(&server, &config);
    client.send(HEADER);
    let features = client.until("</stream:features>");
    assert!(!features.contains("pipelining"), "{features}");
}

#[test]
fn tls_tickets_can_be_refused_and_forgotten() {
    let server = server(Switches {
        unprompted_restart: false,
        ..Switches::modern()
    });
    let config = tls_config(&server);
    for _ in 0..2 {
        let mut client = Client::direct(&server, &config);
        client.send(HEADER);
        client.until("</stream:features>");
    }
    server.world(|world| world.forget_tls_tickets()).unwrap();
    let mut client = Client::direct(&server, &config);
    client.send(HEADER);
    client.until("</stream:features>");
    let resumed: Vec<_> = server
        .connections()
        .into_iter()
        .map(|record| record.tls.unwrap().resumed)
        .collect();
    assert_eq!(resumed, [false, true, false]);
}
