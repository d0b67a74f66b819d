//! An app that knows the library by its coordinates only.

use std::env;
use std::path::Path;

use super::assemble;
use super::build::Host;
use super::maven::{self, maven};
use super::publish::Published;
use super::{ARTIFACT, GROUP, VERIFIER, folder, sources};
use crate::files::{copy, fresh, read};
use crate::report::Outcome;
use crate::tool;

const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin";

/// In the repository.
const PICTURE: &str = "docs/android/sample.png";

/// Compiles it against Android's API, and runs what needs no Android on this machine, against the test server.
pub(super) fn run(host: &Host, published: &Published) -> Outcome {
    let project = sources().join("sample/pom.xml");
    let build = folder().join("sample");
    let settings = [
        format!("-Dsnapback.version={}", published.version),
        format!("-Dsnapback.repository={}", published.repository.display()),
        format!("-Dsnapback.build={}", build.display()),
        format!("-Dsnapback.native={}", host.native.display()),
        format!(
            "-Dsnapback.robolectric={}",
            folder().join("maven/robolectric").display()
        ),
        format!("-Dsnapback.test.server={}", host.test_server.display()),
    ];
    let prepared =
        unpack(&project, &settings, &build).and_then(|()| compile_with_oldest(&project, &settings));
    if let Err(failure) = prepared {
        return Outcome::of(Err(failure));
    }
    let mut outcome = maven::tested(maven(&project).args(&settings).arg("verify"), &build);
    if outcome.failure.is_none() {
        outcome.failure = picture(&build).err();
    }
    outcome
}

/// The activity as a test has drawn it, which the guide shows; `REGENERATE=1` replaces the one that is committed.
fn picture(build: &Path) -> Result<(), String> {
    let drawn = build.join("sample.png");
    let shown = tool::workspace().join(PICTURE);
    if env::var_os("REGENERATE").is_some() {
        copy(&drawn, &shown)?;
    }
    if !shown.is_file() {
        return Err(format!("there is no {PICTURE}"));
    }
    println!("{}", drawn.display());
    Ok(())
}

/// Compiles it with the oldest Kotlin that can use the library, which the guide names.
fn compile_with_oldest(project: &Path, settings: &[String]) -> Result<(), String> {
    let oldest = maven::property(&read(project)?, "kotlin.oldest")?;
    let series = oldest.rsplit_once('.').map_or("", |(series, _)| series);
    if !read(&sources().join("README.md"))?.contains(&format!("Kotlin {series}")) {
        return Err(format!("android/README.md does not name Kotlin {series}"));
    }
    let mut compile = maven(project);
    compile
        .args(settings)
        .arg(format!("-Dkotlin.version={oldest}"));
    tool::run(compile.arg("compile"))
}

fn unpack(project: &Path, settings: &[String], build: &Path) -> Result<(), String> {
    fresh(build)?;
    // Maven keeps what it has fetched before under the same version, and cannot read an AAR: what Gradle would unpack is
    // fetched anew and unpacked first.
    tool::run(
        maven(project)
            .args(settings)
            .arg(format!(
                "-DmanualInclude={GROUP}:{ARTIFACT},{GROUP}:{VERIFIER}"
            ))
            .args(["purge-local-repository", "copy"].map(|goal| format!("{PLUGIN}:{goal}"))),
    )?;
    let unpacked = build.join("aar");
    assemble::extract(&unpacked.join("snapback.aar"), &unpacked)
}
