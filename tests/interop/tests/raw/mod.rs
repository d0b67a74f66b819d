//! A client that sends exactly what a test requests, valid or not.
#![allow(
    unreachable_pub,
    dead_code,
    reason = "a module of several tests, each of which needs some of it"
)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use snapback_interop::{Account, DOMAIN, RunningServer};

/// The timeout of all waits: anything that takes longer is broken.
const TIMEOUT: Duration = Duration::from_secs(60);
/// More than any answer here.
const MAX_BYTES: usize = 1 << 20;

pub const STARTTLS: &str = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/// A stream header, with or without `from`.
pub fn header(from: &str) -> String {
    match from {
        "" => header_with(""),
        jid => header_with(&format!("from='{jid}'")),
    }
}

/// A stream header with these attributes.
pub fn header_with(attributes: &str) -> String {
    format!(
        "<stream:stream {attributes} to='{DOMAIN}' version='1.0' xmlns='jabber:client' \
         xmlns:stream='http://etherx.jabber.org/streams'>"
    )
}

pub fn resume(id: &str, h: &str) -> String {
    format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' {h}/>")
}

pub fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).expect("the port accepts connections");
    stream
        .set_read_timeout(Some(TIMEOUT))
        .expect("a timeout can be set");
    stream.set_nodelay(true).expect("an option can be set");
    stream
}

/// Reads until one of these has arrived, or the end.
pub fn read_until(stream: &mut impl Read, wanted: &[&str]) -> String {
    match try_read_until(stream, wanted) {
        Ok(received) => received,
        Err(received) => panic!("no {wanted:?} in {received}"),
    }
}

/// The same, with what was read instead if that takes too long.
fn try_read_until(stream: &mut impl Read, wanted: &[&str]) -> Result<String, String> {
    let deadline = Instant::now() + TIMEOUT;
    let mut received = Vec::new();
    while Instant::now() < deadline && received.len() < MAX_BYTES {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(0) => return Ok(text(received)),
            Ok(_) => received.push(byte[0]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            // A reset, or a TLS handshake that failed.
            Err(_) => return Ok(text(received)),
        }
        if wanted
            .iter()
            .any(|wanted| received.ends_with(wanted.as_bytes()))
        {
            return Ok(text(received));
        }
    }
    Err(text(received))
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns whether the server closes without further XML.
pub fn is_closed(stream: &mut impl Read) -> bool {
    !read_until(stream, &["\u{0}never"]).contains("<resumed")
}

/// A stream over TLS.
pub struct Secure(StreamOwned<ClientConnection, TcpStream>);

impl Secure {
    /// Connects over direct TLS.
    pub fn direct(server: &RunningServer) -> Self {
        Self(StreamOwned::new(tls(server), connect(server.direct_addr())))
    }

    /// Sends header, `starttls` and ClientHello in pieces of this size.
    pub fn starttls(server: &RunningServer, before: &str, starttls: &str, piece: usize) -> Self {
        let mut tls = tls(server);
        let mut flight = format!("{before}{starttls}").into_bytes();
        tls.write_tls(&mut flight).expect("a ClientHello");
        let mut stream = connect(server.starttls_addr());
        for piece in flight.chunks(piece) {
            stream.write_all(piece).expect("the flight is sent");
        }
        let answer = read_until(
            &mut stream,
            &["<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
        );
        assert!(answer.contains("<proceed"), "{answer}");
        Self(StreamOwned::new(tls, stream))
    }

    pub fn say(&mut self, text: &str) -> &mut Self {
        self.0.write_all(text.as_bytes()).expect("it is sent");
        self
    }

    pub fn hear(&mut self, wanted: &str) -> String {
        let heard = read_until(&mut self.0, &[wanted]);
        assert!(heard.ends_with(wanted), "no {wanted} in {heard}");
        heard
    }

    /// Reads up to the end of a tag with this beginning; attributes come in any order.
    pub fn hear_tag(&mut self, beginning: &str) -> String {
        let heard = self.hear(beginning);
        heard + &self.hear(">")
    }

    pub fn is_closed(&mut self) -> bool {
        is_closed(&mut self.0)
    }

    /// Does SASL PLAIN, bind and `<enable/>`; returns the SM-ID.
    pub fn log_in(&mut self, server: &RunningServer, account: Account) -> String {
        self.authenticate(server, account);
        self.say(
            "<iq id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>\
             <enable xmlns='urn:xmpp:sm:3' resume='true'/>",
        );
        attribute(&self.hear_tag("<enabled "), "<enabled", "id")
    }

    /// Does SASL PLAIN on an open stream, up to the features after it.
    pub fn authenticate(&mut self, server: &RunningServer, account: Account) {
        self.say(&plain(server, account));
        self.hear_tag("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'");
        self.say(&header("")).hear("</stream:features>");
    }

    /// Opens a session of this account over direct TLS, on a stream whose header also has these attributes; returns its
    /// full JID.
    ///
    /// jabberd2 ends a new connection with `internal-server-error` while a session on another, which had the same file
    /// descriptor, is still ending: then it is tried again.
    pub fn join(server: &RunningServer, account: Account, attributes: &str) -> (Self, String) {
        let mut attempts = 0..5;
        loop {
            let mut stream = Self::direct(server);
            if let Some(jid) = stream.try_join(server, account, attributes) {
                return (stream, jid);
            }
            attempts.next().expect("one of five logins is taken");
        }
    }

    fn try_join(
        &mut self,
        server: &RunningServer,
        account: Account,
        attributes: &str,
    ) -> Option<String> {
        const FEATURES: &str = "</stream:features>";
        self.try_hear(&header(""), FEATURES)?;
        self.try_hear(&plain(server, account), "<success ")?;
        self.try_hear(&header_with(attributes), FEATURES)?;
        let bind = "<iq id='b' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
        let bound = self.try_hear(bind, "</jid>")?;
        let (_, jid) = bound.rsplit_once("<jid>")?;
        Some(jid.trim_end_matches("</jid>").to_owned())
    }

    /// Sends this and reads up to `wanted`, unless the stream ends first.
    fn try_hear(&mut self, text: &str, wanted: &str) -> Option<String> {
        self.0.write_all(text.as_bytes()).ok()?;
        let heard = read_until(&mut self.0, &[wanted, "</stream:stream>"]);
        heard.ends_with(wanted).then_some(heard)
    }

    /// Sends this, and waits until the server has handled it, which the answer to a following request shows. Returns
    /// whether the stream is still open.
    pub fn done(&mut self, stanza: &str) -> bool {
        let (text, id) = with_ping(stanza);
        // The server may close before it has read all of it.
        self.try_hear(&text, &id).is_some()
    }

    /// The same with a stanza at which some server stops answering: after 10 s the stream counts as closed.
    pub fn done_or_stuck(&mut self, stanza: &str) -> bool {
        let (text, id) = with_ping(stanza);
        self.set_timeout(Duration::from_secs(10));
        let is_open = self.0.write_all(text.as_bytes()).is_ok()
            && try_read_until(&mut self.0, &[&id, "</stream:stream>"])
                .is_ok_and(|heard| heard.ends_with(&id));
        self.set_timeout(TIMEOUT);
        is_open
    }

    fn set_timeout(&self, timeout: Duration) {
        let set = self.0.sock.set_read_timeout(Some(timeout));
        set.expect("a timeout can be set");
    }

    /// Breaks the connection with a reset; the server keeps the session.
    pub fn vanish(self) {
        let StreamOwned { sock, .. } = self.0;
        drop(sock);
    }
}

/// The stanza and a request, and how the answer to that begins.
fn with_ping(stanza: &str) -> (String, String) {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let id = format!("done-{}-", NEXT.fetch_add(1, Ordering::Relaxed));
    let ping = format!("<iq type='get' id='{id}' to='{DOMAIN}'><ping xmlns='urn:xmpp:ping'/></iq>");
    (format!("{stanza}{ping}"), id)
}

/// SASL PLAIN.
fn plain(server: &RunningServer, account: Account) -> String {
    let credentials = server.account(account);
    let (user, _) = credentials.jid.split_once('@').expect("a bare JID");
    let plain = STANDARD.encode(format!("\0{user}\0{}", credentials.password));
    format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
}

fn tls(server: &RunningServer) -> ClientConnection {
    let mut roots = RootCertStore::empty();
    let ca = CertificateDer::from_pem_slice(server.ca_pem().as_bytes());
    roots
        .add(ca.expect("the authority is a certificate"))
        .expect("the authority can be trusted");
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(server.domain()).expect("the domain is a name");
    ClientConnection::new(Arc::new(config), name).expect("a TLS client")
}

/// Returns the value of an attribute of the last such element.
pub fn attribute(xml: &str, element: &str, name: &str) -> String {
    let (_, rest) = xml.rsplit_once(element).expect("the element is there");
    let (tag, _) = rest.split_once('>').expect("it ends");
    let (_, value) = tag
        .split_once(&format!(" {name}='"))
        .expect("the attribute is there");
    value.split('\'').next().unwrap_or_default().to_owned()
}
