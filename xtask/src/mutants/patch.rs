//! One patch: the branch of one mistake, in one production file or several.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::FOLDER;
use crate::{files, tool};

/// A patch as `git diff` prints it, after a sentence about the mistake.
#[derive(Debug)]
pub(super) struct Patch {
    /// The name of its file without the ending, which the branch asks for.
    pub(super) name: String,
    pub(super) path: PathBuf,
    text: String,
}

/// All patches, by name. What is wrong with any of them is reported, not only the first.
pub(super) fn all() -> Result<Vec<Patch>, String> {
    let folder = tool::workspace().join(FOLDER);
    let entries = fs::read_dir(&folder).map_err(|error| format!("{FOLDER}: {error}"))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "patch"))
        .collect();
    paths.sort();
    if paths.is_empty() {
        return Err(format!("{FOLDER}: no patches"));
    }
    all_of(paths.iter().map(|path| Patch::read(path)))
}

/// The values, or all errors.
pub(super) fn all_of<T>(
    results: impl Iterator<Item = Result<T, String>>,
) -> Result<Vec<T>, String> {
    let mut errors = Vec::new();
    let values = results
        .filter_map(|result| result.map_err(|error| errors.push(error)).ok())
        .collect();
    if errors.is_empty() {
        Ok(values)
    } else {
        Err(errors.join("\n"))
    }
}

impl Patch {
    fn read(path: &Path) -> Result<Self, String> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Self::parse(&name, path, files::read(path)?)
    }

    fn parse(name: &str, path: &Path, text: String) -> Result<Self, String> {
        let patch = Self {
            name: name.to_owned(),
            path: path.to_owned(),
            text,
        };
        patch.verify().map_err(|what| format!("{name}: {what}"))?;
        Ok(patch)
    }

    fn verify(&self) -> Result<(), String> {
        if !self.title().trim_end().ends_with('.') {
            return Err("a sentence about the mistake is missing before the patch".to_owned());
        }
        if self.files().next().is_none() {
            return Err("no file is changed".to_owned());
        }
        let mut asked: Vec<&str> = self.text.split("planted(\"").skip(1).collect();
        asked.retain(|rest| rest.split('"').next() != Some(&self.name));
        match asked.first().and_then(|rest| rest.split('"').next()) {
            Some(other) => Err(format!("asks for another mistake, {other}")),
            None if !self.text.contains("planted(\"") => Err(format!(
                "asks nowhere for snapback_types::planted(\"{}\")",
                self.name
            )),
            None => Ok(()),
        }
    }

    /// What stands before the patch itself.
    pub(super) fn title(&self) -> &str {
        match self.text.split_once("diff --git ") {
            Some((title, _)) => title,
            None => &self.text,
        }
    }

    /// The files that it changes, as paths in the workspace.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.lines();
        lines.filter_map(|line| line.strip_prefix("+++ b/"))
    }

    /// The names that git gave to what was changed, in the order of the files.
    pub(super) fn originals(&self) -> impl Iterator<Item = &str> {
        let names = self
            .text
            .lines()
            .filter_map(|line| line.strip_prefix("index "));
        names.filter_map(|names| Some(names.split_once("..")?.0))
    }

    /// Names files that are gone by their new paths, if these are known.
    pub(super) fn follow(
        &mut self,
        moves: &[(String, String)],
        is_there: impl Fn(&str) -> bool,
    ) -> Result<(), String> {
        // A file that was moved twice has two moves, of which the newer stands first.
        for _ in 0..moves.len() {
            let is_gone = |from: &str| !is_there(from) && self.files().any(|path| path == from);
            let Some((from, to)) = moves.iter().find(|(from, _)| is_gone(from)) else {
                break;
            };
            self.text = self.text.replace(&format!("/{from}"), &format!("/{to}"));
        }
        files::write(&self.path, &self.text)
    }

    /// Applies it to the files in this folder.
    pub(super) fn apply(&self, folder: &Path) -> Result<(), String> {
        let mut git = git(folder);
        git.args(["apply", "--whitespace=nowarn"]).arg(&self.path);
        let output = git.output().map_err(|error| format!("git: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let why = String::from_utf8_lossy(&output.stderr);
        Err(format!("{} does not apply\n{}", self.name, why.trim_end()))
    }
}

/// `git` in a folder that belongs to no repository, although one may be around it.
pub(super) fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"] {
        git.env_remove(name);
    }
    let above = folder.parent().unwrap_or(folder);
    git.env("GIT_CEILING_DIRECTORIES", above);
    git.current_dir(folder);
    git
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "I3: a sentence.\n\ndiff --git a/one.rs b/one.rs\nindex 0123..4567 100644\n--- a/one.rs\n+++ b/one.rs\n@@ -1 +1,2 @@\n one\n+if snapback_types::planted(\"i3-x\") {}\n";

    fn parsed(name: &str, text: &str) -> Result<Patch, String> {
        Patch::parse(name, Path::new("i3-x.patch"), text.to_owned())
    }

    #[test]
    fn the_parts_of_a_patch_are_found() {
        let patch = parsed("i3-x", TEXT).unwrap();
        assert_eq!(patch.title(), "I3: a sentence.\n\n");
        assert_eq!(patch.files().collect::<Vec<_>>(), ["one.rs"]);
        assert_eq!(patch.originals().collect::<Vec<_>>(), ["0123"]);
    }

    #[test]
    fn a_patch_without_a_sentence_or_with_the_name_of_another_is_refused() {
        let refused = |name: &str, text: &str| parsed(name, text).unwrap_err();
        assert_eq!(
            refused("i3-y", TEXT),
            "i3-y: asks for another mistake, i3-x"
        );
        let silent = TEXT.replace("snapback_types::planted(\"i3-x\")", "true");
        assert!(refused("i3-x", &silent).contains("asks nowhere"));
        let untitled = TEXT.replace("I3: a sentence.", "");
        assert!(refused("i3-x", &untitled).contains("sentence"));
        assert!(refused("i3-x", "I3: a sentence.\n").contains("no file"));
    }

    #[test]
    fn a_file_that_was_moved_is_followed() {
        let path = folder("moves").join("i3-x.patch");
        let mut patch = Patch::parse("i3-x", &path, TEXT.to_owned()).unwrap();
        let moves = [("two.rs", "src/three.rs"), ("one.rs", "two.rs")];
        let moves = moves.map(|(from, to)| (from.to_owned(), to.to_owned()));
        patch.follow(&moves, |path| path == "src/three.rs").unwrap();
        assert_eq!(patch.files().collect::<Vec<_>>(), ["src/three.rs"]);
        let text = files::read(&path).unwrap();
        assert_eq!(text, TEXT.replace("/one.rs", "/src/three.rs"));
    }

    fn folder(name: &str) -> PathBuf {
        let folder = tool::target_folder().join("mutants/tests").join(name);
        files::fresh(&folder).unwrap();
        folder
    }

    #[test]
    fn all_patches_that_do_not_apply_are_named() {
        let folder = folder("applied");
        files::write(&folder.join("one.rs"), "other\n").unwrap();
        let patches = ["i3-x", "i3-z"].map(|name| {
            let path = folder.join(name).with_extension("patch");
            let text = TEXT.replace("i3-x", name);
            files::write(&path, &text).unwrap();
            Patch::parse(name, &path, text).unwrap()
        });
        let errors = all_of(patches.iter().map(|patch| patch.apply(&folder))).unwrap_err();
        assert!(errors.contains("i3-x does not apply") && errors.contains("i3-z does not apply"));
        files::write(&folder.join("one.rs"), "one\n").unwrap();
        patches[0].apply(&folder).unwrap();
        let text = files::read(&folder.join("one.rs")).unwrap();
        assert!(text.starts_with("one\nif snapback_types"), "{text}");
    }
}
