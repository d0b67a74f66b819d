//! `docs/api.md`: the words for each capability, in each language. The column of Swift is true, and none lacks anything.

use std::collections::BTreeSet;
use std::path::Path;

use super::package;
use crate::api_page::{self, column, rows};
use crate::files::read;

const SWIFT_COLUMN: usize = 3;
const LANGUAGES: usize = 2;
/// What declares a name.
const KEYWORDS: [&str; 9] = [
    "func",
    "var",
    "let",
    "case",
    "struct",
    "class",
    "enum",
    "protocol",
    "typealias",
];

/// Every name of the column is in the sources, and every public member of the client is in the column.
pub(super) fn check() -> Result<(), String> {
    let page = api_page::read()?;
    if let Some(row) = rows(&page).find(|row| is_incomplete(row)) {
        return Err(format!("docs/api.md: a language is missing: {row}"));
    }
    let listed = column(&page, SWIFT_COLUMN);
    let mut declared = BTreeSet::new();
    for file in super::apple::sources(&package().join("Sources"))? {
        declared.extend(read(Path::new(&file))?.lines().flat_map(declarations));
    }
    let parts: BTreeSet<String> = listed
        .iter()
        .flat_map(|name| name.split('.'))
        .map(str::to_owned)
        .collect();
    if let Some(name) = parts.iter().find(|name| !declared.contains(*name)) {
        return Err(format!(
            "docs/api.md names {name}, which Swift does not have"
        ));
    }
    let client = read(&package().join("Sources/Snapback/SnapbackClient.swift"))?;
    let members: BTreeSet<String> = client
        .lines()
        .filter_map(|line| line.strip_prefix("  public "))
        .flat_map(declarations)
        .collect();
    // Those of `Message`, which stands in the same file, are named by it.
    let of_message = ["to", "body", "type", "id", "thread", "extensions"];
    match members
        .iter()
        .find(|name| !parts.contains(*name) && !of_message.contains(&name.as_str()))
    {
        None => Ok(()),
        Some(name) => Err(format!("docs/api.md does not name SnapbackClient.{name}")),
    }
}

/// What one language can do, the others can.
fn is_incomplete(row: &str) -> bool {
    let words = |cell: &str| cell.contains('`');
    row.split('|').skip(2).filter(|cell| words(cell)).count() != LANGUAGES
}

fn declarations(line: &str) -> Vec<String> {
    api_page::declared(line, &KEYWORDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_and_the_declarations_are_found() {
        let page =
            "| a | Kotlin | Swift |\n|---|---|---|\n| x | `one` | `two`, `Three.four` |\n`five`\n";
        assert_eq!(column(page, SWIFT_COLUMN), ["two", "Three.four"]);
        assert!(!rows(page).any(is_incomplete));
        assert!(is_incomplete("| y | `one` | |"));
        assert_eq!(declarations("  public static func open("), ["open"]);
        assert_eq!(
            declarations("  public func send(to: Jid, _ body: String)"),
            ["send"]
        );
    }
}
