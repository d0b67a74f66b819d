//! The simulation, in a build that is fast to run and not slow to make.

use std::process::Command;

use crate::tool::{self, cargo};

/// What CI runs: seeds in each profile, and every planted mistake.
const IN_CI: [&[&str]; 4] = [
    &["--seeds", "20000", "--strict", "--full-coverage"],
    &["--profile", "sqlite", "--seeds", "500"],
    &["--profile", "tls", "--seeds", "2000", "--full-coverage"],
    &["--mutations", "--seeds", "2000"],
];

/// `simulate` with these arguments.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Command {
    let mut cargo = cargo(&[
        "run",
        "--quiet",
        "--profile",
        "simulation",
        "--package",
        "snapback-simulation",
        // Nothing is planted unless it is asked for, and one build does for both.
        "--features",
        "mutations",
        "--",
    ]);
    cargo.args(arguments);
    // mimalloc gives memory back to the system now and then, only to ask for it again: of no use to a process that needs
    // it until its end, and a stop for all its threads.
    cargo.env("MIMALLOC_PURGE_DELAY", "-1");
    cargo
}

/// All that CI checks, or the first that fails.
pub(crate) fn in_ci() -> Result<(), String> {
    IN_CI
        .iter()
        .try_for_each(|arguments| tool::run(&mut command(arguments)))
}
