//! Who sees the generated Swift. UniFFI makes all of it public, and apps would see the internals among the API: in
//! documentation, in completion, as names. So only the types that the API names with a `typealias` stay public, with
//! those that they hold; the rest becomes visible to this package alone.

use std::collections::{BTreeMap, BTreeSet};

const ALIAS: &str = "= SnapbackFFI.";
/// Names that would be ambiguous beside those of Foundation, and what they become.
const RENAMED: [(&str, &str); 1] = [("Timer", "ConnectionTimer")];

/// The generated text with reduced access, where `written` are the handwritten sources.
pub(super) fn reduce(generated: &str, written: &[String]) -> String {
    let generated = &renamed(generated);
    let kept = kept(&types(generated), written);
    let mut reduced = String::with_capacity(generated.len());
    let mut is_kept = false;
    for line in generated.lines() {
        is_kept |= declared(line).is_some_and(|name| kept.contains(name));
        if is_kept || is_comment(line) {
            reduced.push_str(line);
        } else {
            reduced.push_str(&demoted(line));
        }
        is_kept &= line != "}";
        reduced.push('\n');
    }
    reduced
}

/// The text with other words for some types.
fn renamed(generated: &str) -> String {
    let is_of_word = |char: char| char.is_alphanumeric() || char == '_';
    let mut text = String::with_capacity(generated.len());
    for piece in generated.split_inclusive(|char| !is_of_word(char)) {
        let word = piece.trim_end_matches(|char| !is_of_word(char));
        let instead = RENAMED.iter().find(|(name, _)| *name == word);
        text.push_str(instead.map_or(word, |(_, instead)| instead));
        text.push_str(piece.get(word.len()..).unwrap_or_default());
    }
    text
}

/// The types that apps see: those with an alias, and what they hold.
fn kept(types: &BTreeMap<&str, BTreeSet<&str>>, written: &[String]) -> BTreeSet<String> {
    let lines = written.iter().flat_map(|text| text.lines());
    let mut open: Vec<&str> = lines
        .filter(|line| line.starts_with("public typealias "))
        .filter_map(|line| Some(line.split_once(ALIAS)?.1.trim()))
        .collect();
    let mut kept = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(held) = types.get(name).filter(|_| kept.insert(name.to_owned())) {
            open.extend(held);
        }
    }
    kept
}

/// Each structure and enumeration, with the words of its members.
fn types(generated: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut types: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut current = None;
    for line in generated.lines() {
        if let Some(name) = declared(line) {
            current = Some(name);
        }
        if let Some(name) = current.filter(|_| !is_comment(line)) {
            let words = line.split(|char: char| !char.is_alphanumeric() && char != '_');
            types.entry(name).or_default().extend(words);
        }
        if line == "}" {
            current = None;
        }
    }
    types
}

/// The name of the structure or enumeration that begins here; no other types are part of the API.
fn declared(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("public ")?;
    let rest = rest.strip_prefix("indirect ").unwrap_or(rest);
    let rest = rest
        .strip_prefix("struct ")
        .or_else(|| rest.strip_prefix("enum "))?;
    rest.split(|char: char| !char.is_alphanumeric() && char != '_')
        .next()
}

/// Comments of documentation name other types, and may say "public".
fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    // The end of a comment may stand before the member that it is about.
    line.starts_with("//")
        || line.starts_with("/*")
        || (line.starts_with('*') && !line.contains("*/"))
}

fn demoted(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    let (space, code) = line.split_at(indent);
    let code = match code.strip_prefix("open ") {
        Some(rest) => format!("package {rest}"),
        None => code.to_owned(),
    };
    let words: Vec<&str> = code.split(' ').collect();
    let words: Vec<&str> = words
        .into_iter()
        .map(|word| if word == "public" { "package" } else { word })
        .collect();
    format!("{space}{}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GENERATED: &str = "\
/**
 * A public stage.
 */
public enum Stage: Equatable {
    case failed(
        /**
         * The Timeline.
         */reason: FailureReason
    )
}
public enum FailureReason: Equatable {
    public var text: String
    case expired(Timer)
}
public struct Timeline: Equatable {
    public let took: UInt64
}
open class CoreClient: CoreClientProtocol {
    required public init(unsafeFromHandle handle: UInt64) {
open func state() -> Stage {
}
}
";

    #[test]
    fn only_what_has_an_alias_and_what_it_holds_stays_public() {
        let written = "public typealias Phase = SnapbackFFI.Stage\n".to_owned();
        let reduced = reduce(GENERATED, &[written]);
        for line in [
            " * A public stage.",
            "public enum Stage: Equatable {",
            "public enum FailureReason: Equatable {",
            "    public var text: String",
            "    case expired(ConnectionTimer)",
            "package struct Timeline: Equatable {",
            "    package let took: UInt64",
            "package class CoreClient: CoreClientProtocol {",
            "    required package init(unsafeFromHandle handle: UInt64) {",
            "package func state() -> Stage {",
        ] {
            assert!(reduced.lines().any(|found| found == line), "{line}");
        }
    }
}
