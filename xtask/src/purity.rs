//! The sans-IO crates do no I/O: no runtime in the dependency trees of the common types, the protocol core and the engine, no
//! clock, socket, file or thread in the sources of the crates that a simulation drives. The common types depend on no other
//! crate of ours, and only the bindings depend on UniFFI.

use std::fs;
use std::path::{Path, PathBuf};

use crate::tool::{self, cargo};

/// Crates that would bring I/O, a clock or randomness; a name ending in `-` stands for a family.
const FORBIDDEN_CRATES: [&str; 20] = [
    "async-",
    "crossbeam-",
    "fastrand",
    "futures",
    "getrandom",
    "hickory-",
    "libsqlite3-sys",
    "mio",
    "native-tls",
    "openssl",
    "polling",
    "rand",
    "ring",
    "rusqlite",
    "rustls",
    "rustls-",
    "smol",
    "socket2",
    "tokio",
    "tokio-",
];

/// Dependency trees, and what must not be in them.
const TREES: [(&str, &[&str]); 11] = [
    ("snapback-types", &FORBIDDEN_CRATES),
    ("snapback-types", &ABOVE_THE_WIRE),
    ("snapback-types", &["snapback-wire"]),
    ("snapback-wire", &FORBIDDEN_CRATES),
    ("snapback-wire", &ABOVE_THE_WIRE),
    ("snapback-chat", &FORBIDDEN_CRATES),
    ("snapback-chat", &ABOVE_THE_WIRE),
    ("snapback-proto", &FORBIDDEN_CRATES),
    ("snapback-engine", &RUNTIMES),
    ("snapback-rooms", &RUNTIMES),
    ("snapback-client", &["uniffi", "uniffi_core"]),
];

/// What the engine must not have either: it knows the resolver's data, not what looks names up.
const RUNTIMES: [&str; 4] = ["hickory-", "mio", "tokio", "tokio-"];

/// What lies above the wire format, and above the common types.
const ABOVE_THE_WIRE: [&str; 6] = [
    "snapback-client",
    "snapback-engine",
    "snapback-proto",
    "snapback-resolver",
    "snapback-store",
    "snapback-tls",
];

const PURE_SOURCES: [&str; 7] = [
    "rust-core/types/src",
    "rust-core/wire/src",
    "rust-core/chat/src",
    "rust-core/rooms/src",
    "rust-core/proto/src",
    "rust-core/engine/src",
    "rust-core/tls/src",
];

const FORBIDDEN_IN_SOURCES: [&str; 6] = [
    "std::net",
    "std::fs",
    "std::thread",
    "tokio",
    "Instant::now",
    "SystemTime::now",
];

/// The modules above when they are imported as `std::{net, ..}`.
const FORBIDDEN_MODULES: [&str; 3] = ["net", "fs", "thread"];

/// Fails with every finding, a line each.
pub(crate) fn check() -> Result<(), String> {
    let mut findings = Vec::new();
    for (package, forbidden) in TREES {
        let tree = tree_of(package)?;
        let found = forbidden_in_tree(&tree, forbidden);
        findings.extend(
            found
                .into_iter()
                .map(|name| format!("{package} depends on {name}")),
        );
    }
    for folder in PURE_SOURCES {
        for path in sources(&tool::workspace().join(folder))? {
            let source = fs::read_to_string(&path)
                .map_err(|error| format!("{}: {error}", path.display()))?;
            let shown = path
                .strip_prefix(tool::workspace())
                .unwrap_or(&path)
                .display();
            for (line, what) in forbidden_in_source(&source) {
                findings.push(format!("{shown}:{line}: {what}"));
            }
        }
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings.join("\n"))
    }
}

/// The dependency tree of a package, a line for each crate.
fn tree_of(package: &str) -> Result<String, String> {
    let mut arguments = vec!["tree", "--package", package, "--edges", "normal"];
    arguments.extend(["--prefix", "none", "--target", "all"]);
    arguments.extend(["--all-features", "--format", "{p}"]);
    tool::output(&mut cargo(&arguments))
}

/// The forbidden crates among the lines `name vX.Y.Z ..` of `cargo tree`.
fn forbidden_in_tree<'tree>(tree: &'tree str, forbidden: &[&str]) -> Vec<&'tree str> {
    let mut found: Vec<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| forbidden.iter().any(|forbidden| is_one_of(name, forbidden)))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn is_one_of(name: &str, forbidden: &str) -> bool {
    if forbidden.ends_with('-') {
        name.starts_with(forbidden)
    } else {
        name == forbidden
    }
}

/// Line numbers and names of what is forbidden, comments and tests left out.
fn forbidden_in_source(source: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let mut lines = source.lines().enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let code = line.trim();
        if code == "#[cfg(test)]" {
            match lines.next() {
                // A module in a file of its own; the file is left out by its name.
                Some((_, next)) if next.trim_end().ends_with(';') => continue,
                // A test module comes last: clippy sees to that.
                _ => break,
            }
        }
        if code.starts_with("//") {
            continue;
        }
        let direct = FORBIDDEN_IN_SOURCES
            .into_iter()
            .filter(|forbidden| code.contains(forbidden));
        found.extend(direct.map(|what| (index + 1, what)));
        if let Some((_, names)) = code.split_once("std::{") {
            let mut names = names.to_owned();
            while let Some((_, next)) = lines.next_if(|_| !names.contains(';')) {
                names.push_str(next);
            }
            let words = names.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let grouped = FORBIDDEN_MODULES
                .into_iter()
                .filter(|module| words.clone().any(|word| word == *module));
            found.extend(grouped.map(|what| (index + 1, what)));
        }
    }
    found
}

/// All source files under `folder` that are not tests.
fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut found = Vec::new();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name == "tests" || name == "tests.rs" {
            continue;
        }
        if path.is_dir() {
            found.extend(sources(&path)?);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_in_the_tree_is_found() {
        let pure = "snapback-proto v0.1.0 (rust-core/proto)\nquick-xml v0.42.0\nsha1 v0.11.0\nsha1 v0.11.0 (*)\n";
        assert!(forbidden_in_tree(pure, &FORBIDDEN_CRATES).is_empty());
        let with_tokio =
            format!("{pure}tokio v1.54.1\nmio v1.2.5\nhickory-proto v0.26.3\ntokio v1.54.1 (*)\n");
        assert_eq!(
            forbidden_in_tree(&with_tokio, &FORBIDDEN_CRATES),
            ["hickory-proto", "mio", "tokio"]
        );
    }

    #[test]
    fn a_common_type_that_needs_another_crate_of_ours_is_found() {
        let alone = "snapback-types v0.1.0 (rust-core/types)\nprecis-profiles v0.2.0\n";
        assert!(forbidden_in_tree(alone, &ABOVE_THE_WIRE).is_empty());
        let above = format!("{alone}snapback-proto v0.1.0 (rust-core/proto)\n");
        assert_eq!(
            forbidden_in_tree(&above, &ABOVE_THE_WIRE),
            ["snapback-proto"]
        );
    }

    #[test]
    fn a_clock_or_a_socket_in_a_source_is_found() {
        let source =
            "use core::time::Duration;\nlet now = Instant::now();\nuse std::net::TcpStream;\n";
        assert_eq!(
            forbidden_in_source(source),
            [(2, "Instant::now"), (3, "std::net")]
        );
        assert_eq!(
            forbidden_in_source("use std::{\n    fmt, fs::File,\n    net,\n};\n"),
            [(1, "net"), (1, "fs")]
        );
        assert!(forbidden_in_source("use std::{fmt, io};\n").is_empty());
    }

    #[test]
    fn comments_and_tests_may_mention_it() {
        let source = "//! No tokio here.\n#[cfg(test)]\nmod tests;\nfn pure() {}\n#[cfg(test)]\nmod more {\nstd::thread::spawn\n}";
        assert!(forbidden_in_source(source).is_empty());
        let hidden = "#[cfg(test)]\nmod tests;\nstd::thread::sleep(pause);\n";
        assert_eq!(forbidden_in_source(hidden), [(3, "std::thread")]);
    }
}
