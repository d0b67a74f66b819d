//! Checks that the statements of pages about Kotlin are true.

use std::collections::BTreeSet;

use super::{assemble, sources};
use crate::files::read;
use crate::{api_page, tool};

const MARK: &str = "// README";
const MAX_README_LINES: usize = 10;
const KOTLIN_COLUMN: usize = 2;

/// The example of README.md is the one that is compiled.
pub(super) fn readme() -> Result<(), String> {
    let compiled = read(&sources().join("src/test/kotlin/im/snapback/Readme.kt"))?;
    let printed = read(&tool::workspace().join("README.md"))?;
    let example = between(&printed, "```kotlin\n", "```").ok_or("README.md has no Kotlin")?;
    let expected = between(&compiled, MARK, MARK).ok_or("Readme.kt has no example")?;
    let lines = |text: &str, indent: usize| -> Vec<String> {
        let lines = text.lines().map(|line| {
            let cut = line.len() - line.trim_start().len();
            line.get(cut.min(indent)..).unwrap_or_default().to_owned()
        });
        lines.filter(|line| !line.trim().is_empty()).collect()
    };
    let (printed, compiled) = (lines(example, 0), lines(expected, 4));
    if printed != compiled {
        return Err("the Kotlin of README.md is not that of Readme.kt".to_owned());
    }
    if printed.len() > MAX_README_LINES {
        return Err(format!("{} lines of Kotlin in README.md", printed.len()));
    }
    Ok(())
}

/// Every name of the Kotlin column is in the sources, and every public member of the client is in the column.
pub(super) fn api() -> Result<(), String> {
    let page = api_page::read()?;
    let listed = api_page::column(&page, KOTLIN_COLUMN);
    let mut files = Vec::new();
    assemble::list_files(&sources().join("src/main/kotlin"), &mut files)?;
    let mut words = BTreeSet::new();
    for file in files {
        words.extend(declared(&read(&file)?));
    }
    for name in &listed {
        for part in name.split('.') {
            if !words.contains(part) {
                return Err(format!(
                    "docs/api.md names {name}, which Kotlin does not have"
                ));
            }
        }
    }
    let client = read(&sources().join("src/main/kotlin/im/snapback/SnapbackClient.kt"))?;
    let parts: BTreeSet<&str> = listed.iter().flat_map(|name| name.split('.')).collect();
    for member in members(&client) {
        if !parts.contains(member.as_str()) {
            return Err(format!("docs/api.md does not name SnapbackClient.{member}"));
        }
    }
    Ok(())
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(open)?;
    Some(rest.split_once(close)?.0)
}

/// Returns the names after `fun`, `val`, `class`, `object`, `interface` and `typealias`.
fn declared(source: &str) -> BTreeSet<String> {
    const KEYWORDS: [&str; 7] = [
        "fun",
        "val",
        "var",
        "class",
        "object",
        "interface",
        "typealias",
    ];
    api_page::declared(source, &KEYWORDS).into_iter().collect()
}

/// Public members of the class, one indentation deep, and what it overrides.
fn members(source: &str) -> BTreeSet<String> {
    let class = source.split("\n    public companion object").next();
    class
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with("public ") || line.starts_with("override "))
        .flat_map(declared)
        .filter(|name| name != "companion")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_those_that_others_see() {
        let source = "class A {\n    public val one: Int\n    private fun two() {}\n    public suspend fun three(\n        public val deep: Int\n    override fun close() {\n}\n";
        let expected: BTreeSet<String> = ["one", "three", "close"].map(str::to_owned).into();
        assert_eq!(members(source), expected);
    }
}
