//! Pending look-ups and sockets, by the identifiers that the engine gave them.

use std::collections::HashMap;
use std::hash::Hash;
use std::io;
use std::net::Ipv6Addr;

use snapback_engine::engine::{CandidateId, ConnectFailure, LookUpId};
use snapback_engine::{EngineInput, EngineOutput};
use snapback_resolver::{Endpoint, Query, QueryReport, Resolution, ResolveError};
use snapback_types::endpoint::ServerAddress;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinSet};

use crate::dial::Dialer;

use super::Driver;
use super::socket::Socket;

type Answer = Result<Resolution, ResolveError>;
/// The AAAA records of a name; `None` without an answer.
type Records = Option<Vec<Ipv6Addr>>;
type Queries = Vec<QueryReport>;

/// The pending look-ups and sockets.
pub(super) struct Dials {
    look_ups: Tasks<LookUpId, (Answer, Queries)>,
    prefix_look_ups: Tasks<LookUpId, Records>,
    /// What the look-ups have found until now.
    finder: mpsc::UnboundedSender<(LookUpId, Vec<Endpoint>, Queries)>,
    found: mpsc::UnboundedReceiver<(LookUpId, Vec<Endpoint>, Queries)>,
    connects: Tasks<CandidateId, Result<TcpStream, ConnectFailure>>,
    /// Open, and not yet used by an attempt.
    open: HashMap<CandidateId, TcpStream>,
}

/// The result of one.
pub(super) enum Dialed {
    Found(LookUpId, Vec<Endpoint>, Queries),
    LookedUp(LookUpId, Answer, Queries),
    PrefixLookedUp(LookUpId, Records),
    Connected(CandidateId, TcpStream),
    ConnectFailed(CandidateId, ConnectFailure),
}

impl Default for Dials {
    fn default() -> Self {
        let (finder, found) = mpsc::unbounded_channel();
        Self {
            look_ups: Tasks::default(),
            prefix_look_ups: Tasks::default(),
            finder,
            found,
            connects: Tasks::default(),
            open: HashMap::new(),
        }
    }
}

impl Dials {
    /// Waits for the first that ends; never returns while none is pending.
    pub(super) async fn next(&mut self) -> Dialed {
        tokio::select! {
            biased;
            Some((id, endpoints, queries)) = self.found.recv() => {
                Dialed::Found(id, endpoints, queries)
            }
            (id, answer) = self.look_ups.next() => {
                let panicked = ResolveError::Network {
                    query: Query::Addresses,
                    kind: io::ErrorKind::Other,
                };
                let (answer, queries) = answer.unwrap_or((Err(panicked), Vec::new()));
                Dialed::LookedUp(id, answer, queries)
            }
            (id, records) = self.prefix_look_ups.next() => {
                Dialed::PrefixLookedUp(id, records.flatten())
            }
            (candidate, socket) = self.connects.next() => match socket {
                Some(Ok(socket)) => Dialed::Connected(candidate, socket),
                Some(Err(failure)) => Dialed::ConnectFailed(candidate, failure),
                // A dialer that panics has lost its race; the others continue.
                None => {
                    let failure = ConnectFailure::Network(io::ErrorKind::Other);
                    Dialed::ConnectFailed(candidate, failure)
                }
            },
        }
    }

    fn look_up(&mut self, id: LookUpId, servers: Vec<ServerAddress>, dialer: Dialer) {
        let finder = self.finder.clone();
        let found = move |endpoints, queries| {
            let _ = finder.send((id, endpoints, queries));
        };
        self.look_ups.start(id, dialer.look_up(servers, found));
    }

    fn abandon(&mut self, candidate: CandidateId) {
        self.connects.abandon(&candidate);
        self.open.remove(&candidate);
    }
}

impl Driver {
    /// Carries out what the engine requests of the network before there is a connection.
    pub(super) fn dial(&mut self, output: EngineOutput) {
        match output {
            EngineOutput::LookUp { id, servers } => {
                self.dials.look_up(id, servers, self.dialer.clone());
            }
            EngineOutput::LookUpPrefix { id } => {
                let look_up = self.dialer.clone().look_up_prefix();
                self.dials.prefix_look_ups.start(id, look_up);
            }
            EngineOutput::AbandonLookUp(id) => {
                self.dials.look_ups.abandon(&id);
                self.dials.prefix_look_ups.abandon(&id);
            }
            EngineOutput::Connect {
                candidate,
                address,
                name,
                fast_open,
            } => {
                let connect = self.dialer.clone().connect(address.addr, name, fast_open);
                self.dials.connects.start(candidate, connect);
            }
            EngineOutput::AbandonConnect { candidate, .. } => self.dials.abandon(candidate),
            EngineOutput::UseTransport { candidate, .. } => {
                self.socket = self.dials.open.remove(&candidate).map(Socket::new);
                let seed = snapback_tls::random_seed().ok();
                self.input(EngineInput::TransportReady { seed });
            }
            _ => {}
        }
    }

    /// Reports the result.
    pub(super) fn dialed(&mut self, dialed: Dialed) {
        let input = match dialed {
            Dialed::Found(id, endpoints, queries) => EngineInput::Found {
                id,
                endpoints,
                queries,
            },
            Dialed::LookedUp(id, answer, queries) => EngineInput::LookedUp {
                id,
                answer,
                queries,
            },
            Dialed::PrefixLookedUp(id, records) => EngineInput::PrefixLookedUp { id, records },
            Dialed::Connected(candidate, socket) => {
                // The kernel knows no peer before it has sent the SYN.
                let is_deferred = matches!(
                    socket.peer_addr(),
                    Err(error) if error.kind() == io::ErrorKind::NotConnected
                ) && socket.take_error().is_ok_and(|error| error.is_none());
                self.dials.open.insert(candidate, socket);
                // Reading may be paused, or bytes just arrived: they may be the answer that makes this dial
                // superfluous.
                self.read();
                EngineInput::Connected {
                    candidate,
                    is_deferred,
                }
            }
            Dialed::ConnectFailed(candidate, failure) => {
                EngineInput::ConnectFailed { candidate, failure }
            }
        };
        self.input(input);
    }
}

/// Tasks by name. An abandoned task reports no result; all are abandoned when this is dropped.
struct Tasks<K, T> {
    tasks: JoinSet<T>,
    names: HashMap<Id, K>,
    handles: HashMap<K, AbortHandle>,
}

impl<K, T> Default for Tasks<K, T> {
    fn default() -> Self {
        Self {
            tasks: JoinSet::new(),
            names: HashMap::new(),
            handles: HashMap::new(),
        }
    }
}

impl<K: Copy + Eq + Hash, T: Send + 'static> Tasks<K, T> {
    fn start(&mut self, name: K, task: impl Future<Output = T> + Send + 'static) {
        let handle = self.tasks.spawn(task);
        self.names.insert(handle.id(), name);
        self.handles.insert(name, handle);
    }

    fn abandon(&mut self, name: &K) {
        if let Some(handle) = self.handles.remove(name) {
            self.names.remove(&handle.id());
            handle.abort();
        }
    }

    /// Waits for the first that ends; `None` if it panicked.
    async fn next(&mut self) -> (K, Option<T>) {
        loop {
            let (id, outcome) = match self.tasks.join_next_with_id().await {
                Some(Ok((id, outcome))) => (id, Some(outcome)),
                Some(Err(error)) => (error.id(), None),
                None => std::future::pending().await,
            };
            if let Some(name) = self.names.remove(&id) {
                self.handles.remove(&name);
                return (name, outcome);
            }
        }
    }
}
