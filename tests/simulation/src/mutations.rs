//! Checks that the simulation finds mistakes. Each known one is planted in turn, and seeds are run until one of them
//! fails.
//!
//! Without the feature `mutations` nothing can be planted, and every mistake counts as missed.

use snapback_proto::mistakes::Mistake;

use crate::{Options, Outcome, Profile, Script, Violation, run};

/// The result for one mistake.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// The mistake.
    pub mistake: Mistake,
    /// The first seed that failed, and its violation.
    pub found: Option<(u64, Violation)>,
    /// The same seed fails without the mistake, so it proves nothing.
    pub is_false_alarm: bool,
}

/// Searches for one mistake in this many seeds.
pub fn hunt(mistake: Mistake, profile: Profile, seeds: u64) -> Hunt {
    let failing = (0..seeds).find_map(|seed| {
        let outcome = with(mistake, &Script::draw(profile, seed));
        outcome.violation.map(|violation| (seed, violation))
    });
    let is_false_alarm = failing.as_ref().is_some_and(|(seed, _)| {
        run(&Script::draw(profile, *seed), Options::default())
            .violation
            .is_some()
    });
    Hunt {
        mistake,
        found: failing,
        is_false_alarm,
    }
}

/// Searches for all of them.
pub fn hunt_all(profile: Profile, seeds: u64) -> Vec<Hunt> {
    std::thread::scope(|scope| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let share = Mistake::ALL.len().div_ceil(cores);
        let hunters: Vec<_> = Mistake::ALL
            .chunks(share)
            .map(|mistakes| {
                scope.spawn(move || {
                    let hunts = mistakes
                        .iter()
                        .map(|mistake| hunt(*mistake, profile, seeds));
                    hunts.collect::<Vec<_>>()
                })
            })
            .collect();
        let hunts = hunters.into_iter().map(|hunter| hunter.join());
        hunts
            .flat_map(|hunts| hunts.expect("a hunter panicked"))
            .collect()
    })
}

#[cfg(feature = "mutations")]
fn with(mistake: Mistake, script: &Script) -> Outcome {
    snapback_proto::mistakes::plant(Some(mistake));
    let outcome = run(script, Options::default());
    snapback_proto::mistakes::plant(None);
    outcome
}

#[cfg(not(feature = "mutations"))]
fn with(_: Mistake, script: &Script) -> Outcome {
    run(script, Options::default())
}
