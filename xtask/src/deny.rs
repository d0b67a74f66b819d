//! What may enter the dependency tree: `deny.toml`, checked with cargo-deny.

use std::path::PathBuf;
use std::process::Command;

use crate::tool::{self, cargo};

const VERSION: &str = "0.20.2";

/// Checks bans, licences and sources.
pub(crate) fn check() -> Result<(), String> {
    let mut command = Command::new(installed()?);
    command.current_dir(tool::workspace());
    command.args([
        "--all-features",
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]);
    tool::run(&mut command)
}

/// The cargo-deny of the cache folder, built on first use (three minutes on two cores).
///
/// Cargo locks the folder while it installs and moves the binary into place when it is complete, so running this twice
/// at once or interrupting it does no harm.
pub(crate) fn installed() -> Result<PathBuf, String> {
    let root = tool::cache_folder()?
        .join("tools")
        .join(format!("cargo-deny-{VERSION}"));
    let binary = root
        .join("bin")
        .join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if !binary.is_file() {
        println!("building cargo-deny {VERSION}, once");
        let mut cargo = cargo(&[
            "install",
            "--quiet",
            "--locked",
            "--version",
            VERSION,
            "cargo-deny",
            "--root",
        ]);
        tool::run(
            cargo
                .arg(&root)
                .env_remove("RUSTFLAGS")
                .env_remove("CARGO_TARGET_DIR"),
        )?;
    }
    Ok(binary)
}
