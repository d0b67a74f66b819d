//! The run as one JSON object, for programs.

use std::io::{self, Write as _};
use std::time::Duration;

use serde::Serialize;

use crate::demo::Run;
use crate::record::{Cut, Record};
use snapback_cli::flights::{Bar, ms};

#[derive(Serialize)]
struct Object<'a> {
    rtt_ms: f64,
    connections: Vec<Connection<'a>>,
    naive_flights_until_ready: usize,
    sent: usize,
    received: usize,
    lost: usize,
    duplicated: usize,
}

#[derive(Serialize)]
struct Connection<'a> {
    kind: &'static str,
    outcome: &'static str,
    plan: &'a str,
    flights: usize,
    flights_on_link: usize,
    ms: f64,
    waterfall: Vec<Flight<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cut: Option<Interrupted>,
}

#[derive(Serialize)]
struct Flight<'a> {
    #[serde(flatten)]
    bar: &'a Bar,
    round_trips: f64,
}

#[derive(Serialize)]
struct Interrupted {
    in_flight_sent: usize,
    in_flight_sent_but_arrived: usize,
    in_flight_to_us: usize,
    sent_meanwhile: usize,
    dark_ms: f64,
}

/// Prints the object, and nothing else.
pub(crate) fn print(run: &Run) -> io::Result<()> {
    let object = Object {
        rtt_ms: ms(run.rtt),
        connections: run
            .records
            .iter()
            .map(|record| connection(record, run.rtt))
            .collect(),
        naive_flights_until_ready: run.naive_until_ready,
        sent: run.totals.sent,
        received: run.totals.received,
        lost: run.totals.lost,
        duplicated: run.totals.duplicated,
    };
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &object)?;
    out.write_all(b"\n")?;
    out.flush()
}

fn connection(record: &Record, rtt: Duration) -> Connection<'_> {
    Connection {
        kind: record.kind.name(),
        outcome: record.outcome,
        plan: &record.plan,
        flights: record.flights,
        flights_on_link: record.flights_on_link,
        ms: ms(record.took),
        waterfall: record
            .waterfall
            .iter()
            .map(|bar| flight(bar, rtt))
            .collect(),
        cut: record.cut.as_ref().map(interrupted),
    }
}

fn flight(bar: &Bar, rtt: Duration) -> Flight<'_> {
    Flight {
        bar,
        round_trips: (bar.took.as_secs_f64() / rtt.as_secs_f64() * 100.0).round() / 100.0,
    }
}

fn interrupted(cut: &Cut) -> Interrupted {
    Interrupted {
        in_flight_sent: cut.ours,
        in_flight_sent_but_arrived: cut.ours_arrived,
        in_flight_to_us: cut.theirs,
        sent_meanwhile: cut.meanwhile,
        dark_ms: ms(cut.dark),
    }
}
