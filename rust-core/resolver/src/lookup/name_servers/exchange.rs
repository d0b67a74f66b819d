//! One question to one name server.
//!
//! An off-path attacker who forges an answer has to guess the port, the id and the question (RFC 5452): every question
//! has a socket of its own on a random port, connected, so that the system drops datagrams from other senders, and a
//! random id. A datagram that does not match is not an answer, and waiting continues. After too many of those, an
//! attacker may be guessing, and the question is sent over TCP, where more has to be guessed.

use super::message::{Edns, NoReply, Question, Reply};
use crate::LookupError;
use hickory_resolver::proto::op::ResponseCode;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// The timeouts of the transmissions: a lost datagram is sent again, within the two seconds of a query. The socket
/// stays the same, so that a late answer is accepted, too.
const ATTEMPTS: [Duration; 3] = [
    Duration::from_millis(300),
    Duration::from_millis(500),
    Duration::from_millis(1000),
];
/// The maximum number of examined datagrams that do not match. Two or three may be stray; guessing an id needs
/// thousands.
const MAX_STRANGERS: usize = 32;
/// Larger than the 1232 bytes that are requested: some servers ignore the request.
const BUFFER: usize = 4096;
/// Lower ports are reserved for the system.
const LOWEST_PORT: u16 = 1024;
/// The number of random ports to try, since a port may be taken. After that, the system chooses.
const PORT_DRAWS: usize = 4;

/// Queries over UDP and, if necessary, TCP. Any answer of the server counts, including that a name does not exist.
pub(super) async fn exchange(
    server: SocketAddr,
    question: &Question,
) -> Result<Reply, LookupError> {
    let mut edns = Edns::Offered;
    let mut reply = over_udp(server, question, edns).await?;
    let is_unknown = |code| matches!(code, ResponseCode::FormErr | ResponseCode::NotImp);
    if reply.as_ref().is_some_and(|reply| is_unknown(reply.code)) {
        edns = Edns::Absent;
        reply = over_udp(server, question, edns).await?;
    }
    let reply = match reply {
        Some(reply) if !reply.is_truncated => reply,
        _ => over_tcp(server, question, edns).await?,
    };
    reply.accepted()
}

/// `None`: UDP cannot be trusted here.
async fn over_udp(
    server: SocketAddr,
    question: &Question,
    edns: Edns,
) -> Result<Option<Reply>, LookupError> {
    let [id] = random()?;
    let query = bytes(question, id, edns)?;
    let socket = socket_to(server).await?;
    for timeout in ATTEMPTS {
        socket.send(&query).await.map_err(network)?;
        let answer = tokio::time::timeout(timeout, receive(&socket, question, id)).await;
        if let Ok(answer) = answer {
            return answer;
        }
    }
    Err(LookupError::NoAnswer(ATTEMPTS.into_iter().sum()))
}

async fn receive(
    socket: &UdpSocket,
    question: &Question,
    id: u16,
) -> Result<Option<Reply>, LookupError> {
    let mut buffer = vec![0; BUFFER];
    for _ in 0..MAX_STRANGERS {
        let length = socket.recv(&mut buffer).await.map_err(network)?;
        let datagram = buffer.get(..length).unwrap_or_default();
        match Reply::read(datagram, id, question) {
            Ok(reply) => return Ok(Some(reply)),
            Err(NoReply::NotOurs) => {}
            Err(NoReply::Malformed) => return Err(LookupError::Malformed),
        }
    }
    Ok(None)
}

/// RFC 7766: the same messages, each after its length. The caller bounds the time.
async fn over_tcp(
    server: SocketAddr,
    question: &Question,
    edns: Edns,
) -> Result<Reply, LookupError> {
    let [id] = random()?;
    let query = bytes(question, id, edns)?;
    let length = u16::try_from(query.len()).map_err(|_| LookupError::InvalidName)?;
    let mut stream = TcpStream::connect(server).await.map_err(network)?;
    let framed = [&length.to_be_bytes(), query.as_slice()].concat();
    stream.write_all(&framed).await.map_err(network)?;
    let length = stream.read_u16().await.map_err(network)?;
    let mut answer = Vec::new();
    // The buffer grows with the received bytes, not with the announced length.
    let mut rest = stream.take(length.into());
    rest.read_to_end(&mut answer).await.map_err(network)?;
    if answer.len() < usize::from(length) {
        return Err(LookupError::Network(io::ErrorKind::UnexpectedEof));
    }
    match Reply::read(&answer, id, question) {
        Ok(reply) if !reply.is_truncated => Ok(reply),
        // No other socket is left to wait for.
        Ok(_) | Err(_) => Err(LookupError::Malformed),
    }
}

/// Opens a socket that receives from this server only.
async fn socket_to(server: SocketAddr) -> Result<UdpSocket, LookupError> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // The system itself chooses from half as many.
    let draws: [u16; PORT_DRAWS] = random()?;
    let mut bound = None;
    for port in draws.into_iter().filter(|port| *port >= LOWEST_PORT) {
        bound = UdpSocket::bind((any, port)).await.ok();
        if bound.is_some() {
            break;
        }
    }
    let socket = match bound {
        Some(socket) => socket,
        None => UdpSocket::bind((any, 0)).await.map_err(network)?,
    };
    socket.connect(server).await.map_err(network)?;
    Ok(socket)
}

fn bytes(question: &Question, id: u16, edns: Edns) -> Result<Vec<u8>, LookupError> {
    question
        .to_bytes(id, edns)
        .map_err(|_| LookupError::InvalidName)
}

/// Returns unpredictable numbers.
fn random<const N: usize>() -> Result<[u16; N], LookupError> {
    let mut numbers = [0; N];
    for number in &mut numbers {
        let mut bytes = [0; 2];
        getrandom::fill(&mut bytes)
            .map_err(|_| LookupError::Network(io::ErrorKind::Unsupported))?;
        *number = u16::from_ne_bytes(bytes);
    }
    Ok(numbers)
}

#[allow(clippy::needless_pass_by_value, reason = "as `map_err` has it")]
fn network(error: io::Error) -> LookupError {
    LookupError::Network(error.kind())
}
