//! The program of the corpus: runs cases against Snapback, or serves one to any client.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use snapback_reference_server::{ConnectionRecord, Outcome, ReferenceServer};
use snapback_wild::case::{self, Case, UserStep};
use snapback_wild::score::{self, Result as Score, Scored};
use snapback_wild::server::{self, DOMAIN, JULIET};

/// How often a served case looks for something new.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug, Parser)]
#[command(about = "How servers and contacts misbehave: a torture suite for XMPP clients")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run cases against Snapback and print the score
    Run {
        /// Run only cases whose name contains one of these
        names: Vec<String>,
        /// Print the client's events of cases that fail
        #[arg(long)]
        events: bool,
    },
    /// List all cases
    List,
    /// Serve a case to any client, on 127.0.0.1
    Serve(Serve),
}

#[derive(Debug, clap::Args)]
struct Serve {
    /// The name of the case
    case: String,
    /// STARTTLS port
    #[arg(long, default_value_t = 5222)]
    port: u16,
    /// Direct TLS port
    #[arg(long, default_value_t = 5223)]
    direct_port: u16,
    /// The file for the certificate of the authority, as PEM
    #[arg(long, default_value = "ca.pem")]
    ca_out: PathBuf,
    /// Print the result and end after this many seconds
    #[arg(long)]
    seconds: Option<u64>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let cases = match case::all() {
        Ok(cases) => cases,
        Err(error) => return fail(&error),
    };
    match arguments.command {
        None => run(cases, &[], false).await,
        Some(Command::Run { names, events }) => run(cases, &names, events).await,
        Some(Command::List) => {
            for case in cases {
                say(&format!("{:?}\t{}\t{}", case.kind, case.name, case.story));
            }
            ExitCode::SUCCESS
        }
        Some(Command::Serve(arguments)) => {
            let case = cases.into_iter().find(|case| case.name == arguments.case);
            match case {
                Some(case) => serve(&case, &arguments).await,
                None => fail(&format!("there is no case {}", arguments.case)),
            }
        }
    }
}

async fn run(cases: Vec<Case>, names: &[String], prints_events: bool) -> ExitCode {
    let is_named = |case: &Case| names.iter().any(|name| case.name.contains(name));
    let cases: Vec<_> = cases
        .into_iter()
        .filter(|case| names.is_empty() || is_named(case))
        .collect();
    let scored = score::run_all(cases).await;
    for one in &scored {
        print(one, prints_events);
    }
    say(&format!("\n{}", score::table(&scored)));
    let mut results = scored.iter().map(score::result);
    let is_bad = results.any(|result| matches!(result, Score::Fails | Score::PassesUnexpectedly));
    if is_bad {
        return ExitCode::FAILURE;
    }
    if std::env::var_os("REGENERATE").is_some()
        && names.is_empty()
        && let Err(error) = regenerate(&scored)
    {
        return fail(&error);
    }
    ExitCode::SUCCESS
}

fn print(one: &Scored, prints_events: bool) {
    let (case, verdict) = one;
    let result = match score::result(one) {
        Score::Passed => "passed",
        Score::FailsAsExpected => "fails (known)",
        Score::Fails => "FAILS",
        Score::PassesUnexpectedly => "PASSES, although its file expects a failure",
    };
    let growth = verdict.growth.map(|bytes| format!(", {} MB", bytes >> 20));
    say(&format!(
        "{:?} {}: {result} ({} ms, {} connections{})",
        case.kind,
        case.name,
        verdict.took.as_millis(),
        verdict.connections,
        growth.unwrap_or_default(),
    ));
    for fault in &verdict.faults {
        say(&format!("    {fault}"));
    }
    if prints_events && !verdict.is_passed() {
        say(&verdict.log);
    }
}

fn regenerate(scored: &[Scored]) -> Result<(), String> {
    let path = score::page();
    let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let text = score::reprinted(&text, &score::table(scored)).ok_or("no place for the score")?;
    std::fs::write(&path, text).map_err(|error| error.to_string())
}

async fn serve(case: &Case, arguments: &Serve) -> ExitCode {
    let server = match server::start(case, arguments.port, arguments.direct_port).await {
        Ok(server) => server,
        Err(error) => return fail(&error),
    };
    if let Err(error) = std::fs::write(&arguments.ca_out, server.ca_pem()) {
        return fail(&error);
    }
    introduce(case, arguments, &server);
    let deadline = arguments.seconds.map(Duration::from_secs);
    let served = follow(&server);
    match deadline {
        Some(time) => drop(tokio::time::timeout(time, served).await),
        None => served.await,
    }
    conclude(case, &server)
}

fn introduce(case: &Case, arguments: &Serve, server: &ReferenceServer) {
    say(&format!("{}: {}", case.name, case.story));
    say(&format!("right after: {}", case.section));
    say(&format!(
        "log in as {}@{DOMAIN}, password {}, at {} (STARTTLS) or {} (direct TLS); trust {}",
        JULIET.0,
        JULIET.1,
        server.starttls_addr(),
        server.direct_addr(),
        arguments.ca_out.display(),
    ));
    for step in &case.user {
        let text = match step {
            UserStep::Online => "wait until the client is online".to_owned(),
            UserStep::Send(count) => format!("send {count} messages to romeo@{DOMAIN}"),
            UserStep::NetworkChange => "change the network".to_owned(),
            UserStep::Background => "leave the app".to_owned(),
            UserStep::Foreground => "return to the app".to_owned(),
            UserStep::Disconnect => "disconnect".to_owned(),
            UserStep::Connect => "connect".to_owned(),
            UserStep::PauseMs(ms) => format!("wait {ms} ms"),
        };
        say(&format!("user: {text}"));
    }
    for line in expectations(case) {
        say(&format!("must hold: {line}"));
    }
}

/// What must hold, in words.
fn expectations(case: &Case) -> Vec<String> {
    let holds = &case.holds;
    let mut lines = Vec::new();
    if case.ends_usable() {
        lines.push(format!(
            "{} sessions, and the last one works in both directions",
            holds.sessions
        ));
    } else {
        lines.push("the client stays offline and says why".to_owned());
    }
    let max = holds.max_connections;
    lines.extend(max.map(|max| format!("at most {max} connections")));
    lines.extend(
        holds
            .messages
            .iter()
            .map(|body| format!("shows {body:?}, once for each of these lines")),
    );
    lines.extend(
        holds
            .never
            .iter()
            .map(|body| format!("never shows {body:?}")),
    );
    let sends = holds.sends.iter();
    lines.extend(sends.map(|(pattern, least)| format!("sends {pattern}, {least} times at least")));
    let never = holds.never_sends.iter();
    lines.extend(never.map(|pattern| format!("never sends {pattern}")));
    if holds.acknowledged > 0 {
        lines.push(format!(
            "{} messages of the user arrive",
            holds.acknowledged
        ));
    }
    lines
}

/// Prints each connection when its login has ended, and when it has closed.
async fn follow(server: &ReferenceServer) {
    let mut printed = BTreeSet::new();
    loop {
        for record in server.connections() {
            for line in lines(&record) {
                if printed.insert((record.id, line.clone())) {
                    say(&format!("connection {}: {line}", record.id));
                }
            }
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

fn lines(record: &ConnectionRecord) -> Vec<String> {
    let mut lines = vec!["opened".to_owned()];
    lines.extend(record.outcome.as_ref().map(|outcome| match outcome {
        Outcome::Bound(jid) => format!("a new session of {jid}"),
        Outcome::Resumed(jid) => format!("a resumed session of {jid}"),
    }));
    let error = record.client_error.as_ref();
    lines.extend(error.map(|error| format!("the client sent the stream error {error}")));
    let error = record.stream_error.as_ref();
    lines.extend(error.map(|error| format!("the server sent the stream error {error}")));
    if record.closed {
        lines.push("closed".to_owned());
    }
    lines
}

/// Prints what the server can tell of a case; the rest is on the client's screen.
fn conclude(case: &Case, server: &ReferenceServer) -> ExitCode {
    let connections = server.connections();
    let sessions = connections.iter().filter(|record| record.outcome.is_some());
    let sessions = sessions.count();
    let holds = &case.holds;
    let counts: Vec<usize> = server.world(|world| world.watched().collect());
    let mut faults = Vec::new();
    if case.ends_usable() && sessions < holds.sessions {
        faults.push(format!("{sessions} of {} sessions", holds.sessions));
    }
    if holds
        .max_connections
        .is_some_and(|max| connections.len() > max)
    {
        faults.push(format!("{} connections", connections.len()));
    }
    for ((pattern, least), count) in holds.sends.iter().zip(&counts) {
        if count < least {
            faults.push(format!("{count} of {least} elements {pattern}"));
        }
    }
    let never = counts.iter().skip(holds.sends.len());
    for (pattern, count) in holds.never_sends.iter().zip(never) {
        if *count > 0 {
            faults.push(format!("{count} elements {pattern}"));
        }
    }
    faults.extend(server::unreached(server));
    if case.ends_usable() && connections.last().is_none_or(|record| record.closed) {
        faults.push("the client is not connected at the end".to_owned());
    }
    say(&format!(
        "{} connections, {sessions} sessions, {} messages from the client",
        connections.len(),
        server.messages_from(JULIET.0).len(),
    ));
    if faults.is_empty() {
        say("nothing wrong as far as the server can tell");
        return ExitCode::SUCCESS;
    }
    faults
        .iter()
        .for_each(|fault| say(&format!("wrong: {fault}")));
    ExitCode::FAILURE
}

#[expect(clippy::print_stdout, reason = "a program reports to its user")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "a program reports to its user")]
fn fail(error: &dyn fmt::Display) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}
