//! The Swift package: toolchain, generated sources, format, tests, sample, the parts for Apple's systems, the release.
//!
//! On Linux everything runs against the host's library. Where Xcode is, the XCFramework is built as well.

mod apple;
mod documentation;
mod examples;
mod generated;
mod graph;
mod link;
mod mobile;
mod release;
mod toolchain;
mod vocabulary;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::report::{Outcome, Report};
use crate::tool::{self, cargo};
use toolchain::{Missing, Toolchain};

/// How often a test connects and closes, if nothing else is said.
const CYCLES: &str = "SNAPBACK_CYCLES";

/// All steps, each under its own heading; one skip if there is no Swift.
pub(crate) fn add_steps(report: &mut Report) {
    let mut toolchain = None;
    report.step("swift words", || Outcome::of(vocabulary::check()));
    report.step("swift graph", || Outcome::of(graph::check()));
    report.step("swift", || match Toolchain::installed() {
        Ok(found) => {
            toolchain = Some(found);
            Outcome::of(generated::write())
        }
        Err(Missing::Here(why)) => skipped(format!("Swift: {why}")),
        Err(Missing::Failed(why)) => Outcome::of(Err(why)),
    });
    let Some(swift) = toolchain else { return };
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
    report.step("swift sample", || Outcome::of(sample(&swift)));
    report.step("swift examples", || Outcome::of(examples::check(&swift)));
    report.step("swift documentation", || {
        Outcome::of(documentation::check(&swift))
    });
    report.step("swift apple", || Outcome::of(apple::check(&swift)));
    report.step("swift release", || Outcome::of(release::check(&swift)));
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

/// The package's folder.
fn package() -> PathBuf {
    tool::workspace().join("ios")
}

/// All that is written by hand.
const SOURCES: [&str; 6] = [
    "Package.swift",
    "Sources",
    "Tests",
    "Stubs",
    "Sample/Package.swift",
    "Sample/Sources",
];

fn check_format(swift: &Toolchain) -> Result<(), String> {
    let mut arguments = vec!["format", "lint", "--strict", "--recursive"];
    arguments.extend(SOURCES);
    tool::run(&mut swift.command(&package(), "swift", arguments))
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
    tool::run(&mut swift.command(&package(), "swift", arguments))
}

fn test(swift: &Toolchain) -> Outcome {
    let server = match test_server() {
        Ok(server) => server,
        Err(why) => return Outcome::of(Err(why)),
    };
    let arguments = [
        "test",
        "--skip-build",
        "--no-parallel",
        "--disable-xctest",
        "-Xswiftc",
        "-warnings-as-errors",
    ];
    let mut command = swift.command(&package(), "swift", arguments);
    command.env("SNAPBACK_TEST_SERVER", server);
    if let Some(cycles) = std::env::var_os(CYCLES) {
        command.env(CYCLES, cycles);
    }
    run_tests(&mut command)
}

/// The sample logs in, is cut, and resumes.
fn sample(swift: &Toolchain) -> Result<(), String> {
    let server = test_server()?;
    let folder = package().join("Sample");
    tool::run(&mut swift.command(&folder, "swift", ["build", "--quiet"]))?;
    let mut command = swift.command(&folder, "swift", ["run", "--skip-build", "snapback-sample"]);
    let shown = tool::output(command.arg("--server").arg(server))?;
    print!("{shown}");
    let wanted = ["bound after 5 round trips", "resumed after 3 round trips"];
    match wanted.iter().find(|line| !shown.contains(**line)) {
        None => Ok(()),
        Some(line) => Err(format!("the sample did not say: {line}")),
    }
}

/// The reference server as a process, built.
fn test_server() -> Result<PathBuf, String> {
    let arguments = [
        "build",
        "--quiet",
        "--package",
        "snapback-scenarios",
        "--bin",
        "snapback-test-server",
    ];
    tool::run(&mut cargo(&arguments))?;
    Ok(tool::target_folder().join("debug/snapback-test-server"))
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
