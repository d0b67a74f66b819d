//! What was found: plain data, which every form of output is made of.
//!
//! Texts that come from the server or the DNS are cut and cleaned when they enter a report ([`name`]). They still have to
//! be escaped for where they are written.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use snapback_client::proto::peer_text::PeerText;
use snapback_client::proto::stream::features::StreamFeatures;
use snapback_client::resolver::ResolveError;
use snapback_client::{CertificateError, ServerAddress, TlsError, Transport};

use super::advice::Finding;
use super::facts::RoundTrips;
use crate::flights::milliseconds;

/// The maximum length of a name from the network, in characters. The longest host name has 253.
const MAX_NAME: usize = 255;
/// The maximum number of names in one list. Servers offer about ten mechanisms.
const MAX_NAMES: usize = 32;

/// What a probe has found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The domain.
    pub domain: String,
    /// What the DNS says; `None` if an endpoint was given.
    pub dns: Option<Dns>,
    /// What was seen at each endpoint, in the order in which a client tries them.
    pub endpoints: Vec<EndpointReport>,
    /// How many endpoints were not looked at, because there are too many.
    pub left_out: usize,
    /// What was seen with an account.
    pub account: Option<AccountReport>,
    /// What can be improved, in the order of the table.
    pub advice: Vec<Finding>,
    /// Whether the total deadline ended it.
    pub ended_by_deadline: bool,
}

/// The answers of the DNS.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Dns {
    /// The records of `_xmpps-client._tcp`.
    pub direct_tls: Service,
    /// The records of `_xmpp-client._tcp`.
    pub starttls: Service,
    /// How many addresses of each family the hosts have.
    pub ipv4: usize,
    /// The same for IPv6.
    pub ipv6: usize,
    /// Why there is no endpoint.
    pub error: Option<String>,
    /// How long the look-up of everything took.
    #[serde(rename = "ms", serialize_with = "milliseconds")]
    pub took: Duration,
}

/// The SRV answer for a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Service {
    /// It was not asked for: the domain is an address.
    #[default]
    NotAsked,
    /// There is no record.
    Absent,
    /// The target is `.`.
    NotOffered,
    /// No answer that can be used.
    Failed {
        /// Why.
        error: String,
    },
    /// The records, in the order of their priorities.
    Records {
        /// At most 16.
        records: Vec<Record>,
    },
}

/// An SRV record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Lower is tried first.
    pub priority: u16,
    /// The share among equal priorities.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host.
    pub target: String,
}

impl Service {
    /// Returns the lowest priority value, which is tried first.
    pub(super) fn first_priority(&self) -> Option<u16> {
        match self {
            Self::Records { records } => records.iter().map(|record| record.priority).min(),
            _ => None,
        }
    }
}

/// What was seen at one endpoint. What is `None` was not reached.
#[derive(Clone, Debug, Serialize)]
pub struct EndpointReport {
    /// The host that was resolved.
    pub host: String,
    /// The address that was connected to.
    pub address: String,
    /// How TLS starts there.
    pub transport: How,
    /// The priority of its SRV record.
    pub priority: Option<u16>,
    /// Why no stream could be opened.
    pub error: Option<EndpointError>,
    /// The time of the TCP handshake: one round trip.
    #[serde(rename = "tcp_ms", serialize_with = "optional")]
    pub tcp: Option<Duration>,
    /// Before TLS, where TLS starts with STARTTLS.
    pub starttls: Option<StartTls>,
    /// The TLS handshake.
    pub tls: Option<Tls>,
    /// The features on the encrypted stream, before the login.
    pub features: Option<Features>,
    /// From the header on the encrypted stream, which leaves with the end of the TLS handshake, to the features.
    #[serde(rename = "features_ms", serialize_with = "optional")]
    pub features_after: Option<Duration>,
    /// A second connection.
    pub second: Option<Second>,
    /// Whether an answer waits for the acknowledgement of an earlier packet (Nagle's algorithm); `None` if not measured.
    pub answer_held: Option<bool>,
    /// The round trips of a login of a client that knows the server; `None` if the project's client does not log in.
    pub login: Option<RoundTrips>,
}

/// How TLS starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// TLS from the first byte.
    DirectTls,
    /// A cleartext stream that is upgraded.
    StartTls,
}

/// The negotiation of STARTTLS.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StartTls {
    /// Whether a header and `<starttls/>` in one write were answered.
    pub pipelined: bool,
    /// From the header to `<proceed/>`.
    #[serde(rename = "ms", serialize_with = "milliseconds")]
    pub took: Duration,
}

/// A TLS handshake.
#[derive(Clone, Debug, Serialize)]
pub struct Tls {
    /// `TLS 1.3` or `TLS 1.2`.
    pub version: &'static str,
    /// The cipher suite.
    pub cipher_suite: &'static str,
    /// The key exchange group.
    pub group: Option<&'static str>,
    /// Whether the server asked for a second ClientHello.
    pub retried: bool,
    /// Whether the server selected the ALPN protocol, or none was offered.
    pub alpn: bool,
    /// The time to the end of the handshake, without the check of the certificate.
    #[serde(rename = "ms", serialize_with = "milliseconds")]
    pub took: Duration,
    /// The time of the check of the certificate, on this machine.
    #[serde(rename = "certificate_ms", serialize_with = "milliseconds")]
    pub verified_in: Duration,
    /// How many tickets came.
    pub tickets: u64,
}

/// A second connection, which offers a ticket of the first.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Second {
    /// Whether a ticket was offered.
    pub offered: bool,
    /// Whether it was accepted.
    pub accepted: bool,
    /// The bytes of early data that it allows; 0 for none.
    pub early_data: u32,
    /// The time of its TLS handshake.
    #[serde(rename = "ms", serialize_with = "milliseconds")]
    pub took: Duration,
}

/// Features of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Features {
    /// Mechanisms of SASL, the first profile.
    pub mechanisms: Vec<String>,
    /// Mechanisms of SASL2 (XEP-0388); `None` without SASL2.
    pub sasl2: Option<Vec<String>>,
    /// Channel-binding types (XEP-0440); `None` if the server says nothing about them.
    pub channel_bindings: Option<Vec<String>>,
    /// Mechanisms of FAST (XEP-0484).
    pub fast: Option<Vec<String>>,
    /// Whether FAST is allowed in early data.
    pub fast_early_data: bool,
    /// What can be enabled in Bind 2 (XEP-0386).
    pub bind2: Option<Vec<String>>,
    /// Whether a session can be resumed within the login (XEP-0198).
    pub inline_resumption: bool,
    /// Pipelining (XEP-0305).
    pub pipelining: bool,
    /// The largest stanza (XEP-0478).
    pub max_bytes: Option<u64>,
    /// The idle time after which the stream may be closed (XEP-0478).
    pub idle_seconds: Option<u32>,
    /// As parsed: what plans are made of.
    #[serde(skip)]
    pub parsed: StreamFeatures,
}

/// What was seen with an account. What is `None` was not reached, or does not exist.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct AccountReport {
    /// Why the login failed, or ended.
    pub error: Option<String>,
    /// Whether the server refused the account.
    pub refused: bool,
    /// The endpoint, as `host:port`.
    pub endpoint: String,
    /// The logins, in the order in which they were made.
    pub logins: Vec<LoginReport>,
    /// The stream features after the login, by their element names; `None` if the client had no use for them (Bind 2).
    pub features: Option<Vec<String>>,
    /// Whether there is stream management (XEP-0198).
    pub stream_management: bool,
    /// How long a session is kept, in seconds.
    pub max: Option<u32>,
    /// Whether the session was resumed after the connection was cut; `None` if that was not tried.
    pub resumed: Option<bool>,
    /// Whether stanzas right behind a bind request are answered; `None` if there was no such request.
    pub pipelined_bind: Option<bool>,
    /// Whether a FAST token was issued (XEP-0484).
    pub token: bool,
    /// Client state indication (XEP-0352).
    pub csi: bool,
    /// Carbons (XEP-0280).
    pub carbons: bool,
    /// The archive (XEP-0313).
    pub archive: bool,
    /// Push (XEP-0357).
    pub push: bool,
    /// Blocking (XEP-0191).
    pub blocking: bool,
    /// Roster versions (RFC 6121).
    pub roster_versions: bool,
}

/// A login.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoginReport {
    /// `cold`, `resumed` or `warm`.
    pub kind: &'static str,
    /// `bound` or `resumed`.
    pub outcome: &'static str,
    /// Its round trips, as counted by the client.
    pub round_trips: usize,
    /// From the first packet to the session.
    #[serde(rename = "ms", serialize_with = "milliseconds")]
    pub took: Duration,
    /// Its plan.
    pub plan: String,
}

/// Why no stream could be opened at an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EndpointError {
    /// This machine has no route to the address, such as no IPv6.
    NoRoute,
    /// No connection.
    Connect {
        /// Why.
        error: String,
    },
    /// The certificate was refused.
    Certificate {
        /// Why.
        error: String,
    },
    /// TLS failed.
    Tls {
        /// Why.
        error: String,
    },
    /// The server closed the connection, or broke the protocol.
    Stream {
        /// How.
        error: String,
    },
    /// No answer in time.
    NoAnswer,
    /// The probe's own limit was reached.
    TooMuch,
}

impl EndpointReport {
    /// Returns the report of an endpoint that nothing is known of.
    pub(super) fn new(host: &str, address: String, transport: Transport) -> Self {
        Self {
            host: name(host),
            address,
            transport: transport.into(),
            priority: None,
            error: None,
            tcp: None,
            starttls: None,
            tls: None,
            features: None,
            features_after: None,
            second: None,
            answer_held: None,
            login: None,
        }
    }

    /// Returns the report of a server that was given, and has no address.
    pub(super) fn unresolved(server: &ServerAddress, error: &ResolveError) -> Self {
        let address = format!("{}:{}", name(&server.host), server.port);
        let mut report = Self::new(&server.host, address, server.transport);
        report.error = Some(EndpointError::Connect {
            error: error.to_string(),
        });
        report
    }

    /// Returns how many round trips this time is, if the time of one is known.
    #[must_use]
    pub fn in_round_trips(&self, took: Duration) -> Option<f64> {
        let one = self.tcp?.as_secs_f64();
        (one > 0.0).then(|| took.as_secs_f64() / one)
    }
}

impl From<Transport> for How {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::DirectTls => Self::DirectTls,
            Transport::StartTls => Self::StartTls,
        }
    }
}

impl From<How> for Transport {
    fn from(how: How) -> Self {
        match how {
            How::DirectTls => Self::DirectTls,
            How::StartTls => Self::StartTls,
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Transport::from(*self).fmt(f)
    }
}

impl From<StreamFeatures> for Features {
    fn from(parsed: StreamFeatures) -> Self {
        let sasl2 = parsed.sasl2.as_ref();
        let fast = sasl2.and_then(|it| it.fast.as_ref());
        let limits = parsed.limits.as_ref();
        Self {
            mechanisms: names(parsed.sasl1.as_deref().unwrap_or_default()),
            sasl2: sasl2.map(|it| names(&it.mechanisms)),
            channel_bindings: parsed.channel_bindings.as_deref().map(names),
            fast: fast.map(|it| names(&it.mechanisms)),
            fast_early_data: fast.is_some_and(|it| it.tls_0rtt),
            bind2: sasl2.and_then(|it| it.bind2.as_ref().map(|bind| names(&bind.inline))),
            inline_resumption: sasl2.is_some_and(|it| it.sm),
            pipelining: parsed.pipelining,
            max_bytes: limits.and_then(|it| it.max_bytes),
            idle_seconds: limits.and_then(|it| it.idle_seconds),
            parsed,
        }
    }
}

impl From<TlsError> for EndpointError {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::CertificateInvalid(error) => error.into(),
            error => Self::Tls {
                error: error.to_string(),
            },
        }
    }
}

impl From<CertificateError> for EndpointError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate {
            error: error.to_string(),
        }
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRoute => f.write_str("not tried: this machine has no route to it"),
            Self::Connect { error } => write!(f, "no connection: {error}"),
            Self::Certificate { error } => write!(f, "certificate refused: {error}"),
            Self::Tls { error } => write!(f, "TLS failed: {error}"),
            Self::Stream { error } => write!(f, "no stream: {error}"),
            Self::NoAnswer => f.write_str("no answer in time"),
            Self::TooMuch => f.write_str("it sent more than is read"),
        }
    }
}

/// Returns a name from the network as it may be shown: cut, on one line, without control characters.
pub(super) fn name(text: &str) -> String {
    let shown = PeerText::new(text).map(String::from).unwrap_or_default();
    shown.chars().take(MAX_NAME).collect()
}

fn names(texts: &[String]) -> Vec<String> {
    texts.iter().take(MAX_NAMES).map(|it| name(it)).collect()
}

#[allow(clippy::ref_option, reason = "as serde calls it")]
fn optional<S: serde::Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => milliseconds(time, to),
        None => to.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_and_have_no_control_characters() {
        assert_eq!(name("SCRAM\u{1b}[31m\n-SHA-1"), "SCRAM [31m -SHA-1");
        assert_eq!(name(&"x".repeat(5000)).len(), MAX_NAME);
        let many = vec!["x".to_owned(); 1000];
        assert_eq!(names(&many).len(), MAX_NAMES);
    }
}
