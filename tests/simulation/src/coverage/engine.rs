//! The states, inputs, outputs and events of the engine that runs have reached. The names come from the enums
//! themselves, so a new variant counts as missed until a run reaches it, or until [`NEVER`] says why none can.

use snapback_engine::engine::{
    Abandonment, ENGINE_STATES, EndReason, EngineEvent, EngineTimer, NotGiven, Refusal,
    RequestError,
};
use snapback_engine::link::tls::Tls;
use snapback_engine::supervisor::{AttemptPhase, ConnectionState, OfflineReason, SupervisorTimer};
use snapback_engine::variants::Variants;
use snapback_engine::{Engine, EngineInput, EngineOutput};

use crate::script::Profile;

/// What no run can reach, and why.
pub const NEVER: &[(&str, &str, NeverReason)] = &[
    ("EngineInput<'_>", "ForgetFloor", NO_USER),
    ("EngineInput<'_>", "SetPassword", NO_USER),
    ("EngineInput<'_>", "ChangeKeys", NO_USER),
    ("EngineOutput", "KeysChanged", NO_USER),
    ("EngineEvent", "CertificateRefused", NULL_TLS),
    ("EngineInput<'_>", "Respond", NO_HANDLERS),
    ("EngineOutput", "Request", NO_HANDLERS),
    ("EngineOutput", "Responded", NO_HANDLERS),
    ("EngineEvent", "BlockListChanged", NO_USER),
    ("RequestError", "AnswerTooBig", NO_USER),
    ("EngineInput<'_>", "EventQueue", TAKES_ALL),
    ("NotGiven", "From", TAKES_ALL),
    ("EngineInput<'_>", "TokenProvided", PASSWORD),
    ("EngineOutput", "RequestToken", PASSWORD),
    ("EngineInput<'_>", "CertificateVerified", NULL_TLS),
    ("EngineOutput", "VerifyCertificate", NULL_TLS),
    (
        "EndReason",
        "Driver",
        NeverReason::Always("the host has random numbers"),
    ),
    (
        "DialStage",
        "Over",
        NeverReason::Always("a finished dial is dropped at once"),
    ),
    ("OfflineReason", "NeedsCredentials", RIGHT_SERVER),
    ("AttemptPhase", "Transport", ONE_STEP),
    ("AttemptPhase", "Tls", ONE_STEP),
    (
        "SupervisorTimer",
        "Probe",
        NeverReason::Always("the connection's own deadline for a probe comes first"),
    ),
    ("RequestError", "TooBig", SMALL),
    ("RequestError", "TooComplex", SMALL),
    ("Refusal", "TooBig", SMALL),
    ("Refusal", "TooComplex", SMALL),
    ("RequestError", "NotXml", WELL_FORMED),
    ("Refusal", "NotXml", WELL_FORMED),
];

const NO_USER: NeverReason = NeverReason::Always("the app of the simulation never asks for it");
const NO_HANDLERS: NeverReason =
    NeverReason::Always("the app of the simulation answers no requests of others");
const PASSWORD: NeverReason = NeverReason::Always("the accounts of the simulation have passwords");
const TAKES_ALL: NeverReason =
    NeverReason::Always("the app of the simulation takes every event at once");
const NULL_TLS: NeverReason =
    NeverReason::OnlyIn(Profile::Tls, "other profiles have no certificates");
const RIGHT_SERVER: NeverReason = NeverReason::Always(
    "the password is right, and the server's faults pass: they are tried again",
);
const ONE_STEP: NeverReason =
    NeverReason::Always("the engine reports no step between the first and the login");
const WELL_FORMED: NeverReason =
    NeverReason::Always("the names in the app's stanzas are well-formed");
const SMALL: NeverReason = NeverReason::Always("the stanzas of the app are small");

/// Why something is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NeverReason {
    /// In no profile.
    Always(&'static str),
    /// Not in this profile, but in others.
    OnlyIn(Profile, &'static str),
}

/// A set of variants of one enum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen(u64);

impl Seen {
    pub(crate) fn insert(&mut self, value: &impl Variants) {
        self.add(value.variant());
    }

    fn add(&mut self, place: usize) {
        self.0 |= 1 << place;
    }

    fn has(self, place: usize) -> bool {
        self.0 & (1 << place) != 0
    }
}

macro_rules! kinds {
    ($($kind:ident = $type:ty,)+) => {
        /// The enums that are examined, beside the engine's states.
        #[derive(Clone, Copy, Debug)]
        enum Kind {
            $($kind),+
        }

        const KINDS: &[(&str, &[&str])] = &[$((<$type>::ENUM, <$type>::NAMES)),+];
    };
}

kinds! {
    Input = EngineInput<'_>,
    Output = EngineOutput,
    Event = EngineEvent,
    EndReason = EndReason,
    OfflineReason = OfflineReason,
    AttemptPhase = AttemptPhase,
    SupervisorTimer = SupervisorTimer,
    Abandonment = Abandonment,
    NotGiven = NotGiven,
    RequestError = RequestError,
    Refusal = Refusal,
}

/// What runs have reached.
#[derive(Clone, Debug, Default)]
pub struct EngineCoverage {
    states: [Seen; ENGINE_STATES.len()],
    kinds: [Seen; KINDS.len()],
}

impl EngineCoverage {
    fn see(&mut self, kind: Kind, value: &impl Variants) {
        self.kinds[kind as usize].insert(value);
    }

    pub(crate) fn states<T: Tls + Clone>(&mut self, engine: &Engine<T>) {
        for (seen, state) in self.states.iter_mut().zip(engine.states()) {
            if let Some(state) = state {
                seen.add(state);
            }
        }
    }

    pub(crate) fn inputs(&mut self, inputs: Seen) {
        self.kinds[Kind::Input as usize].0 |= inputs.0;
    }

    pub(crate) fn output(&mut self, output: &EngineOutput) {
        self.see(Kind::Output, output);
        match output {
            EngineOutput::Event(event) => self.event(event),
            EngineOutput::AbandonConnect { why, .. } => self.see(Kind::Abandonment, why),
            EngineOutput::CloseStore { not_given } => self.see(Kind::NotGiven, not_given),
            EngineOutput::Answered {
                outcome: Err(error),
                ..
            } => self.see(Kind::RequestError, error),
            EngineOutput::Accepted {
                outcome: Err(refusal),
                ..
            } => self.see(Kind::Refusal, refusal),
            EngineOutput::Timer {
                why: Some(EngineTimer::Supervisor(why)),
                ..
            } => self.see(Kind::SupervisorTimer, why),
            _ => {}
        }
    }

    fn event(&mut self, event: &EngineEvent) {
        self.see(Kind::Event, event);
        match event {
            EngineEvent::Ended { reason, .. } => self.see(Kind::EndReason, reason),
            EngineEvent::State(ConnectionState::Offline { reason, .. }) => {
                self.see(Kind::OfflineReason, reason);
            }
            EngineEvent::State(ConnectionState::Connecting { step }) => {
                self.see(Kind::AttemptPhase, step)
            }
            _ => {}
        }
    }

    /// Adds what another run reached.
    pub fn add(&mut self, other: &Self) {
        let mine = self.states.iter_mut().chain(&mut self.kinds);
        for (seen, more) in mine.zip(other.states.iter().chain(&other.kinds)) {
            seen.0 |= more.0;
        }
    }

    /// Returns what no run has reached and [`NEVER`] does not exclude in this profile, and what was reached although it
    /// is excluded.
    pub fn missed(&self, profile: Profile) -> Vec<String> {
        let enums = ENGINE_STATES.iter().chain(KINDS);
        let seen = self.states.iter().chain(&self.kinds);
        let mut missed = Vec::new();
        for ((name, variants), seen) in enums.zip(seen) {
            for (place, variant) in variants.iter().enumerate() {
                match (seen.has(place), is_excused(name, variant, profile)) {
                    (false, false) => missed.push(format!("{name}::{variant}")),
                    (true, true) => missed.push(format!("{name}::{variant}, though excused")),
                    _ => {}
                }
            }
        }
        missed
    }
}

fn is_excused(name: &str, variant: &str, profile: Profile) -> bool {
    NEVER.iter().any(|(of, which, why)| {
        let applies = match why {
            NeverReason::Always(_) => true,
            NeverReason::OnlyIn(only, _) => profile != *only,
        };
        applies && (*of, *which) == (name, variant)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_excused_exists() {
        for (name, variant, _) in NEVER {
            let mut enums = ENGINE_STATES.iter().chain(KINDS);
            let found = enums.find(|(of, _)| of == name);
            let is_there = found.is_some_and(|(_, variants)| variants.contains(variant));
            assert!(is_there, "{name}::{variant}");
        }
    }

    #[test]
    fn what_nothing_has_reached_is_missed() {
        let missed = EngineCoverage::default().missed(Profile::Memory);
        let variants = ENGINE_STATES.iter().chain(KINDS);
        let all: usize = variants.map(|(_, variants)| variants.len()).sum();
        let excused = NEVER
            .iter()
            .filter(|(name, variant, _)| is_excused(name, variant, Profile::Memory));
        assert_eq!(missed.len(), all - excused.count());
        assert!(missed.contains(&"Supervisor::Halted".to_owned()));
        assert!(missed.contains(&"EngineEvent::PossibleGap".to_owned()));
    }

    #[test]
    fn an_excuse_does_not_outlive_its_reason() {
        let Some((name, variant, _)) = NEVER
            .iter()
            .find(|(.., why)| matches!(why, NeverReason::Always(_)))
        else {
            return;
        };
        let mut coverage = EngineCoverage::default();
        for seen in coverage.states.iter_mut().chain(&mut coverage.kinds) {
            *seen = Seen(u64::MAX);
        }
        let missed = coverage.missed(Profile::Memory);
        assert!(missed.contains(&format!("{name}::{variant}, though excused")));
    }
}
