//! Every case, run against Snapback; and the score that the documentation prints.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: what goes wrong should stop the test"
)]

use std::collections::BTreeMap;

use snapback_wild::case::{self, Case, Kind};
use snapback_wild::score::{self, Result, Scored};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_case_does_what_its_file_says() {
    let scored = score::run_all(case::all().unwrap()).await;
    let wrong: Vec<String> = scored.iter().filter_map(wrong).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let page = std::fs::read_to_string(score::page()).unwrap();
    let printed = score::printed(&page).unwrap();
    assert_eq!(
        printed,
        score::table(&scored),
        "REGENERATE=1 cargo xtask wild"
    );
}

fn wrong(one: &Scored) -> Option<String> {
    let (case, verdict) = one;
    match score::result(one) {
        Result::Passed | Result::FailsAsExpected => None,
        Result::Fails => Some(format!(
            "{}: {:?}\n{}",
            case.name, verdict.faults, verdict.log
        )),
        Result::PassesUnexpectedly => Some(format!("{}: no failure any more", case.name)),
    }
}

/// The size of the corpus: cases of every kind, and reports that others made.
#[test]
fn every_kind_has_cases() {
    let cases = case::all().unwrap();
    assert!(cases.len() >= 120, "{}", cases.len());
    let reported = cases.iter().filter(|case| case.source.is_some()).count();
    assert!(reported >= 40, "{reported}");
    let mut kinds: BTreeMap<Kind, usize> = BTreeMap::new();
    for case in &cases {
        *kinds.entry(case.kind).or_default() += 1;
    }
    assert_eq!(kinds.len(), 12, "{kinds:?}");
}

#[test]
fn what_is_unknown_is_no_case() {
    let case = |rule: &str| {
        format!(
            r#"{{"name":"x","kind":"W1","section":"","story":"","connections":[[{rule}]],"holds":{{}}}}"#
        )
    };
    let faultless = case(r#"{"when":"reads iq","do":["<a/>","reset",{"pause_ms":1}]}"#);
    assert!(Case::parse("x", &faultless).is_ok());
    for (name, text, why) in [
        ("y", faultless.as_str(), "the name is x"),
        ("x", &case(r#"{"when":"later","do":[]}"#), "later"),
        ("x", &case(r#"{"when":"reads iq[","do":[]}"#), "iq["),
        ("x", &case(r#"{"when":"online","do":["fly"]}"#), "fly"),
        ("x", &case(r#"{"when":"online","do":[{"hex":"0g"}]}"#), "0g"),
        ("x", &case(r#"{"when":"online","do":[],"now":1}"#), "now"),
    ] {
        let error = Case::parse(name, text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
