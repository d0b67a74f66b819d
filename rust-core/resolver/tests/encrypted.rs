//! Queries over TLS (RFC 7858), against a name server of this test's own, on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "the helpers of a test are tests"
)]

use hickory_resolver::proto::op::{Message, OpCode};
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, Record};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};
use snapback_resolver::{Encryption, Lookup, LookupError, NameServerLookup, SrvAnswer};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SERVICE: &str = "_xmpp-client._tcp.example.org";
const NAME: &str = "dns.example.net";
/// A query ends before the timeout of a look-up.
const SOON: Duration = Duration::from_secs(2);

/// A name server that speaks TLS, and listens for cleartext on the same port.
struct Server {
    addr: SocketAddr,
    certificate: CertificateDer<'static>,
    connections: Arc<AtomicUsize>,
    cleartext: UdpSocket,
}

impl Server {
    /// Starts a server with a certificate for this name; it runs until the process ends.
    fn start(name: &str) -> Self {
        let issued = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let certificate = issued.cert.der().clone();
        let key = PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let (listener, cleartext) = on_one_port();
        let server = Self {
            addr: listener.local_addr().unwrap(),
            certificate,
            connections: Arc::default(),
            cleartext,
        };
        let connections = Arc::clone(&server.connections);
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                connections.fetch_add(1, Ordering::SeqCst);
                let session = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = rustls::StreamOwned::new(session, socket.unwrap());
                std::thread::spawn(move || while serve(&mut stream).is_ok() {});
            }
        });
        server
    }

    fn strict(&self, name: &str) -> Encryption {
        Encryption::Strict {
            name: name.into(),
            verifier: self.verifier(),
        }
    }

    /// Trusts this server's certificate and no other.
    fn verifier(&self) -> Arc<dyn ServerCertVerifier> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn saw_cleartext(&self) -> bool {
        self.cleartext.set_nonblocking(true).unwrap();
        self.cleartext.recv(&mut [0; 512]).is_ok()
    }
}

/// Both protocols on one port: another process may have the second one.
fn on_one_port() -> (TcpListener, UdpSocket) {
    for _ in 0..100 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        if let Ok(socket) = UdpSocket::bind(listener.local_addr().unwrap()) {
            return (listener, socket);
        }
    }
    panic!("no port is free for both");
}

/// Answers one query.
fn serve(stream: &mut (impl Read + Write)) -> std::io::Result<()> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut query = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut query)?;
    let query = Message::from_vec(&query).unwrap();
    let mut answer = Message::response(query.metadata.id, OpCode::Query);
    let question = query.queries[0].clone();
    let target = Name::from_ascii("x.example.org.").unwrap();
    let srv = RData::SRV(SRV::new(1, 0, 5222, target));
    answer.add_answer(Record::from_rdata(question.name.clone(), 60, srv));
    answer.add_query(question);
    let answer = answer.to_vec().unwrap();
    let length = u16::try_from(answer.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length, answer.as_slice()].concat())?;
    stream.flush()
}

async fn srv(addr: SocketAddr, encryption: &Encryption) -> Result<SrvAnswer, LookupError> {
    NameServerLookup::new(&[addr], encryption)
        .srv(SERVICE)
        .await
}

#[tokio::test]
async fn a_named_server_is_asked_over_tls_and_the_connection_stays() {
    let server = Server::start(NAME);
    let lookup = NameServerLookup::new(&[server.addr], &server.strict(NAME));
    for _ in 0..3 {
        let answer = lookup.srv(SERVICE).await.unwrap();
        assert_eq!(answer.ttl(), Some(Duration::from_secs(60)));
    }
    assert_eq!(server.connections(), 1);
    assert!(!server.saw_cleartext());
}

#[tokio::test]
async fn a_server_with_another_name_or_issuer_learns_nothing() {
    let server = Server::start("other.example.net");
    let error = srv(server.addr, &server.strict(NAME)).await.unwrap_err();
    assert!(matches!(error, LookupError::Network(_)), "{error}");
    let stranger = Server::start(NAME);
    let encryption = Encryption::Strict {
        name: NAME.into(),
        verifier: server.verifier(),
    };
    let error = srv(stranger.addr, &encryption).await.unwrap_err();
    assert!(matches!(error, LookupError::Network(_)), "{error}");
    for server in [server, stranger] {
        assert!(server.connections() > 0);
        assert!(!server.saw_cleartext());
    }
}

#[tokio::test]
async fn opportunistic_encryption_accepts_any_certificate() {
    let server = Server::start("other.example.net");
    let answer = srv(server.addr, &Encryption::Opportunistic).await;
    assert!(answer.is_ok(), "{answer:?}");
    assert!(!server.saw_cleartext());
}

#[tokio::test]
async fn a_server_without_tls_ends_in_time_and_learns_nothing() {
    let (silent, cleartext) = on_one_port();
    let start = Instant::now();
    let error = srv(silent.local_addr().unwrap(), &Encryption::Opportunistic).await;
    assert!(matches!(error, Err(LookupError::NoAnswer(_))), "{error:?}");
    assert!(start.elapsed() < SOON);
    cleartext.set_nonblocking(true).unwrap();
    assert!(cleartext.recv(&mut [0; 512]).is_err());
}

/// A verifier that waits, as one of a platform may for the network.
#[derive(Debug)]
struct Slow {
    inner: Arc<dyn ServerCertVerifier>,
    begun: Sender<()>,
    released: Mutex<Receiver<()>>,
}

impl ServerCertVerifier for Slow {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.begun.send(()).unwrap();
        let _ = self.released.lock().unwrap().recv();
        let inner = &self.inner;
        inner.verify_server_cert(certificate, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let inner = &self.inner;
        inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let inner = &self.inner;
        inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// The runtime has one thread.
#[tokio::test]
async fn a_verifier_that_blocks_delays_nothing_else() {
    let server = Server::start(NAME);
    let ((begun, begins), (release, released)) = (channel(), channel());
    let verifier = Slow {
        inner: server.verifier(),
        begun,
        released: Mutex::new(released),
    };
    let encryption = Encryption::Strict {
        name: NAME.into(),
        verifier: Arc::new(verifier),
    };
    let addr = server.addr;
    let asked = tokio::spawn(async move { srv(addr, &encryption).await });
    while begins.try_recv().is_err() {
        // Other work continues.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    release.send(()).unwrap();
    assert!(asked.await.unwrap().is_ok());
}
