//! The library for desktops and servers: a jar with the classes that need no Android, and with native libraries in the
//! folders that JNA reads.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::assemble::TESTING_PACKAGE;
use super::build::Host;
use super::{JVM, assemble, check, folder, sources};
use crate::files::{copy, fresh};
use crate::tool::{self, cargo};

/// JNA's name of a system with an architecture, and the name of a library there. `android/README.md` has the same table.
const NATIVES: [(&str, &str); 5] = [
    ("linux-x86-64", "libsnapback_ffi.so"),
    ("linux-aarch64", "libsnapback_ffi.so"),
    ("darwin-aarch64", "libsnapback_ffi.dylib"),
    ("darwin-x86-64", "libsnapback_ffi.dylib"),
    ("win32-x86-64", "snapback_ffi.dll"),
];

/// The systems that a release is for. The core has not been tried on the others.
const RELEASED: [&str; 3] = ["linux-x86-64", "linux-aarch64", "darwin-aarch64"];

/// A folder with libraries that were built on other machines, laid out as in the jar.
const OTHERS: &str = "SNAPBACK_JVM_NATIVES";

/// What is not in the jar, and what nothing in it refers to: what only Android has, and what is published apart.
const APART: [&str; 3] = ["im/snapback/android", "org/rustls", TESTING_PACKAGE];

/// The jar, before it is published.
pub(super) struct Jar {
    pub(super) file: PathBuf,
    pub(super) version: String,
    /// A folder with what it was compiled from.
    pub(super) sources: PathBuf,
}

/// Native libraries, in a folder for each system.
pub(super) struct Natives {
    folder: PathBuf,
    version: String,
}

impl Natives {
    /// Only for this machine, and not optimized.
    pub(super) fn debug(host: &Host) -> Result<Self, String> {
        let natives = folder().join("jvm/natives");
        fresh(&natives)?;
        let (system, name) = this_machine()?;
        let library = natives.join(system).join(name);
        copy(&host.library, &library)?;
        let mut strip = Command::new("strip");
        tool::run(strip.arg("--strip-unneeded").arg(&library))?;
        Ok(Self {
            folder: natives,
            version: format!("{}-debug", env!("CARGO_PKG_VERSION")),
        })
    }

    /// As it is shipped: with what was built on other machines, and for this one. If one is missing, the version names those
    /// that are there.
    pub(super) fn release(host: &Host) -> Result<Self, String> {
        let natives = folder().join("jvm/natives");
        fresh(&natives)?;
        for (system, name) in NATIVES {
            if let Some(library) = built_elsewhere(system, name) {
                copy(&library, &natives.join(system).join(name))?;
            }
        }
        let (system, name) = this_machine()?;
        let library = natives.join(system).join(name);
        if !library.is_file() {
            copy(&optimized(name)?, &library)?;
        }
        check::desktop_library(&library, host)?;
        let built: Vec<&str> = NATIVES
            .into_iter()
            .filter(|(system, name)| natives.join(system).join(name).is_file())
            .map(|(system, _)| system)
            .collect();
        Ok(Self {
            folder: natives,
            version: version(&built),
        })
    }
}

/// The systems of a release for which a library has to be built on another machine first.
pub(super) fn missing() -> Result<Vec<&'static str>, String> {
    let (this, _) = this_machine()?;
    Ok(NATIVES
        .into_iter()
        .filter(|(system, _)| RELEASED.contains(system) && *system != this)
        .filter(|(system, name)| built_elsewhere(system, name).is_none())
        .map(|(system, _)| system)
        .collect())
}

fn built_elsewhere(system: &str, name: &str) -> Option<PathBuf> {
    let library = PathBuf::from(env::var_os(OTHERS)?).join(system).join(name);
    library.is_file().then_some(library)
}

/// Puts the jar together from what Maven has compiled.
pub(super) fn jar(natives: Natives) -> Result<Jar, String> {
    let work = folder().join("jvm");
    let content = work.join("content");
    fresh(&content)?;
    without_android(&folder().join("maven/classes"), &content)?;
    let classes = work.join("classes.jar");
    assemble::zip(&content, &classes)?;
    needs_no_android(&classes)?;
    assemble::copy_tree(&natives.folder, &content)?;
    let file = folder().join(format!("{JVM}.jar"));
    assemble::zip(&content, &file)?;
    let collected = work.join("sources");
    fresh(&collected)?;
    without_android(&sources().join("src/main/kotlin"), &collected)?;
    assemble::copy_tree(&folder().join("generated"), &collected)?;
    Ok(Jar {
        file,
        version: natives.version,
        sources: collected,
    })
}

fn version(built: &[&str]) -> String {
    let version = env!("CARGO_PKG_VERSION");
    if RELEASED.iter().all(|system| built.contains(system)) {
        version.to_owned()
    } else {
        format!("{version}-{}", built.join("-"))
    }
}

fn optimized(name: &str) -> Result<PathBuf, String> {
    let mut cargo = cargo(&["build", "--package", "snapback-ffi", "--release"]);
    tool::run(cargo.env("CARGO_PROFILE_RELEASE_STRIP", "symbols"))?;
    Ok(tool::target_folder().join("release").join(name))
}

fn this_machine() -> Result<(&'static str, &'static str), String> {
    let system = match env::consts::OS {
        "macos" => "darwin",
        "windows" => "win32",
        other => other,
    };
    let name = format!("{system}-{}", env::consts::ARCH.replace('_', "-"));
    NATIVES
        .into_iter()
        .find(|(native, _)| *native == name)
        .ok_or_else(|| format!("there is no library for {name}"))
}

fn without_android(from: &Path, to: &Path) -> Result<(), String> {
    assemble::copy_tree(from, to)?;
    for part in APART {
        let part = to.join(part);
        if part.is_dir() {
            std::fs::remove_dir_all(&part)
                .map_err(|error| format!("{}: {error}", part.display()))?;
        }
    }
    Ok(())
}

/// No class of the jar refers to one that only Android has.
fn needs_no_android(classes: &Path) -> Result<(), String> {
    let mut jdeps = Command::new("jdeps");
    let listed = tool::output(jdeps.arg("-verbose:class").arg(classes))?;
    match android_in(&listed) {
        Some(reference) => Err(format!("{JVM} refers to {reference}")),
        None => Ok(()),
    }
}

/// The first class of what is apart that jdeps has listed as needed.
fn android_in(listed: &str) -> Option<&str> {
    let needed = listed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-> ")?.split(' ').next());
    let mut packages = APART.map(|path| path.replace('/', ".")).to_vec();
    packages.extend(["android".to_owned(), "androidx".to_owned()]);
    needed
        .into_iter()
        .find(|class| packages.iter().any(|package| is_in(class, package)))
}

fn is_in(class: &str, package: &str) -> bool {
    class
        .strip_prefix(package)
        .is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_jar_has_the_version_of_a_release() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(super::version(&RELEASED), version);
        assert_eq!(
            super::version(&["linux-x86-64", "win32-x86-64"]),
            format!("{version}-linux-x86-64-win32-x86-64")
        );
    }

    #[test]
    fn classes_of_android_are_found() {
        let listed = "classes.jar -> java.base\n   im.snapback.Jid  -> java.lang.Object java.base\n      -> androids.Name  not found\n";
        assert_eq!(android_in(listed), None);
        let listed = "   im.snapback.Jid (classes.jar)\n      -> kotlin.Unit   not found\n      -> android.content.Context   not found\n";
        assert_eq!(android_in(listed), Some("android.content.Context"));
        let listed = "      -> im.snapback.android.Verifier   not found\n";
        assert_eq!(android_in(listed), Some("im.snapback.android.Verifier"));
        let listed = "      -> im.snapback.testing.FakeSnapback   not found\n";
        assert_eq!(android_in(listed), Some("im.snapback.testing.FakeSnapback"));
    }

    #[test]
    fn the_guide_has_the_table_of_systems() {
        let guide = crate::files::read(&sources().join("README.md")).unwrap();
        for (system, name) in NATIVES {
            assert!(guide.contains(&format!("`{system}/{name}`")), "{system}");
        }
    }
}
