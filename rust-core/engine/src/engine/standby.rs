//! A standby transport, opened while it is not yet known whether it is needed (make-before-break).
//!
//! After a change of the network or a suspension the server is probed, and a dead path shows only by the lack of a
//! response. So a transport is opened beside the connection, after a short delay. If the server responds first, the
//! standby transport is dropped. If the standby transport is open first, the probe has failed, and the next attempt
//! begins on it. There is only one attempt and one session at any time: the new transport carries nothing before the
//! old connection has ended (rule I9).

use snapback_proto::knowledge::SmSession;
use snapback_proto::time::Instant;
use snapback_types::endpoint::Endpoint;

use crate::link::LinkInput;
use crate::link::tls::Tls;
use crate::supervisor::{self, AttemptId};

use super::asked::Asked;
use super::candidates::{Abandonment, CandidateId, Dial, Progress};
use super::{Engine, EngineOutput};

/// A transport beside a connection that is being probed.
#[derive(Debug)]
pub(super) struct Standby {
    /// The connection that is being probed.
    beside: AttemptId,
    /// When it began to be opened.
    since: Instant,
    transport: StandbyTransport,
}

/// The progress of a standby transport.
#[derive(Debug)]
pub(super) enum StandbyTransport {
    /// It is being opened.
    Opening(Box<Dial>),
    /// It is open; the attempt after the connection uses it.
    Open(CandidateId, Endpoint),
}

impl Standby {
    pub(super) fn transport(&self) -> &StandbyTransport {
        &self.transport
    }

    /// Returns the dial that opens it, unless it is open.
    pub(super) fn dial(&mut self) -> Option<&mut Dial> {
        match &mut self.transport {
            StandbyTransport::Opening(dial) => Some(dial),
            StandbyTransport::Open(..) => None,
        }
    }

    /// Returns the next deadline.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.transport {
            StandbyTransport::Opening(dial) => dial.deadline(),
            StandbyTransport::Open(..) => None,
        }
    }
}

impl<T: Tls + Clone> Engine<T> {
    /// Sends a liveness probe, and opens a standby transport meanwhile.
    pub(super) fn probe(&mut self, beside: AttemptId, deadline: Instant) {
        self.ask_probe(deadline);
        if self.is_probing() {
            self.probed = Some(beside);
            self.open_standby(beside);
        }
    }

    /// Opens the standby transport anew after a network change: what was being opened on the previous network may lead
    /// nowhere.
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

    /// Begins to open the standby transport once the stored session is known, which names where the server prefers it
    /// to be resumed.
    pub(super) fn dial_standby(&mut self, beside: AttemptId, session: Option<&SmSession>) {
        let since = self.now.mono + self.supervisor.timing().head_start;
        let detour = self.addresses.location(session, self.now.wall);
        let set_back = self.addresses.set_back.addresses(self.now.mono);
        self.drop_standby(Abandonment::Superseded);
        self.standby = Some(Standby {
            beside,
            since,
            transport: StandbyTransport::Opening(Box::new(Dial::new(detour, set_back, since))),
        });
    }

    /// Handles the progress of the standby transport. If it is open and the server has not responded, the connection
    /// ends as if the probe had timed out.
    pub(super) fn standby_dialed(&mut self, progress: Progress) {
        let (candidate, endpoint) = match progress {
            Progress::Going => return,
            Progress::Reached(candidate, endpoint) => (candidate, endpoint),
            // Without a standby transport the probe still has its deadline.
            Progress::Failed(_) => {
                self.standby = None;
                return;
            }
        };
        let is_probing = self.is_probing();
        let attempt = self.attempt.as_ref().map(|attempt| attempt.number);
        if let Some(standby) = &mut self.standby {
            if let Some(dial) = standby.dial() {
                self.dial_report = dial.take_report();
            }
            standby.transport = StandbyTransport::Open(candidate, endpoint);
            if is_probing && attempt == Some(standby.beside) {
                self.ask_probe(self.now.mono);
                self.link_input(LinkInput::Timeout);
            } else {
                self.drop_standby(Abandonment::NotNeeded);
            }
        }
    }

    /// Reports a probe response to the supervisor, and drops the standby transport, which is not needed.
    pub(super) fn note_probe_answered(&mut self) {
        let Some(probed) = self.probed else { return };
        let is_there = self.attempt.as_ref().map(|attempt| attempt.number) == Some(probed);
        if is_there && self.is_probing() {
            return;
        }
        self.probed = None;
        // If it is gone, the next attempt uses the transport, if that is open.
        if is_there {
            self.drop_standby(Abandonment::NotNeeded);
            self.addresses.location_tried = false;
            self.tell(supervisor::Input::Alive { attempt: probed });
        }
    }

    /// Returns the open standby transport for an attempt that begins now: when it began to be opened, and where it
    /// leads.
    pub(super) fn take_standby(&mut self) -> Option<(Instant, CandidateId, Endpoint)> {
        let standby = self.standby.as_ref()?;
        let open = match &standby.transport {
            StandbyTransport::Open(candidate, endpoint) => Some((*candidate, endpoint.clone())),
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
            Some(StandbyTransport::Opening(mut dial)) => {
                dial.abandon(why, &mut self.outputs, self.now.mono);
            }
            Some(StandbyTransport::Open(candidate, _)) => {
                let output = EngineOutput::AbandonConnect { candidate, why };
                self.outputs.push_back(output);
            }
            None => {}
        }
    }
}
