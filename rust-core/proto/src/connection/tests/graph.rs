//! The state graph that the scripts walk, compared with the one that was looked at and committed.
//!
//! After a deliberate change: `REGENERATE=1 cargo test -p snapback-proto state_graph`, then read the difference.

use std::collections::BTreeSet;

use super::peer::{Mode, Peer};
use super::scripts::SCRIPTS;
use crate::connection::Connection;

const GOLDEN: &str = include_str!("state-graph.txt");
const PATH: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/connection/tests/state-graph.txt"
);

fn walked() -> BTreeSet<String> {
    let mut edges = BTreeSet::new();
    for script in SCRIPTS {
        let mut peer = Peer::new(&(script.setup)(), Mode::Whole);
        (script.run)(&mut peer);
        edges.extend(peer.edges);
    }
    edges
}

#[test]
fn state_graph_is_the_one_that_was_looked_at() {
    let walked: String = walked().iter().map(|edge| format!("{edge}\n")).collect();
    if std::env::var_os("REGENERATE").is_some() {
        std::fs::write(PATH, &walked).expect("the golden file");
        return;
    }
    assert_eq!(walked, GOLDEN, "see the module's documentation");
}

#[test]
fn every_state_is_entered() {
    let edges = walked();
    for state in Connection::STATE_NAMES {
        let is_entered = edges
            .iter()
            .any(|edge| edge.ends_with(&format!("> {state}")));
        let is_start = state == "ExpectTransport";
        assert!(is_entered || is_start, "{state}");
    }
}
