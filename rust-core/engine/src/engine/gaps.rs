//! Reports of possible gaps. A gap stays in the store until the app has received its report (rule I18).

use snapback_proto::knowledge::Op;

use crate::link::tls::Tls;

use super::asked::Asked;
use super::{Engine, EngineEvent};

/// The possible gaps that are stored.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// How many reports the app has not received yet.
    reported: usize,
    /// Whether one is stored, or being stored, and not reported yet.
    is_stored: bool,
}

impl Gaps {
    /// Notes what a transaction stores.
    pub(super) fn note_stored(&mut self, ops: &[Op]) {
        self.is_stored |= ops.iter().any(|op| matches!(op, Op::PossibleGap(true)));
    }
}

impl<T: Tls + Clone> Engine<T> {
    /// Reports a possible gap, which is stored.
    pub(super) fn report_gap(&mut self) {
        self.gaps.is_stored = false;
        self.gaps.reported = self.gaps.reported.saturating_add(1);
        self.event(EngineEvent::PossibleGap);
    }

    /// The app has received a report. Another gap that is not reported yet stays in the store.
    pub(super) fn gap_received(&mut self) {
        self.gaps.reported = self.gaps.reported.saturating_sub(1);
        if self.gaps.reported == 0 && !self.gaps.is_stored {
            self.apply(Asked::Applied, vec![Op::PossibleGap(false)]);
        }
    }

    /// Handles what the store contains when it is opened: an earlier process or connection has stored a gap without reporting
    /// it. The current connection reports its own.
    pub(super) fn gap_found(&mut self, is_stored: bool) {
        let is_pending = self.gaps.is_stored && self.attempt.is_some();
        if is_stored && self.gaps.reported == 0 && !is_pending {
            self.report_gap();
        }
    }
}
