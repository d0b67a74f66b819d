//! What cargo builds: the library for this machine, the Kotlin that goes with it, and the server for the tests.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::folder;
use crate::files::{copy, fresh, read, write};
use crate::tool::{self, cargo};

/// What stands ready on this machine.
pub(super) struct Host {
    /// The folder that JNA looks into.
    pub(super) native: PathBuf,
    /// The library in it.
    pub(super) library: PathBuf,
    /// UniFFI's Kotlin.
    pub(super) generated: PathBuf,
    /// The server for the tests.
    pub(super) test_server: PathBuf,
    /// Prosody, for the same.
    pub(super) real_server: PathBuf,
}

impl Host {
    pub(super) fn build() -> Result<Self, String> {
        // The library on its own: together with the generator it would be built with the generator's features.
        tool::run(&mut cargo(&[
            "build",
            "--quiet",
            "--package",
            "snapback-ffi",
        ]))?;
        tool::run(&mut cargo(&[
            "build",
            "--quiet",
            "--package",
            "snapback-bindgen",
        ]))?;
        tool::run(&mut cargo(&[
            "build",
            "--quiet",
            "--package",
            "snapback-scenarios",
            "--bin",
            "snapback-test-server",
        ]))?;
        // With the features of the workspace, as the tests before this step have built its parts.
        tool::run(&mut cargo(&[
            "build",
            "--quiet",
            "--workspace",
            "--bin",
            "real-server",
        ]))?;
        let built = tool::target_folder().join("debug");
        let native = folder().join("native");
        fresh(&native)?;
        let library = native.join("libsnapback_ffi.so");
        copy(&built.join("libsnapback_ffi.so"), &library)?;
        let generated = folder().join("generated");
        fresh(&generated)?;
        let mut generator = Command::new(built.join("uniffi-bindgen"));
        generator.arg("generate").arg(&library);
        generator
            .arg("--config")
            .arg(tool::workspace().join("bindings/uniffi.toml"));
        generator.args(["--language", "kotlin", "--no-format", "--out-dir"]);
        tool::run(generator.arg(&generated))?;
        exempt(&generated.join("im/snapback/ffi/snapback_ffi.kt"))?;
        Ok(Self {
            native,
            library,
            generated,
            test_server: built.join("snapback-test-server"),
            real_server: built.join("real-server"),
        })
    }
}

/// What UniFFI suppresses in its Kotlin.
const SUPPRESSED: &str = "@file:Suppress(\"NAME_SHADOWING\"";
/// What the compiler requires of all other files: each declaration says whether it is public, and of which type.
const EXPLICIT: [&str; 2] = [
    "NO_EXPLICIT_VISIBILITY_IN_API_MODE",
    "NO_EXPLICIT_RETURN_TYPE_IN_API_MODE",
];

/// Exempts UniFFI's Kotlin from the explicit API mode, which is for declarations that people write.
fn exempt(generated: &Path) -> Result<(), String> {
    let kotlin = exempted(&read(generated)?)
        .ok_or_else(|| format!("{} does not have {SUPPRESSED}", generated.display()))?;
    write(generated, &kotlin)
}

fn exempted(kotlin: &str) -> Option<String> {
    let (before, after) = kotlin.split_once(SUPPRESSED)?;
    let names = EXPLICIT.map(|name| format!(", \"{name}\"")).concat();
    Some(format!("{before}{SUPPRESSED}{names}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_kotlin_is_exempted() {
        let kotlin = exempted("// a\n@file:Suppress(\"NAME_SHADOWING\")\npackage x\n");
        let expected = "// a\n@file:Suppress(\"NAME_SHADOWING\", \"NO_EXPLICIT_VISIBILITY_IN_API_MODE\", \"NO_EXPLICIT_RETURN_TYPE_IN_API_MODE\")\npackage x\n";
        assert_eq!(kotlin.as_deref(), Some(expected));
        assert_eq!(exempted("package x\n"), None);
    }
}
