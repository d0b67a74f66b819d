//! The binding, which UniFFI writes: its Swift and its C header are in the repository, so that a package manager can build
//! a clone without Rust's tools. And the host's library beside it, with its entry for `pkg-config`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{access, apple, package, write_if_changed};
use crate::files::read;
use crate::tool::{self, cargo};

/// The module of the C functions. In a folder of its own, so that an app may have another Rust library beside it.
pub(super) const MODULE: &str = "snapback_ffiFFI";
const MODULE_MAP: &str = "\
module snapback_ffiFFI {
    header \"snapback_ffiFFI.h\"
    export *
}
";

/// Builds the library for this machine, and compares the committed binding with the one that belongs to it.
pub(super) fn check() -> Result<(), String> {
    let folder = package().join("Generated");
    let stale: Vec<String> = files()?
        .into_iter()
        .filter(|(path, bytes)| fs::read(folder.join(path)).map_or(true, |old| old != *bytes))
        .map(|(path, _)| path)
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    Err(format!(
        "ios/Generated is not what the bindings generate: {}; `cargo xtask swift --generate` writes it",
        stale.join(", ")
    ))
}

/// Writes the committed binding.
pub(crate) fn write() -> Result<(), String> {
    let folder = package().join("Generated");
    for (path, bytes) in files()? {
        write_if_changed(&folder.join(path), &bytes)?;
    }
    Ok(())
}

/// The folder of the host's library, and of nothing else.
pub(super) fn library_folder() -> PathBuf {
    tool::target_folder().join("swift/lib")
}

/// Where `pkg-config` finds the host's library.
pub(super) fn pkg_config_folder() -> PathBuf {
    library_folder().join("pkgconfig")
}

/// Each generated file, by its name below `ios/Generated`.
fn files() -> Result<Vec<(String, Vec<u8>)>, String> {
    tool::run(&mut cargo(&[
        "build",
        "--quiet",
        "--package",
        "snapback-ffi",
    ]))?;
    let library = tool::target_folder().join("debug").join(library_name());
    install(&library)?;
    let sources = generate(&library)?;
    let written = apple::sources(&package().join("Sources"))?;
    let written: Result<Vec<String>, String> =
        written.iter().map(|path| read(Path::new(path))).collect();
    let swift = access::reduce(&sources.swift, &written?);
    Ok(vec![
        (
            "SnapbackFFI/SnapbackFFI.swift".to_owned(),
            swift.into_bytes(),
        ),
        (format!("{MODULE}/{MODULE}.h"), sources.header.into_bytes()),
        (
            format!("{MODULE}/module.modulemap"),
            MODULE_MAP.as_bytes().to_vec(),
        ),
    ])
}

/// Puts the library where the package finds it.
fn install(library: &Path) -> Result<(), String> {
    let bytes = fs::read(library).map_err(|error| format!("{}: {error}", library.display()))?;
    let folder = library_folder();
    write_if_changed(&folder.join(library_name()), &bytes)?;
    write_if_changed(
        &pkg_config_folder().join("snapback.pc"),
        pkg_config(&folder).as_bytes(),
    )
}

fn pkg_config(folder: &Path) -> String {
    format!(
        "libdir={}\n\nName: snapback\nDescription: The core of Snapback, for Swift\nVersion: {}\n\
         Libs: -L${{libdir}} -lsnapback_ffi\nCflags:\n",
        folder.display(),
        env!("CARGO_PKG_VERSION")
    )
}

/// Has a command find the host's library, when it builds and when it runs.
pub(super) fn find_library(command: &mut Command) {
    command.env("PKG_CONFIG_PATH", pkg_config_folder());
    command.env("LD_LIBRARY_PATH", library_folder());
    // Read on Apple's systems only, where it chooses the XCFramework of this clone.
    command.env("SNAPBACK_LOCAL", "1");
}

fn library_name() -> &'static str {
    if cfg!(target_os = "macos") {
        "libsnapback_ffi.dylib"
    } else {
        "libsnapback_ffi.so"
    }
}

struct Sources {
    swift: String,
    header: String,
}

/// The generator is built apart from the library: what it needs must not get into it.
fn generate(library: &Path) -> Result<Sources, String> {
    let build = ["build", "--quiet", "--package", "snapback-bindgen"];
    tool::run(&mut cargo(&build))?;
    let out = tool::target_folder().join("swift/generated");
    // Whatever an older version wrote under other names is not to be found.
    let _ = fs::remove_dir_all(&out);
    let mut command = Command::new(tool::target_folder().join("debug/uniffi-bindgen"));
    command.args(["generate", "--language", "swift", "--no-format"]);
    command.args(["--config", "bindings/uniffi.toml", "--out-dir"]);
    tool::run(
        command
            .arg(&out)
            .arg(library)
            .current_dir(tool::workspace()),
    )?;
    let with_ending = |ending: &str| {
        let entries = fs::read_dir(&out).map_err(|error| format!("{}: {error}", out.display()))?;
        let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let path = paths.find(|path| path.extension().is_some_and(|found| found == ending));
        let path = path.ok_or_else(|| format!("the generator wrote no .{ending}"))?;
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        Ok::<_, String>(tidy(&text))
    };
    Ok(Sources {
        swift: with_ending("swift")?,
        header: with_ending("h")?,
    })
}

/// The text without space at the ends of lines, which `git diff --check` refuses, and with one line break at its end.
fn tidy(text: &str) -> String {
    let mut tidied: String = text
        .lines()
        .flat_map(|line| [line.trim_end(), "\n"])
        .collect();
    tidied.truncate(tidied.trim_end().len());
    tidied.push('\n');
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_text_is_tidied() {
        assert_eq!(tidy("a  \n\n  b\t\r\n\n\n"), "a\n\n  b\n");
    }

    #[test]
    fn pkg_config_is_given_the_folder_of_the_library() {
        let text = pkg_config(Path::new("/somewhere/lib"));
        assert!(text.starts_with("libdir=/somewhere/lib\n"));
        assert!(text.contains("\nLibs: -L${libdir} -lsnapback_ffi\n"));
        assert!(text.contains("\nName: snapback\n"));
    }
}
