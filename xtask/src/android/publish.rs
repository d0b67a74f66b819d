//! The library in a Maven repository: a folder that Gradle and Maven can read.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::assemble::{self, Aar};
use super::device::DeviceLibraries;
use super::{ARTIFACT, GROUP, folder, maven, sources};
use crate::files::{copy, read, write};
use crate::tool;

/// Where it is.
pub(super) struct Published {
    pub(super) repository: PathBuf,
    pub(super) version: String,
}

impl Published {
    pub(super) fn coordinates(&self) -> String {
        format!("{GROUP}:{ARTIFACT}:{}", self.version)
    }
}

/// A library that ours needs.
struct Dependency {
    group: &'static str,
    name: &'static str,
    version: String,
    /// Needed to compile against ours, not only to run.
    is_api: bool,
    is_aar: bool,
}

/// Puts everything into the repository.
pub(super) fn publish(aar: &Aar, libraries: &DeviceLibraries) -> Result<Published, String> {
    let version = libraries.version();
    let repository = folder().join("repository");
    let place = repository
        .join(GROUP.replace('.', "/"))
        .join(ARTIFACT)
        .join(&version);
    crate::files::fresh(&place)?;
    let file = |ending: &str| place.join(format!("{ARTIFACT}-{version}{ending}"));
    copy(&aar.file, &file(".aar"))?;
    write(&file(".pom"), &pom(&version)?)?;
    sources_jar(&file("-sources.jar"))?;
    documentation_jar(&file("-javadoc.jar"))?;
    let module = module(&version, &file(".aar"))?;
    write(&file(".module"), &module)?;
    let mut files = Vec::new();
    assemble::list_files(&place, &mut files)?;
    for file in files {
        for (tool, ending) in [
            ("sha256sum", "sha256"),
            ("sha1sum", "sha1"),
            ("md5sum", "md5"),
        ] {
            let sum = sum(tool, &file)?;
            write(&PathBuf::from(format!("{}.{ending}", file.display())), &sum)?;
        }
    }
    Ok(Published {
        repository,
        version,
    })
}

/// As `pom.xml` names them, so that what is compiled against and what is asked for are the same.
fn dependencies() -> Result<Vec<Dependency>, String> {
    let pom = read(&sources().join("pom.xml"))?;
    let version = |property: &str| {
        let open = format!("<{property}>");
        let close = format!("</{property}>");
        let rest = pom.split_once(&open).map(|(_, rest)| rest);
        rest.and_then(|rest| rest.split_once(&close))
            .map(|(version, _)| version.to_owned())
            .ok_or_else(|| format!("pom.xml has no {property}"))
    };
    Ok(vec![
        Dependency {
            group: "org.jetbrains.kotlin",
            name: "kotlin-stdlib",
            version: version("kotlin.version")?,
            is_api: true,
            is_aar: false,
        },
        Dependency {
            group: "org.jetbrains.kotlinx",
            name: "kotlinx-coroutines-core",
            version: version("coroutines.version")?,
            is_api: true,
            is_aar: false,
        },
        Dependency {
            group: "net.java.dev.jna",
            name: "jna",
            version: version("jna.version")?,
            is_api: false,
            is_aar: true,
        },
    ])
}

fn pom(version: &str) -> Result<String, String> {
    let mut listed = String::new();
    for dependency in dependencies()? {
        let scope = if dependency.is_api {
            "compile"
        } else {
            "runtime"
        };
        let kind = if dependency.is_aar {
            "\n      <type>aar</type>"
        } else {
            ""
        };
        listed.push_str(&format!(
            "    <dependency>\n      <groupId>{}</groupId>\n      <artifactId>{}</artifactId>\n      <version>{}</version>{kind}\n      <scope>{scope}</scope>\n    </dependency>\n",
            dependency.group, dependency.name, dependency.version
        ));
    }
    Ok(format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- do_not_remove: published-with-gradle-metadata -->
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>{GROUP}</groupId>
  <artifactId>{ARTIFACT}</artifactId>
  <version>{version}</version>
  <packaging>aar</packaging>
  <name>Snapback for Android</name>
  <description>An XMPP client library that is back at once, loses nothing, and explains itself</description>
  <licenses>
    <license><name>MIT</name></license>
    <license><name>Apache-2.0</name></license>
  </licenses>
  <dependencies>
{listed}  </dependencies>
</project>
"#
    ))
}

/// Gradle Module Metadata 1.1.
fn module(version: &str, aar: &Path) -> Result<String, String> {
    let name = aar
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let size = std::fs::metadata(aar)
        .map_err(|error| format!("{}: {error}", aar.display()))?
        .len();
    let files = format!(
        r#"[{{"name":"{name}","url":"{name}","size":{size},"sha512":"{}","sha256":"{}","sha1":"{}","md5":"{}"}}]"#,
        sum("sha512sum", aar)?,
        sum("sha256sum", aar)?,
        sum("sha1sum", aar)?,
        sum("md5sum", aar)?,
    );
    let api = dependency_list(|dependency| dependency.is_api)?;
    let runtime = dependency_list(|_| true)?;
    let variant = |name: &str, usage: &str, dependencies: &str| {
        format!(
            r#"{{"name":"{name}","attributes":{{"org.gradle.category":"library","org.gradle.dependency.bundling":"external","org.gradle.libraryelements":"aar","org.gradle.usage":"{usage}","org.jetbrains.kotlin.platform.type":"androidJvm"}},"dependencies":{dependencies},"files":{files}}}"#
        )
    };
    Ok(format!(
        "{{\"formatVersion\":\"1.1\",\"component\":{{\"group\":\"{GROUP}\",\"module\":\"{ARTIFACT}\",\"version\":\"{version}\",\"attributes\":{{\"org.gradle.status\":\"release\"}}}},\"variants\":[{},{}]}}\n",
        variant("releaseApiElements", "java-api", &api),
        variant("releaseRuntimeElements", "java-runtime", &runtime),
    ))
}

fn dependency_list(is_wanted: impl Fn(&Dependency) -> bool) -> Result<String, String> {
    let dependencies = dependencies()?;
    let listed: Vec<String> = dependencies
        .iter()
        .filter(|dependency| is_wanted(dependency))
        .map(|dependency| {
            let selector = if dependency.is_aar {
                format!(
                    r#","thirdPartyCompatibility":{{"artifactSelector":{{"name":"{}","type":"aar","extension":"aar"}}}}"#,
                    dependency.name
                )
            } else {
                String::new()
            };
            format!(
                r#"{{"group":"{}","module":"{}","version":{{"requires":"{}"}}{selector}}}"#,
                dependency.group, dependency.name, dependency.version
            )
        })
        .collect();
    Ok(format!("[{}]", listed.join(",")))
}

fn sources_jar(file: &Path) -> Result<(), String> {
    let collected = folder().join("sources");
    crate::files::fresh(&collected)?;
    assemble::copy_tree(&sources().join("src/main/kotlin"), &collected)?;
    assemble::copy_tree(&folder().join("generated"), &collected)?;
    assemble::zip(&collected, file)
}

fn documentation_jar(file: &Path) -> Result<(), String> {
    maven::documentation(&folder().join("generated"))?;
    assemble::zip(&folder().join("maven/dokka"), file)
}

fn sum(program: &str, file: &Path) -> Result<String, String> {
    let output = tool::output(Command::new(program).arg("--").arg(file))?;
    let sum = output.split(' ').next().unwrap_or_default();
    Ok(sum.trim_start_matches('\\').to_owned())
}
