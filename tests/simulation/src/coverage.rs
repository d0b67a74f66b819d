//! What runs have gone through: states of the connection, moves between them, faults that were put in force; what the engine was,
//! was told and said.

pub mod engine;

use std::collections::BTreeMap;

use snapback_proto::connection::Connection;

use crate::faults::FAULTS;
use crate::script::Profile;

use engine::EngineCoverage;

/// What else should have happened in a campaign.
pub const EVENTS: [&str; 20] = [
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
    "standby taken",
    "standby not needed",
    "addresses known from before",
    "look-up failed",
    "race lost",
    "no address answered",
    "connected to somebody else",
];

/// Counters.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Moves from one state to another, as the driver sees them.
    pub transitions: Vec<((&'static str, &'static str), u64)>,
    /// Faults, by their name.
    pub faults: BTreeMap<&'static str, u64>,
    /// Things that happened, of [`EVENTS`].
    pub events: BTreeMap<&'static str, u64>,
    /// States, inputs, outputs and events of the engine.
    pub engine: EngineCoverage,
}

impl Coverage {
    pub(crate) fn transition(&mut self, from: &'static str, to: &'static str) {
        self.add_transition((from, to), 1);
    }

    fn add_transition(&mut self, moved: (&'static str, &'static str), count: u64) {
        // The same ones all the time: their addresses tell most of them apart without a look at their letters.
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

    /// Adds what another run went through.
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

    /// States that no run has entered.
    pub fn states_missed(&self) -> Vec<&'static str> {
        let entered = |state: &&str| {
            *state == "ExpectTransport" || self.transitions.iter().any(|((_, to), _)| to == state)
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
