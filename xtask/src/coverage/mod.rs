//! Which regions of the core the crates' own tests and a simulation of fixed seeds reach: `cargo xtask coverage`.
//!
//! The compiler counts regions: pieces of code that run as a whole or not at all.

mod regions;

use std::env;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use crate::tool::{self, cargo};
use crate::{files, shipped};

use regions::{Cluster, Regions};

/// The generated page.
const PAGE: &str = "docs/coverage.md";

/// Where something is not reached for a reason: `file | function | reason`.
const REASONS: &str = include_str!("../../coverage.txt");

/// Set where this program stands for the compiler.
const AS_COMPILER: &str = "SNAPBACK_COVERAGE_COMPILER";

/// Crates of this workspace that are not instrumented: they are not measured, and compile nothing generic of those that
/// are. After a change here, `target/coverage` has to be removed: cargo does not know of it.
const NOT_INSTRUMENTED: [&str; 4] = [
    "build_script_build",
    "snapback_random",
    "snapback_reference_server",
    "snapback_tls",
];

/// What is built: the measured crates with their tests, and the simulation.
const BUILT: [&str; 14] = [
    "--profile=coverage",
    "--lib",
    "--bins",
    "--tests",
    "--package=snapback-types",
    "--package=snapback-wire",
    "--package=snapback-proto",
    "--package=snapback-engine",
    "--package=snapback-store",
    "--package=snapback-simulation",
    "--features=snapback-store/testing",
    "--quiet",
    "--message-format=json-render-diagnostics",
    "--no-run",
];

/// The runs of the simulation.
const RUNS: [&[&str]; 3] = [
    &["--seeds", "2000", "--strict"],
    &["--profile", "sqlite", "--seeds", "100"],
    &["--profile", "tls", "--seeds", "100"],
];

/// The least percentage of regions that are reached in each of these folders.
const FLOOR: f64 = 85.0;
const FLOORED: [&str; 2] = ["rust-core/proto/src/connection/", "rust-core/engine/src/"];

/// Unreached regions of one function that need a reason there.
const NEEDS_REASON: usize = 6;

/// The rows of the page.
const ROWS: [(&str, &str); 7] = [
    ("rust-core/proto/src/connection/", "proto/src/connection"),
    ("rust-core/proto/src/sasl/", "proto/src/sasl"),
    ("rust-core/proto/src/", "rest of proto"),
    ("rust-core/engine/src/", "engine"),
    ("rust-core/store/src/", "store"),
    ("rust-core/wire/src/", "wire"),
    ("rust-core/types/src/", "types"),
];

/// Measures, and fails below the floor, with an unreached part without a reason, or with a reason that nothing needs.
pub(crate) fn check() -> Result<(), String> {
    verdict(&measure()?)
}

/// The same, and writes `docs/coverage.md`.
pub(crate) fn write_page() -> Result<(), String> {
    let regions = measure()?;
    files::write(&tool::workspace().join(PAGE), &page(&regions)?)?;
    verdict(&regions)
}

/// Whether cargo has started this program in place of the compiler.
pub(crate) fn is_compiler() -> bool {
    env::var_os(AS_COMPILER).is_some()
}

/// The compiler, with the arguments that it needs for coverage.
pub(crate) fn compile(arguments: &[String]) -> ExitCode {
    let Some((compiler, arguments)) = arguments.split_first() else {
        return ExitCode::FAILURE;
    };
    let mut command = Command::new(compiler);
    command.args(arguments);
    let mut rest = arguments.iter().skip_while(|word| *word != "--crate-name");
    let is_instrumented = |name: &String| !NOT_INSTRUMENTED.contains(&name.as_str());
    if rest.nth(1).is_some_and(is_instrumented) {
        command.arg("-Cinstrument-coverage");
    }
    let status = command.status();
    let is_success = status.is_ok_and(|status| status.success());
    if is_success {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn measure() -> Result<Regions, String> {
    let folder = tool::target_folder().join("coverage");
    let counts = folder.join("counts");
    let merged = folder.join("merged.profdata");
    let programs = timed("build", || build(&folder))?;
    files::fresh(&counts)?;
    timed("tests", || run_tests(&programs, &counts))?;
    for run in RUNS {
        timed(&format!("simulate {}", run.join(" ")), || {
            simulate(&folder, run, &counts)
        })?;
    }
    let exported = timed("merge", || {
        let mut merge = Command::new(llvm_tool("llvm-profdata")?);
        merge.args(["merge", "--sparse", "--output"]).arg(&merged);
        tool::run(merge.arg(&counts))?;
        files::fresh(&counts)?;
        let exported = programs.iter().map(|program| export(program, &merged));
        exported.collect::<Result<Vec<_>, _>>()
    })?;
    timed("count", || Regions::read(&exported))
}

/// Prints how long a part takes.
fn timed<T>(name: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let start = Instant::now();
    let done = work();
    println!("{name}: {:.1} s", start.elapsed().as_secs_f64());
    done
}

/// A program that cargo has built, and the folder in which its tests run.
struct Program {
    path: PathBuf,
    folder: PathBuf,
    is_test: bool,
}

fn build(folder: &Path) -> Result<Vec<Program>, String> {
    let itself = env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let mut cargo = cargo(&["test"]);
    cargo.args(BUILT).arg("--target-dir").arg(folder);
    cargo.env("RUSTC_WORKSPACE_WRAPPER", itself);
    cargo.env(AS_COMPILER, "1");
    let messages = tool::output(&mut cargo)?;
    let programs: Vec<Program> = messages.lines().filter_map(program).collect();
    if programs.is_empty() {
        return Err("cargo names no program that it has built".to_owned());
    }
    Ok(programs)
}

/// The program of one of cargo's messages.
fn program(message: &str) -> Option<Program> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let manifest = Path::new(message.get("manifest_path")?.as_str()?);
    Some(Program {
        path: message.get("executable")?.as_str()?.into(),
        folder: manifest.parent()?.to_owned(),
        is_test: message.get("profile")?.get("test")?.as_bool()?,
    })
}

fn run_tests(programs: &[Program], counts: &Path) -> Result<(), String> {
    for program in programs.iter().filter(|program| program.is_test) {
        let mut command = Command::new(&program.path);
        command.arg("--quiet").current_dir(&program.folder);
        command.env("CARGO_MANIFEST_DIR", &program.folder);
        tool::run(&mut counted(command, counts))?;
    }
    Ok(())
}

fn simulate(folder: &Path, run: &[&str], counts: &Path) -> Result<(), String> {
    let mut command = Command::new(folder.join("coverage/simulate"));
    command.args(run).stdout(Stdio::null());
    tool::run(&mut counted(command, counts))
}

/// All processes of one program add their counts to one file.
fn counted(mut command: Command, counts: &Path) -> Command {
    command.env("LLVM_PROFILE_FILE", counts.join("%m.profraw"));
    command
}

/// The counts of one program's functions as JSON. Of a function that several programs have, llvm-cov takes the first: in a
/// program that does not call it that is one without counts, and cargo's order of the programs is another each time.
fn export(program: &Program, merged: &Path) -> Result<String, String> {
    let mut export = Command::new(llvm_tool("llvm-cov")?);
    export.args(["export", "--format=text", "--skip-expansions"]);
    export.arg("--ignore-filename-regex=/(\\.cargo|rustc)/");
    export.arg("--instr-profile").arg(merged);
    tool::output(export.arg(&program.path))
}

/// A tool of the compiler's own LLVM: another version does not read its files.
fn llvm_tool(name: &str) -> Result<PathBuf, String> {
    let path = tool::compilers_tools()?.join(name);
    if !path.is_file() {
        shipped::add_component("llvm-tools")?;
    }
    Ok(path)
}

/// The reasons, as file and function with the text.
fn reasons() -> Result<Vec<[&'static str; 3]>, String> {
    let lines = REASONS.lines().zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|(line, number)| {
            let fields: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
            match fields.as_slice() {
                [file, function, reason] if !reason.is_empty() => Ok([*file, *function, *reason]),
                _ => Err(format!("xtask/coverage.txt:{number}: {line}")),
            }
        })
        .collect()
}

fn reason_for(cluster: &Cluster, reasons: &[[&'static str; 3]]) -> Option<&'static str> {
    let is_it =
        |[file, function, _]: &&[&str; 3]| *file == cluster.file && *function == cluster.function;
    reasons.iter().find(is_it).map(|[_, _, reason]| *reason)
}

fn verdict(regions: &Regions) -> Result<(), String> {
    let mut findings = Vec::new();
    for folder in FLOORED {
        let (reached, all) = regions.in_folder(folder);
        let percent = percent(reached, all);
        println!("{folder}: {reached} of {all} regions, {percent:.1} %");
        if percent < FLOOR {
            findings.push(format!("{folder}: {percent:.1} %, below {FLOOR} %"));
        }
    }
    let reasons = reasons()?;
    let clusters = regions.clusters(&FLOORED, NEEDS_REASON)?;
    for cluster in &clusters {
        if reason_for(cluster, &reasons).is_none() {
            findings.push(format!(
                "{cluster}: neither tested nor in xtask/coverage.txt"
            ));
        }
    }
    for [file, function, _] in &reasons {
        let is_needed = |cluster: &Cluster| cluster.file == *file && cluster.function == *function;
        if !clusters.iter().any(is_needed) {
            findings.push(format!(
                "xtask/coverage.txt: {file}, {function}: not needed any more"
            ));
        }
    }
    if findings.is_empty() {
        Ok(())
    } else {
        Err(findings.join("\n"))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "there are some ten thousand regions"
)]
fn percent(reached: usize, all: usize) -> f64 {
    100.0 * reached as f64 / all.max(1) as f64
}

fn page(regions: &Regions) -> Result<String, String> {
    let mut page = String::from(
        "# Coverage of the core\n\nGenerated by `cargo xtask coverage`. A region is a piece of code that runs as a whole or \
         not at all. Counted are those that the crates' own tests and the simulation reach; what is only compiled for \
         tests is left out. [testing.md](testing.md#regions) says more.\n\n| part | reached | regions | percent |\n\
         |---|--:|--:|--:|\n",
    );
    let mut before: Vec<&str> = Vec::new();
    for (folder, name) in ROWS {
        let (mut reached, mut all) = regions.in_folder(folder);
        for inside in before.iter().filter(|inside| inside.starts_with(folder)) {
            let (less_reached, less) = regions.in_folder(inside);
            reached -= less_reached;
            all -= less;
        }
        before.push(folder);
        let percent = percent(reached, all);
        let _ = writeln!(page, "| {name} | {reached} | {all} | {percent:.1} |");
    }
    let _ = write!(
        page,
        "\n## What is not reached\n\nFunctions of `proto/src/connection` and `engine` with {NEEDS_REASON} unreached regions \
         or more, and why.\n\n| file | function | lines | regions | reason |\n|---|---|---|--:|---|\n"
    );
    let reasons = reasons()?;
    for cluster in regions.clusters(&FLOORED, NEEDS_REASON)? {
        let reason = reason_for(&cluster, &reasons).unwrap_or("none");
        let Cluster {
            file,
            function,
            first,
            last,
            regions,
        } = &cluster;
        let file = file.trim_start_matches("rust-core/");
        let _ = writeln!(
            page,
            "| {file} | `{function}` | {first}–{last} | {regions} | {reason} |"
        );
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_file_and_a_function() {
        for [file, function, _] in reasons().unwrap() {
            let text = files::read(&tool::workspace().join(file)).unwrap();
            assert!(
                text.contains(&format!("fn {function}")),
                "{file}: {function}"
            );
        }
    }

    #[test]
    fn a_program_is_found_in_a_message() {
        let message = r#"{"reason":"compiler-artifact","manifest_path":"/a/b/Cargo.toml","profile":{"test":true},"executable":"/t/b-1"}"#;
        let found = program(message).unwrap();
        assert_eq!((found.path, found.folder), ("/t/b-1".into(), "/a/b".into()));
        assert!(program(r#"{"reason":"build-finished","success":true}"#).is_none());
    }
}
