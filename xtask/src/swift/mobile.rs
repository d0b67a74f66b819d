//! The library for iOS without Apple's SDK: compiled for a phone, type-checked for the simulator.
//!
//! rustup is not everywhere allowed to fetch a standard library for iOS; Debian ships the sources of one, with a compiler
//! that can build it. Both are unpacked into the cache folder. C code is skipped: its headers are Apple's.

use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::toolchain::Missing;
use crate::{files, tool};

const PHONE: &str = "aarch64-apple-ios";
const SIMULATOR: &str = "aarch64-apple-ios-sim";
const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const FOLDER: &str = "rust-web-1";

/// Type-checks the library for the simulator.
pub(super) fn check_simulator() -> Result<(), Missing> {
    let mut cargo = Mobile::installed()?.cargo("check", SIMULATOR)?;
    cargo.arg("-Zbuild-std=std,panic_abort");
    Ok(tool::run(&mut cargo)?)
}

/// Compiles the static library for a phone as it would ship, and says where it is.
pub(super) fn compile() -> Result<PathBuf, Missing> {
    let mobile = Mobile::installed()?;
    let mut cargo = mobile.cargo("rustc", PHONE)?;
    cargo.args(["--profile", "phone", "--crate-type", "staticlib"]);
    tool::run(cargo.arg("-Zbuild-std=std,panic_unwind"))?;
    Ok(mobile.work.join(PHONE).join("phone/libsnapback_ffi.a"))
}

/// Debian's Rust, and where it builds.
struct Mobile {
    rust: PathBuf,
    work: PathBuf,
    stub: PathBuf,
}

impl Mobile {
    fn installed() -> Result<Self, Missing> {
        let rust = unpacked()?;
        let work = tool::target_folder().join("mobile");
        let stub = work.join("nothing");
        crate::stub::compiler(&stub)?;
        Ok(Self { rust, work, stub })
    }

    /// A command of cargo's about the library for `target`.
    fn cargo(&self, command: &str, target: &str) -> Result<Command, String> {
        // cc asks Xcode for the SDK unless this is set, and checks its name.
        let sdk = self.work.join(if target.ends_with("-sim") {
            "iPhoneSimulator.sdk"
        } else {
            "iPhoneOS.sdk"
        });
        files::make(&sdk)?;
        let mut cargo = Command::new(self.rust.join("usr/bin/cargo"));
        cargo.current_dir(tool::workspace());
        cargo.args([command, "--quiet", "--locked", "--lib"]);
        cargo.args(["--package", "snapback-ffi", "--target", target]);
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
        let libraries = format!("usr/lib/{}-linux-gnu", env::consts::ARCH);
        let underscored = target.replace('-', "_");
        cargo
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", self.rust.join("usr/bin/rustc"))
            .env("LD_LIBRARY_PATH", self.rust.join(libraries))
            .env("CARGO_TARGET_DIR", &self.work)
            .env("IPHONEOS_DEPLOYMENT_TARGET", "15.0")
            .env(format!("CC_{underscored}"), &self.stub)
            .env(format!("AR_{underscored}"), &self.stub)
            .env("SDKROOT", &sdk);
        Ok(cargo)
    }
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
