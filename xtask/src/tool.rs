//! The tools that the steps call.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::report::Outcome;

/// A test that could not run says so on a line that begins like this.
const SKIP_MARK: &str = "SKIPPED: ";

/// The workspace's folder.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}

/// `cargo` with these arguments, in the workspace.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(workspace());
    // CI builds everything once: what would make the second build faster is gigabytes of disk for nothing.
    if env::var_os("CI").is_some() {
        command.env("CARGO_INCREMENTAL", "0");
    }
    command
}

/// The files that git knows, or would.
pub(crate) fn known_files() -> Result<Vec<String>, String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
    let listed = output(git.current_dir(workspace()))?;
    let mut paths: Vec<String> = listed.lines().map(str::to_owned).collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// Where build output goes.
pub(crate) fn target_folder() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => workspace().join(folder),
        None => workspace().join("target"),
    }
}

/// Where this project keeps what the next clone can use again: `$XDG_CACHE_HOME/snapback`, else `~/.cache/snapback`.
pub(crate) fn cache_folder() -> Result<PathBuf, String> {
    let absolute = |name| {
        env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let base =
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    Ok(base
        .ok_or("neither XDG_CACHE_HOME nor HOME is set")?
        .join("snapback"))
}

/// Runs a command that is to succeed; its output is shown.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{name}: {status}")),
        Err(error) => Err(format!("{name}: {error}")),
    }
}

/// Runs a command that is to succeed, and answers what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Ends every process that this one has started, directly or not.
pub(crate) fn end_descendants_of(ancestor: u32) {
    let descendants = descendants_of(ancestor, &processes());
    let numbers: Vec<String> = descendants.iter().map(u32::to_string).collect();
    // If this fails, the next call tries again.
    let _ = Command::new("sh")
        .args(["-c", "kill -KILL \"$@\"", "kill"])
        .args(numbers)
        .status();
}

/// All processes, each with its parent.
fn processes() -> Vec<(u32, u32)> {
    let Ok(folder) = std::fs::read_dir("/proc") else {
        let mut ps = Command::new("ps");
        let listed = output(ps.args(["-A", "-o", "pid=,ppid="])).unwrap_or_default();
        return listed.lines().filter_map(numbers_of).collect();
    };
    folder
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok())
        .filter_map(|stat| parent_in(&stat))
        .collect()
}

/// A process and its parent in `/proc/PID/stat`: the name between them may hold spaces and parentheses.
fn parent_in(stat: &str) -> Option<(u32, u32)> {
    let (process, _) = stat.split_once(' ')?;
    let (_, behind_name) = stat.rsplit_once(')')?;
    let parent = behind_name.split_whitespace().nth(1)?;
    Some((process.parse().ok()?, parent.parse().ok()?))
}

fn numbers_of(line: &str) -> Option<(u32, u32)> {
    let mut numbers = line.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn descendants_of(ancestor: u32, processes: &[(u32, u32)]) -> Vec<u32> {
    let mut found = vec![ancestor];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        next += 1;
        let children = processes
            .iter()
            .filter(|(child, of)| *of == parent && child != of);
        found.extend(children.map(|(child, _)| *child));
    }
    found.split_off(1)
}

/// Runs `cargo test` with these arguments. Shown are results and skips as they come; if anything fails, all of it.
pub(crate) fn cargo_test(arguments: &[&str]) -> Outcome {
    let mut command = cargo(&["test", "--no-fail-fast"]);
    // Without this a skip, printed by a test that passes, would not be seen.
    command.args(arguments).args(["--", "--show-output"]);
    let mut child = match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) => return Outcome::of(Err(format!("cargo: {error}"))),
    };
    let mut outcome = Outcome::default();
    let mut all = String::new();
    let lines = child
        .stdout
        .take()
        .map(BufReader::new)
        .into_iter()
        .flat_map(BufRead::lines);
    for line in lines.map_while(Result::ok) {
        if is_progress(&line) {
            println!("{line}");
        }
        count(&line, &mut outcome);
        all.push_str(&line);
        all.push('\n');
    }
    match child.wait() {
        Ok(status) if status.success() => {}
        Ok(status) => {
            println!("{all}");
            outcome.failure = Some(format!("cargo test: {status}"));
        }
        Err(error) => outcome.failure = Some(format!("cargo test: {error}")),
    }
    outcome
}

fn is_progress(line: &str) -> bool {
    line.starts_with("test ") || line.starts_with("running ") || line.starts_with(SKIP_MARK)
}

fn count(line: &str, outcome: &mut Outcome) {
    if let Some(reason) = line.strip_prefix(SKIP_MARK) {
        outcome.skips.push(reason.to_owned());
    }
    let Some(result) = line.strip_prefix("test result: ") else {
        return;
    };
    let counted = |what: &str| {
        let before = result.split_once(what).map_or("", |(before, _)| before);
        before
            .trim_end()
            .rsplit(' ')
            .next()
            .and_then(|number| number.parse().ok())
            .unwrap_or(0_u32)
    };
    outcome.tests_passed += counted(" passed;");
    outcome.tests_failed += counted(" failed;");
    match counted(" ignored;") {
        0 => {}
        ignored => outcome
            .skips
            .push(format!("{ignored} tests are marked as ignored")),
    }
}

/// A program of crates.io in the cache folder, built on first use (three minutes on two cores).
///
/// Cargo locks the folder while it installs and moves the binary into place when it is complete, so running this twice
/// at once or interrupting it does no harm.
pub(crate) fn installed(name: &str, version: &str) -> Result<PathBuf, String> {
    let root = cache_folder()?
        .join("tools")
        .join(format!("{name}-{version}"));
    let binary = root
        .join("bin")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !binary.is_file() {
        println!("building {name} {version}, once");
        let install = ["install", "--quiet", "--locked", "--version", version, name];
        run(cargo(&install)
            .arg("--root")
            .arg(&root)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_TARGET_DIR"))?;
    }
    Ok(binary)
}

/// Builds the reference server as a process, for runners that are not written in Rust.
pub(crate) fn test_server() -> Result<PathBuf, String> {
    built("snapback-test-server", &["--package", "snapback-scenarios"])
}

/// The same for Prosody and ejabberd as packaged. With the features that the tests on real servers are built with, so that
/// they share its parts.
pub(crate) fn real_server() -> Result<PathBuf, String> {
    let package = [
        "--package",
        "snapback-interop",
        "--features",
        "real-servers",
    ];
    built("real-server", &package)
}

fn built(program: &str, package: &[&str]) -> Result<PathBuf, String> {
    run(cargo(&["build", "--quiet", "--bin", program]).args(package))?;
    Ok(target_folder().join("debug").join(program))
}

/// The tool that comes with Rust's compiler: it reads Apple's format everywhere, and Xcode has none.
pub(crate) fn objcopy() -> Result<PathBuf, String> {
    let path = compilers_tools()?.join("rust-objcopy");
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "{} is missing: `rustup component add llvm-tools`, or a newer Rust",
        path.display()
    ))
}

/// Where the tools are that come with the compiler, and those of rustup's component `llvm-tools`.
pub(crate) fn compilers_tools() -> Result<PathBuf, String> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .ok_or("rustc does not name its host")?;
    Ok(sysroot()?.join(format!("lib/rustlib/{host}/bin")))
}

pub(crate) fn sysroot() -> Result<PathBuf, String> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(sysroot.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descendants_are_found_at_any_depth() {
        let processes = [(1, 0), (10, 1), (11, 10), (12, 11), (13, 1), (14, 12)];
        assert_eq!(descendants_of(10, &processes), [11, 12, 14]);
        assert!(descendants_of(14, &processes).is_empty());
        assert_eq!(parent_in("41 (a) b) (c)) S 7 41 41 0"), Some((41, 7)));
        assert_eq!(numbers_of("  41    7"), Some((41, 7)));
        let own = std::process::id();
        assert!(
            super::processes()
                .iter()
                .any(|(process, _)| *process == own)
        );
    }

    #[test]
    fn results_and_skips_are_counted() {
        let mut outcome = Outcome::default();
        for line in [
            "test a ... ok",
            "SKIPPED: no network",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            count(line, &mut outcome);
        }
        assert_eq!((outcome.tests_passed, outcome.tests_failed), (15, 2));
        assert_eq!(
            outcome.skips,
            ["no network", "1 tests are marked as ignored"]
        );
    }
}
