//! What runs have gone through: states of the connection, moves between them, faults that were put in force.

use std::collections::BTreeMap;

use snapback_proto::connection::Connection;

use crate::faults::FAULTS;
use crate::script::Profile;

/// What else should have happened in a campaign.
pub const EVENTS: [&str; 15] = [
    "request answered",
    "request lost with its session",
    "see-other-host",
    "see-other-host once too often",
    "location",
    "other host",
    "queue full",
    "logged out",
    "token turned in",
    "visit resumed a session",
    "visit found none stored",
    "visit found it forgotten",
    "session expired while away",
    "spare taken",
    "spare not needed",
];

/// Counters.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Moves from one state to another, as the driver sees them.
    pub transitions: BTreeMap<(&'static str, &'static str), u64>,
    /// Faults, by their name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Things that happened, of [`EVENTS`].
    pub events: BTreeMap<&'static str, u64>,
    /// Actions, by the first word of their line.
    pub actions: BTreeMap<String, u64>,
}

impl Coverage {
    pub(crate) fn transition(&mut self, from: &'static str, to: &'static str) {
        *self.transitions.entry((from, to)).or_default() += 1;
    }

    pub(crate) fn fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }

    pub(crate) fn event(&mut self, name: &'static str) {
        *self.events.entry(name).or_default() += 1;
    }

    pub(crate) fn action(&mut self, text: &str) {
        let word = text.split(' ').next().unwrap_or_default();
        match self.actions.get_mut(word) {
            Some(count) => *count += 1,
            None => {
                self.actions.insert(word.to_owned(), 1);
            }
        }
    }

    /// Adds what another run went through.
    pub fn add(&mut self, other: &Self) {
        for (key, count) in &other.transitions {
            *self.transitions.entry(*key).or_default() += count;
        }
        for (key, count) in &other.faults {
            *self.faults.entry(key).or_default() += count;
        }
        for (key, count) in &other.events {
            *self.events.entry(key).or_default() += count;
        }
        for (key, count) in &other.actions {
            *self.actions.entry(key.clone()).or_default() += count;
        }
    }

    /// States that no run has entered.
    pub fn states_missed(&self) -> Vec<&'static str> {
        let entered = |state: &&str| {
            *state == "ExpectTransport" || self.transitions.keys().any(|(_, to)| to == state)
        };
        Connection::STATE_NAMES
            .into_iter()
            .filter(|state| !entered(state))
            .collect()
    }

    /// What no run has seen happen.
    pub fn events_missed(&self) -> Vec<&'static str> {
        let has_happened = |event: &&str| self.events.contains_key(event);
        EVENTS
            .into_iter()
            .filter(|event| !has_happened(event))
            .collect()
    }

    /// Faults that mean something in this profile and that no run has used.
    pub fn faults_missed(&self, profile: Profile) -> Vec<&'static str> {
        let is_tls = profile == Profile::Tls;
        let meant = FAULTS.iter().filter(|fault| is_tls || !fault.needs_tls);
        let names = meant.map(|fault| fault.name);
        names
            .filter(|name| !self.faults.contains_key(name))
            .collect()
    }
}
