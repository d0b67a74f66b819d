//! The simulation, in a build that is fast to run and not slow to make.

use std::process::Command;

use crate::tool::{self, cargo};

/// What CI runs: seeds in each profile.
const IN_CI: [&[&str]; 3] = [
    &["--seeds", "20000", "--strict", "--full-coverage"],
    &["--profile", "sqlite", "--seeds", "500"],
    &["--profile", "tls", "--seeds", "2000", "--full-coverage"],
];

/// `simulate` with these arguments.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Command {
    let mut cargo = in_build("run");
    cargo.arg("--").args(arguments);
    set_environment(&mut cargo);
    cargo
}

/// The build alone.
pub(crate) fn build() -> Command {
    in_build("build")
}

fn in_build(what: &str) -> Command {
    let profile = ["--quiet", "--profile", "simulation"];
    let mut cargo = cargo(&[what, "--package", "snapback-simulation"]);
    cargo.args(profile);
    cargo
}

/// For a process that is the simulation.
pub(crate) fn set_environment(command: &mut Command) {
    // mimalloc gives memory back to the system now and then, only to ask for it again: of no use to a process that needs
    // it until its end, and a stop for all its threads.
    command.env("MIMALLOC_PURGE_DELAY", "-1");
}

/// All that CI checks, or the first that fails.
pub(crate) fn in_ci() -> Result<(), String> {
    IN_CI
        .iter()
        .try_for_each(|arguments| tool::run(&mut command(arguments)))
}
