//! Each server starts, offers STARTTLS, proves its domain over TLS, survives a restart, and ends with the test.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use snapback_interop::{Account, Flavour, RunningServer, ServerConfig, start_or_skip};

const TIMEOUT: Duration = Duration::from_secs(60);

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
    offers_starttls_and_tls(&server);

    server.restart().expect("it starts again");
    offers_starttls_and_tls(&server);

    let gone = server.starttls_addr();
    drop(server);
    TcpStream::connect(gone).expect_err("nothing listens once the server was dropped");
}

fn offers_starttls_and_tls(server: &RunningServer) {
    let mut clear = connect(server.starttls_addr());
    let offered = features(&mut clear, "");
    assert!(
        offered.contains("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'>"),
        "{offered}"
    );

    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(server.ca_pem().as_bytes())
        .expect("the authority is a certificate");
    roots.add(ca).expect("the authority can be trusted");
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(server.domain()).expect("the domain is a name");
    let client = ClientConnection::new(Arc::new(config), name).expect("a TLS client");
    let mut encrypted = StreamOwned::new(client, connect(server.direct_addr()));
    let jid = &server.account(Account::Juliet).jid;
    let offered = features(&mut encrypted, &format!("from='{jid}'"));
    assert!(
        offered.contains("<mechanism>SCRAM-SHA-1</mechanism>"),
        "{offered}"
    );
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).expect("the port accepts connections");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("a timeout can be set");
    stream
}

/// Opens a stream and reads until the server has sent its features.
fn features(stream: &mut (impl Read + Write), from: &str) -> String {
    let header = format!(
        "<stream:stream {from} to='snapback.test' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    );
    stream
        .write_all(header.as_bytes())
        .expect("the header is sent");
    let deadline = Instant::now() + TIMEOUT;
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
