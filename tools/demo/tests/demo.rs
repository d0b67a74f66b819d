//! The demo as a program sees it.
#![allow(clippy::unwrap_used, reason = "what a test relies on")]

use std::process::{Command, Output};

use serde_json::Value;

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_demo"))
        .args(arguments)
        .output()
        .unwrap()
}

fn connections<'a>(run: &'a Value, kind: &str) -> Vec<&'a Value> {
    let all = run["connections"].as_array().unwrap();
    all.iter()
        .filter(|connection| connection["kind"] == kind)
        .collect()
}

#[test]
fn every_kind_is_measured_and_nothing_is_lost() {
    let output = demo(&["--rtt", "20", "--cuts", "4", "--json"]);
    let run: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert!(output.status.success(), "{run:#}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");

    assert_eq!(run["rtt_ms"], 20.0);
    assert_eq!((&run["lost"], &run["duplicated"]), (&0.into(), &0.into()));
    assert!(run["sent"].as_u64().unwrap() > 20);
    assert!(run["received"].as_u64().unwrap() > 20);

    let flights = |kind: &str| {
        let found = connections(&run, kind);
        assert!(!found.is_empty(), "{kind} is missing");
        found
            .iter()
            .map(|connection| connection["flights"].as_u64().unwrap())
            .max()
            .unwrap()
    };
    // The design's table: SASL2 + Bind 2 + FAST over direct TLS, and early data.
    assert_eq!(flights("cold"), 5);
    assert_eq!(flights("warm"), 3);
    assert_eq!(flights("resumed"), 3);
    assert_eq!(flights("early"), 2);
    assert_eq!(flights("naive"), 9);
    assert_eq!(run["naive_flights_until_ready"], 11);
    assert_eq!(connections(&run, "resumed").len(), 4);
}

#[test]
fn each_flight_takes_a_round_trip_and_the_link_counts_the_same() {
    let output = demo(&["--rtt", "20", "--cuts", "1", "--json"]);
    let run: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    for connection in run["connections"].as_array().unwrap() {
        let waterfall = connection["waterfall"].as_array().unwrap();
        assert_eq!(
            waterfall.len() as u64,
            connection["flights"].as_u64().unwrap()
        );
        assert_eq!(
            connection["flights_on_link"], connection["flights"],
            "{connection:#}"
        );
        for flight in waterfall {
            assert!(flight["ms"].as_f64().unwrap() >= 19.0, "{connection:#}");
            assert!(
                flight["round_trips"].as_f64().unwrap() >= 0.95,
                "{connection:#}"
            );
        }
        let total: f64 = waterfall
            .iter()
            .map(|flight| flight["ms"].as_f64().unwrap())
            .sum();
        assert!(
            connection["ms"].as_f64().unwrap() >= total - 1.0,
            "{connection:#}"
        );
    }
}

#[test]
fn cuts_hit_stanzas_in_flight() {
    let output = demo(&["--rtt", "40", "--cuts", "3", "--json"]);
    let run: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    for connection in connections(&run, "resumed") {
        assert_eq!(connection["outcome"], "resumed");
        assert!(connection["plan"].as_str().unwrap().contains("resume"));
        let cut = &connection["cut"];
        assert!(cut["in_flight_sent"].as_u64().unwrap() > 0, "{cut:#}");
        assert!(cut["in_flight_to_us"].as_u64().unwrap() > 0, "{cut:#}");
        assert!(cut["sent_meanwhile"].as_u64().unwrap() > 0, "{cut:#}");
    }
}

#[test]
fn text_fits_a_terminal_and_has_no_colour_in_a_pipe() {
    let output = demo(&["--rtt", "10", "--cuts", "1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(!text.contains('\x1b'));
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(text.contains("0 lost, 0 duplicated"), "{text}");
}

#[test]
fn a_killed_client_is_back_in_three_round_trips_and_nothing_is_lost() {
    let output = demo(&["--kill", "--rtt", "40", "--cuts", "2", "--json"]);
    let run: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert!(output.status.success(), "{run:#}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!((&run["lost"], &run["duplicated"]), (&0.into(), &0.into()));
    assert!(run["sent"].as_u64().unwrap() > 20);
    assert!(run["received"].as_u64().unwrap() > 20);

    assert_eq!(connections(&run, "cold")[0]["flights"], 5);
    let killed = connections(&run, "killed");
    assert_eq!(killed.len(), 2);
    for connection in killed {
        assert_eq!(connection["outcome"], "resumed");
        assert_eq!(connection["flights"], 3, "{connection:#}");
        assert_eq!(connection["flights_on_link"], 3, "{connection:#}");
        let cut = &connection["cut"];
        assert!(cut["in_flight_sent"].as_u64().unwrap() > 0, "{cut:#}");
        assert!(cut["in_flight_to_us"].as_u64().unwrap() > 0, "{cut:#}");
        assert!(cut["sent_meanwhile"].as_u64().unwrap() > 0, "{cut:#}");
    }
}

#[test]
fn kills_are_shown_in_the_same_columns() {
    let output = demo(&["--kill", "--rtt", "10", "--cuts", "2"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    assert!(!text.contains('\x1b'));
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for expected in ["Kill 1", "Kill 2", "killed (median of 2)", "over 2 kills"] {
        assert!(text.contains(expected), "{text}");
    }
    assert!(text.contains("0 lost, 0 duplicated"), "{text}");
}

#[test]
fn nonsense_is_refused() {
    for arguments in [
        ["--rtt", "0"],
        ["--cuts", "0"],
        ["--rtt", "x"],
        ["--what", "1"],
    ] {
        assert_eq!(demo(&arguments).status.code(), Some(2), "{arguments:?}");
    }
}
