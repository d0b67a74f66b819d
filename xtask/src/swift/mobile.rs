//! The core type-checked for iOS, without Apple's SDK.
//!
//! rustup is not everywhere allowed to fetch a standard library for iOS; Debian ships the sources of one, with a compiler
//! that can build it. Both are unpacked into the cache folder. C code is skipped: nothing is linked.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::toolchain::Missing;
use crate::tool;

const TARGETS: [&str; 2] = ["aarch64-apple-ios", "aarch64-apple-ios-sim"];
const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const FOLDER: &str = "rust-web-1";
/// Stands for compiler and archiver: writes what it is told to write, with nothing in it.
const NOTHING: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
    -o) : > "$2" ;;
    *.a) : > "$1" ;;
    esac
    shift
done
"#;

/// Checks the library for a phone and for the simulator.
pub(super) fn check() -> Result<(), Missing> {
    let rust = unpacked()?;
    let work = tool::target_folder().join("mobile");
    let stub = work.join("nothing");
    super::write_if_changed(&stub, NOTHING.as_bytes())?;
    tool::run(Command::new("chmod").arg("755").arg(&stub))?;
    for target in TARGETS {
        println!("{target}");
        tool::run(&mut cargo_check(&rust, &work, &stub, target)?)?;
    }
    Ok(())
}

fn cargo_check(rust: &Path, work: &Path, stub: &Path, target: &str) -> Result<Command, String> {
    // cc asks Xcode for the SDK unless it is told, and looks at its name.
    let sdk = work.join(if target.ends_with("-sim") {
        "iPhoneSimulator.sdk"
    } else {
        "iPhoneOS.sdk"
    });
    fs::create_dir_all(&sdk).map_err(|error| format!("{}: {error}", sdk.display()))?;
    let mut cargo = Command::new(rust.join("usr/bin/cargo"));
    cargo.current_dir(tool::workspace());
    cargo.args([
        "check",
        "--quiet",
        "--locked",
        "--lib",
        "--package",
        "snapback-ffi",
    ]);
    cargo.args(["-Zbuild-std=std,panic_abort", "--target", target]);
    // Neither the compiler of the workspace nor its options.
    for name in [
        "RUSTC",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
        "CARGO",
        "RUSTC_WRAPPER",
    ] {
        cargo.env_remove(name);
    }
    let underscored = target.replace('-', "_");
    cargo
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", rust.join("usr/bin/rustc"))
        .env(
            "LD_LIBRARY_PATH",
            rust.join("usr/lib")
                .join(format!("{}-linux-gnu", env::consts::ARCH)),
        )
        .env("CARGO_TARGET_DIR", work)
        .env(format!("CC_{underscored}"), stub)
        .env(format!("AR_{underscored}"), stub)
        .env("SDKROOT", &sdk);
    Ok(cargo)
}

/// The compiler and its sources, unpacked; the folder gets its name when it is complete.
fn unpacked() -> Result<PathBuf, Missing> {
    let tools = tool::cache_folder()?.join("tools");
    let finished = tools.join(FOLDER);
    if finished.is_dir() {
        return Ok(finished);
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(Missing::Here(
            "Debian's Rust is needed, and no apt is here".to_owned(),
        ));
    }
    let at = |error: std::io::Error| format!("{}: {error}", tools.display());
    fs::create_dir_all(&tools).map_err(at)?;
    let lock = File::create(tools.join(format!("{FOLDER}.lock"))).map_err(at)?;
    lock.lock().map_err(at)?;
    if finished.is_dir() {
        return Ok(finished); // another process unpacked it while this one waited
    }
    let unfinished = tools.join(format!("{FOLDER}.partial"));
    let _ = fs::remove_dir_all(&unfinished);
    download_into(&unfinished)?;
    fs::rename(&unfinished, &finished).map_err(at)?;
    Ok(finished)
}

/// Downloads what the system lacks of the packages and their dependencies, and unpacks it. The system stays as it is.
fn download_into(folder: &Path) -> Result<(), String> {
    let apt = folder.join("apt");
    let archives = apt.join("archives");
    let at = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(archives.join("partial")).map_err(at)?;
    tool::run(Command::new("apt-get").args(["--quiet", "update"]))?;
    let mut install = Command::new("apt-get");
    install.args([
        "install",
        "--quiet",
        "--yes",
        "--no-install-recommends",
        "--download-only",
    ]);
    install.args(["-o", &format!("Dir::Cache={}", apt.display())]);
    install.args(["-o", "APT::Sandbox::User=", "-o", "Acquire::Retries=5"]);
    tool::run(install.args(PACKAGES))?;
    for entry in fs::read_dir(&archives).map_err(at)? {
        let archive = entry.map_err(at)?.path();
        if archive
            .extension()
            .is_some_and(|extension| extension == "deb")
        {
            tool::run(Command::new("dpkg").arg("-x").arg(&archive).arg(folder))?;
        }
    }
    fs::remove_dir_all(&apt).map_err(at)
}
