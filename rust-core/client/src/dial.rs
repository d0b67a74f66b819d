//! Look-ups and sockets: the network operations that the engine requests. The engine decides which, when and in what
//! order.

use std::future::Future;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use snapback_engine::engine::ConnectFailure;
use snapback_resolver::{
    Endpoint, QueryReport, Request, Resolution, ResolveError, resolve_each, translator_records,
};
use snapback_types::endpoint::ServerAddress;
use tokio::net::TcpStream;

use crate::config::Network;
use crate::fast_open;
use crate::name_servers::CurrentServers;
use crate::names::{Names, QueryLog};
use crate::platform::Platform;
use crate::proxy::{ProxyTarget, through};

/// A connection that is being opened.
pub type Dialing = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Opens sockets. An app may bind them to a network of its choice before they connect.
pub trait Dial: Send + Sync + 'static {
    /// Connects to this address.
    fn dial(&self, addr: SocketAddr) -> Dialing;

    /// Connects to this address with TCP Fast Open (RFC 7413), where [`Policy::fast_open`](crate::Policy::fast_open) allows it: a
    /// socket that is not connected before the first write. Default: without.
    fn dial_fast_open(&self, addr: SocketAddr) -> Dialing {
        self.dial(addr)
    }
}

/// Opens plain TCP sockets.
#[derive(Clone, Copy, Debug)]
pub struct TcpDial;

impl Dial for TcpDial {
    fn dial(&self, addr: SocketAddr) -> Dialing {
        Box::pin(TcpStream::connect(addr))
    }

    fn dial_fast_open(&self, addr: SocketAddr) -> Dialing {
        Box::pin(fast_open::connect(addr))
    }
}

/// Looks up names and connects, as the engine requests.
#[derive(Clone)]
pub(crate) struct Dialer {
    domain: String,
    network: Arc<Network>,
    platform: Arc<Platform>,
    /// Those of the configuration at first, then those that the platform supplies: they change with the network.
    name_servers: Arc<CurrentServers>,
    /// SRV weights need random numbers, not secret ones.
    chance: u64,
}

impl Dialer {
    pub(crate) fn new(
        domain: String,
        network: Network,
        platform: Arc<Platform>,
        chance: u64,
    ) -> Self {
        Self {
            domain,
            name_servers: Arc::new(CurrentServers::new(network.name_servers.clone())),
            network: Arc::new(network),
            platform,
            chance,
        }
    }

    /// Returns the name servers, to be replaced.
    pub(crate) fn name_servers(&self) -> Arc<CurrentServers> {
        Arc::clone(&self.name_servers)
    }

    /// Drops the system's pending look-ups, and connections to name servers, which use a network that is gone.
    pub(crate) fn network_changed(&self) {
        self.network.system_hosts.network_changed();
        self.name_servers.network_changed();
    }

    /// Opens a transport; `name` is for the proxy to look up.
    pub(crate) async fn connect(
        self,
        addr: SocketAddr,
        name: Option<String>,
        fast_open: bool,
    ) -> Result<TcpStream, ConnectFailure> {
        let network = &self.network;
        let dial = async |addr| {
            let dialed = match fast_open && network.proxy.is_none() {
                true => network.dial.dial_fast_open(addr).await,
                false => network.dial.dial(addr).await,
            };
            dialed.map_err(|error| ConnectFailure::Network(error.kind()))
        };
        let Some(proxy) = &network.proxy else {
            return dial(addr).await;
        };
        let target = match name {
            Some(name) => ProxyTarget::Name(name, addr.port()),
            None => ProxyTarget::Address(addr),
        };
        let stream = dial(proxy.address).await?;
        through(stream, proxy, &target).await
    }

    /// Looks up these servers or, if there are none, the account's domain. Calls `found` with what is known before all
    /// is. Both return the queries that have ended since the last call.
    pub(crate) async fn look_up(
        self,
        servers: Vec<ServerAddress>,
        mut found: impl FnMut(Vec<Endpoint>, Vec<QueryReport>) + Send,
    ) -> (Result<Resolution, ResolveError>, Vec<QueryReport>) {
        let request = Request {
            preference: self.network.preference,
            overrides: servers.iter().map(target).collect(),
            ..Request::new(&self.domain)
        };
        let mut chance = self.chance | 1;
        let mut random = move || {
            chance ^= chance << 13;
            chance ^= chance >> 7;
            chance ^= chance << 17;
            (chance >> 32) as u32
        };
        let names = self.names();
        let mut found = |endpoints| found(endpoints, names.ended.take());
        let answer = resolve_each(&request, &names, &mut random, &mut found).await;
        (answer, names.ended.take())
    }

    /// Looks up the AAAA records that show the prefixes of the network's translator (RFC 7050).
    pub(crate) async fn look_up_prefix(self) -> Option<Vec<Ipv6Addr>> {
        translator_records(&self.names()).await.ok()
    }

    fn names(self) -> Names {
        Names {
            network: self.network,
            name_servers: self.name_servers,
            platform: self.platform,
            ended: QueryLog::default(),
        }
    }
}

fn target(server: &ServerAddress) -> snapback_resolver::Target {
    snapback_resolver::Target {
        host: server.host_to_ascii(),
        port: server.port,
        transport: server.transport,
        priority: 0,
        weight: 0,
    }
}
