//! Cached stream features as text. They depend on the switches and on a few facts about the connection, so they are the
//! same for most connections.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::switches::Switches;

/// Everything that the features of a stream depend on, apart from the switches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Audience {
    pub(crate) stage: Stage,
    pub(crate) is_secure: bool,
    pub(crate) offers_starttls: bool,
    pub(crate) offers_sasl2: bool,
    pub(crate) offers_exporter: bool,
    pub(crate) has_certificate: bool,
}

/// The state of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    BeforeLogin,
    LoggedIn,
    Bound,
}

/// The texts for the current switches.
#[derive(Debug, Default)]
pub(crate) struct Offers {
    switches: Option<Switches>,
    written: BTreeMap<Audience, Arc<str>>,
    /// XEP-0509's version of the offer, by whether it contains tls-exporter, and EXTERNAL.
    versions: BTreeMap<(bool, bool), Arc<str>>,
}

impl Offers {
    /// Returns the features for this audience, if they were written with these switches before.
    pub(crate) fn find(&mut self, switches: &Switches, audience: Audience) -> Option<Arc<str>> {
        self.forget_unless(switches);
        self.written.get(&audience).cloned()
    }

    /// Returns the version, if it was computed with these switches before.
    pub(crate) fn version(&mut self, switches: &Switches, of: (bool, bool)) -> Option<Arc<str>> {
        self.forget_unless(switches);
        self.versions.get(&of).cloned()
    }

    /// Keeps a computed version.
    pub(crate) fn keep_version(&mut self, of: (bool, bool), version: Arc<str>) {
        self.versions.insert(of, version);
    }

    fn forget_unless(&mut self, switches: &Switches) {
        if self.switches.as_ref() != Some(switches) {
            self.switches = Some(switches.clone());
            self.written.clear();
            self.versions.clear();
        }
    }

    /// Keeps written features.
    pub(crate) fn keep(&mut self, audience: Audience, text: Arc<str>) {
        self.written.insert(audience, text);
    }
}
