//! What the documents print is compiled exactly as it is printed.

use std::fs;

use super::generated::MODULE;
use super::toolchain::Toolchain;
use super::{package, write_if_changed};
use crate::tool;

/// Documents whose Swift is complete, each with at least one block of it.
const DOCUMENTS: [&str; 2] = [
    "README.md",
    "ios/Sources/Snapback/Snapback.docc/Snapback.md",
];
const BEGIN: &str = "```swift\n";
const END: &str = "```";

/// Compiles each block against the package as it was built.
pub(super) fn check(swift: &Toolchain) -> Result<(), String> {
    for document in DOCUMENTS {
        let path = tool::workspace().join(document);
        let text = fs::read_to_string(&path).map_err(|error| format!("{document}: {error}"))?;
        let blocks = blocks(&text);
        if blocks.is_empty() {
            return Err(format!("{document} has no Swift in it"));
        }
        for block in blocks {
            // Code outside of functions is only allowed in a file of this name.
            let file = tool::target_folder().join("swift/example/main.swift");
            write_if_changed(&file, block.as_bytes())?;
            let arguments = ["-typecheck", "-swift-version", "6", "-warnings-as-errors"];
            let mut command = swift.command(&package(), "swiftc", arguments);
            command.args(["-I", ".build/debug/Modules"]);
            command.args(["-I", &format!("Generated/{MODULE}")]);
            tool::run(command.arg(&file)).map_err(|error| format!("{document}: {error}"))?;
        }
    }
    Ok(())
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
    }
}
