//! A standby transport, while it is not yet known whether there is need of one (make before break).
//!
//! After a change of the network, or a sleep, the server is probed, and a dead path shows only by silence. So a transport is
//! opened beside the connection, a little later. If the server answers first, it is dropped; if it is open first, the probe has
//! failed, and the attempt that follows begins on it. There is one attempt and one session all the time: the new transport
//! carries nothing before the old connection has ended (rule I9).

use snapback_proto::knowledge::SmSession;
use snapback_proto::mistakes::{Mistake, planted};
use snapback_proto::time::Instant;
use snapback_types::endpoint::Endpoint;

use crate::link::LinkInput;
use crate::link::tls::Tls;
use crate::supervisor::{self, AttemptId};

use super::candidates::{Abandonment, CandidateId, Dial, Progress};
use super::storage::Asked;
use super::{Engine, EngineOutput};

/// A transport beside a connection that is being probed.
#[derive(Debug)]
pub(super) struct Standby {
    /// Beside which connection.
    beside: AttemptId,
    /// When it began to be opened.
    since: Instant,
    transport: StandbyTransport,
}

/// How far a standby transport is.
#[derive(Debug)]
pub(super) enum StandbyTransport {
    /// It is being opened.
    Opening(Dial),
    /// It is open, and the attempt that follows the connection takes it.
    Open(CandidateId, Endpoint),
}

impl Standby {
    pub(super) fn transport(&self) -> &StandbyTransport {
        &self.transport
    }

    /// What opens it, unless it is open.
    pub(super) fn dial(&mut self) -> Option<&mut Dial> {
        match &mut self.transport {
            StandbyTransport::Opening(dial) => Some(dial),
            StandbyTransport::Open(..) => None,
        }
    }

    /// When something is due by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.transport {
            StandbyTransport::Opening(dial) => dial.deadline(),
            StandbyTransport::Open(..) => None,
        }
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
        if let Some(beside) = self.standby.as_ref().map(|standby| standby.beside) {
            self.drop_standby(Abandonment::NetworkChanged);
            self.addresses.location_tried = false;
            self.open_standby(beside);
        }
    }

    fn open_standby(&mut self, beside: AttemptId) {
        self.ask(Asked::SessionForStandby(beside), EngineOutput::ReadSession);
    }

    /// The stored session is known, and with it where the server would have it resumed.
    pub(super) fn dial_standby(&mut self, beside: AttemptId, session: Option<&SmSession>) {
        let since = self.now.mono + self.supervisor.timing().head_start;
        let detour = self.addresses.location(session, self.now.wall);
        let set_back = self.addresses.set_back.addresses(self.now.mono);
        self.drop_standby(Abandonment::Superseded);
        self.standby = Some(Standby {
            beside,
            since,
            transport: StandbyTransport::Opening(Dial::new(detour, set_back, since)),
        });
    }

    /// The transport is open, or will not be. Where the server has not answered, the connection ends as if its time were up.
    pub(super) fn standby_dialed(&mut self, progress: Progress) {
        let (candidate, endpoint) = match progress {
            Progress::Going => return,
            Progress::Reached(candidate, endpoint) => (candidate, endpoint),
            // Without it the probe still has its deadline.
            Progress::Failed(_) => {
                self.standby = None;
                return;
            }
        };
        let is_probing = self.is_probing();
        let attempt = self.attempt.as_ref().map(|attempt| attempt.number);
        if let Some(standby) = &mut self.standby {
            standby.transport = StandbyTransport::Open(candidate, endpoint);
            if is_probing && attempt == Some(standby.beside) {
                self.ask_probe(self.now.mono);
                self.link_input(LinkInput::Timeout);
            } else {
                self.drop_standby(Abandonment::NotNeeded);
            }
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
            self.drop_standby(Abandonment::NotNeeded);
            self.addresses.location_tried = false;
            self.tell(supervisor::Input::Alive { attempt: probed });
        }
    }

    /// What an attempt that begins now finds open: since when it was being opened, and where it leads.
    pub(super) fn take_standby(&mut self) -> Option<(Instant, CandidateId, Endpoint)> {
        let standby = self.standby.as_ref()?;
        let open = match &standby.transport {
            StandbyTransport::Open(candidate, endpoint) => Some((*candidate, endpoint.clone())),
            StandbyTransport::Opening(dial) if planted(Mistake::StandbyNotOpen) => {
                dial.any_candidate()
            }
            StandbyTransport::Opening(_) => None,
        };
        if let Some((candidate, endpoint)) = open {
            let since = standby.since;
            self.standby = None;
            return Some((since, candidate, endpoint));
        }
        self.drop_standby(Abandonment::Superseded);
        self.addresses.location_tried = false;
        None
    }

    pub(super) fn drop_standby(&mut self, why: Abandonment) {
        match self.standby.take().map(|standby| standby.transport) {
            Some(StandbyTransport::Opening(mut dial)) => dial.abandon(why, &mut self.outputs),
            Some(StandbyTransport::Open(candidate, _)) => {
                let output = EngineOutput::AbandonConnect { candidate, why };
                self.outputs.push_back(output);
            }
            None => {}
        }
    }
}
