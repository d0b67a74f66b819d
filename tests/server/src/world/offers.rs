//! Stream features as text. What they say follows from the switches and from a handful of facts about the connection, and
//! a server says the same to everybody all day.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::switches::Switches;

/// All that the features of a stream depend on, the switches apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Audience {
    pub(crate) stage: Stage,
    pub(crate) is_secure: bool,
    pub(crate) offers_starttls: bool,
    pub(crate) offers_sasl2: bool,
    pub(crate) offers_exporter: bool,
}

/// How far the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    BeforeLogin,
    LoggedIn,
    Bound,
}

/// What was written with the present switches.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    switches: Option<Switches>,
    written: BTreeMap<Audience, Arc<str>>,
    /// XEP-0509's version of what is offered, with tls-exporter and without.
    versions: BTreeMap<bool, Arc<str>>,
}

impl Offers {
    /// The features for somebody, if they were written with these switches before.
    pub(crate) fn find(&mut self, switches: &Switches, audience: Audience) -> Option<Arc<str>> {
        self.forget_unless(switches);
        self.written.get(&audience).cloned()
    }

    /// The version, if it was computed with these switches before.
    pub(crate) fn version(&mut self, switches: &Switches, exporter: bool) -> Option<Arc<str>> {
        self.forget_unless(switches);
        self.versions.get(&exporter).cloned()
    }

    /// Keeps what was computed; [`Offers::version`] did not know it.
    pub(crate) fn keep_version(&mut self, exporter: bool, version: Arc<str>) {
        self.versions.insert(exporter, version);
    }

    fn forget_unless(&mut self, switches: &Switches) {
        if self.switches.as_ref() != Some(switches) {
            self.switches = Some(switches.clone());
            self.written.clear();
            self.versions.clear();
        }
    }

    /// Keeps what was written; [`Offers::find`] did not know it.
    pub(crate) fn keep(&mut self, audience: Audience, text: Arc<str>) {
        self.written.insert(audience, text);
    }
}
