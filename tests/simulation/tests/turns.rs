//! The scenarios of which each place fails once. `cargo xtask simulate --every-failure` runs all of these; here only the first
//! and the last place of each kind fails.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

use snapback_simulation::run;
use snapback_simulation::turns::{self, Failing, Place, Turn};

/// The number of places of this kind.
fn count(places: [u32; Place::ALL.len()], kind: Place) -> u32 {
    let kinds = Place::ALL.iter().zip(places);
    let mut counts = kinds.filter(|((place, _), _)| *place == kind);
    counts.next().map_or(0, |(_, count)| count)
}

#[test]
fn each_scenario_reaches_what_it_is_for_and_has_places_of_each_kind() {
    let scenarios = turns::scenarios();
    assert!(scenarios.len() > 10);
    for scenario in scenarios {
        let outcome = run(&scenario.script, turns::options(None));
        assert_eq!(outcome.violation, None, "{}", scenario.name);
        for what in &scenario.reaches {
            let has_reached = turns::has_reached(&outcome, what);
            assert!(has_reached, "{}: {what}", scenario.name);
        }
        for (kind, name) in Place::ALL {
            let count = count(outcome.passed.places, kind);
            assert!(count > 0, "{}: no {name}", scenario.name);
        }
    }
}

#[test]
fn the_first_and_the_last_place_of_each_kind_may_fail() {
    for scenario in turns::scenarios() {
        let places = run(&scenario.script, turns::options(None)).passed.places;
        for failing in Failing::ALL {
            for number in [1, count(places, failing.place())] {
                let turn = Turn { failing, number };
                let wrong = turns::wrong(&scenario.script, turn);
                assert_eq!(wrong, None, "{}", scenario.name);
            }
        }
    }
}

#[test]
fn a_failure_that_does_not_happen_is_noticed() {
    let scenario = turns::scenarios().remove(0);
    let turn = Turn {
        failing: Failing::Refused,
        number: 1_000,
    };
    let wrong = turns::wrong(&scenario.script, turn).expect("there are not that many");
    assert_eq!((wrong.turn, wrong.violation), (Some(turn), None));
    assert_eq!("Refused 1000".parse(), Ok(turn));
}
