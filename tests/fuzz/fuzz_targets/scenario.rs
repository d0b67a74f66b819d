//! The shipped engine in the simulation: an input is a setup and the steps of a script, and what breaks a rule of the model
//! is a finding. `cargo xtask simulate --fuzz-input FILE` prints the script of an input, and replays it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapback_simulation::{Options, Script, run};

fuzz_target!(|input: &[u8]| {
    let script = Script::from_bytes(input);
    let outcome = run(&script, Options::default());
    if let Some(violation) = outcome.violation {
        panic!("{violation}\n{script}");
    }
});
