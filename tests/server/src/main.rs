//! The reference server as a program, for clients outside this repository.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use snapback_reference_server::{Config, ReferenceServer, Switches};

#[derive(Debug, Parser)]
#[command(about = "An XMPP server for tests; listens on 127.0.0.1")]
struct Arguments {
    /// The served domain, and the name in the certificate
    #[arg(long, default_value = "localhost")]
    domain: String,
    /// STARTTLS port.
    #[arg(long, default_value_t = 5222)]
    port: u16,
    /// Direct TLS port.
    #[arg(long, default_value_t = 5223)]
    direct_port: u16,
    /// The file for the certificate of the authority, as PEM
    #[arg(long)]
    ca_out: Option<PathBuf>,
    /// An account, as user:password; may be repeated.
    #[arg(long = "account", value_parser = account)]
    accounts: Vec<(String, String)>,
    /// The kind of server
    #[arg(long, value_enum, default_value_t = Kind::Modern)]
    kind: Kind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Everything on.
    Modern,
    /// STARTTLS, SCRAM-SHA-1, bind, session, Stream Management.
    Rfc6120,
    /// Prosody without community modules.
    Prosody,
    /// XEP-0305 without SASL2.
    Quickstart,
}

fn account(text: &str) -> Result<(String, String), String> {
    text.split_once(':')
        .map(|(user, password)| (user.to_owned(), password.to_owned()))
        .ok_or_else(|| "expected user:password".to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut switches = match arguments.kind {
        Kind::Modern => Switches::modern(),
        Kind::Rfc6120 => Switches::rfc6120_2012(),
        Kind::Prosody => Switches::stock_prosody(),
        Kind::Quickstart => Switches::quickstart_2013(),
    };
    // Current clients do not support features that they did not request.
    switches.unprompted_only_if_pipelined = true;
    let started = ReferenceServer::start(Config {
        domain: arguments.domain,
        switches,
        accounts: arguments.accounts,
        port: arguments.port,
        direct_port: arguments.direct_port,
        seed: u64::from(std::process::id()),
    });
    let server = match started.await {
        Ok(server) => server,
        Err(error) => return fail(&error.to_string()),
    };
    if let Some(path) = arguments.ca_out
        && let Err(error) = fs::write(path, server.ca_pem())
    {
        return fail(&format!("cannot write the certificate: {error}"));
    }
    say(&format!(
        "listening: STARTTLS {}, direct TLS {}",
        server.starttls_addr(),
        server.direct_addr()
    ));
    std::future::pending().await
}

#[expect(clippy::print_stdout, reason = "a program reports to its user")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "a program reports to its user")]
fn fail(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::FAILURE
}
