//! An app that knows the library by its coordinates only.

use std::path::Path;

use super::assemble;
use super::build::Host;
use super::maven::{self, maven};
use super::publish::Published;
use super::{ARTIFACT, GROUP, VERIFIER, folder, sources};
use crate::files::fresh;
use crate::report::Outcome;
use crate::tool;

const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin";

/// Compiles it against Android's API, and runs what needs no Android on this machine, against the test server.
pub(super) fn run(host: &Host, published: &Published) -> Outcome {
    let project = sources().join("sample/pom.xml");
    let build = folder().join("sample");
    let settings = [
        format!("-Dsnapback.version={}", published.version),
        format!("-Dsnapback.repository={}", published.repository.display()),
        format!("-Dsnapback.build={}", build.display()),
        format!("-Dsnapback.native={}", host.native.display()),
        format!("-Dsnapback.test.server={}", host.test_server.display()),
    ];
    if let Err(failure) = unpack(&project, &settings, &build) {
        return Outcome::of(Err(failure));
    }
    maven::tested(maven(&project).args(&settings).arg("verify"), &build)
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
