//! The library for Apple's systems, and the manifest of a release, which names its archive by address and checksum.
//!
//! Both are made by `.github/workflows/release.yml` on a Mac; here the manifest is checked without them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::generated::MODULE;
use super::toolchain::Toolchain;
use super::{package, symbols};
use crate::files;
use crate::shipped;
use crate::tool;

const FRAMEWORK: &str = "Snapback.xcframework";
const ARCHIVE: &str = "Snapback.xcframework.zip";
/// The environment's variable with the address of all releases; each has a folder of its tag in there.
const RELEASES: &str = "SNAPBACK_RELEASE_URL";
/// How the manifest names a release begins so; it ends with the line before the next empty one.
const RELEASE: &str = "let release: (url: String, checksum: String)? =";
/// The line that says where the manifest is read.
const ON_LINUX: &str = "#if os(Linux)";
/// Each target of Rust, and the slice of the XCFramework that it goes into.
const SLICES: [(&str, &[&str]); 3] = [
    ("ios", &["aarch64-apple-ios"]),
    ("simulator", &["aarch64-apple-ios-sim", "x86_64-apple-ios"]),
    ("macos", &["aarch64-apple-darwin", "x86_64-apple-darwin"]),
];
/// SQLite's locking for file systems of Macs is not needed in an app's own folder. It brings `statfs`, and on some SDKs
/// `gethostuuid`, which apps may not call. Not in `LIBSQLITE3_FLAGS`: that would replace what `.cargo/config.toml` sets.
const SQLITE: &str = "-DSQLITE_ENABLE_LOCKING_STYLE=0 -DHAVE_GETHOSTUUID=0";
/// Programs of Xcode, found by `xcrun`.
const PROGRAMS: [&str; 3] = ["lipo", "xcodebuild", "codesign"];
const SDKS: [&str; 3] = ["iphoneos", "iphonesimulator", "macosx"];

/// Builds the XCFramework into `ios`, and its archive into the target folder. Signs it if `SNAPBACK_SIGNING_IDENTITY`
/// names an identity.
pub(crate) fn xcframework() -> Result<(), String> {
    let missing = missing();
    if !missing.is_empty() {
        return Err(format!("missing: {}", missing.join("; ")));
    }
    let work = tool::target_folder().join("swift/xcframework");
    files::fresh(&work)?;
    let headers = work.join("headers").join(MODULE);
    for file in [format!("{MODULE}.h"), "module.modulemap".to_owned()] {
        let committed = package().join("Generated").join(MODULE).join(&file);
        // In a folder of its own: headers of several libraries end up in one place.
        files::copy(&committed, &headers.join(&file))?;
    }
    let framework = package().join(FRAMEWORK);
    let _ = fs::remove_dir_all(&framework);
    let mut create = xcrun("xcodebuild");
    create.arg("-create-xcframework");
    for (slice, targets) in SLICES {
        let library = static_library(&work.join(slice), targets)?;
        create.arg("-library").arg(library);
        create.arg("-headers").arg(work.join("headers"));
    }
    tool::run(create.arg("-output").arg(&framework))?;
    if let Some(identity) = env::var_os("SNAPBACK_SIGNING_IDENTITY") {
        let mut sign = xcrun("codesign");
        sign.args(["--timestamp", "--sign"]).arg(identity);
        tool::run(sign.arg(&framework))?;
    }
    let _ = fs::remove_file(archive());
    let mut zip = Command::new("ditto");
    zip.args(["-c", "-k", "--sequesterRsrc", "--keepParent"]);
    tool::run(zip.arg(&framework).arg(archive()))
}

/// Names the archive that was built here in `Package.swift`, as the library of this version.
pub(crate) fn release(version: &str) -> Result<(), String> {
    if version != env!("CARGO_PKG_VERSION") {
        return Err(format!("Cargo.toml has another version than {version}"));
    }
    if !archive().is_file() {
        let archive = archive();
        return Err(format!(
            "{} is missing: `cargo xtask xcframework`",
            archive.display()
        ));
    }
    let mut command = Command::new("swift");
    command.args(["package", "compute-checksum"]).arg(archive());
    let checksum = tool::output(command.current_dir(tool::workspace()))?;
    let path = tool::workspace().join("Package.swift");
    let base = env::var(RELEASES).map_err(|error| format!("{RELEASES}: {error}"))?;
    let manifest = manifest(&files::read(&path)?, &base, version, checksum.trim())?;
    files::write(&path, &manifest)
}

/// Has the manifest of a release read as on Apple's systems: it must name the archive, and have no flags of its own, with
/// which it could not be depended on by version.
pub(super) fn check(swift: &Toolchain) -> Result<(), String> {
    let checksum = "0123456789abcdef".repeat(4);
    let path = tool::workspace().join("Package.swift");
    let base = "https://snapback.invalid/releases/";
    let released = manifest(&files::read(&path)?, base, "1.2.3", &checksum)?;
    let folder = tool::target_folder().join("swift/manifest");
    files::write(
        &folder.join("Package.swift"),
        &released.replace(ON_LINUX, "#if !os(Linux)"),
    )?;
    let binary = "\"type\":\"binary\"";
    let address = format!("/v1.2.3/{ARCHIVE}\"");
    let checksum = format!("\"checksum\":\"{checksum}\"");
    let dumped = dump(swift, &folder, None)?;
    // Neighbours in the alphabet, which is how the keys are sorted.
    for wanted in [
        checksum.as_str(),
        &address,
        binary,
        "\"platformName\":\"ios\",\"version\":\"15.0\"",
        "\"platformName\":\"macos\",\"version\":\"12.0\"",
        "\"name\":\"Snapback\",\"targets\":[\"Snapback\"],\"type\":{\"library\"",
    ] {
        if !dumped.contains(wanted) {
            return Err(format!("the release's manifest lacks {wanted}"));
        }
    }
    if dumped.contains("unsafeFlags") {
        return Err("the release's manifest has flags of its own".to_owned());
    }
    let local = dump(swift, &folder, Some("1"))?;
    if !local.contains(binary) || !local.contains(&format!("\"path\":\"ios/{FRAMEWORK}\"")) {
        return Err("SNAPBACK_LOCAL=1 does not choose the XCFramework of this clone".to_owned());
    }
    Ok(())
}

/// The manifest as the package manager reads it, without space.
fn dump(swift: &Toolchain, folder: &Path, local: Option<&str>) -> Result<String, String> {
    let mut command = swift.command(folder, "swift", ["package", "dump-package"]);
    command.env_remove("SNAPBACK_LOCAL");
    command.envs(local.map(|value| ("SNAPBACK_LOCAL", value)));
    let dumped: String = tool::output(&mut command)?.split_whitespace().collect();
    Ok(dumped.replace("\\/", "/"))
}

/// The manifest with the library of that version.
fn manifest(text: &str, base: &str, version: &str, checksum: &str) -> Result<String, String> {
    if checksum.len() != 64 || !checksum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("not a checksum: {checksum}"));
    }
    let base = base.trim_end_matches('/');
    let (before, rest) = text
        .split_once(RELEASE)
        .ok_or_else(|| format!("Package.swift does not say `{RELEASE}`"))?;
    let (_, after) = rest
        .split_once("\n\n")
        .ok_or("Package.swift ends with its release")?;
    Ok(format!(
        "{before}{RELEASE} (\n  url: \"{base}/v{version}/{ARCHIVE}\",\n  checksum: \"{checksum}\"\n)\n\n{after}"
    ))
}

fn archive() -> PathBuf {
    tool::target_folder().join("swift").join(ARCHIVE)
}

/// All that the build needs and this machine lacks, each with its remedy: nothing is built for minutes before it is known.
fn missing() -> Vec<String> {
    if !cfg!(target_os = "macos") {
        return vec!["a Mac with Xcode".to_owned()];
    }
    let mut missing = Vec::new();
    for program in PROGRAMS {
        if !succeeds(Command::new("xcrun").args(["--find", program])) {
            missing.push(format!("{program}: install Xcode"));
        }
    }
    for sdk in SDKS {
        if !succeeds(Command::new("xcrun").args(["--sdk", sdk, "--show-sdk-path"])) {
            let remedy = "install Xcode, and `sudo xcode-select --switch /Applications/Xcode.app`";
            missing.push(format!("the SDK {sdk}: {remedy}"));
        }
    }
    if let Err(error) = tool::objcopy() {
        missing.push(error);
    }
    let mut rustup = Command::new("rustup");
    let installed = tool::output(rustup.args(["target", "list", "--installed"]));
    missing.extend(missing_targets(installed.as_deref().unwrap_or_default()));
    missing
}

/// The command that installs what is not in the list of targets.
fn missing_targets(installed: &str) -> Option<String> {
    let needed = SLICES.iter().flat_map(|(_, targets)| *targets);
    let missing: Vec<&str> = needed
        .filter(|target| !installed.lines().any(|line| line == **target))
        .copied()
        .collect();
    (!missing.is_empty()).then(|| format!("`rustup target add {}`", missing.join(" ")))
}

fn succeeds(command: &mut Command) -> bool {
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn xcrun(program: &str) -> Command {
    let mut command = Command::new("xcrun");
    command.arg(program);
    command
}

/// Builds the package for a phone, with Xcode.
pub(super) fn build_for_ios() -> Result<(), String> {
    let mut command = xcrun("xcodebuild");
    command.args([
        "-scheme",
        "Snapback",
        "-destination",
        "generic/platform=iOS",
    ]);
    command.arg("-derivedDataPath");
    command.arg(tool::target_folder().join("swift/xcodebuild"));
    command.args(["-quiet", "build"]).env("SNAPBACK_LOCAL", "1");
    tool::run(command.current_dir(tool::workspace()))
}

fn static_library(folder: &Path, targets: &[&str]) -> Result<PathBuf, String> {
    files::make(folder)?;
    let library = folder.join("libsnapback_ffi.a");
    let mut join = xcrun("lipo");
    join.args(["-create", "-output"]).arg(&library);
    for target in targets {
        shipped::set_up(target)?;
        tool::run(&mut build(target))?;
        let built = tool::target_folder().join(target).join("phone");
        // Each architecture for itself: the tool does not read several in one file.
        let thin = folder.join(format!("{target}.a"));
        files::copy(&built.join("libsnapback_ffi.a"), &thin)?;
        symbols::rename(&thin)?;
        join.arg(thin);
    }
    tool::run(&mut join)?;
    Ok(library)
}

fn build(target: &str) -> Command {
    let mut cargo = shipped::library(target, &[], SQLITE);
    cargo.env("IPHONEOS_DEPLOYMENT_TARGET", "15.0");
    cargo.env("MACOSX_DEPLOYMENT_TARGET", "12.0");
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_sqlite_are_added_to_on_apple_s_systems_and_not_replaced() {
        let command = build("aarch64-apple-ios");
        let names: Vec<_> = command.get_envs().map(|(name, _)| name).collect();
        assert!(names.contains(&"CFLAGS_aarch64_apple_ios".as_ref()));
        assert!(!names.contains(&"LIBSQLITE3_FLAGS".as_ref()));
    }

    #[test]
    fn a_release_replaces_the_one_before_it() {
        let text = files::read(&tool::workspace().join("Package.swift")).unwrap();
        let first = manifest(&text, "https://a.invalid", "1.2.3", &"a".repeat(64)).unwrap();
        assert!(first.contains(&format!("/v1.2.3/{ARCHIVE}\",\n  checksum: \"aaa")));
        let second = manifest(&first, "https://a.invalid", "1.2.4", &"b".repeat(64)).unwrap();
        assert!(second.contains("/v1.2.4/") && !second.contains("/v1.2.3/"));
        assert_eq!(second.lines().count(), first.lines().count());
        assert!(manifest(&text, "https://a.invalid", "1.2.3", "not one").is_err());
    }

    #[test]
    fn missing_targets_are_named_with_their_remedy() {
        let all: Vec<&str> = SLICES
            .iter()
            .flat_map(|(_, targets)| *targets)
            .copied()
            .collect();
        assert_eq!(missing_targets(&all.join("\n")), None);
        let without_the_last = all.split_last().unwrap().1.join("\n");
        assert_eq!(
            missing_targets(&without_the_last).unwrap(),
            "`rustup target add x86_64-apple-darwin`"
        );
    }
}
