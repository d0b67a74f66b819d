//! The words of this project are the field's (`docs/glossary.md`): those that once stood in their place are refused in
//! names, documents and comments.
//!
//! `xtask/words.txt` lists them. A word that is still in use is counted, not refused, until its last use is renamed.

mod scan;

use std::fmt::Write as _;
use std::path::Path;

use crate::{files, tool};
use scan::{Text, Token};

/// The list.
const LIST: &str = include_str!("../../words.txt");

/// Files that speak of the words themselves.
const ABOUT_WORDS: [&str; 2] = ["xtask/words.txt", "xtask/src/words/"];

/// Written by machines, from sources that are read.
const GENERATED: &str = "ios/Generated/";

/// What is read: sources, and documents. Data (corpora, scenarios) is not.
const READ: [&str; 9] = [
    "rs", "kt", "kts", "java", "swift", "md", "toml", "lua", "sql",
];

/// Whether a word may stand anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Any use is a finding.
    Refused,
    /// Uses are counted.
    Remains,
}

/// What a word is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// These words in a row, in any case, in names as well as in sentences.
    Phrase(Vec<String>),
    /// A name in code, to the letter.
    Name(String),
    /// What a name in code begins with, to the letter.
    Prefix(String),
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Word {
    rule: Rule,
    pattern: Pattern,
    shown: String,
    instead: String,
}

/// Fails with each use of a refused word, a line each; shows what remains of the others.
pub(crate) fn check() -> Result<(), String> {
    let words = parse(LIST)?;
    let mut findings = Vec::new();
    let mut counts = vec![0_usize; words.len()];
    for path in paths()? {
        if ABOUT_WORDS.iter().any(|about| path.starts_with(about)) {
            continue;
        }
        // Its own name first, as line 0.
        let mut used = uses(&words, &Text::document(&path.replace('/', ". ")));
        for found in &mut used {
            found.1 = 0;
        }
        if let Ok(content) = files::read(&tool::workspace().join(&path)) {
            used.extend(uses(&words, &Text::of(&path, &content)));
        }
        for (index, line) in used {
            if let (Some(count), Some(word)) = (counts.get_mut(index), words.get(index)) {
                *count += 1;
                if word.rule == Rule::Refused {
                    findings.push(format!("{path}:{line}: {:?}: {}", word.shown, word.instead));
                }
            }
        }
    }
    print!("{}", remaining(&words, &counts));
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings.join("\n"))
    }
}

/// How often each word that is not refused yet is used.
fn remaining(words: &[Word], counts: &[usize]) -> String {
    let mut text = String::new();
    let mut rows: Vec<(&Word, usize)> = words.iter().zip(counts.iter().copied()).collect();
    rows.retain(|(word, _)| word.rule == Rule::Remains);
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (word, count) in rows {
        let note = if count == 0 {
            "  none is left: refuse it"
        } else {
            ""
        };
        let _ = writeln!(text, "{count:>6}  {} -> {}{note}", word.shown, word.instead);
    }
    text
}

/// The files that are read.
fn paths() -> Result<Vec<String>, String> {
    let is_read = |path: &String| {
        let extension = Path::new(path).extension().and_then(|end| end.to_str());
        !path.starts_with(GENERATED) && extension.is_some_and(|end| READ.contains(&end))
    };
    let mut paths = tool::known_files()?;
    paths.retain(is_read);
    Ok(paths)
}

/// The list's lines: `refused | phrase | word | what is said instead`.
fn parse(list: &str) -> Result<Vec<Word>, String> {
    let lines = list.lines().zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|(line, number)| word(line).ok_or_else(|| format!("xtask/words.txt:{number}: {line}")))
        .collect()
}

fn word(line: &str) -> Option<Word> {
    let fields: Vec<&str> = line.split('|').map(str::trim).collect();
    let [rule, kind, shown, instead] = fields.as_slice() else {
        return None;
    };
    let rule = match *rule {
        "refused" => Rule::Refused,
        "remains" => Rule::Remains,
        _ => return None,
    };
    let pattern = match (*kind, shown.strip_suffix('*')) {
        ("phrase", None) => {
            let text = Text::document(shown);
            Pattern::Phrase(text.tokens.into_iter().map(|token| token.word).collect())
        }
        ("name", None) => Pattern::Name((*shown).to_owned()),
        ("name", Some(prefix)) => Pattern::Prefix(prefix.to_owned()),
        _ => return None,
    };
    Some(Word {
        rule,
        pattern,
        shown: (*shown).to_owned(),
        instead: (*instead).to_owned(),
    })
}

/// The index of a word and the line of its use, for each.
fn uses(words: &[Word], text: &Text) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        match &word.pattern {
            Pattern::Phrase(phrase) => found.extend(
                (0..text.tokens.len())
                    .filter_map(|start| text.tokens.get(start..start + phrase.len()))
                    .filter(|tokens| is_phrase(tokens, phrase))
                    .filter_map(|tokens| Some((index, tokens.first()?.line))),
            ),
            Pattern::Name(name) => found.extend(
                text.names
                    .iter()
                    .filter(|(one, _)| one == name)
                    .map(|(_, line)| (index, *line)),
            ),
            Pattern::Prefix(prefix) => found.extend(
                text.names
                    .iter()
                    .filter(|(one, _)| one.starts_with(prefix.as_str()))
                    .map(|(_, line)| (index, *line)),
            ),
        }
    }
    found
}

fn is_phrase(tokens: &[Token], phrase: &[String]) -> bool {
    tokens
        .iter()
        .zip(phrase)
        .all(|(token, word)| token.word == *word)
        && tokens.iter().skip(1).all(|token| token.follows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "# a comment\n\
        refused | phrase | sign of life | liveness probe\n\
        refused | name   | MOST_*       | MAX_..\n\
        remains | phrase | told         | reported\n\
        remains | name   | Why          | StartReason\n";

    fn found(path: &str, content: &str) -> Vec<(String, usize)> {
        let words = parse(WORDS).unwrap_or_default();
        let used = uses(&words, &Text::of(path, content));
        used.into_iter()
            .filter_map(|(index, line)| Some((words.get(index)?.shown.clone(), line)))
            .collect()
    }

    fn one(word: &str, line: usize) -> Vec<(String, usize)> {
        vec![(word.to_owned(), line)]
    }

    #[test]
    fn a_phrase_is_found_in_sentences_and_in_names() {
        assert_eq!(
            found("a.md", "A Sign of life came."),
            one("sign of life", 1)
        );
        assert_eq!(
            found("a.rs", "/// Waits for a sign\n/// of life.\n"),
            one("sign of life", 1)
        );
        assert_eq!(
            found("a.rs", "let sign_of_life = 1;"),
            one("sign of life", 1)
        );
        assert_eq!(found("a.kt", "val aSignOfLife = 1"), one("sign of life", 1));
        assert!(found("a.md", "No sign. Of life there was none.").is_empty());
        assert!(found("a.md", "signs of lifetime").is_empty());
    }

    #[test]
    fn a_name_is_found_in_code_only() {
        assert_eq!(found("a.rs", "const MOST_ROWS: u64 = 8;"), one("MOST_*", 1));
        assert_eq!(found("a.rs", "enum Why {}"), one("Why", 1));
        assert!(found("a.rs", "// Why not: MOST_ROWS").is_empty());
        assert!(found("a.rs", "enum WhyNot {}").is_empty());
        assert!(found("a.md", "Why not?").is_empty());
    }

    #[test]
    fn a_line_that_is_no_entry_is_an_error() {
        assert!(parse("refused | phrase | word").is_err());
        assert!(parse("perhaps | phrase | word | other").is_err());
        assert!(parse("refused | sentence | word | other").is_err());
    }

    #[test]
    fn the_list_can_be_read_and_says_each_word_once() {
        let words = parse(LIST).unwrap_or_default();
        assert!(!words.is_empty());
        let mut shown: Vec<&str> = words.iter().map(|word| word.shown.as_str()).collect();
        shown.sort_unstable();
        shown.dedup();
        assert_eq!(shown.len(), words.len());
    }

    #[test]
    fn each_term_of_the_glossary_says_what_defines_it() {
        let page = files::read(&tool::workspace().join("docs/glossary.md")).unwrap_or_default();
        let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| term |");
        let rows: Vec<&str> = page.lines().filter(is_row).collect();
        assert!(rows.len() > 40, "{}", rows.len());
        for row in rows {
            let source = row.split('|').nth(3).unwrap_or_default();
            let names_one = ["RFC ", "XEP-", "]("]
                .iter()
                .any(|name| source.contains(name));
            assert!(names_one, "{row}");
        }
    }

    #[test]
    fn what_remains_is_counted() {
        let words = parse(WORDS).unwrap_or_default();
        let text = remaining(&words, &[0, 0, 3, 0]);
        assert_eq!(
            text,
            "     3  told -> reported\n     0  Why -> StartReason  none is left: refuse it\n"
        );
    }
}
