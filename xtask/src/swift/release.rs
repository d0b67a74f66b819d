//! What is published: a tree with the package, the generated binding in it, and a manifest that names the XCFramework's
//! archive by address and checksum.
//!
//! The XCFramework needs Xcode. Where that is missing, the tree is written and its manifest checked with a stand-in for
//! the archive; it is marked as such and nothing to publish.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::generated::MODULE;
use super::package;
use super::toolchain::Toolchain;
use crate::files;
use crate::tool::{self, cargo};

const ARCHIVE: &str = "Snapback.xcframework.zip";
/// The line of the development manifest that a release replaces.
const UNRELEASED: &str = "let release: (url: String, checksum: String)? = nil";
/// The line that says where the manifest is read.
const ON_LINUX: &str = "#if os(Linux)";
/// Each target of Rust, and the slice of the XCFramework that it goes into.
const SLICES: [(&str, &[&str]); 3] = [
    ("ios", &["aarch64-apple-ios"]),
    ("simulator", &["aarch64-apple-ios-sim", "x86_64-apple-ios"]),
    ("macos", &["aarch64-apple-darwin", "x86_64-apple-darwin"]),
];

/// SQLite's locking for file systems of Macs is not needed in an app's own folder. It brings `statfs`, and on some SDKs
/// `gethostuuid`, which apps may not call.
const SQLITE: &str = "-DSQLITE_ENABLE_LOCKING_STYLE=0 -DHAVE_GETHOSTUUID=0";

/// Writes the release tree and checks its manifest.
pub(super) fn check(swift: &Toolchain) -> Result<(), String> {
    let tree = tool::target_folder().join("swift/release");
    let _ = fs::remove_dir_all(&tree);
    for folder in ["Sources", "Generated/SnapbackFFI"] {
        copy(&package().join(folder), &tree.join(folder))?;
    }
    let archive = tool::target_folder().join("swift").join(ARCHIVE);
    if has_xcode() {
        build_archive(&archive)?;
    } else {
        println!("no Xcode: the archive is a stand-in, and this tree nothing to publish");
        write(
            &archive,
            b"a stand-in for an XCFramework: nothing to publish\n",
        )?;
        write(
            &tree.join("NOT-FOR-PUBLICATION"),
            b"The library was not built with Xcode.\n",
        )?;
    }
    let arguments = ["package", "compute-checksum", &archive.to_string_lossy()];
    let checksum = tool::output(&mut swift.command(&package(), "swift", arguments))?;
    let manifest = manifest(checksum.trim())?;
    write(&tree.join("Package.swift"), manifest.as_bytes())?;
    manifest_is_right(swift, &manifest, checksum.trim())
}

/// The manifest of a release. `SNAPBACK_RELEASE_URL` says where the archives are.
fn manifest(checksum: &str) -> Result<String, String> {
    if checksum.len() != 64 || !checksum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("not a checksum: {checksum}"));
    }
    let base = std::env::var("SNAPBACK_RELEASE_URL");
    let base = base.unwrap_or_else(|_| "https://snapback.invalid".to_owned());
    let development = package().join("Package.swift");
    let text =
        fs::read_to_string(&development).map_err(|error| format!("Package.swift: {error}"))?;
    if !text.contains(UNRELEASED) {
        return Err(format!("Package.swift does not say `{UNRELEASED}`"));
    }
    let release = format!(
        "let release: (url: String, checksum: String)? = (\n  url: \"{}/{ARCHIVE}\",\n  checksum: \"{checksum}\"\n)",
        base.trim_end_matches('/')
    );
    Ok(text.replace(UNRELEASED, &release))
}

/// Has the manifest read as on Apple's systems: it must name the archive, and nothing that a release does not have.
fn manifest_is_right(swift: &Toolchain, manifest: &str, checksum: &str) -> Result<(), String> {
    let folder = tool::target_folder().join("swift/manifest");
    write(
        &folder.join("Package.swift"),
        manifest.replace(ON_LINUX, "#if !os(Linux)").as_bytes(),
    )?;
    let dumped = tool::output(&mut swift.command(&folder, "swift", ["package", "dump-package"]))?;
    let squeezed: String = dumped.split_whitespace().collect();
    let squeezed = squeezed.replace("\\/", "/");
    // Neighbours in the alphabet, which is how the keys are sorted.
    for wanted in [
        format!("\"checksum\":\"{checksum}\""),
        format!("/{ARCHIVE}\""),
        "\"type\":\"binary\"".to_owned(),
        "\"platformName\":\"ios\",\"version\":\"15.0\"".to_owned(),
        "\"platformName\":\"macos\",\"version\":\"12.0\"".to_owned(),
        "\"name\":\"Snapback\",\"targets\":[\"Snapback\"],\"type\":{\"library\"".to_owned(),
    ] {
        if !squeezed.contains(&wanted) {
            return Err(format!("the release's manifest lacks {wanted}"));
        }
    }
    // A package with such flags cannot be depended on by version.
    for unwanted in ["unsafeFlags", "snapback-phone", "Tests"] {
        if squeezed.contains(unwanted) {
            return Err(format!("the release's manifest has {unwanted}"));
        }
    }
    Ok(())
}

fn has_xcode() -> bool {
    let found = Command::new("xcodebuild")
        .arg("-version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    found.is_ok_and(|status| status.success())
}

/// The static library for each of Apple's systems, as an XCFramework, zipped.
fn build_archive(archive: &Path) -> Result<(), String> {
    let work = tool::target_folder().join("swift/xcframework");
    let _ = fs::remove_dir_all(&work);
    let headers = work.join("headers");
    // In a folder of its own: headers of several libraries end up in one place.
    copy(
        &package().join("Generated").join(MODULE),
        &headers.join(MODULE),
    )?;
    let framework = package().join("Generated/Snapback.xcframework");
    let _ = fs::remove_dir_all(&framework);
    let mut create = Command::new("xcodebuild");
    create.arg("-create-xcframework");
    for (slice, targets) in SLICES {
        let library = static_library(&work.join(slice), targets)?;
        create
            .arg("-library")
            .arg(library)
            .arg("-headers")
            .arg(&headers);
    }
    tool::run(create.arg("-output").arg(&framework))?;
    let _ = fs::remove_file(archive);
    let mut zip = Command::new("ditto");
    zip.args(["-c", "-k", "--sequesterRsrc", "--keepParent"]);
    tool::run(zip.arg(&framework).arg(archive))
}

fn static_library(folder: &Path, targets: &[&str]) -> Result<PathBuf, String> {
    files::make(folder)?;
    let library = folder.join("libsnapback_ffi.a");
    let mut join = Command::new("lipo");
    join.args(["-create", "-output"]).arg(&library);
    for target in targets {
        let arguments = [
            "build",
            "--profile",
            "phone",
            "--package",
            "snapback-ffi",
            "--target",
            target,
        ];
        let mut cargo = cargo(&arguments);
        cargo.env("LIBSQLITE3_FLAGS", SQLITE);
        cargo.env("IPHONEOS_DEPLOYMENT_TARGET", "15.0");
        tool::run(cargo.env("MACOSX_DEPLOYMENT_TARGET", "12.0"))?;
        let built = tool::target_folder().join(target).join("phone");
        join.arg(built.join("libsnapback_ffi.a"));
    }
    tool::run(&mut join)?;
    Ok(library)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    super::write_if_changed(path, bytes)
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let at = |error: std::io::Error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).map_err(at)?;
    for entry in fs::read_dir(from).map_err(at)? {
        let path = entry.map_err(at)?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target).map_err(at)?;
        }
    }
    Ok(())
}
