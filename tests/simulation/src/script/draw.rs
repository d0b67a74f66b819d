//! A script from a seed.

use snapback_engine::supervisor::SyncKind;

use super::{Action, Cut, DnsFault, InRoom, Profile, REMOVALS, Script, ScriptStep};
use crate::faults::FAULTS;
use crate::hostile::{SHORT_STANZAS, STANZAS};
use crate::random::Random;
use crate::setup::{ROOMS, VARIATIONS};

const PURPOSE: u64 = 1;
/// Drawn separately, so that the other draws do not change.
const ADDRESSES: u64 = 7;
/// Likewise.
const PUSH: u64 = 9;
/// Likewise.
const DRAINS: u64 = 10;
/// Likewise.
const MORE: u64 = 11;
/// Likewise.
const IN_ROOMS: u64 = 12;

impl Script {
    /// The script of a seed.
    pub fn draw(profile: Profile, seed: u64) -> Self {
        let mut random = Random::new(seed, PURPOSE);
        let length = random.between(30, 150);
        let mut at = 0;
        let mut steps = Vec::new();
        for _ in 0..length {
            at += gap(&mut random);
            draw(profile, &mut at, &mut steps, &mut random);
        }
        addresses(&mut steps, &mut Random::new(seed, ADDRESSES));
        push_notifications(&mut steps, &mut Random::new(seed, PUSH));
        drains(&mut steps, &mut Random::new(seed, DRAINS));
        more(&mut steps, &mut Random::new(seed, MORE));
        rooms(&mut steps, &mut Random::new(seed, IN_ROOMS));
        Self {
            profile,
            seed,
            setup: Vec::new(),
            steps,
        }
    }
}

/// Mostly within the life of a connection; sometimes long enough for timers, expiry and backoff.
fn gap(random: &mut Random) -> u64 {
    match random.below(20) {
        0..4 => random.between(1, 300),
        4..8 => random.between(300, 3_000),
        8..19 => random.between(3_000, 12_000),
        _ => random.between(20_000, 400_000),
    }
}

/// Of a thousand actions, half break the connection: reconnecting is the purpose of the simulation.
fn draw(profile: Profile, at: &mut u64, steps: &mut Vec<ScriptStep>, random: &mut Random) {
    let now = *at;
    let mut push = |at: u64, action: Action| steps.push(ScriptStep { at, action });
    match random.below(1_000) {
        0..110 => push(now, Action::Send(few(random))),
        110..120 => push(now, Action::Request),
        120..194 => push(now, Action::Receive(few(random))),
        194..200 => push(now, Action::Hostile(hostile(random))),
        200..220 => push(now, Action::Active(random.one_in(2))),
        220..250 => push(now, Action::Confirm),
        250..259 => {
            push(now, Action::Suspend);
            *at += gap(random);
            push(*at, Action::Resume);
        }
        259..266 => {
            let from = random.pick(&[Action::Suspend, Action::Suspend, Action::Disconnect]);
            push(now, from);
            *at += gap(random);
            push(*at, Action::BeginSync(SyncKind::ResumeOnly));
            *at += gap(random);
            let (sleep, back) = random.pick(&[
                (Some(Action::Suspend), Action::Resume),
                (Some(Action::EndSync), Action::Resume),
                (Some(Action::EndSync), Action::Connect),
                (Some(Action::EndSync), Action::Active(true)),
                (None, Action::Resume),
                (None, Action::Connect),
            ]);
            for action in sleep.into_iter().chain([back]) {
                push(*at, action);
                *at += gap(random);
            }
            if from == Action::Disconnect {
                push(*at, Action::Connect);
            }
        }
        266..270 => {
            push(now, Action::LogOut);
            *at += gap(random);
            if random.one_in(2) {
                push(*at, Action::BeginSync(SyncKind::MayBind));
                *at += gap(random);
                push(*at, Action::EndSync);
            }
            push(*at, Action::Connect);
        }
        270..280 => {
            push(now, Action::Disconnect);
            *at += gap(random);
            push(*at, Action::Connect);
        }
        280..560 => push(now, Action::Cut(cut(random))),
        560..740 => push(
            now,
            Action::CutAfter {
                up: random.one_in(2),
                bytes: bytes(random),
                cut: cut(random),
            },
        ),
        740..750 => push(now, Action::Stall(millis(random, 30_000))),
        750..765 => {
            push(now, Action::Network(false));
            *at += gap(random);
            push(*at, Action::Network(true));
        }
        765..800 => push(now, Action::Handover(millis(random, 60_000))),
        800..805 => push(now, Action::Refuse(millis(random, 20_000))),
        805..815 => push(now, Action::Freeze(millis(random, 120_000))),
        815..820 => push(
            now,
            Action::WallJump(random.pick(&[-86_400, -60, 60, 3_600, 40_000_000])),
        ),
        820..825 => push(now, Action::MonoJump(random.pick(&[1, 30, 3_600]))),
        825..840 => push(now, Action::Kill(millis(random, 5_000))),
        840..875 => push(
            now,
            Action::KillAtStore {
                transaction: small(random, 12),
                committed: random.one_in(2),
                down: millis(random, 5_000),
            },
        ),
        875..905 => push(
            now,
            Action::KillAfterBytes {
                bytes: bytes(random),
                down: millis(random, 5_000),
            },
        ),
        905..912 => push(now, Action::StoreFails(small(random, 8))),
        912..920 => push(now, Action::Age(random.pick(&[u32::MAX - 2, 0x7fff_ffff]))),
        920..928 => push(now, Action::Forget),
        928..936 => push(now, Action::Restart(random.one_in(2))),
        936..942 => {
            push(now, Action::Reconfigure(small(random, VARIATIONS)));
            *at += gap(random);
            push(*at, Action::Reconfigure(0));
        }
        942..948 => push(now, Action::Conflict),
        948..953 => absence(at, steps, random),
        953..955 => push(now, Action::Expire(small(random, 6) - 1)),
        955..959 => push(now, Action::Reuse(few(random))),
        959..963 => push(now, Action::Twin),
        _ => push(now, fault(profile, random)),
    }
}

/// Days without the phone, in which messages come and the archive forgets.
fn absence(at: &mut u64, steps: &mut Vec<ScriptStep>, random: &mut Random) {
    let (from, back) = random.pick(&[
        (Action::Suspend, Action::Resume),
        (Action::Network(false), Action::Network(true)),
        (Action::Disconnect, Action::Connect),
    ]);
    let unsent = random.one_in(3).then(|| Action::Send(few(random)));
    let clock = random
        .one_in(4)
        .then(|| Action::WallJump(random.pick(&[-86_400, 40_000_000, -40_000_000])));
    let between = [
        clock,
        unsent,
        Some(from),
        Some(Action::Receive(few(random))),
        Some(Action::Days(small(random, 6))),
        Some(Action::Receive(few(random))),
        Some(Action::Days(small(random, 6))),
        random.one_in(2).then(|| Action::Receive(few(random))),
        Some(Action::Expire(small(random, 8) - 1)),
        Some(back),
    ];
    for action in between.into_iter().flatten() {
        steps.push(ScriptStep { at: *at, action });
        *at += gap(random);
    }
}

fn fault(profile: Profile, random: &mut Random) -> Action {
    loop {
        let fault = usize::try_from(random.below(FAULTS.len() as u64)).unwrap_or(0);
        if FAULTS[fault].needs_tls && profile != Profile::Tls {
            continue;
        }
        let longest = if FAULTS[fault].is_repeated() {
            120_000
        } else {
            20_000
        };
        let lasts = if random.one_in(2) {
            0
        } else {
            millis(random, longest)
        };
        return Action::Fault { fault, lasts };
    }
}

/// The addresses of the server: in a third of the runs it has one address all the time. In the others it has several,
/// of which some lead nowhere, it moves, and the DNS breaks.
fn addresses(steps: &mut Vec<ScriptStep>, random: &mut Random) {
    if random.one_in(3) {
        return;
    }
    let end = steps.last().map_or(0, |step| step.at);
    let mut drawn = vec![(0, Action::Addresses(1))];
    for number in 0..random.below(3) {
        let number = u32::try_from(number).unwrap_or(0) + 2;
        drawn.push((random.below(end), Action::Addresses(number)));
    }
    for _ in 0..random.below(4) {
        let fault = random.pick(&[DnsFault::Fails, DnsFault::Hangs]);
        let lasts = millis(random, 120_000);
        drawn.push((random.below(end), Action::Dns { fault, lasts }));
    }
    steps.extend(
        drawn
            .into_iter()
            .map(|(at, action)| ScriptStep { at, action }),
    );
    // A stable sort: the first list comes first.
    steps.sort_by_key(|step| step.at);
}

/// Half of the apps want push notifications, and some change their minds.
fn push_notifications(steps: &mut Vec<ScriptStep>, random: &mut Random) {
    if random.one_in(2) {
        return;
    }
    let end = steps.last().map_or(0, |step| step.at);
    for _ in 0..random.between(1, 4) {
        let at = random.below(end.max(1));
        let node = u32::try_from(random.below(3)).unwrap_or(0);
        let action = Action::SetPush(node);
        steps.push(ScriptStep { at, action });
    }
    steps.sort_by_key(|step| step.at);
}

/// In half of the runs pushes wake a suspended process, which may bind a session where its own is gone.
fn drains(steps: &mut Vec<ScriptStep>, random: &mut Random) {
    if random.one_in(2) {
        return;
    }
    let end = steps.last().map_or(0, |step| step.at);
    for _ in 0..random.between(1, 3) {
        let mut at = random.below(end.max(1));
        let syncs = random.between(1, 3);
        let mut push = |action: Action, random: &mut Random| {
            steps.push(ScriptStep { at, action });
            at += random.between(1, 6_000);
        };
        if random.one_in(2) {
            push(Action::Send(few(random)), random);
        }
        push(Action::Suspend, random);
        for _ in 0..syncs {
            if random.one_in(2) {
                push(Action::Forget, random);
            }
            push(Action::Receive(few(random)), random);
            push(Action::BeginSync(SyncKind::MayBind), random);
            if random.one_in(3) {
                push(Action::Receive(few(random)), random);
            }
            if random.one_in(4) {
                push(Action::Send(few(random)), random);
            }
            let interruption = random.pick(&[
                None,
                None,
                Some(Action::BeginSync(SyncKind::MayBind)),
                Some(Action::BeginSync(SyncKind::ResumeOnly)),
                Some(Action::Kill(300)),
                Some(Action::Cut(Cut::Reset)),
            ]);
            for action in interruption.into_iter().chain([Action::EndSync]) {
                push(action, random);
            }
        }
        let back = random.pick(&[Action::Resume, Action::Connect, Action::Active(true)]);
        push(back, random);
        push(Action::Connect, random);
    }
    steps.sort_by_key(|step| step.at);
}

/// In most runs reads of the store fail, and in a quarter a contact sends many requests at once.
fn more(steps: &mut Vec<ScriptStep>, random: &mut Random) {
    let end = steps.last().map_or(0, |step| step.at).max(1);
    let mut push = |action: Action, random: &mut Random| {
        let at = random.below(end);
        steps.push(ScriptStep { at, action });
    };
    for _ in 0..random.below(4) {
        let action = Action::ReadFails(small(random, 12));
        push(action, random);
    }
    if random.one_in(4) {
        let action = Action::Flood(small(random, 300));
        push(action, random);
    }
    steps.sort_by_key(|step| step.at);
}

/// In half of the runs the app is in rooms, and in a third of all it scrolls back.
fn rooms(steps: &mut Vec<ScriptStep>, random: &mut Random) {
    let end = steps.last().map_or(0, |step| step.at).max(1);
    if random.one_in(3) {
        for _ in 0..random.between(1, 4) {
            let at = random.below(end);
            let action = Action::History;
            steps.push(ScriptStep { at, action });
        }
    }
    let rooms = random.pick(&[0, 0, 1, ROOMS]);
    for room in 0..rooms {
        let joined = random.below(end / 2 + 1);
        let mut push = |at: u64, event: InRoom| {
            let action = Action::Room { room, event };
            steps.push(ScriptStep { at, action });
        };
        push(joined, InRoom::Join);
        for _ in 0..random.between(4, 24) {
            let at = random.below(end);
            let event = match random.below(100) {
                0..50 => InRoom::Says(few(random)),
                50..75 => InRoom::Send(few(random)),
                75..81 => InRoom::Forgets,
                81..88 => InRoom::Removes(random.pick(&REMOVALS)),
                88..91 => InRoom::Leave,
                91..97 => InRoom::Join,
                _ => InRoom::Expire(small(random, 6) - 1),
            };
            push(at, event);
        }
    }
    steps.sort_by_key(|step| step.at);
}

/// Long ones take time, and are drawn rarely.
fn hostile(random: &mut Random) -> usize {
    let most = if random.one_in(8) {
        STANZAS
    } else {
        SHORT_STANZAS
    };
    usize::try_from(random.below(most as u64)).unwrap_or(0)
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
    // A reset that both sides see is drawn most often, since it leads to the most reconnects.
    if random.one_in(2) {
        return Cut::Reset;
    }
    random.pick(&Cut::ALL.map(|(_, cut)| cut))
}
