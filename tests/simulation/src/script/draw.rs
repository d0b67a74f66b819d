//! A script from a seed.

use super::{Action, Cut, Profile, Script, Step};
use crate::faults::FAULTS;
use crate::random::Random;
use crate::setup::VARIATIONS;

const PURPOSE: u64 = 1;

impl Script {
    /// The script of a seed.
    pub fn draw(profile: Profile, seed: u64) -> Self {
        let mut random = Random::new(seed, PURPOSE);
        let length = random.between(20, 70);
        let mut at = 0;
        let mut steps = Vec::new();
        for _ in 0..length {
            at += gap(&mut random);
            draw(profile, &mut at, &mut steps, &mut random);
        }
        Self {
            profile,
            seed,
            steps,
        }
    }
}

/// Mostly within a connection's life; sometimes long enough for timers, expiry and backing off.
fn gap(random: &mut Random) -> u64 {
    match random.below(20) {
        0..8 => random.between(1, 300),
        8..14 => random.between(300, 3_000),
        14..19 => random.between(3_000, 15_000),
        _ => random.between(20_000, 400_000),
    }
}

fn draw(profile: Profile, at: &mut u64, steps: &mut Vec<Step>, random: &mut Random) {
    let mut push = |at: u64, action: Action| steps.push(Step { at, action });
    let now = *at;
    match random.below(100) {
        0..20 => push(now, Action::Send(few(random))),
        20..22 => push(now, Action::Request),
        22..38 => push(now, Action::Receive(few(random))),
        38..41 => push(now, Action::Active(random.one_in(2))),
        41..45 => push(now, Action::Confirm),
        45..47 => {
            push(now, Action::Suspend);
            *at += gap(random);
            push(*at, Action::Resume);
        }
        47..50 => {
            push(now, Action::Disconnect);
            *at += gap(random);
            push(*at, Action::Connect);
        }
        50..58 => push(now, Action::Cut(cut(random))),
        58..67 => push(
            now,
            Action::CutAfter {
                up: random.one_in(2),
                bytes: bytes(random),
                cut: cut(random),
            },
        ),
        67..69 => push(now, Action::Stall(millis(random, 30_000))),
        69..71 => {
            push(now, Action::Network(false));
            *at += gap(random);
            push(*at, Action::Network(true));
        }
        71..75 => push(now, Action::Handover(millis(random, 60_000))),
        75..76 => push(now, Action::Refuse(millis(random, 20_000))),
        76..78 => push(now, Action::Freeze(millis(random, 120_000))),
        78 => push(
            now,
            Action::WallJump(random.pick(&[-86_400, -60, 60, 3_600, 40_000_000])),
        ),
        79 => push(now, Action::MonoJump(random.pick(&[1, 30, 3_600]))),
        80..82 => push(now, Action::Kill(millis(random, 5_000))),
        82..86 => push(
            now,
            Action::KillAtStore {
                transaction: small(random, 12),
                committed: random.one_in(2),
                down: millis(random, 5_000),
            },
        ),
        86..89 => push(
            now,
            Action::KillAfterBytes {
                bytes: bytes(random),
                down: millis(random, 5_000),
            },
        ),
        89 => push(now, Action::StoreFails(small(random, 8))),
        90 => push(now, Action::Age(random.pick(&[u32::MAX - 2, 0x7fff_ffff]))),
        91 => push(now, Action::Forget),
        92 => push(now, Action::Restart(random.one_in(2))),
        93 => {
            push(now, Action::Reconfigure(small(random, VARIATIONS)));
            *at += gap(random);
            push(*at, Action::Reconfigure(0));
        }
        94 => push(now, Action::Conflict),
        _ => push(now, fault(profile, random)),
    }
}

fn fault(profile: Profile, random: &mut Random) -> Action {
    loop {
        let fault = usize::try_from(random.below(FAULTS.len() as u64)).unwrap_or(0);
        if FAULTS[fault].needs_tls && profile != Profile::Tls {
            continue;
        }
        let lasts = if random.one_in(2) {
            0
        } else {
            millis(random, 20_000)
        };
        return Action::Fault { fault, lasts };
    }
}

fn few(random: &mut Random) -> u32 {
    if random.one_in(12) {
        small(random, 30)
    } else {
        small(random, 4)
    }
}

fn small(random: &mut Random, most: u32) -> u32 {
    u32::try_from(random.between(1, u64::from(most))).unwrap_or(1)
}

fn bytes(random: &mut Random) -> u32 {
    let most = random.pick(&[40, 400, 3_000]);
    small(random, most)
}

fn millis(random: &mut Random, most: u32) -> u32 {
    let most = random.pick(&[300, 3_000, most]);
    small(random, most)
}

fn cut(random: &mut Random) -> Cut {
    // A reset that both sides see is what happens most, and what leads to the most reconnects.
    if random.one_in(2) {
        return Cut::Reset;
    }
    random.pick(&Cut::ALL.map(|(_, cut)| cut))
}
