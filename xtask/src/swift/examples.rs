//! What the documents print is compiled exactly as it is printed.

use std::fs;
use std::path::Path;

use super::generated::MODULE;
use super::toolchain::Toolchain;
use super::{modules, package, write_if_changed};
use crate::tool;

/// Documents whose Swift is complete, each with at least one block of it.
const DOCUMENTS: [&str; 4] = [
    "README.md",
    "ios/README.md",
    "ios/Sources/Snapback/Snapback.docc/Snapback.md",
    "ios/Sources/SnapbackTesting/SnapbackTesting.docc/SnapbackTesting.md",
];
/// The modules that are on every system.
const OF_ALL: [&str; 3] = ["Foundation", "Snapback", "SnapbackTesting"];
const BEGIN: &str = "```swift\n";
const END: &str = "```";

/// What an app may write, and with which settings of its own: the second is the first in Swift 6.0.
const NAMES: &str = "ios/Tests/Names/main.swift";
const STRICT: [&str; 4] = [
    "-enable-upcoming-feature",
    "MemberImportVisibility",
    "-enable-experimental-feature",
    "MemberImportVisibility",
];

/// Compiles each block against the package as it was built.
pub(super) fn check(swift: &Toolchain) -> Result<(), String> {
    for document in DOCUMENTS {
        let path = tool::workspace().join(document);
        let text = fs::read_to_string(&path).map_err(|error| format!("{document}: {error}"))?;
        let mut blocks = blocks(&text);
        blocks.retain(|block| is_for_all(block));
        if blocks.is_empty() {
            return Err(format!("{document} has no Swift in it"));
        }
        for block in blocks {
            // Code outside of functions is only allowed in a file of this name.
            let file = tool::target_folder().join("swift/example/main.swift");
            write_if_changed(&file, block.as_bytes())?;
            type_check(swift, &file, &["-warnings-as-errors"])
                .map_err(|error| format!("{document}: {error}"))?;
        }
    }
    type_check(swift, &tool::workspace().join(NAMES), &STRICT)
}

/// Whether a block needs no module of Apple's systems: those that do are compiled on a Mac alone, by their users.
fn is_for_all(block: &str) -> bool {
    let imports = block
        .lines()
        .filter_map(|line| line.strip_prefix("import "));
    let mut modules = imports.map(str::trim);
    modules.all(|module| OF_ALL.contains(&module))
}

fn type_check(swift: &Toolchain, file: &Path, options: &[&str]) -> Result<(), String> {
    let arguments = ["-typecheck", "-swift-version", "6", "-I"];
    let mut command = swift.command(&package(), "swiftc", arguments);
    command.arg(modules());
    command.args(["-I", &format!("Generated/{MODULE}")]);
    tool::run(command.args(options).arg(file))
}

fn blocks(text: &str) -> Vec<&str> {
    text.split(BEGIN)
        .skip(1)
        .filter_map(|rest| rest.split_once(END).map(|(block, _)| block))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found() {
        let text =
            "a\n```swift\nlet a = 1\n```\nb\n```rust\nlet b;\n```\n```swift\nlet c = 2\n```\n";
        assert_eq!(blocks(text), ["let a = 1\n", "let c = 2\n"]);
        assert!(is_for_all("import Foundation\nimport Snapback\n"));
        assert!(!is_for_all("import SwiftUI\nimport Snapback\n"));
    }
}
