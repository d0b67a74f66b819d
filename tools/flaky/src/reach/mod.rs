//! The time until a phone is online on networks with one fault each, beside a login without any, and beside an older version.

mod builds;
mod names;
mod phone;
mod scenario;

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use phone::Phone;
use scenario::{SCENARIOS, Scenario, Start};

use crate::arguments::Reach;
use crate::page;

const DOMAIN: &str = "example.org";
const HOST: &str = "xmpp.example.org";
const USER: &str = "juliet";
const PASSWORD: &str = "wherefore";
const RTT: Duration = Duration::from_millis(100);

/// How long a phone is waited for. Then the row says that it was not online by then.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A row of the table; `None` where the phone was not online in time.
struct Row {
    scenario: &'static Scenario,
    before: Option<Duration>,
    now: Option<Duration>,
}

pub(crate) async fn run(arguments: &Reach) -> Result<(), String> {
    let arguments = arguments.clone();
    let measured = tokio::task::spawn_blocking(move || measure(&arguments));
    measured.await.map_err(text)?
}

fn measure(arguments: &Reach) -> Result<(), String> {
    let now = builds::this_version()?;
    let before = match arguments.write {
        true => Some(builds::of_revision(&arguments.before)?),
        false => None,
    };
    let mut rows = Vec::new();
    for scenario in SCENARIOS
        .iter()
        .filter(|scenario| arguments.has(scenario.name))
    {
        let median = |program: &Path| median(scenario, program, arguments.runs);
        let before = before.as_deref().map(median).transpose()?;
        let now = median(&now)?;
        println!("{}: before {before:?}, now {now:?}", scenario.name);
        rows.push(Row {
            scenario,
            before: before.flatten(),
            now,
        });
    }
    let missed = missed(&rows);
    if arguments.write {
        page::write("reach.md", &page_of(&rows, arguments))?;
    }
    match missed.is_empty() {
        true => Ok(()),
        false => Err(missed.join("\n")),
    }
}

/// The median of the runs; `None` if the phone was not online in time in any of them, the first being enough.
fn median(scenario: &Scenario, program: &Path, runs: usize) -> Result<Option<Duration>, String> {
    let mut times = Vec::new();
    for _ in 0..runs {
        match scenario.play(program)? {
            Some(time) => times.push(time),
            None => return Ok(None),
        }
    }
    times.sort();
    Ok(times.get(times.len() / 2).copied())
}

/// Rows that took longer than two logins of their kind, or were not online at all.
fn missed(rows: &[Row]) -> Vec<String> {
    let missed = rows.iter().filter_map(|row| {
        let alone = alone(rows, row.scenario.compared_with())?;
        match row.now {
            Some(now) if now <= alone * 2 => None,
            now => Some(format!(
                "{}: {now:?}, and a login takes {alone:?}",
                row.scenario.name
            )),
        }
    });
    missed.collect()
}

/// The time of the same login on a network without faults.
fn alone(rows: &[Row], start: Start) -> Option<Duration> {
    let row = rows
        .iter()
        .find(|row| row.scenario.is_faultless() && row.scenario.start == start);
    row?.now
}

fn page_of(rows: &[Row], arguments: &Reach) -> String {
    let time = |time: Option<Duration>| match time {
        Some(time) => format!("{:.2} s", time.as_secs_f64()),
        None => format!("not within {} s", TIMEOUT.as_secs()),
    };
    let header = ["network", "login", "starts when", "before", "now"];
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let scenario = row.scenario;
            vec![
                scenario.name.to_owned(),
                scenario.start.name().to_owned(),
                scenario.moment.to_owned(),
                time(row.before),
                time(row.now),
            ]
        })
        .collect();
    format!(
        "# Online within one login\n\nMade by `cargo xtask flaky reach --runs {} --before {} --write`: the time from the moment \
         when the network allows a login to the session, the median of the runs, on a link of {} ms, with the reference \
         server and direct TLS. *Before* is the revision named in the command, measured in the same run. A *cold* login \
         looks names up and knows nothing of the server; a *warm* one knows the server's addresses and features. A phone \
         that was not online in its first run was not waited for again.\n\n{}",
        arguments.runs,
        arguments.before,
        RTT.as_millis(),
        page::table(&header, &rows)
    )
}

fn text(error: impl Display) -> String {
    error.to_string()
}
