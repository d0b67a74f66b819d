//! The summary of one account, for people and for programs. It contains no secrets: of a token it shows the kind and
//! the age.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use snapback_client::Transport;
use snapback_client::proto::knowledge::{KnownCaps, ServerFacts};
use snapback_client::proto::sasl::Mechanism;
use snapback_client::proto::stream::features::StreamFeatures;
use snapback_client::proto::time::UnixTime;
use snapback_client::proto::xep::datetime;
use snapback_client::store::{
    Endpoint, EndpointSource, Inspection, KnownEndpoints, ServerKey, SessionSummary, TokenSummary,
};

use super::LookError;
use super::failed::Failed;
use super::issues::{trouble, unknown};
use super::keys::Keys;
use super::push::Push;

#[derive(Serialize)]
pub(super) struct View {
    file: String,
    account: Option<String>,
    #[serde(flatten)]
    found: Found,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Found {
    Error { error: String },
    State(Box<State>),
}

#[derive(Serialize)]
struct State {
    schema: i64,
    left_by_a_kill: bool,
    troubles: Vec<String>,
    unknown: Vec<&'static str>,
    quarantined: u64,
    installation: bool,
    floor: Option<String>,
    keys: Keys,
    push: Option<Push>,
    scram_keys: Option<String>,
    fast: Option<Token>,
    fast_reserve: Option<Token>,
    session: Option<Session>,
    queue: Queue,
    undelivered: usize,
    roster: Roster,
    servers: Vec<Server>,
    failures: Vec<Failed>,
    endpoints: Vec<Endpoints>,
    caps: Vec<Caps>,
}

#[derive(Serialize)]
struct Token {
    mechanism: String,
    expires: Option<String>,
    count: u32,
}

#[derive(Serialize)]
struct Session {
    sm_id_bytes: usize,
    h: u32,
    base: u32,
    max_seconds: Option<u32>,
    alive_at: String,
    location: Option<String>,
    answers_owed: usize,
}

#[derive(Serialize)]
struct Queue {
    sent: usize,
    unsent: usize,
    messages: usize,
    next_number: u64,
}

#[derive(Serialize)]
struct Roster {
    items: usize,
    version: Option<String>,
}

#[derive(Serialize)]
struct Server {
    host: String,
    port: u16,
    transport: &'static str,
    before_login: Option<Vec<String>>,
    after_login: Option<Vec<String>>,
    resumes_before_sasl: bool,
    bind_pipelining: bool,
}

#[derive(Serialize)]
struct Endpoints {
    domain: String,
    looked_up_at: String,
    fresh_until: String,
    addresses: Vec<String>,
}

#[derive(Serialize)]
struct Caps {
    hash: String,
    ver: String,
    only_for: Option<String>,
    features: usize,
}

impl View {
    pub(super) fn new(
        file: &Path,
        account: Option<&str>,
        found: Result<Inspection, LookError>,
    ) -> Self {
        Self {
            file: file.display().to_string(),
            account: account.map(str::to_owned),
            found: match found {
                Ok(inspection) => Found::State(Box::new(State::of(inspection))),
                Err(error) => Found::Error {
                    error: error.to_string(),
                },
            },
        }
    }
}

impl State {
    fn of(found: Inspection) -> Self {
        Self {
            schema: found.schema,
            left_by_a_kill: found.has_log,
            troubles: found
                .report
                .troubles
                .iter()
                .map(|one| trouble(*one))
                .collect(),
            unknown: found
                .report
                .unknown
                .iter()
                .map(|one| unknown(*one))
                .collect(),
            quarantined: found.quarantined,
            installation: found.has_installation,
            floor: found.floor.map(|floor| match floor.channel_binding {
                Some(binding) => format!("{} with {}", floor.mechanism.as_str(), binding.as_str()),
                None => floor.mechanism.as_str().to_owned(),
            }),
            keys: Keys::of(&found.key_trust),
            push: Push::of(found.push),
            scram_keys: found.scram_keys.map(|id| {
                let plus = false;
                let hash = id.hash;
                let mechanism = Mechanism::Scram { hash, plus };
                format!("{}, {} iterations", mechanism.as_str(), id.iterations)
            }),
            fast: found.fast.map(token),
            fast_reserve: found.fast_reserve.map(token),
            session: found.session.map(session),
            queue: Queue {
                sent: found.queue.sent,
                unsent: found.queue.unsent,
                messages: found.queue.messages,
                next_number: found.queue.next_seq,
            },
            undelivered: found.undelivered,
            roster: Roster {
                items: found.roster_items,
                version: found.roster_version,
            },
            servers: found.servers.into_iter().map(server).collect(),
            failures: found.failures.into_iter().map(Failed::from).collect(),
            endpoints: found.endpoints.into_iter().map(endpoints).collect(),
            caps: found.caps.into_iter().map(caps).collect(),
        }
    }
}

fn token(token: TokenSummary) -> Token {
    Token {
        mechanism: token.mechanism.to_string(),
        expires: token.expires.map(time),
        count: token.count,
    }
}

fn session(session: SessionSummary) -> Session {
    Session {
        sm_id_bytes: session.id_bytes,
        h: session.h,
        base: session.base,
        max_seconds: session.max,
        alive_at: time(session.alive_at),
        location: session.location,
        answers_owed: session.pending,
    }
}

fn server((key, facts): (ServerKey, ServerFacts)) -> Server {
    Server {
        host: key.host,
        port: key.port,
        transport: transport(key.transport),
        before_login: facts.secured.as_deref().map(shown),
        after_login: facts.authenticated.as_deref().map(shown),
        resumes_before_sasl: facts.sm_before_sasl.is_some(),
        bind_pipelining: facts.bind_pipelining_proven,
    }
}

/// Returns the features that affect a plan.
fn shown(features: &StreamFeatures) -> Vec<String> {
    let sasl2 = features.sasl2.as_ref();
    let mut shown: Vec<String> = features.sasl1.iter().flatten().cloned().collect();
    let flags = [
        ("SASL2", sasl2.is_some()),
        ("Bind 2", sasl2.is_some_and(|sasl2| sasl2.bind2.is_some())),
        ("FAST", sasl2.is_some_and(|sasl2| sasl2.fast.is_some())),
        (
            "stream management",
            features.sm || sasl2.is_some_and(|sasl2| sasl2.sm),
        ),
        ("pipelining", features.pipelining),
        ("roster versions", features.roster_version),
        ("client state indication", features.csi),
        ("caps", features.caps.is_some()),
    ];
    let flags = flags.iter().filter(|(_, is_shown)| *is_shown);
    shown.extend(flags.map(|(name, _)| (*name).to_owned()));
    shown
}

fn endpoints((domain, known): (String, KnownEndpoints)) -> Endpoints {
    Endpoints {
        domain,
        looked_up_at: time(known.stored_at),
        fresh_until: time(known.expires_at),
        addresses: known.endpoints.iter().map(address).collect(),
    }
}

fn address(endpoint: &Endpoint) -> String {
    let source = match endpoint.source {
        EndpointSource::Override => "given",
        EndpointSource::Srv => "SRV",
        EndpointSource::Fallback => "no SRV",
    };
    let (host, addr) = (&endpoint.host, endpoint.addr);
    let transport = transport(endpoint.transport);
    format!(
        "{addr} {transport} ({host}, {source}, priority {})",
        endpoint.priority
    )
}

fn caps(known: KnownCaps) -> Caps {
    Caps {
        hash: known.hash,
        ver: known.ver,
        only_for: known.only,
        features: known.features.len(),
    }
}

fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::DirectTls => "direct TLS",
        Transport::StartTls => "STARTTLS",
    }
}

pub(super) fn time(time: UnixTime) -> String {
    if time == UnixTime::NEVER {
        return "for ever".to_owned();
    }
    datetime::format(time)
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.account {
            Some(account) => writeln!(f, "{account}  ({})", self.file)?,
            None => writeln!(f, "{}", self.file)?,
        }
        match &self.found {
            Found::Error { error } => write!(f, "  {error}"),
            Found::State(state) => state.fmt(f),
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let killed = if self.left_by_a_kill {
            ", left by a kill"
        } else {
            ""
        };
        line(f, "file", &format!("schema {}{killed}", self.schema))?;
        for trouble in &self.troubles {
            line(f, "trouble", trouble)?;
        }
        if !self.unknown.is_empty() {
            line(f, "given up", &self.unknown.join(", "))?;
        }
        if self.quarantined > 0 {
            line(f, "quarantine", &format!("{} rows", self.quarantined))?;
        }
        if let Some(floor) = &self.floor {
            line(f, "login", &format!("{floor}, or stronger"))?;
        }
        for (name, value) in self.keys.lines() {
            line(f, name, value)?;
        }
        if let Some(push) = &self.push {
            line(f, "push", &push.to_string())?;
        }
        if let Some(keys) = &self.scram_keys {
            line(f, "keys", &format!("{keys} (not shown)"))?;
        }
        for (name, token) in [("FAST", &self.fast), ("in reserve", &self.fast_reserve)] {
            if let Some(token) = token {
                line(f, name, &token.to_string())?;
            }
        }
        let session = self.session.as_ref().map(ToString::to_string);
        line(f, "session", session.as_deref().unwrap_or("none"))?;
        line(f, "queue", &self.queue.to_string())?;
        line(f, "undelivered", &self.undelivered.to_string())?;
        let version = self.roster.version.as_deref();
        let version = version.map(|version| format!(", version {version:?}"));
        let items = self.roster.items;
        let roster = format!("{items} contacts{}", version.unwrap_or_default());
        line(f, "roster", &roster)?;
        for server in &self.servers {
            line(f, "server", &server.to_string())?;
        }
        for failed in &self.failures {
            line(f, "failed", &failed.to_string())?;
        }
        for endpoints in &self.endpoints {
            line(f, "endpoints", &endpoints.to_string())?;
        }
        for caps in &self.caps {
            line(f, "caps", &caps.to_string())?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    writeln!(f, "  {name:<12} {text}")
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            mechanism, count, ..
        } = self;
        write!(f, "{mechanism}, {count} attempts in early data")?;
        if let Some(expires) = &self.expires {
            write!(f, ", expires {expires}")?;
        }
        f.write_str(" (not shown)")
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            h,
            base,
            alive_at,
            sm_id_bytes,
            ..
        } = self;
        write!(f, "h {h}, base {base}, alive at {alive_at}")?;
        if let Some(max) = self.max_seconds {
            write!(f, ", kept for {max} s")?;
        }
        if let Some(location) = &self.location {
            write!(f, ", preferably at {location}")?;
        }
        if self.answers_owed > 0 {
            write!(f, ", {} answers owed", self.answers_owed)?;
        }
        write!(f, "; SM-ID of {sm_id_bytes} bytes (not shown)")
    }
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            sent,
            unsent,
            messages,
            next_number,
        } = self;
        write!(
            f,
            "{sent} sent and not acknowledged, {unsent} not sent; {messages} messages; next number {next_number}"
        )
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} {}", self.host, self.port, self.transport)?;
        for (name, shown) in [
            ("before login", &self.before_login),
            ("after login", &self.after_login),
        ] {
            if let Some(shown) = shown {
                write!(f, "; {name}: {}", shown.join(", "))?;
            }
        }
        if self.resumes_before_sasl {
            f.write_str("; resumes before SASL")?;
        }
        if self.bind_pipelining {
            f.write_str("; stanzas after a bind request: proven")?;
        }
        Ok(())
    }
}

impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            domain,
            fresh_until,
            addresses,
            ..
        } = self;
        write!(
            f,
            "{domain}, fresh until {fresh_until}: {}",
            addresses.join("; ")
        )
    }
}

impl fmt::Display for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            hash,
            ver,
            features,
            ..
        } = self;
        write!(f, "{hash} {ver}: {features} features")?;
        match &self.only_for {
            Some(jid) => write!(f, ", not verified, for {jid} only"),
            None => Ok(()),
        }
    }
}
