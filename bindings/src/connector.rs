//! Connections that the app opens, with a network stack of its own.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use snapback_client::{Dial, Dialing};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};

/// A request to the app's network stack.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ConnectRequest {
    /// A connection is needed.
    Connect {
        /// The id for the answer.
        id: u64,
        /// The IP address of the server, or of the proxy.
        address: String,
        /// The TCP port.
        port: u16,
    },
    /// The connection is not needed any more: another address was faster, or the network changed.
    Cancel {
        /// The id of the request.
        id: u64,
    },
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum ConnectProblem {
    /// Nothing listens there.
    Refused,
    /// There is no way to this address.
    Unreachable,
    /// There was no answer.
    TimedOut,
    /// Anything else.
    Other,
}

impl From<ConnectProblem> for ErrorKind {
    fn from(problem: ConnectProblem) -> Self {
        match problem {
            ConnectProblem::Refused => Self::ConnectionRefused,
            ConnectProblem::Unreachable => Self::HostUnreachable,
            ConnectProblem::TimedOut => Self::TimedOut,
            ConnectProblem::Other => Self::Other,
        }
    }
}

type Answer = Result<OwnedFd, ErrorKind>;

/// Requests to the app, and its answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConnectRequests(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    requested: Notify,
}

#[derive(Debug, Default)]
struct State {
    last_id: u64,
    queue: VecDeque<ConnectRequest>,
    waiting: HashMap<u64, oneshot::Sender<Answer>>,
}

impl ConnectRequests {
    /// Waits for the next request.
    pub(crate) async fn next(&self) -> ConnectRequest {
        loop {
            let requested = self.0.requested.notified();
            if let Some(request) = self.0.lock().queue.pop_front() {
                return request;
            }
            requested.await;
        }
    }

    /// Takes a connected socket. If it is not needed any more, it is closed.
    pub(crate) fn connected(&self, id: u64, descriptor: i32) {
        if descriptor < 0 {
            return self.failed(id, ConnectProblem::Other);
        }
        // SAFETY: the caller hands over an open descriptor that no one else closes; this is the contract of the function that the
        // app calls, as of every C function that takes a descriptor.
        let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
        self.answer(id, Ok(socket));
    }

    pub(crate) fn failed(&self, id: u64, problem: ConnectProblem) {
        self.answer(id, Err(problem.into()));
    }

    fn answer(&self, id: u64, answer: Answer) {
        let reply = self.0.lock().waiting.remove(&id);
        if let Some(reply) = reply {
            let _ = reply.send(answer);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Dial for ConnectRequests {
    fn dial(&self, addr: SocketAddr) -> Dialing {
        let (reply, answer) = oneshot::channel();
        let mut state = self.0.lock();
        state.last_id = state.last_id.wrapping_add(1);
        let id = state.last_id;
        state.waiting.insert(id, reply);
        state.queue.push_back(ConnectRequest::Connect {
            id,
            address: addr.ip().to_string(),
            port: addr.port(),
        });
        drop(state);
        self.0.requested.notify_one();
        let pending = Pending {
            shared: Arc::clone(&self.0),
            id,
        };
        Box::pin(async move {
            let answer = answer.await;
            drop(pending);
            let socket = answer.map_err(|_| ErrorKind::BrokenPipe)??;
            stream(socket)
        })
    }
}

/// The socket may be of another family than TCP's: a pair of sockets whose other end the app moves bytes through. What is done
/// with it, reading and writing, is the same.
fn stream(socket: OwnedFd) -> io::Result<TcpStream> {
    let socket = std::net::TcpStream::from(socket);
    socket.set_nonblocking(true)?;
    TcpStream::from_std(socket)
}

/// A connection that is waited for. Another one may be faster.
struct Pending {
    shared: Arc<Shared>,
    id: u64,
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if state.waiting.remove(&self.id).is_none() {
            // Answered.
            return;
        }
        let queued = state.queue.len();
        state.queue.retain(|request| match request {
            ConnectRequest::Connect { id, .. } => *id != self.id,
            ConnectRequest::Cancel { .. } => true,
        });
        if state.queue.len() == queued {
            let id = self.id;
            state.queue.push_back(ConnectRequest::Cancel { id });
            drop(state);
            self.shared.requested.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::fd::IntoRawFd as _;
    use std::os::unix::net::UnixStream;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const ADDRESS: &str = "[2001:db8::1]:5223";

    fn dial(requests: &ConnectRequests) -> Dialing {
        requests.dial(ADDRESS.parse().unwrap())
    }

    #[tokio::test]
    async fn a_pair_of_sockets_is_a_connection() {
        let requests = ConnectRequests::default();
        let dialing = dial(&requests);
        let ConnectRequest::Connect { id, address, port } = requests.next().await else {
            panic!("a connection is needed");
        };
        assert_eq!((address.as_str(), port), ("2001:db8::1", 5223));
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        requests.connected(id, ours.into_raw_fd());
        let mut stream = dialing.await.unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut buffer = [0; 4];
        theirs.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"ping");
        theirs.write_all(b"pong").unwrap();
        stream.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"pong");
        drop(theirs);
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_connection_that_is_not_needed_is_cancelled_and_closed() {
        let requests = ConnectRequests::default();
        // The request was not taken.
        drop(dial(&requests));
        assert!(requests.0.lock().queue.is_empty());
        let dialing = dial(&requests);
        let ConnectRequest::Connect { id, .. } = requests.next().await else {
            panic!("a connection is needed");
        };
        drop(dialing);
        assert_eq!(requests.next().await, ConnectRequest::Cancel { id });
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        requests.connected(id, ours.into_raw_fd());
        assert_eq!(theirs.read(&mut [0; 1]).unwrap(), 0, "it was closed");
        assert!(requests.0.lock().waiting.is_empty());
    }

    #[tokio::test]
    async fn a_problem_is_the_error_of_a_socket() {
        let requests = ConnectRequests::default();
        for (problem, kind) in [
            (Some(ConnectProblem::Refused), ErrorKind::ConnectionRefused),
            (
                Some(ConnectProblem::Unreachable),
                ErrorKind::HostUnreachable,
            ),
            (Some(ConnectProblem::TimedOut), ErrorKind::TimedOut),
            (Some(ConnectProblem::Other), ErrorKind::Other),
            // No descriptor is negative.
            (None, ErrorKind::Other),
        ] {
            let dialing = dial(&requests);
            let id = match requests.next().await {
                ConnectRequest::Connect { id, .. } | ConnectRequest::Cancel { id } => id,
            };
            match problem {
                Some(problem) => requests.failed(id, problem),
                None => requests.connected(id, -1),
            }
            assert_eq!(dialing.await.unwrap_err().kind(), kind);
        }
    }
}
