//! The features of the server, as plain data that may change while it runs.

use std::time::Duration;

use crate::sasl::Mechanism;

/// Every feature of the server. Connections read it at each step, so a change takes effect at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switches {
    /// The supported TLS versions.
    pub tls_versions: TlsVersions,
    /// Whether to issue and accept TLS tickets.
    pub tls_tickets: bool,
    /// Whether to prefer the key exchange X25519MLKEM768.
    pub post_quantum: bool,
    /// Bytes of TLS 1.3 early data accepted with a ticket, and `tls-0rtt` on `<fast/>`; `None`: no early data.
    pub early_data: Option<u32>,
    /// Whether to send stanzas in the first TLS flight, before the client's Finished (TLS 1.3 half-RTT data); implied
    /// by early data, whose answer would save nothing otherwise.
    pub half_rtt: bool,

    /// XEP-0305: whether to advertise `<pipelining/>` and accept flights that cross a stream restart or the start of
    /// TLS.
    pub pipelining: bool,
    /// XEP-0305: whether to send header and features after TLS without waiting for the client's header.
    pub unprompted_restart: bool,
    /// .. but over STARTTLS only to clients that sent ClientHello immediately after `<starttls/>`, as others may not
    /// expect it (slixmpp 1.17 does not), and over direct TLS to none.
    pub unprompted_only_if_pipelined: bool,
    /// XEP-0305: whether to advertise `<sm/>` on the encrypted, unauthenticated stream and accept `<resume/>` there.
    pub sm_before_sasl: bool,

    /// The offered SASL mechanisms, PLUS variants included; those that the connection does not support are left out.
    pub mechanisms: Vec<Mechanism>,
    /// SCRAM's iteration count.
    pub scram_iterations: u32,
    /// RFC 6120 SASL.
    pub sasl1: bool,
    /// XEP-0440: channel-binding types advertised.
    pub channel_binding_advertised: bool,
    /// Whether `tls-exporter` may be used (TLS 1.3 only).
    pub tls_exporter: bool,
    /// Whether `tls-server-end-point` may be used.
    pub tls_server_end_point: bool,
    /// XEP-0474: the hash of the offer in SCRAM's first answer.
    pub ssdp: Option<SsdpAttribute>,

    /// XEP-0388.
    pub sasl2: bool,
    /// Whether to hide SASL2 unless the stream header has `from`.
    pub sasl2_needs_from: bool,
    /// XEP-0386.
    pub bind2: bool,
    /// XEP-0484, with these mechanisms.
    pub fast: Vec<Mechanism>,
    /// The lifetime of a FAST token.
    pub fast_lifetime: Duration,
    /// A token is replaced when less than this is left of its lifetime.
    pub fast_rotate_before: Duration,
    /// The effect of a refused FAST login on the stream.
    pub fast_failure: FastFailure,
    /// XEP-0509: whether to send `config-version`, and check it.
    pub config_version: bool,

    /// XEP-0198.
    pub sm: bool,
    /// Whether to allow `resume` in `<enable/>`.
    pub sm_resume: bool,
    /// How long a session without a connection can be resumed.
    pub sm_window: Duration,
    /// The maximum number of unacknowledged stanzas before a session is dropped.
    pub sm_queue_limit: usize,
    /// `location` in `<enabled/>`.
    pub sm_location: Option<String>,
    /// Whether `<failed/>` has `h` for expired sessions.
    pub sm_failed_h: bool,
    /// Whether archived messages that wait for an acknowledgement are lost when the session is resumed twice within two seconds,
    /// as ejabberd does under load.
    pub loses_at_hand_over: bool,
    /// Whether `<enable/>` is refused although stream management is advertised.
    pub sm_refused: bool,
    /// The number of stanzas after which `<r/>` is sent.
    pub sm_request_every: Option<u32>,

    /// Whether the features contain the session of RFC 3921.
    pub session: bool,
    /// .. and require it: any stanza before it is in effect ends the stream, even in the same read (jabberd2).
    pub session_first: bool,
    /// RFC 6120 7.7.2.2: whether a resource in use is refused with `conflict`; otherwise the older session ends.
    pub bind_conflict: bool,
    /// Roster versioning (RFC 6121 2.6).
    pub roster_versioning: bool,
    /// XEP-0280.
    pub carbons: bool,
    /// XEP-0357: a registration belongs to the session that made it. Nothing is published.
    pub push: bool,
    /// XEP-0352.
    pub csi: bool,
    /// XEP-0313 archive, with XEP-0359 ids.
    pub archive: bool,
    /// .. and the answer if it does not have the message whose id a page is to follow.
    pub archive_unknown: UnknownId,
    /// .. and whether `<bound/>` says where it ends (XEP-0386); ejabberd does not.
    pub archive_metadata: bool,
    /// Whether the server writes its own name and an account's in capitals (RFC 7622 section 3): in stream headers, results,
    /// pushes, carbons and archive results.
    pub capitals: bool,
    /// Whether the server writes what the standards allow and few servers do: white space between elements (RFC 6120 section
    /// 11.7), and a feature that no client knows (section 4.3.2).
    pub liberal: bool,
    /// Whether messages to an account without a session wait for its next one.
    pub offline: bool,
    /// XEP-0045 on `rooms.<domain>`.
    pub rooms: bool,
    /// XEP-0115 in stream features.
    pub caps: bool,
    /// XEP-0478, advertised and enforced.
    pub limits: Option<Limits>,
}

/// The supported TLS versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    Both,
    /// 1.2 only, with RFC 5077 tickets.
    Tls12,
    /// 1.3 only.
    Tls13,
}

/// XEP-0474 as published over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SsdpAttribute {
    /// `d=`, lists joined with `,` and `|`: as deployed in servers.
    D,
    /// `h=`, lists joined with 0x1E and 0x1F: the current text.
    H,
}

/// The effect of a refused FAST login on the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastFailure {
    /// The stream stays; stanzas pipelined after the login are bounced, as Prosody does.
    StreamUsable,
    /// The stream is closed after `<failure/>`, as ejabberd does.
    StreamClosed,
}

/// How an archive answers a request for a page after a message that it does not have, or has no longer (XEP-0313
/// section 4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownId {
    /// With the error `item-not-found`.
    ItemNotFound,
    /// With an empty and complete page, as Prosody 13.0 does on files.
    EmptyPage,
}

/// XEP-0478.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The maximum size of an accepted element.
    pub max_bytes: u32,
    /// The idle time after which the stream is closed.
    pub idle_seconds: Option<u32>,
}

impl Default for Switches {
    fn default() -> Self {
        Self::modern()
    }
}

impl Switches {
    /// Early data needs a ticket and TLS 1.3.
    pub(crate) fn accepts_early_data(&self) -> bool {
        self.early_data.is_some() && self.tls_tickets && self.tls_versions != TlsVersions::Tls12
    }

    /// Returns all features.
    pub fn modern() -> Self {
        Self {
            tls_versions: TlsVersions::Both,
            tls_tickets: true,
            post_quantum: false,
            early_data: Some(16_384),
            half_rtt: true,
            pipelining: true,
            unprompted_restart: true,
            unprompted_only_if_pipelined: false,
            sm_before_sasl: true,
            mechanisms: Mechanism::PASSWORD.to_vec(),
            scram_iterations: 4096,
            sasl1: true,
            channel_binding_advertised: true,
            tls_exporter: true,
            tls_server_end_point: true,
            ssdp: Some(SsdpAttribute::D),
            sasl2: true,
            sasl2_needs_from: true,
            bind2: true,
            fast: Mechanism::TOKEN.to_vec(),
            fast_lifetime: Duration::from_secs(21 * 86_400),
            fast_rotate_before: Duration::from_secs(14 * 86_400),
            fast_failure: FastFailure::StreamUsable,
            config_version: true,
            sm: true,
            sm_resume: true,
            sm_window: Duration::from_secs(600),
            sm_queue_limit: 500,
            sm_location: None,
            sm_failed_h: true,
            loses_at_hand_over: false,
            sm_refused: false,
            sm_request_every: Some(1),
            session: false,
            session_first: false,
            bind_conflict: false,
            roster_versioning: true,
            carbons: true,
            push: true,
            csi: true,
            archive: true,
            archive_unknown: UnknownId::ItemNotFound,
            archive_metadata: true,
            capitals: false,
            liberal: false,
            offline: true,
            rooms: false,
            caps: true,
            limits: Some(Limits {
                max_bytes: 262_144,
                idle_seconds: None,
            }),
        }
    }

    /// Returns a current server: SASL2, Bind 2, FAST; no early data, and nothing of XEP-0305.
    pub fn current() -> Self {
        Self {
            early_data: None,
            pipelining: false,
            unprompted_restart: false,
            sm_before_sasl: false,
            ..Self::modern()
        }
    }

    /// Returns a server of 2012: STARTTLS, PLAIN and SCRAM-SHA-1, bind, session, Stream Management.
    pub fn rfc6120_2012() -> Self {
        Self {
            tls_versions: TlsVersions::Tls12,
            early_data: None,
            half_rtt: false,
            pipelining: false,
            unprompted_restart: false,
            sm_before_sasl: false,
            mechanisms: vec![Mechanism::ScramSha1, Mechanism::Plain],
            channel_binding_advertised: false,
            tls_exporter: false,
            tls_server_end_point: false,
            ssdp: None,
            sasl2: false,
            bind2: false,
            fast: Vec::new(),
            config_version: false,
            session: true,
            roster_versioning: false,
            carbons: false,
            push: false,
            csi: false,
            archive: false,
            archive_metadata: false,
            caps: false,
            limits: None,
            sm_failed_h: false,
            ..Self::modern()
        }
    }

    /// Returns jabberd2: a server of 2012 without Stream Management or anything newer, which requires a fixed order of
    /// the login.
    pub fn jabberd2() -> Self {
        Self {
            mechanisms: vec![Mechanism::ScramSha1, Mechanism::Plain],
            sm: false,
            sm_resume: false,
            session_first: true,
            ..Self::rfc6120_2012()
        }
    }

    /// Returns Prosody without community modules: SASL1, Stream Management, CSI, roster versions, carbons.
    pub fn stock_prosody() -> Self {
        Self {
            tls_versions: TlsVersions::Both,
            tls_tickets: false,
            post_quantum: false,
            mechanisms: vec![
                Mechanism::ScramSha1Plus,
                Mechanism::ScramSha1,
                Mechanism::Plain,
            ],
            channel_binding_advertised: true,
            tls_exporter: true,
            roster_versioning: true,
            carbons: true,
            csi: true,
            archive: true,
            caps: true,
            limits: Some(Limits {
                max_bytes: 262_144,
                idle_seconds: None,
            }),
            sm_failed_h: true,
            ..Self::rfc6120_2012()
        }
    }

    /// Returns what XEP-0305 describes: combined flights, unprompted restart, resume before SASL; no SASL2.
    pub fn quickstart_2013() -> Self {
        Self {
            tls_tickets: true,
            half_rtt: true,
            pipelining: true,
            unprompted_restart: true,
            sm_before_sasl: true,
            ..Self::stock_prosody()
        }
    }
}
