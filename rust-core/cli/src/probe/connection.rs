//! A connection without a login: TCP, TLS and the XML reader, with a clock beside each.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use snapback_client::proto::ns;
use snapback_client::proto::stream::features::StreamFeatures;
use snapback_client::proto::stream::header;
use snapback_client::proto::xml::{Element, Limits, StreamItem, StreamReader};
use snapback_tls::{Established, TlsEvent, TlsSession, VerificationRequest};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::report::{EndpointError, name};

/// The maximum time for the TCP handshake. A lost SYN is repeated after one second, and again after two.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum time for each answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum number of bytes that are read from one connection. Certificates, tickets and features have 10 kB.
const MAX_RECEIVED: usize = 128 * 1024;
/// The size of one read.
const CHUNK: usize = 16 * 1024;
/// How long the last bytes of a connection may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// An open connection.
pub(super) struct Connection {
    socket: TcpStream,
    tls: Option<TlsSession>,
    reader: StreamReader,
    received: usize,
    /// The times of the first and the last read since the last write.
    reads: Option<(Instant, Instant)>,
    /// Whether TLS has ended, or the stream.
    is_over: bool,
}

/// When the kernel acknowledges what it receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acks {
    /// As it does by itself.
    Usual,
    /// As soon as possible.
    AtOnce,
    /// After 40 ms on Linux, which shows what waits for it.
    Delayed,
}

/// The result of a TLS handshake.
pub(super) struct Handshake {
    pub(super) established: Established,
    /// Without the check of the certificate.
    pub(super) took: Duration,
    pub(super) verified_in: Duration,
}

impl Connection {
    /// Connects, and returns how long that took.
    pub(super) async fn open(addr: SocketAddr) -> Result<(Self, Duration), EndpointError> {
        let began = Instant::now();
        let socket = timeout(CONNECT_TIMEOUT, TcpStream::connect(addr)).await;
        let took = began.elapsed();
        let socket = socket
            .map_err(|_| EndpointError::NoAnswer)?
            .map_err(|error| refused(&error))?;
        // A flight is one write; Nagle's algorithm on this side would change what is measured of the other.
        let _ = socket.set_nodelay(true);
        let connection = Self {
            socket,
            tls: None,
            reader: StreamReader::new(Limits::default()),
            received: 0,
            reads: None,
            is_over: false,
        };
        Ok((connection, took))
    }

    /// Writes, encrypted once TLS is established.
    pub(super) async fn send(&mut self, text: &str) -> Result<(), EndpointError> {
        let bytes = match &mut self.tls {
            Some(tls) => {
                tls.write(text.as_bytes())?;
                tls.take_output()
            }
            None => text.as_bytes().to_vec(),
        };
        self.write(&bytes).await
    }

    /// Starts TLS, and sends this text with the last message of the handshake.
    pub(super) async fn start_tls(
        &mut self,
        mut session: TlsSession,
        first: &str,
        acks: Acks,
    ) -> Result<Handshake, EndpointError> {
        let unread = self.reader.take_unread();
        self.reader = StreamReader::new(Limits::default());
        let began = Instant::now();
        let mut verified_in = Duration::ZERO;
        let mut input = unread;
        loop {
            let output = session.take_output();
            self.write(&output).await?;
            if input.is_empty() {
                input = self.read().await?;
            }
            let result = session.read(&std::mem::take(&mut input));
            if let Err(error) = result {
                let alert = session.take_output();
                let _ = self.write(&alert).await;
                return Err(error.into());
            }
            while let Some(event) = session.poll_event() {
                match event {
                    TlsEvent::VerifyCertificate(request) => {
                        let (verdict, took) = verify(request).await?;
                        verified_in += took;
                        session.certificate_verified(verdict)?;
                    }
                    TlsEvent::Established(established) => {
                        let took = began.elapsed().saturating_sub(verified_in);
                        session.write(first.as_bytes())?;
                        let output = session.take_output();
                        self.tls = Some(session);
                        self.write(&output).await?;
                        // A write that follows a read makes the kernel choose again, so this stands after it.
                        acks.request(&self.socket);
                        return Ok(Handshake {
                            established,
                            took,
                            verified_in,
                        });
                    }
                    TlsEvent::Plaintext(_) | TlsEvent::CloseNotify => {}
                }
            }
        }
    }

    /// Reads to the next element, over the stream's header.
    pub(super) async fn element(&mut self) -> Result<Element, EndpointError> {
        let waiting = timeout(ANSWER_TIMEOUT, self.next_element()).await;
        waiting.unwrap_or(Err(EndpointError::NoAnswer))
    }

    /// Reads to the stream's features.
    pub(super) async fn features(&mut self) -> Result<StreamFeatures, EndpointError> {
        let element = self.element().await?;
        if element.is("features", ns::STREAM) {
            return Ok(StreamFeatures::parse(&element));
        }
        Err(unexpected(&element))
    }

    /// Returns the time between the first and the last read since the last write.
    pub(super) fn gap(&self) -> Duration {
        let between = |(first, last): (Instant, Instant)| last.duration_since(first);
        self.reads.map(between).unwrap_or_default()
    }

    /// Returns whether the server asked for a second ClientHello.
    pub(super) fn was_retried(&self) -> bool {
        self.tls.as_ref().is_some_and(TlsSession::was_retried)
    }

    /// Ends the stream and closes the connection; errors no longer matter.
    pub(super) async fn close(mut self) {
        let closing = async {
            let _ = self.send(header::CLOSE).await;
            if let Some(tls) = &mut self.tls {
                tls.close();
                let output = tls.take_output();
                let _ = self.write(&output).await;
            }
            let _ = self.socket.shutdown().await;
        };
        let _ = timeout(CLOSE_TIMEOUT, closing).await;
    }

    async fn next_element(&mut self) -> Result<Element, EndpointError> {
        loop {
            let item = self
                .reader
                .next_item()
                .map_err(|error| EndpointError::Stream {
                    error: error.to_string(),
                })?;
            match item {
                Some(StreamItem::Element(element)) => return Ok(element),
                Some(StreamItem::Header(_)) => {}
                Some(StreamItem::Refused(_)) => return Err(EndpointError::TooMuch),
                Some(StreamItem::End) => return Err(closed()),
                None if self.is_over => return Err(closed()),
                None => {
                    let bytes = self.read().await?;
                    self.take(&bytes)?;
                }
            }
        }
    }

    /// Decrypts, and gives the XML reader what is text.
    fn take(&mut self, bytes: &[u8]) -> Result<(), EndpointError> {
        let Some(tls) = &mut self.tls else {
            self.reader.feed(bytes);
            return Ok(());
        };
        tls.read(bytes)?;
        while let Some(event) = tls.poll_event() {
            match event {
                TlsEvent::Plaintext(text) => self.reader.feed(&text),
                TlsEvent::CloseNotify => self.is_over = true,
                TlsEvent::VerifyCertificate(_) | TlsEvent::Established(_) => {}
            }
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<Vec<u8>, EndpointError> {
        let mut bytes = vec![0; CHUNK];
        let read = timeout(ANSWER_TIMEOUT, self.socket.read(&mut bytes)).await;
        let length = read
            .map_err(|_| EndpointError::NoAnswer)?
            .map_err(|error| EndpointError::Stream {
                error: error.kind().to_string(),
            })?;
        if length == 0 {
            return Err(closed());
        }
        let now = Instant::now();
        self.reads = Some((self.reads.map_or(now, |(first, _)| first), now));
        self.received = self.received.saturating_add(length);
        if self.received > MAX_RECEIVED {
            return Err(EndpointError::TooMuch);
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), EndpointError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.reads = None;
        let written = timeout(ANSWER_TIMEOUT, self.socket.write_all(bytes)).await;
        written
            .map_err(|_| EndpointError::NoAnswer)?
            .map_err(|error| EndpointError::Stream {
                error: error.kind().to_string(),
            })
    }
}

/// Returns the error for an element that is not what was waited for.
pub(super) fn unexpected(element: &Element) -> EndpointError {
    let condition = element
        .children()
        .next()
        .filter(|_| element.is("error", ns::STREAM));
    let error = match condition {
        Some(condition) => format!("stream error {}", name(condition.name())),
        None => format!("unexpected <{}/>", name(element.name())),
    };
    EndpointError::Stream { error }
}

fn closed() -> EndpointError {
    EndpointError::Stream {
        error: "the server closed it".to_owned(),
    }
}

fn refused(error: &io::Error) -> EndpointError {
    match error.kind() {
        io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::AddrNotAvailable => EndpointError::NoRoute,
        kind => EndpointError::Connect {
            error: kind.to_string(),
        },
    }
}

/// Verifies a certificate where that may block.
async fn verify(
    request: VerificationRequest,
) -> Result<(Result<(), snapback_client::CertificateError>, Duration), EndpointError> {
    let began = Instant::now();
    let verdict = tokio::task::spawn_blocking(move || request.verify()).await;
    let verdict = verdict.map_err(|_| snapback_client::CertificateError::VerifierUnavailable)?;
    Ok((verdict, began.elapsed()))
}

impl Acks {
    /// Asks the kernel for it. If that fails, nothing is measured with it.
    #[cfg(target_os = "linux")]
    fn request(self, socket: &TcpStream) {
        let at_once = match self {
            Self::Usual => return,
            Self::AtOnce => true,
            Self::Delayed => false,
        };
        let _ = rustix::net::sockopt::set_tcp_quickack(socket, at_once);
    }

    #[cfg(not(target_os = "linux"))]
    fn request(self, _: &TcpStream) {}
}
