//! The `snapback` command line: `demo` shows what Snapback does, `watch` does it with an account of yours.

mod demo;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// An XMPP client that is back at once and loses nothing.
#[derive(Parser)]
#[command(name = "snapback", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Connect, cut and reconnect on a simulated link, and show what each round trip was spent on
    Demo(demo::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let Command::Demo(args) = cli.command;
    match runtime.block_on(demo::run(args)) {
        Ok(code) => code,
        Err(error) => fail(&error),
    }
}

#[allow(clippy::print_stderr, reason = "a command line tool says there why it failed")]
fn fail(error: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("snapback: {error}");
    ExitCode::FAILURE
}
