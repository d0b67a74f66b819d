//! `docs/api.md`: the words for each capability, in each language; and the words that a source declares.

use crate::{files, tool};

pub(crate) fn read() -> Result<String, String> {
    files::read(&tool::workspace().join("docs/api.md"))
}

/// The table's, without its head.
pub(crate) fn rows(page: &str) -> impl Iterator<Item = &str> {
    page.lines().filter(|line| line.starts_with('|')).skip(2)
}

/// What stands between backquotes in a column of the table.
pub(crate) fn column(page: &str, number: usize) -> Vec<&str> {
    rows(page)
        .filter_map(|line| line.split('|').nth(number))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

/// Returns the words after these keywords.
pub(crate) fn declared(source: &str, keywords: &[&str]) -> Vec<String> {
    let words: Vec<&str> = source
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
        .collect();
    words
        .windows(2)
        .filter_map(|pair| match pair {
            [keyword, name] if keywords.contains(keyword) => Some((*name).to_owned()),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_gives_its_names() {
        let page =
            "| a | b | c |\n|---|---|---|\n| x | `one`, `Two.three` | `four` |\ntext `five`\n";
        assert_eq!(column(page, 2), ["one", "Two.three"]);
    }
}
