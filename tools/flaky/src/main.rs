//! Figures on networks that break: cuts, round trips on real packets, and the time until a phone is back.
//!
//! Run it with `cargo xtask flaky`. Real servers, our client, real packets; root and `/dev/net/tun`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool writes to standard output"
)]

#[cfg(target_os = "linux")]
mod arguments;
#[cfg(target_os = "linux")]
mod back_online;
#[cfg(target_os = "linux")]
mod cuts;
#[cfg(target_os = "linux")]
mod page;
#[cfg(target_os = "linux")]
mod plot;
#[cfg(target_os = "linux")]
mod reach;
#[cfg(target_os = "linux")]
mod round_trips;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
#[tokio::main]
async fn main() -> ExitCode {
    use arguments::{Arguments, Command};
    use clap::Parser as _;

    let done = match Arguments::parse().command {
        Command::Cuts(cuts) => cuts::run(cuts).await,
        Command::RoundTrips(runs) => round_trips::run(&runs).await,
        Command::BackOnline(cuts) => back_online::run(&cuts).await,
        Command::Reach(reach) => reach::run(&reach).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(&why),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    fail("links of real packets need Linux")
}

fn fail(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}
