//! The configuration of a client.

use std::sync::Arc;
use std::time::Duration;

use snapback_client as core;
use snapback_client::proto::ns;
use snapback_client::resolver::NameServers;
use snapback_client::{FileVault, MemoryStore, SqliteStore, Trust, danger};
pub use snapback_client::{PostQuantum, ServerAddress, Transport as TransportKind};

use crate::error::OpenError;
use crate::password::Password;
use crate::platform::{NameSystem, name_server};
use crate::proxy::Proxy;
use crate::receipts::ReceiptPolicy;
use crate::store::OpenReport;
use crate::vault::{ForeignVault, KeyVault};

/// An account, and how it is kept online.
#[derive(Clone, Debug, uniffi::Record)]
pub struct CoreConfig {
    /// The account to log in to: a bare JID; in an anonymous login (XEP-0175) the domain.
    pub account: String,
    /// The prefix of the resource. A suffix is added, so that two devices of an account do not terminate each other's
    /// sessions: by the server in Bind 2 (XEP-0386), otherwise eight digits that stay the same for the lifetime of the
    /// installation.
    #[uniffi(default = "snapback")]
    pub resource: String,
    /// Where data is stored.
    pub storage: Storage,
    /// The restrictions on logins.
    pub policy: LoginPolicy,
    /// The timeouts.
    pub timeouts: Timeouts,
    /// Servers to connect to instead of those in the DNS. All of them are tried, in this order.
    #[uniffi(default = [])]
    pub servers: Vec<ServerAddress>,
    /// The name servers to query, as IP addresses. If missing, those of the system are used, which phones do not
    /// provide.
    #[uniffi(default = None)]
    pub name_servers: Option<Vec<String>>,
    /// The system, which decides which sources are asked for names. On Android from version 10 on, and on Apple's
    /// systems, the app answers [`CoreClient::next_dns_request`](crate::CoreClient::next_dns_request).
    pub system: NameSystem,
    /// How this client identifies itself.
    pub identity: Identity,
    /// Whether carbons are enabled (XEP-0280).
    #[uniffi(default = true)]
    pub carbons: bool,
    /// Whether initial presence is sent after each new session.
    #[uniffi(default = true)]
    pub presence: bool,
    /// Whether the roster is fetched after each new session.
    #[uniffi(default = true)]
    pub roster: bool,
    /// Who gets a delivery receipt when asking for one (XEP-0184). If missing, the contacts that may see the user's
    /// presence.
    #[uniffi(default = None)]
    pub receipts: Option<ReceiptPolicy>,
    /// The limits of archive queries after a lost session (XEP-0313). If missing, the core's defaults apply.
    #[uniffi(default = None)]
    pub catch_up: Option<CatchUp>,
    /// The maximum size of an outbound stanza, in bytes. A longer one is refused when it is sent. The core's default is
    /// a size that current servers accept.
    #[uniffi(default = None)]
    pub max_stanza: Option<u32>,
    /// The proxy for the connections of this account. Default none.
    #[uniffi(default = None)]
    pub proxy: Option<Proxy>,
    /// Whether the app opens the connections, in answer to
    /// [`CoreClient::next_connect_request`](crate::CoreClient::next_connect_request).
    #[uniffi(default = false)]
    pub connects: bool,
    /// **Dangerous**, for tests and private networks: trusts these roots instead of those of the system.
    #[uniffi(default = None)]
    pub dangerous_trust: Option<DangerousTrust>,
}

/// Where data is stored.
#[derive(Clone, Debug, uniffi::Enum)]
pub enum Storage {
    /// In memory, until the process ends.
    Memory,
    /// In one file, sealed with keys of the platform's key store. The file, and files whose names begin with its name,
    /// must be kept out of backups.
    File {
        /// The path of the file.
        path: String,
        /// The platform's key store.
        vault: Arc<dyn KeyVault>,
    },
    /// In one file, with the keys in a folder beside it; for desktops and tests.
    FileWithKeysInFolder {
        /// The path of the file.
        path: String,
        /// The path of the folder.
        keys: String,
    },
}

/// The restrictions on logins. Without defaults, so that none can be forgotten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct LoginPolicy {
    /// Whether the PLAIN mechanism is allowed. With it the server learns the password.
    pub allow_plain: bool,
    /// Whether a login without channel binding is refused.
    pub require_channel_binding: bool,
    /// Whether FAST logins in TLS 1.3 early data are allowed, if the server allows them.
    pub early_data: bool,
    /// Whether TCP Fast Open (RFC 7413) is used, on Linux and Android.
    pub fast_open: bool,
    /// Whether a post-quantum key exchange is offered.
    pub post_quantum: PostQuantum,
    /// Whether tokens without channel binding are allowed.
    pub allow_unbound_tokens: bool,
}

/// Timeouts, in milliseconds. If a value is missing, the core's default applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct Timeouts {
    /// The time for a connection, from the start of the transport to the session.
    #[uniffi(default = None)]
    pub login_ms: Option<u64>,
    /// The time for the answer to an acknowledgement request.
    #[uniffi(default = None)]
    pub ack_ms: Option<u64>,
    /// The time without inbound data after which a liveness probe is sent; zero disables the probes.
    #[uniffi(default = None)]
    pub keepalive_ms: Option<u64>,
    /// The time for the probe response after a change of the network or a wake-up.
    #[uniffi(default = None)]
    pub probe_ms: Option<u64>,
    /// The upper bound of the first delay after a failed attempt. It is multiplied by two with each failure.
    #[uniffi(default = None)]
    pub backoff_ms: Option<u64>,
    /// The maximum of this bound.
    #[uniffi(default = None)]
    pub backoff_cap_ms: Option<u64>,
}

/// The limits of archive queries after a lost session (XEP-0313). If a value is missing, the core's default applies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct CatchUp {
    /// The number of messages per page.
    #[uniffi(default = None)]
    pub page: Option<u32>,
    /// The maximum number of pages. Beyond it a gap is reported to the app.
    #[uniffi(default = None)]
    pub pages: Option<u32>,
    /// How long messages whose fate is unknown wait for the archive's answer, in milliseconds.
    #[uniffi(default = None)]
    pub timeout_ms: Option<u64>,
}

/// Whether TLS offers a key exchange that a quantum computer does not break.
#[uniffi::remote(Enum)]
pub enum PostQuantum {
    /// It does not.
    Off,
    /// It does, and prefers it, beside the usual one (X25519MLKEM768).
    Prefer,
}

/// The address of a server, used instead of the DNS.
#[uniffi::remote(Record)]
pub struct ServerAddress {
    /// A host name or IP address. The certificate must still be valid for the account's domain.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// How TLS starts at this address.
    pub transport: TransportKind,
}

/// How TLS starts.
#[uniffi::remote(Enum)]
pub enum TransportKind {
    /// From the first byte (XEP-0368).
    DirectTls,
    /// On a stream that begins in the clear (RFC 6120 section 5).
    StartTls,
}

/// How this client identifies itself.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Identity {
    /// The name of the app.
    #[uniffi(default = "Snapback")]
    pub name: String,
    /// The type of the client: `phone`, `pc`, ... (category `client` of XEP-0030).
    #[uniffi(default = "phone")]
    pub kind: String,
    /// The URI that identifies the software in entity capabilities (XEP-0115).
    #[uniffi(default = "urn:snapback:client")]
    pub node: String,
    /// Features of the app, in addition to those of Snapback.
    #[uniffi(default = [])]
    pub features: Vec<String>,
    /// The namespaces of the requests that the app answers.
    #[uniffi(default = [])]
    pub requests: Vec<String>,
    /// The name of the device, shown to the user in lists of devices.
    #[uniffi(default = None)]
    pub device: Option<String>,
}

/// **Dangerous.** Trust anchors that replace the system's: an entity that holds the key of one of them can impersonate
/// every server to this app.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DangerousTrust {
    /// Certificates as PEM.
    pub only_these_roots_pem: String,
}

/// Returns a configuration that the core can use, and the report of opening the store.
pub(crate) fn prepare(
    config: CoreConfig,
    credentials: core::Credentials,
    proxy_password: Option<Password>,
) -> Result<(core::ClientConfig, OpenReport), OpenError> {
    let mut prepared = core::ClientConfig::with_credentials(&config.account, credentials)?;
    if let Some(trust) = &config.dangerous_trust {
        let roots = danger::Roots::from_pem(trust.only_these_roots_pem.as_bytes())
            .map_err(|_| wrong("dangerous_trust"))?;
        prepared.trust = Trust::Roots(roots);
    }
    prepared.policy = config.policy.into();
    apply_timeouts(&mut prepared, config.timeouts);
    if let Some(catch_up) = config.catch_up {
        apply_catch_up(&mut prepared.catch_up, catch_up);
    }
    if let Some(bytes) = config.max_stanza {
        prepared.max_stanza = usize::try_from(bytes).map_err(|_| wrong("max_stanza"))?;
    }
    if let Some(servers) = &config.name_servers {
        let servers: Option<_> = servers.iter().map(|text| name_server(text)).collect();
        let servers = servers.ok_or_else(|| wrong("name_servers"))?;
        prepared.network.name_servers = NameServers::Given(servers);
    }
    if let Some(proxy) = config.proxy {
        let proxy = proxy.prepare(proxy_password);
        prepared.network.proxy = Some(proxy.ok_or_else(|| wrong("proxy"))?);
    }
    prepared.network.servers = config.servers;
    prepared.network.ask_platform = config.system.answers();
    prepared.network.system = config.system.into();
    prepared.resource = config.resource;
    prepared.identity = core::Identity {
        name: config.identity.name.clone(),
        kind: config.identity.kind,
        node: config.identity.node,
        features: features(config.identity.features, config.receipts),
        requests: config.identity.requests,
    };
    prepared.user_agent.software = Some(config.identity.name);
    prepared.user_agent.device = config.identity.device;
    prepared.carbons = config.carbons;
    prepared.presence = config.presence;
    prepared.roster = config.roster;
    let (store, report) = open_store(config.storage, &config.account)?;
    prepared.store = store;
    Ok((prepared, report))
}

/// Adds what the client itself supports (XEP-0184 section 6).
fn features(mut given: Vec<String>, receipts: Option<ReceiptPolicy>) -> Vec<String> {
    let sends_receipts = receipts != Some(ReceiptPolicy::Never);
    if sends_receipts && !given.iter().any(|feature| feature == ns::RECEIPTS) {
        given.push(ns::RECEIPTS.to_owned());
    }
    given
}

fn wrong(setting: &str) -> OpenError {
    OpenError::Configuration {
        setting: setting.to_owned(),
    }
}

fn open_store(
    storage: Storage,
    account: &str,
) -> Result<(Box<dyn core::Store>, OpenReport), OpenError> {
    let (store, report) = match storage {
        Storage::Memory => {
            return Ok((Box::new(MemoryStore::default()), OpenReport::default()));
        }
        Storage::File { path, vault } => SqliteStore::open(path, account, ForeignVault(vault))?,
        Storage::FileWithKeysInFolder { path, keys } => {
            let vault = FileVault::new(keys).map_err(core::StoreError::from)?;
            SqliteStore::open(path, account, vault)?
        }
    };
    Ok((Box::new(store), report.into()))
}

fn apply_timeouts(config: &mut core::ClientConfig, timeouts: Timeouts) {
    let set = |target: &mut Duration, ms: Option<u64>| {
        if let Some(ms) = ms {
            *target = Duration::from_millis(ms);
        }
    };
    set(&mut config.timeouts.login, timeouts.login_ms);
    set(&mut config.timeouts.ack, timeouts.ack_ms);
    if let Some(ms) = timeouts.keepalive_ms {
        config.timeouts.keepalive = (ms > 0).then(|| Duration::from_millis(ms));
    }
    set(&mut config.reconnect.probe, timeouts.probe_ms);
    set(&mut config.reconnect.base, timeouts.backoff_ms);
    set(&mut config.reconnect.cap, timeouts.backoff_cap_ms);
}

fn apply_catch_up(target: &mut core::CatchUp, catch_up: CatchUp) {
    target.page = catch_up.page.unwrap_or(target.page);
    target.pages = catch_up.pages.unwrap_or(target.pages);
    if let Some(ms) = catch_up.timeout_ms {
        target.timeout = Duration::from_millis(ms);
    }
}

impl From<LoginPolicy> for core::Policy {
    fn from(policy: LoginPolicy) -> Self {
        Self {
            allow_plain: policy.allow_plain,
            require_channel_binding: policy.require_channel_binding,
            early_data: policy.early_data,
            allow_unbound_tokens: policy.allow_unbound_tokens,
            fast_open: policy.fast_open,
            post_quantum: policy.post_quantum,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KOTLIN: &str = include_str!("../../android/src/main/kotlin/im/snapback/Configuration.kt");
    const SWIFT: &str = include_str!("../../ios/Sources/Snapback/Configuration.swift");

    /// Returns the documentation directly above the declaration of a setting.
    fn said_about(source: &str, declaration: &str) -> String {
        let lines: Vec<&str> = source.lines().map(str::trim).collect();
        let position = lines.iter().position(|line| line.starts_with(declaration));
        let position = position.unwrap_or_else(|| panic!("no {declaration}"));
        let above = lines[..position].iter().rev();
        let comment = above.take_while(|line| line.starts_with('/') || line.starts_with('*'));
        let mut comment: Vec<&str> = comment.copied().collect();
        comment.reverse();
        comment.join(" ")
    }

    /// Numbers in documentation become wrong unless they are compared with the source.
    #[test]
    fn the_documented_defaults_are_those_of_the_core() {
        let core = core::ClientConfig::new("juliet@example.org", "password").unwrap();
        let seconds = |time: Duration| format!("Default {} s", time.as_secs());
        let (timeouts, timing, catch_up) = (core.timeouts, core.reconnect, core.catch_up);
        let keepalive = timeouts.keepalive.unwrap();
        let table = [
            ("login: ", "Duration", seconds(timeouts.login)),
            ("ack: ", "Duration", seconds(timeouts.ack)),
            ("keepalive: ", "Duration", seconds(keepalive)),
            ("probe: ", "Duration", seconds(timing.probe)),
            ("backoff: ", "Duration", seconds(timing.base)),
            ("backoffCap: ", "Duration", seconds(timing.cap)),
            ("timeout: ", "Duration", seconds(catch_up.timeout)),
            ("page: ", "Int", format!("Default {}", catch_up.page)),
            ("pages: ", "Int", format!("Default {}", catch_up.pages)),
            ("maxStanza: ", "Int", "Default 245,760".to_owned()),
        ];
        assert_eq!(core.max_stanza, 245_760);
        for (name, kind, default) in table {
            let kotlin = said_about(KOTLIN, &format!("public var {name}{kind}"));
            assert!(kotlin.contains(&default), "{name}{default}, not {kotlin}");
            let kind = kind.replace("Duration", "TimeInterval");
            let swift = said_about(SWIFT, &format!("public var {name}{kind}"));
            assert!(swift.contains(&default), "{name}{default}, not {swift}");
        }
    }
}
