//! Runs the simulation with each mistake. A mistake is found if a seed fails with it that passes without it.

use std::path::Path;
use std::process::Output;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::patch::Patch;
use super::{copy, with};
use crate::files;

/// A mistake that many seeds find: its script is shortened, and the short one run again.
const SHORTENED: &str = "i3-h-reset-on-resume";
const SHORT: usize = 10;

/// The line after which `simulate` prints the shortened script, and what follows it.
const SCRIPT_BEGINS: &str = "# the shortest script found";
const SCRIPT_ENDS: &str = "\nreplay: ";

/// What stands between a seed and its violation.
const FAILS: &str = " fails. ";

/// Plants all mistakes, on all cores, each in a process of its own.
pub(super) fn all(program: &Path, patches: &[Patch], seeds: u32) -> Result<(), String> {
    let rest = Mutex::new(patches.iter());
    let missed = Mutex::new(Vec::new());
    let next = || rest.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || {
        while let Some(patch) = next() {
            match find(program, &patch.name, seeds) {
                Ok(found) => println!("{:32} {found:.120}", patch.name),
                Err(why) => missed
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(format!("{}: {why}", patch.name)),
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(worker);
        }
    });
    let mut missed = missed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Err(why) = shorten(program, seeds) {
        missed.push(format!("{SHORTENED}, shortened: {why}"));
    }
    if missed.is_empty() {
        println!("all {} mistakes were found", patches.len());
        return Ok(());
    }
    missed.sort();
    Err(missed.join("\n"))
}

/// The line about the first seed that fails with this mistake.
fn find(program: &Path, mistake: &str, seeds: u32) -> Result<String, String> {
    let seeds = seeds.to_string();
    let arguments = ["--threads", "1", "--no-shrink", "--seeds", &seeds];
    let line = match violation(&run(program, Some(mistake), &arguments)?)? {
        Some(line) => line,
        None => return Err(format!("not found in {seeds} seeds")),
    };
    let seed = line.split(' ').nth(1).unwrap_or_default();
    let arguments = ["--seed", seed, "--quiet", "--no-shrink"];
    match violation(&run(program, None, &arguments)?)? {
        Some(_) => Err(format!("seed {seed} fails without it, too")),
        None => Ok(line),
    }
}

/// A failing script becomes a short one, which fails for the same reason, and only with the mistake.
fn shorten(program: &Path, seeds: u32) -> Result<(), String> {
    let seeds = seeds.to_string();
    let output = run(
        program,
        Some(SHORTENED),
        &["--seeds", &seeds, "--threads", "1"],
    )?;
    let line = violation(&output)?.ok_or("not found")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let script = printed
        .split_once(SCRIPT_BEGINS)
        .and_then(|(_, rest)| rest.split_once('\n')?.1.split_once(SCRIPT_ENDS))
        .ok_or("no script is printed")?
        .0;
    let is_step = |line: &&str| line.starts_with(|first: char| first.is_ascii_digit());
    if script.lines().filter(is_step).count() >= SHORT {
        return Err(format!("not short:\n{script}"));
    }
    let path = copy::folder()?.join("script");
    files::write(&path, script)?;
    let path = path.to_string_lossy();
    let arguments = ["--script", &path, "--quiet", "--no-shrink"];
    let again = violation(&run(program, Some(SHORTENED), &arguments)?)?;
    if again.as_deref().map(rule) != Some(rule(&line)) {
        return Err(format!("{line}, but then {again:?}:\n{script}"));
    }
    match violation(&run(program, None, &arguments)?)? {
        Some(line) => Err(format!("fails without the mistake, too: {line}\n{script}")),
        None => Ok(()),
    }
}

fn run(program: &Path, mistake: Option<&str>, arguments: &[&str]) -> Result<Output, String> {
    let output = with(program, mistake).args(arguments).output();
    output.map_err(|error| format!("{}: {error}", program.display()))
}

/// The line about the seed that failed, if one did. A simulation that did not come to its end is an error.
fn violation(output: &Output) -> Result<Option<String>, String> {
    if output.status.success() {
        return Ok(None);
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    let is_violation = |line: &&str| line.starts_with("seed ") && line.contains(FAILS);
    match printed.lines().find(is_violation) {
        Some(line) => Ok(Some(line.to_owned())),
        None => Err(format!(
            "{}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )),
    }
}

/// The rule in the line about a seed that failed.
fn rule(line: &str) -> &str {
    let violation = line
        .split_once(FAILS)
        .map_or("", |(_, violation)| violation);
    violation
        .split_once(" at ")
        .map_or(violation, |(rule, _)| rule)
}
