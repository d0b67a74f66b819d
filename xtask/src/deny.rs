//! What may enter the dependency tree: `deny.toml`, checked with cargo-deny.

use std::path::PathBuf;
use std::process::Command;

use crate::tool;

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

/// The cargo-deny of the cache folder.
pub(crate) fn installed() -> Result<PathBuf, String> {
    tool::installed("cargo-deny", VERSION)
}
