//! The package as another project gets it: a clone of this repository, by its URL and a version.
//!
//! A package manager is stricter with such a package than with one in a folder: without flags of its own for compiler and
//! linker, and only with what is committed. The sample app is what depends on it.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::package;
use super::toolchain::Toolchain;
use crate::{files, tool};

/// How the sample names the package, in its own folder.
const BY_PATH: &str = ".package(name: \"Snapback\", path: \"../..\")";
const VERSION: &str = "1.0.0";
/// What the sample prints when all went well.
const SHOWN: [&str; 2] = ["bound after 5 round trips", "resumed after 3 round trips"];

/// Has the sample resolve, build and log in, lose its connection, and resume.
pub(super) fn check(swift: &Toolchain) -> Result<(), String> {
    let server = tool::test_server()?;
    let work = tool::target_folder().join("swift/consumer");
    files::fresh(&work)?;
    let repository = work.join("Snapback");
    clone_into(&repository)?;
    let app = work.join("app");
    write_app(&app, &repository)?;

    let run = |arguments: &[&str]| {
        let mut command = swift.command(&app, "swift", arguments);
        // What an earlier run has noted about this version is not true for this one.
        command.args(["--security-path", "security", "--cache-path", "cache"]);
        command
    };
    tool::run(&mut run(&["build", "--quiet"]))?;
    let mut command = run(&["run", "--skip-build"]);
    command.args(["snapback-sample", "--server"]).arg(server);
    let shown = tool::output(&mut command)?;
    print!("{shown}");
    match SHOWN.iter().find(|line| !shown.contains(**line)) {
        None => Ok(()),
        Some(line) => Err(format!("the sample did not print: {line}")),
    }
}

/// A repository of what would be committed, with a version.
fn clone_into(repository: &Path) -> Result<(), String> {
    for path in tool::known_files()? {
        let file = tool::workspace().join(&path);
        // One that was just removed is still known.
        if file.is_file() {
            files::copy(&file, &repository.join(&path))?;
        }
    }
    git(repository, &["init", "--quiet"])?;
    git(repository, &["add", "--all"])?;
    let author = [
        "-c",
        "user.name=Snapback",
        "-c",
        "user.email=snapback@localhost",
    ];
    let commit = ["commit", "--quiet", "--message", "a version"];
    git(repository, &[author.as_slice(), &commit].concat())?;
    git(repository, &["tag", VERSION])
}

fn git(folder: &Path, arguments: &[&str]) -> Result<(), String> {
    tool::run(Command::new("git").args(arguments).current_dir(folder))
}

/// The sample, but for how it names the package.
fn write_app(app: &Path, repository: &Path) -> Result<(), String> {
    let sample = package().join("Sample");
    let manifest = files::read(&sample.join("Package.swift"))?;
    if !manifest.contains(BY_PATH) {
        return Err(format!("the sample's manifest does not say `{BY_PATH}`"));
    }
    let by_url = format!(
        ".package(url: \"file://{}\", from: \"{VERSION}\")",
        repository.display()
    );
    files::write(
        &app.join("Package.swift"),
        &manifest.replace(BY_PATH, &by_url),
    )?;
    let sources = sample.join("Sources");
    let at = |error: std::io::Error| format!("{}: {error}", sources.display());
    for entry in fs::read_dir(&sources).map_err(at)? {
        let entry = entry.map_err(at)?;
        files::copy(&entry.path(), &app.join("Sources").join(entry.file_name()))?;
    }
    Ok(())
}
