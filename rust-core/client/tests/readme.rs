//! The README's example is the one that is compiled with the library's documentation.

const README: &str = include_str!("../../../README.md");
const LIBRARY: &str = include_str!("../src/lib.rs");

/// The lines of the first code block that begins with this fence.
fn block<'a>(lines: impl Iterator<Item = &'a str>, fence: &str) -> Vec<&'a str> {
    lines
        .skip_while(|line| !line.starts_with(fence))
        .skip(1)
        .take_while(|line| !line.starts_with("```"))
        .collect()
}

#[test]
fn the_readme_shows_the_example_of_the_library() {
    let shown = block(README.lines(), "```rust");
    let documentation = LIBRARY.lines().filter_map(|line| line.strip_prefix("//!"));
    let documentation = documentation.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let mut compiled = block(documentation, "```no_run");
    compiled.retain(|line| !line.starts_with("# "));
    assert!(!shown.is_empty());
    assert_eq!(shown, compiled);
}
