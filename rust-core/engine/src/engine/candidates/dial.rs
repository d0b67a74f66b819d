//! One dial: from the known addresses to a transport, or to the reason why there is none.

use std::collections::VecDeque;

use snapback_proto::time::{Instant, Now};
use snapback_resolver::{QueryReport, Resolution, ResolveError};
use snapback_types::endpoint::{Address, Endpoint};
use snapback_types::nat64::Prefix64;

use super::super::{Detour, DialError, EngineOutput};
use super::nat64;
use super::race::{Finish, Race};
use super::report::DialReport;
use super::{Abandonment, CandidateId, Candidates, DialInput, LookUpId};

/// The progress of a dial.
#[derive(Debug)]
pub(in crate::engine) enum Progress {
    /// It is in progress.
    Going,
    /// This transport is open. All others are abandoned.
    Reached(CandidateId, Endpoint),
    /// No address led to the server.
    Failed(DialError),
}

/// Looks for one transport.
#[derive(Debug)]
pub(in crate::engine) struct Dial {
    /// The address to dial before the account's own servers.
    detour: Option<Detour>,
    /// The addresses that are set back: they are tried last, in this order.
    set_back: Vec<Address>,
    stage: DialStage,
    /// The look-up that adds addresses to the race.
    pending: Option<(LookUpId, Sought)>,
    /// IPv4 addresses that this network cannot reach, while it is not known whether it has a translator.
    untranslated: Vec<Endpoint>,
    /// When known addresses that have not responded are looked up again.
    refreshes: Option<Instant>,
    /// The first transport may be opened with TCP Fast Open: what is dialed carries data at once.
    fast_open: bool,
    report: DialReport,
}

/// The stage of a dial.
#[derive(Debug)]
pub(in crate::engine) enum DialStage {
    /// It begins at this time.
    Delayed(Instant),
    /// Names are being looked up.
    LookingUp(LookUpId, Sought),
    /// Addresses are being connected to.
    Racing(Box<Race>, List),
    /// It has ended.
    Over,
}

/// Which servers are being looked up.
#[derive(Debug)]
pub(in crate::engine) enum Sought {
    Detour,
    /// The account's own servers. If the look-up fails, these endpoints are raced, if there are any.
    Own {
        otherwise: Option<Vec<Endpoint>>,
    },
}

/// Which addresses are being raced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum List {
    Detour,
    /// Those of an earlier look-up.
    Cached,
    /// The last ones: no others are known.
    Last,
}

impl Dial {
    /// Returns a dial that begins at this time.
    pub(in crate::engine) fn new(
        detour: Option<Detour>,
        set_back: Vec<Address>,
        begins: Instant,
    ) -> Self {
        Self {
            detour,
            set_back,
            stage: DialStage::Delayed(begins),
            pending: None,
            untranslated: Vec::new(),
            refreshes: None,
            fast_open: false,
            report: DialReport::default(),
        }
    }

    /// Allows TCP Fast Open for the first transport (rule S13).
    pub(in crate::engine) fn with_fast_open(self, fast_open: bool) -> Self {
        Self { fast_open, ..self }
    }

    /// Returns what was asked and dialed until now, and forgets it.
    pub(in crate::engine) fn take_report(&mut self) -> DialReport {
        std::mem::take(&mut self.report)
    }

    /// Records the queries of a look-up: its own one, or one that runs beside its race.
    pub(in crate::engine) fn queried(
        &mut self,
        id: LookUpId,
        queries: &[QueryReport],
        candidates: &Candidates,
        now: Instant,
    ) {
        let is_own = match self.stage {
            DialStage::LookingUp(own, _) => own == id,
            DialStage::Racing(..) => is_of(&self.pending, id) || candidates.refresh == Some(id),
            DialStage::Delayed(_) | DialStage::Over => false,
        };
        if is_own {
            self.report.queried(queries, now);
        }
    }

    pub(in crate::engine) fn stage(&self) -> &DialStage {
        &self.stage
    }

    /// Returns the next deadline.
    pub(in crate::engine) fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            DialStage::Delayed(when) => Some(*when),
            DialStage::Racing(race, _) => {
                Some(self.refreshes.map_or(race.due(), |it| it.min(race.due())))
            }
            DialStage::LookingUp(..) | DialStage::Over => None,
        }
    }

    /// Handles an input, and adds what is to be done to the outputs. Inputs that belong to another dial change nothing.
    pub(in crate::engine) fn handle(
        &mut self,
        input: DialInput<'_>,
        candidates: &mut Candidates,
        outputs: &mut VecDeque<EngineOutput>,
        now: Now,
    ) -> Progress {
        match (&mut self.stage, input) {
            (DialStage::Delayed(when), DialInput::Timeout) if *when <= now.mono => {
                return self.start(candidates, outputs, now);
            }
            (DialStage::LookingUp(sought, _), DialInput::LookedUp(id, answer)) if *sought == id => {
                return self.looked_up(answer, candidates, outputs, now);
            }
            (DialStage::LookingUp(sought, _), DialInput::Found(id, found)) if *sought == id => {
                return self.found_first(found, candidates, outputs, now);
            }
            (DialStage::Racing(race, _), DialInput::Found(id, found))
                if is_of(&self.pending, id) =>
            {
                race.join(found, &self.set_back, now.mono);
            }
            (DialStage::Racing(..), DialInput::LookedUp(id, answer))
                if is_of(&self.pending, id) =>
            {
                self.found_all(answer, candidates, outputs, now);
            }
            (DialStage::Racing(race, list @ List::Cached), DialInput::Refreshed(found)) => {
                race.join(found, &self.set_back, now.mono);
                *list = List::Last;
            }
            (DialStage::Racing(race, _), DialInput::Connected(id, is_deferred)) => {
                if let Some(round_trip) = race.connected(id, now.mono).filter(|_| !is_deferred) {
                    candidates.measured(round_trip);
                }
            }
            (DialStage::Racing(race, _), DialInput::ConnectFailed(id, failure)) => {
                if let Some(endpoint) = race.failed(id, failure, now.mono)
                    && nat64::has_no_way(endpoint, failure)
                {
                    self.untranslated.push(endpoint.clone());
                    if let Some(prefixes) = candidates.prefixes(outputs) {
                        self.translate(&prefixes, now);
                    }
                }
            }
            (DialStage::Racing(..), DialInput::Translated(prefixes)) => {
                self.translate(prefixes, now);
            }
            (DialStage::Racing(..), DialInput::Timeout) => {
                if self.refreshes.take_if(|when| *when <= now.mono).is_some() {
                    candidates.refresh_now(outputs);
                }
            }
            _ => return Progress::Going,
        }
        self.poll(candidates, outputs, now)
    }

    /// Abandons what is in progress.
    pub(in crate::engine) fn abandon(
        &mut self,
        why: Abandonment,
        outputs: &mut VecDeque<EngineOutput>,
        now: Instant,
    ) {
        self.abandon_pending(outputs);
        match &mut self.stage {
            DialStage::LookingUp(id, _) => outputs.push_back(EngineOutput::AbandonLookUp(*id)),
            DialStage::Racing(race, _) => race.abandon(why, outputs, now),
            DialStage::Delayed(_) | DialStage::Over => {}
        }
        self.stage = DialStage::Over;
    }

    fn abandon_pending(&mut self, outputs: &mut VecDeque<EngineOutput>) {
        if let Some((id, _)) = self.pending.take() {
            outputs.push_back(EngineOutput::AbandonLookUp(id));
        }
    }

    fn start(
        &mut self,
        candidates: &mut Candidates,
        outputs: &mut VecDeque<EngineOutput>,
        now: Now,
    ) -> Progress {
        match self.detour.take() {
            Some(detour) => {
                let servers = std::slice::from_ref(&detour.address);
                if let Some(endpoints) = candidates.unresolved(servers) {
                    return self.race(endpoints, List::Detour, candidates, outputs, now);
                }
                let id = candidates.look_up(vec![detour.address], outputs);
                self.stage = DialStage::LookingUp(id, Sought::Detour);
                Progress::Going
            }
            None => self.own_servers(candidates, outputs, now),
        }
    }

    /// Dials the account's own servers. Cached endpoints are used first and refreshed meanwhile; if all of them fail,
    /// they are replaced (rule S10).
    fn own_servers(
        &mut self,
        candidates: &mut Candidates,
        outputs: &mut VecDeque<EngineOutput>,
        now: Now,
    ) -> Progress {
        if let Some(endpoints) = candidates.unresolved_own() {
            return self.race(endpoints, List::Last, candidates, outputs, now);
        }
        match candidates.cached(now.wall) {
            // None of them led to a login. If the look-up fails, they are tried again.
            Some(cached) if self.are_set_back(&cached.endpoints) => {
                self.look_up_own(Some(cached.endpoints), candidates, outputs)
            }
            Some(cached) => {
                candidates.start_refresh(&cached, outputs);
                self.refreshes = Some(now.mono + candidates.response_timeout());
                self.race(cached.endpoints, List::Cached, candidates, outputs, now)
            }
            None => self.look_up_own(None, candidates, outputs),
        }
    }

    fn are_set_back(&self, endpoints: &[Endpoint]) -> bool {
        let mut endpoints = endpoints.iter();
        endpoints.all(|endpoint| self.set_back.contains(&endpoint.address()))
    }

    fn look_up_own(
        &mut self,
        otherwise: Option<Vec<Endpoint>>,
        candidates: &mut Candidates,
        outputs: &mut VecDeque<EngineOutput>,
    ) -> Progress {
        let id = candidates.look_up_own(outputs);
        self.stage = DialStage::LookingUp(id, Sought::Own { otherwise });
        Progress::Going
    }

    fn looked_up(
        &mut self,
        answer: &Result<Resolution, ResolveError>,
        candidates: &mut Candidates,
        outputs: &mut VecDeque<EngineOutput>,
        now: Now,
    ) -> Progress {
        let stage = std::mem::replace(&mut self.stage, DialStage::Over);
        let DialStage::LookingUp(_, sought) = stage else {
            return Progress::Going;
        };
        match (sought, answer) {
            (Sought::Detour, Ok(found)) => {
                let endpoints = found.endpoints.clone();
                self.race(endpoints, List::Detour, candidates, outputs, now)
            }
            (Sought::Detour, Err(_)) => self.own_servers(candidates, outputs, now),
            (Sought::Own { .. }, Ok(found)) => {
                candidates.keep(found.clone(), now.wall, outputs);
                let endpoints = found.endpoints.clone();
                self.race(endpoints, List::Last, candidates, outputs, now)
            }
            (Sought::Own { otherwise }, Err(error)) => match otherwise {
                Some(endpoints) => self.race(endpoints, List::Last, candidates, outputs, now),
                None => Progress::Failed(DialError::Resolve(*error)),
            },
        }
    }

    /// Begins a race with what a look-up has found until now. Addresses that are set back wait for others.
    fn found_first(
        &mut self,
        found: &[Endpoint],
        candidates: &mut Candidates,
        outputs: &mut VecDeque<EngineOutput>,
        now: Now,
    ) -> Progress {
        if self.are_set_back(found) {
            return Progress::Going;
        }
        let stage = std::mem::replace(&mut self.stage, DialStage::Over);
        let DialStage::LookingUp(id, sought) = stage else {
            return Progress::Going;
        };
        let list = match sought {
            Sought::Detour => List::Detour,
            Sought::Own { .. } => List::Last,
        };
        let fast_open = std::mem::take(&mut self.fast_open);
        let race = Race::begin(found.to_vec(), &self.set_back, now.mono).with_fast_open(fast_open);
        self.pending = Some((id, sought));
        self.stage = DialStage::Racing(Box::new(race), list);
        self.poll(candidates, outputs, now)
    }

    /// Adds the last addresses of a look-up to its race.
    fn found_all(
        &mut self,
        answer: &Result<Resolution, ResolveError>,
        candidates: &mut Candidates,
        outputs: &mut VecDeque<EngineOutput>,
        now: Now,
    ) {
        let pending = self.pending.take();
        let DialStage::Racing(race, _) = &mut self.stage else {
            return;
        };
        match (pending, answer) {
            (Some((_, sought)), Ok(found)) => {
                race.join(&found.endpoints, &self.set_back, now.mono);
                if matches!(sought, Sought::Own { .. }) {
                    candidates.keep(found.clone(), now.wall, outputs);
                }
            }
            (Some((_, Sought::Own { otherwise })), Err(_)) => {
                let otherwise = otherwise.unwrap_or_default();
                race.join(&otherwise, &self.set_back, now.mono);
            }
            (Some((_, Sought::Detour)) | None, _) => {}
        }
    }

    /// Adds the addresses through the translator to the race.
    fn translate(&mut self, prefixes: &[Prefix64], now: Now) {
        let unreachable = std::mem::take(&mut self.untranslated);
        if let DialStage::Racing(race, _) = &mut self.stage {
            let translated = nat64::translated(&unreachable, prefixes);
            race.join(&translated, &self.set_back, now.mono);
        }
    }

    fn race(
        &mut self,
        endpoints: Vec<Endpoint>,
        list: List,
        candidates: &mut Candidates,
        outputs: &mut VecDeque<EngineOutput>,
        now: Now,
    ) -> Progress {
        let fast_open = std::mem::take(&mut self.fast_open);
        let race = Race::begin(endpoints, &self.set_back, now.mono).with_fast_open(fast_open);
        self.stage = DialStage::Racing(Box::new(race), list);
        self.poll(candidates, outputs, now)
    }

    fn poll(
        &mut self,
        candidates: &mut Candidates,
        outputs: &mut VecDeque<EngineOutput>,
        now: Now,
    ) -> Progress {
        let DialStage::Racing(race, list) = &mut self.stage else {
            return Progress::Going;
        };
        let list = *list;
        race.expect_more(self.pending.is_some() || !self.untranslated.is_empty());
        let finish = race.poll(candidates, outputs, now.mono);
        if !matches!(finish, Finish::Going) {
            self.report.raced(race.take_log());
            self.refreshes = None;
        }
        match finish {
            Finish::Going => return Progress::Going,
            Finish::Won(candidate, endpoint) => {
                match self.pending.take() {
                    Some((id, Sought::Own { .. })) => candidates.continue_as_refresh(id, outputs),
                    Some((id, Sought::Detour)) => {
                        outputs.push_back(EngineOutput::AbandonLookUp(id));
                    }
                    None => {}
                }
                self.stage = DialStage::Over;
                return Progress::Reached(candidate, endpoint);
            }
            Finish::Lost(_) => self.abandon_pending(outputs),
        }
        match finish {
            Finish::Lost(_) if list == List::Detour => self.own_servers(candidates, outputs, now),
            Finish::Lost(_) if list == List::Cached => self.look_up_own(None, candidates, outputs),
            Finish::Lost(error) => {
                self.stage = DialStage::Over;
                Progress::Failed(error)
            }
            Finish::Going | Finish::Won(..) => Progress::Going,
        }
    }
}

fn is_of(pending: &Option<(LookUpId, Sought)>, id: LookUpId) -> bool {
    pending.as_ref().is_some_and(|(pending, _)| *pending == id)
}
