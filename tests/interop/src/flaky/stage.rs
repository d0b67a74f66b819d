//! A server and two clients on a link.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use snapback_client::{ClientConfig, ServerAddress, Transport, Trust, danger};
use snapback_netsim::packets::Profile;
use snapback_netsim::packets::tun::{NamespaceRuntime, SERVER, TunLink};
use snapback_reference_server::{Config, ReferenceServer, Switches};

use super::party::Party;
use crate::measure::Host;
use crate::{Account, Credentials, DOMAIN, Flavour, RunningServer, ServerConfig, start_or_skip};

/// Where Linux switches TCP Fast Open (RFC 7413), for each network namespace.
const FAST_OPEN: &str = "/proc/sys/net/ipv4/tcp_fastopen";
/// For clients, for servers, and for servers that do not ask for it (1, 2, 0x400): none of those here asks.
const FAST_OPEN_FOR_ALL: &str = "1027";

/// The server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    /// Prosody as packaged.
    ProsodyStock,
    /// Prosody with SASL2, Bind 2 and FAST.
    ProsodyModern,
    /// ejabberd with FAST.
    Ejabberd,
    /// The reference server, with everything on but early data.
    Reference,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::ProsodyStock,
        Self::ProsodyModern,
        Self::Ejabberd,
        Self::Reference,
    ];

    /// Returns its name on the command line and in tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ProsodyStock => "prosody",
            Self::ProsodyModern => "prosody-sasl2",
            Self::Ejabberd => "ejabberd",
            Self::Reference => "reference",
        }
    }
}

/// Longer than any cut here.
const LONG_WINDOW_S: u32 = 120;

/// The interval at which the reference server is checked for having noticed the end of a connection.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

impl Backend {
    /// Returns the server, configured for the tests.
    #[must_use]
    pub fn host(self) -> Host {
        let flavour = match self {
            Self::ProsodyStock => Flavour::ProsodyStock,
            Self::ProsodyModern => Flavour::ProsodyModern,
            Self::Ejabberd => Flavour::Ejabberd,
            Self::Reference => {
                return Host::Reference(Box::new(Switches {
                    early_data: None,
                    ..Switches::modern()
                }));
            }
        };
        Host::Real(ServerConfig::new(flavour))
    }
}

/// The configuration of a stage.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The server.
    pub host: Host,
    /// How TLS begins.
    pub transport: Transport,
    /// The network between Juliet and the server.
    pub profile: Profile,
    /// Whether the app allows early data.
    pub early_data: bool,
    /// Whether the app allows TCP Fast Open, and the server's system has it for every listening socket.
    pub fast_open: bool,
    /// The deadline of the client's liveness probe after a change of the network; its own default if `None`.
    pub probe: Option<Duration>,
    /// How long a session can be resumed after its connection ended, in seconds.
    pub resume_window_s: u32,
    /// The seed of all random numbers.
    pub seed: u64,
}

impl Setting {
    /// Returns a setting without early data, with the client's own timeouts, and with sessions that outlive every cut.
    #[must_use]
    pub fn new(host: Host, transport: Transport, profile: Profile, seed: u64) -> Self {
        Self {
            host,
            transport,
            profile,
            early_data: false,
            fast_open: false,
            probe: None,
            resume_window_s: LONG_WINDOW_S,
            seed,
        }
    }
}

#[derive(Debug)]
pub(super) enum Running {
    Real(Box<RunningServer>),
    Reference(ReferenceServer),
}

/// A server, Juliet behind the link, and Romeo beside the server.
#[derive(Debug)]
pub struct Stage {
    // Fields are dropped in this order: clients, server, their runtimes, then the namespaces that they ran in.
    pub(super) juliet: Party,
    pub(super) romeo: Party,
    pub(super) host: Running,
    pub(super) setting: Setting,
    client_runtime: NamespaceRuntime,
    _server_runtime: NamespaceRuntime,
    pub(super) link: Arc<TunLink>,
    pub(super) jids: Jids,
    pub(super) rtt: Duration,
}

/// The accounts.
#[derive(Debug)]
pub(super) struct Jids {
    pub(super) juliet: String,
    pub(super) romeo: String,
}

impl Stage {
    /// Starts both clients and waits until they are online; `None` where this is not possible.
    ///
    /// # Panics
    ///
    /// If it should have been possible.
    pub async fn set(setting: &Setting) -> Option<Self> {
        // The first login is not the subject of the test: it gets the profile's round trip time, and no losses.
        let start = Profile {
            mtu: setting.profile.mtu,
            ..Profile::plain(setting.profile.rtt())
        };
        let link = tokio::task::block_in_place(|| TunLink::start_or_skip(&start, setting.seed))?;
        if setting.fast_open {
            let listen = || std::fs::write(FAST_OPEN, FAST_OPEN_FOR_ALL);
            let written = tokio::task::block_in_place(|| link.server().run(listen));
            written
                .expect("the namespace is there")
                .expect("the kernel has TCP Fast Open");
        }
        let client_runtime = link.client().runtime().expect("the runtime starts");
        let server_runtime = link.server().runtime().expect("the runtime starts");
        let host = Running::start(setting, &link, &server_runtime).await?;
        let jids = [Account::Juliet, Account::Romeo].map(|who| host.account(who).jid);
        let [juliet, romeo] =
            [Account::Juliet, Account::Romeo].map(|who| host.client_config(who, setting));
        let [juliet_jid, romeo_jid] = jids;
        let mut stage = Self {
            juliet: Party::open(client_runtime.handle(), juliet).await,
            romeo: Party::open(server_runtime.handle(), romeo).await,
            host,
            setting: setting.clone(),
            client_runtime,
            _server_runtime: server_runtime,
            link: Arc::new(link),
            jids: Jids {
                juliet: juliet_jid,
                romeo: romeo_jid,
            },
            rtt: setting.profile.rtt(),
        };
        for party in [&stage.juliet, &stage.romeo] {
            party.client.connect();
            party
                .until("the first session", |seen| !seen.sessions.is_empty())
                .await;
        }
        stage.set_profile(&setting.profile);
        Some(stage)
    }

    /// Replaces Juliet's client by one without stored facts, not connected; the previous one closes its stream.
    pub(super) async fn new_juliet(&mut self) {
        self.juliet.client.disconnect().await;
        let config = self.host.client_config(Account::Juliet, &self.setting);
        self.juliet = Party::open(self.client_runtime.handle(), config).await;
    }

    /// Changes the network from now on.
    ///
    /// # Panics
    ///
    /// If the link refuses.
    pub fn set_profile(&mut self, profile: &Profile) {
        self.rtt = profile.rtt();
        tokio::task::block_in_place(|| self.link.set_profile(profile)).expect("the link obeys");
    }

    /// Makes the server drop all sessions: real ones are restarted, the reference server has a call for it.
    pub(super) async fn lose_sessions(&mut self) {
        let sessions = self.romeo.seen(|seen| seen.sessions.len());
        match &mut self.host {
            Running::Real(server) => {
                let link = &self.link;
                tokio::task::block_in_place(|| link.server().run(|| server.restart()))
                    .expect("the namespace is there")
                    .expect("the server restarts");
            }
            Running::Reference(server) => {
                server.cut_all();
                let is_there = |server: &ReferenceServer| {
                    server.sessions().iter().any(|session| {
                        session.jid.starts_with("juliet@") && session.connection.is_some()
                    })
                };
                while is_there(server) {
                    tokio::time::sleep(POLL_INTERVAL).await;
                }
                server.forget_sessions("juliet");
            }
        }
        self.romeo
            .until("Romeo's return", |seen| seen.sessions.len() > sessions)
            .await;
    }
}

impl Running {
    /// Returns whether what a server has accepted arrives, whatever happens at the same moment. ejabberd 24.12
    /// acknowledges a message, and has it in its sender's archive, before it is in the other's: if it stops then, the
    /// message is lost without notice. And what it accepts at the moment when the other client reconnects may not be
    /// delivered until that client reconnects again.
    pub(super) fn is_careful(&self) -> bool {
        match self {
            Self::Real(server) => server.flavour() != Flavour::Ejabberd,
            Self::Reference(_) => true,
        }
    }

    async fn start(setting: &Setting, link: &TunLink, runtime: &NamespaceRuntime) -> Option<Self> {
        let resume_window_s = setting.resume_window_s;
        let config = match &setting.host {
            Host::Reference(switches) => {
                let switches = Switches {
                    sm_window: Duration::from_secs(resume_window_s.into()),
                    ..(**switches).clone()
                };
                return Some(Self::Reference(reference(switches, runtime).await));
            }
            Host::Real(config) => ServerConfig {
                resume_window_s,
                address: SERVER,
                ..*config
            },
        };
        let started = tokio::task::block_in_place(|| link.server().run(|| start_or_skip(config)));
        let server = started.expect("the namespace is there")?;
        Some(Self::Real(Box::new(server)))
    }

    fn account(&self, account: Account) -> Credentials {
        match (self, account) {
            (Self::Real(server), _) => server.account(account).clone(),
            (Self::Reference(_), Account::Juliet) => reference_account("juliet"),
            (Self::Reference(_), Account::Romeo) => reference_account("romeo"),
        }
    }

    fn addr(&self, transport: Transport) -> SocketAddr {
        match (self, transport) {
            (Self::Real(server), Transport::DirectTls) => server.direct_addr(),
            (Self::Real(server), Transport::StartTls) => server.starttls_addr(),
            (Self::Reference(server), Transport::DirectTls) => server.direct_addr(),
            (Self::Reference(server), Transport::StartTls) => server.starttls_addr(),
        }
    }

    fn ca_pem(&self) -> String {
        match self {
            Self::Real(server) => server.ca_pem().to_owned(),
            Self::Reference(server) => server.ca_pem(),
        }
    }

    /// Returns the configuration of an app, except for the delays: sessions are cut much more often here than a phone's
    /// are, which must not count as failures, and the client does not wait half a minute for a server that restarts.
    fn client_config(&self, account: Account, setting: &Setting) -> ClientConfig {
        let account = self.account(account);
        let mut config =
            ClientConfig::new(&account.jid, &account.password).expect("the account is a JID");
        let roots = danger::Roots::from_pem(self.ca_pem().as_bytes());
        config.trust = Trust::Roots(roots.expect("the authority is a certificate"));
        let server = self.addr(setting.transport);
        config.network.servers = vec![ServerAddress::at(server, setting.transport)];
        config.policy.early_data = setting.early_data;
        config.policy.fast_open = setting.fast_open;
        config.reconnect.stable = Duration::ZERO;
        config.reconnect.window = Duration::from_secs(1);
        config.reconnect.relief_base = Duration::from_secs(1);
        config.reconnect.relief_floor = Duration::from_millis(250);
        if let Some(probe) = setting.probe {
            config.reconnect.probe = probe;
        }
        config
    }
}

fn reference_account(localpart: &str) -> Credentials {
    Credentials {
        jid: format!("{localpart}@{DOMAIN}"),
        password: "wherefore".to_owned(),
    }
}

async fn reference(switches: Switches, runtime: &NamespaceRuntime) -> ReferenceServer {
    let accounts = ["juliet", "romeo"].map(|localpart| {
        let account = reference_account(localpart);
        (localpart.to_owned(), account.password)
    });
    let config = Config {
        domain: DOMAIN.to_owned(),
        switches,
        accounts: accounts.into(),
        ..Config::default()
    };
    let start = ReferenceServer::start_at(SERVER, config);
    let started = runtime.handle().spawn(start).await;
    started
        .expect("no panic")
        .expect("the reference server starts")
}
