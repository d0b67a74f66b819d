//! Compares the transitions between the supervisor's states that random inputs lead to with those that were reviewed
//! and committed. The drawing in the module's documentation shows the same.
//!
//! After a deliberate change: `REGENERATE=1 cargo test -p snapback-engine supervisor_graph`, then read the difference.

use std::collections::BTreeSet;

use super::random::Dice;
use super::*;

const GOLDEN: &str = include_str!("state-graph.txt");
const PATH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/supervisor/tests/state-graph.txt"
);
const DRAWING: &str = include_str!("../mod.rs");

/// Enough seeds that each transition that one of them makes is made by many.
const SEEDS: u64 = 128;
const STEPS: usize = 50_000;

fn state(bench: &Bench) -> &'static str {
    STATE_NAMES[bench.supervisor.state_variant()]
}

/// Returns the transitions from one state to another, with the inputs that cause them.
fn walked() -> BTreeSet<String> {
    let mut moves = BTreeSet::new();
    for seed in 0..SEEDS {
        let (mut dice, mut bench, mut starts) = (Dice(seed), Bench::new(), 0);
        for _ in 0..STEPS {
            let seconds = if dice.roll(8) == 0 { dice.roll(120) } else { 0 };
            bench.now = bench.now + Duration::from_millis(seconds * 1000 + dice.roll(400));
            let input = dice.input(starts);
            let (from, why) = (state(&bench), input.variant_name());
            let outputs = bench.put(input);
            let is_start = |output: &&Output| matches!(output, Output::StartAttempt { .. });
            starts += outputs.iter().filter(is_start).count();
            let to = state(&bench);
            if from != to {
                moves.insert(format!("{from} -- {why} --> {to}"));
            }
        }
    }
    moves
}

#[test]
fn supervisor_graph_is_the_reviewed_one() {
    let walked: String = walked().iter().map(|walk| format!("{walk}\n")).collect();
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(PATH, &walked).expect("the golden file");
        return;
    }
    assert_eq!(walked, GOLDEN, "see the module's documentation");
}

#[test]
fn supervisor_graph_enters_and_leaves_every_state_and_the_drawing_names_it() {
    let drawing = DRAWING.lines().filter(|line| line.starts_with("//!"));
    let drawing: String = drawing.collect();
    for state in STATE_NAMES {
        let enters = |walk: &str| walk.ends_with(&format!("> {state}"));
        let leaves = |walk: &str| walk.starts_with(&format!("{state} -"));
        assert!(GOLDEN.lines().any(enters), "{state} is never entered");
        assert!(GOLDEN.lines().any(leaves), "{state} is never left");
        assert!(drawing.contains(state), "{state} is not drawn");
    }
}
