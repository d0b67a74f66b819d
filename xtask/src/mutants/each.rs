//! Every small mistake that cargo-mutants can make in a file: a function that does nothing, a comparison that is turned around.
//! The tests of the crate have to notice it; what they miss, the tests of the simulation have to notice. What nothing notices
//! is listed with its reason in `tests/survivors.txt`, or is an error.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use crate::{files, tool};

const VERSION: &str = "27.1.0";
const REASONS: &str = "tests/survivors.txt";
const SIMULATION: &str = "snapback-simulation";

/// A test that takes longer than this does not end any more.
const TIMEOUT_S: &str = "120";

/// What is tried: a crate, and its files.
struct Target {
    package: &'static str,
    files: &'static [&'static str],
    /// Whether the simulation runs this code.
    is_simulated: bool,
}

const TARGETS: [Target; 3] = [
    Target {
        package: "snapback-store",
        files: &[
            "rust-core/store/src/sqlite/queue.rs",
            "rust-core/store/src/sqlite/apply.rs",
        ],
        is_simulated: false,
    },
    Target {
        package: "snapback-proto",
        files: &[
            "rust-core/proto/src/connection/**",
            "rust-core/proto/src/sasl/**",
        ],
        is_simulated: true,
    },
    Target {
        package: "snapback-engine",
        files: &["rust-core/engine/src/**"],
        is_simulated: true,
    },
];

/// Tries all files, or `wanted` ones. `shard` is `K/N`: the part K, from 0, of N of the mistakes.
pub(super) fn run(shard: Option<&str>, wanted: &[&str]) -> Result<(), String> {
    let is_known = |path: &&str| TARGETS.iter().any(|target| target.has(path));
    if let Some(path) = wanted.iter().find(|path| !is_known(path)) {
        return Err(format!("{path} is not among the files that are tried"));
    }
    let mut survivors = BTreeSet::new();
    for target in &TARGETS {
        let chosen = chosen(target, wanted);
        if chosen.is_empty() {
            continue;
        }
        let mut missed = missed(target.package, target.package, &chosen, shard, None)?;
        if target.is_simulated && !missed.is_empty() {
            missed = self::missed(target.package, SIMULATION, &chosen, None, Some(&missed))?;
        }
        survivors.extend(missed);
    }
    let reasons = files::read(&tool::workspace().join(REASONS))?;
    let unexplained: Vec<&str> = survivors
        .iter()
        .map(String::as_str)
        .filter(|survivor| !is_explained(survivor, &reasons))
        .collect();
    if unexplained.is_empty() {
        return Ok(());
    }
    Err(format!(
        "no test notices these, and {REASONS} gives no reason:\n{}",
        unexplained.join("\n")
    ))
}

impl Target {
    /// Whether this path is one of the files, or in one of the folders.
    fn has(&self, path: &str) -> bool {
        let files = self.files.iter();
        let mut files = files.map(|file| file.strip_suffix("**").unwrap_or(file));
        files.any(|file| path.starts_with(file))
    }
}

/// The files of a target that are wanted: all, if none is named.
fn chosen<'a>(target: &Target, wanted: &[&'a str]) -> Vec<&'a str> {
    if wanted.is_empty() {
        return target.files.to_vec();
    }
    let wanted = wanted.iter().copied();
    wanted.filter(|path| target.has(path)).collect()
}

/// Returns the mistakes in these files of a package that the tests of `tests` do not notice, without their positions.
fn missed(
    package: &str,
    tests: &str,
    patterns: &[&str],
    shard: Option<&str>,
    only: Option<&BTreeSet<String>>,
) -> Result<BTreeSet<String>, String> {
    let output = output(package, tests);
    // What an earlier run has left.
    let _ = fs::remove_dir_all(&output);
    files::make(&output)?;
    let program = tool::installed("cargo-mutants", VERSION)?;
    let mut command = std::process::Command::new(program);
    command.current_dir(tool::workspace());
    command.args(["mutants", "--no-shuffle", "--timeout", TIMEOUT_S]);
    command.args([
        "--package",
        package,
        "--test-package",
        tests,
        "--all-features",
    ]);
    command.arg("--output").arg(&output);
    for pattern in patterns {
        command.args(["--file", pattern]);
    }
    for mistake in only.into_iter().flatten() {
        command.args(["--re", &expression(mistake)]);
    }
    if let Some(shard) = shard {
        command.args(["--shard", shard]);
    }
    let status = command
        .status()
        .map_err(|error| format!("cargo-mutants: {error}"))?;
    // 0: all were noticed; 2: some were missed; 3: some did not end.
    match status.code() {
        Some(0 | 2 | 3) => {}
        _ => return Err(format!("cargo-mutants: {status}")),
    }
    let text = files::read(&output.join("mutants.out/missed.txt"))?;
    Ok(text.lines().map(without_position).collect())
}

fn output(package: &str, tests: &str) -> PathBuf {
    let name = format!("{package}-by-{tests}");
    tool::target_folder().join("each-mutant").join(name)
}

/// `path:1:2: what` as `path: what`, since lines move.
fn without_position(mistake: &str) -> String {
    let mut parts = mistake.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(path), Some(_), Some(_), Some(what)) => format!("{path}:{what}"),
        _ => mistake.to_owned(),
    }
}

/// A regular expression for this mistake at any position.
fn expression(mistake: &str) -> String {
    let escape = |text: &str| -> String {
        text.chars()
            .flat_map(|c| match c.is_ascii_punctuation() {
                true => vec!['\\', c],
                false => vec![c],
            })
            .collect()
    };
    let (path, what) = mistake.split_once(": ").unwrap_or(("", mistake));
    format!("^{}:\\d+:\\d+: {}$", escape(path), escape(what))
}

/// Each line of the list is a mistake and, after ` | `, why nothing notices it.
fn is_explained(survivor: &str, reasons: &str) -> bool {
    let mut lines = reasons.lines().filter_map(|line| line.split_once(" | "));
    lines.any(|(mistake, reason)| mistake == survivor && !reason.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_named_without_its_position() {
        let named = without_position("a/b.rs:21:9: replace A::b -> C with D::e()");
        assert_eq!(named, "a/b.rs: replace A::b -> C with D::e()");
        assert_eq!(
            expression("a.rs: replace + with - in f"),
            "^a\\.rs:\\d+:\\d+: replace \\+ with \\- in f$"
        );
    }

    #[test]
    fn a_survivor_needs_a_reason() {
        let reasons = "# a comment\na.rs: x | it is only a log line\nb.rs: y | \n";
        assert!(is_explained("a.rs: x", reasons));
        assert!(!is_explained("b.rs: y", reasons) && !is_explained("c.rs: z", reasons));
    }

    #[test]
    fn a_path_chooses_its_target() {
        let [store, proto, _] = &TARGETS;
        let path = "rust-core/proto/src/sasl/choose.rs";
        assert_eq!(chosen(proto, &[path]), [path]);
        assert_eq!(chosen(store, &[path]), Vec::<&str>::new());
        assert_eq!(chosen(store, &[]).len(), 2);
    }

    #[test]
    fn a_path_that_is_not_tried_is_an_error() {
        let path = "rust-core/proto/src/sasl_choose.rs";
        assert!(run(None, &[path]).is_err_and(|why| why.contains(path)));
    }
}
