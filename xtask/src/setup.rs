//! What a bare Debian machine lacks: the C and C++ compilers (for ring, SQLite and libFuzzer), what Kotlin is built with, and
//! `ip` (for the links of real packets).

use std::env;
use std::path::PathBuf;
use std::process::Command;

use crate::tool;

/// Commands that must be there, and the Debian package of each.
const NEEDED: [(&str, &str); 4] = [
    ("cc", "gcc"),
    ("c++", "g++"),
    ("mvn", "maven"),
    ("jar", "openjdk-17-jdk-headless"),
];

/// The same, on Linux only.
const NEEDED_ON_LINUX: [(&str, &str); 1] = [("ip", "iproute2")];

/// Where commands for the administrator are, which the path of others may leave out.
const ADMINISTRATION: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Installs what is missing; does nothing where nothing is.
pub(crate) fn install_missing() -> Result<(), String> {
    let missing: Vec<&str> = NEEDED
        .into_iter()
        .chain(
            NEEDED_ON_LINUX
                .into_iter()
                .filter(|_| cfg!(target_os = "linux")),
        )
        .filter(|(command, _)| !is_on_path(command))
        .map(|(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)
}

/// Installs the packages unless the command is there.
pub(crate) fn install_for(command: &str, packages: &[&str]) -> Result<(), String> {
    if is_on_path(command) {
        return Ok(());
    }
    install(packages)
}

fn install(packages: &[&str]) -> Result<(), String> {
    if !is_on_path("apt-get") {
        return Err(format!("please install {}", packages.join(", ")));
    }
    tool::run(Command::new("apt-get").arg("update"))?;
    tool::run(
        Command::new("apt-get")
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages),
    )
}

fn is_on_path(command: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(ADMINISTRATION.map(PathBuf::from))
        .any(|folder| folder.join(command).is_file())
}
