//! What the app decides about an account, once.

use std::time::Duration;

use snapback_types::hex;

use crate::jid::BareJid;
use crate::ns;
use crate::sasl::{Hash, Method};
use crate::secret::Secret;
use crate::xep::caps::OwnCaps;
use crate::xep::disco;
use crate::xml::Limits;

/// One account and how it wants to be logged in. Shared by all its connections.
#[derive(Clone, Debug)]
pub struct Config {
    /// The account to log in as; must have a localpart, except where the server assigns one ([`Method::Anonymous`]).
    pub account: BareJid,
    /// The account's password. Optional once a FAST token or SCRAM keys are known.
    pub password: Option<Secret<String>>,
    /// What the app logs in with. Default: the password.
    pub method: Method,
    /// The beginning of the resource. In Bind 2 this is the `<tag/>`, to which the server adds a part of its own; in RFC 6120
    /// binding a part that identifies this installation is added ([`Config::own_resource`]).
    pub resource: String,
    /// The user agent that is sent in SASL2 (XEP-0388).
    pub user_agent: UserAgent,
    /// What a login may do.
    pub policy: Policy,
    /// The timeouts of a connection.
    pub timeouts: Timeouts,
    /// What the XML reader accepts (rule T6).
    pub limits: Limits,
    /// Enables carbons (XEP-0280).
    pub carbons: bool,
    /// Sends initial presence automatically after each new session.
    pub presence: bool,
    /// Fetches the roster after each new session, by version where the server supports it.
    pub roster: bool,
    /// How much of the archive (XEP-0313) is read after each new session.
    pub catch_up: CatchUp,
    /// What is answered to service discovery (XEP-0030) and hashed into the caps (XEP-0115).
    pub identity: Identity,
}

impl Config {
    /// Returns the configuration of an account without a password and with the default of everything else: carbons, initial
    /// presence and the roster are requested, and the software is named Snapback on a phone. `installation` is the id of the
    /// user agent.
    pub fn new(account: BareJid, installation: &str) -> Self {
        Self {
            account,
            password: None,
            method: Method::default(),
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

    /// Returns the resource that is requested in RFC 6120 binding (section 7.7): [`Config::resource`], and eight digits that
    /// stay the same as long as the installation exists. Two devices of an account that request the same resource end each
    /// other's sessions. The digits do not reveal the installation's id, because contacts see the resource.
    pub fn own_resource(&self) -> String {
        let digest = Hash::Sha256.digest(self.user_agent.id.as_bytes());
        let digits = hex::encode(digest.get(..4).unwrap_or_default());
        format!("{}.{digits}", self.resource)
    }
}

/// The SASL2 user agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgent {
    /// A UUIDv4 that stays the same as long as this installation exists; FAST tokens are tied to it.
    pub id: String,
    /// Name of the software, shown to the user in lists of devices.
    pub software: Option<String>,
    /// Name of the device, shown to the user in lists of devices.
    pub device: Option<String>,
}

impl Default for UserAgent {
    /// Returns the user agent Snapback, of an installation that has no id yet.
    fn default() -> Self {
        Self {
            id: String::new(),
            software: Some("Snapback".to_owned()),
            device: None,
        }
    }
}

/// What this client states about itself in service discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name of the app.
    pub name: String,
    /// `phone`, `pc`, ... (category `client`).
    pub kind: String,
    /// The URI that names the software in caps.
    pub node: String,
    /// Features in addition to those that Snapback itself implements.
    pub features: Vec<String>,
    /// The namespaces of the requests that the app answers (RFC 6120 section 8.2.3), such as `jabber:iq:version`. They are
    /// features, too. Default none: all requests but those for service discovery and pings are refused.
    pub requests: Vec<String>,
}

impl Default for Identity {
    /// Returns the information of Snapback on a phone.
    fn default() -> Self {
        Self {
            name: "Snapback".to_owned(),
            kind: "phone".to_owned(),
            node: "urn:snapback:client".to_owned(),
            features: Vec::new(),
            requests: Vec::new(),
        }
    }
}

impl Identity {
    /// Returns the answer to service discovery, which the caps are computed from; `None` if a name cannot be part of caps (rule
    /// S9).
    pub fn caps(&self) -> Option<OwnCaps> {
        let mut features = vec![ns::DISCO_INFO, ns::CAPS, ns::PING];
        let of_app = self.features.iter().chain(&self.requests);
        features.extend(of_app.map(String::as_str));
        let ours = disco::Identity {
            category: "client".to_owned(),
            kind: self.kind.clone(),
            lang: None,
            name: Some(self.name.clone()),
        };
        OwnCaps::new(&self.node, ours, &features).ok()
    }
}

/// Whether TLS offers a key exchange that a quantum computer does not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PostQuantum {
    /// It does not.
    #[default]
    Off,
    /// It does, and prefers it, beside the usual one. Which was used is in the timeline.
    Prefer,
}

/// What a login may do. The defaults are the safe ones.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Policy {
    /// Allows the PLAIN mechanism. Off by default: the server would learn the password.
    pub allow_plain: bool,
    /// Refuses to log in without channel binding. Also rules out `<resume/>` before SASL (rule S3).
    pub require_channel_binding: bool,
    /// Allows FAST logins in TLS 1.3 early data where the server allows them (rule S6). Off by default: early data has no
    /// forward secrecy against a stolen ticket key.
    pub early_data: bool,
    /// Allows TCP Fast Open (RFC 7413), where the system supports it: the SYN carries the first flight, with early data if that is
    /// allowed (rule S13). Off by default: networks drop such packets, the cookie identifies the client to observers, and the
    /// server may receive the flight twice.
    pub fast_open: bool,
    /// Whether a post-quantum key exchange is offered (X25519MLKEM768, TLS 1.3). Off by default: a login has more than twice the
    /// bytes with it. It is left out of a first flight that travels with TCP Fast Open, which it would not fit into.
    pub post_quantum: PostQuantum,
    /// Allows `HT-SHA-256-NONE`, tokens without channel binding. Off by default: it lowers the minimum strength of rule T2.
    pub allow_unbound_tokens: bool,
}

/// The limits of the archive query for messages that arrived while there was no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUp {
    /// Messages to request per page. Default 100: a page of short messages is about 50 kB. Servers may return fewer.
    pub page: u32,
    /// Pages in all. Default 100: after these a gap is reported to the app, and live messages are of more use to it.
    pub pages: u32,
    /// How long messages whose delivery is unknown, and the stanzas after them, wait for the archive's result. Default 10 s:
    /// the result comes with the first pages, or the archive is slow and sending the messages twice is the lesser evil. The
    /// archive query itself is abandoned after six times that without an answer. Both apply only if the server answers
    /// something else then.
    pub timeout: Duration,
}

impl Default for CatchUp {
    fn default() -> Self {
        Self {
            page: 100,
            pages: 100,
            timeout: Duration::from_secs(10),
        }
    }
}

/// The timeouts of a connection. Each is counted from the moment at which the wait begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the start of the transport to the session. Default 30 s: eight round trips over GPRS, with a retransmission.
    pub login: Duration,
    /// For the answer to an acknowledgement request. Default 20 s: a stalled cell may hold data for 10 s and then deliver it.
    /// While other bytes arrive, up to six times that: the answer may be queued after a large roster on a slow path.
    pub ack: Duration,
    /// Idle time after which a liveness probe is sent. Default 4 min: below the 5 min after which common NATs forget a flow.
    /// `None` disables it.
    pub keepalive: Option<Duration>,
    /// For the server's `</stream:stream>` after the client's. Default 2 s: the app should not have to wait for the stream to
    /// close.
    pub close: Duration,
    /// For the app's answer to a request of another entity, which gets an error after that. Default 30 s: common clients give up
    /// after 30 to 60 s, and a user may have to be asked.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            login: Duration::from_secs(30),
            ack: Duration::from_secs(20),
            keepalive: Some(Duration::from_secs(240)),
            close: Duration::from_secs(2),
            answer: Duration::from_secs(30),
        }
    }
}
