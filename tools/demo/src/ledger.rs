//! The records of messages: each is followed by its id, on both sides of the link.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use snapback_reference_server::ReceivedMessage;

use crate::record::Cut;

/// Messages of one client, both ways.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Those we sent, and whether the server has acknowledged them.
    ours: BTreeMap<String, bool>,
    /// Those the server sent, and how often they reached the app.
    theirs: BTreeMap<String, usize>,
    /// What reached the app without having been sent.
    strangers: usize,
}

/// The totals at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Messages that we sent.
    pub(crate) sent: usize,
    /// Messages that reached the app, each counted once.
    pub(crate) received: usize,
    /// Messages that never arrived, at either end.
    pub(crate) lost: usize,
    /// Arrivals too many, at either end.
    pub(crate) duplicated: usize,
}

impl Ledger {
    pub(crate) fn sent(&mut self, id: String) {
        self.ours.insert(id, false);
    }

    /// Notes an acknowledgement. Stanzas that are not recorded here, such as presence, are ignored.
    pub(crate) fn acked(&mut self, id: &str) {
        if let Some(acked) = self.ours.get_mut(id) {
            *acked = true;
        }
    }

    pub(crate) fn injected(&mut self, id: String) {
        self.theirs.insert(id, 0);
    }

    pub(crate) fn delivered(&mut self, id: &str) {
        match self.theirs.get_mut(id) {
            Some(times) => *times += 1,
            None => self.strangers += 1,
        }
    }

    /// Ours that the server has not acknowledged.
    pub(crate) fn unacked(&self) -> BTreeSet<&str> {
        let unacked = self.ours.iter().filter(|(_, acked)| !**acked);
        unacked.map(|(id, _)| id.as_str()).collect()
    }

    /// Theirs that have not reached the app.
    pub(crate) fn undelivered(&self) -> usize {
        self.theirs.values().filter(|times| **times == 0).count()
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.undelivered() == 0 && self.ours.values().all(|acked| *acked)
    }

    /// Returns what a cut interrupts now. `arrived`: the ids that the server has received from us.
    pub(crate) fn interrupted<'a>(&self, arrived: impl Iterator<Item = &'a str>) -> Cut {
        let unacked = self.unacked();
        Cut {
            ours: unacked.len(),
            ours_arrived: arrived.filter(|id| unacked.contains(id)).count(),
            theirs: self.undelivered(),
            dark: Duration::ZERO,
            meanwhile: 0,
        }
    }

    /// Compares the records with what the server received from us.
    pub(crate) fn totals(&self, arrived: &[ReceivedMessage]) -> Totals {
        let mut arrivals: BTreeMap<&str, usize> = BTreeMap::new();
        for id in arrived.iter().filter_map(|message| message.id.as_deref()) {
            *arrivals.entry(id).or_default() += 1;
        }
        let lost_ours = self
            .ours
            .keys()
            .filter(|id| !arrivals.contains_key(id.as_str()))
            .count();
        let surplus = |times: &usize| times.saturating_sub(1);
        Totals {
            sent: self.ours.len(),
            received: self.theirs.len() - self.undelivered(),
            lost: lost_ours + self.undelivered(),
            duplicated: arrivals.values().map(surplus).sum::<usize>()
                + self.theirs.values().map(surplus).sum::<usize>()
                + self.strangers,
        }
    }
}

impl std::ops::Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            received: self.received + other.received,
            lost: self.lost + other.lost,
            duplicated: self.duplicated + other.duplicated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_arrive_is_lost_and_what_came_twice_is_duplicated() {
        let mut ledger = Ledger::default();
        for id in ["a", "b", "c"] {
            ledger.sent(id.to_owned());
        }
        for id in ["x", "y", "z"] {
            ledger.injected(id.to_owned());
        }
        for id in ["x", "y", "y"] {
            ledger.delivered(id);
        }
        let totals = ledger.totals(&[received("a"), received("b"), received("b")]);
        let expected = Totals {
            sent: 3,
            received: 2,
            lost: 2,
            duplicated: 2,
        };
        assert_eq!(totals, expected);
    }

    #[test]
    fn an_acknowledgement_is_no_arrival() {
        let mut ledger = Ledger::default();
        ledger.sent("a".to_owned());
        ledger.acked("a");
        assert!(ledger.is_settled());
        assert_eq!(ledger.totals(&[]).lost, 1);
    }

    #[test]
    fn a_message_from_nowhere_is_one_too_many() {
        let mut ledger = Ledger::default();
        ledger.delivered("ghost");
        assert_eq!(ledger.totals(&[]).duplicated, 1);
    }

    fn received(id: &str) -> ReceivedMessage {
        ReceivedMessage {
            from: "juliet@localhost/phone".to_owned(),
            to: "romeo@localhost".to_owned(),
            id: Some(id.to_owned()),
            body: None,
            connection: 1,
        }
    }
}
