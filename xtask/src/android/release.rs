//! A release of the Kotlin artefacts: with libraries for all devices and machines, signed, and as an archive.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::build::Host;
use super::device::{self, DeviceLibraries};
use super::{assemble, folder, jvm, maven, publish};
use crate::files::{fresh, read, write};
use crate::tool;

/// Names the key to sign with, as `gpg --local-user` takes it.
const KEY: &str = "SNAPBACK_GPG_KEY";
/// The SHA-256 sums of what is released, which are committed and tagged.
const SUMS: &str = "android/released.sha256";
/// What Maven Central wants a signature of: all but checksums, signatures and lists of versions.
const SIGNED: [&str; 4] = ["aar", "jar", "module", "pom"];

/// Builds, checks, publishes into a folder, signs, and archives. Fails first if anything that it needs is missing.
pub(super) fn run(version: &str) -> Result<(), String> {
    let own = env!("CARGO_PKG_VERSION");
    if version != own {
        return Err(format!("Cargo.toml has version {own}, not {version}"));
    }
    if !device::has_ndk() {
        return Err("there is no Android NDK (ANDROID_NDK_HOME)".to_owned());
    }
    let missing = jvm::missing()?;
    if !missing.is_empty() {
        return Err(format!("no libraries for {}", missing.join(", ")));
    }
    let key = env::var(KEY).map_err(|_| format!("{KEY} does not name a key"))?;
    fresh(&folder().join("repository"))?;
    let host = Host::build()?;
    maven::package(&host)?;
    let libraries = DeviceLibraries::build(&host)?;
    let aar = super::publish(&libraries)?;
    let jar = publish::publish_jar(&jvm::jar(jvm::Natives::release(&host)?)?)?;
    for published in [&aar, &jar] {
        if published.version != version {
            return Err(format!("{} is not complete", published.coordinates()));
        }
    }
    finish(&aar.repository, version, &key)
}

fn finish(repository: &Path, version: &str, key: &str) -> Result<(), String> {
    let mut files = Vec::new();
    assemble::list_files(repository, &mut files)?;
    let signed: Vec<PathBuf> = files.into_iter().filter(|file| is_signed(file)).collect();
    for file in &signed {
        sign(file, key)?;
    }
    let sums = sums(repository, &signed)?;
    write(&tool::workspace().join(SUMS), &sums)?;
    let archive = folder().join(format!("snapback-kotlin-{version}.zip"));
    assemble::zip(repository, &archive)?;
    println!("{} files signed, in {}", signed.len(), archive.display());
    println!("commit {SUMS}, and tag that commit");
    Ok(())
}

fn is_signed(file: &Path) -> bool {
    let ending = file.extension().unwrap_or_default();
    SIGNED.iter().any(|signed| ending == *signed)
}

fn sign(file: &Path, key: &str) -> Result<(), String> {
    let mut gpg = Command::new("gpg");
    gpg.args(["--batch", "--yes", "--armor", "--local-user", key]);
    tool::run(gpg.arg("--detach-sign").arg(file))?;
    let signature = PathBuf::from(format!("{}.asc", file.display()));
    let mut verify = Command::new("gpg");
    verify.args(["--batch", "--quiet", "--verify"]);
    tool::run(verify.arg(&signature).arg(file))
}

/// A line for each file, as `sha256sum --check` reads them in the repository's folder.
fn sums(repository: &Path, files: &[PathBuf]) -> Result<String, String> {
    let mut lines = String::new();
    for file in files {
        let name = file
            .strip_prefix(repository)
            .map_err(|error| error.to_string())?;
        let sum = read(&PathBuf::from(format!("{}.sha256", file.display())))?;
        lines.push_str(&format!("{sum}  {}\n", name.display()));
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_signed() {
        assert!(is_signed(Path::new("a/b-1.aar")));
        assert!(is_signed(Path::new("a/b-1-sources.jar")));
        assert!(is_signed(Path::new("a/b-1.module")));
        assert!(!is_signed(Path::new("a/b-1.aar.sha1")));
        assert!(!is_signed(Path::new("a/maven-metadata.xml")));
    }

    #[test]
    fn another_version_is_refused() {
        assert!(run("0.0.0").unwrap_err().contains("not 0.0.0"));
    }

    #[test]
    fn the_workflow_calls_commands_that_exist() {
        let path = tool::workspace().join(".github/workflows/release.yml");
        let workflow = read(&path).unwrap();
        let commands = workflow.split("cargo xtask ").skip(1);
        let commands: Vec<&str> = commands
            .filter_map(|rest| rest.split_whitespace().next())
            .collect();
        assert!(commands.contains(&"release-android"));
        for command in commands {
            assert!(crate::USAGE.contains(&format!("  {command} ")), "{command}");
        }
    }
}
