//! Scripts as text: a line for each step, `#` for comments.

use std::fmt;
use std::str::FromStr;

use snapback_engine::supervisor::SyncKind;

use super::{Action, Cut, DnsFault, InRoom, Profile, Script, ScriptStep};
use crate::faults::FAULTS;

/// A line that is not a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Its number, from 1.
    pub line: usize,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is no step of a script", self.line)
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "profile {}", self.profile.name())?;
        writeln!(f, "seed {}", self.seed)?;
        if !self.setup.is_empty() {
            f.write_str("setup ")?;
            for choice in &self.setup {
                write!(f, "{choice:02x}")?;
            }
            writeln!(f)?;
        }
        for step in &self.steps {
            writeln!(f, "{} {}", step.at, step.action)?;
        }
        Ok(())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(count) => write!(f, "send {count}"),
            Self::Request => f.write_str("request"),
            Self::Receive(count) => write!(f, "receive {count}"),
            Self::Hostile(index) => write!(f, "hostile {index}"),
            Self::Active(true) => f.write_str("active"),
            Self::Active(false) => f.write_str("inactive"),
            Self::Confirm => f.write_str("confirm"),
            Self::Suspend => f.write_str("suspend"),
            Self::Resume => f.write_str("resume"),
            Self::BeginSync(SyncKind::ResumeOnly) => f.write_str("begin-sync"),
            Self::BeginSync(SyncKind::MayBind) => f.write_str("begin-sync-may-bind"),
            Self::EndSync => f.write_str("end-sync"),
            Self::SetPush(node) => write!(f, "set-push {node}"),
            Self::LogOut => f.write_str("log-out"),
            Self::Disconnect => f.write_str("disconnect"),
            Self::Connect => f.write_str("connect"),
            Self::Cut(cut) => write!(f, "cut {}", cut.name()),
            Self::CutAfter { up, bytes, cut } => {
                let way = if *up { "up" } else { "down" };
                write!(f, "cut-after {way} {bytes} {}", cut.name())
            }
            Self::Stall(ms) => write!(f, "stall {ms}"),
            Self::Network(true) => f.write_str("network-up"),
            Self::Network(false) => f.write_str("network-down"),
            Self::Handover(ms) => write!(f, "handover {ms}"),
            Self::Refuse(ms) => write!(f, "refuse {ms}"),
            Self::Addresses(number) => write!(f, "addresses {number}"),
            Self::Dns { fault, lasts } => {
                let what = match fault {
                    DnsFault::Fails => "fails",
                    DnsFault::Hangs => "hangs",
                };
                write!(f, "dns {what} {lasts}")
            }
            Self::Freeze(ms) => write!(f, "freeze {ms}"),
            Self::WallJump(seconds) => write!(f, "wall-jump {seconds}"),
            Self::MonoJump(seconds) => write!(f, "mono-jump {seconds}"),
            Self::Kill(down) => write!(f, "kill {down}"),
            Self::KillAtStore {
                transaction,
                committed,
                down,
            } => {
                let side = if *committed { "after" } else { "before" };
                write!(f, "kill-at-store {side} {transaction} {down}")
            }
            Self::KillAfterBytes { bytes, down } => write!(f, "kill-after-bytes {bytes} {down}"),
            Self::StoreFails(transaction) => write!(f, "store-fails {transaction}"),
            Self::ReadFails(call) => write!(f, "read-fails {call}"),
            Self::Flood(count) => write!(f, "flood {count}"),
            Self::Age(count) => write!(f, "age {count}"),
            Self::Forget => f.write_str("forget"),
            Self::Restart(true) => f.write_str("restart forgetting"),
            Self::Restart(false) => f.write_str("restart remembering"),
            Self::Reconfigure(variation) => write!(f, "reconfigure {variation}"),
            Self::Conflict => f.write_str("conflict"),
            Self::Days(days) => write!(f, "days {days}"),
            Self::Expire(keep) => write!(f, "expire {keep}"),
            Self::Reuse(count) => write!(f, "reuse {count}"),
            Self::Twin => f.write_str("twin"),
            Self::Room { room, event } => write!(f, "room {room} {event}"),
            Self::History => f.write_str("history"),
            Self::Fault { fault, lasts } => write!(f, "fault {} {lasts}", FAULTS[*fault].name),
        }
    }
}

impl FromStr for Script {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut script = Self {
            profile: Profile::Memory,
            seed: 0,
            setup: Vec::new(),
            steps: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let wrong = ParseError { line: index + 1 };
            match words.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["profile", name] => {
                    let known = Profile::ALL.into_iter().find(|p| p.name() == *name);
                    script.profile = known.ok_or(wrong)?;
                }
                ["seed", seed] => script.seed = seed.parse().map_err(|_| wrong)?,
                ["setup", choices] => script.setup = parse_choices(choices).ok_or(wrong)?,
                [at, action @ ..] => script.steps.push(ScriptStep {
                    at: at.parse().map_err(|_| wrong.clone())?,
                    action: parse(action).ok_or(wrong)?,
                }),
            }
        }
        script.steps.sort_by_key(|step| step.at);
        Ok(script)
    }
}

/// Two hexadecimal digits for each byte.
fn parse_choices(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs
        .iter()
        .map(byte)
        .collect::<Option<_>>()
        .filter(|_| rest.is_empty())
}

fn parse(words: &[&str]) -> Option<Action> {
    let action = match words {
        ["send", count] => Action::Send(count.parse().ok()?),
        ["request"] => Action::Request,
        ["receive", count] => Action::Receive(count.parse().ok()?),
        ["hostile", index] => Action::Hostile(index.parse().ok()?),
        ["active"] => Action::Active(true),
        ["inactive"] => Action::Active(false),
        ["confirm"] => Action::Confirm,
        ["suspend"] => Action::Suspend,
        ["resume"] => Action::Resume,
        ["begin-sync"] => Action::BeginSync(SyncKind::ResumeOnly),
        ["begin-sync-may-bind"] => Action::BeginSync(SyncKind::MayBind),
        ["end-sync"] => Action::EndSync,
        ["set-push", node] => Action::SetPush(node.parse().ok()?),
        ["log-out"] => Action::LogOut,
        ["disconnect"] => Action::Disconnect,
        ["connect"] => Action::Connect,
        ["cut", cut] => Action::Cut(parse_cut(cut)?),
        ["cut-after", way @ ("up" | "down"), bytes, cut] => Action::CutAfter {
            up: *way == "up",
            bytes: bytes.parse().ok()?,
            cut: parse_cut(cut)?,
        },
        ["stall", ms] => Action::Stall(ms.parse().ok()?),
        ["network-up"] => Action::Network(true),
        ["network-down"] => Action::Network(false),
        ["handover", ms] => Action::Handover(ms.parse().ok()?),
        ["refuse", ms] => Action::Refuse(ms.parse().ok()?),
        ["addresses", number] => Action::Addresses(number.parse().ok()?),
        ["dns", "fails", ms] => Action::Dns {
            fault: DnsFault::Fails,
            lasts: ms.parse().ok()?,
        },
        ["dns", "hangs", ms] => Action::Dns {
            fault: DnsFault::Hangs,
            lasts: ms.parse().ok()?,
        },
        ["freeze", ms] => Action::Freeze(ms.parse().ok()?),
        ["wall-jump", seconds] => Action::WallJump(seconds.parse().ok()?),
        ["mono-jump", seconds] => Action::MonoJump(seconds.parse().ok()?),
        ["kill", down] => Action::Kill(down.parse().ok()?),
        [
            "kill-at-store",
            side @ ("before" | "after"),
            transaction,
            down,
        ] => Action::KillAtStore {
            transaction: transaction.parse().ok()?,
            committed: *side == "after",
            down: down.parse().ok()?,
        },
        ["kill-after-bytes", bytes, down] => Action::KillAfterBytes {
            bytes: bytes.parse().ok()?,
            down: down.parse().ok()?,
        },
        ["store-fails", transaction] => Action::StoreFails(transaction.parse().ok()?),
        ["read-fails", call] => Action::ReadFails(call.parse().ok()?),
        ["flood", count] => Action::Flood(count.parse().ok()?),
        ["age", count] => Action::Age(count.parse().ok()?),
        ["forget"] => Action::Forget,
        ["restart", "forgetting"] => Action::Restart(true),
        ["restart", "remembering"] => Action::Restart(false),
        ["reconfigure", variation] => Action::Reconfigure(variation.parse().ok()?),
        ["conflict"] => Action::Conflict,
        ["days", days] => Action::Days(days.parse().ok()?),
        ["expire", keep] => Action::Expire(keep.parse().ok()?),
        ["reuse", count] => Action::Reuse(count.parse().ok()?),
        ["twin"] => Action::Twin,
        ["room", room, event @ ..] => Action::Room {
            room: room.parse().ok()?,
            event: parse_in_room(event)?,
        },
        ["history"] => Action::History,
        ["fault", name, lasts] => Action::Fault {
            fault: FAULTS.iter().position(|fault| fault.name == *name)?,
            lasts: lasts.parse().ok()?,
        },
        _ => return None,
    };
    Some(action)
}

impl fmt::Display for InRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Join => f.write_str("join"),
            Self::Leave => f.write_str("leave"),
            Self::Says(count) => write!(f, "says {count}"),
            Self::Send(count) => write!(f, "send {count}"),
            Self::Forgets => f.write_str("forgets"),
            Self::Removes(code) => write!(f, "removes {code}"),
            Self::Expire(keep) => write!(f, "expire {keep}"),
        }
    }
}

fn parse_in_room(words: &[&str]) -> Option<InRoom> {
    Some(match words {
        ["join"] => InRoom::Join,
        ["leave"] => InRoom::Leave,
        ["says", count] => InRoom::Says(count.parse().ok()?),
        ["send", count] => InRoom::Send(count.parse().ok()?),
        ["forgets"] => InRoom::Forgets,
        ["removes", code] => InRoom::Removes(code.parse().ok()?),
        ["expire", keep] => InRoom::Expire(keep.parse().ok()?),
        _ => return None,
    })
}

fn parse_cut(text: &str) -> Option<Cut> {
    let (_, cut) = Cut::ALL.iter().find(|(name, _)| *name == text)?;
    Some(*cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_as_it_was_written() {
        for seed in 0..200 {
            for profile in Profile::ALL {
                let mut script = Script::draw(profile, seed);
                assert_eq!(script.to_string().parse().as_ref(), Ok(&script));
                script.setup = vec![0, 0xa7, seed as u8];
                assert_eq!(script.to_string().parse(), Ok(script));
            }
        }
    }
}
