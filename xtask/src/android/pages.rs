//! Checks that the statements of pages about Kotlin are true.

use std::collections::BTreeSet;

use super::{assemble, sources};
use crate::files::read;
use crate::{api_page, tool};

const MARK: &str = "// README";
const GUIDE_MARK: &str = "// GUIDE\n";
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

/// The examples of the guide are those that are compiled, and the names in it exist.
pub(super) fn guide() -> Result<(), String> {
    let page = read(&sources().join("README.md"))?;
    let compiled = read(&sources().join("src/test/kotlin/im/snapback/android/Guide.kt"))?;
    let compiled: Vec<String> = (compiled.split(GUIDE_MARK).skip(1).step_by(2))
        .map(dedented)
        .collect();
    let printed: Vec<String> = (page.split("```kotlin\n").skip(1))
        .filter_map(|rest| rest.split("```").next())
        // Of Gradle, by the name of its file.
        .filter(|example| !example.starts_with("//"))
        .map(dedented)
        .collect();
    if printed != compiled {
        let position = (printed.iter().zip(&compiled)).position(|(one, other)| one != other);
        return Err(format!(
            "android/README.md has {} examples, Guide.kt {}; the first that differs: {position:?}",
            printed.len(),
            compiled.len()
        ));
    }
    let mut words = sources_words()?;
    let abi = read(&sources().join("api/snapback.api"))?;
    words.extend(
        abi.split(|c: char| !c.is_alphanumeric() && c != '_')
            .map(str::to_owned),
    );
    for name in guide_names(&page, &words) {
        if let Some(part) = name.split('.').find(|part| !words.contains(*part)) {
            return Err(format!(
                "android/README.md names {name}, and Kotlin has no {part}"
            ));
        }
    }
    Ok(())
}

/// Lines without the indentation that all of them have, and without empty ones at the ends.
fn dedented(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let common = text.lines().filter(|line| !line.trim().is_empty());
    let common = common.map(indent).min().unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .map(|line| line.get(common..).unwrap_or_default().trim_end())
        .collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

/// The names in the page that are to be in Kotlin: those of the column for Snapback, and members of types that it has.
fn guide_names<'a>(page: &'a str, words: &BTreeSet<String>) -> Vec<&'a str> {
    let is_name = |text: &&str| {
        let mut parts = text.split('.');
        parts.all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_'))
    };
    let (before, after) = (page.split_once("| Smack | Snapback |")).unwrap_or((page, ""));
    let (migration, after) = after.split_once("\n\n").unwrap_or((after, ""));
    let column = (migration.lines().skip(2))
        .filter_map(|line| line.split('|').nth(2))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2));
    let lines = before.lines().chain(after.lines());
    let members = (lines.filter(|line| !line.starts_with("```")))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .filter(|text| {
            let owner = text.split_once('.').map(|(owner, _)| owner);
            owner
                .is_some_and(|owner| owner.starts_with(char::is_uppercase) && words.contains(owner))
        });
    column.chain(members).filter(is_name).collect()
}

/// The words that the sources declare.
fn sources_words() -> Result<BTreeSet<String>, String> {
    let mut files = Vec::new();
    for folder in ["src/main/kotlin", "testing/src/main/kotlin"] {
        assemble::list_files(&sources().join(folder), &mut files)?;
    }
    let mut words = BTreeSet::new();
    for file in files {
        words.extend(declared(&read(&file)?));
    }
    Ok(words)
}

/// Every name of the Kotlin column is in the sources, and every public member of the client is in the column.
pub(super) fn api() -> Result<(), String> {
    let page = api_page::read()?;
    let listed = api_page::column(&page, KOTLIN_COLUMN);
    let words = sources_words()?;
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
    fn examples_are_compared_without_their_indentation() {
        assert_eq!(
            dedented("    a {\n\n        b\n    }\n    "),
            "a {\n\n    b\n}"
        );
    }

    #[test]
    fn names_of_the_guide_are_found() {
        let page = "Call `Jid.parse`, not `Log.i` or `a.db`.\n\n| Smack | Snapback |\n|---|---|\n| `Chat.send` | `send`, `Event.Gone` |\n\n`x`\n";
        let words = ["Chat", "Jid", "Event"].map(str::to_owned).into();
        assert_eq!(
            guide_names(page, &words),
            ["send", "Event.Gone", "Jid.parse"]
        );
    }

    #[test]
    fn members_are_those_that_others_see() {
        let source = "class A {\n    public val one: Int\n    private fun two() {}\n    public suspend fun three(\n        public val deep: Int\n    override fun close() {\n}\n";
        let expected: BTreeSet<String> = ["one", "three", "close"].map(str::to_owned).into();
        assert_eq!(members(source), expected);
    }
}
