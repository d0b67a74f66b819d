//! The report as text, and the words that text and page have in common.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::advice::{Finding, Setting};
use super::facts::RoundTrips;
use super::report::{
    AccountReport, Dns, EndpointReport, Features, LoginReport, Record, Report, Service,
};
use crate::flights::ms;

/// A name and what is said about it.
pub(super) type Line = (&'static str, String);

/// Returns the report as text. Lines for a configuration are indented and can be copied.
pub(super) fn text(report: &Report) -> String {
    let mut out = format!("{}\n", report.domain);
    // Writing to a String does not fail.
    let _ = write(&mut out, report);
    out
}

fn write(out: &mut String, report: &Report) -> fmt::Result {
    for (name, line) in report.dns.iter().flat_map(of_dns) {
        writeln!(out, "  {name:<14}{line}")?;
    }
    for endpoint in &report.endpoints {
        writeln!(out, "\n{}", title(endpoint))?;
        for (name, line) in of_endpoint(endpoint) {
            writeln!(out, "  {name:<14}{line}")?;
        }
    }
    if report.left_out > 0 {
        writeln!(out, "\n{}", left_out(report))?;
    }
    if let Some(account) = &report.account {
        writeln!(out, "\naccount at {}", account.endpoint)?;
        for (name, line) in of_account(account) {
            writeln!(out, "  {name:<14}{line}")?;
        }
    }
    let usable = report.endpoints.iter().filter(|it| it.features.is_some());
    let usable = usable.count();
    for (heading, counts) in [("costs round trips", true), ("beside that", false)] {
        let mut findings = report
            .advice
            .iter()
            .filter(|it| it.counts() == counts)
            .peekable();
        if findings.peek().is_some() {
            writeln!(out, "\n{heading}")?;
        }
        for finding in findings {
            write_finding(out, finding, usable)?;
        }
    }
    writeln!(out, "\n{}", conclusion(report))
}

fn write_finding(out: &mut String, finding: &Finding, usable: usize) -> fmt::Result {
    writeln!(out, "  {} ({})", finding.id, saves(finding))?;
    writeln!(out, "    {}", finding.text)?;
    if finding.endpoints.len() < usable {
        writeln!(out, "    at {}", finding.endpoints.join(", "))?;
    }
    for (server, setting) in settings(finding) {
        match setting {
            Setting::Lines(lines) => {
                writeln!(out, "    {server}:")?;
                for line in lines.lines() {
                    writeln!(out, "      {line}")?;
                }
            }
            Setting::None(reason) => writeln!(out, "    {server}: no setting; {reason}")?,
        }
    }
    for (server, advice) in finding.not_tried {
        writeln!(out, "    {server} (not tried): {advice}")?;
    }
    Ok(())
}

/// Returns what was not looked at, in words.
pub(super) fn left_out(report: &Report) -> String {
    format!("{} more endpoints were not looked at", report.left_out)
}

/// Returns the servers with their settings.
pub(super) fn settings(finding: &Finding) -> [(&'static str, Setting); 2] {
    [("Prosody", finding.prosody), ("ejabberd", finding.ejabberd)]
}

/// Returns what an advice saves, in words.
pub(super) fn saves(finding: &Finding) -> String {
    let here = time(finding.saves_time);
    match finding.saves {
        0 => "no round trip".to_owned(),
        1 => format!("saves 1 round trip, {here} here"),
        more => format!("saves {more} round trips, {here} here"),
    }
}

/// Returns the last sentence.
pub(super) fn conclusion(report: &Report) -> String {
    let saved: usize = report
        .advice
        .iter()
        .filter(|it| it.counts())
        .map(|it| it.saves)
        .sum();
    let mut text = match report.verdict() {
        super::Verdict::Good => "no setting saves a round trip".to_owned(),
        super::Verdict::Improvable if saved == 1 => "settings save 1 round trip".to_owned(),
        super::Verdict::Improvable => format!("settings save {saved} round trips"),
        super::Verdict::Unusable => "the account cannot be used".to_owned(),
        super::Verdict::Unreachable => "not reachable, or a certificate was refused".to_owned(),
    };
    if report.ended_by_deadline {
        text.push_str("; the deadline ended this, and something may be missing");
    }
    text
}

/// Returns the heading of an endpoint.
pub(super) fn title(endpoint: &EndpointReport) -> String {
    let mut text = format!("{} {}", endpoint.address, endpoint.transport);
    if let Some(priority) = endpoint.priority {
        let _ = write!(text, ", {} priority {priority}", endpoint.host);
    }
    text
}

/// Returns the lines about the DNS.
pub(super) fn of_dns(dns: &Dns) -> Vec<Line> {
    let mut lines = vec![
        ("direct TLS", of_service(&dns.direct_tls)),
        ("STARTTLS", of_service(&dns.starttls)),
        (
            "addresses",
            format!(
                "{} IPv4, {} IPv6; in {}",
                dns.ipv4,
                dns.ipv6,
                time(dns.took)
            ),
        ),
    ];
    lines.extend(dns.error.iter().map(|error| ("error", error.clone())));
    lines
}

fn of_service(service: &Service) -> String {
    let of_record = |record: &Record| {
        let Record {
            priority,
            weight,
            port,
            target,
        } = record;
        format!("{target}:{port} (priority {priority}, weight {weight})")
    };
    match service {
        Service::NotAsked => "not asked".to_owned(),
        Service::Absent => "no SRV record".to_owned(),
        Service::NotOffered => "not offered (the target is \".\")".to_owned(),
        Service::Failed { error } => format!("no answer: {error}"),
        Service::Records { records } => {
            let records: Vec<String> = records.iter().map(of_record).collect();
            records.join(", ")
        }
    }
}

/// Returns the lines about an endpoint.
pub(super) fn of_endpoint(endpoint: &EndpointReport) -> Vec<Line> {
    let mut lines = Vec::new();
    let trips = |took: Duration| match endpoint.in_round_trips(took) {
        // Below a millisecond the time of computing is all that would be seen.
        Some(trips) if endpoint.tcp >= Some(Duration::from_millis(1)) => {
            format!("{}, {trips:.1} round trips", time(took))
        }
        _ => time(took),
    };
    if let Some(tcp) = endpoint.tcp {
        lines.push(("TCP", time(tcp)));
    }
    if let Some(starttls) = &endpoint.starttls {
        let pipelined = match starttls.pipelined {
            true => "header and <starttls/> in one write are answered",
            false => "header and <starttls/> in one write are not answered",
        };
        lines.push(("STARTTLS", format!("{}; {pipelined}", trips(starttls.took))));
    }
    if let Some(tls) = &endpoint.tls {
        let group = tls.group.unwrap_or("no group");
        let retried = if tls.retried {
            "; second ClientHello"
        } else {
            ""
        };
        let alpn = if tls.alpn { "" } else { "; ALPN ignored" };
        let text = format!(
            "{}, {}, {group}; {}{retried}{alpn}",
            tls.version,
            tls.cipher_suite,
            trips(tls.took)
        );
        lines.push(("TLS", text));
        let checked = format!("accepted; checked in {}", time(tls.verified_in));
        lines.push(("certificate", checked));
        lines.push(("tickets", tickets(tls.tickets, endpoint)));
    }
    if let Some(features) = &endpoint.features {
        let took = endpoint.features_after.map(trips).unwrap_or_default();
        lines.push(("features", format!("after {took}")));
        lines.extend(of_features(features));
    }
    if let Some(is_held) = endpoint.answer_held {
        let text = match is_held {
            true => "waits for an acknowledgement (Nagle's algorithm)",
            false => "not held",
        };
        lines.push(("answer", text.to_owned()));
    }
    if let Some(RoundTrips { new, resumed }) = endpoint.login {
        let text = format!("{new} round trips for a new session, {resumed} to resume one");
        lines.push(("login", text));
    }
    lines.extend(
        endpoint
            .error
            .iter()
            .map(|error| ("error", error.to_string())),
    );
    lines
}

fn tickets(count: u64, endpoint: &EndpointReport) -> String {
    let used = match &endpoint.second {
        None => "no second connection".to_owned(),
        Some(second) if !second.offered => "none to offer".to_owned(),
        Some(second) => {
            let accepted = if second.accepted {
                "accepted"
            } else {
                "not accepted"
            };
            let early = match second.early_data {
                0 => "no early data".to_owned(),
                bytes => format!("{bytes} bytes of early data"),
            };
            format!(
                "{accepted} by a second connection ({}); {early}",
                time(second.took)
            )
        }
    };
    format!("{count} issued; {used}")
}

fn of_features(features: &Features) -> Vec<Line> {
    let list = |names: &Option<Vec<String>>| match names {
        None => "no".to_owned(),
        Some(names) if names.is_empty() => "yes".to_owned(),
        Some(names) => names.join(" "),
    };
    let limit = |limit: Option<u64>, unit: &str| match limit {
        None => format!("no limit of {unit}"),
        Some(limit) => format!("{limit} {unit}"),
    };
    let limits = match &features.parsed.limits {
        None => "no".to_owned(),
        Some(_) => format!(
            "{}, {}",
            limit(features.max_bytes, "bytes"),
            limit(features.idle_seconds.map(u64::from), "seconds idle")
        ),
    };
    let mechanisms = match features.mechanisms.is_empty() {
        true => "no".to_owned(),
        false => features.mechanisms.join(" "),
    };
    vec![
        ("  SASL", mechanisms),
        ("  SASL2", list(&features.sasl2)),
        ("  binding", list(&features.channel_bindings)),
        ("  FAST", list(&features.fast)),
        ("  Bind 2", list(&features.bind2)),
        ("  resumption", word(features.inline_resumption, "inline")),
        ("  pipelining", word(features.pipelining, "yes")),
        ("  limits", limits),
    ]
}

/// Returns the lines about the account.
pub(super) fn of_account(account: &AccountReport) -> Vec<Line> {
    let mut lines = Vec::new();
    for login in &account.logins {
        let LoginReport {
            outcome,
            round_trips,
            plan,
            ..
        } = login;
        // The plan begins with its own count, which does not contain the wait for features that are not known yet.
        let flights = plan
            .split_once(": ")
            .map_or(plan.as_str(), |(_, flights)| flights);
        let took = time(login.took);
        let text = format!("{round_trips} round trips, {outcome} after {took}: {flights}");
        lines.push((login.kind, text));
    }
    if let Some(features) = &account.features {
        lines.push(("features", features.join(" ")));
    }
    let tried = |tried: Option<bool>| match tried {
        None => "not tried",
        Some(true) => "yes",
        Some(false) => "no",
    };
    let max = account.max.map(|max| format!(", kept for {max} s"));
    let management = word(account.stream_management, "yes");
    lines.push(("management", management + &max.unwrap_or_default()));
    lines.push(("resumption", tried(account.resumed).to_owned()));
    lines.push(("after bind", tried(account.pipelined_bind).to_owned()));
    for (name, has) in [
        ("FAST token", account.token),
        ("client state", account.csi),
        ("carbons", account.carbons),
        ("archive", account.archive),
        ("push", account.push),
        ("blocking", account.blocking),
        ("roster ver", account.roster_versions),
    ] {
        lines.push((name, word(has, "yes")));
    }
    lines.extend(account.error.iter().map(|error| ("error", error.clone())));
    lines
}

fn word(is_there: bool, word: &str) -> String {
    if is_there {
        word.to_owned()
    } else {
        "no".to_owned()
    }
}

fn time(time: Duration) -> String {
    format!("{:.1} ms", ms(time))
}
