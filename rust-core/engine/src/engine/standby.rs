//! A standby transport, while it is not yet known whether there is need of one (make before break).
//!
//! After a change of the network, or a sleep, the server is probed, and a dead path shows only by silence. So a transport is
//! opened beside the connection, a little later. If the server answers first, it is dropped; if it is open first, the probe has
//! failed, and the attempt that follows begins on it. There is one attempt and one session all the time: the new transport
//! carries nothing before the old connection has ended (rule I9).

use snapback_proto::knowledge::SmSession;
use snapback_proto::mistakes::{Mistake, planted};
use snapback_proto::time::Instant;
use snapback_store::ServerKey;

use crate::link::LinkInput;
use crate::link::tls::Tls;
use crate::supervisor::{self, AttemptId};

use super::storage::Asked;
use super::{Engine, EngineOutput, StandbyEnd};

/// A transport beside a connection that is being probed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standby {
    /// Beside which connection.
    beside: AttemptId,
    /// When it began to be opened.
    since: Instant,
    phase: StandbyPhase,
}

/// How far a standby transport is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StandbyPhase {
    /// It is being opened.
    Opening,
    /// It is open, and the attempt that follows the connection takes it.
    Open,
}

impl Standby {
    pub(super) fn phase(&self) -> StandbyPhase {
        self.phase
    }
}

impl<T: Tls + Clone> Engine<T> {
    /// Asks the server whether it is there, and opens a transport meanwhile.
    pub(super) fn probe(&mut self, beside: AttemptId, deadline: Instant) {
        self.ask_probe(deadline);
        if self.is_probing() {
            self.probed = Some(beside);
            self.open_standby(beside);
        }
    }

    /// Another network: what was being opened on the one before may lead nowhere.
    pub(super) fn renew_standby(&mut self) {
        if let Some(standby) = self.standby {
            self.drop_standby(StandbyEnd::NetworkChanged);
            self.addresses.location_tried = false;
            self.open_standby(standby.beside);
        }
    }

    fn open_standby(&mut self, beside: AttemptId) {
        self.ask(Asked::SessionForStandby(beside), EngineOutput::ReadSession);
    }

    /// The stored session is known, and with it where the server would have it resumed.
    pub(super) fn dial_standby(&mut self, beside: AttemptId, session: Option<&SmSession>) {
        let delay = self.supervisor.timing().head_start;
        let detour = self.addresses.location(session, self.now.wall);
        let set_back = self.addresses.set_back.addresses(self.now.mono);
        self.standby = Some(Standby {
            beside,
            since: self.now.mono + delay,
            phase: StandbyPhase::Opening,
        });
        self.outputs.push_back(EngineOutput::DialStandby {
            delay,
            detour,
            set_back,
        });
    }

    /// The transport is open, or will not be. Where the server has not answered, the connection ends as if its time were up.
    pub(super) fn standby_dialed(&mut self, server: Option<ServerKey>) {
        // Without it the probe still has its deadline.
        let (Some(standby), Some(_)) = (self.standby.take(), server) else {
            return;
        };
        let is_probing = |number| self.attempt.as_ref().map(|attempt| attempt.number) == number;
        if self.is_probing() && is_probing(Some(standby.beside)) {
            self.ask_probe(self.now.mono);
            self.link_input(LinkInput::Timeout);
            self.standby = Some(Standby {
                phase: StandbyPhase::Open,
                ..standby
            });
        } else {
            let why = StandbyEnd::NotNeeded;
            self.outputs.push_back(EngineOutput::DropStandby(why));
        }
    }

    /// The server has answered: the supervisor is told, and the standby transport is not needed.
    pub(super) fn note_probe_answered(&mut self) {
        let Some(probed) = self.probed else { return };
        let is_there = self.attempt.as_ref().map(|attempt| attempt.number) == Some(probed);
        if is_there && self.is_probing() {
            return;
        }
        self.probed = None;
        // Otherwise the attempt that follows it takes the transport, if it is open.
        if is_there {
            self.drop_standby(StandbyEnd::NotNeeded);
            self.addresses.location_tried = false;
            self.tell(supervisor::Input::Alive { attempt: probed });
        }
    }

    /// What an attempt that begins now finds open: since when it was being opened.
    pub(super) fn take_standby(&mut self) -> Option<Instant> {
        let standby = self.standby?;
        if standby.phase == StandbyPhase::Open || planted(Mistake::StandbyNotOpen) {
            self.standby = None;
            return Some(standby.since);
        }
        self.drop_standby(StandbyEnd::Superseded);
        self.addresses.location_tried = false;
        None
    }

    pub(super) fn drop_standby(&mut self, why: StandbyEnd) {
        if self.standby.take().is_some() {
            self.outputs.push_back(EngineOutput::DropStandby(why));
        }
    }
}
