//! What the app decides about an account, once.

use std::time::Duration;

use snapback_types::hex;

use crate::jid::BareJid;
use crate::ns;
use crate::sasl::Hash;
use crate::secret::Secret;
use crate::xep::caps::OwnCaps;
use crate::xep::disco;
use crate::xml::Limits;

/// One account and how it wants to be logged in. Shared by all its connections.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whom to log in as; must have a localpart.
    pub account: BareJid,
    /// The account's password. Optional once a FAST token or SCRAM keys are known.
    pub password: Option<Secret<String>>,
    /// What the resource begins with: the `<tag/>` in Bind 2, to which the server adds something of its own; in RFC 6120 binding
    /// something is added that is this installation's ([`Config::own_resource`]).
    pub resource: String,
    /// Who we are, for SASL2 (XEP-0388).
    pub user_agent: UserAgent,
    /// What a login may do.
    pub policy: Policy,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// What the XML reader accepts (rule T6).
    pub limits: Limits,
    /// Turn carbons on (XEP-0280).
    pub carbons: bool,
    /// Send initial presence by ourselves after each new session.
    pub presence: bool,
    /// Fetch the roster after each new session, by version where the server can.
    pub roster: bool,
    /// How much of the archive (XEP-0313) is read after each new session.
    pub catch_up: CatchUp,
    /// What we answer to service discovery (XEP-0030) and hash into our caps (XEP-0115).
    pub identity: Identity,
}

impl Config {
    /// Returns the configuration of an account without a password, and with the default of everything else: carbons, initial
    /// presence and the roster are asked for, and we call ourselves Snapback on a phone. `installation` is the id of the user agent.
    pub fn new(account: BareJid, installation: &str) -> Self {
        Self {
            account,
            password: None,
            resource: "snapback".to_owned(),
            user_agent: UserAgent {
                id: installation.to_owned(),
                ..UserAgent::default()
            },
            policy: Policy::default(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            carbons: true,
            presence: true,
            roster: true,
            catch_up: CatchUp::default(),
            identity: Identity::default(),
        }
    }

    /// The resource that is asked for in RFC 6120 binding (section 7.7): [`Config::resource`], and eight digits that stay the same
    /// for as long as the installation lives. Two devices of an account that ask for the same end each other's sessions. The
    /// digits do not give away the installation's id: contacts see the resource.
    pub fn own_resource(&self) -> String {
        let digest = Hash::Sha256.digest(self.user_agent.id.as_bytes());
        let digits = hex::encode(digest.get(..4).unwrap_or_default());
        format!("{}.{digits}", self.resource)
    }
}

/// The SASL2 user agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgent {
    /// A UUIDv4 that stays the same for as long as this installation lives; FAST tokens hang on it.
    pub id: String,
    /// Name of the software, shown to the user in lists of devices.
    pub software: Option<String>,
    /// Name of the device, shown to the user in lists of devices.
    pub device: Option<String>,
}

impl Default for UserAgent {
    /// Snapback, of an installation that has no id yet.
    fn default() -> Self {
        Self {
            id: String::new(),
            software: Some("Snapback".to_owned()),
            device: None,
        }
    }
}

/// What we say about ourselves in service discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name of the app.
    pub name: String,
    /// `phone`, `pc`, ... (category `client`).
    pub kind: String,
    /// The URI that names the software in caps.
    pub node: String,
    /// Features beyond those that Snapback itself answers.
    pub features: Vec<String>,
}

impl Default for Identity {
    /// Snapback, on a phone.
    fn default() -> Self {
        Self {
            name: "Snapback".to_owned(),
            kind: "phone".to_owned(),
            node: "urn:snapback:client".to_owned(),
            features: Vec::new(),
        }
    }
}

impl Identity {
    /// What we answer to service discovery, and promise in our caps; `None` if a name is none that caps can carry (rule S9).
    pub fn caps(&self) -> Option<OwnCaps> {
        let mut features = vec![ns::DISCO_INFO, ns::CAPS, ns::PING];
        features.extend(self.features.iter().map(String::as_str));
        let ours = disco::Identity {
            category: "client".to_owned(),
            kind: self.kind.clone(),
            lang: None,
            name: Some(self.name.clone()),
        };
        OwnCaps::new(&self.node, ours, &features).ok()
    }
}

/// What a login may do. The defaults are the safe ones.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Policy {
    /// Allow the PLAIN mechanism. Off by default: the server would learn the password.
    pub allow_plain: bool,
    /// Refuse to log in without channel binding. Also rules out `<resume/>` before SASL (rule S3).
    pub require_channel_binding: bool,
    /// Allow FAST logins in TLS 1.3 early data where the server allows them (rule S6). Off by default: early data has
    /// no forward secrecy against a stolen ticket key.
    pub early_data: bool,
    /// Allow `HT-SHA-256-NONE`, tokens without channel binding. Off by default: it lowers the floor of rule T2.
    pub allow_unbound_tokens: bool,
}

/// The bounds of reading from the archive what came while there was no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUp {
    /// Messages to ask for at once. Default 100: a page of short messages is about 50 kB. Servers may give fewer.
    pub page: u32,
    /// Pages in all. Default 100: beyond that the app is told of a gap, and what comes now is more use to it.
    pub pages: u32,
    /// How long messages of unknown fate, and what is behind them, wait for the archive's word. Default 10 s: it comes with
    /// the first pages, or the archive is slow and sending them twice is the lesser evil. The archive itself is given up
    /// on after six times that without an answer. Either only if the server answers something else then.
    pub patience: Duration,
}

impl Default for CatchUp {
    fn default() -> Self {
        Self {
            page: 100,
            pages: 100,
            patience: Duration::from_secs(10),
        }
    }
}

/// How long to wait for what. All are counted from the moment that the wait begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the transport's start to the session. Default 30 s: eight round trips over GPRS, with a retransmission.
    pub login: Duration,
    /// For the answer to an acknowledgement request. Default 20 s: a stalled cell may hold data for 10 s and then deliver it.
    /// While other bytes come, up to six times that: the answer may stand behind a roster on a slow path.
    pub ack: Duration,
    /// Silence after which we ask whether the server is still there. Default 4 min: below the 5 min after which
    /// common NATs forget a flow. `None` turns it off.
    pub keepalive: Option<Duration>,
    /// For the server's `</stream:stream>` after ours. Default 2 s: nobody should have to wait for a goodbye.
    pub close: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            login: Duration::from_secs(30),
            ack: Duration::from_secs(20),
            keepalive: Some(Duration::from_secs(240)),
            close: Duration::from_secs(2),
        }
    }
}
