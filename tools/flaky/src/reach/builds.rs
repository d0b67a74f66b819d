//! The phone program of this version, and that of an older one, built from the history.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::text;

/// What the program is called in the older tree, as an example of the client.
const EXAMPLE: &str = "flaky_phone";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The program that was built with this command.
pub(super) fn this_version() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(text)?;
    let phone = own.with_file_name("flaky-phone");
    if phone.is_file() {
        return Ok(phone);
    }
    run(Command::new(env!("CARGO"))
        .args([
            "build",
            "--package",
            "snapback-flaky",
            "--bin",
            "flaky-phone",
        ])
        .args(["--features", "real-servers"])
        .current_dir(workspace()))?;
    Ok(phone)
}

/// Checks a revision out below `target`, adds the program to it, and builds it.
pub(super) fn of_revision(revision: &str) -> Result<PathBuf, String> {
    let tree = workspace().join("target/flaky-before");
    if !tree.join("Cargo.toml").is_file() {
        let path = tree.display().to_string();
        run(Command::new("git")
            .args(["clone", "--quiet", "--no-checkout", ".", &path])
            .current_dir(workspace()))?;
    }
    run(Command::new("git")
        .args(["checkout", "--quiet", "--force", "--detach", revision])
        .current_dir(&tree))?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/phone.rs");
    let example = tree
        .join("rust-core/client/examples")
        .join(format!("{EXAMPLE}.rs"));
    std::fs::copy(source, example).map_err(text)?;
    println!("building {revision}, which takes some minutes");
    run(Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--package",
            "snapback-client",
            "--example",
            EXAMPLE,
        ])
        .env_remove("CARGO_TARGET_DIR")
        .current_dir(&tree))?;
    Ok(tree.join("target/debug/examples").join(EXAMPLE))
}

fn run(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(text)?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed"))
}
