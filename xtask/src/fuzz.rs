//! Fuzzing on the stable toolchain: libFuzzer, and the coverage instrumentation asked of LLVM by name.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::files::{fresh, make};
use crate::tool::{self, cargo};

/// How long each target runs where nothing else is said, but for [`IN_ORDER`]: some ten thousand inputs, enough to see that it
/// works and to catch the shallow.
const DEFAULT_TIME: Duration = Duration::from_secs(8);

/// What cargo-fuzz passes as well, apart from the address sanitizer, which needs a nightly toolchain.
const INSTRUMENTATION: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    --cfg fuzzing";

/// This target is run with a fixed number of inputs, in the same order each time, unless a time is asked for: a change of one thing
/// does not fail for what chance has found in another.
const IN_ORDER: (&str, u32) = ("scenario", 400);

/// A single input may not take longer, in seconds; our parsers take microseconds.
const INPUT_TIMEOUT: u32 = 5;
const MEMORY_LIMIT_MB: u32 = 1024;

/// Builds all targets and runs each, for `time` if it is given.
pub(crate) fn run(time: Option<Duration>) -> Result<(), String> {
    let folder = tool::workspace().join("tests/fuzz");
    let targets = targets(&folder)?;
    let host = host()?;
    let build = tool::target_folder().join("fuzz");
    // With the target named, cargo keeps the flags away from build scripts, which could not link with them.
    let mut cargo = cargo(&["build", "--release", "--target", &host]);
    cargo.arg("--manifest-path").arg(folder.join("Cargo.toml"));
    cargo.arg("--target-dir").arg(&build);
    tool::run(cargo.env("RUSTFLAGS", INSTRUMENTATION))?;
    for target in targets {
        println!("-- {target}");
        let found = build.join("corpus").join(&target);
        let artifacts = folder.join("artifacts").join(&target);
        let is_in_order = target == IN_ORDER.0 && time.is_none();
        if is_in_order {
            // What was found before would change the order.
            fresh(&found)?;
        }
        for folder in [&found, &artifacts] {
            make(folder)?;
        }
        let mut command = Command::new(build.join(&host).join("release").join(&target));
        if is_in_order {
            command.arg("-seed=1").arg(format!("-runs={}", IN_ORDER.1));
        } else {
            command.arg(format!(
                "-max_total_time={}",
                time.unwrap_or(DEFAULT_TIME).as_secs()
            ));
        }
        command.arg(format!("-timeout={INPUT_TIMEOUT}"));
        command.arg(format!("-rss_limit_mb={MEMORY_LIMIT_MB}"));
        command.arg(format!("-artifact_prefix={}/", artifacts.display()));
        command.args(["-verbosity=0", "-print_final_stats=1"]);
        // New inputs go to the first folder; the committed ones are only read.
        command.arg(found).arg(folder.join("corpus").join(&target));
        tool::run(&mut command)?;
    }
    Ok(())
}

/// The names of all targets.
fn targets(folder: &Path) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder.join("fuzz_targets"))
        .map_err(|error| format!("fuzz targets: {error}"))?;
    let mut targets: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    targets.sort();
    if targets.is_empty() {
        Err("there are no fuzz targets".to_owned())
    } else {
        Ok(targets)
    }
}

fn host() -> Result<String, String> {
    let version = tool::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| "rustc does not name its host".to_owned())
}
