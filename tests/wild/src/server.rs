//! The server of a case: the reference server, with the case's features and script.

use std::fmt;

use snapback_reference_server::{
    Config, Mechanism, Pattern, ReferenceServer, Script, StartError, Switches, TlsVersions,
};

use crate::case::{Case, Feature, FormatError, ServerKind, ServerSetting, Then};
use crate::steps::parsed;

/// The served domain, and the name in the certificate.
pub const DOMAIN: &str = "localhost";
/// The account of the client, and its password.
pub const JULIET: (&str, &str) = ("juliet", "r0m30");
/// The account of the contact, and its password.
pub const ROMEO: (&str, &str) = ("romeo", "jul13t");

/// Why a case has no server.
#[derive(Debug)]
pub enum ServeError {
    /// It did not start.
    Start(StartError),
    /// The case is malformed.
    Format(FormatError),
    /// A name in the case is not known.
    Unknown(String),
}

/// Starts the server of a case on these ports of the loopback interface; 0 for any.
///
/// # Errors
///
/// If it cannot start, or the case is malformed.
pub async fn start(
    case: &Case,
    port: u16,
    direct_port: u16,
) -> Result<ReferenceServer, ServeError> {
    let accounts = [JULIET, ROMEO].map(|(name, word)| (name.to_owned(), word.to_owned()));
    let server = ReferenceServer::start(Config {
        domain: DOMAIN.to_owned(),
        switches: switches(&case.server)?,
        accounts: accounts.to_vec(),
        port,
        direct_port,
        seed: 1,
    })
    .await
    .map_err(ServeError::Start)?;
    let script = Script {
        connections: case.rules().map_err(ServeError::Format)?,
        repeats_last: case.then == Then::Repeat,
    };
    let patterns: Result<Vec<Pattern>, String> = watched(case).map(|text| parsed(text)).collect();
    let patterns = patterns.map_err(ServeError::Unknown)?;
    server.world(|world| {
        world.script = script;
        patterns
            .into_iter()
            .for_each(|pattern| world.watch(pattern));
    });
    Ok(server)
}

/// Returns the patterns that the server counts for a case: those that must be sent, then those that must not.
pub(crate) fn watched(case: &Case) -> impl Iterator<Item = &String> {
    case.holds.sends.keys().chain(&case.holds.never_sends)
}

/// Returns the points of the case that no connection has reached, in words: a case that does not get to its deviations
/// shows nothing.
pub fn unreached(server: &ReferenceServer) -> Option<String> {
    let unused = server.world(|world| world.unused_rules());
    let points: Vec<_> = unused.iter().map(|rule| &rule.when).collect();
    (!points.is_empty()).then(|| format!("the case did not get to {points:?}"))
}

fn switches(setting: &ServerSetting) -> Result<Switches, ServeError> {
    let mut switches = match setting.kind {
        ServerKind::Sasl2 => Switches::current(),
        ServerKind::Sasl1 => Switches::stock_prosody(),
        ServerKind::Rfc6120 => Switches::rfc6120_2012(),
        ServerKind::Quickstart => Switches::modern(),
    };
    switches.unprompted_only_if_pipelined = true;
    for (features, on) in [(&setting.on, true), (&setting.off, false)] {
        for feature in features {
            switch(&mut switches, *feature, on);
        }
    }
    if !setting.mechanisms.is_empty() {
        let mechanisms = setting.mechanisms.iter().map(|name| mechanism(name));
        switches.mechanisms = mechanisms.collect::<Result<_, _>>()?;
    }
    if let Some(iterations) = setting.iterations {
        switches.scram_iterations = iterations;
    }
    if let Some(limits) = &mut switches.limits {
        limits.max_bytes = setting.max_bytes.unwrap_or(limits.max_bytes);
    }
    Ok(switches)
}

fn switch(switches: &mut Switches, feature: Feature, on: bool) {
    match feature {
        Feature::Sm => switches.sm = on,
        Feature::SmResume => switches.sm_resume = on,
        Feature::Archive => {
            switches.archive = on;
            switches.archive_metadata = on;
        }
        Feature::Carbons => switches.carbons = on,
        Feature::Bind2 => switches.bind2 = on,
        Feature::Sasl2 => switches.sasl2 = on,
        Feature::Sasl1 => switches.sasl1 = on,
        Feature::Fast if on => switches.fast = Mechanism::TOKEN.to_vec(),
        Feature::Fast => switches.fast = Vec::new(),
        Feature::RosterVersions => switches.roster_versioning = on,
        Feature::Session => switches.session = on,
        Feature::Csi => switches.csi = on,
        Feature::Tls13 if on => switches.tls_versions = TlsVersions::Both,
        Feature::Tls13 => switches.tls_versions = TlsVersions::Tls12,
        Feature::ChannelBinding => {
            switches.tls_exporter = on;
            switches.tls_server_end_point = on;
            switches.channel_binding_advertised = on;
        }
        Feature::Capitals => switches.capitals = on,
        Feature::BindConflict => switches.bind_conflict = on,
    }
}

fn mechanism(name: &str) -> Result<Mechanism, ServeError> {
    let mut known = Mechanism::PASSWORD.into_iter();
    known
        .find(|mechanism| mechanism.name() == name)
        .ok_or_else(|| ServeError::Unknown(format!("the mechanism {name} is not known")))
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(error) => error.fmt(f),
            Self::Format(error) => error.fmt(f),
            Self::Unknown(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ServeError {}
