//! Which steps each command runs, in which order: what is fast and fails often comes first.

use std::env;
use std::time::Duration;

use crate::report::{Outcome, Report};
use crate::tool::{self, cargo};
use crate::{
    android, calls, coverage, crates, deny, figures, fuzz, lengths, mutants, purity, setup,
    simulate, swift, words,
};

/// A part of what CI checks, under the name by which it can be run alone.
type Group = (&'static str, fn(&mut Report));

/// Everything that CI checks, in this order. `.github/workflows/ci.yml` has a job for each but the first, which each job
/// begins with.
const GROUPS: [Group; 11] = [
    ("setup", |report| {
        report.step("setup", || Outcome::of(setup::install_missing()));
    }),
    ("lint", add_lints),
    ("tests", |report| {
        report.step("tests", || tool::cargo_test(&["--workspace"]));
    }),
    ("links", |report| {
        report.step("links", || {
            tool::cargo_test(&["--package", "snapback-netsim", "--features", "tun"])
        });
    }),
    ("simulation", |report| {
        report.step("simulation", || Outcome::of(simulate::in_ci()));
    }),
    ("mutants", |report| {
        report.step("mutants", || Outcome::of(mutants::in_ci()));
    }),
    ("coverage", |report| {
        report.step("coverage", || Outcome::of(coverage::check()));
    }),
    ("interop", |report| {
        report.step("interop", || {
            tool::cargo_test(&[
                "--package",
                "snapback-interop",
                "--features",
                "real-servers",
            ])
        });
    }),
    ("kotlin", android::add_steps),
    ("swift", swift::add_steps),
    ("fuzz", |report| {
        report.step("fuzz", || Outcome::of(fuzz::run(None)));
    }),
];

/// The groups of these names, or all; `None` if there is none of a name.
pub(crate) fn test(names: &[String]) -> Option<Report> {
    let is_group = |name: &String| GROUPS.iter().any(|(group, _)| group == name);
    if !names.iter().all(is_group) {
        return None;
    }
    let mut report = new_report();
    for (group, add) in GROUPS {
        if names.is_empty() || names.iter().any(|name| name == group) {
            add(&mut report);
        }
    }
    Some(report)
}

/// The Android library.
pub(crate) fn aar() -> Report {
    let mut report = new_report();
    report.step("aar", || Outcome::of(android::aar()));
    report
}

/// The library for desktops and servers.
pub(crate) fn jvm() -> Report {
    only("jvm", android::jvm)
}

/// A release of the Kotlin artefacts.
pub(crate) fn release_android(version: &str) -> Report {
    let mut report = new_report();
    report.step("release", || Outcome::of(android::release(version)));
    report
}

/// What concerns Kotlin.
pub(crate) fn kotlin() -> Report {
    let mut report = new_report();
    report.step("setup", || Outcome::of(setup::install_missing()));
    android::add_steps(&mut report);
    report
}

/// The library for Android's targets, without the NDK.
pub(crate) fn android_targets() -> Report {
    let mut report = new_report();
    android::add_targets(&mut report);
    report
}

/// The size of the library for phones.
pub(crate) fn size(milestone: Option<&str>) -> Report {
    let mut report = new_report();
    report.step("size", || Outcome::of(android::write_size(milestone)));
    report
}

/// What needs no test to run.
pub(crate) fn lint() -> Report {
    let mut report = new_report();
    add_lints(&mut report);
    report
}

/// One step alone.
fn only(step: &'static str, check: fn() -> Result<(), String>) -> Report {
    let mut report = new_report();
    report.step(step, || Outcome::of(check()));
    report
}

/// The purity check alone.
pub(crate) fn purity() -> Report {
    only("purity", purity::check)
}

/// The lines that the same calls take with other libraries.
pub(crate) fn calls() -> Report {
    only("calls", calls::check)
}

/// The layers of the crates, and their drawing.
pub(crate) fn crates() -> Report {
    only("crates", crates::check)
}

/// `docs/simulation.md`, made anew.
pub(crate) fn simulation_page() -> Report {
    only("page", simulate::write_page)
}

/// The figures in prose, and their sources.
pub(crate) fn figures() -> Report {
    only("figures", figures::check)
}

/// The words of names, documents and comments.
pub(crate) fn words() -> Report {
    only("words", words::check)
}

/// The mistakes that the simulation has to find.
pub(crate) fn mutants(arguments: &[String]) -> Report {
    let mut report = new_report();
    report.step("mutants", || Outcome::of(mutants::command(arguments)));
    report
}

/// `docs/coverage.md`, made anew.
pub(crate) fn coverage() -> Report {
    only("coverage", coverage::write_page)
}

/// The fuzz targets alone.
pub(crate) fn fuzz(time: Option<Duration>) -> Report {
    let mut report = new_report();
    report.step("fuzz", || Outcome::of(fuzz::run(time)));
    report
}

/// The Swift package alone.
pub(crate) fn swift() -> Report {
    let mut report = new_report();
    swift::add_steps(&mut report);
    report
}

/// The committed binding, written anew.
pub(crate) fn generate_swift() -> Report {
    let mut report = new_report();
    swift::generate(&mut report);
    report
}

/// The library for Apple's systems.
pub(crate) fn xcframework() -> Report {
    only("xcframework", swift::xcframework)
}

/// The manifest of a release of the Swift package.
pub(crate) fn release_swift(version: &str) -> Report {
    let mut report = new_report();
    report.step("manifest", || Outcome::of(swift::release(version)));
    report
}

/// The core, compiled for iOS.
pub(crate) fn ios_targets() -> Report {
    let mut report = new_report();
    swift::add_mobile(&mut report);
    report
}

/// The page of round trips, measured anew.
pub(crate) fn flights() -> Report {
    let mut report = new_report();
    report.step("flights", || {
        let arguments = [
            "run",
            "--quiet",
            "--package",
            "snapback-flights",
            "--features",
            "real-servers",
        ];
        Outcome::of(tool::run(&mut cargo(&arguments)))
    });
    report
}

/// Everything that the other commands would install when they need it.
pub(crate) fn setup() -> Report {
    let mut report = new_report();
    report.step("setup", || Outcome::of(setup::install_missing()));
    report.step("cargo-deny", || Outcome::of(deny::installed().map(drop)));
    report
}

fn add_lints(report: &mut Report) {
    report.step("format", || Outcome::of(check_format()));
    report.step("words", || Outcome::of(words::check()));
    report.step("figures", || Outcome::of(figures::check()));
    report.step("lengths", || Outcome::of(lengths::check()));
    report.step("purity", || Outcome::of(purity::check()));
    report.step("crates", || Outcome::of(crates::check()));
    report.step("calls", || Outcome::of(calls::check()));
    report.step("patches", || Outcome::of(mutants::check()));
    report.step("dependencies", || Outcome::of(deny::check()));
    report.step("clippy", || {
        let arguments = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-D",
            "warnings",
        ];
        Outcome::of(tool::run(&mut cargo(&arguments)))
    });
    report.step("rustdoc", || {
        let mut cargo = cargo(&["doc", "--workspace", "--no-deps", "--all-features"]);
        Outcome::of(tool::run(cargo.env("RUSTDOCFLAGS", "-D warnings")))
    });
}

/// The fuzz targets are a workspace of their own.
fn check_format() -> Result<(), String> {
    tool::run(&mut cargo(&["fmt", "--all", "--check"]))?;
    tool::run(&mut cargo(&[
        "fmt",
        "--manifest-path",
        "tests/fuzz/Cargo.toml",
        "--check",
    ]))
}

fn new_report() -> Report {
    Report::new(env::var_os("CI").is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workflow_has_a_job_for_each_group() {
        let path = tool::workspace().join(".github/workflows/ci.yml");
        let workflow = std::fs::read_to_string(path).unwrap();
        let jobs: Vec<&str> = workflow
            .lines()
            .filter_map(|line| line.trim().strip_prefix("- ")?.split(' ').next())
            .filter(|word| GROUPS.iter().any(|(group, _)| group == word))
            .collect();
        let groups: Vec<&str> = GROUPS.iter().skip(1).map(|(group, _)| *group).collect();
        assert_eq!(jobs, groups);
    }

    #[test]
    fn a_group_of_no_such_name_is_refused() {
        assert!(test(&["lint".to_owned(), "lints".to_owned()]).is_none());
    }
}
