//! Puts any program behind a link of real packets: `cargo xtask netsim --profile lte-good -- program arguments`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks on its standard output"
)]

#[cfg(target_os = "linux")]
mod arguments;
#[cfg(target_os = "linux")]
mod forward;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod summary;

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    use clap::Parser as _;
    use snapback_netsim::packets::Profile;

    let arguments = arguments::Arguments::parse();
    if arguments.list {
        return match Profile::all() {
            Ok(all) => {
                print!("{}", summary::list(&all));
                ExitCode::SUCCESS
            }
            Err(error) => fail(&error.to_string()),
        };
    }
    match run::run(&arguments) {
        Ok(code) => code,
        Err(error) => fail(&error.to_string()),
    }
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    fail("links of real packets need Linux")
}

fn fail(why: &str) -> ExitCode {
    eprintln!("netsim: {why}");
    ExitCode::FAILURE
}
