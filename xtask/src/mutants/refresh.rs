//! Writes the patches anew for the production files as they are now. A patch that no longer applies is applied to the file that
//! it was made of, which git still has, and its branch carried over from there.

use std::path::Path;
use std::process::Command;

use super::patch::{self, Patch, git};
use super::{carry, copy};
use crate::{files, tool};

/// Refreshes all patches; those that need a person are named.
pub(super) fn all() -> Result<(), String> {
    let mut patches = patch::all()?;
    let is_there = |path: &str| tool::workspace().join(path).exists();
    if !patches.iter().flat_map(Patch::files).all(is_there) {
        let moves = moves()?;
        for patch in &mut patches {
            patch.follow(&moves, is_there)?;
        }
    }
    patch::all_of(patches.iter().map(one)).map(drop)
}

/// Files that were moved, with their new paths: what is staged, then the last commits, newest first.
fn moves() -> Result<Vec<(String, String)>, String> {
    let listed = |what: &[&str]| {
        let mut git = Command::new("git");
        git.args(what)
            .args(["--name-status", "--find-renames", "--diff-filter=R"]);
        tool::output(git.current_dir(tool::workspace()))
    };
    let mut lines = listed(&["diff", "--cached"])?;
    lines.push_str(&listed(&["log", "--max-count=300", "--format="])?);
    let paths = lines
        .lines()
        .filter_map(|line| line.split_once('\t')?.1.split_once('\t'));
    Ok(paths
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .collect())
}

fn one(patch: &Patch) -> Result<(), String> {
    let folder = copy::folder()?.join("refreshed");
    let (before, after) = (folder.join("before"), folder.join("after"));
    files::fresh(&folder)?;
    for path in patch.files() {
        let current = tool::workspace().join(path);
        let copied = files::copy(&current, &before.join(path))
            .and_then(|()| files::copy(&current, &after.join(path)));
        copied.map_err(|error| format!("{}: {error}", patch.name))?;
    }
    if let Err(why) = patch.apply(&after) {
        carry_over(patch, &folder).map_err(|conflict| format!("{why}\n{conflict}"))?;
        println!("{}: carried over", patch.name);
    }
    for (from, to) in [("before", "a"), ("after", "b")] {
        std::fs::rename(folder.join(from), folder.join(to)).map_err(|error| error.to_string())?;
    }
    // The names that git gives to the two sides. A line of context: more of them would be changed by edits that have nothing
    // to do with the mistake.
    let changed = difference(&folder, "a", "b", 1)?;
    let text = format!("{}{changed}", patch.title());
    if files::read(&patch.path)? == text {
        return Ok(());
    }
    files::write(&patch.path, &text)
}

/// Applies the patch to what it was made of, and changes the files in `after` likewise.
fn carry_over(patch: &Patch, folder: &Path) -> Result<(), String> {
    for (path, name) in patch.files().zip(patch.originals()) {
        let mut git = Command::new("git");
        git.args(["cat-file", "blob", name]);
        let original = tool::output(git.current_dir(tool::workspace()))?;
        files::write(&folder.join("base").join(path), &original)?;
        files::write(&folder.join("branch").join(path), &original)?;
    }
    patch.apply(&folder.join("branch"))?;
    for path in patch.files() {
        let between = |other: &str| {
            let other = format!("{other}/{path}");
            difference(folder, &format!("base/{path}"), &other, 0)
        };
        let after = folder.join("after").join(path);
        let text = carry::carry(
            &files::read(&after)?,
            &between("branch")?,
            &between("before")?,
        );
        let text = text.ok_or_else(|| format!("{path}: the lines that it changes have changed"))?;
        files::write(&after, &text)?;
    }
    Ok(())
}

/// What `git diff` prints for two files or folders.
fn difference(folder: &Path, from: &str, to: &str, context: u32) -> Result<String, String> {
    let mut git = git(folder);
    git.args(["diff", "--no-index", "--no-prefix", "--no-color"]);
    git.args(["--no-ext-diff", "--abbrev=12"]);
    git.arg(format!("--unified={context}")).args([from, to]);
    let output = git.output().map_err(|error| format!("git: {error}"))?;
    // As `diff` does: 1 says that there are differences.
    match output.status.code() {
        Some(0 | 1) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        _ => Err(format!(
            "git diff: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}
