//! The library as it is shipped, for phones of either kind (`docs/decisions/0051`).

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::tool::{self, cargo, workspace};

/// The standard library is compiled with the rest, for size, and without what reads debug information for a backtrace: a
/// stripped library has none.
const STANDARD_LIBRARY: [&str; 2] = [
    "-Zbuild-std=std,panic_unwind",
    "-Zbuild-std-features=optimize_for_size",
];
/// Panics are caught before they reach C code, which therefore needs no tables for unwinding.
const C_FLAGS: &str = "-fno-unwind-tables -fno-asynchronous-unwind-tables";

/// Installs what [`library`] needs for this target.
pub(crate) fn set_up(target: &str) -> Result<(), String> {
    rustup("component", "rust-src")?;
    add_target(target)
}

/// Installs the standard library for a target.
pub(crate) fn add_target(target: &str) -> Result<(), String> {
    rustup("target", target)
}

/// Installs a component of the toolchain.
pub(crate) fn add_component(name: &str) -> Result<(), String> {
    rustup("component", name)
}

fn rustup(kind: &str, name: &str) -> Result<(), String> {
    tool::run(Command::new("rustup").args(["--quiet", kind, "add", name]))
}

/// Builds the library for this target, with these options for the linker and for C compilers.
pub(crate) fn library(target: &str, linker: &[String], c_flags: &str) -> Command {
    let mut cargo = cargo(&["build", "--locked", "--package", "snapback-ffi"]);
    cargo.args(["--profile", "phone", "--target", target]);
    cargo.args(STANDARD_LIBRARY);
    // The options are for nightly compilers; the one that the project is pinned to takes them like this.
    cargo.env("RUSTC_BOOTSTRAP", "1");
    let linker = linker.iter().map(|words| format!("-Clink-arg=-Wl,{words}"));
    let flags: Vec<String> = linker.chain(remapped_paths()).collect();
    // Encoded, since a path may have spaces in it. It goes before RUSTFLAGS.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    let name = format!("CFLAGS_{}", target.replace('-', "_"));
    cargo.env(name, format!("{C_FLAGS} {c_flags}").trim());
    cargo
}

/// Takes the folders of this machine out of the library: a panic names the file it happened in.
fn remapped_paths() -> Vec<String> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from);
    let cargo = folder("CARGO_HOME").or_else(|| folder("HOME").map(|folder| folder.join(".cargo")));
    let crates = cargo.and_then(|cargo| fs::read_dir(cargo.join("registry/src")).ok());
    let mut folders: Vec<_> = crates
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    folders.push(workspace().to_owned());
    folders
        .iter()
        .map(|folder| format!("--remap-path-prefix={}/=", folder.display()))
        .collect()
}
