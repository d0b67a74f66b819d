//! `simulate`: runs many seeds, or replays one. `cargo xtask simulate` builds and runs it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a command line tool writes to standard output"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use snapback_simulation::campaign::{Campaign, Summary};
use snapback_simulation::shrink::shrink;
use snapback_simulation::turns::{self, Place, Turn};
use snapback_simulation::{Options, Profile, Script, run};

/// A run makes many small, short-lived allocations, on all cores at once.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the core in a simulated world and compares what happens with a model.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// Run one seed and print everything that happens; fails if the seed does.
    #[arg(long)]
    seed: Option<u64>,
    /// The first of the seeds.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Stop after this many reconnects.
    #[arg(long)]
    reconnects: Option<u64>,
    /// Which parts are real.
    #[arg(long, value_enum, default_value = "memory")]
    profile: Kind,
    /// A script to run instead of a seed's own.
    #[arg(long)]
    script: Option<PathBuf>,
    /// An input of the fuzz target `scenario` to print as a script, and to run.
    #[arg(long)]
    fuzz_input: Option<PathBuf>,
    /// How many threads; all cores if not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Fail if a message of unknown fate arrives twice where the server has an archive.
    #[arg(long)]
    strict: bool,
    /// With `--script`: this place fails, as `--every-failure` names it (`ReadReset 3`).
    #[arg(long)]
    turn: Option<Turn>,
    /// With `--seed` or `--script`: do not print what happens.
    #[arg(long)]
    quiet: bool,
    /// Continue after a failure, and list them all.
    #[arg(long)]
    keep_going: bool,
    /// Fail if a state of the connection or the engine is not entered, an input, output or event of the engine is not seen, or a
    /// fault of the server is not used.
    #[arg(long)]
    full_coverage: bool,
    /// Run each scenario of `tests/simulation/scenarios` once for each place that can fail.
    #[arg(long)]
    every_failure: bool,
    /// Do not shorten the script of a seed that fails.
    #[arg(long)]
    no_shrink: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Memory,
    Sqlite,
    Tls,
}

impl From<Kind> for Profile {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Memory => Self::Memory,
            Kind::Sqlite => Self::Sqlite,
            Kind::Tls => Self::Tls,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.every_failure {
        return every_failure(&arguments);
    }
    if let Some(path) = &arguments.script {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
        return match text.map(|text| text.parse::<Script>()) {
            Ok(Ok(script)) => one(&script, &arguments),
            Ok(Err(error)) => complain(&error.to_string()),
            Err(error) => complain(&format!("{}: {error}", path.display())),
        };
    }
    if let Some(path) = &arguments.fuzz_input {
        return match std::fs::read(path) {
            Ok(input) => {
                let script = Script::from_bytes(&input);
                print!("{script}");
                one(&script, &arguments)
            }
            Err(error) => complain(&format!("{}: {error}", path.display())),
        };
    }
    if let Some(seed) = arguments.seed {
        return one(&Script::draw(arguments.profile.into(), seed), &arguments);
    }
    many(&arguments)
}

fn complain(what: &str) -> ExitCode {
    eprintln!("{what}");
    ExitCode::FAILURE
}

fn one(script: &Script, arguments: &Arguments) -> ExitCode {
    let options = Options {
        strict: arguments.strict,
        traced: !arguments.quiet,
        turn: arguments.turn,
    };
    let outcome = run(script, options);
    for line in &outcome.trace {
        println!("{line}");
    }
    println!(
        "seed {}: {} steps, {} reconnects, trace {:016x}",
        script.seed, outcome.steps, outcome.reconnects, outcome.hash
    );
    match outcome.violation {
        None => ExitCode::SUCCESS,
        Some(violation) => {
            println!("seed {} fails. {violation}", script.seed);
            if !arguments.no_shrink {
                print_shrunk(script, options);
            }
            ExitCode::FAILURE
        }
    }
}

fn threads(arguments: &Arguments) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.threads.unwrap_or(cores)
}

/// Prints a row for each scenario: its places, the runs, and how many of these were wrong.
fn every_failure(arguments: &Arguments) -> ExitCode {
    print!("{:<22}", "scenario");
    for (_, name) in Place::ALL {
        print!("{name:>14}");
    }
    println!("{:>8}{:>8}", "runs", "wrong");
    let mut all_wrong = Vec::new();
    for scenario in turns::scenarios() {
        let table = turns::every_failure(&scenario.script, threads(arguments));
        print!("{:<22}", scenario.name);
        for count in table.places {
            print!("{count:>14}");
        }
        println!("{:>8}{:>8}", table.runs, table.wrong.len());
        let wrong = table.wrong.into_iter();
        all_wrong.extend(wrong.map(|wrong| (scenario.name.clone(), wrong)));
    }
    for (name, wrong) in &all_wrong {
        println!("{name}: {wrong}");
    }
    if all_wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn many(arguments: &Arguments) -> ExitCode {
    let campaign = Campaign {
        profile: arguments.profile.into(),
        first: arguments.first,
        seeds: arguments.seeds,
        reconnects: arguments.reconnects,
        threads: threads(arguments),
        options: Options {
            strict: arguments.strict,
            ..Options::default()
        },
        keep_going: arguments.keep_going,
    };
    println!(
        "{} seeds from {}, profile {}, {} threads",
        campaign.seeds,
        campaign.first,
        campaign.profile.name(),
        campaign.threads
    );
    let tenth = (campaign.seeds / 10).max(1);
    let summary = campaign.run(|seeds, reconnects| {
        if seeds % tenth == 0 {
            println!("{seeds} seeds, {reconnects} reconnects");
        }
    });
    print_summary(&summary, campaign.profile);
    for (seed, violation) in summary.failures.iter().skip(1) {
        println!("seed {seed} fails. {violation}");
    }
    let coverage = &summary.coverage;
    let is_covered = coverage.states_missed().is_empty()
        && coverage.faults_missed(campaign.profile).is_empty()
        && coverage.events_missed().is_empty()
        && coverage.engine.missed(campaign.profile).is_empty();
    match summary.failures.first() {
        None if arguments.full_coverage && !is_covered => {
            complain("states, faults, events or parts of the engine were missed")
        }
        None => ExitCode::SUCCESS,
        Some((seed, violation)) => {
            println!("\nseed {seed} fails. {violation}");
            if !arguments.no_shrink {
                print_shrunk(&Script::draw(campaign.profile, *seed), campaign.options);
            }
            ExitCode::FAILURE
        }
    }
}

fn print_summary(summary: &Summary, profile: Profile) {
    println!(
        "{} seeds, {} steps, {} reconnects ({} resumed), traces {:016x}, in {:.1} s: {:.0} reconnects/s",
        summary.seeds,
        summary.steps,
        summary.reconnects,
        summary.resumptions,
        summary.hash,
        summary.took.as_secs_f64(),
        summary.rate()
    );
    if let Some(cpu) = processor_seconds() {
        let rate = summary.reconnects as f64 / cpu.max(0.01);
        println!("{cpu:.1} s of processor time: {rate:.0} reconnects for each second of one core");
    }
    let counts = &summary.counts;
    println!(
        "{} messages sent, {} delivered; {} sessions lost, {} messages of unknown fate duplicated up, {} down",
        counts.sent,
        counts.delivered,
        counts.sessions_lost,
        counts.duplicated_up,
        counts.duplicated_down
    );
    let coverage = &summary.coverage;
    println!(
        "{} transitions between states; states missed: {:?}; faults used: {}, missed: {:?}",
        coverage.transitions.len(),
        coverage.states_missed(),
        coverage.faults.len(),
        coverage.faults_missed(profile)
    );
    println!(
        "events: {:?}, missed: {:?}",
        coverage.events,
        coverage.events_missed()
    );
    println!(
        "of the engine missed: {:?}",
        coverage.engine.missed(profile)
    );
}

/// Returns the processor time so far, where Linux reports it: on a busy machine the elapsed time is not meaningful.
fn processor_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    // In ticks, a hundred per second on every Linux that this runs on.
    Some((user + system) / 100.0)
}

fn print_shrunk(script: &Script, options: Options) {
    let short = shrink(script, options);
    println!("\n# the shortest script found that breaks the same rule");
    print!("{short}");
    let profile = short.profile.name();
    println!(
        "\nreplay: cargo xtask simulate --profile {profile} --seed {}",
        short.seed
    );
    println!("or save the script as FILE and: cargo xtask simulate --script FILE");
}
