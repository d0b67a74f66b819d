//! `docs/api/calls.md`: the number of lines that the same task takes with Snapback, Smack and Martin. The lines are those
//! between `// call: TASK` and `// end` in one source for each.

use std::fmt::Write as _;

use crate::{files, tool};

const PAGE: &str = "docs/api/calls.md";

/// The heading of a column, and the source that is counted.
const SOURCES: [(&str, &str); 4] = [
    (
        "Snapback, Kotlin",
        "android/src/test/kotlin/im/snapback/Compared.kt",
    ),
    ("Snapback, Swift", "ios/Tests/SnapbackTests/Compared.swift"),
    ("Smack, Java", "docs/api/Smack.java"),
    ("Martin, Swift", "docs/api/Martin.swift"),
];

const HEAD: &str = "# The same calls with other libraries\n\n\
    Lines of code for one task, without blank lines and comments, counted by `REGENERATE=1 cargo xtask calls` in the sources\n\
    that the columns link to. Each is written with the calls that its library has for the task.\n\
    Lines say how much there is to write and to read, and not what a library does after them.\n\n";

/// Fails if the page has other numbers than the sources. With `REGENERATE` set, it is written first.
pub(crate) fn check() -> Result<(), String> {
    let page = page()?;
    let path = tool::workspace().join(PAGE);
    if std::env::var_os("REGENERATE").is_some() {
        files::write(&path, &page)?;
    }
    match files::read(&path)? == page {
        true => Ok(()),
        false => Err(format!(
            "{PAGE} has other numbers: REGENERATE=1 cargo xtask calls"
        )),
    }
}

fn page() -> Result<String, String> {
    let mut columns = Vec::new();
    for (heading, path) in SOURCES {
        let tasks = tasks(&files::read(&tool::workspace().join(path))?);
        columns.push((heading, path, tasks));
    }
    let mut page = HEAD.to_owned();
    let headings = columns
        .iter()
        .map(|(heading, path, _)| format!("[{heading}](../../{path})"));
    let _ = writeln!(
        page,
        "| task | {} |",
        headings.collect::<Vec<_>>().join(" | ")
    );
    let _ = writeln!(page, "|---|{}", "--:|".repeat(columns.len()));
    let names: Vec<String> = columns
        .first()
        .into_iter()
        .flat_map(|(_, _, tasks)| tasks.iter().map(|(name, _)| name.clone()))
        .collect();
    for name in &names {
        let mut row = format!("| {name} |");
        for (heading, _, tasks) in &columns {
            let lines = tasks.iter().find(|(task, _)| task == name);
            let (_, lines) = lines.ok_or_else(|| format!("{heading} has no task {name:?}"))?;
            let _ = write!(row, " {lines} |");
        }
        let _ = writeln!(page, "{row}");
    }
    match columns
        .iter()
        .find(|(_, _, tasks)| tasks.len() != names.len())
    {
        Some((heading, _, _)) => Err(format!("{heading} has another number of tasks")),
        None => Ok(page),
    }
}

/// The tasks of a source, in order, each with its number of lines.
fn tasks(source: &str) -> Vec<(String, usize)> {
    let mut tasks: Vec<(String, usize)> = Vec::new();
    let mut is_inside = false;
    for line in source.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("// call: ") {
            tasks.push((name.to_owned(), 0));
            is_inside = true;
        } else if line == "// end" {
            is_inside = false;
        } else if is_inside && !line.is_empty() && !line.starts_with("//") {
            tasks
                .last_mut()
                .into_iter()
                .for_each(|(_, lines)| *lines += 1);
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_code_between_the_marks_are_counted() {
        let source = "before();\n  // call: one\n  a();\n\n  // why\n  b();\n  // end\nc();\n// call: two\nd();\n// end\n";
        assert_eq!(
            tasks(source),
            [("one".to_owned(), 2), ("two".to_owned(), 1)]
        );
    }
}
