//! The states of the engine's components, for tests that require every state to be reached.

use crate::link::tls::Tls;
use crate::supervisor;
use crate::variants::{Variants, variants};

use super::candidates::DialStage;
use super::log_out::LogOut;
use super::standby::StandbyTransport;
use super::{ClosingStore, Engine, Phase};

/// The components of an engine that have states, and the names of the states: the entries of what [`Engine::states`]
/// returns.
pub const ENGINE_STATES: [(&str, &[&str]); 6] = [
    of::<Phase>(),
    ("Supervisor", supervisor::STATE_NAMES),
    of::<StandbyTransport>(),
    of::<DialStage>(),
    of::<LogOut>(),
    of::<ClosingStore>(),
];

variants!(Phase {
    Link,
    Supervisor,
    Rest
});
variants!(StandbyTransport { Opening, Open });
variants!(DialStage {
    Delayed,
    LookingUp,
    Racing,
    Over
});
variants!(LogOut {
    Closing,
    Looking,
    TurningIn,
    Forgetting
});
variants!(ClosingStore {
    Always,
    IfSuspended
});

const fn of<V: Variants>() -> (&'static str, &'static [&'static str]) {
    (V::ENUM, V::NAMES)
}

impl<T: Tls + Clone> Engine<T> {
    /// Returns the state of each component of [`ENGINE_STATES`], as an index into its names; `None` for a component
    /// that is not active.
    pub fn states(&self) -> [Option<usize>; ENGINE_STATES.len()] {
        [
            Some(self.phase.variant()),
            Some(self.supervisor.state_variant()),
            self.standby
                .as_ref()
                .map(|standby| standby.transport().variant()),
            self.dial().map(|dial| dial.stage().variant()),
            self.log_out.map(|step| step.variant()),
            self.closing_store.map(|when| when.variant()),
        ]
    }
}
