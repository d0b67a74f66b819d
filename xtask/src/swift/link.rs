//! The library for a phone, linked as an app would link it: what it takes from Apple's systems, and how big it is.
//!
//! The linker of the Swift toolchain knows Apple's format. Without Apple's SDK it can only say what it does not find; that
//! is compared with a list which is kept by hand. The C parts, ring and SQLite, are missing too: they cannot be compiled
//! without Apple's headers.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::toolchain::Toolchain;
use super::{package, symbols};
use crate::{files, tool};

/// What the generated Swift calls; all else may be dropped.
const EXPORTED: [&str; 2] = ["_uniffi_*", "_ffi_snapback_*"];
const LOOKED_AT: &str = "Stubs/imports.txt";
const C_PARTS: [&str; 2] = ["_ring_core_", OUR_SQLITE];
/// SQLite's names with the prefix of this library.
const OUR_SQLITE: &str = "_snapback_sqlite3_";
/// An SQLite of the app, which the linker must not take for ours.
const APP_SQLITE: &str = "\
int sqlite3_open_v2(void) { return 1; }
int sqlite3_step(void) { return 1; }
int sqlite3_prepare_v3(void) { return 1; }
int sqlite3_close(void) { return 1; }
";
/// Without the C parts.
const MAX_BYTES: u64 = 2_800_000;

/// Links `library`, and looks at the result.
pub(super) fn check(swift: &Toolchain, library: &Path) -> Result<(), String> {
    let linked = tool::target_folder().join("swift/snapback.dylib");
    let renamed = tool::target_folder().join("swift/libsnapback_ffi.a");
    files::copy(library, &renamed)?;
    symbols::rename(&renamed)?;
    let output = said(link(swift, &linked).arg("-all_load").arg(&renamed))?;
    let imported = undefined(&output);
    compare(&imported, &looked_at()?)?;
    let of_sqlite = names_of_sqlite(&output);
    let app = app_sqlite(swift)?;
    for order in [[&renamed, &app], [&app, &renamed]] {
        let beside = tool::target_folder().join("swift/beside.dylib");
        let output = said(link(swift, &beside).arg("-all_load").args(order))?;
        if of_sqlite.is_empty() || names_of_sqlite(&output) != of_sqlite {
            return Err("an app's SQLite is taken for the one of the store".to_owned());
        }
    }
    let bytes = fs::metadata(&linked)
        .map_err(|error| format!("{}: {error}", linked.display()))?
        .len();
    println!(
        "{bytes} bytes for a phone without ring's C and SQLite; {} names of the system",
        imported.len()
    );
    if bytes > MAX_BYTES {
        return Err(format!("{bytes} bytes; {MAX_BYTES} are allowed"));
    }
    Ok(())
}

fn link(swift: &Toolchain, output: &Path) -> Command {
    let arguments = ["-dylib", "-arch", "arm64", "-dead_strip", "-S", "-x"];
    let mut link = swift.command(&package(), "ld64.lld", arguments);
    link.args(["-platform_version", "ios", "15.0", "15.0"]);
    link.args(["-flat_namespace", "-undefined", "warning"]);
    for exported in EXPORTED {
        link.args(["-exported_symbol", exported]);
    }
    link.arg("-o").arg(output);
    link
}

/// An archive with names of SQLite, for a phone.
fn app_sqlite(swift: &Toolchain) -> Result<PathBuf, String> {
    let folder = tool::target_folder().join("swift/app");
    files::write(&folder.join("app.c"), APP_SQLITE)?;
    let arguments = [
        "-target",
        "arm64-apple-ios15.0",
        "-c",
        "app.c",
        "-o",
        "app.o",
    ];
    tool::run(&mut swift.command(&folder, "clang", arguments))?;
    let archive = folder.join("libapp.a");
    let _ = fs::remove_file(&archive);
    tool::run(&mut swift.command(&folder, "llvm-ar", ["rcs", "libapp.a", "app.o"]))?;
    Ok(archive)
}

/// The names of SQLite that the linker did not find: all of ours, since its C part is missing.
fn names_of_sqlite(said: &str) -> BTreeSet<String> {
    let lines = said.lines();
    let names = lines.filter_map(|line| line.split_once("undefined symbol: "));
    names
        .map(|(_, name)| name.trim().to_owned())
        .filter(|name| name.starts_with(OUR_SQLITE) || name.starts_with("_sqlite3_"))
        .collect()
}

/// What a command that is to succeed wrote to its standard error.
fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    Err(format!("the linker: {}\n{said}", output.status))
}

/// The names that the linker did not find, and that are not C parts of ours.
fn undefined(said: &str) -> BTreeSet<String> {
    said.lines()
        .filter_map(|line| line.split_once("undefined symbol: "))
        .map(|(_, name)| name.trim())
        .filter(|name| !C_PARTS.iter().any(|part| name.starts_with(part)))
        .map(str::to_owned)
        .collect()
}

fn looked_at() -> Result<BTreeSet<String>, String> {
    let text = fs::read_to_string(package().join(LOOKED_AT))
        .map_err(|error| format!("{LOOKED_AT}: {error}"))?;
    let names = text.lines().filter(|line| !line.starts_with('#'));
    Ok(names.map(str::to_owned).collect())
}

fn compare(imported: &BTreeSet<String>, looked_at: &BTreeSet<String>) -> Result<(), String> {
    if imported.is_empty() {
        return Err("the linker named nothing of the system".to_owned());
    }
    let new: Vec<&String> = imported.difference(looked_at).collect();
    let gone: Vec<&String> = looked_at.difference(imported).collect();
    if new.is_empty() && gone.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{LOOKED_AT} does not know {new:?}, and names {gone:?}, which nothing uses"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_s_names_are_found_and_compared() {
        let said = "ld64.lld: warning: undefined symbol: _snapback_sqlite3_step\n>>> referenced by here\n\
                    ld64.lld: warning: undefined symbol: _open\n\n\
                    ld64.lld: warning: undefined symbol: _close\n";
        let found = undefined(said);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let expected: BTreeSet<String> = names(&["_close", "_open"]);
        assert_eq!(found, expected);
        assert!(compare(&found, &expected).is_ok());
        assert!(compare(&found, &names(&["_open"])).is_err());
        assert!(compare(&names(&["_open"]), &expected).is_err());
        assert!(compare(&BTreeSet::new(), &BTreeSet::new()).is_err());
    }
}
