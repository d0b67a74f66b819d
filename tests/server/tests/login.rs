//! Every login: STARTTLS and direct TLS, every SASL mechanism, bind.

mod support;

use support::*;

use snapback_reference_server::{Outcome, Switches, Transport};

#[test]
fn starttls_and_scram_sha_1() {
    let server = server(Switches::rfc6120_2012());
    let mut client = Client::starttls(&server, &tls_config(&server));
    scram_login(&mut client, Scram::new("SCRAM-SHA-1", "juliet", "secret"));
    assert_eq!(bind(&mut client, "balcony"), "juliet@localhost/balcony");
    let record = server.connections().remove(0);
    assert_eq!(record.transport, Transport::StartTls);
    assert_eq!(
        record.elements(),
        [
            "stream", "starttls", "stream", "auth", "response", "stream", "iq"
        ]
    );
    let from = Some("juliet@localhost".to_owned());
    assert_eq!(record.header_from, [None, from.clone(), from]);
    assert_eq!(record.tls.unwrap().version, "1.2");
    assert_eq!(
        record.outcome,
        Some(Outcome::Bound("juliet@localhost/balcony".into()))
    );
}

#[test]
fn direct_tls_and_every_channel_binding() {
    let server = server(Switches::modern());
    let config = tls_config(&server);
    for mechanism in ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"] {
        for name in ["tls-exporter", "tls-server-end-point"] {
            let mut client = Client::direct(&server, &config);
            let binding = match name {
                "tls-exporter" => client.exporter(),
                _ => client.end_point(),
            };
            scram_login(
                &mut client,
                Scram::new(mechanism, "juliet", "secret").bound(name, binding),
            );
            assert_eq!(bind(&mut client, "balcony"), "juliet@localhost/balcony");
        }
    }
    let record = server.connections().remove(0);
    let tls = record.tls.unwrap();
    assert_eq!(tls.version, "1.3");
    assert_eq!(tls.sni.as_deref(), Some("localhost"));
    assert_eq!(tls.alpn.as_deref(), Some("xmpp-client"));
}

#[test]
fn a_wrong_binding_or_password_or_user_is_not_authorized() {
    let server = server(Switches::modern());
    let config = tls_config(&server);
    for scram in [
        Scram::new("SCRAM-SHA-1-PLUS", "juliet", "secret").bound("tls-exporter", vec![0; 32]),
        Scram::new("SCRAM-SHA-256", "juliet", "wrong"),
        Scram::new("SCRAM-SHA-256", "absent", "secret"),
    ] {
        let mut scram = scram;
        let mut client = Client::direct(&server, &config);
        client.send(HEADER_FROM);
        client.until("</stream:features>");
        let mechanism = if scram.first().starts_with("cD10") {
            "SCRAM-SHA-1-PLUS"
        } else {
            "SCRAM-SHA-256"
        };
        client.send(&format!(
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{mechanism}'>{}</auth>",
            scram.first()
        ));
        let challenge = client.until("</challenge>");
        let response = scram.last(content(&challenge, "challenge"));
        client.send(&format!(
            "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{response}</response>"
        ));
        assert!(client.until("</failure>").contains("<not-authorized/>"));
    }
}

#[test]
fn logins_before_tls_and_stanzas_before_logins_are_refused() {
    let server = server(Switches::modern());
    let mut client = Client::tcp(server.starttls_addr());
    client.send(HEADER);
    client.until("</stream:features>");
    client.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>");
    client.until("<encryption-required/>");
    client.send("<message/>");
    assert!(client.rest().contains("<not-authorized"));
}

#[test]
fn t6_refuses_what_xmpp_refuses() {
    let server = server(Switches::modern());
    for bad in snapback_reference_server::Malformed::ALL {
        let mut client = session(&server, "juliet", "secret", "x");
        client.tls.as_mut().unwrap();
        std::io::Write::write_all(&mut client.tls.as_mut().unwrap().writer(), bad.bytes()).unwrap();
        client.flush();
        let rest = client.rest();
        assert!(rest.contains("<stream:error>"), "{bad:?}: {rest}");
    }
}

#[test]
fn messages_between_accounts() {
    let server = server(Switches::modern());
    let mut juliet = session(&server, "juliet", "secret", "balcony");
    let mut romeo = session(&server, "romeo", "pass", "orchard");
    juliet.send(&message("romeo@localhost", "wherefore"));
    let received = romeo.until("</message>");
    assert!(
        received.contains("from='juliet@localhost/balcony'"),
        "{received}"
    );
    assert!(received.contains("<body>wherefore</body>"), "{received}");
    assert!(
        received.contains("<stanza-id xmlns='urn:xmpp:sid:0' by='romeo@localhost'"),
        "{received}"
    );
    let sent = server.messages_from("juliet");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].id.as_deref(), Some("wherefore"));
}

#[test]
fn t3_the_offer_is_hashed_into_scram() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use sha1::{Digest as _, Sha1};
    use snapback_reference_server::SsdpAttribute;

    let server = server(Switches {
        mechanisms: Switches::stock_prosody().mechanisms,
        ..Switches::modern()
    });
    for (attribute, text) in [
        (
            SsdpAttribute::D,
            "d=PLAIN,SCRAM-SHA-1,SCRAM-SHA-1-PLUS|tls-exporter,tls-server-end-point",
        ),
        (
            SsdpAttribute::H,
            "h=PLAIN\u{1e}SCRAM-SHA-1\u{1e}SCRAM-SHA-1-PLUS\u{1f}tls-exporter\u{1e}tls-server-end-point",
        ),
    ] {
        server.switches(|switches| switches.ssdp = Some(attribute));
        let mut client = Client::direct(&server, &tls_config(&server));
        let scram = Scram::new("SCRAM-SHA-1", "juliet", "secret");
        client.send(&format!("{HEADER}<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>{}</auth>", scram.first()));
        let challenge = client.until("</challenge>");
        let challenge = STANDARD.decode(content(&challenge, "challenge")).unwrap();
        let challenge = String::from_utf8(challenge).unwrap();
        let (letter, offer) = text.split_once('=').unwrap();
        let expected = format!(",{letter}={}", STANDARD.encode(Sha1::digest(offer)));
        assert!(challenge.ends_with(&expected), "{challenge}");
    }
}

#[test]
fn tls_1_2_tickets_and_no_tickets_at_all() {
    use snapback_reference_server::TlsVersions;

    for (versions, tickets, resumed) in [
        (TlsVersions::Tls12, true, true),
        (TlsVersions::Tls12, false, false),
        (TlsVersions::Tls13, false, false),
        (TlsVersions::Tls13, true, true),
    ] {
        let server = server(Switches {
            tls_versions: versions,
            tls_tickets: tickets,
            unprompted_restart: false,
            ..Switches::modern()
        });
        let config = tls_config(&server);
        for _ in 0..2 {
            let mut client = Client::direct(&server, &config);
            client.send(HEADER_FROM);
            let features = client.until("</stream:features>");
            let early = tickets && versions == TlsVersions::Tls13;
            assert_eq!(features.contains("tls-0rtt"), early);
        }
        let tls = server.connections().pop().unwrap().tls.unwrap();
        assert_eq!(tls.resumed, resumed, "{versions:?} {tickets}");
    }
}
