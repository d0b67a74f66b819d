//! The key exchange X25519MLKEM768 with another implementation of it: OpenSSL.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use snapback_interop::DOMAIN;
use snapback_interop::openssl::OpensslServer;
use snapback_tls::{
    Pins, SessionParams, TicketScope, TlsContext, TlsEvent, TlsVersions, Transport, Trust, danger,
};

const TIMEOUT: Duration = Duration::from_secs(60);

/// What a handshake with this server agreed on, and whether it took a HelloRetryRequest.
fn handshake(context: &TlsContext, server: &OpensslServer, offered: bool) -> (&'static str, bool) {
    let params = SessionParams {
        server_name: DOMAIN.to_owned(),
        direct: false,
        scope: TicketScope {
            account: "juliet".to_owned(),
            domain: DOMAIN.to_owned(),
            transport: Transport::StartTls,
            pins: Pins::default(),
        },
        early_data: false,
        post_quantum: offered,
        versions: TlsVersions::Default,
    };
    let mut session = context.session(params).unwrap();
    let mut stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let mut buffer = [0; 4096];
    loop {
        stream.write_all(&session.take_output()).unwrap();
        let count = stream.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "the server has closed the connection");
        session.read(&buffer[..count]).unwrap();
        while let Some(event) = session.poll_event() {
            match event {
                TlsEvent::VerifyCertificate(request) => {
                    session.certificate_verified(request.verify()).unwrap();
                }
                TlsEvent::Established(established) => {
                    let retried = session.was_retried();
                    session.close();
                    stream.write_all(&session.take_output()).unwrap();
                    return (established.key_exchange.unwrap(), retried);
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn openssl_agrees_on_the_same_secret() {
    let hybrid = "X25519MLKEM768";
    for (groups, offered, expected) in [
        ("X25519MLKEM768:X25519", true, hybrid),
        ("X25519MLKEM768", true, hybrid),
        ("X25519", true, "X25519"),
        ("X25519MLKEM768:X25519", false, "X25519"),
        // OpenSSL's own preferences: ML-KEM before X25519.
        ("DEFAULT", true, hybrid),
    ] {
        let Some(server) = OpensslServer::start_or_skip(groups) else {
            return;
        };
        let roots = danger::Roots::from_pem(server.ca_pem().as_bytes()).unwrap();
        let context = TlsContext::new(Trust::Roots(roots)).unwrap();
        // The second time the group of the first is known.
        for _ in 0..2 {
            let agreed = handshake(&context, &server, offered);
            assert_eq!(agreed, (expected, false), "{groups}");
        }
    }
}
