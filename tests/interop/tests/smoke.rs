//! Each server starts, offers STARTTLS, survives a restart, and is gone when the test is.
#![allow(missing_docs, clippy::expect_used, reason = "a test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use snapback_interop::{Account, Flavour, ServerConfig, start_or_skip};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn prosody_as_packaged() {
    starts_and_restarts(Flavour::ProsodyStock);
}

#[test]
fn prosody_with_sasl2() {
    starts_and_restarts(Flavour::ProsodyModern);
}

#[test]
fn ejabberd_as_packaged() {
    starts_and_restarts(Flavour::Ejabberd);
}

fn starts_and_restarts(flavour: Flavour) {
    let Some(mut server) = start_or_skip(ServerConfig::new(flavour)) else {
        return;
    };
    assert_ne!(
        server.account(Account::Juliet).password,
        server.account(Account::Romeo).password
    );
    let before = features(server.starttls_addr());
    assert!(
        before.contains("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>"),
        "{before}"
    );

    server.restart().expect("it starts again");
    let after = features(server.starttls_addr());
    assert!(after.contains("<starttls "), "{after}");
    TcpStream::connect(server.direct_addr()).expect("the direct TLS port is back, too");

    let gone = server.starttls_addr();
    drop(server);
    TcpStream::connect(gone).expect_err("nothing listens once the server was dropped");
}

/// Opens a stream and reads until the server has sent its features.
fn features(server: SocketAddr) -> String {
    let mut stream = TcpStream::connect(server).expect("the port accepts connections");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    let header = "<stream:stream to='snapback.test' version='1.0' xmlns='jabber:client' \
                  xmlns:stream='http://etherx.jabber.org/streams'>";
    stream
        .write_all(header.as_bytes())
        .expect("the header is sent");
    let deadline = Instant::now() + PATIENCE;
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while Instant::now() < deadline {
        let length = stream.read(&mut buffer).expect("the server answers");
        received.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8_lossy(&received);
        if length == 0 || text.contains("</stream:features>") {
            return text.into_owned();
        }
    }
    panic!("no features: {}", String::from_utf8_lossy(&received));
}
