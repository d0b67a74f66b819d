//! Where generated pages are, and how they are written.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A file of the folder of figures.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/networks")
        .join(name)
}

/// Writes such a file.
pub(crate) fn write(name: &str, text: &str) -> Result<(), String> {
    let path = path(name);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("docs/networks: {error}"))?;
    }
    std::fs::write(&path, text).map_err(|error| format!("{name}: {error}"))
}

/// A table in Markdown: the first column to the left, the others to the right.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "| {} |", header.join(" | "));
    let rule: Vec<&str> = (0..header.len())
        .map(|column| if column == 0 { "---" } else { "--:" })
        .collect();
    let _ = writeln!(text, "|{}|", rule.join("|"));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}
