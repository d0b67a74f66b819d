//! Mistakes that the simulation has to find. Each is a patch in `tests/simulation/mutants/` that adds a branch to a production
//! file; the branch asks at run time whether its mistake is the chosen one. All patches are applied to one copy of the
//! workspace, which is built once.

mod carry;
mod copy;
mod each;
mod hunt;
mod patch;
mod refresh;

use std::path::Path;
use std::process::Command;

use crate::{simulate, tool};

/// Where the patches are, in the workspace.
const FOLDER: &str = "tests/simulation/mutants";

/// How many seeds each mistake may take.
const SEEDS: u32 = 5_000;

const USAGE: &str = "\
usage: cargo xtask mutants                     each mistake is planted, and has to be found
       cargo xtask mutants --seeds N           the same, in N seeds instead of 5000
       cargo xtask mutants MISTAKE [arguments] `simulate` with this mistake and these arguments
       cargo xtask mutants --each [--shard K/N] [PATH ..]
                                               every small mistake in the files that matter most (hours), or in these
       cargo xtask mutants --check             all patches apply; nothing is built
       cargo xtask mutants --refresh           write the patches anew, for the files as they are now";

/// `cargo xtask mutants` with these arguments.
pub(crate) fn command(arguments: &[String]) -> Result<(), String> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => find_all(SEEDS),
        ["--seeds", seeds] => find_all(seeds.parse().map_err(|_| USAGE.to_owned())?),
        ["--each", "--shard", shard, paths @ ..] => each::run(Some(shard), paths),
        ["--each", paths @ ..] => each::run(None, paths),
        ["--check"] => check(),
        ["--refresh"] => refresh::all(),
        [mistake, arguments @ ..] if !mistake.starts_with('-') => one(mistake, arguments),
        _ => Err(USAGE.to_owned()),
    }
}

/// Plants each mistake, which has to be found.
pub(crate) fn in_ci() -> Result<(), String> {
    find_all(SEEDS)
}

/// Fails unless all patches can be applied; nothing is built.
pub(crate) fn check() -> Result<(), String> {
    copy::patched(&patch::all()?).map(drop)
}

fn find_all(seeds: u32) -> Result<(), String> {
    let patches = patch::all()?;
    let program = copy::build(&patches)?;
    hunt::all(&program, &patches, seeds)
}

fn one(mistake: &str, arguments: &[&str]) -> Result<(), String> {
    let patches = patch::all()?;
    if !patches.iter().any(|patch| patch.name == mistake) {
        return Err(format!("{mistake}: there is no such patch in {FOLDER}"));
    }
    let program = copy::build(&patches)?;
    tool::run(with(&program, Some(mistake)).args(arguments))
}

/// The simulation, with this mistake or with none.
fn with(program: &Path, mistake: Option<&str>) -> Command {
    let mut command = Command::new(program);
    simulate::set_environment(&mut command);
    match mistake {
        Some(mistake) => command.env("SNAPBACK_MISTAKE", mistake),
        None => command.env_remove("SNAPBACK_MISTAKE"),
    };
    command
}
