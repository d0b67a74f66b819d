//! No figure stands in prose without its source: each number in the sentences of the README and of `docs` is listed in
//! `xtask/figures.txt` with the file that it comes from, and that file contains it.
//!
//! Not read: code, tables (generated, or of settings), decisions (each is a record of its day), and numbers of
//! specifications, sections and versions.

use std::collections::BTreeSet;

use crate::{files, tool};

/// The list.
const LIST: &str = include_str!("../figures.txt");

/// Numbers after these words name something: a specification, a section, a version.
const NAMED: [&str; 25] = [
    "RFC", "XEP", "section", "sections", "Section", "TLS", "Android", "Debian", "Prosody",
    "ejabberd", "jabberd2", "Swift", "iOS", "Java", "JDK", "Kotlin", "schema", "schemas", "Schema",
    "Flight", "step", "Apache", "rule", "API", "Decision",
];

/// An entry of the list.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    page: &'a str,
    /// The words on the page, the figure among them.
    prose: &'a str,
    source: &'a str,
    /// What the source contains.
    text: &'a str,
}

/// Fails with each figure that is not listed, and each entry that is not true, a line each.
pub(crate) fn check() -> Result<(), String> {
    let entries = parse(LIST)?;
    let mut findings = Vec::new();
    let mut pages: BTreeSet<String> = tool::known_files()?
        .into_iter()
        .filter(|path| is_read(path))
        .collect();
    pages.extend(entries.iter().map(|entry| entry.page.to_owned()));
    for page in &pages {
        let text = prose(&files::read(&tool::workspace().join(page))?);
        let listed: Vec<&Entry> = entries.iter().filter(|entry| entry.page == page).collect();
        for entry in &listed {
            if !text.contains(entry.prose) {
                findings.push(format!("{page} does not say {:?} any more", entry.prose));
            }
        }
        for figure in figures(&without(&text, &listed)) {
            findings.push(format!(
                "{page}: {figure:?} has no source in xtask/figures.txt"
            ));
        }
    }
    for entry in &entries {
        let source = files::read(&tool::workspace().join(entry.source))?;
        if !squeezed(&source).contains(entry.text) {
            findings.push(format!(
                "{} does not contain {:?}, the source of {:?} in {}",
                entry.source, entry.text, entry.prose, entry.page
            ));
        }
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings.join("\n"))
    }
}

fn is_read(path: &str) -> bool {
    let is_page = path.ends_with(".md") && (path.starts_with("docs/") || !path.contains('/'));
    is_page && !path.starts_with("docs/decisions/") && !is_generated(path)
}

/// Pages that a command writes as a whole.
fn is_generated(path: &str) -> bool {
    path.starts_with("docs/networks/")
        || [
            "docs/coverage.md",
            "docs/protocol/flights.md",
            "docs/simulation.md",
        ]
        .contains(&path)
}

/// The list's lines: `page | words with the figure | source | text in it`.
fn parse(list: &str) -> Result<Vec<Entry<'_>>, String> {
    let lines = list.lines().zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|(line, number)| {
            let fields: Vec<&str> = line.splitn(4, '|').map(str::trim).collect();
            match fields.as_slice() {
                [page, prose, source, text] if !text.is_empty() => Ok(Entry {
                    page,
                    prose,
                    source,
                    text,
                }),
                _ => Err(format!("xtask/figures.txt:{number}: {line}")),
            }
        })
        .collect()
}

/// The sentences of a page on one line: no code, no tables, no comments, no link targets.
fn prose(page: &str) -> String {
    let mut kept = String::new();
    let mut in_block = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block && !line.starts_with('|') && !line.starts_with("<!--") {
            kept.push_str(without_item_number(line));
            kept.push(' ');
        }
    }
    squeezed(&without_targets(&kept))
}

/// `1. text` as `text`.
fn without_item_number(line: &str) -> &str {
    let trimmed = line.trim_start();
    match trimmed.split_once(". ") {
        Some((number, rest)) if number.len() < 3 && number.bytes().all(|b| b.is_ascii_digit()) => {
            rest
        }
        _ => line,
    }
}

/// `[text](target)` as `[text]`, and without code spans that hold no spaces, which are names.
fn without_targets(text: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        kept.push_str(before);
        kept.push(']');
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    kept.push_str(rest);
    kept.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text without what is listed.
fn without(text: &str, listed: &[&Entry]) -> String {
    listed
        .iter()
        .fold(text.to_owned(), |text, entry| text.replace(entry.prose, ""))
}

/// The figures in a text: numbers that do not name something. Each with the words around it.
fn figures(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split(' ').collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| words.get(at)).copied();
        if is_figure(word) && !before.is_some_and(|before| names_a_number(before, &words, at)) {
            let from = at.saturating_sub(2);
            let around = words.get(from..(at + 3).min(words.len()));
            found.push(around.unwrap_or_default().join(" "));
        }
    }
    found
}

/// `TLS 1.3`, `sections 4 and 5`.
fn names_a_number(before: &str, words: &[&str], at: usize) -> bool {
    let bare = before.trim_start_matches(['(', '[', '*']);
    let continues = matches!(bare, "and" | "or" | "to");
    NAMED.contains(&bare)
        || ((continues || bare.ends_with(','))
            && at >= 3
            && words
                .get(at - 3)
                .is_some_and(|word| NAMED.contains(&word.trim_start_matches(['(', '[']))))
}

/// A number of two or more digits, or with a fraction; not a part of a name such as `SHA-256`.
fn is_figure(word: &str) -> bool {
    let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    // Decisions have numbers such as 0012.
    let is_decision = digits == word.len() && word.starts_with('0');
    digits >= 2
        && !is_decision
        && word
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b'.' || b == b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_counted_or_measured_is_a_figure() {
        let page = "# 10 things\n\n1. RFC 6120 and TLS 1.3, sections 4.4 and 5.1: `x 99`\n\
                    | 77 | 78 |\n```\n88\n```\nSHA-256 took [12 ms](a/66.md), or 1,560 cuts\n";
        let text = prose(page);
        assert_eq!(
            figures(&text),
            [
                "# 10 things RFC",
                "SHA-256 took [12 ms], or",
                "ms], or 1,560 cuts"
            ]
        );
    }

    #[test]
    fn what_is_listed_is_left_out_and_nothing_else() {
        let entries = parse("# a\n\np.md | took 12 ms | t.md | 12\n").unwrap();
        assert_eq!(entries.len(), 1);
        let listed: Vec<&Entry> = entries.iter().collect();
        assert_eq!(
            figures(&without("it took 12 ms, then 13 ms", &listed)).len(),
            1
        );
        assert!(parse("p.md | no source").is_err());
    }
}
