//! The library in a Maven repository: a folder that Gradle and Maven can read.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::assemble::{self, Aars};
use super::device::DeviceLibraries;
use super::jvm::Jar;
use super::{ARTIFACT, GROUP, JVM, TESTING, VERIFIER, folder, maven, sources};
use crate::files::{copy, read, write};
use crate::tool;

/// Where the project is, unless `SNAPBACK_HOME_URL` names another place: the domain of the group.
const HOME: &str = "https://snapback.im";

fn home() -> String {
    env::var("SNAPBACK_HOME_URL").unwrap_or_else(|_| HOME.to_owned())
}

/// Where it is.
pub(super) struct Published {
    pub(super) repository: PathBuf,
    name: &'static str,
    pub(super) version: String,
}

impl Published {
    pub(super) fn coordinates(&self) -> String {
        format!("{GROUP}:{}:{}", self.name, self.version)
    }
}

/// What an artefact is, by its file's ending and by the words of Maven and Gradle for it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Packaging {
    Aar,
    Jar,
}

impl Packaging {
    fn ending(self) -> &'static str {
        match self {
            Self::Aar => "aar",
            Self::Jar => "jar",
        }
    }

    /// Gradle's attributes of the platform.
    fn platform(self) -> &'static str {
        match self {
            Self::Aar => r#""org.jetbrains.kotlin.platform.type":"androidJvm""#,
            Self::Jar => {
                r#""org.gradle.jvm.environment":"standard-jvm","org.gradle.jvm.version":8,"org.jetbrains.kotlin.platform.type":"jvm""#
            }
        }
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

/// What is published under a name of its own.
struct Artifact<'a> {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    file: &'a Path,
    packaging: Packaging,
    /// Folders with what it was compiled from.
    sources: Vec<PathBuf>,
    dependencies: Vec<Dependency>,
}

/// Puts the AARs into the repository.
pub(super) fn publish(aars: &Aars, libraries: &DeviceLibraries) -> Result<Published, String> {
    let version = libraries.version();
    maven::documentation(&folder().join("generated"))?;
    let library = Artifact {
        name: ARTIFACT,
        title: "Snapback for Android",
        description: "An XMPP client library that is back at once, loses nothing, and explains itself",
        file: &aars.library.file,
        packaging: Packaging::Aar,
        sources: vec![
            sources().join("src/main/kotlin"),
            folder().join("generated"),
        ],
        dependencies: android_dependencies(&version)?,
    };
    let verifier = Artifact {
        name: VERIFIER,
        title: "Snapback's certificate verifier for Android",
        description: "The Kotlin half of rustls-platform-verifier, which judges revocation by stapled answers only",
        file: &aars.verifier.file,
        packaging: Packaging::Aar,
        sources: vec![sources().join("verifier/src/main/kotlin")],
        dependencies: vec![standard_library()?],
    };
    verifier.publish(&version)?;
    publish_testing()?;
    library.publish(&version)
}

/// Puts the jar for desktops and servers into the repository. The documentation is the library's, which is made before.
pub(super) fn publish_jar(jar: &Jar) -> Result<Published, String> {
    let artifact = Artifact {
        name: JVM,
        title: "Snapback for the JVM",
        description: "An XMPP client library that is back at once, loses nothing, and explains itself: for desktops and servers",
        file: &jar.file,
        packaging: Packaging::Jar,
        sources: vec![jar.sources.clone()],
        dependencies: dependencies(Packaging::Jar)?,
    };
    publish_testing()?;
    artifact.publish(&jar.version)
}

/// Puts the jar of the fake client into the repository. It works with the AAR and with the jar, and so depends on neither.
fn publish_testing() -> Result<(), String> {
    let file = assemble::testing()?;
    let artifact = Artifact {
        name: TESTING,
        title: "Snapback's fake client",
        description: "A fake client of Snapback for the tests of apps, to be used beside the library of the same version",
        file: &file,
        packaging: Packaging::Jar,
        sources: vec![sources().join("testing/src/main/kotlin")],
        dependencies: common_dependencies()?,
    };
    artifact.publish(env!("CARGO_PKG_VERSION")).map(drop)
}

impl Artifact<'_> {
    fn publish(&self, version: &str) -> Result<Published, String> {
        let name = self.name;
        let repository = folder().join("repository");
        let versions = repository.join(GROUP.replace('.', "/")).join(name);
        let place = versions.join(version);
        crate::files::fresh(&place)?;
        let file = |ending: &str| place.join(format!("{name}-{version}{ending}"));
        let main = file(&format!(".{}", self.packaging.ending()));
        copy(self.file, &main)?;
        write(&file(".pom"), &self.pom(version))?;
        self.sources_jar(&file("-sources.jar"))?;
        assemble::zip(&folder().join("maven/dokka"), &file("-javadoc.jar"))?;
        let module = self.module(version, &main)?;
        write(&file(".module"), &module)?;
        let metadata = versions.join("maven-metadata.xml");
        write(&metadata, &self.metadata(&versions, version)?)?;
        let mut files = vec![metadata];
        assemble::list_files(&place, &mut files)?;
        for file in files {
            add_sums(&file)?;
        }
        Ok(Published {
            repository,
            name,
            version: version.to_owned(),
        })
    }

    /// Lists the versions that are in the repository.
    fn metadata(&self, versions: &Path, version: &str) -> Result<String, String> {
        let mut listed = Vec::new();
        let entries =
            fs::read_dir(versions).map_err(|error| format!("{}: {error}", versions.display()))?;
        for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            listed.push(format!("      <version>{name}</version>\n"));
        }
        listed.sort();
        Ok(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<metadata>\n  <groupId>{GROUP}</groupId>\n  <artifactId>{}</artifactId>\n  <versioning>\n    <latest>{version}</latest>\n    <versions>\n{}    </versions>\n  </versioning>\n</metadata>\n",
            self.name,
            listed.concat(),
        ))
    }

    fn sources_jar(&self, file: &Path) -> Result<(), String> {
        let collected = folder().join("sources").join(self.name);
        crate::files::fresh(&collected)?;
        for folder in &self.sources {
            assemble::copy_tree(folder, &collected)?;
        }
        assemble::zip(&collected, file)
    }

    fn pom(&self, version: &str) -> String {
        let mut listed = String::new();
        for dependency in &self.dependencies {
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
        let home = home();
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- do_not_remove: published-with-gradle-metadata -->
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>{GROUP}</groupId>
  <artifactId>{name}</artifactId>
  <version>{version}</version>
  <packaging>{packaging}</packaging>
  <name>{title}</name>
  <description>{description}</description>
  <url>{home}</url>
  <licenses>
    <license>
      <name>MIT</name>
      <url>https://opensource.org/license/mit</url>
    </license>
    <license>
      <name>Apache-2.0</name>
      <url>https://www.apache.org/licenses/LICENSE-2.0.txt</url>
    </license>
  </licenses>
  <developers>
    <developer>
      <name>The Snapback contributors</name>
      <url>{home}</url>
    </developer>
  </developers>
  <scm>
    <url>{home}</url>
    <connection>scm:git:{home}.git</connection>
  </scm>
  <dependencies>
{listed}  </dependencies>
</project>
"#,
            name = self.name,
            packaging = self.packaging.ending(),
            title = self.title,
            description = self.description,
        )
    }

    /// Gradle Module Metadata 1.1.
    fn module(&self, version: &str, main: &Path) -> Result<String, String> {
        let name = main
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        let size = fs::metadata(main)
            .map_err(|error| format!("{}: {error}", main.display()))?
            .len();
        let files = format!(
            r#"[{{"name":"{name}","url":"{name}","size":{size},"sha512":"{}","sha256":"{}","sha1":"{}","md5":"{}"}}]"#,
            sum("sha512sum", main)?,
            sum("sha256sum", main)?,
            sum("sha1sum", main)?,
            sum("md5sum", main)?,
        );
        let api = dependency_list(
            self.dependencies
                .iter()
                .filter(|dependency| dependency.is_api),
        );
        let runtime = dependency_list(self.dependencies.iter());
        let (elements, platform) = (self.packaging.ending(), self.packaging.platform());
        let variant = |name: &str, usage: &str, dependencies: &str| {
            format!(
                r#"{{"name":"{name}","attributes":{{"org.gradle.category":"library","org.gradle.dependency.bundling":"external","org.gradle.libraryelements":"{elements}","org.gradle.usage":"{usage}",{platform}}},"dependencies":{dependencies},"files":{files}}}"#
            )
        };
        Ok(format!(
            "{{\"formatVersion\":\"1.1\",\"component\":{{\"group\":\"{GROUP}\",\"module\":\"{module}\",\"version\":\"{version}\",\"attributes\":{{\"org.gradle.status\":\"release\"}}}},\"variants\":[{},{}]}}\n",
            variant("releaseApiElements", "java-api", &api),
            variant("releaseRuntimeElements", "java-runtime", &runtime),
            module = self.name,
        ))
    }
}

/// A version as `pom.xml` names it, so that what is compiled against and what is asked for are the same.
fn version_of(property: &str) -> Result<String, String> {
    maven::property(&read(&sources().join("pom.xml"))?, property)
}

fn standard_library() -> Result<Dependency, String> {
    Ok(Dependency {
        group: "org.jetbrains.kotlin",
        name: "kotlin-stdlib",
        version: version_of("stdlib.version")?,
        is_api: true,
        is_aar: false,
    })
}

/// What the library needs on Android; `own` is its own version.
fn android_dependencies(own: &str) -> Result<Vec<Dependency>, String> {
    let mut needed = dependencies(Packaging::Aar)?;
    needed.push(Dependency {
        group: GROUP,
        name: VERIFIER,
        version: own.to_owned(),
        is_api: false,
        is_aar: true,
    });
    Ok(needed)
}

/// What the library needs everywhere; JNA is in a file of the same kind.
fn dependencies(packaging: Packaging) -> Result<Vec<Dependency>, String> {
    let mut needed = common_dependencies()?;
    needed.push(Dependency {
        group: "net.java.dev.jna",
        name: "jna",
        version: version_of("jna.version")?,
        is_api: false,
        is_aar: packaging == Packaging::Aar,
    });
    Ok(needed)
}

/// What the library and the fake client need.
fn common_dependencies() -> Result<Vec<Dependency>, String> {
    Ok(vec![
        standard_library()?,
        Dependency {
            group: "org.jetbrains.kotlinx",
            name: "kotlinx-coroutines-core",
            version: version_of("coroutines.version")?,
            is_api: true,
            is_aar: false,
        },
    ])
}

fn dependency_list<'a>(dependencies: impl Iterator<Item = &'a Dependency>) -> String {
    let listed: Vec<String> = dependencies
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
    format!("[{}]", listed.join(","))
}

/// Writes the checksums of a file beside it.
fn add_sums(file: &Path) -> Result<(), String> {
    for (tool, ending) in [
        ("sha512sum", "sha512"),
        ("sha256sum", "sha256"),
        ("sha1sum", "sha1"),
        ("md5sum", "md5"),
    ] {
        let sum = sum(tool, file)?;
        write(&PathBuf::from(format!("{}.{ending}", file.display())), &sum)?;
    }
    Ok(())
}

fn sum(program: &str, file: &Path) -> Result<String, String> {
    let output = tool::output(Command::new(program).arg("--").arg(file))?;
    let sum = output.split(' ').next().unwrap_or_default();
    Ok(sum.trim_start_matches('\\').to_owned())
}
