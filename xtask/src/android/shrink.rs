//! An app as R8 leaves it, run on this machine: what the rules for shrinking forget is missing only then.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::build::Host;
use super::maven::{self, maven};
use super::{assemble, folder, sources};
use crate::files::{copy, fresh, write};
use crate::tool;

const R8: &str = "com.android.tools:r8:8.7.18";
const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.9.0";
/// The program, and what it prints at its end.
const MAIN: &str = "im.snapback.Shrunk";
const DONE: &str = "ran shrunk";
/// What an app's own rules have: its entry. Android's classes are not there, and are not called.
const APP_RULES: &str = "-keep class im.snapback.Shrunk { public static void main(java.lang.String[]); }\n-dontwarn android.**\n-dontwarn java.lang.invoke.StringConcatFactory\n";

/// Shrinks what the tests have compiled, with the rules of the AARs, and runs it.
pub(super) fn run(host: &Host) -> Result<(), String> {
    let work = folder().join("shrunk");
    fresh(&work)?;
    let r8 = fetch(&work)?;
    let program = program(&work)?;
    let rules = work.join("rules.txt");
    write(&rules, APP_RULES)?;
    let shrunk = work.join("shrunk.jar");
    let mut shrink = Command::new("java");
    shrink.arg("-cp").arg(&r8).arg("com.android.tools.r8.R8");
    shrink
        .args(["--release", "--classfile", "--lib"])
        .arg(java_home()?);
    let of_the_aars =
        ["aar", "verifier/aar"].map(|place| sources().join(place).join("proguard.txt"));
    for rules in of_the_aars.iter().chain([&rules]) {
        shrink.arg("--pg-conf").arg(rules);
    }
    shrink.arg("--output").arg(&shrunk).arg(&program);
    tool::run(shrink.args(class_path(&work)?))?;
    let mut java = Command::new("java");
    java.arg(format!("-Djna.library.path={}", host.native.display()));
    java.arg("-cp").arg(&shrunk).arg(MAIN);
    let said = tool::output(java.arg(&host.test_server))?;
    if !said.contains(DONE) {
        return Err(format!("the shrunk program said: {said}"));
    }
    let size = |path: &Path| fs::metadata(path).map_or(0, |data| data.len());
    println!("{} bytes of classes, {DONE}", size(&shrunk));
    Ok(())
}

/// R8, of a fixed version.
pub(super) fn fetch(into: &Path) -> Result<PathBuf, String> {
    copy_artifact(R8, into)?;
    let version = R8.rsplit(':').next().unwrap_or_default();
    Ok(into.join(format!("r8-{version}.jar")))
}

/// Copies what Maven knows by these coordinates.
pub(super) fn copy_artifact(coordinates: &str, into: &Path) -> Result<(), String> {
    let mut maven = maven(&sources().join("pom.xml"));
    maven
        .arg(format!("{PLUGIN}:copy"))
        .arg(format!("-Dartifact={coordinates}"));
    tool::run(maven.arg(format!("-DoutputDirectory={}", into.display())))
}

/// The library's classes, and the program among the tests'.
fn program(work: &Path) -> Result<PathBuf, String> {
    let classes = work.join("classes");
    assemble::copy_tree(&folder().join("maven/classes"), &classes)?;
    let tests = folder().join("maven/test-classes/im/snapback");
    let mut found = Vec::new();
    assemble::list_files(&tests, &mut found)?;
    for file in found {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        if name == "Shrunk.class" || name.starts_with("Shrunk$") {
            copy(&file, &classes.join("im/snapback").join(&*name))?;
        }
    }
    let jar = work.join("program.jar");
    assemble::zip(&classes, &jar)?;
    Ok(jar)
}

/// What the library needs to run, as Maven knows it.
pub(super) fn class_path(work: &Path) -> Result<Vec<PathBuf>, String> {
    let list = work.join("class-path.txt");
    let mut maven = maven::maven(&sources().join("pom.xml"));
    maven.arg(format!("{PLUGIN}:build-classpath"));
    tool::run(
        maven
            .arg("-DincludeScope=runtime")
            .arg(format!("-Dmdep.outputFile={}", list.display())),
    )?;
    let listed = crate::files::read(&list)?;
    Ok(listed.trim().split(':').map(PathBuf::from).collect())
}

pub(super) fn java_home() -> Result<PathBuf, String> {
    let mut java = Command::new("java");
    java.args(["-XshowSettings:properties", "-version"]);
    let output = java.output().map_err(|error| format!("java: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    said.lines()
        .find_map(|line| line.trim().strip_prefix("java.home = "))
        .map(PathBuf::from)
        .ok_or_else(|| "java does not say where it is".to_owned())
}
