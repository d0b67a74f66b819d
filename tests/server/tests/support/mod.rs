//! A raw client of sockets, rustls and strings, without code of the product.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses a part of it"
)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that goes wrong should stop"
)]

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use snapback_reference_server::{Config, ReferenceServer, Switches};

pub const USER_AGENT: &str = "<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>";
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Starts a server with juliet and romeo, on a runtime of its own.
pub fn server(switches: Switches) -> ReferenceServer {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let server = ReferenceServer::start(Config {
                switches,
                accounts: vec![
                    ("juliet".into(), "secret".into()),
                    ("romeo".into(), "pass".into()),
                ],
                ..Config::default()
            })
            .await
            .unwrap();
            sender.send(server).unwrap();
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().unwrap()
}

pub fn tls_config(server: &ReferenceServer) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(server.ca_der())).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.enable_early_data = true;
    config.alpn_protocols = vec![b"xmpp-client".to_vec()];
    Arc::new(config)
}

pub struct Client {
    tcp: TcpStream,
    pub tls: Option<ClientConnection>,
    inbox: Vec<u8>,
    pub closed: bool,
}

impl Client {
    pub fn tcp(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(TIMEOUT)).unwrap();
        Self {
            tcp,
            tls: None,
            inbox: Vec::new(),
            closed: false,
        }
    }

    /// Connects over STARTTLS, without pipelining.
    pub fn starttls(server: &ReferenceServer, config: &Arc<ClientConfig>) -> Self {
        let mut client = Self::tcp(server.starttls_addr());
        client.send(HEADER);
        client.until("</stream:features>");
        client.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        client.until("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
        client.handshake(config).unwrap();
        client
    }

    /// Connects over direct TLS.
    pub fn direct(server: &ReferenceServer, config: &Arc<ClientConfig>) -> Self {
        let mut client = Self::tcp(server.direct_addr());
        client.handshake(config).unwrap();
        client
    }

    pub fn new_tls(config: &Arc<ClientConfig>) -> ClientConnection {
        ClientConnection::new(config.clone(), ServerName::try_from("localhost").unwrap()).unwrap()
    }

    pub fn handshake(&mut self, config: &Arc<ClientConfig>) -> Result<(), String> {
        self.tls = Some(Self::new_tls(config));
        self.finish_handshake()
    }

    pub fn finish_handshake(&mut self) -> Result<(), String> {
        for _ in 0..20 {
            self.flush();
            if !self.tls.as_ref().unwrap().is_handshaking() {
                return Ok(());
            }
            self.read_once()?;
            if self.closed {
                return Err("closed".into());
            }
        }
        Err("endless handshake".into())
    }

    pub fn raw(&mut self, bytes: &[u8]) {
        self.tcp.write_all(bytes).unwrap();
    }

    /// Sends text in one write.
    pub fn send(&mut self, text: &str) {
        match &mut self.tls {
            Some(tls) => {
                tls.writer().write_all(text.as_bytes()).unwrap();
                self.flush();
            }
            None => self.tcp.write_all(text.as_bytes()).unwrap(),
        }
    }

    pub fn flush(&mut self) {
        let mut out = Vec::new();
        let Some(tls) = &mut self.tls else { return };
        while tls.wants_write() {
            tls.write_tls(&mut out).unwrap();
        }
        // The server may have closed already; the next read reports that.
        let _ = self.tcp.write_all(&out);
    }

    fn read_once(&mut self) -> Result<(), String> {
        let mut buffer = [0u8; 16_384];
        let read = match self.tcp.read(&mut buffer) {
            Ok(0) => {
                self.closed = true;
                return Ok(());
            }
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                self.closed = true;
                return Ok(());
            }
            Err(error) => return Err(format!("{error}, after {:?}", self.seen())),
        };
        self.feed(&buffer[..read])?;
        self.flush();
        Ok(())
    }

    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.inbox).into_owned()
    }

    /// Reads up to and including `mark`.
    #[track_caller]
    pub fn until(&mut self, mark: &str) -> String {
        for _ in 0..1000 {
            let seen = self.seen();
            if let Some(at) = seen.find(mark) {
                let end = at + mark.len();
                self.inbox.drain(..end);
                return seen[..end].to_owned();
            }
            assert!(!self.closed, "closed while waiting for {mark}: {seen}");
            self.read_once()
                .unwrap_or_else(|error| panic!("waiting for {mark}: {error}"));
        }
        panic!("{mark} never came");
    }

    /// Returns everything up to the end of the connection.
    #[track_caller]
    pub fn rest(&mut self) -> String {
        for _ in 0..1000 {
            if self.closed {
                return self.seen();
            }
            self.read_once().unwrap();
        }
        panic!("the connection does not end");
    }

    pub fn exporter(&self) -> Vec<u8> {
        self.tls
            .as_ref()
            .unwrap()
            .export_keying_material([0u8; 32], b"EXPORTER-Channel-Binding", Some(b""))
            .unwrap()
            .to_vec()
    }

    pub fn end_point(&self) -> Vec<u8> {
        let leaf = &self.tls.as_ref().unwrap().peer_certificates().unwrap()[0];
        Sha256::digest(leaf).to_vec()
    }
}

pub const HEADER: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";
pub const HEADER_FROM: &str = "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' from='juliet@localhost' version='1.0'>";

/// A SCRAM client.
pub struct Scram {
    mechanism: &'static str,
    gs2: String,
    binding: Vec<u8>,
    bare: String,
    password: String,
    expected: Option<String>,
}

impl Scram {
    pub fn new(mechanism: &'static str, user: &str, password: &str) -> Self {
        Self {
            mechanism,
            gs2: "n,,".into(),
            binding: Vec::new(),
            bare: format!("n={user},r=clientnonce"),
            password: password.into(),
            expected: None,
        }
    }

    pub fn bound(mut self, name: &str, binding: Vec<u8>) -> Self {
        self.gs2 = format!("p={name},,");
        self.binding = binding;
        self
    }

    pub fn first(&self) -> String {
        STANDARD.encode(format!("{}{}", self.gs2, self.bare))
    }

    fn hmac(&self, key: &[u8], data: &[u8]) -> Vec<u8> {
        if self.mechanism.contains("256") {
            let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        } else {
            let mut mac = Hmac::<Sha1>::new_from_slice(key).unwrap();
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        }
    }

    fn hash(&self, data: &[u8]) -> Vec<u8> {
        if self.mechanism.contains("256") {
            Sha256::digest(data).to_vec()
        } else {
            Sha1::digest(data).to_vec()
        }
    }

    /// Returns the answer to a `<challenge/>`'s content.
    pub fn last(&mut self, challenge: &str) -> String {
        let challenge = String::from_utf8(STANDARD.decode(challenge).unwrap()).unwrap();
        let value = |letter: &str| {
            challenge
                .split(',')
                .find_map(|part| part.strip_prefix(letter))
                .unwrap()
        };
        let salt = STANDARD.decode(value("s=")).unwrap();
        let rounds: u32 = value("i=").parse().unwrap();
        let password = self.password.as_bytes();
        let salted = if self.mechanism.contains("256") {
            pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, &salt, rounds).to_vec()
        } else {
            pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(password, &salt, rounds).to_vec()
        };
        let mut c = self.gs2.clone().into_bytes();
        c.extend_from_slice(&self.binding);
        let without = format!("c={},r={}", STANDARD.encode(c), value("r="));
        let message = format!("{},{challenge},{without}", self.bare);
        let client_key = self.hmac(&salted, b"Client Key");
        let signature = self.hmac(&self.hash(&client_key), message.as_bytes());
        let proof: Vec<u8> = client_key
            .iter()
            .zip(&signature)
            .map(|(a, b)| a ^ b)
            .collect();
        let server_key = self.hmac(&salted, b"Server Key");
        let verifier = self.hmac(&server_key, message.as_bytes());
        self.expected = Some(format!("v={}", STANDARD.encode(verifier)));
        STANDARD.encode(format!("{without},p={}", STANDARD.encode(proof)))
    }

    pub fn proves(&self, data: &str) -> bool {
        let data = STANDARD.decode(data).unwrap_or_default();
        self.expected.as_deref().map(str::as_bytes) == Some(data.as_slice())
    }
}

/// Returns the text between the first `<name ..>` and `</name>`.
pub fn content<'a>(xml: &'a str, name: &str) -> &'a str {
    let start = xml
        .find(&format!("<{name}"))
        .unwrap_or_else(|| panic!("no {name} in {xml}"));
    let start = start + xml[start..].find('>').unwrap() + 1;
    let end = xml[start..]
        .find(&format!("</{name}>"))
        .unwrap_or_else(|| panic!("{name}: {xml}"));
    &xml[start..start + end]
}

/// Returns the value of an attribute of the first `<name ..>`.
pub fn attribute(xml: &str, name: &str, attribute: &str) -> String {
    let start = xml
        .find(&format!("<{name} "))
        .unwrap_or_else(|| panic!("no {name} in {xml}"));
    let tag = &xml[start..start + xml[start..].find('>').unwrap()];
    let key = format!(" {attribute}='");
    let from = tag
        .find(&key)
        .unwrap_or_else(|| panic!("no {attribute} in {tag}"))
        + key.len();
    tag[from..from + tag[from..].find('\'').unwrap()].to_owned()
}

/// Logs in with SASL1, one step at a time, on an encrypted stream; returns after `<success/>`.
pub fn scram_login(client: &mut Client, mut scram: Scram) {
    client.send(HEADER_FROM);
    client.until("</stream:features>");
    client.send(&format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='{}'>{}</auth>",
        scram.mechanism,
        scram.first()
    ));
    let challenge = client.until("</challenge>");
    let response = scram.last(content(&challenge, "challenge"));
    client.send(&format!(
        "<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>{response}</response>"
    ));
    let success = client.until("</success>");
    assert!(scram.proves(content(&success, "success")), "{success}");
}

pub fn bind(client: &mut Client, resource: &str) -> String {
    client.send(HEADER_FROM);
    client.until("</stream:features>");
    client.send(&format!("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"));
    let answer = client.until("</iq>");
    content(&answer, "jid").to_owned()
}

/// Opens a session with PLAIN, bind and presence.
pub fn session(server: &ReferenceServer, user: &str, password: &str, resource: &str) -> Client {
    let mut client = Client::direct(server, &tls_config(server));
    let plain = STANDARD.encode(format!("\0{user}\0{password}"));
    client.send(HEADER);
    client.until("</stream:features>");
    client.send(&format!(
        "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"
    ));
    client.until("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
    client.send(HEADER);
    client.until("</stream:features>");
    client.send(&format!("<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"));
    client.until("</iq>");
    client.send("<presence/>");
    client.until("<presence");
    client.until(">");
    client
}

/// Enables Stream Management; returns the SM-ID.
pub fn enable(client: &mut Client) -> String {
    client.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
    client.until("<enabled");
    let rest = client.until(">");
    attribute(&format!("<enabled{rest}"), "enabled", "id")
}

pub fn hmac_sha256(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// Returns the initial response of a FAST login, and the proof that the server has to send.
pub fn ht(user: &str, token: &str, binding: &[u8]) -> (String, String) {
    let mac = |who: &[u8]| hmac_sha256(token.as_bytes(), &[who, binding].concat());
    let initial = [user.as_bytes(), b"\0", &mac(b"Initiator")].concat();
    (STANDARD.encode(initial), STANDARD.encode(mac(b"Responder")))
}

/// Logs in by SASL2 with SCRAM-SHA-1 and these inline children; returns everything up to `</success>`.
pub fn sasl2_login(client: &mut Client, inline: &str) -> String {
    let mut scram = Scram::new("SCRAM-SHA-1", "juliet", "secret");
    client.send(HEADER_FROM);
    client.until("</stream:features>");
    client.send(&format!(
        "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='SCRAM-SHA-1'><initial-response>{}</initial-response>{USER_AGENT}{inline}</authenticate>",
        scram.first()
    ));
    let challenge = client.until("</challenge>");
    let response = scram.last(content(&challenge, "challenge"));
    client.send(&format!(
        "<response xmlns='urn:xmpp:sasl:2'>{response}</response>"
    ));
    let success = client.until("</success>");
    assert!(
        scram.proves(content(&success, "additional-data")),
        "{success}"
    );
    success
}

pub fn message(to: &str, body: &str) -> String {
    format!("<message to='{to}' type='chat' id='{body}'><body>{body}</body></message>")
}

/// Connects like a client that pipelines STARTTLS: header, `<starttls/>` and ClientHello in one write.
pub fn combined_starttls(server: &ReferenceServer, config: &Arc<ClientConfig>) -> Client {
    let mut client = Client::tcp(server.starttls_addr());
    let mut tls = Client::new_tls(config);
    let mut flight =
        format!("{HEADER}<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>").into_bytes();
    while tls.wants_write() {
        tls.write_tls(&mut flight).unwrap();
    }
    client.raw(&flight);
    client.tls = Some(tls);
    client
}

impl Client {
    /// Returns the cleartext up to `mark`, although TLS has begun on our side; what follows goes to TLS.
    #[track_caller]
    pub fn clear_until(&mut self, mark: &str) -> String {
        let tls = self.tls.take();
        let clear = self.until(mark);
        self.tls = tls;
        let after = std::mem::take(&mut self.inbox);
        self.feed(&after).unwrap();
        clear
    }

    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        let Some(tls) = &mut self.tls else {
            self.inbox.extend_from_slice(bytes);
            return Ok(());
        };
        while !bytes.is_empty() {
            tls.read_tls(&mut bytes).unwrap();
            let state = tls
                .process_new_packets()
                .map_err(|error| error.to_string())?;
            let mut plain = vec![0; state.plaintext_bytes_to_read()];
            tls.reader().read_exact(&mut plain).unwrap();
            self.inbox.extend_from_slice(&plain);
            if state.peer_has_closed() {
                self.closed = true;
                break;
            }
        }
        Ok(())
    }

    /// Queues text after the pending handshake messages; `flush` sends both at once.
    pub fn queue(&mut self, text: &[u8]) {
        let tls = self.tls.as_mut().unwrap();
        tls.writer().write_all(text).unwrap();
    }

    /// Opens a direct TLS connection whose first flight carries this as early data, if a ticket allows it.
    pub fn early(server: &ReferenceServer, config: &Arc<ClientConfig>, text: &str) -> (Self, bool) {
        let mut client = Self::tcp(server.direct_addr());
        let mut tls = Self::new_tls(config);
        let written = tls
            .early_data()
            .is_some_and(|mut early| early.write(text.as_bytes()).unwrap() == text.len());
        client.tls = Some(tls);
        client.flush();
        (client, written)
    }
}
