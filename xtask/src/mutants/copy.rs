//! The copy of the workspace that has all mistakes. Only files that differ are written, so that what did not change is not
//! compiled again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::FOLDER;
use super::patch::{Patch, all_of};
use crate::{files, simulate, tool};

/// The crate that all changed crates depend on: the choice of the mistake is added there.
const LOWEST_CRATE: &str = "rust-core/types/src/lib.rs";

/// Where the program gets a name of its own: both builds share a target folder, and with it the dependencies.
const MANIFEST: &str = "tests/simulation/Cargo.toml";
const PROGRAM: &str = "simulate-mistakes";

/// Where the crates get a version of their own. Without it cargo takes them for those of the workspace, of which it then
/// compiles no change: it looks at the times of the copy's files.
const WORKSPACE: &str = "Cargo.toml";
const VERSION: &str = "0.0.1-mistakes";

/// The folder of everything that is made here.
pub(super) fn folder() -> Result<PathBuf, String> {
    let folder = tool::target_folder().join("mutants");
    files::make(&folder)?;
    // Without links and dots: git compares its name with others.
    fs::canonicalize(&folder).map_err(|error| format!("{}: {error}", folder.display()))
}

/// A folder with the files that the patches change, after all of them are applied.
pub(super) fn patched(patches: &[Patch]) -> Result<PathBuf, String> {
    let folder = folder()?.join("patched");
    files::fresh(&folder)?;
    let named: BTreeSet<&str> = patches.iter().flat_map(Patch::files).collect();
    for path in named.into_iter().chain([LOWEST_CRATE, MANIFEST, WORKSPACE]) {
        let from = tool::workspace().join(path);
        // The patch that names a file which is gone does not apply, and says so.
        if from.exists() {
            files::copy(&from, &folder.join(path))?;
        }
    }
    all_of(patches.iter().map(|patch| patch.apply(&folder)))
        .map_err(|errors| format!("{errors}\n`cargo xtask mutants --refresh` may mend this"))?;
    let choice = files::read(&tool::workspace().join(FOLDER).join("planted.rs"))?;
    edit(&folder.join(LOWEST_CRATE), |text| {
        Some(format!("{text}{choice}"))
    })?;
    edit(&folder.join(MANIFEST), |text| {
        let (before, after) = text.split_once("name = \"simulate\"")?;
        Some(format!("{before}name = \"{PROGRAM}\"{after}"))
    })?;
    edit(&folder.join(WORKSPACE), |text| {
        let (before, after) = text.split_once("\nversion = \"")?;
        let (_, after) = after.split_once('"')?;
        Some(format!("{before}\nversion = \"{VERSION}\"{after}"))
    })?;
    Ok(folder)
}

fn edit(path: &Path, change: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    let changed = change(&files::read(path)?);
    let changed = changed.ok_or_else(|| format!("{}: not as expected", path.display()))?;
    files::write(path, &changed)
}

/// Builds the simulation with all mistakes, and returns the program.
pub(super) fn build(patches: &[Patch]) -> Result<PathBuf, String> {
    let patched = patched(patches)?;
    let tree = folder()?.join("tree");
    let paths: BTreeSet<PathBuf> = tool::known_files()?
        .into_iter()
        .map(PathBuf::from)
        .collect();
    for path in &paths {
        let source = [patched.join(path), tool::workspace().join(path)];
        if let Some(source) = source.iter().find(|source| source.is_file()) {
            write_if_different(source, &tree.join(path))?;
        }
    }
    remove_others(&tree, Path::new(""), &paths)?;
    let target = std::path::absolute(tool::target_folder()).map_err(|error| error.to_string())?;
    let mut cargo = simulate::build();
    cargo.current_dir(&tree).env("CARGO_TARGET_DIR", &target);
    tool::run(&mut cargo)?;
    Ok(target.join("simulation").join(PROGRAM))
}

fn write_if_different(from: &Path, to: &Path) -> Result<(), String> {
    let content = fs::read(from).map_err(|error| format!("{}: {error}", from.display()))?;
    if fs::read(to).is_ok_and(|known| known == content) {
        return Ok(());
    }
    // Not a copy with its times: cargo has to see that the file is new.
    if let Some(parent) = to.parent() {
        files::make(parent)?;
    }
    fs::write(to, content).map_err(|error| format!("{}: {error}", to.display()))
}

/// Removes what the workspace no longer has.
fn remove_others(tree: &Path, below: &Path, known: &BTreeSet<PathBuf>) -> Result<(), String> {
    let shown = |error| format!("{}: {error}", tree.join(below).display());
    for entry in fs::read_dir(tree.join(below)).map_err(shown)? {
        let entry = entry.map_err(shown)?;
        let path = below.join(entry.file_name());
        if entry.path().is_dir() {
            remove_others(tree, &path, known)?;
        } else if !known.contains(&path) || !tool::workspace().join(&path).exists() {
            fs::remove_file(entry.path()).map_err(shown)?;
        }
    }
    Ok(())
}
