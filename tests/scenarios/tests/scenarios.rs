//! Every file of `scenarios`, run with the real client.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code: what goes wrong should stop the test"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use snapback_scenarios::runner::run;
use snapback_scenarios::scenario::Scenario;

/// One test for each file, so that they have names and run in parallel.
macro_rules! scenarios {
    ($($test:ident: $file:literal,)*) => {
        $(
            #[tokio::test]
            async fn $test() {
                play($file).await;
            }
        )*

        #[test]
        fn every_file_is_run() {
            let run: BTreeSet<String> = [$($file),*].map(str::to_owned).into();
            assert_eq!(files(), run);
        }
    };
}

scenarios! {
    commute: "commute",
    hotel_portal: "hotel-portal",
    killed_in_the_background: "killed-in-the-background",
    elevator: "elevator",
    night: "night",
    server_crash: "server-crash",
    server_deploy: "server-deploy",
    stampede: "stampede",
    wifi_to_lte: "wifi-to-lte",
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn files() -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

async fn play(file: &str) {
    let text = std::fs::read_to_string(folder().join(format!("{file}.json"))).unwrap();
    let scenario = Scenario::parse(&text).unwrap();
    assert_eq!(scenario.name, file);
    println!("{}", scenario.story);
    if let Err(failure) = run(&scenario).await {
        panic!("{file}: {failure}");
    }
}

#[test]
fn what_is_unknown_is_no_scenario() {
    for (text, why) in [
        (r#"{"name":"x","story":"","steps":[{"app":"fly"}]}"#, "fly"),
        (
            r#"{"name":"x","story":"","steps":[{"world":"up","now":1}]}"#,
            "now",
        ),
        (
            r#"{"name":"x","story":"","steps":[{"app":"connect","world":"up"}]}"#,
            "one of",
        ),
        (r#"{"name":"x","story":"","steps":[{}]}"#, "one of"),
        (
            r#"{"name":"x","story":"","steps":[],"setting":{"rtt":1}}"#,
            "rtt",
        ),
    ] {
        let error = Scenario::parse(text).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
