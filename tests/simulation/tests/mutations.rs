//! Planted mistakes are found, and a failing script becomes a short one (feature `mutations`).
#![cfg(feature = "mutations")]
#![allow(clippy::expect_used, reason = "a test")]

use snapback_proto::mistakes::{Mistake, plant};
use snapback_simulation::mutations::hunt;
use snapback_simulation::shrink::shrink;
use snapback_simulation::{Options, Profile, run};

#[test]
fn i3_a_count_that_starts_anew_is_found_and_shrunk() {
    let hunt = hunt(Mistake::HResetOnResume, Profile::Memory, 50);
    let (seed, violation) = hunt.found.expect("it is found");
    assert!(!hunt.is_false_alarm);
    let script = snapback_simulation::Script::draw(Profile::Memory, seed);
    plant(Some(Mistake::HResetOnResume));
    let short = shrink(&script, Options::default());
    let again = run(&short, Options::default()).violation;
    plant(None);
    assert!(short.steps.len() < 10, "{short}");
    assert_eq!(again.map(|again| again.rule), Some(violation.rule));
    assert_eq!(run(&short, Options::default()).violation, None);
}
