//! No Rust file is too long to be read: at most 500 lines of production code, 800 of a test. Of functions, Clippy counts
//! the lines (`clippy.toml`).

use crate::{files, tool};

/// The maximum of a production file.
const PRODUCTION: usize = 500;
/// The maximum of a file of tests.
const TEST: usize = 800;

/// Fails with each file that is too long, a line each.
pub(crate) fn check() -> Result<(), String> {
    let mut findings = Vec::new();
    for path in tool::known_files()? {
        let file = tool::workspace().join(&path);
        if !path.ends_with(".rs") || !file.exists() {
            continue;
        }
        let lines = files::read(&file)?.lines().count();
        let most = if is_test(&path) { TEST } else { PRODUCTION };
        if lines > most {
            findings.push(format!("{path}: {lines} lines, at most {most}"));
        }
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings.join("\n"))
    }
}

fn is_test(path: &str) -> bool {
    let in_folder = path.split('/').any(|part| part == "tests");
    in_folder || path.ends_with("/tests.rs") || path.ends_with("_tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_from_production_code() {
        for path in [
            "rust-core/client/tests/hostile.rs",
            "tests/server/src/lib.rs",
            "rust-core/proto/src/plan/tests.rs",
            "bindings/src/ending_tests.rs",
        ] {
            assert!(is_test(path), "{path}");
        }
        for path in ["rust-core/engine/src/lib.rs", "xtask/src/latests.rs"] {
            assert!(!is_test(path), "{path}");
        }
    }
}
