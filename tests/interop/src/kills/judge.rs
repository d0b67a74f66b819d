//! Two diaries, and what they say about the messages from the one to the other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::diary::Entry;

/// What became of the messages of one direction. `lost`, `doubled`, `repeated`, `disordered` and `unasked` have to be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Messages that the sender's client had taken.
    pub promised: usize,
    /// Messages that reached the other app.
    pub arrived: usize,
    /// Those of them for which there was no promise: the sender was killed before its client said yes.
    pub arrived_unpromised: usize,
    /// Deliveries that came again after a kill because they were not confirmed.
    pub delivered_again: usize,
    /// Numbers that were promised and never came.
    pub lost: Vec<u64>,
    /// Numbers that came under more than one delivery id.
    pub doubled: Vec<u64>,
    /// Numbers whose delivery came again although one life sees each only once, or although its confirmation was stored.
    pub repeated: Vec<u64>,
    /// Numbers that came after a higher one.
    pub disordered: Vec<u64>,
    /// Numbers that nobody sent, or that came under another stanza id than they were sent with.
    pub unasked: Vec<u64>,
}

impl Verdict {
    /// Each message once and in order.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.is_good_but_for_doubles() && self.doubled.is_empty()
    }

    /// Each message, in order, but perhaps not once.
    #[must_use]
    pub fn is_good_but_for_doubles(&self) -> bool {
        [&self.lost, &self.repeated, &self.disordered, &self.unasked]
            .iter()
            .all(|numbers| numbers.is_empty())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} promised, {} arrived ({} of them unpromised), {} delivered again with the same id; \
             {} lost, {} doubled",
            self.promised,
            self.arrived,
            self.arrived_unpromised,
            self.delivered_again,
            self.lost.len(),
            self.doubled.len()
        )?;
        for (what, numbers) in [
            ("lost", &self.lost),
            ("doubled", &self.doubled),
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

/// How many sessions a diary has: those that went on, and new ones.
#[must_use]
pub fn sessions(diary: &[Entry]) -> (usize, usize) {
    let count = |of| {
        diary
            .iter()
            .filter(move |e| **e == Entry::Online { resumed: of })
    };
    (count(true).count(), count(false).count())
}

/// Whether the life that goes on has had a session.
#[must_use]
pub fn is_online(diary: &[Entry]) -> bool {
    let life = diary
        .iter()
        .rev()
        .take_while(|entry| **entry != Entry::Started);
    life.into_iter()
        .any(|entry| matches!(entry, Entry::Online { .. }))
}

/// How many messages a diary promises.
#[must_use]
pub fn promises(diary: &[Entry]) -> usize {
    promised(diary).count()
}

/// Whether everything that was promised so far has come.
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
            verdict.doubled.push(*number);
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

/// What the receiver was given so far.
#[derive(Default)]
struct Seen<'a> {
    numbers: BTreeSet<u64>,
    /// By delivery id: in which life it came last.
    deliveries: BTreeMap<&'a str, usize>,
    life: usize,
    /// Confirmed in this life.
    confirmed: BTreeSet<&'a str>,
    /// The same, before a message was given to the client that has been taken since. The client does what it is told in
    /// order, so these confirmations are stored.
    confirmed_before_attempt: BTreeSet<&'a str>,
    /// Confirmed for good.
    stored: BTreeSet<&'a str>,
}

impl<'a> Seen<'a> {
    /// Yields a delivery that came for the first time.
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
            Entry::Online { .. } | Entry::Note(_) => {}
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

    /// A diary, in words.
    fn diary(lines: &[&str]) -> Vec<Entry> {
        let entries = lines.iter().map(|line| line.parse());
        entries.collect::<Result<_, _>>().unwrap_or_default()
    }

    /// Three messages, the last one without a promise.
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
        assert!(verdict.is_good());
        assert_eq!((verdict.promised, verdict.arrived), (2, 2));
        let three = [two.as_slice(), &["delivered z c 2"]].concat();
        let verdict = judged(&three);
        assert!(verdict.is_good());
        assert_eq!(verdict.arrived_unpromised, 1);
    }

    #[test]
    fn what_is_missing_doubled_disordered_or_invented_is_bad() {
        assert_eq!(judged(&["started", "delivered x a 0"]).lost, [1]);
        let doubled = ["delivered x a 0", "delivered y b 1", "delivered z a 0"];
        assert_eq!(judged(&doubled).doubled, [0]);
        let disordered = ["delivered y b 1", "delivered x a 0"];
        assert_eq!(judged(&disordered).disordered, [0]);
        let unasked = ["delivered x a 0", "delivered y b 1", "delivered z d 9"];
        assert_eq!(judged(&unasked).unasked, [9]);
        let other_id = ["delivered x a 0", "delivered y z 1"];
        assert_eq!(judged(&other_id).unasked, [1]);
    }

    #[test]
    fn i2_a_delivery_comes_again_only_after_a_kill_and_only_unconfirmed() {
        let again = ["delivered x a 0", "started", "delivered x a 0"];
        let verdict = judged(&[&again[..], &["delivered y b 1"]].concat());
        assert!(verdict.is_good(), "{verdict}");
        assert_eq!(verdict.delivered_again, 1);
        let same_life = ["delivered x a 0", "delivered x a 0", "delivered y b 1"];
        assert_eq!(judged(&same_life).repeated, [0]);
        // Told, but perhaps not stored.
        let told = [
            "delivered x a 0",
            "confirmed x",
            "started",
            "delivered x a 0",
        ];
        assert!(judged(&told).repeated.is_empty());
        // A message that was given later is stored, so the confirmation is.
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
        assert_eq!(sessions(&diary), (2, 1));
        assert!(has_arrived(&[], &diary));
        assert!(!has_arrived(&sender(), &diary));
    }
}
