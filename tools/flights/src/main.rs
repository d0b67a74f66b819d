//! Measures every row of the table of round trips and writes it into `docs/protocol/flights.md`, between the markers.
//!
//! Run it with `cargo xtask flights`. Real servers, our client, a link of 100 ms; a few minutes.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool writes to standard output"
)]

mod fast_open;
mod page;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use snapback_interop::measure::{Case, Row, RunningHost, measure, real_cases, reference_cases};

const RTT: Duration = Duration::from_millis(100);

/// The number of measurements of each row; wall times are medians.
const RUNS: usize = 5;

/// A row and its measurements.
struct Measured {
    case: Case,
    runs: Vec<Row>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(missed) if missed.is_empty() => ExitCode::SUCCESS,
        Ok(missed) => {
            eprintln!("missed: {}", missed.join("; "));
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Yields the cells that were missed.
async fn run() -> Result<Vec<String>, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol/flights.md");
    let mut rows = Vec::new();
    for case in real_cases().into_iter().chain(reference_cases()) {
        println!("{}", case.name);
        let host = RunningHost::start(&case.host).await;
        let host = host.ok_or("without the servers there is nothing to measure")?;
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            runs.push(measure(&case, &host, RTT).await);
        }
        rows.push(Measured { case, runs });
    }
    let fast_open = fast_open::measure(RTT, RUNS).await?;
    let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
    let generated = [
        page::table(&rows, RTT),
        fast_open::section(&fast_open, RTT),
        page::diagrams(&rows, RTT),
    ];
    let text = page::replace(&text, &generated.join("\n"))?;
    std::fs::write(&path, text).map_err(|error| error.to_string())?;
    let of_fast_open = fast_open.iter().flat_map(|row| row.missed(RTT));
    Ok(rows
        .iter()
        .flat_map(Measured::missed)
        .chain(of_fast_open)
        .collect())
}

impl Measured {
    /// Logins that took another number of flights than the table says, in any run. Fewer are welcome in a cold one.
    fn missed(&self) -> Vec<String> {
        let expected = self.case.flights;
        let expected = [expected.cold, expected.warm, expected.resumed];
        let mut missed: Vec<String> = self
            .runs
            .iter()
            .flat_map(|run| run.logins().into_iter().zip(expected))
            .filter(|((kind, login), expected)| match *kind {
                "cold" => login.flights() > *expected,
                _ => login.flights() != *expected,
            })
            .map(|((kind, login), expected)| {
                format!(
                    "{}, {kind}: {} instead of {expected}",
                    self.case.name,
                    login.flights()
                )
            })
            .collect();
        missed.dedup();
        missed
    }
}
