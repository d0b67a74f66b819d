//! The day of a chat app, played with the Rust API on real servers. Kotlin and Swift play the same file.
#![allow(clippy::expect_used, clippy::panic, unreachable_pub, reason = "a test")]

#[path = "day/actor.rs"]
mod actor;
#[path = "day/plan.rs"]
mod plan;
#[path = "day/play.rs"]
mod play;

use snapback_interop::real_world::RealWorld;
use snapback_interop::{Flavour, start_or_skip};

const CHAT: &str = include_str!("../../scenarios/days/chat.json");

#[tokio::test(flavor = "multi_thread")]
async fn prosody_13_0() {
    play_on(Flavour::ProsodyModern).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ejabberd_24_12() {
    play_on(Flavour::Ejabberd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ejabberd_23_01() {
    play_on(Flavour::Ejabberd2301).await;
}

async fn play_on(flavour: Flavour) {
    let config = RealWorld::config(flavour);
    let Some(server) = tokio::task::block_in_place(|| start_or_skip(config)) else {
        return;
    };
    let world = RealWorld::of(server).await.expect("a port for the link");
    let day = serde_json::from_str(CHAT).expect("the file is a day");
    if let Err(failure) = play::play(&day, &world).await {
        panic!("{flavour:?}: {failure}");
    }
}
