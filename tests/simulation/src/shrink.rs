//! Shortens a failing script: delta debugging over its steps (Zeller and Hildebrandt 2002), as long as the same rule is
//! violated.

use crate::{Options, Script, run};

/// The maximum number of runs for shortening: a script is short after a few hundred.
const MAX_RUNS: u32 = 3_000;

/// Returns the shortest script found that violates the same rule.
pub fn shrink(script: &Script, options: Options) -> Script {
    let mut runs = 0;
    let Some(rule) = rule(script, options, &mut runs) else {
        return script.clone();
    };
    let mut best = script.clone();
    let mut size = best.steps.len().div_ceil(2);
    while size > 0 && runs < MAX_RUNS {
        let mut removed = false;
        let mut from = 0;
        while from < best.steps.len() && runs < MAX_RUNS {
            let mut shorter = best.clone();
            let to = (from + size).min(shorter.steps.len());
            shorter.steps.drain(from..to);
            if self::rule(&shorter, options, &mut runs) == Some(rule) {
                best = shorter;
                removed = true;
            } else {
                from += size;
            }
        }
        if !removed || size > best.steps.len() {
            size /= 2;
        }
    }
    best
}

fn rule(script: &Script, options: Options, runs: &mut u32) -> Option<&'static str> {
    *runs += 1;
    let traced = false;
    let outcome = run(script, Options { traced, ..options });
    outcome.violation.map(|violation| violation.rule)
}
