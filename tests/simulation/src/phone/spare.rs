//! A transport beside a connection that is being probed, as in `rust-core/client/src/driver/spare.rs`.

use snapback_engine::link::LinkInput;
use snapback_engine::link::tls::Tls;
use snapback_engine::supervisor::{self, AttemptId};
use snapback_proto::connection::Command;
use snapback_proto::time::Instant;

use crate::coverage::Coverage;
use crate::model::Model;
use crate::network::Time;

use super::{Destination, Effect, Phone};

/// A transport beside a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spare {
    beside: AttemptId,
    /// Where it leads, once it is open.
    open: Option<Destination>,
}

impl<T: Tls + Clone> Phone<T> {
    /// Asks for a sign of life, and sees to a way back meanwhile.
    pub(super) fn probe(
        &mut self,
        beside: AttemptId,
        deadline: Instant,
        model: &mut Model,
        now: Time,
    ) {
        self.command(Command::Probe { deadline }, model, now);
        if self.is_probing(beside) {
            self.probed = Some(beside);
            self.open_spare(beside, now);
        }
    }

    fn is_probing(&self, number: AttemptId) -> bool {
        let attempt = self.attempt.as_ref();
        attempt.is_some_and(|attempt| attempt.number == number && attempt.link.is_probing())
    }

    /// Another network: what was being opened on the one before may lead nowhere.
    pub(super) fn renew_spare(&mut self, now: Time) {
        if let Some(spare) = self.spare.take() {
            self.address.location_tried = false;
            self.open_spare(spare.beside, now);
        }
    }

    fn open_spare(&mut self, beside: AttemptId, now: Time) {
        let head_start = self.supervisor.timing().head_start.as_micros();
        let since = now + u64::try_from(head_start).unwrap_or(0);
        let host = self.location(now).unwrap_or_default();
        self.spare = Some(Spare { beside, open: None });
        self.effects
            .push_back(Effect::OpenSpare(beside, host, since));
    }

    /// The transport is open, or will not be. With no sign of life the connection ends as if its time were up.
    pub(crate) fn spare_dialed(
        &mut self,
        host: Option<Destination>,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        let (Some(spare), Some(host)) = (self.spare.take(), host) else {
            return;
        };
        if self.is_probing(spare.beside) {
            let deadline = self.clock.now(now).mono;
            self.command(Command::Probe { deadline }, model, now);
            self.input(LinkInput::Timeout, model, now);
            self.spare = Some(Spare {
                open: Some(host),
                ..spare
            });
        }
        self.settle(model, coverage, now);
    }

    /// The sign of life came: the supervisor is told, and the way back is not needed.
    pub(super) fn note_alive_again(&mut self, coverage: &mut Coverage, now: Time) {
        let Some(probed) = self.probed else { return };
        if self.is_probing(probed) {
            return;
        }
        self.probed = None;
        if (self.attempt.as_ref()).is_some_and(|attempt| attempt.number == probed) {
            if self.spare.is_some() {
                coverage.event("spare not needed");
            }
            self.drop_spare();
            self.address.location_tried = false;
            self.tell(supervisor::Input::Alive { attempt: probed }, now);
        }
    }

    /// What an attempt that begins now finds open.
    pub(super) fn take_spare(&mut self, coverage: &mut Coverage) -> Option<Destination> {
        let spare = self.spare?;
        self.drop_spare();
        if spare.open.is_some() {
            coverage.event("spare taken");
        } else {
            self.address.location_tried = false;
        }
        spare.open
    }

    pub(super) fn drop_spare(&mut self) {
        if self.spare.take().is_some() {
            self.effects.push_back(Effect::DropSpare);
        }
    }
}
