//! Full handshakes, and the verification that everything waits for.

use super::*;
use crate::{ApiMisuse, CertificateError, EarlyData, TlsVersion};

const VERSIONS: [(TlsVersions, TlsVersion); 2] = [
    (TlsVersions::Only13, TlsVersion::Tls13),
    (TlsVersions::Only12, TlsVersion::Tls12),
];

#[test]
fn s1_full_handshake_and_data_both_ways() {
    let (context, server) = world();
    for (offer, version) in VERSIONS {
        let mut pair = Pair::connected(&context, &server, params(offer));
        let established = pair.established();
        assert_eq!(established.version, version);
        assert!(!established.resumed);
        assert_eq!(established.early_data, EarlyData::NotSent);
        assert!(established.alpn_ok);
        assert_ne!(established.cipher_suite, "unknown");
        assert_eq!(established.key_exchange, Some("X25519"));
        pair.exchange();
        context.forget_tickets(&scope());
    }
}

#[test]
fn newest_version_is_preferred() {
    let (context, server) = world();
    let pair = Pair::connected(&context, &server, params(TlsVersions::Default));
    assert_eq!(pair.established().version, TlsVersion::Tls13);
}

#[test]
fn byte_at_a_time() {
    let (context, server) = world();
    for (offer, _) in VERSIONS {
        let mut pair = Pair::new(&context, &server, params(offer));
        pair.piece = 1;
        pair.run().unwrap();
        pair.exchange();
        context.forget_tickets(&scope());
    }
}

#[test]
fn t1_nothing_leaves_and_nothing_is_believed_before_the_verdict() {
    let (context, mut server) = world();
    server.config.send_half_rtt_data = true;
    for (offer, _) in VERSIONS {
        let mut pair = Pair::new(&context, &server, params(offer));
        pair.carry_to_server();
        if offer == TlsVersions::Only13 {
            // The server may send before it has received our Finished.
            pair.server.writer().write_all(b"<early/>").unwrap();
        }
        pair.carry_to_client().unwrap();
        let request = pair.request.take().unwrap();

        assert_eq!(pair.client.take_output(), b"", "{offer:?}");
        assert!(pair.client.poll_event().is_none());
        assert!(pair.established.is_none());
        assert_eq!(context.tickets().held, 0);
        assert_eq!(
            pair.client.write(b"x"),
            Err(ApiMisuse::WriteBeforeEstablished.into())
        );

        pair.client.certificate_verified(request.verify()).unwrap();
        pair.run().unwrap();
        assert!(pair.established.is_some());
        if offer == TlsVersions::Only13 {
            assert_eq!(std::mem::take(&mut pair.plaintext), b"<early/>");
        }
        pair.exchange();
        assert!(context.tickets().held > 0);
        context.forget_tickets(&scope());
    }
}

#[test]
fn t1_a_refused_certificate_never_gets_our_finished() {
    let (context, server) = world();
    for (offer, _) in VERSIONS {
        let mut pair = Pair::new(&context, &server, params(offer));
        pair.carry_to_server();
        pair.carry_to_client().unwrap();
        let refusal = CertificateError::Revoked;
        let error = TlsError::CertificateInvalid(refusal);
        assert_eq!(
            pair.client.certificate_verified(Err(refusal)),
            Err(error.clone())
        );
        assert!(!error.is_retryable());

        // Whatever is called next, it stays refused.
        assert_eq!(pair.client.certificate_verified(Ok(())), Err(error.clone()));
        assert_eq!(pair.client.write(b"x"), Err(error.clone()));
        assert_eq!(pair.client.read(b"x"), Err(error));
        pair.client.close();
        assert_eq!(pair.client.take_output(), b"");
        assert!(pair.client.poll_event().is_none());
        assert!(pair.server.is_handshaking());
        assert_eq!(context.tickets().held, 0);
    }
}

#[test]
fn t1_a_verdict_must_have_been_asked_for() {
    let (context, server) = world();
    let mut pair = Pair::new(&context, &server, params(TlsVersions::Only13));
    let misuse = Err(TlsError::ApiMisuse(ApiMisuse::VerdictNotAwaited));
    assert_eq!(pair.client.certificate_verified(Ok(())), misuse);
    pair.carry_to_server();
    let bytes = pair.server_output();
    pair.client.read(&bytes).unwrap();
    // The request is still in the queue: it cannot have been verified.
    assert_eq!(pair.client.certificate_verified(Ok(())), misuse);
    assert_eq!(pair.client.take_output(), b"");
    pair.poll();
    pair.run().unwrap();
    pair.exchange();
    assert_eq!(pair.client.certificate_verified(Ok(())), misuse);
}

#[test]
fn first_login_bytes_leave_with_the_finished() {
    let (context, server) = world();
    let mut pair = Pair::new(&context, &server, params(TlsVersions::Only13));
    pair.carry_to_server();
    pair.carry_to_client().unwrap();
    let verdict = pair.request.take().unwrap().verify();
    pair.client.certificate_verified(verdict).unwrap();
    pair.poll();
    assert!(pair.established.is_some(), "no round trip for the verdict");
    pair.client.write(b"<stream/>").unwrap();
    pair.carry_to_server();
    assert!(!pair.server.is_handshaking());
    assert_eq!(pair.server_plaintext(), b"<stream/>");
}

#[test]
fn s10_direct_tls_offers_alpn_and_tolerates_servers_that_ignore_it() {
    let (context, mut server) = world();
    let direct = SessionParams {
        direct: true,
        ..params(TlsVersions::Default)
    };
    let pair = Pair::connected(&context, &server, direct.clone());
    assert!(!pair.established().alpn_ok);

    server.config.alpn_protocols = vec![b"xmpp-client".to_vec()];
    let pair = Pair::connected(&context, &server, direct.clone());
    assert!(pair.established().alpn_ok);
    assert_eq!(pair.server.alpn_protocol(), Some(&b"xmpp-client"[..]));

    server.config.alpn_protocols = vec![b"h2".to_vec()];
    let mut pair = Pair::new(&context, &server, direct);
    assert_eq!(
        pair.run(),
        Err(TlsError::AlertReceived(crate::Alert(120))),
        "no_application_protocol"
    );
}

#[test]
fn t3_exporter_is_the_same_on_both_sides() {
    let (context, server) = world();
    for (offer, _) in VERSIONS {
        // The second connection is resumed.
        for resumed in [false, true] {
            let pair = Pair::connected(&context, &server, params(offer));
            assert_eq!(pair.established().resumed, resumed);
            let theirs = pair
                .server
                .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
                .unwrap();
            assert_eq!(pair.established().tls_exporter, Some(theirs));
        }
        context.forget_tickets(&scope());
    }
}

#[test]
fn t9_debug_output_shows_no_channel_binding() {
    let (context, server) = world();
    let pair = Pair::connected(&context, &server, params(TlsVersions::Default));
    let debug = format!("{:?} {:?} {context:?}", pair.established(), pair.client);
    let exporter = format!("{:?}", pair.established().tls_exporter.unwrap());
    let exporter = exporter.trim_matches(['[', ']']);
    assert!(!debug.contains(exporter), "{debug}");
    assert!(!debug.contains("juliet"), "{debug}");
}

#[test]
fn client_hello_is_there_at_once_and_small() {
    let (context, _) = world();
    let mut session = context.session(params(TlsVersions::Default)).unwrap();
    let length = session.take_output().len();
    println!("ClientHello for {DOMAIN}: {length} bytes");
    // 213 bytes of stream header and <starttls/> precede it, and both must fit the smallest segment, 536 bytes.
    assert!(length <= 240, "{length} bytes");
    assert_eq!(session.take_output(), b"");
}

#[test]
fn t1_names_are_checked_before_anything_is_sent() {
    let (context, _) = world();
    for (name, valid) in [
        ("chat.example", true),
        ("192.0.2.1", true),
        ("[2001:db8::1]", true),
        ("", false),
        ("münchen.example", false),
        ("chat example", false),
        ("a..example", false),
    ] {
        let params = SessionParams {
            server_name: name.to_owned(),
            ..params(TlsVersions::Default)
        };
        let result = context.session(params).map(drop);
        let expected = if valid {
            Ok(())
        } else {
            Err(TlsError::InvalidServerName)
        };
        assert_eq!(result, expected, "{name}");
    }
}

#[test]
fn a_group_the_server_asked_for_is_tried_first_next_time() {
    let (context, mut server) = world();
    let mut provider = rustls::crypto::ring::default_provider();
    provider.kx_groups = vec![rustls::crypto::ring::kx_group::SECP256R1];
    let resolver = Arc::clone(&server.config.cert_resolver);
    server.config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    server.config.send_tls13_tickets = 0;

    for retried in [true, false] {
        let mut pair = Pair::new(&context, &server, params(TlsVersions::Default));
        pair.carry_to_server();
        pair.carry_to_client().unwrap();
        // A HelloRetryRequest, answered before there is any certificate; or the certificate at once.
        assert_eq!(!pair.client.take_output().is_empty(), retried);
        assert_eq!(pair.request.is_none(), retried);
        assert_eq!(pair.client.was_retried(), retried);
        if !retried {
            pair.run().unwrap();
            assert_eq!(pair.established().key_exchange, Some("secp256r1"));
            break;
        }
        // The hint of an unfinished handshake is not trusted.
        let mut pair = Pair::connected(&context, &server, params(TlsVersions::Default));
        pair.exchange();
    }
}
