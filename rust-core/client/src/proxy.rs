//! Connections through a proxy: SOCKS5 (RFC 1928, RFC 1929) and HTTP CONNECT (RFC 9110 section 9.3.6).
//!
//! A proxy is on the path, and may be anyone: everything that it sends is bounded in bytes and in time, and nothing of it is
//! trusted. TLS follows, and its certificate has to be the server's.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use snapback_engine::engine::ConnectFailure;
use snapback_proto::secret::Secret;
use snapback_types::proxy::{ProxyError, SocksRefusal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

/// How long a proxy may take for its answers: it has to look up the name and connect. Less than the time of a race, so that
/// what it did wrong is reported.
const PROXY_TIMEOUT: Duration = Duration::from_secs(10);
/// The maximum size of the header of an HTTP answer, in bytes.
const MAX_HEADER: usize = 8 * 1024;

/// A proxy for the connections of an account.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Its protocol.
    pub kind: ProxyKind,
    /// Its address. Not a name: with remote names nothing is looked up on this device.
    pub address: SocketAddr,
    /// The user and the password, if it requires them. Default none. They are sent in the clear, as both protocols do.
    pub credentials: Option<ProxyCredentials>,
    /// Who looks names up. Default: the proxy.
    pub names: ProxyNames,
}

/// The protocol of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// SOCKS5 (RFC 1928), with or without user and password (RFC 1929).
    Socks5,
    /// HTTP CONNECT (RFC 9110 section 9.3.6), with or without Basic authentication (RFC 7617).
    HttpConnect,
}

/// Who looks names up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyNames {
    /// The proxy. No query of any kind leaves this device: the server is the configured one, or else the account's domain on port
    /// 5223 with direct TLS, then on port 5222 with STARTTLS.
    #[default]
    Remote,
    /// This device, as without a proxy; the proxy gets addresses. Names of onion services are not looked up (RFC 7686).
    Local,
}

/// The user and the password of a proxy.
#[derive(Clone)]
pub struct ProxyCredentials {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret<String>,
}

impl Proxy {
    /// Returns a proxy without user and password that looks names up.
    #[must_use]
    pub fn new(kind: ProxyKind, address: SocketAddr) -> Self {
        Self {
            kind,
            address,
            credentials: None,
            names: ProxyNames::Remote,
        }
    }
}

/// The server, as the proxy is asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProxyTarget {
    Name(String, u16),
    Address(SocketAddr),
}

/// Returns what an error of the stream to the proxy means.
fn broken(error: io::Error) -> ConnectFailure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe => ConnectFailure::Proxy(ProxyError::Closed),
        kind => ConnectFailure::Network(kind),
    }
}

fn failed<T>(error: ProxyError) -> Result<T, ConnectFailure> {
    Err(ConnectFailure::Proxy(error))
}

/// Asks the proxy at the other end for a way to the server. After that, the stream leads there.
pub(crate) async fn through(
    mut stream: TcpStream,
    proxy: &Proxy,
    target: &ProxyTarget,
) -> Result<TcpStream, ConnectFailure> {
    let ask = async {
        match proxy.kind {
            ProxyKind::Socks5 => socks5(&mut stream, proxy, target).await,
            ProxyKind::HttpConnect => http_connect(&mut stream, proxy, target).await,
        }
    };
    match tokio::time::timeout(PROXY_TIMEOUT, ask).await {
        Ok(asked) => asked.map(|()| stream),
        Err(_) => failed(ProxyError::TimedOut),
    }
}

// -- SOCKS5

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const V4: u8 = 1;
const NAME: u8 = 3;
const V6: u8 = 4;

async fn socks5(
    stream: &mut TcpStream,
    proxy: &Proxy,
    target: &ProxyTarget,
) -> Result<(), ConnectFailure> {
    let request = socks5_request(target).map_err(ConnectFailure::Proxy)?;
    let methods: &[u8] = match proxy.credentials {
        None => &[VERSION, 1, NO_AUTHENTICATION],
        Some(_) => &[VERSION, 2, NO_AUTHENTICATION, USER_AND_PASSWORD],
    };
    stream.write_all(methods).await.map_err(broken)?;
    let [version, method] = read(stream).await?;
    if version != VERSION {
        return failed(ProxyError::Malformed);
    }
    match (method, &proxy.credentials) {
        (NO_AUTHENTICATION, _) => {}
        (USER_AND_PASSWORD, Some(credentials)) => log_in(stream, credentials).await?,
        (NO_METHOD, None) => return failed(ProxyError::CredentialsRequired),
        (NO_METHOD, Some(_)) => return failed(ProxyError::NoCommonMethod),
        _ => return failed(ProxyError::Malformed),
    }
    stream.write_all(&request).await.map_err(broken)?;
    let [version, code, _, kind] = read(stream).await?;
    if version != VERSION {
        return failed(ProxyError::Malformed);
    }
    if let Some(reason) = SocksRefusal::of(code) {
        return failed(ProxyError::Refused(reason));
    }
    // The address and the port at which the proxy is bound say nothing about the server.
    match kind {
        V4 => drop(read::<6>(stream).await?),
        V6 => drop(read::<18>(stream).await?),
        NAME => {
            let [length] = read(stream).await?;
            let mut bound = vec![0; usize::from(length) + 2];
            stream.read_exact(&mut bound).await.map_err(broken)?;
        }
        _ => return failed(ProxyError::Malformed),
    }
    Ok(())
}

/// RFC 1929.
async fn log_in(
    stream: &mut TcpStream,
    credentials: &ProxyCredentials,
) -> Result<(), ConnectFailure> {
    let mut request = Zeroizing::new(Vec::with_capacity(513));
    request.push(1);
    for text in [&credentials.user, credentials.password.expose()] {
        request.push(length(text.as_bytes()).map_err(ConnectFailure::Proxy)?);
        request.extend_from_slice(text.as_bytes());
    }
    stream.write_all(&request).await.map_err(broken)?;
    let [version, status] = read(stream).await?;
    match (version, status) {
        (1, 0) => Ok(()),
        (1, _) => failed(ProxyError::CredentialsRefused),
        _ => failed(ProxyError::Malformed),
    }
}

fn socks5_request(target: &ProxyTarget) -> Result<Vec<u8>, ProxyError> {
    let mut request = vec![VERSION, CONNECT, 0];
    let port = match target {
        ProxyTarget::Name(name, port) => {
            request.extend([NAME, length(name.as_bytes())?]);
            request.extend(name.as_bytes());
            *port
        }
        ProxyTarget::Address(address) => {
            match address.ip() {
                IpAddr::V4(ip) => {
                    request.push(V4);
                    request.extend(ip.octets());
                }
                IpAddr::V6(ip) => {
                    request.push(V6);
                    request.extend(ip.octets());
                }
            }
            address.port()
        }
    };
    request.extend(port.to_be_bytes());
    Ok(request)
}

/// Returns the length of a field, from 1 to 255.
fn length(bytes: &[u8]) -> Result<u8, ProxyError> {
    match u8::try_from(bytes.len()) {
        Ok(length @ 1..) => Ok(length),
        _ => Err(ProxyError::Unsendable),
    }
}

async fn read<const N: usize>(stream: &mut TcpStream) -> Result<[u8; N], ConnectFailure> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).await.map_err(broken)?;
    Ok(bytes)
}

// -- HTTP

async fn http_connect(
    stream: &mut TcpStream,
    proxy: &Proxy,
    target: &ProxyTarget,
) -> Result<(), ConnectFailure> {
    let request = http_request(proxy, target).map_err(ConnectFailure::Proxy)?;
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    let header = http_header(stream).await?;
    let Some(status) = status(&header) else {
        return failed(ProxyError::Malformed);
    };
    match status {
        200..=299 => Ok(()),
        407 if proxy.credentials.is_none() => failed(ProxyError::CredentialsRequired),
        407 => failed(ProxyError::CredentialsRefused),
        other => failed(ProxyError::Status(other)),
    }
}

fn http_request(proxy: &Proxy, target: &ProxyTarget) -> Result<Zeroizing<String>, ProxyError> {
    let authority = match target {
        ProxyTarget::Name(name, port) => {
            // A name from the app or from a server: it must not end the line.
            let is_sendable = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            length(name.as_bytes())?;
            if !name.bytes().all(is_sendable) {
                return Err(ProxyError::Unsendable);
            }
            format!("{name}:{port}")
        }
        ProxyTarget::Address(address) => address.to_string(),
    };
    let mut request = Zeroizing::new(String::with_capacity(1024));
    request.push_str(&format!(
        "CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n"
    ));
    if let Some(credentials) = &proxy.credentials {
        // RFC 7617 section 2: the user ends with the first colon.
        if credentials.user.contains(':') {
            return Err(ProxyError::Unsendable);
        }
        let pair = Zeroizing::new(format!(
            "{}:{}",
            credentials.user,
            credentials.password.expose()
        ));
        let pair = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
        request.push_str("Proxy-Authorization: Basic ");
        request.push_str(&pair);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    Ok(request)
}

/// Reads the header of the answer, and nothing after it: that is the server's.
async fn http_header(stream: &mut TcpStream) -> Result<Vec<u8>, ConnectFailure> {
    let mut header = Vec::new();
    let mut seen = [0; 1024];
    loop {
        let length = stream.peek(&mut seen).await.map_err(broken)?;
        if length == 0 {
            return failed(ProxyError::Closed);
        }
        let before = header.len();
        header.extend_from_slice(seen.get(..length).unwrap_or_default());
        // The end may begin in what was read before.
        let from = before.saturating_sub(3);
        let end = header
            .get(from..)
            .and_then(|tail| tail.windows(4).position(|window| window == b"\r\n\r\n"))
            .map(|place| from + place + 4);
        header.truncate(end.unwrap_or(header.len()));
        let taken = header.len() - before;
        let mut consumed = vec![0; taken];
        stream.read_exact(&mut consumed).await.map_err(broken)?;
        if header.len() > MAX_HEADER {
            return failed(ProxyError::TooLong);
        }
        if end.is_some() {
            return Ok(header);
        }
    }
}

/// Returns the status code of an answer: `HTTP/1.x NNN`.
fn status(header: &[u8]) -> Option<u16> {
    let rest = header.strip_prefix(b"HTTP/1.")?;
    let (minor, rest) = rest.split_first()?;
    let code = rest.strip_prefix(b" ")?.get(..3)?;
    let is_code = minor.is_ascii_digit() && code.iter().all(u8::is_ascii_digit);
    let ends = matches!(rest.get(4), Some(b' ' | b'\r'));
    if !is_code || !ends {
        return None;
    }
    std::str::from_utf8(code).ok()?.parse().ok()
}

impl fmt::Debug for ProxyCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyCredentials(..)")
    }
}
