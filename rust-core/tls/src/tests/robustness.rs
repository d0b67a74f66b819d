//! Bad input, truncation, closing.

use super::*;
use crate::ApiMisuse;

#[test]
fn garbage_is_a_typed_error_and_stays_one() {
    let (context, _) = world();
    for garbage in [
        &b"<stream:error/>"[..],
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        &[0; 64],
        &[22, 3, 3, 0xff, 0xff, 0, 0],
        &[22, 3, 3, 0, 4, 99, 0, 0, 0],
    ] {
        let mut session = context.session(params(TlsVersions::Default)).unwrap();
        session.take_output();
        let error = session.read(garbage).unwrap_err();
        assert!(
            matches!(
                error,
                TlsError::InvalidMessage(_) | TlsError::UnexpectedMessage
            ),
            "{error:?}"
        );
        assert!(error.is_retryable());
        assert_eq!(session.read(b"more"), Err(error.clone()));
        assert_eq!(session.write(b"more"), Err(error));
        // An alert may be sent, once.
        session.take_output();
        assert_eq!(session.take_output(), b"");
    }
}

#[test]
fn flipped_bytes_are_refused_and_nothing_is_released_on_the_way() {
    let (context, server) = world();
    for version in [TlsVersions::Only13, TlsVersions::Only12] {
        let mut pair = Pair::new(&context, &server, params(version));
        pair.carry_to_server();
        let length = pair.server_output().len();
        let mut harmless = 0;
        for position in (0..length).step_by(7) {
            let mut pair = Pair::new(&context, &server, params(version));
            pair.carry_to_server();
            let mut bytes = pair.server_output();
            let Some(byte) = bytes.get_mut(position) else {
                continue; // signatures vary in length
            };
            *byte ^= 1;
            let outcome = pair.client.read(&bytes);
            pair.poll();
            if pair.request.is_some() {
                assert_eq!(pair.client.take_output(), b"");
            }
            let outcome = outcome.and_then(|()| pair.run());
            if outcome.is_ok() && pair.established.is_some() {
                // The outer header of a TLS 1.3 record carries no information, and rustls does not read it: no effect.
                assert_eq!(version, TlsVersions::Only13, "byte {position}");
                pair.exchange();
                harmless += 1;
            }
        }
        assert!(harmless <= 3, "{harmless} of {length} bytes");
    }
}

#[test]
fn damaged_records_fail_to_decrypt() {
    let (context, server) = world();
    let mut pair = Pair::connected(&context, &server, params(TlsVersions::Default));
    pair.server.writer().write_all(b"<message/>").unwrap();
    let mut bytes = pair.server_output();
    *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(pair.client.read(&bytes), Err(TlsError::Decrypt));
    assert!(pair.client.poll_event().is_none());
    assert_ne!(pair.client.take_output(), b"", "the alert");
}

#[test]
fn truncation_is_distinguished_from_a_clean_end() {
    let (context, server) = world();
    let mut pair = Pair::connected(&context, &server, params(TlsVersions::Default));
    assert_eq!(pair.client.read_eof(), Err(TlsError::Truncated));
    assert!(TlsError::Truncated.is_retryable());
    assert_eq!(pair.client.write(b"x"), Err(TlsError::Truncated));

    let mut pair = Pair::connected(&context, &server, params(TlsVersions::Default));
    pair.server.writer().write_all(b"</stream:stream>").unwrap();
    pair.server.send_close_notify();
    pair.carry_to_client().unwrap();
    assert_eq!(pair.plaintext, b"</stream:stream>");
    assert_eq!(pair.close_notify, 1);
    assert_eq!(pair.client.read(b"ignored from here"), Ok(()));
    assert_eq!(pair.client.read_eof(), Ok(()));
    pair.poll();
    assert_eq!(pair.close_notify, 1);
}

#[test]
fn truncation_during_the_handshake_and_during_the_verdict() {
    let (context, server) = world();
    let mut pair = Pair::new(&context, &server, params(TlsVersions::Default));
    pair.carry_to_server();
    pair.carry_to_client().unwrap();
    let request = pair.request.take().unwrap();
    assert_eq!(pair.client.read_eof(), Err(TlsError::Truncated));
    assert_eq!(
        pair.client.certificate_verified(request.verify()),
        Err(TlsError::Truncated)
    );
    assert_eq!(pair.client.take_output(), b"");

    let mut session = context.session(params(TlsVersions::Default)).unwrap();
    assert_eq!(session.read_eof(), Err(TlsError::Truncated));
}

#[test]
fn close_sends_close_notify_and_still_reads() {
    let (context, server) = world();
    let mut pair = Pair::connected(&context, &server, params(TlsVersions::Default));
    pair.client.write(b"</stream:stream>").unwrap();
    pair.client.close();
    pair.client.close();
    assert_eq!(
        pair.client.write(b"x"),
        Err(ApiMisuse::WriteAfterClose.into())
    );
    pair.carry_to_server();
    assert_eq!(pair.server_plaintext(), b"</stream:stream>");
    pair.server.writer().write_all(b"<bye/>").unwrap();
    pair.server.send_close_notify();
    pair.carry_to_client().unwrap();
    assert_eq!(pair.plaintext, b"<bye/>");
    assert_eq!(pair.client.read_eof(), Ok(()));
}

#[test]
fn close_while_the_verdict_is_awaited_leaves_nothing() {
    let (context, server) = world();
    let mut pair = Pair::new(&context, &server, params(TlsVersions::Default));
    pair.carry_to_server();
    pair.carry_to_client().unwrap();
    pair.client.close();
    assert_eq!(pair.client.take_output(), b"");
    assert_eq!(
        pair.client.certificate_verified(Ok(())),
        Err(TlsError::Closed)
    );
    assert_eq!(pair.client.take_output(), b"");
}

#[test]
fn input_that_waits_for_a_verdict_is_bounded() {
    let (context, server) = world();
    let mut pair = Pair::new(&context, &server, params(TlsVersions::Default));
    pair.carry_to_server();
    pair.carry_to_client().unwrap();
    let flood = [23; 1000];
    let error = (0..1000).find_map(|_| pair.client.read(&flood).err());
    assert_eq!(error, Some(TlsError::TooMuchBeforeVerdict));
    assert_eq!(pair.client.take_output(), b"");
}

#[test]
fn large_data_both_ways() {
    let (context, server) = world();
    let mut pair = Pair::connected(&context, &server, params(TlsVersions::Default));
    let data: Vec<u8> = (0..1_000_000_u32).map(|i| i as u8).collect();
    pair.client.write(&data).unwrap();
    let bytes = pair.client.take_output();
    let mut received = Vec::new();
    for mut piece in bytes.chunks(4000) {
        while !piece.is_empty() {
            pair.server.read_tls(&mut piece).unwrap();
            pair.server.process_new_packets().unwrap();
            received.extend(pair.server_plaintext());
        }
    }
    assert_eq!(received, data);

    pair.server.set_buffer_limit(None);
    pair.server.writer().write_all(&data).unwrap();
    pair.piece = 100_000;
    pair.carry_to_client().unwrap();
    assert_eq!(pair.plaintext, data);
}

#[test]
fn version_mismatch_is_the_peers_incompatibility() {
    let (context, mut server) = world();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    server.config =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .unwrap();
    let mut pair = Pair::new(&context, &server, params(TlsVersions::Only13));
    assert_eq!(
        pair.run(),
        Err(TlsError::AlertReceived(crate::Alert(70))),
        "protocol_version"
    );
}
