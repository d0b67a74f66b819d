//! An app that knows the library by its coordinates only.

use super::assemble;
use super::build::Host;
use super::maven::maven;
use super::publish::Published;
use super::{folder, fresh, sources};
use crate::tool;

/// Compiles it against Android's API, and runs what needs no Android on this machine, against the test server.
pub(super) fn run(host: &Host, published: &Published) -> Result<(), String> {
    let project = sources().join("sample/pom.xml");
    let build = folder().join("sample");
    fresh(&build)?;
    let settings = [
        format!("-Dsnapback.version={}", published.version),
        format!("-Dsnapback.repository={}", published.repository.display()),
        format!("-Dsnapback.build={}", build.display()),
        format!("-Dsnapback.native={}", host.native.display()),
        format!("-Dsnapback.test.server={}", host.test_server.display()),
    ];
    // Maven cannot read an AAR: what Gradle would unpack is unpacked first.
    tool::run(
        maven(&project)
            .args(&settings)
            .arg("org.apache.maven.plugins:maven-dependency-plugin:copy"),
    )?;
    let unpacked = build.join("aar");
    assemble::extract(&unpacked.join("snapback.aar"), &unpacked)?;
    tool::run(maven(&project).args(&settings).arg("verify"))
}
