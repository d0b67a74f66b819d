//! The Android library: built with cargo and Maven, put together here, since Android's own build tools are not to be had
//! from Maven Central.

mod assemble;
mod build;
mod check;
mod device;
mod maven;
mod pages;
mod publish;
mod sample;

use std::fs;
use std::path::{Path, PathBuf};

use crate::report::Outcome;
use crate::tool;

use build::Host;
use device::DeviceLibraries;

/// Of what is published.
pub(crate) const GROUP: &str = "im.snapback";
pub(crate) const ARTIFACT: &str = "snapback-android";

/// Connections opened and closed in one test; more with `SNAPBACK_CYCLES`.
const CYCLES: &str = "100";

/// `cargo xtask aar`: builds, checks and publishes into a folder.
pub(crate) fn aar() -> Result<(), String> {
    let host = Host::build()?;
    maven::package(&host)?;
    let libraries = DeviceLibraries::build()?;
    publish(&libraries)?;
    println!("{}", libraries.explanation());
    Ok(())
}

/// What `cargo xtask test` does: the tests on this machine, the library, its checks, and an app that uses it.
pub(crate) fn test() -> Outcome {
    let mut outcome = Outcome::default();
    if let Err(failure) = run(&mut outcome) {
        outcome.failure = Some(failure);
    }
    outcome
}

fn run(outcome: &mut Outcome) -> Result<(), String> {
    pages::readme()?;
    pages::api()?;
    let host = Host::build()?;
    check::host_library(&host)?;
    maven::test(&host, &cycles(), outcome)?;
    let libraries = DeviceLibraries::build()?;
    let published = publish(&libraries)?;
    println!("{}", libraries.explanation());
    sample::run(&host, &published)
}

fn publish(libraries: &DeviceLibraries) -> Result<publish::Published, String> {
    let aar = assemble::aar(libraries)?;
    check::keep_rules(&aar)?;
    let published = publish::publish(&aar, libraries)?;
    println!("published {}", published.coordinates());
    println!("       in {}", published.repository.display());
    Ok(published)
}

fn cycles() -> String {
    std::env::var("SNAPBACK_CYCLES").unwrap_or_else(|_| CYCLES.to_owned())
}

/// Where all of this goes.
fn folder() -> PathBuf {
    tool::target_folder().join("android")
}

fn sources() -> PathBuf {
    tool::workspace().join("android")
}

/// An empty folder of this name.
fn fresh(path: &Path) -> Result<(), String> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    make(path)
}

fn make(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    if let Some(parent) = path.parent() {
        make(parent)?;
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    if let Some(parent) = to.parent() {
        make(parent)?;
    }
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| format!("{}: {error}", from.display()))
}
