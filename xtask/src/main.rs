//! The one way to do each chore, locally and in CI.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool writes to standard output"
)]

mod android;
mod api_page;
mod calls;
mod coverage;
mod crates;
mod deny;
mod figures;
mod files;
mod fuzz;
mod lengths;
mod mutants;
mod purity;
mod report;
mod setup;
mod shipped;
mod simulate;
mod stub;
mod suite;
mod swift;
mod tool;
mod words;

use std::process::{Command, ExitCode};
use std::time::Duration;

use report::Report;

const USAGE: &str = "\
usage: cargo xtask <command>

  demo [arguments]      run the demonstration (`demo --help` names the arguments)
  test [group ...]      everything that CI checks, or these parts of it: setup, lint, tests, links, simulation, mutants,
                        coverage, interop, kotlin, swift, fuzz
  lint                  formatting, words, figures, purity, crates, calls, patches, dependencies, clippy, rustdoc
  purity                the sans-IO crates do no I/O
  crates                no product crate depends on a test; docs/architecture.md draws the crates (REGENERATE=1)
  calls                 docs/api/calls.md counts the lines of its sources (REGENERATE=1)
  figures               numbers in prose, and where each comes from (xtask/figures.txt)
  words                 words that the glossary replaces: refuses some, counts the others (xtask/words.txt)
  coverage              which regions of the core its tests and the simulation reach, into docs/coverage.md
  fuzz [--seconds N]    each fuzz target for N seconds
  netsim [arguments]    run any program behind a link of real packets (Linux, root); --help says more
  flaky [arguments]     cut real servers' clients off again and again; figures for docs/networks.md
  simulate [arguments]  seeds in a simulated world; `simulate --help` names the arguments
  mutants [arguments]   the simulation finds each mistake of tests/simulation/mutants (--refresh after changes)
  wild [arguments]      odd servers and hostile contacts against Snapback, or any client; --help says more
  flights               measure the round trips on real servers, into docs/protocol/flights.md
  swift [--generate]    build and test the Swift package, with a toolchain that is installed on first use; or write
                        ios/Generated, which has to be done after each change of the bindings
  xcframework           the library for Apple's systems, on a Mac with Xcode, into ios/Snapback.xcframework
  release-swift VERSION name the archive of that XCFramework in Package.swift, as a release does
  ios-targets           compile the core for iOS, without Apple's SDK
  aar                   the Android library, into target/android/repository
  jvm                   the library for desktops and servers, into the same folder
  kotlin                the tests of the Kotlin side, the library, and an app that uses it
  size [MILESTONE]      measure the library for phones and its parts, without the NDK, into docs/size.md
  release-android VERSION
                        the Kotlin artefacts with libraries for all devices and machines, signed, as one archive
  android-targets       type-check the library for Android, and measure its size, without the NDK
  bench store           measure what the store costs against its budgets, in release
  setup                 install what a bare Debian machine lacks
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if coverage::is_compiler() {
        return coverage::compile(&arguments);
    }
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", [].as_slice()),
    };
    match (command, rest) {
        ("demo", arguments) => run(&["snapback-demo", "--"], arguments),
        ("netsim", arguments) => run(
            &["snapback-netsim-tool", "--features", "tun", "--"],
            arguments,
        ),
        ("flaky", arguments) => run(
            &["snapback-flaky", "--features", "real-servers", "--"],
            arguments,
        ),
        ("simulate", [option]) if option == "--page" => finish(suite::simulation_page()),
        ("wild", arguments) => run(&["snapback-wild", "--"], arguments),
        ("simulate", arguments) => passed_on(simulate::command(arguments)),
        ("mutants", arguments) => finish(suite::mutants(arguments)),
        ("test", groups) => suite::test(groups).map_or_else(usage, finish),
        ("lint", []) => finish(suite::lint()),
        ("purity", []) => finish(suite::purity()),
        ("setup", []) => finish(suite::setup()),
        ("swift", []) => finish(suite::swift()),
        ("swift", [option]) if option == "--generate" => finish(suite::generate_swift()),
        ("xcframework", []) => finish(suite::xcframework()),
        ("release-swift", [version]) => finish(suite::release_swift(version)),
        ("ios-targets", []) => finish(suite::ios_targets()),
        ("aar", []) => finish(suite::aar()),
        ("release-android", [version]) => finish(suite::release_android(version)),
        ("jvm", []) => finish(suite::jvm()),
        ("kotlin", []) => finish(suite::kotlin()),
        ("android-targets", []) => finish(suite::android_targets()),
        ("size", []) => finish(suite::size(None)),
        ("size", [milestone]) => finish(suite::size(Some(milestone))),
        ("flights", []) => finish(suite::flights()),
        ("bench", [what]) if what == "store" => passed_on(tool::cargo(&[
            "bench",
            "--package",
            "snapback-store",
            "--features",
            "testing",
            "--bench",
            "budgets",
        ])),
        ("figures", []) => finish(suite::figures()),
        ("words", []) => finish(suite::words()),
        ("crates", []) => finish(suite::crates()),
        ("calls", []) => finish(suite::calls()),
        ("coverage", []) => finish(suite::coverage()),
        ("fuzz", []) => finish(suite::fuzz(None)),
        ("fuzz", [option, seconds]) if option == "--seconds" => match seconds.parse() {
            Ok(seconds) => finish(suite::fuzz(Some(Duration::from_secs(seconds)))),
            Err(_) => usage(),
        },
        ("help" | "--help" | "-h", []) => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        _ => usage(),
    }
}

/// Runs a program of the workspace with these arguments; it answers with its own exit code.
fn run(package: &[&str], arguments: &[String]) -> ExitCode {
    // Not quietly: a first build takes minutes, and shows its progress.
    let mut cargo = tool::cargo(&["run", "--package"]);
    cargo.args(package).args(arguments);
    passed_on(cargo)
}

/// The exit code is the command's.
fn passed_on(mut command: Command) -> ExitCode {
    match command.status() {
        Ok(status) => status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("cargo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn finish(report: Report) -> ExitCode {
    print!("{report}");
    if report.passed() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn usage() -> ExitCode {
    eprint!("{USAGE}");
    ExitCode::from(2)
}
