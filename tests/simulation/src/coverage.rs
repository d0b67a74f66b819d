//! What runs have covered: states of the connection, transitions between them, faults in force; the engine's states,
//! inputs and outputs.

pub mod engine;

use std::collections::BTreeMap;

use snapback_proto::connection::Connection;

use crate::faults::FAULTS;
use crate::script::Profile;

use engine::EngineCoverage;

/// Further events that should have happened in a campaign.
pub const EVENTS: [&str; 35] = [
    "request answered",
    "request lost with its session",
    "see-other-host",
    "see-other-host once too often",
    "location",
    "early data accepted",
    "other host",
    "queue full",
    "logged out",
    "token revoked",
    "background sync resumed a session",
    "background sync bound a session",
    "session of a background sync completed",
    "background sync found no stored session",
    "background sync found the session dropped",
    "session expired while away",
    "standby taken",
    "standby not needed",
    "addresses known from before",
    "first address found",
    "look-up failed",
    "race lost",
    "no address answered",
    "connected to another server",
    "gap reported",
    "archive expired",
    "id reused",
    "id of another client",
    "message returned with an error",
    "room joined",
    "room joined again",
    "room lost",
    "room caught up",
    "gap in a room told",
    "page of history",
];

/// Counters.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Transitions from one state to another, as the driver sees them.
    pub transitions: Vec<((&'static str, &'static str), u64)>,
    /// Faults, by their name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Events that happened, of [`EVENTS`].
    pub events: BTreeMap<&'static str, u64>,
    /// States, inputs, outputs and events of the engine.
    pub engine: EngineCoverage,
}

impl Coverage {
    pub(crate) fn transition(&mut self, from: &'static str, to: &'static str) {
        self.add_transition((from, to), 1);
    }

    fn add_transition(&mut self, moved: (&'static str, &'static str), count: u64) {
        // The names are the same static strings: comparing their addresses distinguishes most without reading them.
        let is_same =
            |(from, to): (&str, &str)| std::ptr::eq(from, moved.0) && std::ptr::eq(to, moved.1);
        let mut known = self.transitions.iter();
        let place = known.position(|(other, _)| is_same(*other));
        let place = place.or_else(|| {
            self.transitions
                .iter()
                .position(|(other, _)| *other == moved)
        });
        match place {
            Some(place) => self.transitions[place].1 += count,
            None => self.transitions.push((moved, count)),
        }
    }

    pub(crate) fn fault(&mut self, name: &'static str) {
        *self.faults.entry(name).or_default() += 1;
    }

    pub(crate) fn event(&mut self, name: &'static str) {
        *self.events.entry(name).or_default() += 1;
    }

    /// Adds the coverage of another run.
    pub fn add(&mut self, other: &Self) {
        for (key, count) in &other.transitions {
            self.add_transition(*key, *count);
        }
        for (key, count) in &other.faults {
            *self.faults.entry(key).or_default() += count;
        }
        for (key, count) in &other.events {
            *self.events.entry(key).or_default() += count;
        }
        self.engine.add(&other.engine);
    }

    /// Returns the states that no run has entered.
    pub fn states_missed(&self) -> Vec<&'static str> {
        let entered = |state: &&str| {
            // The accounts of the simulation have passwords, and no bearer tokens.
            ["ExpectTransport", "ExpectToken"].contains(state)
                || self.transitions.iter().any(|((_, to), _)| to == state)
        };
        Connection::STATE_NAMES
            .into_iter()
            .filter(|state| !entered(state))
            .collect()
    }

    /// Returns the events that happened in no run.
    pub fn events_missed(&self) -> Vec<&'static str> {
        let has_happened = |event: &&str| self.events.contains_key(event);
        EVENTS
            .into_iter()
            .filter(|event| !has_happened(event))
            .collect()
    }

    /// Returns the faults that are meaningful in this profile and that no run has used.
    pub fn faults_missed(&self, profile: Profile) -> Vec<&'static str> {
        let is_tls = profile == Profile::Tls;
        let meant = FAULTS.iter().filter(|fault| is_tls || !fault.needs_tls);
        let names = meant.map(|fault| fault.name);
        names
            .filter(|name| !self.faults.contains_key(name))
            .collect()
    }
}
