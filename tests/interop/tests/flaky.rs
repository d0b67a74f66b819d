//! Nothing lost, nothing duplicated, on networks that break: real servers, real packets, real cuts.
//!
//! `SNAPBACK_FLAKY_CUTS` is the number of cuts under each profile, 2 without it; `cargo xtask flaky` runs many.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stdout, clippy::expect_used, reason = "a test")]

use snapback_client::Transport;
use snapback_interop::flaky::{Backend, Cutting, Pace, Setting, Stage};
use snapback_netsim::packets::Profile;

/// Networks of each kind of cut: dropped packets, a link that goes down and comes back with another address, and
/// dropped NAT flows.
const PROFILES: [&str; 3] = ["train-tunnel", "airplane-toggle", "nat-forgets"];

#[tokio::test(flavor = "multi_thread")]
async fn prosody_as_packaged() {
    loses_nothing_and_duplicates_nothing(Backend::ProsodyStock, Transport::StartTls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prosody_with_sasl2() {
    loses_nothing_and_duplicates_nothing(Backend::ProsodyModern, Transport::DirectTls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ejabberd() {
    loses_nothing_and_duplicates_nothing(Backend::Ejabberd, Transport::DirectTls).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reference_server() {
    loses_nothing_and_duplicates_nothing(Backend::Reference, Transport::DirectTls).await;
}

/// Longer than a cut, and short enough to wait for its end.
const RESUME_WINDOW_S: u32 = 8;

async fn loses_nothing_and_duplicates_nothing(backend: Backend, transport: Transport) {
    let cuts = std::env::var("SNAPBACK_FLAKY_CUTS").map_or(2, |cuts| {
        cuts.parse().expect("SNAPBACK_FLAKY_CUTS is a number")
    });
    let mut stage: Option<Stage> = None;
    for (seed, name) in (1..).zip(PROFILES) {
        let profile = Profile::named(name).expect("there is such a profile");
        if stage.is_none() {
            let setting = Setting {
                resume_window_s: RESUME_WINDOW_S,
                ..Setting::new(backend.host(), transport, profile.clone(), seed)
            };
            let Some(set) = Stage::set(&setting).await else {
                return;
            };
            stage = Some(set);
        }
        let cutting = Cutting {
            profile,
            cuts,
            pace: Pace::Compressed,
            // A restart takes seconds, and so does the expiry of a session: once is enough for a small number of cuts.
            lose_sessions_every: if seed == 3 { 2 } else { 10 },
            expire_sessions_every: if seed == 2 { 2 } else { 10 },
            seed,
        };
        let stage = stage.as_mut().expect("it was set");
        let tally = stage.cut_again_and_again(&cutting).await;
        println!("{}, {name}: {tally}", backend.name());
        assert_eq!(tally.back.len(), cuts);
        assert_eq!(tally.lost, 0);
        assert_eq!(tally.duplicates.unexplained, 0);
        assert_eq!(tally.failed, 0);
    }
}
