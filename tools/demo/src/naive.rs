//! The cost of a client that follows RFC 6120 literally: one request, one wait.
//!
//! STARTTLS (section 5), SASL with SCRAM-SHA-1 (section 6), resource binding (section 7), Stream Management
//! (XEP-0198), roster and presence (RFC 6121). It remembers nothing, so every connection is its first.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use snapback_client::proto::entropy::Entropy;
use snapback_client::proto::ns;
use snapback_client::proto::sasl::{
    ExpectServerFirst, Gs2, Hash, Offer, Profile, SaslError, ScramKeys,
};
use snapback_client::proto::xml::{Limits, StreamItem, StreamReader, XmlError};
use snapback_client::{CertificateError, Element, Secret, TlsContext, TlsError, TlsVersions};
use snapback_netsim::{Link, flights};
use snapback_tls::{
    Established, NoRandom, Pins, SessionParams, TicketScope, TlsEvent, TlsSession, Transport,
    random_seed,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::record::{Kind, Record};
use snapback_cli::flights::Bar;

const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
const CHANNEL_BINDING: &str = "urn:xmpp:sasl-cb:0";
const SESSION: &str = "urn:ietf:params:xml:ns:xmpp-session";

/// A TLS record fits.
const READ: usize = 17 * 1024;

/// What the naive client logs in with.
pub(crate) struct Account<'a> {
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) domain: &'a str,
}

/// The connection, and what it cost beyond the session.
pub(crate) struct Outcome {
    /// Until the session, counted as everywhere in the demo.
    pub(crate) record: Record,
    /// Until roster and Stream Management are there too, each of which this client waits for.
    pub(crate) flights_until_ready: usize,
}

/// Why the naive client could not log in.
#[derive(Debug)]
pub(crate) enum NaiveError {
    Socket(io::Error),
    Tls(TlsError),
    Certificate(CertificateError),
    Xml(XmlError),
    Sasl(SaslError),
    /// The server answered something else.
    Unexpected {
        awaited: &'static str,
        got: String,
    },
    /// A SASL message is not base64.
    NotBase64,
    NoRandom,
}

/// Connects over this link and waits for each answer.
pub(crate) async fn run(
    link: &Arc<Link>,
    context: TlsContext,
    account: &Account<'_>,
) -> Result<Outcome, NaiveError> {
    let mut client = Naive::connect(link, account.domain).await?;

    client.header().await?;
    let starttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    client.ask("starttls", starttls, "proceed").await?;
    let tls = client.start_tls(context, account).await?;

    let features = client.header().await?;
    client.authenticate(account, &features, &tls).await?;

    let features = client.header().await?;
    let bind = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>";
    client.ask("bind", bind, "iq").await?;
    let needs_session = features
        .child("session", SESSION)
        .is_some_and(|session| session.child("optional", SESSION).is_none());
    if needs_session {
        let session = format!("<iq type='set' id='session'><session xmlns='{SESSION}'/></iq>");
        client.ask("session", &session, "iq").await?;
    }
    // Taken before the next write: what the link has carried so far led to the session.
    let record = client.record(link);

    let enable = "<enable xmlns='urn:xmpp:sm:3' resume='true'/>";
    client.ask("enable", enable, "enabled").await?;
    let roster = "<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq>";
    client.ask("roster", roster, "iq").await?;
    client.write("<presence/></stream:stream>").await?;
    Ok(Outcome {
        record,
        flights_until_ready: client.flights.len(),
    })
}

struct Naive<'a> {
    socket: TcpStream,
    tls: Option<TlsSession>,
    reader: StreamReader,
    buffer: Vec<u8>,
    domain: &'a str,
    started: Instant,
    flights: Vec<Bar>,
}

impl<'a> Naive<'a> {
    async fn connect(link: &Link, domain: &'a str) -> Result<Self, NaiveError> {
        let started = Instant::now();
        let socket = link.connect().await.map_err(NaiveError::Socket)?;
        let handshake = Bar {
            sent: vec!["TCP".to_owned()],
            received: vec!["TCP".to_owned()],
            starts: std::time::Duration::ZERO,
            took: started.elapsed(),
        };
        Ok(Self {
            socket,
            tls: None,
            reader: StreamReader::new(Limits::default()),
            buffer: vec![0; READ],
            domain,
            started,
            flights: vec![handshake],
        })
    }

    async fn header(&mut self) -> Result<Element, NaiveError> {
        let header = format!(
            "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{}' to='{}' version='1.0'>",
            ns::STREAM,
            self.domain
        );
        self.ask("header", &header, "features").await
    }

    async fn start_tls(
        &mut self,
        context: TlsContext,
        account: &Account<'_>,
    ) -> Result<Established, NaiveError> {
        let mut session = context
            .session(SessionParams {
                server_name: self.domain.to_owned(),
                direct: false,
                scope: TicketScope {
                    account: account.user.to_owned(),
                    domain: self.domain.to_owned(),
                    transport: Transport::StartTls,
                    pins: Pins::default(),
                },
                early_data: false,
                post_quantum: false,
                versions: TlsVersions::default(),
            })
            .map_err(NaiveError::Tls)?;
        let leaves = self.started.elapsed();
        let hello = session.take_output();
        self.socket
            .write_all(&hello)
            .await
            .map_err(NaiveError::Socket)?;
        self.tls = Some(session);
        let established = loop {
            if let Some(established) = self.receive().await? {
                break established;
            }
        };
        self.note("ClientHello", "ServerHello..Finished", leaves);
        self.flush().await?;
        self.reader.restart();
        Ok(established)
    }

    async fn authenticate(
        &mut self,
        account: &Account<'_>,
        features: &Element,
        tls: &Established,
    ) -> Result<(), NaiveError> {
        let seed = random_seed().map_err(|NoRandom| NaiveError::NoRandom)?;
        let nonce = Entropy::new(seed).nonce();
        let offer = offer(features);
        let scram = ExpectServerFirst::new(
            Hash::Sha1,
            account.user,
            &nonce,
            Gs2::Unsupported,
            &offer,
            tls.version,
        );
        let first = STANDARD.encode(scram.initial_response());
        let auth = format!("<auth xmlns='{SASL}' mechanism='SCRAM-SHA-1'>{first}</auth>");
        let challenge = self.ask("auth SCRAM-SHA-1", &auth, "challenge").await?;

        let needs = scram
            .server_first(&decode(&challenge)?)
            .map_err(NaiveError::Sasl)?;
        let password = Secret::from(account.password);
        let keys = ScramKeys::derive(needs.key_id(), &password).map_err(NaiveError::Sasl)?;
        let (proof, expect) = needs.respond(&keys);
        let response = format!(
            "<response xmlns='{SASL}'>{}</response>",
            STANDARD.encode(proof)
        );
        let success = self.ask("response", &response, "success").await?;
        let _proven = expect
            .server_final(&decode(&success)?)
            .map_err(NaiveError::Sasl)?;
        self.reader.restart();
        self.reader.login_complete();
        Ok(())
    }

    /// One request, one wait.
    async fn ask(
        &mut self,
        what: &'static str,
        xml: &str,
        awaited: &'static str,
    ) -> Result<Element, NaiveError> {
        let leaves = self.started.elapsed();
        self.write(xml).await?;
        let answer = self.element(awaited).await?;
        let answered = match what {
            "bind" => "bound",
            "session" | "roster" => "result",
            _ => awaited,
        };
        self.note(what, answered, leaves);
        Ok(answer)
    }

    fn note(&mut self, sent: &str, received: &str, leaves: std::time::Duration) {
        self.flights.push(Bar {
            sent: vec![sent.to_owned()],
            received: vec![received.to_owned()],
            starts: leaves,
            took: self.started.elapsed().saturating_sub(leaves),
        });
    }

    async fn element(&mut self, awaited: &'static str) -> Result<Element, NaiveError> {
        loop {
            match self.reader.next_item().map_err(NaiveError::Xml)? {
                Some(StreamItem::Header(_)) => {}
                Some(StreamItem::Element(element)) if element.name() == awaited => {
                    if element.attr("type") == Some("error") {
                        return Err(unexpected(awaited, "an error"));
                    }
                    return Ok(element);
                }
                // Requests for acknowledgement and stanzas may come at any time once there is a session.
                Some(StreamItem::Element(other))
                    if matches!(other.name(), "r" | "message" | "presence") => {}
                Some(StreamItem::Element(other)) => return Err(unexpected(awaited, other.name())),
                Some(StreamItem::Refused(_)) => {
                    return Err(unexpected(awaited, "something too big"));
                }
                Some(StreamItem::End) => return Err(unexpected(awaited, "the end of the stream")),
                None => {
                    self.receive().await?;
                }
            }
        }
    }

    async fn write(&mut self, xml: &str) -> Result<(), NaiveError> {
        match &mut self.tls {
            Some(tls) => tls.write(xml.as_bytes()).map_err(NaiveError::Tls)?,
            None => {
                let written = self.socket.write_all(xml.as_bytes()).await;
                return written.map_err(NaiveError::Socket);
            }
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), NaiveError> {
        let bytes = self
            .tls
            .as_mut()
            .map(TlsSession::take_output)
            .unwrap_or_default();
        self.socket
            .write_all(&bytes)
            .await
            .map_err(NaiveError::Socket)
    }

    /// Reads once. Yields what the TLS handshake agreed on when it is done.
    async fn receive(&mut self) -> Result<Option<Established>, NaiveError> {
        let count = self
            .socket
            .read(&mut self.buffer)
            .await
            .map_err(NaiveError::Socket)?;
        let bytes = self.buffer.get(..count).unwrap_or_default();
        if bytes.is_empty() {
            return Err(NaiveError::Socket(io::ErrorKind::UnexpectedEof.into()));
        }
        let Some(tls) = &mut self.tls else {
            self.reader.feed(bytes);
            return Ok(None);
        };
        tls.read(bytes).map_err(NaiveError::Tls)?;
        let mut done = None;
        while let Some(event) = tls.poll_event() {
            match event {
                TlsEvent::VerifyCertificate(request) => {
                    request.verify().map_err(NaiveError::Certificate)?;
                    tls.certificate_verified(Ok(())).map_err(NaiveError::Tls)?;
                }
                TlsEvent::Established(established) => done = Some(established),
                TlsEvent::Plaintext(bytes) => self.reader.feed(&bytes),
                TlsEvent::CloseNotify => {}
            }
        }
        Ok(done)
    }

    fn record(&self, link: &Link) -> Record {
        let names: Vec<String> = self
            .flights
            .iter()
            .map(|flight| flight.sent.join(" + "))
            .collect();
        Record {
            kind: Kind::Naive,
            outcome: "bound",
            plan: format!("{} round trips: {}", names.len(), names.join(" | ")),
            flights: self.flights.len(),
            flights_on_link: flights(&link.trace()) + 1,
            took: self.started.elapsed(),
            waterfall: self.flights.clone(),
            local: Vec::new(),
            cut: None,
        }
    }
}

fn offer(features: &Element) -> Offer {
    let mechanisms = features
        .child("mechanisms", SASL)
        .into_iter()
        .flat_map(Element::children);
    let bindings = features.child("sasl-channel-binding", CHANNEL_BINDING);
    Offer {
        profile: Profile::Sasl1,
        mechanisms: mechanisms.map(Element::text).collect(),
        channel_bindings: bindings.map(|list| {
            list.children()
                .filter_map(|binding| binding.attr("type").map(str::to_owned))
                .collect()
        }),
    }
}

fn decode(element: &Element) -> Result<Vec<u8>, NaiveError> {
    STANDARD
        .decode(element.text())
        .map_err(|_| NaiveError::NotBase64)
}

fn unexpected(awaited: &'static str, got: &str) -> NaiveError {
    NaiveError::Unexpected {
        awaited,
        got: got.to_owned(),
    }
}

impl fmt::Display for NaiveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(error) => error.fmt(f),
            Self::Tls(error) => error.fmt(f),
            Self::Certificate(error) => error.fmt(f),
            Self::Xml(error) => error.fmt(f),
            Self::Sasl(error) => error.fmt(f),
            Self::Unexpected { awaited, got } => write!(f, "awaited {awaited}, got {got}"),
            Self::NotBase64 => f.write_str("a SASL message is not base64"),
            Self::NoRandom => f.write_str("the platform gives no random numbers"),
        }
    }
}
