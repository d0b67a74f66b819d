//! The configuration of a client.

use std::fmt;
use std::sync::Arc;

use snapback_engine::engine::ServerAddress;
use snapback_engine::supervisor::Timing;
use snapback_proto::config::{CatchUp, Config, Identity, Policy, Timeouts, UserAgent};
use snapback_proto::jid::{BareJid, JidError};
use snapback_proto::secret::Secret;
use snapback_proto::xml::Limits;
use snapback_resolver::{NameServers, Preference, StaticHosts, System, SystemHosts};
use snapback_store::{MemoryStore, Store};
use snapback_tls::{TlsVersions, Trust};

use crate::credentials::Credentials;
use crate::dial::{Dial, TcpDial};
use crate::proxy::Proxy;

/// The default limit of servers, 256 KiB, less room for what they and wrappers (XEP-0280, XEP-0313) add: addresses,
/// `<stanza-id/>`, stamps. Other clients may have the same limit for inbound stanzas.
const MAX_STANZA: usize = (256 - 16) << 10;

/// An account, and how it is kept online. Everything has a default except the account and its credentials.
pub struct ClientConfig {
    pub(crate) account: BareJid,
    pub(crate) credentials: Credentials,
    /// The prefix of the resource. Default `snapback`. A suffix is added, so that two devices of an account do not end
    /// each other's sessions: by the server with Bind 2 (XEP-0386), else eight digits that stay the same until the app
    /// is reinstalled (RFC 6120 section 7.7).
    pub resource: String,
    /// Which logins are allowed. The default is the safe policy.
    pub policy: Policy,
    /// The timeouts of a connection.
    pub timeouts: Timeouts,
    /// The delays between attempts, and the times of liveness probes.
    pub reconnect: Timing,
    /// How much of the archive is read after each new session.
    pub catch_up: CatchUp,
    /// The maximum size of an outbound stanza in bytes, as XML with each quotation mark escaped. Default 240 KiB:
    /// common servers end the stream over more than 256 KiB, and its receiver also reads what they add.
    pub max_stanza: usize,
    /// The limits for inbound data; a stanza that exceeds them is skipped and reported (rule T6).
    pub limits: Limits,
    /// Which certificates are trusted. Default: the platform's verifier.
    pub trust: Trust,
    /// Which TLS versions to offer. Default: 1.3 and 1.2.
    pub tls_versions: TlsVersions,
    /// How servers are found.
    pub network: Network,
    /// The store. Default: in memory.
    pub store: Box<dyn Store>,
    /// Our identity in service discovery (XEP-0030).
    pub identity: Identity,
    /// The name of the software and device, for SASL2. The id is generated once and kept in the store.
    pub user_agent: UserAgent,
    /// Whether to enable carbons (XEP-0280). Default yes.
    pub carbons: bool,
    /// Whether to send initial presence after each new session. Default yes.
    pub presence: bool,
    /// Whether to fetch the roster after each new session, by version where the server supports it. Default yes.
    pub roster: bool,
}

/// How servers are found.
pub struct Network {
    /// The servers to use instead of the DNS; all of them are tried, in this order.
    pub servers: Vec<ServerAddress>,
    /// The name servers to query. Phones have no `/etc/resolv.conf`: there the platform supplies them.
    pub name_servers: NameServers,
    /// Host names with fixed addresses, which are not looked up.
    pub hosts: Option<StaticHosts>,
    /// Looks up host names that nothing else resolves. Default: the system (`getaddrinfo`).
    pub system_hosts: SystemHosts,
    /// The transport that is tried first at equal SRV priority. Default: direct TLS, which saves a round trip.
    pub preference: Preference,
    /// The system, which decides which sources are asked for names (`docs/names.md`). Default: one with name servers
    /// of its own configuration.
    pub system: System,
    /// Whether the platform answers queries, through `next_platform_request`. Default no.
    pub ask_platform: bool,
    /// The proxy for this account's connections. Default none. An app that was given a proxy by its platform for all
    /// connections sets it here.
    pub proxy: Option<Proxy>,
    /// Opens the sockets, also to the proxy. An app may bind them to a network of its choice.
    pub dial: Arc<dyn Dial>,
}

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq)]
pub enum ConfigError {
    /// The account is not a JID.
    Jid(JidError),
    /// The account's JID has no localpart, and therefore no user name.
    NoLocalpart,
    /// The account's JID has a localpart, which the server assigns in an anonymous login (XEP-0175).
    LocalpartOfAnonymous,
    /// No random numbers are available.
    NoEntropy,
    /// TLS cannot be set up.
    Tls(snapback_tls::TlsError),
    /// The store cannot be used.
    Store(snapback_store::StoreError),
    /// No tokio runtime is running in this context.
    NoRuntime,
}

impl ClientConfig {
    /// Returns the account: a bare JID with a localpart.
    pub fn account(&self) -> &BareJid {
        &self.account
    }

    /// Returns the configuration of an account with a password, and defaults for everything else.
    ///
    /// # Errors
    ///
    /// If `account` is not a bare JID with a localpart.
    pub fn new(account: &str, password: &str) -> Result<Self, ConfigError> {
        Self::with_password(account, Some(Secret::from(password)))
    }

    /// The same with a password that is held in a [`Secret`] already, so that no unwiped copy of it remains.
    ///
    /// # Errors
    ///
    /// If `account` is not a bare JID with a localpart.
    pub fn with_secret(account: &str, password: Secret<String>) -> Result<Self, ConfigError> {
        Self::with_password(account, Some(password))
    }

    /// The same without a password: the login uses a FAST token or SCRAM keys from the store.
    ///
    /// # Errors
    ///
    /// If `account` is not a bare JID with a localpart.
    pub fn without_password(account: &str) -> Result<Self, ConfigError> {
        Self::with_password(account, None)
    }

    fn with_password(account: &str, password: Option<Secret<String>>) -> Result<Self, ConfigError> {
        let credentials = password.map_or(Credentials::Stored, Credentials::Password);
        Self::with_credentials(account, credentials)
    }

    /// The same with any credentials. With [`Credentials::Anonymous`] the account is the domain.
    ///
    /// # Errors
    ///
    /// If `account` is not a bare JID with a localpart or, with [`Credentials::Anonymous`], without one.
    pub fn with_credentials(account: &str, credentials: Credentials) -> Result<Self, ConfigError> {
        let account = BareJid::try_from(account).map_err(ConfigError::Jid)?;
        let is_anonymous = matches!(credentials, Credentials::Anonymous);
        match (account.node(), is_anonymous) {
            (None, false) => return Err(ConfigError::NoLocalpart),
            (Some(_), true) => return Err(ConfigError::LocalpartOfAnonymous),
            _ => {}
        }
        Ok(Self {
            account,
            credentials,
            resource: "snapback".to_owned(),
            policy: Policy::default(),
            timeouts: Timeouts::default(),
            reconnect: Timing::default(),
            catch_up: CatchUp::default(),
            max_stanza: MAX_STANZA,
            limits: Limits::default(),
            trust: Trust::Platform,
            tls_versions: TlsVersions::default(),
            network: Network::default(),
            store: Box::new(MemoryStore::default()),
            identity: Identity::default(),
            user_agent: UserAgent::default(),
            carbons: true,
            presence: true,
            roster: true,
        })
    }

    pub(crate) fn proto(&self, installation: String) -> Config {
        Config {
            account: self.account.clone(),
            password: self.credentials.password(),
            method: self.credentials.method(),
            resource: self.resource.clone(),
            user_agent: UserAgent {
                id: installation,
                ..self.user_agent.clone()
            },
            policy: self.policy.clone(),
            timeouts: self.timeouts,
            catch_up: self.catch_up,
            limits: self.limits,
            carbons: self.carbons,
            presence: self.presence,
            roster: self.roster,
            identity: self.identity.clone(),
        }
    }
}

impl Default for Network {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            name_servers: NameServers::System,
            hosts: None,
            system_hosts: SystemHosts::default(),
            preference: Preference::DirectTlsFirst,
            system: System::default(),
            ask_platform: false,
            proxy: None,
            dial: Arc::new(TcpDial),
        }
    }
}

impl fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientConfig")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jid(error) => write!(f, "the account is not a JID: {error}"),
            Self::NoLocalpart => f.write_str("the account's JID has no localpart"),
            Self::LocalpartOfAnonymous => {
                f.write_str("the account of an anonymous login has no localpart")
            }
            Self::NoEntropy => f.write_str("the platform gives no random numbers"),
            Self::Tls(error) => error.fmt(f),
            Self::Store(error) => error.fmt(f),
            Self::NoRuntime => f.write_str("there is no tokio runtime to live on"),
        }
    }
}

impl std::error::Error for ConfigError {}
