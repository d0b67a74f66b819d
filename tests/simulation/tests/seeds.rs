//! A few hundred seeds with every `cargo test`; thousands run with `cargo xtask test`.
#![allow(clippy::expect_used, clippy::panic, reason = "a test")]

use snapback_simulation::campaign::{Campaign, Summary};
use snapback_simulation::{Options, Profile, Script, run};

fn campaign(profile: Profile, seeds: u64) -> Summary {
    let campaign = Campaign {
        profile,
        first: 0,
        seeds,
        reconnects: None,
        threads: 2,
        options: Options::default(),
        keep_going: false,
    };
    let summary = campaign.run(|_, _| {});
    if let Some((seed, violation)) = summary.failures.first() {
        let profile = profile.name();
        panic!("cargo xtask simulate --profile {profile} --seed {seed}\n{violation}");
    }
    summary
}

#[test]
fn in_memory_every_state_is_entered_and_every_fault_is_met() {
    let summary = campaign(Profile::Memory, 300);
    assert!(summary.reconnects > 3_000, "{}", summary.reconnects);
    assert_eq!(summary.coverage.states_missed(), [""; 0]);
    assert_eq!(summary.coverage.faults_missed(Profile::Memory), [""; 0]);
}

#[test]
fn on_files_that_outlive_kills() {
    campaign(Profile::Sqlite, 25);
}

#[test]
fn under_real_tls() {
    campaign(Profile::Tls, 25);
}

#[test]
fn a_seed_gives_the_same_trace_every_time() {
    for (profile, seeds) in [
        (Profile::Memory, 20),
        (Profile::Sqlite, 5),
        (Profile::Tls, 10),
    ] {
        for seed in 0..seeds {
            let script = Script::draw(profile, seed);
            let [one, other] = [(); 2].map(|()| run(&script, Options::default()));
            let same = (one.hash, one.steps) == (other.hash, other.steps);
            assert!(same, "{} {seed}: two runs differ", profile.name());
        }
    }
}

#[test]
fn other_seeds_give_other_traces() {
    let hash = |seed| run(&Script::draw(Profile::Memory, seed), Options::default()).hash;
    assert_ne!(hash(1), hash(2));
}
