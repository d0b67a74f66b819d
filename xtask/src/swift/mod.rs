//! The Swift package: toolchain, generated sources, format, tests, sample, the parts for Apple's systems, the release.
//!
//! On Linux everything runs against the host's library. Where Xcode is, the XCFramework is built as well.

mod access;
mod apple;
mod collisions;
mod consumer;
mod documentation;
mod examples;
mod generated;
mod graph;
mod link;
mod mobile;
mod real_servers;
mod release;
mod symbols;
mod toolchain;
mod vocabulary;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) use release::{release, xcframework};

use crate::report::{Outcome, Report};
use crate::tool;
use real_servers::RealServers;
use toolchain::{Missing, Toolchain};

/// How often a test connects and closes, if nothing else is said.
const CYCLES: &str = "SNAPBACK_CYCLES";

/// Whether Apple's own modules are here: then the stand-ins are not built, and the library is an XCFramework.
const IS_MAC: bool = cfg!(target_os = "macos");

/// All steps, each under its own heading; one skip if there is no Swift.
pub(crate) fn add_steps(report: &mut Report) {
    let mut toolchain = None;
    let mut is_current = false;
    report.step("swift words", || Outcome::of(vocabulary::check()));
    report.step("swift graph", || Outcome::of(graph::check()));
    report.step("swift", || match Toolchain::installed() {
        Ok(found) => {
            toolchain = Some(found);
            let checked = generated::check();
            is_current = checked.is_ok();
            Outcome::of(checked)
        }
        Err(Missing::Here(why)) => skipped(format!("Swift: {why}")),
        Err(Missing::Failed(why)) => Outcome::of(Err(why)),
    });
    // Without the binding that belongs to the core, the next steps test something else.
    let Some(swift) = toolchain.filter(|_| is_current) else {
        return;
    };
    if IS_MAC {
        // Nothing of the package can be built without it.
        let mut is_there = false;
        report.step("swift xcframework", || {
            let built = xcframework();
            is_there = built.is_ok();
            Outcome::of(built)
        });
        if !is_there {
            return;
        }
    }
    report.step("swift format", || Outcome::of(check_format(&swift)));
    let mut is_built = false;
    report.step("swift build", || {
        let built = build(&swift);
        is_built = built.is_ok();
        Outcome::of(built)
    });
    // What was built before would be tested.
    if !is_built {
        return;
    }
    report.step("swift test", || test(&swift));
    report.step("swift consumer", || Outcome::of(consumer::check(&swift)));
    if !IS_MAC {
        report.step("swift collisions", || {
            Outcome::of(collisions::check(&swift))
        });
    }
    report.step("swift examples", || Outcome::of(examples::check(&swift)));
    report.step("swift documentation", || {
        Outcome::of(documentation::check(&swift))
    });
    if IS_MAC {
        report.step("swift ios", || Outcome::of(release::build_for_ios()));
    } else {
        report.step("swift apple", || Outcome::of(apple::check(&swift)));
    }
    report.step("swift release", || Outcome::of(release::check(&swift)));
}

/// Writes the committed binding anew.
pub(crate) fn generate(report: &mut Report) {
    report.step("swift binding", || Outcome::of(generated::write()));
}

/// The library for iOS without Apple's SDK: type-checked for the simulator, compiled and linked for a phone.
pub(crate) fn add_mobile(report: &mut Report) {
    report.step("ios simulator", || outcome(mobile::check_simulator()));
    report.step("ios phone", || outcome(phone()));
}

fn phone() -> Result<(), Missing> {
    let swift = Toolchain::installed()?;
    Ok(link::check(&swift, &mobile::compile()?)?)
}

fn outcome(result: Result<(), Missing>) -> Outcome {
    match result {
        Ok(()) => Outcome::default(),
        Err(Missing::Here(why)) => skipped(why),
        Err(Missing::Failed(why)) => Outcome::of(Err(why)),
    }
}

fn skipped(why: String) -> Outcome {
    Outcome {
        skips: vec![why],
        ..Outcome::default()
    }
}

/// The folder of the package's files. Its manifest stands above it, where a package manager expects it.
fn package() -> PathBuf {
    tool::workspace().join("ios")
}

/// Where the compiler puts what it knows of each module of the package.
fn modules() -> PathBuf {
    tool::workspace().join(".build/debug/Modules")
}

/// All that is written by hand.
const SOURCES: [&str; 6] = [
    "Package.swift",
    "ios/Sources",
    "ios/Tests",
    "ios/Stubs",
    "ios/Sample/Package.swift",
    "ios/Sample/Sources",
];

fn check_format(swift: &Toolchain) -> Result<(), String> {
    let mut arguments = vec!["format", "lint", "--strict", "--recursive"];
    arguments.extend(SOURCES);
    tool::run(&mut swift.command(tool::workspace(), "swift", arguments))
}

/// A warning of the compiler is an error, in generated code, too: there are none.
fn build(swift: &Toolchain) -> Result<(), String> {
    let arguments = [
        "build",
        "--build-tests",
        "-Xswiftc",
        "-warnings-as-errors",
        "--quiet",
    ];
    tool::run(&mut swift.command(tool::workspace(), "swift", arguments))
}

fn test(swift: &Toolchain) -> Outcome {
    // They end when this is dropped.
    let mut servers = RealServers::default();
    // They are packages of Debian.
    let started = if IS_MAC { Ok(()) } else { servers.start() };
    match started.and_then(|()| test_command(swift, &servers)) {
        Ok(mut command) => run_tests(&mut command),
        Err(why) => Outcome::of(Err(why)),
    }
}

fn test_command(swift: &Toolchain, servers: &RealServers) -> Result<Command, String> {
    // Line by line: otherwise the last lines before a test that does not end are missing, and another one is suspected.
    let mut command = if IS_MAC {
        swift.command(tool::workspace(), "swift", ["test"])
    } else {
        swift.command(tool::workspace(), "stdbuf", ["-oL", "swift", "test"])
    };
    command.args(["--skip-build", "--no-parallel", "--disable-xctest"]);
    command.args(["-Xswiftc", "-warnings-as-errors"]);
    command.env("SNAPBACK_TEST_SERVER", tool::test_server()?);
    command.env("SNAPBACK_REAL_SERVERS", servers.ports());
    if let Some(cycles) = std::env::var_os(CYCLES) {
        command.env(CYCLES, cycles);
    }
    Ok(command)
}

/// Shows what is tested, and counts.
fn run_tests(command: &mut Command) -> Outcome {
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return Outcome::of(Err(format!("swift test: {error}"))),
    };
    let mut outcome = Outcome::default();
    let mut running = Vec::new();
    let lines = child.stdout.take().map(BufReader::new);
    for line in lines
        .into_iter()
        .flat_map(BufRead::lines)
        .map_while(Result::ok)
    {
        if !line.contains(" started.") {
            println!("{line}");
        }
        count(&line, &mut outcome);
        note_running(&line, &mut running);
    }
    outcome.failure = match child.wait() {
        Ok(status) if !status.success() => {
            Some(format!("swift test: {status}; unfinished: {running:?}"))
        }
        Ok(_) if outcome.tests_passed == 0 => Some("swift test ran no test".to_owned()),
        Ok(_) => None,
        Err(error) => Some(format!("swift test: {error}")),
    };
    outcome
}

/// Counts the lines of Swift Testing that end a test.
fn count(line: &str, outcome: &mut Outcome) {
    let mut words = line.split(' ');
    let (sign, kind) = (words.next(), words.next());
    if kind != Some("Test") || line.contains("Test run with") {
        return;
    }
    match sign {
        Some("✔") if line.contains(" passed after ") => outcome.tests_passed += 1,
        Some("✘") if line.contains(" failed after ") => outcome.tests_failed += 1,
        Some("➜" | "◇") if line.contains(" skipped") => outcome.skips.push(line.to_owned()),
        _ => {}
    }
}

/// Notes the beginning and the end of a test by its line.
fn note_running(line: &str, running: &mut Vec<String>) {
    let Some((_, test)) = line.split_once(" Test ") else {
        return;
    };
    let Some((name, rest)) = test.split_once(' ') else {
        return;
    };
    if name == "run" {
        return; // the whole run, not a test of this name
    }
    if rest.starts_with("started") {
        running.push(name.to_owned());
    } else if rest.starts_with("passed after") || rest.starts_with("failed after") {
        running.retain(|other| other != name);
    }
}

/// Writes a file unless it holds that already: a file with a new date is compiled again.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let at = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(at)?;
    }
    std::fs::write(path, bytes).map_err(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_of_swift_that_does_not_end_is_named() {
        let mut running = Vec::new();
        for line in [
            "◇ Test run started.",
            "◇ Suite Tests started.",
            "◇ Test aTest() started.",
            "✔ Test aTest() passed after 0.045 seconds.",
            "◇ Test another() started.",
        ] {
            note_running(line, &mut running);
        }
        assert_eq!(running, ["another()"]);
    }

    #[test]
    fn the_tests_of_swift_are_counted() {
        let mut outcome = Outcome::default();
        for line in [
            "◇ Test run started.",
            "◇ Test aTest() started.",
            "✔ Test aTest() passed after 0.045 seconds.",
            "✘ Test another() recorded an issue at Tests.swift:1:2: Expectation failed",
            "✘ Test another() failed after 0.1 seconds with 1 issue.",
            "➜ Test third() skipped.",
            "✔ Suite Tests passed after 6.316 seconds.",
            "✘ Test run with 2 tests failed after 6.317 seconds with 1 issue.",
        ] {
            count(line, &mut outcome);
        }
        assert_eq!((outcome.tests_passed, outcome.tests_failed), (1, 1));
        assert_eq!(outcome.skips, ["➜ Test third() skipped."]);
    }
}
