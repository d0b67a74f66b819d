//! The world of a scenario as a process: prints its addresses on standard output, takes commands on standard input.
//!
//! For runners that are not written in Rust. The commands are those of a scenario's `world` steps; see
//! `tests/scenarios/README.md`.

use std::fs;
use std::io::{BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use serde::Serialize;
use snapback_scenarios::world::{
    Answer, Command, DOMAIN, GUEST_PASSWORD, JULIET, Kind, ROMEO, Setting, World,
};
use tokio::sync::mpsc;

/// The maximum length of a command line.
const MAX_LINE: u64 = 65_536;

#[derive(Debug, Parser)]
#[command(
    about = "The reference server behind a link, for tests; commands as JSON lines on standard input"
)]
struct Arguments {
    /// The features of the server.
    #[arg(long, value_enum, default_value_t = Kind::Sasl2)]
    kind: Kind,
    /// Round trip time of the link, in milliseconds.
    #[arg(long, default_value_t = 0)]
    rtt_ms: u64,
    /// Accounts beside juliet's and romeo's: guest1, guest2, ..
    #[arg(long, default_value_t = 0)]
    guests: u32,
    /// The file for the authority's certificate, as PEM; by default in the directory for temporary files.
    #[arg(long)]
    ca_out: Option<PathBuf>,
}

/// The first line of standard output.
#[derive(Serialize)]
struct Ready<'a> {
    ready: bool,
    host: String,
    starttls_port: u16,
    direct_port: u16,
    ca_file: String,
    domain: &'a str,
    accounts: Vec<Account>,
}

#[derive(Serialize)]
struct Account {
    jid: String,
    password: &'static str,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let own_file = arguments.ca_out.is_none();
    let ca_file = arguments.ca_out.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("snapback-test-server-{}.pem", std::process::id()))
    });
    let result = serve(&arguments, &ca_file).await;
    if own_file {
        // The file is not needed any more; one that remains is no failure.
        let _ = fs::remove_file(&ca_file);
    }
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&why),
    }
}

async fn serve(arguments: &Arguments, ca_file: &PathBuf) -> Result<(), String> {
    let world = World::open(Setting {
        kind: arguments.kind,
        rtt: Duration::from_millis(arguments.rtt_ms),
        guests: arguments.guests,
        foreign: true,
    })
    .await
    .map_err(|error| error.to_string())?;
    fs::write(ca_file, world.ca_pem())
        .map_err(|error| format!("cannot write the certificate: {error}"))?;
    say(&ready(
        &world,
        arguments.guests,
        ca_file.display().to_string(),
    ))?;
    let mut lines = standard_input();
    while let Some(line) = lines.recv().await {
        let command = match serde_json::from_str::<Command>(&line) {
            Ok(command) => command,
            Err(error) => {
                say(&Answer::failed(format!("not a command: {error}")))?;
                continue;
            }
        };
        say(&world.obey(&command).await)?;
        if command == (Command::Quit {}) {
            break;
        }
    }
    Ok(())
}

fn ready(world: &World, guests: u32, ca_file: String) -> Ready<'static> {
    let account = |user: &str, password| Account {
        jid: format!("{user}@{DOMAIN}"),
        password,
    };
    let known = [JULIET, ROMEO].map(|(user, password)| account(user, password));
    let guests = (1..=guests).map(|n| account(&format!("guest{n}"), GUEST_PASSWORD));
    Ready {
        ready: true,
        host: world.starttls_addr().ip().to_string(),
        starttls_port: world.starttls_addr().port(),
        direct_port: world.direct_addr().port(),
        ca_file,
        domain: DOMAIN,
        accounts: known.into_iter().chain(guests).collect(),
    }
}

/// Returns the lines until the end of the input: when the parent process dies, this one ends.
fn standard_input() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = String::new();
            let read = std::io::Read::take(&mut input, MAX_LINE).read_line(&mut line);
            if !matches!(read, Ok(1..)) || sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn say(answer: &impl Serialize) -> Result<(), String> {
    let line = serde_json::to_string(answer).map_err(|error| error.to_string())?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| format!("standard output: {error}"))
}

#[expect(clippy::print_stderr, reason = "a program reports to its user")]
fn fail(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}
