//! The table of round trips, on real packets.

use std::time::Duration;

use snapback_interop::flaky::{Cell, RoundTrips, Setting, logins};
use snapback_interop::measure::{Case, Host, real_cases, reference_cases};
use snapback_interop::{Flavour, ServerConfig};
use snapback_netsim::packets::Profile;

use crate::arguments;
use crate::page;

/// The round trip times of the table, as in the table of other clients.
const RTTS: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(300)];

/// A row: a server, and its cells for each round trip time.
struct Row {
    name: String,
    flights: [usize; 3],
    cells: Vec<String>,
}

pub(crate) async fn run(arguments: &arguments::RoundTrips) -> Result<(), String> {
    let mut rows = Vec::new();
    for (name, case) in cases() {
        println!("{name}");
        let mut cells = Vec::new();
        for rtt in RTTS {
            let setting = setting(&case, rtt);
            let measured = logins(&setting, arguments.runs).await;
            let measured = measured.ok_or("without the servers there is nothing to measure")?;
            cells.extend(self::cells(&measured, rtt));
            println!("  {} ms: {}", rtt.as_millis(), cells.join(", "));
        }
        let flights = case.flights;
        rows.push(Row {
            name,
            flights: [flights.cold, flights.warm, flights.resumed],
            cells,
        });
    }
    page::write("round-trips.md", &text(&rows, arguments.runs))
}

/// Each row of the table; those on Prosody twice, with Nagle's algorithm and without.
fn cases() -> Vec<(String, Case)> {
    let mut all = Vec::new();
    for case in real_cases() {
        match &case.host {
            Host::Real(config) if config.flavour != Flavour::Ejabberd => {
                let packaged = Case {
                    host: Host::Real(ServerConfig {
                        nagle: true,
                        ..*config
                    }),
                    ..case.clone()
                };
                all.push((format!("{}, Nagle on (default)", case.name), packaged));
                all.push((format!("{}, Nagle off", case.name), case));
            }
            _ => all.push((case.name.to_owned(), case)),
        }
    }
    all.extend(
        reference_cases()
            .into_iter()
            .map(|case| (format!("reference server: {}", case.name), case)),
    );
    all
}

fn setting(case: &Case, rtt: Duration) -> Setting {
    Setting {
        early_data: case.early_data,
        // The connection was cut, and the test must not wait until the client notices.
        probe: Some(rtt * 2),
        ..Setting::new(case.host.clone(), case.transport, Profile::plain(rtt), 1)
    }
}

fn cells(measured: &RoundTrips, rtt: Duration) -> Vec<String> {
    [&measured.cold, &measured.warm, &measured.resumed]
        .map(|logins| match Cell::of(logins, rtt) {
            Some(cell) => format!("{} / {:.2}", cell.flights, cell.wall),
            None => "-".to_owned(),
        })
        .into()
}

fn text(rows: &[Row], runs: usize) -> String {
    let header = [
        "server",
        "planned: cold, warm, resumed",
        "100 ms: cold",
        "warm",
        "resumed",
        "300 ms: cold",
        "warm",
        "resumed",
    ];
    let table: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            let [cold, warm, resumed] = row.flights;
            let mut cells = vec![row.name.clone(), format!("{cold}, {warm}, {resumed}")];
            cells.extend(row.cells.clone());
            cells
        })
        .collect();
    format!(
        "# Round trips on real packets\n\nMade by `cargo xtask flaky round-trips --runs {runs}`. A cell is *flights that the \
         client counted / time from the first packet to the session, in round trips* (the median of {runs}).\n\n{}",
        page::table(&header, &table)
    )
}
