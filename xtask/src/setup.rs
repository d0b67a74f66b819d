//! What a bare Debian machine lacks: the C and C++ compilers (for ring, SQLite and libFuzzer).

use std::env;
use std::process::Command;

use crate::tool;

/// Commands that must be there, and the Debian package of each.
const NEEDED: [(&str, &str); 2] = [("cc", "gcc"), ("c++", "g++")];

/// Installs what is missing; does nothing where nothing is.
pub(crate) fn install_missing() -> Result<(), String> {
    let missing: Vec<&str> = NEEDED
        .into_iter()
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
    env::split_paths(&path).any(|folder| folder.join(command).is_file())
}
