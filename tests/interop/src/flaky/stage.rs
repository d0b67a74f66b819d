//! A server and two clients on a link.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use snapback_client::{ClientConfig, ServerAddress, Transport, Trust, danger};
use snapback_netsim::packets::Profile;
use snapback_netsim::packets::tun::{NamespaceRuntime, SERVER, TunLink};
use snapback_reference_server::{Config, ReferenceServer, Switches};

use super::party::Party;
use crate::{Account, Credentials, DOMAIN, Flavour, RunningServer, ServerConfig, start_or_skip};

/// Who serves.
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

    /// What it is called on the command line and in tables.
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

/// How long sessions can be resumed: longer than any cut here.
const RESUME_WINDOW_S: u32 = 120;

#[derive(Debug)]
enum Host {
    Real(Box<RunningServer>),
    Reference(ReferenceServer),
}

/// A server, Juliet behind the link, and Romeo beside the server.
#[derive(Debug)]
pub struct Stage {
    // Fields are dropped in this order: clients, server, their runtimes, then the namespaces they lived in.
    pub(super) juliet: Party,
    pub(super) romeo: Party,
    host: Host,
    _client_runtime: NamespaceRuntime,
    _server_runtime: NamespaceRuntime,
    pub(super) link: Arc<TunLink>,
    pub(super) jids: Jids,
    pub(super) rtt: Duration,
}

/// Who is who.
#[derive(Debug)]
pub(super) struct Jids {
    pub(super) juliet: String,
    pub(super) romeo: String,
}

impl Stage {
    /// Both online, over this transport, and known to each other's server; `None` where it cannot be had.
    ///
    /// # Panics
    ///
    /// If it should have been possible.
    pub async fn set(
        backend: Backend,
        transport: Transport,
        profile: &Profile,
        seed: u64,
    ) -> Option<Self> {
        // The first login is not what is tested: it gets the profile's round trip time, and no losses.
        let start = Profile::plain(profile.rtt());
        let link = tokio::task::block_in_place(|| TunLink::start_or_skip(&start, seed))?;
        let client_runtime = link.client().runtime().expect("the runtime starts");
        let server_runtime = link.server().runtime().expect("the runtime starts");
        let host = Host::start(backend, &link, &server_runtime).await?;
        let [juliet, romeo] = [Account::Juliet, Account::Romeo].map(|who| host.account(who));
        let jids = Jids {
            juliet: juliet.jid.clone(),
            romeo: romeo.jid.clone(),
        };
        let server = host.addr(transport);
        let ca_pem = host.ca_pem();
        let config = |account: &Credentials| config(account, &ca_pem, server, transport);
        let mut stage = Self {
            juliet: Party::open(client_runtime.handle(), config(&juliet)).await,
            romeo: Party::open(server_runtime.handle(), config(&romeo)).await,
            host,
            _client_runtime: client_runtime,
            _server_runtime: server_runtime,
            link: Arc::new(link),
            jids,
            rtt: profile.rtt(),
        };
        for party in [&stage.juliet, &stage.romeo] {
            party.client.connect();
            party
                .until("the first session", |seen| !seen.sessions.is_empty())
                .await;
        }
        stage.set_profile(profile);
        Some(stage)
    }

    /// The network is another one from now on.
    pub fn set_profile(&mut self, profile: &Profile) {
        self.rtt = profile.rtt();
        self.link.set_profile(profile);
    }

    /// The server forgets all sessions: real ones are restarted, the reference server is told to.
    pub(super) async fn lose_sessions(&mut self) {
        match &mut self.host {
            Host::Real(server) => {
                let sessions = self.romeo.seen(|seen| seen.sessions.len());
                let link = &self.link;
                tokio::task::block_in_place(|| link.server().run(|| server.restart()))
                    .expect("the namespace is there")
                    .expect("the server restarts");
                // It said goodbye, and gets the time that a restarting server asks for unless the app insists.
                self.romeo.client.connect();
                self.romeo
                    .until("Romeo's return", |seen| seen.sessions.len() > sessions)
                    .await;
            }
            Host::Reference(server) => server.forget_sessions("juliet"),
        }
    }
}

impl Host {
    async fn start(
        backend: Backend,
        link: &TunLink,
        runtime: &NamespaceRuntime,
    ) -> Option<Self> {
        let flavour = match backend {
            Backend::ProsodyStock => Flavour::ProsodyStock,
            Backend::ProsodyModern => Flavour::ProsodyModern,
            Backend::Ejabberd => Flavour::Ejabberd,
            Backend::Reference => {
                return Some(Self::Reference(reference(runtime).await));
            }
        };
        let config = ServerConfig {
            resume_window_s: RESUME_WINDOW_S,
            address: SERVER,
            ..ServerConfig::new(flavour)
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
}

fn reference_account(localpart: &str) -> Credentials {
    Credentials {
        jid: format!("{localpart}@{DOMAIN}"),
        password: "wherefore".to_owned(),
    }
}

async fn reference(runtime: &NamespaceRuntime) -> ReferenceServer {
    let accounts = ["juliet", "romeo"].map(|localpart| {
        let account = reference_account(localpart);
        (localpart.to_owned(), account.password)
    });
    let config = Config {
        domain: DOMAIN.to_owned(),
        switches: Switches {
            early_data: None,
            sm_window: Duration::from_secs(RESUME_WINDOW_S.into()),
            ..Switches::modern()
        },
        accounts: accounts.into(),
        ..Config::default()
    };
    let start = ReferenceServer::start_at(SERVER, config);
    let started = runtime.handle().spawn(start).await;
    started
        .expect("no panic")
        .expect("the reference server starts")
}

/// A client as an app would open it, but for the pace: sessions are cut much more often here than a phone's are, and that
/// must not count as failures.
fn config(
    account: &Credentials,
    ca_pem: &str,
    server: SocketAddr,
    transport: Transport,
) -> ClientConfig {
    let mut config =
        ClientConfig::new(&account.jid, &account.password).expect("the account is a JID");
    let roots = danger::Roots::from_pem(ca_pem.as_bytes());
    config.trust = Trust::Roots(roots.expect("the authority is a certificate"));
    config.network.servers = vec![ServerAddress::at(server, transport)];
    config.reconnect.stable = Duration::ZERO;
    config.reconnect.window = Duration::from_secs(1);
    config
}
