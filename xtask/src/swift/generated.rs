//! What is written by machines and not kept in the repository: the binding, and the host's library beside it.

use std::fs;
use std::process::Command;

use super::{package, write_if_changed};
use crate::tool::{self, cargo};

/// The module of the C functions. In a folder of its own, so that an app may have another Rust library beside it.
pub(super) const MODULE: &str = "snapback_ffiFFI";
const MODULE_MAP: &str = "\
module snapback_ffiFFI {
    header \"snapback_ffiFFI.h\"
    export *
}
";

/// Builds the library for this machine, and writes the package's folder `Generated`.
pub(super) fn write() -> Result<(), String> {
    tool::run(&mut cargo(&[
        "build",
        "--quiet",
        "--package",
        "snapback-ffi",
    ]))?;
    let library = tool::target_folder().join("debug").join(library_name());
    let sources = generate(&library.to_string_lossy())?;
    let folder = package().join("Generated");
    write_if_changed(
        &folder.join("SnapbackFFI/SnapbackFFI.swift"),
        &sources.swift,
    )?;
    let module = folder.join(MODULE);
    write_if_changed(&module.join(format!("{MODULE}.h")), &sources.header)?;
    write_if_changed(&module.join("module.modulemap"), MODULE_MAP.as_bytes())?;
    let bytes = fs::read(&library).map_err(|error| format!("{}: {error}", library.display()))?;
    write_if_changed(&folder.join("lib").join(library_name()), &bytes)
}

fn library_name() -> &'static str {
    if cfg!(target_os = "macos") {
        "libsnapback_ffi.dylib"
    } else {
        "libsnapback_ffi.so"
    }
}

struct Sources {
    swift: Vec<u8>,
    header: Vec<u8>,
}

/// The generator is built apart from the library: what it needs must not get into it.
fn generate(library: &str) -> Result<Sources, String> {
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
        fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    Ok(Sources {
        swift: with_ending("swift")?,
        header: with_ending("h")?,
    })
}
