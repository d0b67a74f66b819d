//! The AAR: a zip of a known layout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::device::DeviceLibraries;
use super::{ARTIFACT, TESTING, VERIFIER, folder, sources};
use crate::files::{copy, fresh, make, write};
use crate::tool::{self, cargo};

/// So that the same sources give the same bytes. Zip knows no earlier year than 1980.
const DATE: &str = "1980-02-01T00:00:00Z";

const METADATA: &str = "aarFormatVersion=1.0\naarMetadataVersion=1.0\nminCompileSdk=24\nminAndroidGradlePluginVersion=1.0.0\n";

/// The classes that the certificate verifier's Rust half looks for, in an AAR of their own: an app may have them already.
const VERIFIER_PACKAGE: &str = "org/rustls";

/// The fake client for the tests of apps, in a jar of its own.
pub(super) const TESTING_PACKAGE: &str = "im/snapback/testing";

/// What was put together.
pub(super) struct Aars {
    pub(super) library: Aar,
    /// The Kotlin half of the certificate verifier.
    pub(super) verifier: Aar,
}

/// One AAR.
pub(super) struct Aar {
    pub(super) file: PathBuf,
    /// The names of all its classes.
    pub(super) classes: Vec<String>,
    /// Where its manifest and its rules for shrinking are written.
    pub(super) sources: PathBuf,
}

/// Puts the AARs together from what Maven has compiled and what was built for devices.
pub(super) fn aars(libraries: &DeviceLibraries) -> Result<Aars, String> {
    let classes = folder().join("classes");
    let verifier = folder().join("verifier-classes");
    fresh(&classes)?;
    fresh(&verifier)?;
    copy_tree(&folder().join("maven/classes"), &classes)?;
    copy_tree(
        &classes.join(VERIFIER_PACKAGE),
        &verifier.join(VERIFIER_PACKAGE),
    )?;
    for apart in [VERIFIER_PACKAGE, TESTING_PACKAGE] {
        let apart = classes.join(apart);
        fs::remove_dir_all(&apart).map_err(|error| format!("{}: {error}", apart.display()))?;
    }
    super::check::verifier_contract(&verifier, &upstream_verifier()?)?;
    Ok(Aars {
        library: aar(ARTIFACT, &classes, &sources().join("aar"), Some(libraries))?,
        verifier: aar(VERIFIER, &verifier, &sources().join("verifier/aar"), None)?,
    })
}

/// Puts the jar of the fake client together from what Maven has compiled.
pub(super) fn testing() -> Result<PathBuf, String> {
    let classes = folder().join("testing-classes");
    fresh(&classes)?;
    copy_tree(
        &folder().join("maven/classes").join(TESTING_PACKAGE),
        &classes.join(TESTING_PACKAGE),
    )?;
    let file = folder().join(format!("{TESTING}.jar"));
    zip(&classes, &file)?;
    Ok(file)
}

fn aar(
    name: &str,
    classes: &Path,
    sources: &Path,
    libraries: Option<&DeviceLibraries>,
) -> Result<Aar, String> {
    let content = folder().join("aar").join(name);
    fresh(&content)?;
    zip(classes, &content.join("classes.jar"))?;
    for file in ["AndroidManifest.xml", "proguard.txt"] {
        copy(&sources.join(file), &content.join(file))?;
    }
    write(&content.join("R.txt"), "")?;
    write(
        &content.join("META-INF/com/android/build/gradle/aar-metadata.properties"),
        METADATA,
    )?;
    let native = libraries.map(|libraries| &libraries.folder);
    if let Some(native) = native
        && fs::read_dir(native).is_ok_and(|mut entries| entries.next().is_some())
    {
        copy_tree(native, &content.join("jni"))?;
    }
    let file = folder().join(format!("{name}.aar"));
    zip(&content, &file)?;
    Ok(Aar {
        file,
        classes: list_classes(classes)?,
        sources: sources.to_owned(),
    })
}

/// A zip of a folder, the same for the same content.
pub(super) fn zip(content: &Path, file: &Path) -> Result<(), String> {
    if let Some(parent) = file.parent() {
        make(parent)?;
    }
    let mut jar = Command::new("jar");
    jar.args(["--create", "--no-manifest", "--date", DATE, "--file"]);
    tool::run(jar.arg(file).arg("-C").arg(content).arg("."))
}

/// Unpacks the classes that come inside the certificate verifier's crate, to compare ours with.
fn upstream_verifier() -> Result<PathBuf, String> {
    let unpacked = folder().join("upstream-verifier");
    fresh(&unpacked)?;
    extract(&verifier()?, &unpacked)?;
    let classes = unpacked.join("classes");
    fresh(&classes)?;
    extract(&unpacked.join("classes.jar"), &classes)?;
    Ok(classes)
}

pub(super) fn extract(archive: &Path, into: &Path) -> Result<(), String> {
    let mut jar = Command::new("jar");
    jar.arg("--extract").arg("--file").arg(archive);
    tool::run(jar.current_dir(into))
}

/// Where cargo has put the crate.
fn verifier() -> Result<PathBuf, String> {
    const CRATE: &str = "rustls-platform-verifier-android";
    let metadata = tool::output(&mut cargo(&[
        "metadata",
        "--format-version",
        "1",
        "--locked",
        "--filter-platform",
        "aarch64-linux-android",
    ]))?;
    let manifest = metadata
        .split("\"manifest_path\":\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .find(|path| path.contains(&format!("{CRATE}-")))
        .ok_or_else(|| format!("cargo knows no {CRATE}"))?;
    let repository = Path::new(manifest)
        .with_file_name("maven")
        .join("rustls/rustls-platform-verifier");
    let mut found = Vec::new();
    list_files(&repository, &mut found)?;
    found
        .into_iter()
        .find(|path| path.extension().is_some_and(|extension| extension == "aar"))
        .ok_or_else(|| format!("no AAR in {}", repository.display()))
}

pub(super) fn copy_tree(from: &Path, to: &Path) -> Result<(), String> {
    let mut files = Vec::new();
    list_files(from, &mut files)?;
    for file in files {
        let name = file.strip_prefix(from).map_err(|error| error.to_string())?;
        copy(&file, &to.join(name))?;
    }
    Ok(())
}

pub(super) fn list_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            list_files(&path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// The names of the classes in a folder, sorted.
fn list_classes(root: &Path) -> Result<Vec<String>, String> {
    let mut files = Vec::new();
    list_files(root, &mut files)?;
    let mut names = Vec::new();
    for file in files {
        let name = file.strip_prefix(root).map_err(|error| error.to_string())?;
        if let Some(name) = name.to_string_lossy().strip_suffix(".class") {
            names.push(name.replace('/', "."));
        }
    }
    names.sort();
    Ok(names)
}
