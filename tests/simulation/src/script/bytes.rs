//! Scripts as bytes, for a fuzzer: every input is a script, and a changed byte changes one decision.
//!
//! Two bytes of the seed, the choices of the setup, then a record of ten bytes for each step: its kind, the milliseconds
//! since the step before it (three bytes), two operands (three and two bytes), and a byte of flags. What exceeds the
//! bounds below wraps, so that each step is one that [`Script::draw`] could make: other steps would show what no
//! phone meets.

use snapback_engine::supervisor::SyncKind;

use super::{Action, Cut, DnsFault, InRoom, Profile, REMOVALS, Script, ScriptStep};
use crate::faults::FAULTS;
use crate::hostile::STANZAS;
use crate::setup::{CHOICES, ROOMS, VARIATIONS};

/// The maximum number of steps: a run takes milliseconds.
pub const MAX_STEPS: usize = 64;

const HEADER: usize = 2 + CHOICES;
const RECORD: usize = 10;
/// The longest time between two steps, in milliseconds.
const LONGEST_GAP: u32 = 1_000_000;
const MESSAGES: u32 = 30;
const DOWN: u32 = 5_000;
const BYTES: u32 = 3_000;
const LISTS: u32 = 64;
const WALL_JUMPS: [i32; 6] = [-86_400, -60, 60, 3_600, 40_000_000, -40_000_000];
const MONO_JUMPS: [u32; 3] = [1, 30, 3_600];
const AGES: [u32; 2] = [u32::MAX - 2, 0x7fff_ffff];

impl Script {
    /// Returns the script of an input, in the profile `memory`. A byte that is not there is zero.
    pub fn from_bytes(input: &[u8]) -> Self {
        let (header, records) = input.split_at(input.len().min(HEADER));
        let mut full = [0; HEADER];
        full[..header.len()].copy_from_slice(header);
        let mut at = 0;
        let records = records.chunks(RECORD).take(MAX_STEPS);
        let steps = records.map(|record| {
            let mut full = [0; RECORD];
            full[..record.len()].copy_from_slice(record);
            let (gap, action) = Record::read(full).decode();
            at += u64::from(gap);
            ScriptStep { at, action }
        });
        Self {
            profile: Profile::Memory,
            seed: u64::from(u16::from_le_bytes([full[0], full[1]])),
            steps: steps.collect(),
            setup: full[2..].to_vec(),
        }
    }

    /// Returns the input that [`Self::from_bytes`] reads as this script, if there is one.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let is_bounded = self.steps.len() <= MAX_STEPS && self.setup.len() == CHOICES;
        if self.profile != Profile::Memory || !is_bounded {
            return None;
        }
        let mut input = u16::try_from(self.seed).ok()?.to_le_bytes().to_vec();
        input.extend_from_slice(&self.setup);
        let mut last = 0;
        for step in &self.steps {
            let gap = u32::try_from(step.at.checked_sub(last)?).ok()?;
            last = step.at;
            let record = Record::encode(gap, step.action).write();
            // A value beyond the bounds reads as another one.
            if Record::read(record).decode() != (gap, step.action) {
                return None;
            }
            input.extend_from_slice(&record);
        }
        Some(input)
    }
}

#[derive(Clone, Copy, Default)]
struct Record {
    kind: u8,
    gap: u32,
    first: u32,
    second: u32,
    flags: u8,
}

/// A number from 1 to `most`.
fn from_one(operand: u32, most: u32) -> u32 {
    1 + operand % most
}

fn pick<T: Copy>(choices: &[T], index: u32) -> T {
    choices[index as usize % choices.len()]
}

fn place<T: PartialEq>(choices: &[T], value: &T) -> u32 {
    let place = choices.iter().position(|choice| choice == value);
    place.map_or(u32::MAX, |place| place as u32)
}

/// The faults that have a meaning without TLS.
fn faults() -> Vec<usize> {
    let faults = 0..FAULTS.len();
    faults.filter(|fault| !FAULTS[*fault].needs_tls).collect()
}

/// How many kinds of steps there are.
const KINDS: u8 = 46;

impl Record {
    fn read(bytes: [u8; RECORD]) -> Self {
        let [kind, g0, g1, g2, a0, a1, a2, b0, b1, flags] = bytes;
        Self {
            kind,
            gap: u32::from_le_bytes([g0, g1, g2, 0]),
            first: u32::from_le_bytes([a0, a1, a2, 0]),
            second: u32::from_le_bytes([b0, b1, 0, 0]),
            flags,
        }
    }

    fn write(self) -> [u8; RECORD] {
        let [g0, g1, g2, _] = self.gap.to_le_bytes();
        let [a0, a1, a2, _] = self.first.to_le_bytes();
        let [b0, b1, _, _] = self.second.to_le_bytes();
        [self.kind, g0, g1, g2, a0, a1, a2, b0, b1, self.flags]
    }

    fn decode(self) -> (u32, Action) {
        (self.gap % LONGEST_GAP, self.action())
    }

    fn action(self) -> Action {
        match self.kind % KINDS {
            0 => Action::Send(from_one(self.first, MESSAGES)),
            1 => Action::Request,
            2 => Action::Receive(from_one(self.first, MESSAGES)),
            3 => Action::Hostile(self.first as usize % STANZAS),
            4 => Action::Active(self.flag()),
            5 => Action::Confirm,
            6 => Action::Suspend,
            7 => Action::Resume,
            8 => Action::BeginSync(SyncKind::ResumeOnly),
            9 => Action::BeginSync(SyncKind::MayBind),
            10 => Action::EndSync,
            11 => Action::SetPush(self.first % 3),
            12 => Action::LogOut,
            13 => Action::Disconnect,
            14 => Action::Connect,
            15 => Action::Addresses(from_one(self.first, LISTS)),
            16 => Action::Dns {
                fault: if self.flag() {
                    DnsFault::Hangs
                } else {
                    DnsFault::Fails
                },
                lasts: from_one(self.first, 300_000),
            },
            17 => Action::Age(pick(&AGES, self.first)),
            18 => Action::Forget,
            19 => Action::Restart(self.flag()),
            20 => Action::Reconfigure(self.first % (VARIATIONS + 1)),
            21 => Action::Conflict,
            22 => Action::Days(from_one(self.first, 6)),
            23 => Action::Expire(self.first % 8),
            24 => Action::Reuse(from_one(self.first, MESSAGES)),
            25 => Action::Twin,
            26 => Action::Fault {
                fault: pick(&faults(), self.second),
                lasts: self.first % 120_001,
            },
            _ => self.path_or_device(),
        }
    }

    fn path_or_device(self) -> Action {
        let down = from_one(self.second, DOWN);
        match self.kind % KINDS {
            27 => Action::Cut(self.cut()),
            28 => Action::CutAfter {
                up: self.flag(),
                bytes: from_one(self.first, BYTES),
                cut: self.cut(),
            },
            29 => Action::Stall(from_one(self.first, 30_000)),
            30 => Action::Network(self.flag()),
            31 => Action::Handover(from_one(self.first, 60_000)),
            32 => Action::Refuse(from_one(self.first, 20_000)),
            33 => Action::Freeze(from_one(self.first, 120_000)),
            34 if self.flag() => Action::MonoJump(pick(&MONO_JUMPS, self.first)),
            34 => Action::WallJump(pick(&WALL_JUMPS, self.first)),
            35 if self.flag() => Action::Kill(down),
            35 => Action::StoreFails(from_one(self.first, 8)),
            36 => Action::KillAtStore {
                transaction: from_one(self.first, 12),
                committed: self.flag(),
                down,
            },
            37 => Action::KillAfterBytes {
                bytes: from_one(self.first, BYTES),
                down,
            },
            38 => Action::ReadFails(from_one(self.first, 12)),
            39 => Action::Flood(from_one(self.first, 300)),
            40 => Action::History,
            _ => Action::Room {
                room: self.second % ROOMS,
                event: self.in_room(),
            },
        }
    }

    fn in_room(self) -> InRoom {
        match self.kind % KINDS {
            41 if self.flag() => InRoom::Leave,
            41 => InRoom::Join,
            42 => InRoom::Says(from_one(self.first, MESSAGES)),
            43 => InRoom::Send(from_one(self.first, MESSAGES)),
            44 if self.flag() => InRoom::Removes(pick(&REMOVALS, self.first)),
            44 => InRoom::Forgets,
            _ => InRoom::Expire(self.first % 8),
        }
    }

    fn flag(self) -> bool {
        self.flags & 1 == 1
    }

    fn cut(self) -> Cut {
        pick(&Cut::ALL, u32::from(self.flags >> 1)).1
    }

    fn encode(gap: u32, action: Action) -> Self {
        let of = |kind, first, flag| Self {
            kind,
            gap,
            first,
            second: 0,
            flags: u8::from(flag),
        };
        match action {
            Action::Send(count) => of(0, count.wrapping_sub(1), false),
            Action::Request => of(1, 0, false),
            Action::Receive(count) => of(2, count.wrapping_sub(1), false),
            Action::Hostile(index) => of(3, index as u32, false),
            Action::Active(active) => of(4, 0, active),
            Action::Confirm => of(5, 0, false),
            Action::Suspend => of(6, 0, false),
            Action::Resume => of(7, 0, false),
            Action::BeginSync(SyncKind::ResumeOnly) => of(8, 0, false),
            Action::BeginSync(SyncKind::MayBind) => of(9, 0, false),
            Action::EndSync => of(10, 0, false),
            Action::SetPush(node) => of(11, node, false),
            Action::LogOut => of(12, 0, false),
            Action::Disconnect => of(13, 0, false),
            Action::Connect => of(14, 0, false),
            Action::Addresses(number) => of(15, number.wrapping_sub(1), false),
            Action::Dns { fault, lasts } => of(16, lasts.wrapping_sub(1), fault == DnsFault::Hangs),
            Action::Age(count) => of(17, place(&AGES, &count), false),
            Action::Forget => of(18, 0, false),
            Action::Restart(forgetting) => of(19, 0, forgetting),
            Action::Reconfigure(variation) => of(20, variation, false),
            Action::Conflict => of(21, 0, false),
            Action::Days(days) => of(22, days.wrapping_sub(1), false),
            Action::Expire(keep) => of(23, keep, false),
            Action::Reuse(count) => of(24, count.wrapping_sub(1), false),
            Action::Twin => of(25, 0, false),
            Action::Fault { fault, lasts } => Self {
                second: place(&faults(), &fault),
                ..of(26, lasts, false)
            },
            _ => Self {
                gap,
                ..Self::encode_path_or_device(action)
            },
        }
    }

    fn encode_path_or_device(action: Action) -> Self {
        let of = |kind, first: u32, flags| Self {
            kind,
            first: first.wrapping_sub(1),
            flags,
            ..Self::default()
        };
        let cut_flags = |cut| {
            let places = Cut::ALL.map(|(_, cut)| cut);
            2 * place(&places, &cut) as u8
        };
        let down = |down: u32, record| Self {
            second: down.wrapping_sub(1),
            ..record
        };
        match action {
            Action::Cut(cut) => of(27, 1, cut_flags(cut)),
            Action::CutAfter { up, bytes, cut } => of(28, bytes, cut_flags(cut) | u8::from(up)),
            Action::Stall(ms) => of(29, ms, 0),
            Action::Network(available) => of(30, 1, u8::from(available)),
            Action::Handover(ms) => of(31, ms, 0),
            Action::Refuse(ms) => of(32, ms, 0),
            Action::Freeze(ms) => of(33, ms, 0),
            Action::MonoJump(seconds) => of(34, place(&MONO_JUMPS, &seconds).wrapping_add(1), 1),
            Action::WallJump(seconds) => of(34, place(&WALL_JUMPS, &seconds).wrapping_add(1), 0),
            Action::Kill(ms) => down(ms, of(35, 1, 1)),
            Action::StoreFails(transaction) => of(35, transaction, 0),
            Action::KillAtStore {
                transaction,
                committed,
                down: ms,
            } => down(ms, of(36, transaction, u8::from(committed))),
            Action::KillAfterBytes { bytes, down: ms } => down(ms, of(37, bytes, 0)),
            Action::ReadFails(call) => of(38, call, 0),
            Action::Flood(count) => of(39, count, 0),
            Action::History => of(40, 1, 0),
            Action::Room { room, event } => {
                let (kind, first, flags) = match event {
                    InRoom::Join => (41, 1, 0),
                    InRoom::Leave => (41, 1, 1),
                    InRoom::Says(count) => (42, count, 0),
                    InRoom::Send(count) => (43, count, 0),
                    InRoom::Forgets => (44, 1, 0),
                    InRoom::Removes(code) => (44, place(&REMOVALS, &code).wrapping_add(1), 1),
                    InRoom::Expire(keep) => (45, keep.wrapping_add(1), 0),
                };
                Self {
                    second: room,
                    ..of(kind, first, flags)
                }
            }
            // The others are those of `encode`; the round trip fails if one is in neither.
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{Options, run};

    /// A script as it is drawn, within the bounds of an input.
    fn drawn(seed: u64) -> Script {
        let mut script = Script::draw(Profile::Memory, seed);
        script.steps.truncate(MAX_STEPS);
        script.setup = (0..CHOICES as u64)
            .map(|at| (seed * 37 + at * 91) as u8)
            .collect();
        script
    }

    #[test]
    fn a_drawn_script_reads_as_it_was_written() {
        for seed in 0..2_000 {
            let script = drawn(seed);
            let input = script.to_bytes();
            let input = input.unwrap_or_else(|| panic!("seed {seed} has no input"));
            assert_eq!(Script::from_bytes(&input), script);
        }
    }

    #[test]
    fn every_input_is_a_script_that_has_an_input() {
        let mut random = crate::random::Random::new(5, 0);
        for length in (0..HEADER + RECORD * (MAX_STEPS + 2)).step_by(7) {
            let input: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
            let script = Script::from_bytes(&input);
            let again = script.to_bytes().expect("it is within the bounds");
            assert_eq!(Script::from_bytes(&again), script);
            assert_eq!(script.to_string().parse(), Ok(script));
        }
    }

    #[test]
    fn a_changed_byte_changes_the_setup_or_one_step() {
        let script = drawn(3);
        let input = script.to_bytes().unwrap();
        for changed in 0..input.len() {
            let mut other = input.clone();
            other[changed] ^= 0x15;
            let other = Script::from_bytes(&other);
            let gap = |script: &Script, at: usize| {
                let last = at.checked_sub(1).map_or(0, |last| script.steps[last].at);
                (script.steps[at].at - last, script.steps[at].action)
            };
            let differ = |at: &usize| gap(&script, *at) != gap(&other, *at);
            let differing = (0..script.steps.len()).filter(differ).count();
            assert!(differing <= 1, "byte {changed}");
        }
    }

    #[test]
    fn inputs_of_the_fuzzers_corpus_pass() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/scenario");
        for entry in std::fs::read_dir(corpus).unwrap() {
            let path = entry.unwrap().path();
            let script = Script::from_bytes(&std::fs::read(&path).unwrap());
            let outcome = run(&script, Options::default());
            assert_eq!(outcome.violation, None, "{}", path.display());
        }
    }
}
