//! The library for Android without Android's NDK: type-checked for every target, and linked for a near relative of a phone, which
//! tells how big it will be.
//!
//! Not part of what CI runs: it compiles everything five times, and needs rustup and PyPI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{check, device, folder};
use crate::files::make;
use crate::shipped;
use crate::stub;
use crate::tool::{self, cargo};

/// Links like a phone's, but for the C library; within a hundredth of the size.
const PROXY: &str = "aarch64-unknown-linux-gnu";
/// A C compiler and linker for every target, from PyPI.
const ZIG: &str = "ziglang==0.15.2";

const ARCHIVER: &str = r#"#!/bin/sh
exec @zig@ ar "$@"
"#;

/// The C library is linked before, the first time. Zig has its own names of targets, and as a compiler's driver it takes the linker's common options only. With any of the
/// others, which the NDK's driver passes on, it links without them and says how; then its linker is called with them.
const COMPILER: &str = r#"#!/bin/bash
for word in "$@"; do
    case $word in
    --target=*) ;;
    -Wl,-T,*) options+=(-T "${word#-Wl,-T,}") ;;
    -Wl,--pack-dyn-relocs=*) options+=("${word#-Wl,}") ;;
    *) words+=("$word") ;;
    esac
done
if [ ${#options[@]} -eq 0 ]; then
    exec @zig@ cc -target aarch64-linux-gnu "${words[@]}"
fi
if ! said=$(ZIG_VERBOSE_LINK=1 @zig@ cc -target aarch64-linux-gnu "${words[@]}" 2>&1); then
    echo "$said" >&2
    exit 1
fi
# The words are not quoted: paths with spaces in them do not come through.
exec @zig@ $(grep '^ld\.lld ' <<< "$said" | tail -n 1) "${options[@]}"
"#;

/// Type-checks the library for the targets of Android. C code is left out.
pub(crate) fn check_all() -> Result<(), String> {
    let compiler = folder().join("nothing");
    stub::compiler(&compiler)?;
    for target in device::rust_targets() {
        println!("{target}");
        shipped::add_target(target)?;
        let underscored = target.replace('-', "_");
        let mut cargo = cargo(&["check", "--quiet", "--lib", "--package", "snapback-ffi"]);
        cargo.args(["--target", target]);
        cargo.env(format!("CC_{underscored}"), &compiler);
        cargo.env(format!("AR_{underscored}"), &compiler);
        tool::run(&mut cargo)?;
    }
    Ok(())
}

/// Links the library as it is shipped, for [`PROXY`], and looks at what came of it.
pub(crate) fn size() -> Result<(), String> {
    let (_, stripped) = linked()?;
    check::proxy_library(&stripped)
}

/// The library as it is shipped, for [`PROXY`], with its symbols and without.
pub(super) fn linked() -> Result<(PathBuf, PathBuf), String> {
    shipped::set_up(PROXY)?;
    let (compiler, archiver) = zig()?;
    let underscored = PROXY.replace('-', "_");
    let mut cargo = device::shipped(PROXY);
    let linker = format!("CARGO_TARGET_{}_LINKER", underscored.to_uppercase());
    cargo.env(linker, &compiler);
    cargo.env(format!("CC_{underscored}"), &compiler);
    cargo.env(format!("AR_{underscored}"), &archiver);
    cargo.env("CARGO_PROFILE_PHONE_STRIP", "none");
    tool::run(&mut cargo)?;
    let built = tool::target_folder().join(PROXY).join("phone");
    let whole = built.join("libsnapback_ffi.so");
    let stripped = folder().join("libsnapback_ffi.so");
    let mut strip = Command::new(tool::objcopy()?);
    tool::run(strip.arg("--strip-all").arg(&whole).arg(&stripped))?;
    Ok((whole, stripped))
}

/// Zig as compiler and as archiver, kept in the cache folder.
fn zig() -> Result<(PathBuf, PathBuf), String> {
    let cache = tool::cache_folder()?
        .join("tools")
        .join(ZIG.replace("==", "-"));
    let zig = cache.join("ziglang/zig");
    if !zig.is_file() {
        let partial = cache.with_extension("partial");
        crate::files::fresh(&partial)?;
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--root-user-action=ignore",
            "--target",
        ]);
        tool::run(pip.arg(&partial).arg(ZIG))?;
        if let Some(parent) = cache.parent() {
            make(parent)?;
        }
        // Another process may have been quicker.
        if fs::rename(&partial, &cache).is_err() && !zig.is_file() {
            return Err(format!("{} is in the way", cache.display()));
        }
    }
    let compiler = folder().join("zig-cc");
    stub::program(&compiler, &COMPILER.replace("@zig@", &quoted(&zig)))?;
    let archiver = folder().join("zig-ar");
    stub::program(&archiver, &ARCHIVER.replace("@zig@", &quoted(&zig)))?;
    Ok((compiler, archiver))
}

/// A word for the shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}
