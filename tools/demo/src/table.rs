//! The end of the demo: all kinds of connection in one table.

use std::io;
use std::time::Duration;

use crate::demo::Run;
use crate::ledger::Totals;
use crate::record::{Kind, Record};
use crate::screen::{Ink, Screen};

const BAR: usize = 27;

/// Prints the table, and what became of the messages.
pub(crate) fn show(screen: &mut Screen, run: &Run) -> io::Result<()> {
    let naive = middle(run, Kind::Naive)
        .map(|record| record.took)
        .unwrap_or_default();
    let title = screen.ink(Ink::Bold, "In this run").to_string();
    screen.line(format_args!("\n{title}"))?;
    let head = format!(
        "  {:22} {:>11} {:>8}",
        "until the session", "round trips", "ms"
    );
    let head = screen.ink(Ink::Dim, &head).to_string();
    screen.line(format_args!("{head}"))?;
    for kind in run.kinds.iter().copied() {
        let Some(record) = middle(run, kind) else {
            continue;
        };
        let label = label(run, kind);
        let block = "#".repeat(length(record.took, naive));
        let ink = if kind == Kind::Naive {
            Ink::Dim
        } else {
            Ink::Good
        };
        let block = screen.ink(ink, &block).to_string();
        let (flights, took) = (record.flights, record.took.as_millis());
        screen.line(format_args!(
            "  {label:22} {flights:>11} {took:>8}  {block}"
        ))?;
    }
    let differs = |record: &&Record| record.flights != record.flights_on_link;
    let verdict = match run.records.iter().filter(differs).count() {
        0 => "The link, watching the wire, counted the same round trips.",
        _ => "The link counted other round trips: see flights_on_link in `--json`.",
    };
    screen.line(format_args!("  {verdict}\n"))?;
    outcome(screen, run)
}

/// Each message carries an id, and both ends were asked which ids they saw.
fn outcome(screen: &mut Screen, run: &Run) -> io::Result<()> {
    let Totals {
        sent,
        received,
        lost,
        duplicated,
    } = run.totals;
    let cuts = run
        .records
        .iter()
        .filter(|record| record.cut.is_some())
        .count();
    let what = if run.kinds.contains(&Kind::Killed) {
        "kills of its process"
    } else {
        "cuts"
    };
    let verdict = format!("{lost} lost, {duplicated} duplicated");
    let ink = if lost + duplicated == 0 {
        Ink::Good
    } else {
        Ink::Bad
    };
    let verdict = screen.ink(ink, &verdict).to_string();
    screen.line(format_args!(
        "{sent} messages out and {received} in, over {cuts} {what}: {verdict}\n\
         (each message has an id; both ends were asked which ids they saw, and how often)"
    ))?;
    for kind in run.missing() {
        let kind = screen.ink(Ink::Bad, kind.name()).to_string();
        screen.line(format_args!("No connection was of this kind: {kind}"))?;
    }
    Ok(())
}

fn label(run: &Run, kind: Kind) -> String {
    let name = match kind {
        Kind::Naive => "naive client, cold",
        Kind::Cold => "Snapback, cold",
        Kind::Resumed => "resumed",
        Kind::Warm => "warm, new session",
        Kind::Early => "resumed in early data",
        Kind::Killed => "killed",
    };
    match of(run, kind).count() {
        0 | 1 => name.to_owned(),
        several => format!("{name} (median of {several})"),
    }
}

/// The median by time.
fn middle(run: &Run, kind: Kind) -> Option<&Record> {
    let mut records: Vec<&Record> = of(run, kind).collect();
    records.sort_by_key(|record| record.took);
    records.get(records.len() / 2).copied()
}

fn of(run: &Run, kind: Kind) -> impl Iterator<Item = &Record> {
    run.records.iter().filter(move |record| record.kind == kind)
}

fn length(took: Duration, longest: Duration) -> usize {
    let share = took.as_secs_f64() / longest.as_secs_f64().max(f64::MIN_POSITIVE);
    (share * BAR as f64).round().clamp(1.0, BAR as f64) as usize
}
