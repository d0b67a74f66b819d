//! Compares two diaries, for the messages from one to the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::diary::Entry;

/// Which faults are excused because the server has lost a session (Prosody 13 loses one whose connection was cut
/// between two reads, see decision 0022), or the client was killed before it knew of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excuse {
    /// Nothing.
    None,
    /// Messages of that session may arrive out of order: the server delivers some, and the archive or the sender
    /// delivers the rest.
    Order,
    /// They may also arrive twice.
    OrderAndDuplicates,
}

/// The result for the messages of one direction. `lost`, `duplicated`, `repeated`, `disordered` and `unasked` should be
/// empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Messages that the sender's client had accepted.
    pub promised: usize,
    /// Messages that reached the other app.
    pub arrived: usize,
    /// Those of them without a promise: the sender was killed before its client accepted them.
    pub arrived_unpromised: usize,
    /// Deliveries that came again after a kill because they were not confirmed.
    pub delivered_again: usize,
    /// Numbers that were promised and never arrived.
    pub lost: Vec<u64>,
    /// Numbers that arrived under more than one delivery id.
    pub duplicated: Vec<u64>,
    /// Numbers whose delivery was repeated although one process gets each only once, or although its confirmation was
    /// stored.
    pub repeated: Vec<u64>,
    /// Numbers that arrived after a higher one.
    pub disordered: Vec<u64>,
    /// Numbers that were never sent, or that arrived under another stanza id than they were sent with.
    pub unasked: Vec<u64>,
}

impl Verdict {
    /// Returns whether each message arrived once and in order, except for what is excused.
    #[must_use]
    pub fn is_good(&self, excuse: Excuse) -> bool {
        let never = [&self.lost, &self.repeated, &self.unasked];
        never.iter().all(|numbers| numbers.is_empty())
            && (excuse != Excuse::None || self.disordered.is_empty())
            && (excuse == Excuse::OrderAndDuplicates || self.duplicated.is_empty())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} promised, {} arrived ({} of them unpromised), {} delivered again with the same id; \
             {} lost, {} duplicated",
            self.promised,
            self.arrived,
            self.arrived_unpromised,
            self.delivered_again,
            self.lost.len(),
            self.duplicated.len()
        )?;
        for (what, numbers) in [
            ("lost", &self.lost),
            ("duplicated", &self.duplicated),
            ("repeated", &self.repeated),
            ("disordered", &self.disordered),
            ("unasked", &self.unasked),
        ] {
            if !numbers.is_empty() {
                write!(f, "; {what}: {numbers:?}")?;
            }
        }
        Ok(())
    }
}

/// The sessions of a diary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sessions {
    /// Resumed ones.
    pub resumed: usize,
    /// New ones.
    pub bound: usize,
    /// The maximum number of lost ones: each new one but the first replaces another, and a process that ended without a
    /// session before the first may have left one on the server that it did not know of.
    pub lost: usize,
}

impl std::ops::Add for Sessions {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            resumed: self.resumed + other.resumed,
            bound: self.bound + other.bound,
            lost: self.lost + other.lost,
        }
    }
}

/// Counts the sessions of a diary.
#[must_use]
pub fn sessions(diary: &[Entry]) -> Sessions {
    let count = |entry: Entry| diary.iter().filter(|e| **e == entry).count();
    let bound = count(Entry::Online { resumed: false });
    let before = diary
        .iter()
        .take_while(|e| !matches!(e, Entry::Online { .. }));
    let lives = before.filter(|e| **e == Entry::Started).count();
    Sessions {
        resumed: count(Entry::Online { resumed: true }),
        bound,
        lost: bound.saturating_sub(1) + lives.saturating_sub(1),
    }
}

/// Returns the entries of the current, or last, process.
#[must_use]
pub fn last_life(diary: &[Entry]) -> &[Entry] {
    let begin = diary.iter().rposition(|entry| *entry == Entry::Started);
    diary.get(begin.unwrap_or_default()..).unwrap_or_default()
}

/// Returns whether there is a session in it.
#[must_use]
pub fn is_online(life: &[Entry]) -> bool {
    let mut entries = life.iter();
    entries.any(|entry| matches!(entry, Entry::Online { .. }))
}

/// Returns whether everything that this process began is finished: each of its messages is acknowledged, each delivery
/// confirmed.
#[must_use]
pub fn is_settled(life: &[Entry]) -> bool {
    life.iter().all(|entry| match entry {
        Entry::Queued { id, .. } => life.contains(&Entry::Acked(id.clone())),
        Entry::Delivered { delivery, .. } => life.contains(&Entry::Confirmed(delivery.clone())),
        _ => true,
    })
}

/// Returns how many messages a diary promises.
#[must_use]
pub fn promises(diary: &[Entry]) -> usize {
    promised(diary).count()
}

/// Returns whether everything that was promised so far has arrived.
#[must_use]
pub fn has_arrived(sender: &[Entry], receiver: &[Entry]) -> bool {
    let arrived: BTreeSet<u64> = receiver.iter().filter_map(delivered).collect();
    promised(sender).all(|(number, _)| arrived.contains(&number))
}

/// Judges one direction.
#[must_use]
pub fn judge(sender: &[Entry], receiver: &[Entry]) -> Verdict {
    let ids: BTreeMap<u64, &str> = promised(sender).collect();
    let attempted: BTreeSet<u64> = sender.iter().filter_map(attempted).collect();
    let mut verdict = Verdict {
        promised: ids.len(),
        ..Verdict::default()
    };
    let mut seen = Seen::default();
    let mut highest = None;
    for entry in receiver {
        let Some(first) = seen.enter(entry, &mut verdict) else {
            continue;
        };
        let Entry::Delivered { id, number, .. } = first else {
            continue;
        };
        let is_as_sent = ids.get(number).is_none_or(|sent| sent == id);
        if !attempted.contains(number) || !is_as_sent {
            verdict.unasked.push(*number);
        }
        if !seen.numbers.insert(*number) {
            verdict.duplicated.push(*number);
            continue;
        }
        if highest.is_some_and(|highest| highest > *number) {
            verdict.disordered.push(*number);
        }
        highest = highest.max(Some(*number));
    }
    verdict.arrived = seen.numbers.len();
    verdict.arrived_unpromised = seen.numbers.iter().filter(|n| !ids.contains_key(n)).count();
    verdict.lost = ids
        .into_keys()
        .filter(|number| !seen.numbers.contains(number))
        .collect();
    verdict
}

/// The deliveries of the receiver so far.
#[derive(Default)]
struct Seen<'a> {
    numbers: BTreeSet<u64>,
    /// By delivery id: the process that received it last.
    deliveries: BTreeMap<&'a str, usize>,
    life: usize,
    /// Confirmed in this process.
    confirmed: BTreeSet<&'a str>,
    /// The same, before a message was passed to the client that has been accepted since. The client executes requests
    /// in order, so these confirmations are stored.
    confirmed_before_attempt: BTreeSet<&'a str>,
    /// Confirmed durably.
    stored: BTreeSet<&'a str>,
}

impl<'a> Seen<'a> {
    /// Returns a delivery that arrived for the first time.
    fn enter(&mut self, entry: &'a Entry, verdict: &mut Verdict) -> Option<&'a Entry> {
        match entry {
            Entry::Started => {
                self.life += 1;
                self.confirmed.clear();
                self.confirmed_before_attempt.clear();
            }
            Entry::Confirmed(delivery) => {
                self.confirmed.insert(delivery);
            }
            Entry::Attempting(_) => self.confirmed_before_attempt.append(&mut self.confirmed),
            Entry::Queued { .. } => self.stored.append(&mut self.confirmed_before_attempt),
            Entry::Delivered {
                delivery, number, ..
            } => match self.deliveries.insert(delivery, self.life) {
                None => return Some(entry),
                Some(life) if life == self.life || self.stored.contains(delivery.as_str()) => {
                    verdict.repeated.push(*number);
                }
                Some(_) => verdict.delivered_again += 1,
            },
            Entry::Online { .. } | Entry::Acked(_) | Entry::Note(_) => {}
        }
        None
    }
}

fn promised(diary: &[Entry]) -> impl Iterator<Item = (u64, &str)> {
    diary.iter().filter_map(|entry| match entry {
        Entry::Queued { number, id } => Some((*number, id.as_str())),
        _ => None,
    })
}

fn attempted(entry: &Entry) -> Option<u64> {
    match entry {
        Entry::Attempting(number) => Some(*number),
        _ => None,
    }
}

fn delivered(entry: &Entry) -> Option<u64> {
    match entry {
        Entry::Delivered { number, .. } => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a diary from text.
    fn diary(lines: &[&str]) -> Vec<Entry> {
        let entries = lines.iter().map(|line| line.parse());
        entries.collect::<Result<_, _>>().unwrap_or_default()
    }

    /// Returns three messages, the last one without a promise.
    fn sender() -> Vec<Entry> {
        diary(&[
            "started",
            "attempting 0",
            "queued 0 a",
            "attempting 1",
            "queued 1 b",
            "attempting 2",
        ])
    }

    fn judged(receiver: &[&str]) -> Verdict {
        let receiver = diary(receiver);
        assert!(!receiver.is_empty());
        judge(&sender(), &receiver)
    }

    #[test]
    fn each_once_is_good_with_or_without_what_was_not_promised() {
        let two = ["started", "delivered x a 0", "delivered y b 1"];
        let verdict = judged(&two);
        assert!(verdict.is_good(Excuse::None));
        assert_eq!((verdict.promised, verdict.arrived), (2, 2));
        let three = [two.as_slice(), &["delivered z c 2"]].concat();
        let verdict = judged(&three);
        assert!(verdict.is_good(Excuse::None));
        assert_eq!(verdict.arrived_unpromised, 1);
    }

    #[test]
    fn what_is_missing_duplicated_disordered_or_invented_is_bad() {
        let lost = judged(&["started", "delivered x a 0"]);
        assert_eq!(lost.lost, [1]);
        assert!(!lost.is_good(Excuse::OrderAndDuplicates));
        let duplicated = judged(&["delivered x a 0", "delivered y b 1", "delivered z a 0"]);
        assert_eq!(duplicated.duplicated, [0]);
        assert!(
            !duplicated.is_good(Excuse::Order) && duplicated.is_good(Excuse::OrderAndDuplicates)
        );
        let disordered = judged(&["delivered y b 1", "delivered x a 0"]);
        assert_eq!(disordered.disordered, [0]);
        assert!(!disordered.is_good(Excuse::None) && disordered.is_good(Excuse::Order));
        let unasked = ["delivered x a 0", "delivered y b 1", "delivered z d 9"];
        assert_eq!(judged(&unasked).unasked, [9]);
        let other_id = ["delivered x a 0", "delivered y z 1"];
        assert_eq!(judged(&other_id).unasked, [1]);
    }

    #[test]
    fn i2_a_delivery_comes_again_only_after_a_kill_and_only_unconfirmed() {
        let again = ["delivered x a 0", "started", "delivered x a 0"];
        let verdict = judged(&[&again[..], &["delivered y b 1"]].concat());
        assert!(verdict.is_good(Excuse::None), "{verdict}");
        assert_eq!(verdict.delivered_again, 1);
        let same_life = ["delivered x a 0", "delivered x a 0", "delivered y b 1"];
        assert_eq!(judged(&same_life).repeated, [0]);
        // Confirmed to the client, but perhaps not stored.
        let unsure = [
            "delivered x a 0",
            "confirmed x",
            "started",
            "delivered x a 0",
        ];
        assert!(judged(&unsure).repeated.is_empty());
        // A message that was passed to the client later is stored, so the confirmation is.
        let stored = [
            "delivered x a 0",
            "confirmed x",
            "attempting 5",
            "queued 5 e",
            "started",
            "delivered x a 0",
        ];
        assert_eq!(judged(&stored).repeated, [0]);
    }

    #[test]
    fn sessions_are_counted_by_outcome() {
        let diary = diary(&[
            "online bound",
            "online resumed",
            "started",
            "online resumed",
        ]);
        let clean = Sessions {
            resumed: 2,
            bound: 1,
            lost: 0,
        };
        assert_eq!(sessions(&diary), clean);
        let killed_before = [&[Entry::Started, Entry::Started], diary.as_slice()].concat();
        assert_eq!(sessions(&killed_before).lost, 1);
        let lost = [diary.as_slice(), &[Entry::Online { resumed: false }]].concat();
        assert_eq!(sessions(&lost).lost, 1);
        assert!(has_arrived(&[], &diary));
        assert!(!has_arrived(&sender(), &diary));
    }

    #[test]
    fn a_life_is_what_follows_a_start() {
        let diary = diary(&[
            "started",
            "online bound",
            "started",
            "attempting 0",
            "queued 0 a",
        ]);
        let life = last_life(&diary);
        assert_eq!((promises(life), life.len()), (1, 3));
        assert!(is_online(&diary) && !is_online(life));
        assert!(!is_settled(life));
        assert!(is_settled(
            &[life, &[Entry::Acked("a".to_owned())]].concat()
        ));
    }
}
