//! The `snapback` command line: `watch` keeps an account online, `store` shows what is stored for it, `probe` tells what a
//! server lets a client save, `trace` draws what `watch` has printed.

mod store;

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use snapback_cli::{probe, trace, watch};
use tokio::runtime::{Builder, Runtime};

/// An XMPP client that is back at once and loses nothing.
#[derive(Parser)]
#[command(name = "snapback", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Watch(watch::Args),
    Probe(Box<probe::Args>),
    Trace(trace::Args),
    Store(store::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, 1),
    };
    match cli.command {
        Command::Watch(args) => match runtime.block_on(watch::run(args)) {
            Ok(code) => code,
            Err(error) => fail(&error, error.exit_code()),
        },
        Command::Probe(args) => {
            let result = runtime.block_on(probe::run(*args));
            // The system may still be checking a certificate, which has no deadline.
            runtime.shutdown_background();
            result.unwrap_or_else(|error| fail(&error, error.exit_code()))
        }
        Command::Trace(args) => match trace::run(&args) {
            Ok(code) => code,
            Err(error) => fail(&error, 2),
        },
        Command::Store(args) => match store::run(args) {
            Ok(code) => code,
            Err(error) => fail(&error, 2),
        },
    }
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
}

#[allow(
    clippy::print_stderr,
    reason = "a command line tool reports its failure there"
)]
fn fail(error: &dyn fmt::Display, code: u8) -> ExitCode {
    eprintln!("snapback: {error}");
    ExitCode::from(code)
}
