//! What cargo builds: the library for this machine, the Kotlin that goes with it, and the server for the tests.

use std::path::PathBuf;
use std::process::Command;

use super::folder;
use crate::files::{copy, fresh};
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
        Ok(Self {
            native,
            library,
            generated,
            test_server: built.join("snapback-test-server"),
            real_server: built.join("real-server"),
        })
    }
}
