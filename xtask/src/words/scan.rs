//! A file as words: those of its sentences and of its names, and the names of its code as they stand.

/// A word in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) word: String,
    pub(super) line: usize,
    /// Whether it belongs to the sentence or name of the word before it: nothing but space, or what begins a line of a
    /// comment, is between them.
    pub(super) follows: bool,
}

/// What a file says.
#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    pub(super) tokens: Vec<Token>,
    /// Names outside comments, with their lines; of source code only.
    pub(super) names: Vec<(String, usize)>,
}

/// Whose lines are code but for comments that begin with `//`.
const CODE: [&str; 5] = [".rs", ".kt", ".kts", ".java", ".swift"];

impl Text {
    /// Reads a file; its name tells what it is.
    pub(super) fn of(path: &str, content: &str) -> Self {
        let mut text = Self::document(content);
        if CODE.iter().any(|end| path.ends_with(end)) {
            text.names = names(content);
        }
        text
    }

    /// Reads something that is not code.
    pub(super) fn document(content: &str) -> Self {
        let mut tokens = Vec::new();
        let mut word = String::new();
        let mut follows = false;
        let mut chars = content.chars().peekable();
        let mut line = 1;
        let mut end = |word: &mut String, line: usize, follows: &mut bool| {
            if !word.is_empty() {
                tokens.push(Token {
                    word: std::mem::take(word).to_lowercase(),
                    line,
                    follows: *follows,
                });
                *follows = true;
            }
        };
        while let Some(char) = chars.next() {
            if !char.is_alphabetic() {
                end(&mut word, line, &mut follows);
                follows = follows && is_between_words(char);
                line += usize::from(char == '\n');
                continue;
            }
            word.push(char);
            // In camelCase the next word begins with a capital, in XMLReader with the last of several.
            let next = chars.peek().copied();
            let next_is_capital = next.is_some_and(char::is_uppercase);
            let is_capital = char.is_uppercase();
            let mut further = chars.clone();
            further.next();
            let then_is_small = further.next().is_some_and(char::is_lowercase);
            if next_is_capital && (!is_capital || then_is_small) {
                end(&mut word, line, &mut follows);
            }
        }
        end(&mut word, line, &mut follows);
        Self {
            tokens,
            names: Vec::new(),
        }
    }
}

fn is_between_words(char: char) -> bool {
    char.is_whitespace() || matches!(char, '_' | '-' | '/' | '!' | '*' | '#')
}

/// The names of code, comments left out.
fn names(content: &str) -> Vec<(String, usize)> {
    let mut names = Vec::new();
    for (line, number) in content.lines().zip(1..) {
        let code = line.split_once("//").map_or(line, |(code, _)| code);
        if code.trim_start().starts_with('*') || code.trim_start().starts_with("/*") {
            continue;
        }
        let words = code.split(|char: char| !char.is_alphanumeric() && char != '_');
        names.extend(
            words
                .filter(|word| !word.is_empty())
                .map(|word| (word.to_owned(), number)),
        );
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(content: &str) -> Vec<String> {
        let tokens = Text::document(content).tokens;
        tokens.into_iter().map(|token| token.word).collect()
    }

    #[test]
    fn names_are_split_into_their_words() {
        assert_eq!(
            words("sayGoodbye say_goodbye"),
            ["say", "goodbye", "say", "goodbye"]
        );
        assert_eq!(
            words("MOST_WORDS XMLReader"),
            ["most", "words", "xml", "reader"]
        );
    }

    #[test]
    fn a_full_stop_ends_what_belongs_together() {
        let tokens = Text::document("one two. three\n/// four").tokens;
        let follows: Vec<bool> = tokens.iter().map(|token| token.follows).collect();
        assert_eq!(follows, [false, true, false, true]);
        assert_eq!(tokens.last().map(|token| token.line), Some(2));
    }
}
