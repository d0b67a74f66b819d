//! The Android library: built with cargo and Maven, put together here, since Android's own build tools are not to be had
//! from Maven Central.

mod apk;
mod assemble;
mod build;
mod check;
mod device;
mod jvm;
mod maven;
mod pages;
mod publish;
mod release;
mod sample;
mod shrink;
mod size;
mod targets;
mod trial;

use std::path::PathBuf;

use crate::report::{Outcome, Report};
use crate::tool;

use build::Host;
use device::DeviceLibraries;

/// Of what is published.
pub(crate) const GROUP: &str = "im.snapback";
pub(crate) const ARTIFACT: &str = "snapback-android";
/// The Kotlin half of the certificate verifier, which an app may have from elsewhere.
pub(crate) const VERIFIER: &str = "snapback-android-verifier";

/// The library without what needs Android, for desktops and servers.
pub(crate) const JVM: &str = "snapback-jvm";

/// The fake client for the tests of apps.
pub(crate) const TESTING: &str = "snapback-testing";

/// Connections opened and closed in one test; another number with `SNAPBACK_CYCLES`.
const CYCLES: &str = "1000";

/// `cargo xtask aar`: builds, checks and publishes into a folder.
pub(crate) fn aar() -> Result<(), String> {
    let host = Host::build()?;
    maven::package(&host)?;
    publish_for_devices(&host).map(drop)
}

/// `cargo xtask jvm`: the same for desktops and servers.
pub(crate) fn jvm() -> Result<(), String> {
    let host = Host::build()?;
    maven::package(&host)?;
    maven::documentation(&host.generated)?;
    let published = publish::publish_jar(&jvm::jar(jvm::Natives::release(&host)?)?)?;
    announce(&published);
    Ok(())
}

/// `cargo xtask release-android VERSION`: all Kotlin artefacts, complete and signed.
pub(crate) fn release(version: &str) -> Result<(), String> {
    release::run(version)
}

/// What `cargo xtask test` does: the pages, the tests on this machine, the library with its checks, and an app that uses it.
pub(crate) fn add_steps(report: &mut Report) {
    report.step("kotlin pages", || Outcome::of(check_pages()));
    let mut host = None;
    report.step("kotlin library", || Outcome::of(build_host(&mut host)));
    // What was built before would be tested.
    let Some(host) = host else { return };
    report.step("kotlin tests", || maven::test(&host, &cycles()));
    let mut published = None;
    report.step("aar", || {
        Outcome::of(publish_for_devices(&host).map(|done| published = Some(done)))
    });
    let Some(published) = published else { return };
    report.step("kotlin shrunk", || Outcome::of(shrink::run(&host)));
    report.step("kotlin sample", || sample::run(&host, &published));
    report.step("kotlin apk", apk::run);
    report.step("kotlin trial", || Outcome::of(trial::run(&host)));
}

/// `cargo xtask size [MILESTONE]`: what the library for phones is made of, into `docs/size.md`.
pub(crate) fn write_size(milestone: Option<&str>) -> Result<(), String> {
    size::write(milestone)
}

/// `cargo xtask android-targets`: the library for devices, as far as it goes without the NDK.
pub(crate) fn add_targets(report: &mut Report) {
    report.step("android check", || Outcome::of(targets::check_all()));
    report.step("android size", || Outcome::of(targets::size()));
}

fn check_pages() -> Result<(), String> {
    pages::readme()?;
    pages::guide()?;
    pages::api()
}

fn build_host(built: &mut Option<Host>) -> Result<(), String> {
    let host = Host::build()?;
    check::host_library(&host)?;
    *built = Some(host);
    Ok(())
}

fn publish_for_devices(host: &Host) -> Result<publish::Published, String> {
    let libraries = DeviceLibraries::build(host)?;
    let published = publish(&libraries)?;
    println!("{}", libraries.explanation());
    Ok(published)
}

fn publish(libraries: &DeviceLibraries) -> Result<publish::Published, String> {
    let aars = assemble::aars(libraries)?;
    check::keep_rules(&aars)?;
    let published = publish::publish(&aars, libraries)?;
    announce(&published);
    Ok(published)
}

fn announce(published: &publish::Published) {
    println!("published {}", published.coordinates());
    println!("       in {}", published.repository.display());
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
