//! The tickets of one connection: the one that it offers, and those that it receives.
//!
//! rustls addresses a store by server name only. This adaptor stands between rustls and the shared [`TicketStore`], one
//! per connection, so that a ticket stays within its scope, is tagged with its connection, and is kept only once the
//! connection is established, that is after the certificate was verified.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::ServerName;

use crate::certificate::PeerIdentity;
use crate::context::TlsVersions;
use crate::tickets::{Ticket, TicketInfo, TicketKind, TicketScope, TicketStore, TicketValue};

/// The maximum number of tickets withheld until the verification; only a hostile server sends more.
const HELD_BACK: usize = 8;

/// The counts of the tickets of a context since it was created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TicketStats {
    /// ClientHellos that offered one.
    pub offered: u64,
    /// Handshakes that resumed.
    pub used: u64,
    /// Handshakes in which one was offered and refused.
    pub refused: u64,
    /// Tickets kept.
    pub stored: u64,
    /// Tickets in the store now.
    pub held: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    offered: AtomicU64,
    used: AtomicU64,
    refused: AtomicU64,
    stored: AtomicU64,
}

impl Counters {
    pub(crate) fn snapshot(&self, held: usize) -> TicketStats {
        TicketStats {
            offered: self.offered.load(Ordering::Relaxed),
            used: self.used.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            stored: self.stored.load(Ordering::Relaxed),
            held,
        }
    }
}

#[derive(Debug)]
pub(crate) struct ConnectionTickets {
    scope: TicketScope,
    versions: TlsVersions,
    store: Arc<dyn TicketStore>,
    counters: Arc<Counters>,
    login_proven: Arc<AtomicBool>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The ticket that rustls took for its ClientHello.
    taken: Option<TicketInfo>,
    gate: Gate,
}

#[derive(Debug)]
enum Gate {
    /// The peer is not verified yet.
    HeldBack {
        tickets: VecDeque<(TicketValue, ServerName<'static>)>,
        kx_hint: Option<NamedGroup>,
    },
    /// The connection is established with this peer.
    Open(PeerIdentity),
}

impl ConnectionTickets {
    pub(crate) fn new(
        scope: TicketScope,
        versions: TlsVersions,
        store: Arc<dyn TicketStore>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            scope,
            versions,
            store,
            counters,
            login_proven: Arc::new(AtomicBool::new(false)),
            state: Mutex::new(State {
                taken: None,
                gate: Gate::HeldBack {
                    tickets: VecDeque::new(),
                    kx_hint: None,
                },
            }),
        }
    }

    /// Returns the ticket that rustls took for the ClientHello; it may still have dropped it as expired.
    pub(crate) fn taken(&self) -> Option<TicketInfo> {
        self.state().taken.clone()
    }

    pub(crate) fn count_offered(&self) {
        self.counters.offered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_used(&self) {
        self.counters.used.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_refused(&self) {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Marks the connection as established: tickets received so far and from now on are kept.
    pub(crate) fn open(&self, identity: PeerIdentity) {
        let mut state = self.state();
        let before = std::mem::replace(&mut state.gate, Gate::Open(identity.clone()));
        drop(state);
        if let Gate::HeldBack { tickets, kx_hint } = before {
            for (value, server_name) in tickets {
                self.keep(value, server_name, &identity);
            }
            if let Some(group) = kx_hint {
                self.store.put_kx_hint(&self.scope, group);
            }
        }
    }

    pub(crate) fn login_proven(&self) {
        self.login_proven.store(true, Ordering::Release);
    }

    /// Drops everything that the shared store has in this scope.
    pub(crate) fn forget(&self) {
        self.store.forget(&self.scope);
    }

    fn keep(&self, value: TicketValue, server_name: ServerName<'static>, identity: &PeerIdentity) {
        self.counters.stored.fetch_add(1, Ordering::Relaxed);
        let ticket = Ticket {
            value,
            server_name,
            end_point: identity.end_point.clone(),
            spki_sha256: identity.spki_sha256,
            login_proven: Arc::clone(&self.login_proven),
        };
        self.store.put(&self.scope, ticket);
    }

    fn receive(&self, value: TicketValue, server_name: ServerName<'static>) {
        let mut state = self.state();
        match &mut state.gate {
            Gate::HeldBack { tickets, .. } => {
                if tickets.len() >= HELD_BACK {
                    tickets.pop_front();
                }
                tickets.push_back((value, server_name));
            }
            Gate::Open(identity) => {
                let identity = identity.clone();
                drop(state);
                self.keep(value, server_name, &identity);
            }
        }
    }

    fn take(&self, kind: TicketKind, server_name: &ServerName<'_>) -> Option<TicketValue> {
        let enabled = match kind {
            TicketKind::Tls13 => self.versions.allows_tls13(),
            TicketKind::Tls12 => self.versions.allows_tls12(),
        };
        if !enabled {
            return None;
        }
        let ticket = self.store.take(&self.scope, kind)?;
        // A ticket replaces a certificate, and that one was verified for its own name only.
        if ticket.server_name != *server_name {
            return None;
        }
        self.state().taken = Some(ticket.info());
        Some(ticket.value)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientSessionStore for ConnectionTickets {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        let mut state = self.state();
        match &mut state.gate {
            Gate::HeldBack { kx_hint, .. } => *kx_hint = Some(group),
            Gate::Open(_) => self.store.put_kx_hint(&self.scope, group),
        }
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.store.kx_hint(&self.scope)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.receive(TicketValue::Tls12(Box::new(value)), server_name);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        match self.take(TicketKind::Tls12, server_name)? {
            TicketValue::Tls12(value) => Some(*value),
            TicketValue::Tls13(_) => None,
        }
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        drop(self.store.take(&self.scope, TicketKind::Tls12));
    }

    fn insert_tls13_ticket(
        &self,
        server_name: ServerName<'static>,
        value: Tls13ClientSessionValue,
    ) {
        self.receive(TicketValue::Tls13(Box::new(value)), server_name);
    }

    fn take_tls13_ticket(
        &self,
        server_name: &ServerName<'static>,
    ) -> Option<Tls13ClientSessionValue> {
        match self.take(TicketKind::Tls13, server_name)? {
            TicketValue::Tls13(value) => Some(*value),
            TicketValue::Tls12(_) => None,
        }
    }
}
