//! From the beginning of an attempt to its transport, and the standby transport beside a connection.

use core::net::Ipv6Addr;

use snapback_proto::error::ConnectionError;
use snapback_proto::escalation::Failures;
use snapback_proto::knowledge::SmSession;
use snapback_proto::plan::Purpose;
use snapback_proto::time::Instant;
use snapback_resolver::{QueryReport, Resolution, ResolveError};
use snapback_store::StoredSession;
use snapback_types::endpoint::Endpoint;

use crate::link::LinkError;
use crate::link::tls::Tls;
use crate::supervisor::{self, AttemptId, Verdict};

use super::asked::{Asked, Attempted};
use super::candidates::{Abandonment, CandidateId, Dial, DialInput, LookUpId, Progress};
use super::standby::{Standby, StandbyTransport};
use super::storage;
use super::{Detour, EndReason, Engine, EngineInput, EngineOutput};

/// An attempt that has no connection yet.
#[derive(Debug)]
pub(super) struct Dialing {
    pub(super) attempt: Attempted,
    /// The address that it dials before the account's own servers.
    detour: Option<Detour>,
    dial: Dial,
}

impl Dialing {
    /// Returns the next deadline.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.dial.deadline()
    }
}

impl<T: Tls + Clone> Engine<T> {
    /// Returns the attempt for which a transport is being opened, with its purpose and the address that it dials before
    /// the account's own servers.
    pub fn dialing(&self) -> Option<(AttemptId, Purpose, Option<&Detour>)> {
        let dialing = self.dialing.as_ref()?;
        let Attempted {
            number, purpose, ..
        } = dialing.attempt;
        Some((number, purpose, dialing.detour.as_ref()))
    }

    /// Returns the dial in progress, for an attempt or for a standby transport.
    pub(super) fn dial(&self) -> Option<&Dial> {
        let beside = self.standby.as_ref().map(Standby::transport);
        match (&self.dialing, beside) {
            (Some(dialing), _) => Some(&dialing.dial),
            (None, Some(StandbyTransport::Opening(dial))) => Some(dial),
            (None, _) => None,
        }
    }

    /// Starts dialing once the store is open and the stored session is known. If only the interrupted session may be
    /// resumed and there is none, the network is not used.
    pub(super) fn start_dialing(
        &mut self,
        number: AttemptId,
        purpose: Purpose,
        stored: Option<&StoredSession>,
    ) {
        let session = stored.map(|stored| &stored.session);
        let nothing = Failures::default();
        let failures = stored.map_or(&nothing, |stored| &stored.failures);
        if purpose == Purpose::ResumeOnly
            && let Err(why) = SmSession::resumable(session, failures, self.now.wall)
        {
            let error = LinkError::Connection(ConnectionError::NoSession(why));
            return self.not_begun(number, EndReason::Link(error));
        }
        let open = self.take_standby();
        let detour = self.addresses.detour(session, self.now.wall);
        let since = open.as_ref().map_or(self.now.mono, |(since, ..)| *since);
        let attempt = Attempted {
            number,
            purpose,
            since,
            fast_open: false,
        };
        if let Some((_, candidate, endpoint)) = open {
            return self.use_transport(attempt, candidate, endpoint);
        }
        let set_back = self.addresses.set_back.addresses(self.now.mono);
        // A proxy's connection is its own.
        let is_direct = self.candidates.is_direct();
        let fast_open =
            self.core.policy.fast_open && is_direct && self.candidates.fast_open.is_on();
        self.dialing = Some(Dialing {
            attempt,
            detour: detour.clone(),
            dial: Dial::new(detour, set_back, self.now.mono).with_fast_open(fast_open),
        });
        self.dial_input(DialInput::Timeout);
    }

    /// Handles the result of a look-up or of opening a transport.
    pub(super) fn dial_progressed(&mut self, input: EngineInput<'_>) {
        match input {
            EngineInput::Found {
                id,
                endpoints,
                queries,
            } => {
                self.queried(id, &queries);
                self.dial_input(DialInput::Found(id, &endpoints));
            }
            EngineInput::LookedUp {
                id,
                answer,
                queries,
            } => {
                self.queried(id, &queries);
                self.looked_up(id, &answer);
            }
            EngineInput::Connected {
                candidate,
                is_deferred,
            } => {
                if let Some(dialing) = &mut self.dialing {
                    dialing.attempt.fast_open = is_deferred;
                }
                self.dial_input(DialInput::Connected(candidate, is_deferred));
            }
            EngineInput::ConnectFailed { candidate, failure } => {
                self.dial_input(DialInput::ConnectFailed(candidate, failure));
            }
            EngineInput::PrefixLookedUp { id, records } => {
                self.prefix_looked_up(id, records.as_deref());
            }
            _ => {}
        }
    }

    /// Passes an event to the dial in progress.
    pub(super) fn dial_input(&mut self, input: DialInput<'_>) {
        if let Some(dialing) = &mut self.dialing {
            let (candidates, outputs) = (&mut self.candidates, &mut self.outputs);
            let progress = dialing.dial.handle(input, candidates, outputs, self.now);
            self.dialed(progress);
        }
        if let Some(dial) = self.standby.as_mut().and_then(Standby::dial) {
            let (candidates, outputs) = (&mut self.candidates, &mut self.outputs);
            let progress = dial.handle(input, candidates, outputs, self.now);
            self.standby_dialed(progress);
        }
    }

    /// Handles the answer to a look-up.
    fn looked_up(&mut self, id: LookUpId, answer: &Result<Resolution, ResolveError>) {
        let (now, outputs) = (self.now, &mut self.outputs);
        if !self.candidates.handle_refresh(id, answer, now, outputs) {
            self.dial_input(DialInput::LookedUp(id, answer));
        } else if let Ok(found) = answer {
            self.dial_input(DialInput::Refreshed(&found.endpoints));
        }
    }

    /// Passes the queries of a look-up to the dial that they belong to.
    fn queried(&mut self, id: LookUpId, queries: &[QueryReport]) {
        let now = self.now.mono;
        if let Some(dialing) = &mut self.dialing {
            dialing.dial.queried(id, queries, &self.candidates, now);
        }
        if let Some(dial) = self.standby.as_mut().and_then(Standby::dial) {
            dial.queried(id, queries, &self.candidates, now);
        }
    }

    /// Handles the answer to a look-up of the translator's prefixes.
    fn prefix_looked_up(&mut self, id: LookUpId, records: Option<&[Ipv6Addr]>) {
        if let Some(prefixes) = self.candidates.prefix_looked_up(id, records) {
            self.dial_input(DialInput::Translated(&prefixes));
        }
    }

    fn dialed(&mut self, progress: Progress) {
        match progress {
            Progress::Going => {}
            Progress::Reached(candidate, endpoint) => {
                if let Some(mut dialing) = self.dialing.take() {
                    self.dial_report = dialing.dial.take_report();
                    self.use_transport(dialing.attempt, candidate, endpoint);
                }
            }
            Progress::Failed(error) => {
                if let Some(mut dialing) = self.dialing.take() {
                    self.dial_report = dialing.dial.take_report();
                    self.not_begun(dialing.attempt.number, EndReason::Dial(error));
                }
            }
        }
    }

    fn use_transport(&mut self, attempt: Attempted, candidate: CandidateId, endpoint: Endpoint) {
        let output = EngineOutput::UseTransport {
            attempt: attempt.number,
            purpose: attempt.purpose,
            candidate,
        };
        self.ask(Asked::EntropyForAttempt(attempt, endpoint), output);
    }

    /// Begins the connection on the attempt's transport. Without entropy nothing can be sent over it.
    pub(super) fn transport_ready(
        &mut self,
        attempt: Attempted,
        endpoint: Endpoint,
        seed: Option<[u8; 32]>,
    ) {
        let Some(seed) = seed else {
            self.outputs.push_back(EngineOutput::Drop);
            return self.not_begun(attempt.number, EndReason::Driver);
        };
        let output = EngineOutput::Load {
            server: endpoint.server_key(),
            begins: Some(attempt.purpose),
        };
        let asked = Asked::LoadedForAttempt {
            attempt,
            endpoint,
            seed,
        };
        self.ask(asked, output);
    }

    /// Ends an attempt before there was a connection.
    pub(super) fn not_begun(&mut self, attempt: AttemptId, reason: EndReason) {
        let verdict = match &reason {
            EndReason::Store(error) => storage::verdict(*error),
            EndReason::Link(error) => Verdict::from(error),
            _ => Verdict::RETRY,
        };
        let now = self.now.mono;
        let then = self.supervisor.after_end(attempt, Some(verdict), now);
        self.report_end(reason, then, None);
        self.token_turned_in();
        self.tell(supervisor::Input::Ended {
            attempt,
            verdict: Some(verdict),
        });
    }

    pub(super) fn stop_dialing(&mut self) {
        self.drop_standby(Abandonment::Superseded);
        if let Some(mut dialing) = self.dialing.take() {
            let why = Abandonment::AttemptOver;
            dialing.dial.abandon(why, &mut self.outputs, self.now.mono);
        }
    }
}
