//! Look-ups in progress and transports that are being opened.

use std::io::ErrorKind;

use snapback_engine::engine::{CandidateId, LookUpId};
use snapback_engine::link::tls::Tls;
use snapback_resolver::{Query, Resolution, ResolveError};
use snapback_types::endpoint::{Address, Endpoint, ServerAddress};

use crate::hosts::{self, Manner};
use crate::network::Time;
use crate::turns::{Failing, Place};

use super::Simulation;

/// A name that is being looked up.
pub(super) struct LookingUp {
    pub(super) id: LookUpId,
    pub(super) due: Time,
    /// What is found before the rest, and when.
    pub(super) early: Option<(Time, Vec<Endpoint>)>,
    answer: Result<Resolution, ResolveError>,
}

/// A transport that is being opened.
pub(super) struct Connecting {
    pub(super) candidate: CandidateId,
    pub(super) due: Time,
    outcome: Result<(), ErrorKind>,
}

impl<T: Tls + Clone> Simulation<'_, T> {
    pub(super) fn look_up(&mut self, id: LookUpId, servers: &[ServerAddress]) {
        let failing = self.turns.pass(Place::LookUp);
        let (wait, answer) = if let Some(failing) = failing {
            self.hosts.fails(failing == Failing::LookUpUnanswered)
        } else if self.network {
            self.hosts.look_up(servers, self.now)
        } else {
            let (query, kind) = (Query::Addresses, ErrorKind::NetworkUnreachable);
            (
                hosts::NO_NETWORK,
                Err(ResolveError::Network { query, kind }),
            )
        };
        let found = answer.as_ref().map_or(&[][..], |found| &found.endpoints);
        let early = match found {
            [first, _, ..] if wait > 0 => Some((self.now + wait / 2, vec![first.clone()])),
            _ => None,
        };
        self.look_ups.push(LookingUp {
            id,
            due: self.now + wait,
            early,
            answer,
        });
    }

    /// A look-up has found its first address.
    pub(super) fn found(&mut self, index: usize) {
        let Some(look_up) = self.look_ups.get_mut(index) else {
            return;
        };
        if let Some((_, endpoints)) = look_up.early.take() {
            let id = look_up.id;
            self.with_phone(|phone, model, coverage, now| {
                phone.found(id, endpoints, model, coverage, now);
            });
        }
    }

    pub(super) fn looked_up(&mut self, index: usize) {
        let LookingUp { id, answer, .. } = self.look_ups.remove(index);
        self.with_phone(|phone, model, coverage, now| {
            phone.looked_up(id, answer, model, coverage, now);
        });
    }

    pub(super) fn connect(&mut self, candidate: CandidateId, address: Address) {
        let failing = self.turns.pass(Place::Connect);
        let answer = if let Some(failing) = failing {
            let refused = (0, Err(ErrorKind::ConnectionRefused));
            (failing == Failing::Refused).then_some(refused)
        } else if self.network {
            self.hosts.connect(address)
        } else {
            Some((hosts::NO_NETWORK, Err(ErrorKind::NetworkUnreachable)))
        };
        let Some((wait, outcome)) = answer else {
            return;
        };
        self.connects.push(Connecting {
            candidate,
            due: (self.now + wait).max(self.stalled_until),
            outcome,
        });
    }

    pub(super) fn connected(&mut self, index: usize) {
        let Connecting {
            candidate, outcome, ..
        } = self.connects.remove(index);
        let outcome = if !self.network {
            Err(ErrorKind::NetworkUnreachable)
        } else if self.now < self.refused_until {
            Err(ErrorKind::ConnectionRefused)
        } else {
            outcome
        };
        self.with_phone(|phone, model, coverage, now| {
            phone.connected(candidate, outcome, model, coverage, now);
        });
    }

    /// The server sees a connection once it is used: before, nothing is sent over it.
    pub(super) fn used(&mut self, address: Address) {
        let manner = self.hosts.manner(address);
        if matches!(manner, Manner::Mute | Manner::HangsUp) {
            self.model.note("address", || address.addr.to_string());
            self.coverage.event("connected to another server");
            return self.accept_silently(manner);
        }
        let is_faulty = self.accept(address);
        if let Some(phone) = self.phone.as_mut().filter(|_| is_faulty) {
            phone.excuse(&mut self.model);
        }
    }
}
