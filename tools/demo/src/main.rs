//! `cargo xtask demo`: what Snapback does, shown in one run on the loopback interface.

mod demo;
mod error;
mod json;
mod killed;
mod ledger;
mod naive;
mod phone;
mod process;
mod record;
mod screen;
mod stage;
mod table;
mod waterfall;

use std::fmt;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use snapback_cli::watch;
use tokio::runtime::Builder;

/// The demo, or the client that it starts for itself.
#[derive(Parser)]
#[command(name = "demo", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(flatten)]
    demo: demo::Args,
    #[command(subcommand)]
    client: Option<Client>,
}

#[derive(Subcommand)]
enum Client {
    /// What `--kill` runs in a process of its own: the command `snapback watch`, from its library.
    #[command(hide = true)]
    Watch(watch::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error, 1),
    };
    match cli.client {
        None => match runtime.block_on(demo::run(cli.demo)) {
            Ok(code) => code,
            Err(error) => fail(&error, 1),
        },
        Some(Client::Watch(args)) => match runtime.block_on(watch::run(args)) {
            Ok(code) => code,
            Err(error) => fail(&error, error.exit_code()),
        },
    }
}

#[allow(
    clippy::print_stderr,
    reason = "a command line tool reports its failure there"
)]
fn fail(error: &dyn fmt::Display, code: u8) -> ExitCode {
    eprintln!("demo: {error}");
    ExitCode::from(code)
}
