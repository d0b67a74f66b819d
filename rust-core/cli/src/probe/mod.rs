//! `snapback probe`: tells what a server lets a client save, and what to write into its configuration.
//!
//! [`probe`] collects a [`Report`]; the advice in it is a table of conditions and settings. Nothing that comes
//! from the network is trusted: what is read is bounded, every wait has an end, and texts are cut, cleaned
//! and escaped for where they are written.

mod account;
mod advice;
mod connection;
mod dns;
mod endpoint;
mod facts;
mod html;
mod observed;
mod options;
mod report;
mod table;
mod text;

use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use snapback_client::ServerAddress;
use tokio::time::{Instant, timeout_at};

pub use crate::options::OptionError;
pub use account::Account;
pub use advice::{Finding, Setting};
pub use dns::Names;
use endpoint::Target;
pub use facts::RoundTrips;
pub use options::{Args, Settings};
pub use report::{
    AccountReport, Dns, EndpointError, EndpointReport, Features, How, LoginReport, Record, Report,
    Second, Service, StartTls, Tls,
};

/// The localpart that the stream header names without an account: some servers show SASL2 only to a client that names
/// itself. No server looks it up before a login.
const NO_ACCOUNT: &str = "snapback-probe";
/// The share of the deadline that is left for the account, in percent.
const ACCOUNT_SHARE: u32 = 60;

/// Why probing could not begin, or its result could not be written.
#[derive(Debug)]
pub enum ProbeError {
    /// The options cannot be used.
    Options(OptionError),
    /// Standard output cannot be written.
    Output(io::Error),
    /// The page cannot be written.
    Page(PathBuf, io::Error),
}

/// What a monitor does with a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No setting saves a round trip.
    Good = 0,
    /// A setting saves a round trip.
    Improvable = 1,
    /// The account cannot be used.
    Unusable = 2,
    /// No server can be reached, or a certificate is refused.
    Unreachable = 3,
}

/// Probes, and writes the report.
///
/// # Errors
/// If the options cannot be used, or the report cannot be written.
pub async fn run(args: Args) -> Result<ExitCode, ProbeError> {
    let settings = args.settings().map_err(ProbeError::Options)?;
    let report = probe(&settings).await;
    if let Some(path) = &args.html {
        let written = std::fs::write(path, report.html());
        written.map_err(|error| ProbeError::Page(path.clone(), error))?;
    }
    let text = match args.json {
        true => json(&report)?,
        false => report.text(),
    };
    let written = io::stdout().lock().write_all(text.as_bytes());
    written.map_err(ProbeError::Output)?;
    Ok(ExitCode::from(report.verdict() as u8))
}

/// Looks at a domain, and returns what was found until the deadline.
pub async fn probe(settings: &Settings) -> Report {
    let deadline = Instant::now() + settings.deadline;
    let before_login = match &settings.account {
        Some(_) => Instant::now() + settings.deadline * (100 - ACCOUNT_SHARE) / 100,
        None => deadline,
    };
    let mut report = Report {
        domain: report::name(settings.domain.domain()),
        ..Report::default()
    };
    let domain = settings.domain.domain_to_ascii();
    let looking = look_up(settings, &domain, &mut report);
    let endpoints = timeout_at(before_login, looking).await.unwrap_or_default();
    let target = Target {
        from: match &settings.account {
            Some(account) => account.jid.to_string(),
            None => format!("{NO_ACCOUNT}@{}", settings.domain),
        },
        domain,
        trust: settings.trust.clone(),
        deadline: before_login,
    };
    let found = endpoints.len();
    let measured = endpoint::measure_all(endpoints, &target).await;
    report.left_out = found.saturating_sub(measured.len());
    report.endpoints.extend(measured);
    if let Some(account) = &settings.account
        && let Some(server) = usable(&report)
    {
        let measured = account::measure(account, server, &settings.trust, deadline).await;
        report.account = Some(measured);
    }
    report.ended_by_deadline = Instant::now() >= deadline;
    let allow_plain = settings.account.as_ref().is_some_and(|it| it.allow_plain);
    advice::advise(&mut report, allow_plain);
    report
}

async fn look_up(
    settings: &Settings,
    domain: &str,
    report: &mut Report,
) -> Vec<snapback_client::resolver::Endpoint> {
    match &settings.server {
        Some(server) => match dns::look_up_server(server, &settings.names).await {
            Ok(endpoints) => endpoints,
            Err(error) => {
                report
                    .endpoints
                    .push(EndpointReport::unresolved(server, &error));
                Vec::new()
            }
        },
        None => {
            let (dns, endpoints) = dns::look_up(domain, &settings.names).await;
            report.dns = Some(dns);
            endpoints
        }
    }
}

/// Returns the first server with a stream.
fn usable(report: &Report) -> Option<ServerAddress> {
    let endpoint = report.endpoints.iter().find(|it| it.features.is_some())?;
    let addr = endpoint.address.parse().ok()?;
    Some(ServerAddress::at(addr, endpoint.transport.into()))
}

impl Report {
    /// Returns it as text. Lines for a configuration are indented and can be copied.
    #[must_use]
    pub fn text(&self) -> String {
        text::text(self)
    }

    /// Returns it as a page, which needs no other file and runs no script.
    #[must_use]
    pub fn html(&self) -> String {
        html::page(self)
    }

    /// Returns what a monitor does with it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let is_refused =
            |it: &EndpointReport| matches!(it.error, Some(EndpointError::Certificate { .. }));
        let is_usable = self.endpoints.iter().any(|it| it.features.is_some());
        let account = self.account.as_ref();
        if !is_usable || self.endpoints.iter().any(is_refused) {
            Verdict::Unreachable
        } else if account.is_some_and(|it| it.error.is_some()) {
            Verdict::Unusable
        } else if self.advice.iter().any(Finding::counts) {
            Verdict::Improvable
        } else {
            Verdict::Good
        }
    }
}

fn json(report: &Report) -> Result<String, ProbeError> {
    let text = serde_json::to_string_pretty(report);
    text.map(|text| text + "\n")
        .map_err(|error| ProbeError::Output(error.into()))
}

impl ProbeError {
    /// Returns the exit code: 2, as for everything that could not be done as asked.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        2
    }
}

impl fmt::Display for ProbeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Options(error) => error.fmt(f),
            Self::Output(error) => write!(f, "cannot write: {error}"),
            Self::Page(path, error) => write!(f, "cannot write {}: {error}", path.display()),
        }
    }
}
