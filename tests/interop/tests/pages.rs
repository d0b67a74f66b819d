//! The statements of `docs/networks.md` match its tables.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test"
)]

use std::fs;
use std::path::Path;

const UNFINISHED: &str = "did not finish";

/// The page with one space wherever there is white space.
fn page() -> String {
    let text = document("networks.md");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn document(name: &str) -> String {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    fs::read_to_string(docs.join(name)).expect("the page is there")
}

/// The cells of each row of the page's table, without its header.
fn table(name: &str) -> Vec<Vec<String>> {
    let text = document(name);
    let rows = text.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    })
    .collect()
}

fn assert_says(page: &str, what: &str) {
    assert!(page.contains(what), "the page does not say {what:?}");
}

/// 52997 as 52,997.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn the_cuts_are_those_of_the_table() {
    let page = page();
    let (sums, rows): (Vec<_>, Vec<_>) = table("networks/cuts.md")
        .into_iter()
        .partition(|row| row[0].starts_with("**"));
    let (unfinished, finished): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| row[1] == UNFINISHED);
    let number = |row: &[String], column: usize| -> usize {
        row[column].parse().expect("a number in the table")
    };
    let total = |column| -> usize { finished.iter().map(|row| number(row, column)).sum() };
    for column in 1..finished[0].len() {
        let summed: usize = sums.iter().map(|row| number(row, column)).sum();
        assert_eq!(summed, total(column), "the sums of column {column}");
    }
    let [cuts, messages] = [1, 5].map(|column| grouped(total(column)));
    let [finished, all] = [finished.len(), rows.len()];
    assert_says(
        &page,
        &format!("{finished} of {all} runs finished, with {cuts} cuts and {messages} messages"),
    );
    for row in &unfinished {
        assert_says(&page, &format!("`{}` {UNFINISHED}", row[0]));
    }
    let (lost, twice) = (total(6), total(7) + total(8) + total(9));
    assert_eq!((lost, twice), (0, 0), "or the next line says another thing");
    assert_says(&page, "none lost and none twice");
}

/// Planned flights and the time in round trips, of the cells of a row at one round trip time.
fn logins(row: &[String], columns: std::ops::Range<usize>) -> Vec<(f64, f64)> {
    let parse = |text: &str| -> f64 { text.trim().parse().expect("a number in the table") };
    row[columns]
        .iter()
        .map(|cell| {
            let (flights, time) = cell.split_once('/').expect("flights and time");
            (parse(flights), parse(time))
        })
        .collect()
}

#[test]
fn the_time_beyond_the_flights_is_that_of_the_table() {
    let page = page();
    let rows = table("networks/round-trips.md");
    let beyond = |columns: std::ops::Range<usize>| {
        let undelayed = rows
            .iter()
            .filter(|row| !row[0].contains("Nagle on") || row[0].contains("mod_quickstart"));
        let beyond = undelayed.flat_map(|row| logins(row, columns.clone()));
        beyond.fold(0.0, |most: f64, (flights, time)| most.max(time - flights))
    };
    assert_says(
        &page,
        &format!(
            "no login takes more than {:.2} of a round trip beyond its flights at 100 ms, and {:.2} at 300 ms",
            beyond(2..5),
            beyond(5..8)
        ),
    );
}

#[test]
fn the_advice_to_servers_is_that_of_the_table() {
    let page = page();
    let rows = table("networks/round-trips.md");
    for (advice, name) in [
        (
            "Prosody as packaged, STARTTLS",
            "Prosody as packaged, STARTTLS, Nagle on (default)",
        ),
        (
            "the same, `network_settings = { nagle = false }`",
            "Prosody as packaged, STARTTLS, Nagle off",
        ),
        (
            "the same, with `sasl2`, `sasl2_bind2`, `sasl2_sm`, `sasl2_fast`",
            "Prosody with SASL2, Bind 2 and FAST, direct TLS, Nagle off",
        ),
        (
            "ejabberd as packaged with `mod_auth_fast`, direct TLS",
            "ejabberd with FAST, direct TLS",
        ),
        (
            "a server with TLS 1.3 early data, which the app has allowed",
            "reference server: early data, direct TLS",
        ),
    ] {
        let row = rows.iter().find(|row| row[0] == name);
        let row = row.unwrap_or_else(|| panic!("no row {name:?}"));
        // Warm and resumed, at 300 ms.
        for (_, time) in logins(row, 6..8) {
            assert_says(&page, &format!("| {advice} | {:.1} s |", time * 0.3));
        }
    }
}
