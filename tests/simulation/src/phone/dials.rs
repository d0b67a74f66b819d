//! The engine's requests to the network before there is a connection.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use snapback_engine::engine::{Abandonment, CandidateId, ConnectFailure, DetourReason, LookUpId};
use snapback_engine::link::tls::Tls;
use snapback_engine::supervisor::AttemptId;
use snapback_engine::{EngineInput, EngineOutput};
use snapback_proto::plan::Purpose;
use snapback_proto::time::UnixTime;
use snapback_resolver::{Resolution, ResolveError};
use snapback_types::endpoint::{Address, Endpoint, KnownEndpoints, ServerKey};

use crate::coverage::Coverage;
use crate::model::Model;
use crate::network::Time;

use super::{Effect, Phone};

/// Transports that no attempt uses yet.
#[derive(Debug, Default)]
pub(super) struct Dials {
    connecting: BTreeMap<CandidateId, Address>,
    open: BTreeMap<CandidateId, Address>,
    /// The last attempt that was seen.
    attempt: Option<AttemptId>,
    /// It has dialed the account's own servers.
    has_dialed: bool,
    /// It has queried the DNS for them.
    has_asked: bool,
    /// Look-ups of them that are not answered yet.
    asking: BTreeSet<LookUpId>,
    /// The last answer of the DNS for them, or the one that the previous process stored.
    known: Vec<Address>,
    /// The time during which that is valid.
    holds: Option<(UnixTime, UnixTime)>,
    /// One of them led to no login since.
    is_doubtful: bool,
}

impl<T: Tls + Clone> Phone<T> {
    /// Carries out the engine's requests to the network.
    pub(super) fn dial(
        &mut self,
        output: EngineOutput,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        match output {
            EngineOutput::LookUp { id, servers } => {
                if servers.is_empty() {
                    self.dials.asking.insert(id);
                    self.dials.has_asked = true;
                }
                self.effects.push_back(Effect::LookUp(id, servers));
            }
            EngineOutput::LookUpPrefix { id } => {
                // No simulated network has a translator.
                let records = Some(Vec::new());
                self.input(EngineInput::PrefixLookedUp { id, records }, model, now);
            }
            EngineOutput::AbandonLookUp(id) => {
                self.dials.asking.remove(&id);
                self.effects.push_back(Effect::AbandonLookUp(id));
            }
            EngineOutput::Connect {
                candidate, address, ..
            } => {
                self.check_first(address, model, now);
                self.dials.connecting.insert(candidate, address);
                self.effects.push_back(Effect::Connect(candidate, address));
            }
            EngineOutput::AbandonConnect { candidate, why } => {
                match why {
                    Abandonment::NotNeeded => coverage.event("standby not needed"),
                    Abandonment::RaceLost => coverage.event("race lost"),
                    Abandonment::TimedOut => coverage.event("no address answered"),
                    _ => {}
                }
                self.dials.connecting.remove(&candidate);
                self.dials.open.remove(&candidate);
                self.effects.push_back(Effect::AbandonConnect(candidate));
            }
            EngineOutput::UseTransport {
                attempt,
                purpose,
                candidate,
            } => {
                if self.dials.attempt != Some(attempt) {
                    coverage.event("standby taken");
                    self.attempt_starts(attempt, purpose, None, model, coverage);
                }
                self.use_transport(candidate, model);
                let seed = Some(self.random.seed());
                self.input(EngineInput::TransportReady { seed }, model, now);
            }
            _ => {}
        }
    }

    fn check_first(&mut self, address: Address, model: &mut Model, now: Time) {
        let dials = &mut self.dials;
        if !dials.known.contains(&address) || std::mem::replace(&mut dials.has_dialed, true) {
            return;
        }
        let now = self.clock.now(now);
        self.app.dials(address, &dials.known, now.mono, model);
        let is_asked = dials.has_asked || !dials.asking.is_empty();
        let has_expired = |(from, until)| !(from..until).contains(&now.wall);
        if dials.holds.is_some_and(has_expired) && !is_asked {
            model.broken("S10", || {
                "an expired answer is not looked up again".to_owned()
            });
        } else if dials.is_doubtful && !is_asked {
            model.broken("S10", || {
                "an answer that led to no login is not looked up again".to_owned()
            });
        }
    }

    /// Notes the DNS's answer for the account's own servers.
    pub(super) fn knows(&mut self, known: &KnownEndpoints) {
        self.dials.known = known.endpoints.iter().map(Endpoint::address).collect();
        self.dials.holds = Some((known.stored_at, known.expires_at));
        self.dials.is_doubtful = false;
    }

    /// A connection led to no TLS.
    pub(super) fn doubts(&mut self) {
        let failed = self.address;
        let dials = &mut self.dials;
        dials.is_doubtful |= failed.is_some_and(|failed| dials.known.contains(&failed));
    }

    fn use_transport(&mut self, candidate: CandidateId, model: &mut Model) {
        let open = self.dials.open.remove(&candidate);
        if open.is_none() {
            model.broken("I9", || {
                "an attempt begins on a standby transport that is not open".to_owned()
            });
        } else if !self.dials.open.is_empty() || !self.dials.connecting.is_empty() {
            model.broken("S6", || {
                "another transport is on its way when a login begins".to_owned()
            });
        }
        let address = open.or_else(|| self.dials.connecting.remove(&candidate));
        if let Some(address) = address {
            self.address = Some(address);
            self.effects.push_back(Effect::Use(address));
        }
    }

    /// Notes an attempt that the engine has begun since the last call.
    pub(super) fn notice_attempt(&mut self, model: &mut Model, coverage: &mut Coverage) {
        let Some((number, purpose, detour)) = self.engine.dialing() else {
            return;
        };
        if self.dials.attempt != Some(number) {
            let why = detour.map(|detour| detour.why);
            self.attempt_starts(number, purpose, why, model, coverage);
        }
    }

    /// Checks the rules about when attempts are made, and to which addresses.
    fn attempt_starts(
        &mut self,
        number: AttemptId,
        purpose: Purpose,
        detour: Option<DetourReason>,
        model: &mut Model,
        coverage: &mut Coverage,
    ) {
        self.dials.attempt = Some(number);
        model.attempt_started(model.now() + self.clock.mono);
        self.dials.has_dialed = false;
        self.dials.has_asked = false;
        if self.wire.is_some() {
            model.broken("I9", || "two attempts at a time".to_owned());
        }
        match detour {
            Some(DetourReason::SeeOtherHost) => coverage.event("see-other-host"),
            Some(DetourReason::Location) => coverage.event("location"),
            None => {}
        }
        let is_redirected = detour == Some(DetourReason::SeeOtherHost);
        self.app.starts(purpose, is_redirected, model);
    }

    /// A connection is about to begin with this server.
    pub(super) fn reached(
        &mut self,
        server: ServerKey,
        model: &mut Model,
        coverage: &mut Coverage,
    ) {
        if server != self.server {
            // What is stored for one server is not stored for the other.
            model.server_forgotten = true;
            coverage.event("other host");
        }
        self.server = server;
    }

    // -- what happens

    pub(crate) fn found(
        &mut self,
        id: LookUpId,
        endpoints: Vec<Endpoint>,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        coverage.event("first address found");
        let input = EngineInput::Found {
            id,
            endpoints,
            queries: Vec::new(),
        };
        self.happens(input, model, coverage, now);
    }

    pub(crate) fn looked_up(
        &mut self,
        id: LookUpId,
        answer: Result<Resolution, ResolveError>,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        self.dials.asking.remove(&id);
        if answer.is_err() {
            coverage.event("look-up failed");
        }
        let input = EngineInput::LookedUp {
            id,
            answer,
            queries: Vec::new(),
        };
        self.happens(input, model, coverage, now);
    }

    /// A transport is open, or has failed.
    pub(crate) fn connected(
        &mut self,
        candidate: CandidateId,
        outcome: Result<(), io::ErrorKind>,
        model: &mut Model,
        coverage: &mut Coverage,
        now: Time,
    ) {
        let address = self.dials.connecting.remove(&candidate);
        let input = match (outcome, address) {
            (Ok(()), Some(address)) => {
                self.dials.open.insert(candidate, address);
                EngineInput::Connected {
                    candidate,
                    is_deferred: false,
                }
            }
            (Ok(()), None) => return,
            (Err(kind), _) => EngineInput::ConnectFailed {
                candidate,
                failure: ConnectFailure::Network(kind),
            },
        };
        self.happens(input, model, coverage, now);
    }
}
