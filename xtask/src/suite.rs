//! Which steps each command runs, in which order: what is fast and fails often comes first.

use std::env;
use std::time::Duration;

use crate::report::{Outcome, Report};
use crate::tool::{self, cargo};
use crate::{
    android, crates, deny, figures, fuzz, lengths, mutants, purity, setup, simulate, swift, words,
};

/// Everything that CI checks.
pub(crate) fn test() -> Report {
    let mut report = new_report();
    report.step("setup", || Outcome::of(setup::install_missing()));
    add_lints(&mut report);
    report.step("tests", || tool::cargo_test(&["--workspace"]));
    report.step("links", || {
        tool::cargo_test(&["--package", "snapback-netsim", "--features", "tun"])
    });
    report.step("simulation", || Outcome::of(simulate::in_ci()));
    report.step("mutants", || Outcome::of(mutants::in_ci()));
    report.step("interop", || {
        tool::cargo_test(&[
            "--package",
            "snapback-interop",
            "--features",
            "real-servers",
        ])
    });
    android::add_steps(&mut report);
    swift::add_steps(&mut report);
    report.step("fuzz", || Outcome::of(fuzz::run(fuzz::DEFAULT_TIME)));
    report
}

/// The Android library.
pub(crate) fn aar() -> Report {
    let mut report = new_report();
    report.step("aar", || Outcome::of(android::aar()));
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

/// The fuzz targets alone.
pub(crate) fn fuzz(time: Duration) -> Report {
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
